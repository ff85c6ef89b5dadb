// Fuzz lets every fuzz target of the module run for a while, and lets the seeds in testdata/fuzz grow by what was found. An input
// joins them if it takes the code where none of them does: to a statement of the target's package, or of one of the module's that this
// imports, which they do not reach, or not as often. The shortest are asked first. What makes a target fail is among the seeds by go test itself.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A seed is no longer than this, and a target has no more seeds.
const (
	longest = 2 << 10
	most    = 100
)

func main() {
	var r runner
	flag.DurationVar(&r.time, "for", 3*time.Second, "how long each target runs; 0 only lets the seeds grow")
	flag.BoolVar(&r.grow, "grow", false, "let the seeds grow by what was found")
	flag.IntVar(&r.parallel, "parallel", 0, "how many processes a target has; 0 is one per processor")
	only := flag.String("run", "", "only the targets whose package and name, as in internal/iam.FuzzParse, have this `pattern` in them")
	flag.Parse()
	if err := r.all(*only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// target is a fuzz target: its package, by path and by directory, its name, and the packages that are its code.
type target struct{ pkg, dir, name, code string }

type runner struct {
	time     time.Duration
	grow     bool
	parallel int
}

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// targets finds the targets of the module.
func targets() ([]target, error) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{.Dir}}|{{.Module.Path}}|{{join .Imports ","}}|{{join .TestGoFiles "|"}}|{{join .XTestGoFiles "|"}}`, "./...").Output()
	if err != nil {
		return nil, err
	}
	var all []target
	for line := range strings.Lines(string(out)) {
		part := strings.Split(strings.TrimSpace(line), "|")
		code := part[0]
		for imported := range strings.SplitSeq(part[3], ",") {
			if strings.HasPrefix(imported, part[2]+"/") {
				code += "," + imported
			}
		}
		for _, file := range part[4:] {
			text, err := os.ReadFile(filepath.Join(part[1], file))
			if err != nil || file == "" {
				continue
			}
			for _, m := range declared.FindAllSubmatch(text, -1) {
				all = append(all, target{part[0], part[1], string(m[1]), code})
			}
		}
	}
	return all, nil
}

func (r *runner) all(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := targets()
	if err != nil {
		return err
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	failed, ran := 0, 0
	for _, t := range all {
		if !pattern.MatchString(t.pkg + "." + t.name) {
			continue
		}
		ran++
		if err := r.fuzz(t); err != nil {
			failed++
			fmt.Printf("%s.%s fails:\n%v\n", t.pkg, t.name, err)
			continue
		}
		if !r.grow {
			continue
		}
		found := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", t.pkg, t.name)
		if err := t.extend(found, scratch); err != nil {
			return fmt.Errorf("%s.%s: %w", t.pkg, t.name, err)
		}
	}
	if ran == 0 {
		return errors.New("there is no such target")
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d targets fail", failed, ran)
	}
	return nil
}

func (r *runner) fuzz(t target) error {
	if r.time == 0 {
		return nil
	}
	args := []string{"test", "-run", "^$", "-fuzz", "^" + t.name + "$", "-fuzztime", r.time.String()}
	if r.parallel > 0 {
		args = append(args, "-parallel", strconv.Itoa(r.parallel))
	}
	for try := 0; ; try++ {
		out, err := exec.Command("go", append(args, t.pkg)...).CombinedOutput()
		if err == nil {
			return nil
		}
		if try == 2 || !overtaken(string(out)) {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
}

var ended = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \([\d.]+s\)\n {4}context deadline exceeded\n(?:FAIL|$)`)

// overtaken is whether the end of a run's time came between two steps of Go's fuzzing, which then takes the end itself for a failure:
// https://go.dev/issue/75804, mended in Go 1.27. Such a run has found nothing, and says as little, so the target runs again.
func overtaken(out string) bool {
	return ended.MatchString(out) && !strings.Contains(out, "Failing input written")
}

// extend lets what lies in a directory join the target's seeds, where it brings something.
func (t target) extend(found, scratch string) error {
	inputs, err := readable(found)
	if err != nil || len(inputs) == 0 {
		return err
	}
	program := filepath.Join(scratch, strings.ReplaceAll(t.pkg, "/", "."))
	if _, err := os.Stat(program); err != nil {
		if out, err := exec.Command("go", "test", "-c", "-covermode=count", "-coverpkg="+t.code, "-o", program, t.pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	seeds := filepath.Join(t.dir, "testdata", "fuzz", t.name)
	if err := os.MkdirAll(seeds, 0o755); err != nil {
		return err
	}
	defer os.Remove(seeds) // unless there is something in it
	had, err := os.ReadDir(seeds)
	if err != nil {
		return err
	}
	// Seeds are run one by one: what they do together is nothing that an input is to be measured by.
	names, err := t.seeds(program)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, name := range names {
		reached, err := t.reach(program, name)
		if err != nil {
			return err
		}
		for at := range reached {
			known[at] = true
		}
	}
	n := len(had)
	for _, in := range inputs {
		if n == most {
			break
		}
		path := filepath.Join(seeds, in.name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.WriteFile(path, in.text, 0o644); err != nil {
			return err
		}
		reached, err := t.reach(program, in.name)
		if err != nil {
			return err
		}
		before := len(known)
		for at := range reached {
			known[at] = true
		}
		if len(known) > before {
			n++
		} else if err := os.Remove(path); err != nil {
			return err
		}
	}
	fmt.Printf("%s.%s: %d of %d inputs join %d seeds\n", t.pkg, t.name, n-len(had), len(inputs), len(names))
	return nil
}

type input struct {
	name string
	text []byte
}

// readable are the inputs in a directory that are short enough, the shortest first.
func readable(dir string) ([]input, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var all []input
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		if len(text) <= longest {
			all = append(all, input{f.Name(), text})
		}
	}
	slices.SortStableFunc(all, func(a, b input) int { return cmp.Compare(len(a.text), len(b.text)) })
	return all, nil
}

var ran = regexp.MustCompile(`(?m)^ +--- PASS: Fuzz\w+/(\S+) `)

// seeds are the names of the target's seeds, those in its code and those in its directory.
func (t target) seeds(program string) ([]string, error) {
	cmd := exec.Command(program, "-test.v", "-test.run", "^"+t.name+"$")
	cmd.Dir = t.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	var names []string
	for _, m := range ran.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	return names, nil
}

// reach runs a seed and answers where in the code it came, and about how often.
func (t target) reach(program, seed string) (map[string]bool, error) {
	profile := program + ".profile"
	cmd := exec.Command(program, "-test.run", "^"+t.name+"$/^"+regexp.QuoteMeta(seed)+"$", "-test.coverprofile", profile)
	cmd.Dir = t.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", seed, err, out)
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			if n, err := strconv.Atoi(f[2]); err == nil && n > 0 {
				out[f[0]+" "+strconv.Itoa(bits.Len(uint(n)))] = true
			}
		}
	}
	return out, nil
}
