// Package process runs what is measured: each program on a core of its own where taskset is there, ended by its id, and
// with what it used of processor and memory read from /proc. A Process owns one child and all that comes of it.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Any is the core of a process that may run on all.
const Any = -1

// Program is what to run.
type Program struct {
	Path string
	Args []string
	Env  []string // added to this process' own
	Dir  string
	Core int
	// Log is the file its standard error goes to, and its standard output unless there is a pipe to it.
	Log string
	// Talk keeps pipes to its standard input and output, Tell one to its output alone.
	Talk, Tell bool
}

// Process is a running program.
type Process struct {
	// In and Out are the pipes of a program that talks or tells.
	In  io.WriteCloser
	Out io.Reader

	name    string
	log     string
	cmd     *exec.Cmd
	done    chan struct{}
	err     error
	release chan struct{}
}

// Pinned says whether processes can be kept to a core.
func Pinned() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.NumCPU() > 1
}

// Start runs a program. It is killed should this process die.
func Start(p Program) (*Process, error) {
	line := append([]string{p.Path}, p.Args...)
	if p.Core != Any && Pinned() {
		line = append([]string{"taskset", "-c", strconv.Itoa(p.Core)}, line...)
	}
	r := &Process{name: filepath.Base(p.Path), log: p.Log, done: make(chan struct{}), release: make(chan struct{})}
	r.cmd = exec.Command(line[0], line[1:]...)
	r.cmd.Dir, r.cmd.Env = p.Dir, append(os.Environ(), p.Env...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var closing []io.Closer
	defer func() {
		for _, c := range closing {
			_ = c.Close()
		}
	}()
	if p.Log != "" {
		f, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		closing = append(closing, f)
		r.cmd.Stderr = f
		if !p.Talk && !p.Tell {
			r.cmd.Stdout = f
		}
	}
	var out *os.File
	if p.Talk {
		var err error
		if r.In, err = r.cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	if p.Talk || p.Tell {
		var err error
		var w *os.File
		if out, w, err = os.Pipe(); err != nil {
			return nil, err
		}
		closing = append(closing, w)
		r.cmd.Stdout, r.Out = w, out
	}
	started := make(chan error)
	go func() {
		// The child is killed with the thread that started it, which is this one until it has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- r.cmd.Start()
		<-r.release
	}()
	if err := <-started; err != nil {
		close(r.release)
		if out != nil {
			closing = append(closing, out)
		}
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.release)
		close(r.done)
	}()
	return r, nil
}

// PID is the process' id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for its end.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.Tail())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the process: by closing its input if it talks, else by SIGTERM, and by force if it does not end.
func (p *Process) Stop() error {
	if p.In != nil {
		_ = p.In.Close()
	} else if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return fmt.Errorf("%s did not end within 20 s and was killed\n%s", p.name, p.Tail())
}

// Tail is the end of what the process logged.
func (p *Process) Tail() string {
	if p.log == "" {
		return ""
	}
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
