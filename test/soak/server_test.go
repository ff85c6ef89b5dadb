package soak

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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trellis/test/kernel"
	"trellis/test/process"
)

// server is a "trellis serve" that is killed and started again on the same data.
type server struct {
	binary, data, log string
	flags             []string

	mu       sync.Mutex
	endpoint string
	cmd      *exec.Cmd
	ended    chan struct{}
}

// start starts the server and waits until it is ready. From the second time on it listens where it listened before.
func (s *server) start() error {
	ready, err := s.spawn()
	if err != nil {
		return err
	}
	return ready()
}

// spawn starts the server, which can be killed from then on, and returns what waits until it is ready.
func (s *server) spawn() (ready func() error, err error) {
	listen := "127.0.0.1:0"
	if s.endpoint != "" {
		listen = strings.TrimPrefix(s.endpoint, "http://")
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(s.binary, append([]string{"serve", "--listen", listen, "--data", s.data}, s.flags...)...)
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), "TMPDIR="+s.temporary())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The server dies with the thread that started it, which is this one until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			<-ended
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				line <- endpoint
			}
		}
		_ = cmd.Wait()
		close(ended)
	}()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	return func() error {
		select {
		case s.endpoint = <-line:
			return nil
		case <-ended:
			return errors.New("the server ended before it was ready:\n" + s.tail())
		case <-time.After(time.Minute):
			return errors.Join(errors.New("the server is not ready after a minute:\n"+s.tail()), s.kill())
		}
	}, nil
}

func (s *server) tail() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// kill ends the server as a crash does, and says what is left of it.
func (s *server) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	family := process.FamilyOf(s.cmd.Process.Pid)
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	if left := family.Left(filepath.Dir(s.data)); left != nil {
		return fmt.Errorf("the killed server left behind %q", left)
	}
	return nil
}

// terminate ends the server as a service manager does.
func (s *server) terminate() error {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the server did not end within 20 s of SIGTERM"), s.kill())
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("after SIGTERM the server ended with %d:\n%s", code, s.tail())
	}
	return nil
}

// stop ends the server and looks through its log.
func (s *server) stop(t *testing.T) {
	if err := s.terminate(); err != nil {
		t.Error(err)
	}
	if log, err := os.ReadFile(s.log); err != nil || strings.Contains(string(log), "panic") || strings.Contains(string(log), "goroutine ") {
		t.Errorf("the server's log tells of a panic: %v", err)
	}
}

// namespaces is how many network namespaces the server holds.
func (s *server) namespaces() int {
	return process.FamilyOf(s.cmd.Process.Pid).Namespaces()
}

// temporary is the server's own directory for temporary files.
func (s *server) temporary() string { return filepath.Join(filepath.Dir(s.data), "tmp") }

// litter is what is on disk without an account having anything but so many log groups: neither what a server has as long as it
// runs, nor archives, which are kept for a while after nothing uses them, nor their trees.
func (s *server) litter(archives []string, groups int) (left []string, err error) {
	names := func(dir string) []string {
		entries, failed := os.ReadDir(dir)
		err = errors.Join(err, failed)
		var out []string
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	beyond := func(dir string, known ...string) {
		for _, name := range names(dir) {
			if !slices.Contains(known, name) {
				left = append(left, filepath.Join(dir, name))
			}
		}
	}
	code := filepath.Join(s.data, "code")
	trees, failed := filepath.Glob(filepath.Join(code, "trees-*"))
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	if len(trees) != 1 {
		return trees, errors.New("trees are of one boot")
	}
	beyond(s.temporary())
	beyond(s.data, "admin.sock", "aws-config", "code", "etcd", "exec.sock", "host", "key", "lock", "logs", "mounts")
	beyond(code, "archives", "tmp", filepath.Base(trees[0]))
	beyond(filepath.Join(code, "archives"), archives...)
	beyond(trees[0], archives...)
	beyond(filepath.Join(code, "tmp"))
	beyond(filepath.Join(s.data, "mounts"))
	if kept := names(filepath.Join(s.data, "logs")); len(kept) > groups {
		left = append(left, fmt.Sprintf("%d directories of logs for %d groups", len(kept), groups))
	}
	return left, err
}

// run runs a command of the program for the server's data.
func (s *server) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"--data", s.data}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("trellis %q: %w: %s", args, err, exit.Stderr)
	}
	return out, err
}

// status is what "trellis status" says.
type status struct {
	DataPlane bool   `json:"data_plane"`
	Why       string `json:"data_plane_why"`
	Revision  int64  `json:"revision"`
	Applied   int64  `json:"applied"`
	Resources map[string]int
	Failures  map[string]string
}

func (s *server) status(t *testing.T) status {
	t.Helper()
	st, err := s.said(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (s *server) said(ctx context.Context) (st status, err error) {
	out, err := s.run(ctx, "status", "--json")
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	return st, err
}

// rest is the status once the host has applied everything that is stored.
func (s *server) rest(t *testing.T) status {
	t.Helper()
	st, err := s.applied(t.Context())
	if err != nil {
		t.Error(err)
	}
	return st
}

func (s *server) applied(ctx context.Context) (st status, err error) {
	for range 500 {
		if st, err = s.said(ctx); err != nil || st.Applied == st.Revision {
			return st, err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return st, fmt.Errorf("the host has applied revision %d, %d is stored\n%s", st.Applied, st.Revision, s.tail())
}

// settled is what the kernel holds for the server once that does not change any more.
func (s *server) settled() ([]string, error) {
	var before []string
	for range 100 {
		if _, err := s.applied(context.Background()); err != nil {
			return nil, err
		}
		now, err := kernel.State(s.cmd.Process.Pid)
		if err != nil || slices.Equal(before, now) {
			return now, err
		}
		before = now
		time.Sleep(20 * time.Millisecond)
	}
	return nil, errors.New("what the kernel holds for the server does not come to rest")
}
