package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trellis/internal/admin"
)

func TestMain(m *testing.M) {
	becomeInside()
	os.Exit(m.Run())
}

// session is a program that runs as trellis exec runs it, but in the network of the test.
type session struct {
	*program
	resolv string
	out    *os.File
}

func start(t *testing.T, dir string, env []string, args ...string) *session {
	t.Helper()
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 192.0.2.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := newProgram(inside{Resolv: resolv, Args: args, Env: env, Dir: dir}, admin.Command{UID: os.Getuid(), GID: os.Getgid()}, 0, 0, [3]*os.File{in, w, w})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.start((*exec.Cmd).Start, func() error { return nil }); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this user may make no mount namespace: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
		out.Close()
	})
	return &session{p, resolv, out}
}

// line reads a line of what the program prints.
func (s *session) line(t *testing.T) string {
	t.Helper()
	var text []byte
	for b := make([]byte, 1); ; text = append(text, b[0]) {
		if _, err := s.out.Read(b); err != nil || b[0] == '\n' {
			return string(text)
		}
	}
}

// gone waits until there is no process with the id.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatalf("%q is not a process", pid)
	}
	for range 500 {
		if errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", n)
}

func TestPrivilegedExitStatuses(t *testing.T) {
	env := []string{"PATH=" + os.Getenv("PATH")}
	for what, test := range map[string]struct {
		args []string
		want int
	}{
		"success":        {[]string{"true"}, 0},
		"failure":        {[]string{"sh", "-c", "exit 7"}, 7},
		"a signal":       {[]string{"sh", "-c", "kill -9 $$"}, 137},
		"no such file":   {[]string{"/nowhere/program"}, 127},
		"not in PATH":    {[]string{"no-such-program"}, 127},
		"not executable": {[]string{"/etc/passwd"}, 126},
	} {
		s := start(t, "/", env, test.args...)
		if got, err := s.Wait(); err != nil || got != test.want {
			t.Errorf("%s: exit status %d (%v), want %d", what, got, err, test.want)
		}
		if _, err := os.Stat(s.resolv); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the resolver's file stays: %v", what, err)
		}
	}
}

func TestPrivilegedProgramSeesItsCaller(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "here"), []byte("#!/bin/sh\npwd; cat /etc/resolv.conf; echo $A $B; ls /proc/$$/fd; id -u; grep CapEff /proc/$$/status\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, []string{"PATH=/bin:/usr/bin:.", "A=1", "A=2", "B=3"}, "here")
	var got []string
	for {
		l := s.line(t)
		if l == "" {
			break
		}
		got = append(got, l)
	}
	// The script's interpreter opens the script itself besides the three files.
	fds := slices.DeleteFunc(got[min(3, len(got)):], func(s string) bool { return len(s) > 2 || s == strconv.Itoa(os.Getuid()) })
	if len(fds) > 4 {
		t.Errorf("the program has the files %v", fds)
	}
	want := []string{dir, "nameserver 192.0.2.2", "2 3"}
	if len(got) < 3 || !slices.Equal(got[:3], want) {
		t.Errorf("the program sees %q, want %q", got, want)
	}
	if last := got[len(got)-1]; os.Getuid() != 0 && strings.Trim(strings.TrimPrefix(last, "CapEff:"), "\t0") != "" {
		t.Errorf("the program has capabilities: %s", last)
	}
}

func TestPrivilegedNothingOfAProgramStays(t *testing.T) {
	env := []string{"PATH=" + os.Getenv("PATH")}
	const orphan = "setsid sh -c 'echo $$; exec sleep 1000' & "
	for what, end := range map[string]func(*session) error{
		"the program ends":     func(s *session) error { return s.Signal(syscall.SIGUSR1) },
		"the client is gone":   func(s *session) error { return s.Signal(syscall.SIGKILL) },
		"the server is killed": func(s *session) error { return s.orders.Close() },
		"the namespace ends":   func(s *session) error { return s.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		script := orphan + "exec sleep 1000"
		if what == "the program ends" {
			// Not before what it leaves has said which process it is.
			script = "trap 'exit 0' USR1; " + orphan + "while :; do sleep 0.01; done"
		}
		s := start(t, "/", env, "sh", "-c", script)
		pid := s.line(t)
		if err := end(s); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		code, err := s.Wait()
		if want := map[bool]int{true: 0, false: 137}[what == "the program ends"]; err != nil || code != want {
			t.Errorf("%s: exit status %d (%v), want %d", what, code, err, want)
		}
		gone(t, pid)
	}
}

func TestPrivilegedSignals(t *testing.T) {
	// As of a server that nohup has started; its programs do not ignore what it does.
	signal.Ignore(syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	env := []string{"PATH=" + os.Getenv("PATH")}
	for signal, want := range map[syscall.Signal]string{syscall.SIGHUP: "parent HUP, child HUP", syscall.SIGTERM: "parent TERM, child alive"} {
		// A terminal's signals go to the whole process group, the others to the program.
		s := start(t, "/", env, "sh", "-c", `exec 2>/dev/null
			report() { kill -KILL $!; wait $!; [ $? = 33 ] && echo "parent $1, child HUP" || echo "parent $1, child alive"; exit 0; }
			trap 'sleep 0.1; report HUP' HUP; trap 'sleep 0.1; report TERM' TERM
			sh -c 'trap "exit 33" HUP TERM; echo ready; while :; do sleep 0.01; done' &
			while :; do sleep 0.01; done`)
		if got := s.line(t); got != "ready" {
			t.Fatalf("the program says %q", got)
		}
		if err := s.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := s.line(t); got != want {
			t.Errorf("%v: %q, want %q", signal, got, want)
		}
		if _, err := s.Wait(); err != nil {
			t.Error(err)
		}
	}
}
