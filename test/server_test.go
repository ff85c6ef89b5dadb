package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"trellis/test/process"
)

// server is a running "trellis serve" with a data directory of its own.
type server struct {
	endpoint, profiles string

	program, data, log string
	// self is this test binary where the server's user may read it.
	self       string
	credential *syscall.Credential
	cmd        *exec.Cmd
	ended      chan error
	release    chan struct{}
}

// start runs the program as a server and waits until it is ready. All it writes is in dir. A credential makes it another
// user's server, who must own dir.
func start(program, dir string, credential *syscall.Credential, flags ...string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &server{program: program, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "server.log"), credential: credential,
		ended: make(chan error, 1), release: make(chan struct{})}
	if err := s.settle(dir); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.data}, flags...)...)
	s.cmd.Stderr = log
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "HOME="+dir)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: credential}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The server dies with the thread that started it, which is this one until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- s.cmd.Start()
		<-s.release
	}()
	if err := <-started; err != nil {
		close(s.release)
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		read := s.follow(out, ready)
		s.ended <- errors.Join(s.cmd.Wait(), read)
		close(s.release)
	}()
	select {
	case s.endpoint = <-ready:
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("the server ended before it was ready: %w\n%s", err, s.tail())
	case <-time.After(time.Minute):
		return nil, errors.Join(errors.New("the server is not ready after a minute\n"+s.tail()), s.kill())
	}
}

// settle makes the directory the user's and finds the test binary, which the go command hides from others.
func (s *server) settle(dir string) (err error) {
	if s.self, err = os.Executable(); err != nil || s.credential == nil {
		return err
	}
	text, err := os.ReadFile(s.self)
	if err != nil {
		return err
	}
	s.self = filepath.Join(dir, "probe")
	return errors.Join(os.WriteFile(s.self, text, 0o755), os.Chown(dir, int(s.credential.Uid), int(s.credential.Gid)))
}

// follow reads the server's output to its end.
func (s *server) follow(out io.Reader, ready chan<- string) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), "profiles "); ok {
			s.profiles = path
		}
		if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			ready <- endpoint
		}
	}
	return lines.Err()
}

// stop ends the server as a service manager does, and says what is left of it.
func (s *server) stop() error {
	family := process.FamilyOf(s.cmd.Process.Pid)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the server ended with %w\n%s", err, s.tail())
		}
		return s.leaves(family)
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the server did not end within 20 s of SIGTERM\n"+s.tail()), s.kill())
	}
}

// kill ends the server as a crash does, and says what is left of it.
func (s *server) kill() error {
	family := process.FamilyOf(s.cmd.Process.Pid)
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	<-s.ended
	return s.leaves(family)
}

// leaves is an error if anything is left of the server, which has ended.
func (s *server) leaves(family *process.Family) error {
	if left := family.Left(filepath.Dir(s.data)); left != nil {
		return fmt.Errorf("the server left behind %q", left)
	}
	return nil
}

// panicked says if the server's log tells of a panic or an internal error.
func (s *server) panicked() error {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "panic") || strings.Contains(line, "goroutine ") {
			return fmt.Errorf("the server's log has %s", line)
		}
	}
	return nil
}

func (s *server) tail() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// command is a command of the program for the server's data directory, run as the server's user.
func (s *server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, append([]string{"--data", s.data}, args...)...)
	cmd.Dir = filepath.Dir(s.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// trellis runs a command to its end and answers its output.
func (s *server) trellis(t *testing.T, args ...string) string {
	t.Helper()
	cmd := s.command(t.Context(), args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("trellis %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

// why is what "trellis why" says.
func (s *server) why(t *testing.T, args ...string) string {
	t.Helper()
	return s.trellis(t, append([]string{"why"}, args...)...)
}

// account makes a standalone account.
func (s *server) account(t *testing.T, name string) *account {
	t.Helper()
	var made struct {
		Account, Profile string
		AccessKey        string `json:"access_key"`
		SecretKey        string `json:"secret_key"`
	}
	out := s.trellis(t, "accounts", "create", name, "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("accounts create says %q: %v", out, err)
	}
	return s.profile(t, made.Account, made.Profile)
}
