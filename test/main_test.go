package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// probeArgument, as first argument, makes this test binary the probe that the tests run inside VPCs.
const probeArgument = "trellis-probe"

// world is what the tests of one run share: the program under test, and one server that most of them use, each with accounts
// of its own.
type world struct {
	dir    string
	binary func() (string, error)
	server func() (*server, error)
	// leftOut has what was not tested for what this machine lacks, and why.
	leftOut sync.Map
	// called has the operations that servers of tests' own have answered.
	called sync.Map
	// lived has the steps that resources have been taken through.
	lived sync.Map
}

var shared *world

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == probeArgument {
		os.Exit(probe(os.Args[2:]))
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run runs the tests, stops the server they shared and sees that nothing of it is left.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "trellis-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Tests that run the server as another user have it read the program here.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	shared = &world{dir: dir}
	shared.binary = sync.OnceValues(func() (string, error) { return build(dir) })
	var started *server
	shared.server = sync.OnceValues(func() (*server, error) {
		binary, err := shared.binary()
		if err != nil {
			return nil, err
		}
		started, err = start(binary, filepath.Join(dir, "shared"), nil)
		return started, err
	})
	code = m.Run()
	if started == nil {
		return code, nil
	}
	if code == 0 {
		called, missing := started.calls()
		if missing == nil {
			missing = compareRun(called)
		}
		err = missing
	}
	return code, errors.Join(err, started.stop(), started.panicked())
}

// missing says which tests are left out.
func missing() (out []string) {
	for _, name := range []string{"run", "skip"} {
		if v := flag.Lookup("test." + name).Value.String(); v != "" {
			out = append(out, "-"+name+" "+v)
		}
	}
	if testing.Short() {
		out = append(out, "-short")
	}
	shared.leftOut.Range(func(what, why any) bool {
		out = append(out, fmt.Sprintf("%s: %v", what, why))
		return true
	})
	slices.Sort(out)
	return out
}

// leaveOut skips a test for what this machine lacks.
func leaveOut(t *testing.T, why error) {
	t.Helper()
	shared.leftOut.Store(t.Name(), why)
	t.Skip(why)
}

// build makes the program as a release is made.
func build(dir string) (string, error) {
	binary := filepath.Join(dir, "trellis")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", binary, "trellis/cmd/trellis")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program does not build: %w\n%s", err, out)
	}
	return binary, nil
}

// sharedServer is the server that tests share.
func sharedServer(t *testing.T) *server {
	t.Helper()
	s, err := shared.server()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// program is the built program.
func program(t *testing.T) string {
	t.Helper()
	binary, err := shared.binary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
