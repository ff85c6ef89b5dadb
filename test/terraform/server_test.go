package terraform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const zone = "../../examples/landing-zone"

// built are the programs of one run of the tests.
type built struct {
	trellis, look, functions string
}

// programs builds the server, look, which asks what the demo asks, and the functions; once.
var programs = sync.OnceValues(func() (built, error) {
	dir, err := os.MkdirTemp("", "trellis-terraform-")
	if err != nil {
		return built{}, err
	}
	b := built{trellis: filepath.Join(dir, "trellis"), look: filepath.Join(dir, "look"), functions: dir}
	for _, c := range []struct {
		in   string
		args []string
	}{
		{"../..", []string{"build", "-trimpath", "-o", b.trellis, "./cmd/trellis"}},
		{zone, []string{"build", "-trimpath", "-o", b.look, "./demo/look"}},
		{zone, []string{"run", "./functions/bundle", "-out", dir}},
	} {
		cmd := exec.Command("go", c.args...)
		cmd.Dir, cmd.Env = c.in, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return b, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := programs(); err == nil {
		if err := os.RemoveAll(b.functions); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server is a "trellis serve" of the test's own, with the accounts of the landing zone.
type server struct {
	*testing.T
	built
	dir, profiles string
}

func newServer(t *testing.T) *server {
	t.Helper()
	b, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{T: t, built: b, dir: t.TempDir()}
	s.profiles = filepath.Join(s.dir, "aws-config")
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(b.trellis, "serve", "--listen", "127.0.0.1:0", "--data", s.data(), "--aws-config", s.profiles)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan error), make(chan error, 1)
	ready := make(chan struct{}, 1)
	go func() {
		// The server dies with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- struct{}{}
			}
		}
		ended <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		said, _ := os.ReadFile(log.Name())
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with %v\n%s", err, said)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("the server did not end within 30 s of SIGTERM: %v\n%s", cmd.Process.Kill(), said)
		}
		if strings.Contains(string(said), "panic") {
			t.Errorf("the server's log tells of a panic:\n%s", said)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		said, _ := os.ReadFile(log.Name())
		ended <- err
		t.Fatalf("the server is not ready: %v\n%s", err, said)
	case <-time.After(time.Minute):
		t.Fatal("the server is not ready after a minute")
	}
	s.trellisRun("accounts", "create", "lone")
	t.Logf("%s", s.lookAt("accounts"))
	return s
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// trellisRun runs a command of the server's own command line.
func (s *server) trellisRun(args ...string) []byte {
	s.Helper()
	return s.output(s.trellis, append([]string{"--data", s.data()}, args...)...)
}

// lookAt looks at what Terraform made from outside.
func (s *server) lookAt(args ...string) []byte {
	s.Helper()
	return s.output(s.look, append([]string{"-trellis", s.trellis, "-data", s.data(), "-aws-config", s.profiles}, args...)...)
}

func (s *server) output(program string, args ...string) []byte {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return out
}

// before remembers what the accounts list; what it answers fails the test where they list anything else.
func (s *server) before() (same func()) {
	s.Helper()
	file := filepath.Join(s.dir, "before.json")
	before := s.lookAt("inventory")
	if !json.Valid(before) {
		s.Fatalf("%s", before)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		s.Fatal(err)
	}
	return func() {
		s.Helper()
		s.Logf("%s", s.lookAt("since", file))
	}
}
