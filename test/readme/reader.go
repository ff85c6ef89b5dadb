package readme

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Reader does what a README says.
type Reader struct {
	// Root is the root of a copy of the repository, Env the environment.
	Root string
	Env  []string
	// Instead has what is run in the place of commands, by their texts: what brings something that is there already.
	Instead map[string]string
	// Serve starts a server with the arguments that the README gives "bin/trellis serve" and returns once it is ready.
	Serve func(args []string) error
	// Done is told of each command that has succeeded.
	Done func(command string) error
	// Log tells of what is run and what is not.
	Log func(format string, args ...any)
}

const serve = "bin/trellis serve"

// Do runs the blocks in their order, up to the first command that fails or says something else. It runs on one thread, with which what it
// started ends.
func (r Reader) Do(ctx context.Context, blocks []Block) (err error) {
	if err := r.has(blocks); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var at *terminal
	end := func() {
		if at != nil {
			err = errors.Join(err, at.close())
			at = nil
		}
	}
	defer func() { end() }()
	for _, b := range blocks {
		if b.NotRun != "" {
			r.Log("line %d: not run: %s", b.Line, b.NotRun)
			continue
		}
		for _, c := range b.Commands {
			if args, ok := strings.CutPrefix(c.Text, serve); ok {
				end()
				if err := r.Serve(strings.Fields(args)); err != nil {
					return fmt.Errorf("line %d: %s: %w", c.Line, c.Text, err)
				}
				continue
			}
			if at == nil {
				if at, err = open(ctx, r.Root, r.Env); err != nil {
					return err
				}
			}
			if err := r.run(at, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// has holds that every command that something stands in for is there.
func (r Reader) has(blocks []Block) error {
	there := map[string]bool{}
	for _, b := range blocks {
		for _, c := range b.Commands {
			there[c.Text] = b.NotRun == ""
		}
	}
	for text := range r.Instead {
		if !there[text] {
			return fmt.Errorf("no command is %q", text)
		}
	}
	return nil
}

func (r Reader) run(at *terminal, c Command) error {
	text, started := c.Text, time.Now()
	if instead, ok := r.Instead[text]; ok {
		r.Log("line %d: %s: instead of it %s", c.Line, text, instead)
		text = instead
	}
	output, status, err := at.run(text)
	switch {
	case err != nil:
		return fmt.Errorf("line %d: %s: %w\n%s", c.Line, c.Text, err, output)
	case status != "0":
		return fmt.Errorf("line %d: %s: exit status %s\n%s", c.Line, c.Text, status, output)
	case !c.said(output):
		return fmt.Errorf("line %d: %s: it does not say %q at its end\n%s", c.Line, c.Text, c.Says, output)
	}
	r.Log("line %d: %s: %.1fs", c.Line, c.Text, time.Since(started).Seconds())
	return r.Done(c.Text)
}

// terminal is a shell that goes on from command to command.
type terminal struct {
	shell *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

func open(ctx context.Context, dir string, env []string) (*terminal, error) {
	t := &terminal{shell: exec.CommandContext(ctx, "sh")}
	t.shell.Dir, t.shell.Env = dir, env
	t.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	t.shell.Cancel = func() error { return syscall.Kill(-t.shell.Process.Pid, syscall.SIGTERM) }
	t.shell.WaitDelay = 10 * time.Second
	var err error
	if t.in, err = t.shell.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.shell.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.shell.Stderr = t.shell.Stdout
	t.out = bufio.NewReader(out)
	return t, t.shell.Start()
}

// over begins the line that tells a command's exit status. No command prints it.
const over = "\x1eover "

// run runs a command, which reads nothing, and answers what it printed and its exit status.
func (t *terminal) run(text string) (output, status string, err error) {
	// What stands in braces is run by this shell itself, whose directory and variables it may change.
	if _, err := fmt.Fprintf(t.in, "{ %s\n} </dev/null; printf '\\n\\036over %%s\\n' $?\n", text); err != nil {
		return "", "", err
	}
	var said strings.Builder
	for {
		line, err := t.out.ReadString('\n')
		if status, ok := strings.CutPrefix(line, over); ok {
			return said.String(), strings.TrimSpace(status), nil
		}
		said.WriteString(line)
		if err != nil {
			return said.String(), "", fmt.Errorf("the shell ended: %w", err)
		}
	}
}

func (t *terminal) close() error {
	if err := t.in.Close(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, t.out)
	return errors.Join(err, t.shell.Wait())
}
