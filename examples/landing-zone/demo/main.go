// Command demo deploys the landing zone to a server of its own on this machine, shows who can ask what of whom, takes
// it all down again, and sees that nothing is left. Its state is in a temporary directory that goes with it. Arguments, after
// a --, are flags for the server: "demo -- --etcd URL" keeps the state of the zone in that etcd.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"landing-zone/demo/leftover"
	"landing-zone/demo/server"
	"landing-zone/demo/zone"
	"landing-zone/engine"
	"landing-zone/functions/wheels"

	"golang.org/x/term"
)

func main() {
	// The server ends with the thread that started it: this one.
	runtime.LockOSThread()
	o := options{json: os.Getenv("DEMO_JSON")}
	flag.StringVar(&o.trellis, "trellis", "bin/trellis", "the server's program")
	flag.StringVar(&o.project, "project", "examples/landing-zone", "directory of the stacks, with their built functions in build")
	flag.StringVar(&o.requirements, "pulumi-python", "", "requirements `file` of Pulumi's SDKs: deploys the programs in Python")
	flag.BoolVar(&o.life, "life", false, "run the programs again unchanged, change them in place and by replacement, and import")
	flag.StringVar(&o.runtime, "runtime", "provided.al2023", "runtime of the functions: provided.al2023, or python3.8 for the article's own")
	flag.Parse()
	o.serve = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

type options struct {
	trellis, project, runtime, json string
	requirements                    string
	serve                           []string
	life                            bool
}

// demo is one run.
type demo struct {
	options
	dir      string
	out      io.Writer
	server   *server.Server
	zone     zone.Zone
	accounts map[string]string
	// python, where the programs are in Python, is the interpreter that has Pulumi's SDKs.
	python string
	// settings are configuration of every stack, done what the engine did since it was last cleared.
	settings map[string]string
	done     map[engine.Op]int
}

func (o options) run(ctx context.Context, out io.Writer) (err error) {
	// What this environment says of AWS is about another one.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	if o.project, err = filepath.Abs(o.project); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "trellis-demo-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{options: o, dir: dir, out: out, done: map[engine.Op]int{}}
	if o.requirements != "" {
		if d.python, err = wheels.Environment(ctx, o.requirements); err != nil {
			return err
		}
	}
	d.server, err = server.Start(ctx, o.trellis, dir, o.serve...)
	if err != nil {
		return err
	}
	d.zone = zone.Zone{Server: d.server.CLI, Profiles: d.server.Profiles, Probe: filepath.Join(o.project, "build", "probe")}
	watch := leftover.New(d.server.PID, dir)
	looking, stopLooking := context.WithCancel(context.Background())
	looked := make(chan struct{})
	go func() { defer close(looked); watch.Run(looking) }()

	r, err := d.show(ctx)
	watch.Look()
	stopLooking()
	<-looked
	if err != nil {
		err = fmt.Errorf("%w\nthe server's log ends:\n%s", err, d.server.Tail())
	}
	if err := errors.Join(err, d.server.Stop()); err != nil {
		return err
	}
	processes, namespaces := watch.Seen()
	left := watch.Left()
	fmt.Fprintf(out, "server stopped: it and its children were %d processes in %d network namespaces; %d of these, or of mounts and cgroups, are left\n",
		processes, namespaces, len(left))
	r.wrong = append(r.wrong, left...)
	return r.conclude(out, o.json)
}

// results is what a run came to.
type results struct {
	rows     []zone.Row
	up, down time.Duration
	wrong    []string
}

// show is everything between the server's start and its end.
func (d *demo) show(ctx context.Context) (r results, err error) {
	fmt.Fprintf(d.out, "server %s, process %d\n", d.server.Endpoint, d.server.PID)
	if d.accounts, err = d.zone.Accounts(ctx, d.out); err != nil {
		return r, fmt.Errorf("prerequisites: %w", err)
	}
	before, err := d.zone.Inventory(ctx)
	if err != nil {
		return r, err
	}
	start := time.Now()
	if err := d.up(ctx); err != nil {
		return r, err
	}
	r.up = time.Since(start)
	if d.options.life {
		if err := d.life(ctx); err != nil {
			return r, err
		}
	}
	if r.rows, err = d.zone.Table(ctx); err != nil {
		return r, err
	}
	zone.Print(d.out, r.rows)
	if err := d.linger(ctx); err != nil {
		return r, err
	}
	// A Ctrl-C that ended the wait does not end what follows.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	start = time.Now()
	if err := d.down(ctx); err != nil {
		return r, err
	}
	r.down = time.Since(start)
	if err := d.deleteLogs(ctx); err != nil {
		return r, fmt.Errorf("log groups: %w", err)
	}
	after, err := d.zone.Inventory(ctx)
	if err != nil {
		return r, err
	}
	var asked int
	r.wrong, asked = zone.Differences(before, after)
	fmt.Fprintf(d.out, "%d List and Describe calls of %d accounts answer as before the stacks, %d differences\n", asked, len(before), len(r.wrong))
	return r, nil
}

// linger leaves the landing zone standing until somebody at a terminal has looked around.
func (d *demo) linger(ctx context.Context) error {
	if err := ctx.Err(); err != nil || !term.IsTerminal(int(os.Stdin.Fd())) {
		return err
	}
	fmt.Fprintf(d.out, `
The landing zone is up. In another terminal:
  export AWS_CONFIG_FILE=%s TRELLIS_DATA=%s
  aws --profile blue lambda invoke --function-name BlueFunction --log-type Tail /dev/stdout
  aws --profile shared-services vpc-lattice list-services
  %s status
Enter or Ctrl-C takes it down. `, d.server.Profiles, filepath.Join(d.dir, "data"), d.trellis)
	entered := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		entered <- err
	}()
	select {
	case err := <-entered:
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	case <-ctx.Done():
	}
	fmt.Fprintln(d.out)
	return nil
}

// conclude prints what was wrong and, last, the one line that says how it went.
func (r results) conclude(out io.Writer, file string) error {
	if file != "" {
		data, err := json.MarshalIndent(r.rows, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
			return err
		}
	}
	expected := 0
	for _, row := range r.rows {
		if row.AsExpected {
			expected++
		}
	}
	for _, line := range r.wrong {
		fmt.Fprintln(out, "left behind:", line)
	}
	fmt.Fprintf(out, "demo: %d of %d as expected, up %.1fs, down %.1fs\n", expected, len(r.rows), r.up.Seconds(), r.down.Seconds())
	switch {
	case len(r.wrong) > 0:
		return fmt.Errorf("%d things are left behind", len(r.wrong))
	case expected < len(r.rows):
		return fmt.Errorf("%d requests did not go as expected", len(r.rows)-expected)
	}
	return nil
}
