// Command bench measures Trellis beside what it can be compared with, in one run, and prints one table. It starts all that it
// measures, on loopback and in namespaces that Trellis makes for it, ends it again, and keeps nothing but the peers that it
// fetched. Everything it does is bounded in count and time.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"trellis/bench/peer"
	"trellis/bench/process"
	"trellis/bench/report"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == roleArgument {
		if err := play(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var o options
	var only string
	flag.StringVar(&only, "run", "", "regular expression: measure only the parts whose name it matches")
	flag.BoolVar(&o.quick, "quick", false, "measure so briefly that the figures mean little: to see that everything runs")
	flag.BoolVar(&o.profile, "profile", false, "keep a processor profile of the proxy")
	flag.StringVar(&o.trellis, "trellis", "bin/trellis", "the server's program")
	flag.StringVar(&o.function, "function", "bin/bench-function", "the Go function that is invoked")
	flag.StringVar(&o.zone, "zone", "examples/landing-zone", "directory of the landing zone, built")
	flag.StringVar(&o.shelf, "peers", "bin/peers", "directory to keep peers in")
	flag.StringVar(&o.document, "o", "", "document to write the run into")
	flag.StringVar(&o.json, "json", "", "file to write the figures to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := o.run(ctx, only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	quick, profile                                      bool
	trellis, function, zone, shelf, document, json, dir string
}

// bench is one run.
type bench struct {
	options
	self     string
	peers    *peer.Shelf
	started  []*process.Process
	versions []string
	missing  []string
	failed   []string
	figures  []report.Figure
	// disturbed are the turns of proxies that were measured again.
	disturbed report.Disturbed
	// followed is what changes cost while little is stored.
	followed *followed
}

// part is something that can be measured by itself.
type part struct {
	name    string
	measure func(*bench, context.Context) error
}

func parts() []part {
	return []part{
		{"proxy", (*bench).proxies},
		{"api", (*bench).calls},
		{"writes", (*bench).writes},
		{"start", (*bench).starts},
		{"zone", (*bench).zones},
		{"follow", (*bench).follows},
		{"repair", (*bench).repairs},
		{"scale", (*bench).scales},
		{"functions", (*bench).functions},
	}
}

// Cores of a run: one for what is measured, the other one for what asks and answers it.
const (
	subjectCore = 0
	loadCore    = 1
)

// runs is how often each figure is measured, and how long one time takes.
func (o options) runs() (int, time.Duration) {
	if o.quick {
		return 1, 300 * time.Millisecond
	}
	return 5, 2 * time.Second
}

// turns are as long as runs, in more and shorter parts: something else that has a core for some milliseconds then spoils the
// slowest answers of one part, not of a run.
func (o options) turns() (int, time.Duration) {
	rounds, long := o.runs()
	const parts = 5
	if o.quick {
		return rounds, long
	}
	return rounds * parts, long / parts
}

func (o options) run(ctx context.Context, only string) (err error) {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for _, path := range []*string{&o.trellis, &o.zone} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	// What this environment says of AWS is about another one.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	b := &bench{options: o}
	r := report.Run{When: time.Now(), Quick: o.quick, Pinned: process.Pinned()}
	if r.Machine, err = process.ThisMachine(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.peers, err = peer.NewShelf(o.shelf, b.say); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "trellis-bench-"); err != nil {
		return err
	}
	// Programs inside VPCs may be another user's to the kernel, and read what lies here.
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if r.Version, err = b.version(ctx); err != nil {
		return err
	}
	for _, p := range parts() {
		if !chosen.MatchString(p.name) || ctx.Err() != nil {
			continue
		}
		b.say("measuring %s", p.name)
		err := p.measure(b, ctx)
		err = errors.Join(err, b.stopAll())
		if err != nil {
			b.say("%s: %v", p.name, err)
			b.failed = append(b.failed, fmt.Sprintf("%s: %s", p.name, firstLine(err)))
		}
	}
	r.Took = time.Since(r.When)
	r.Figures, r.Disturbed, r.Peers, r.Missing, r.Failed = b.figures, b.disturbed, b.versions, b.missing, b.failed
	fmt.Println(r.Markdown())
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if o.document != "" {
		if err := r.Write(o.document); err != nil {
			return err
		}
	}
	if len(b.failed) > 0 {
		return fmt.Errorf("%d parts could not be measured", len(b.failed))
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// add takes a figure, of which subjects without values are left out.
func (b *bench) add(f report.Figure) {
	f.Beside = slices.DeleteFunc(f.Beside, func(s report.Sample) bool { return len(s.Values) == 0 })
	b.figures = append(b.figures, f)
	b.say("  %s", strings.TrimSpace(report.Line(f)))
}

// absent takes note of a peer that is not there, once.
func (b *bench) absent(name string, err error) {
	b.say("  %s is missing: %v", name, err)
	b.missing = append(b.missing, fmt.Sprintf("%s (%s)", name, firstLine(err)))
}

// beside takes note of the version of a peer, once.
func (b *bench) beside(version string) {
	if !slices.Contains(b.versions, version) {
		b.versions = append(b.versions, version)
	}
}

// start runs a program that ends with its part.
func (b *bench) start(p process.Program) (*process.Process, error) {
	r, err := process.Start(p)
	if err == nil {
		b.started = append(b.started, r)
	}
	return r, err
}

// stopAll ends the programs of a part, the newest first.
func (b *bench) stopAll() error {
	var errs []error
	for _, p := range slices.Backward(b.started) {
		errs = append(errs, p.Stop())
	}
	b.started = nil
	return errors.Join(errs...)
}

// version is what the server says of itself.
func (b *bench) version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, b.trellis, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", b.trellis, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// folder makes a directory of the run.
func (b *bench) folder(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}
