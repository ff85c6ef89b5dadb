package terraform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tool is a program at work in a directory of its own.
type tool struct {
	*testing.T
	program, dir string
	env          []string
	lived        lived
}

// find skips the test where the program or the provider is missing.
func find(t *testing.T, name string) (program string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT RUN: %s: it is not in PATH", name)
	}
	if provider() == "" {
		t.Skipf("NOT RUN: %s: %v", name, ErrNoProvider)
	}
	return program
}

// newTool puts a configuration into a directory of its own and initialises it. The accounts are those of an AWS config file.
func newTool(t *testing.T, name, configuration, profiles string) *tool {
	t.Helper()
	program, home := find(t, name), t.TempDir()
	settings, version, err := Mirror(home, name)
	if err := errors.Join(err, os.CopyFS(filepath.Join(home, "work"), os.DirFS(configuration))); err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{".terraform", ".terraform.lock.hcl", "terraform.tfstate", "terraform.tfstate.backup"} {
		if err := os.RemoveAll(filepath.Join(home, "work", old)); err != nil {
			t.Fatal(err)
		}
	}
	c := &tool{T: t, program: program, dir: filepath.Join(home, "work"), env: append(settings,
		"PATH="+os.Getenv("PATH"), "HOME="+home, "TMPDIR="+home, "AWS_CONFIG_FILE="+profiles), lived: lived{}}
	t.Logf("%s with the provider aws %s", name, version)
	if out, err := c.start(t.Context(), "init", "-input=false", "-no-color"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	return c
}

// start runs the program to its end. It does not outlive the test.
func (c *tool) start(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := make(chan error)
	go func() {
		// It ends with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- cmd.Run()
	}()
	err := <-ended
	return out.Bytes(), err
}

// outcome is what a plan is or an apply did: what becomes of each resource, and how long the slowest took.
type outcome struct {
	actions map[string]string // create, update, replace, delete, import; by address
	took    time.Duration
	slow    map[string]int // seconds, by address
}

// run plans, applies or destroys, and fails the test with the program's own words where that fails.
func (c *tool) run(verb string, args ...string) outcome {
	c.Helper()
	started := time.Now()
	args = append([]string{verb, "-json", "-input=false", "-parallelism=20"}, args...)
	if verb != "plan" {
		args = append(args, "-auto-approve")
	}
	out, err := c.start(c.Context(), args...)
	o := outcome{actions: map[string]string{}, slow: map[string]int{}, took: time.Since(started)}
	var said []string
	done := lived{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Type   string
			Level  string `json:"@level"`
			Change struct {
				Action   string
				Resource resource
			}
			Hook struct {
				Action   string
				Resource resource
				Elapsed  int `json:"elapsed_seconds"`
			}
			Diagnostic struct{ Severity, Summary, Detail, Address string }
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			said = append(said, lines.Text())
			continue
		}
		switch {
		case line.Type == "planned_change":
			o.actions[line.Change.Resource.Addr] = line.Change.Action
		case line.Type == "apply_complete":
			if line.Hook.Elapsed > 2 {
				o.slow[line.Hook.Resource.Addr] = line.Hook.Elapsed
			}
			if line.Hook.Action != "read" { // that is of data sources
				done.add(line.Hook.Resource.Type, line.Hook.Action)
			}
			if line.Hook.Action == "create" && o.actions[line.Hook.Resource.Addr] == "replace" {
				done.add(line.Hook.Resource.Type, "replace")
			}
		case line.Diagnostic.Severity == "error":
			said = append(said, line.Diagnostic.Address+": "+line.Diagnostic.Summary+" "+line.Diagnostic.Detail)
		}
	}
	if err != nil {
		c.Fatalf("%s: %v\n%s", verb, err, strings.Join(said, "\n"))
	}
	maps.Copy(c.lived, done)
	count := map[string]int{}
	for _, action := range o.actions {
		count[action]++
	}
	c.Logf("%s in %.1fs: %v", verb, o.took.Seconds(), count)
	for _, addr := range slices.Sorted(maps.Keys(o.slow)) {
		c.Logf("  %2ds %s", o.slow[addr], addr)
	}
	return o
}

// resource is one as the program names it.
type resource struct {
	Addr string
	Type string `json:"resource_type"`
}

// unchanged holds that there is nothing to do: all that is in the state was read, and is what the configuration says.
func (c *tool) unchanged(when string) {
	c.Helper()
	o := c.run("plan")
	for _, addr := range slices.Sorted(maps.Keys(o.actions)) {
		c.Errorf("%s there is to %s %s", when, o.actions[addr], addr)
	}
	if len(o.actions) > 0 {
		out, _ := c.start(c.Context(), "plan", "-no-color", "-input=false")
		c.Fatalf("%s", out)
	}
	resources := c.state().Resources
	for _, r := range resources {
		if r.Mode == "data" {
			for _, m := range resources {
				if m.Mode == "managed" && (r.Type == m.Type || r.Type == m.Type+"s" || r.Type == strings.TrimSuffix(m.Type, "y")+"ies") {
					c.lived.add(m.Type, "list")
				}
			}
			continue
		}
		c.lived.add(r.Type, "read")
		for _, i := range r.Instances {
			if tags, _ := i.Attributes["tags"].(map[string]any); len(tags) > 0 {
				c.lived.add(r.Type, "tag")
			}
		}
	}
}

// state is what the program remembers.
type state struct {
	Resources []struct {
		Mode, Type string
		Instances  []struct{ Attributes attributes }
	}
}

func (c *tool) state() (s state) {
	c.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "terraform.tfstate"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		c.Fatal(err)
	}
	return s
}

// write puts a file beside the configuration.
func (c *tool) write(name, text string) {
	c.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
}
