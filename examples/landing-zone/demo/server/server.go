// Package server runs a trellis server of the demo's own, and the command line of any. It owns its own server's process
// and data directory.
package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Server is a running server.
type Server struct {
	CLI
	// Endpoint is where its APIs are, Profiles the AWS configuration with a profile for each account.
	Endpoint, Profiles string
	// PID is its process.
	PID int

	log     string
	command *exec.Cmd
	ended   chan error
}

// Start runs the program as a server whose every file is in the directory, with more flags of its own, and waits until it
// answers. The calling goroutine must be locked to its thread until the server has stopped: the server ends with that thread.
func Start(ctx context.Context, program, dir string, flags ...string) (*Server, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	s := &Server{
		CLI:      CLI{Program: program, Data: filepath.Join(dir, "data")},
		Profiles: filepath.Join(dir, "aws-config"),
		log:      filepath.Join(dir, "server.log"),
		ended:    make(chan error, 1),
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.command = exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.Data, "--aws-config", s.Profiles}, flags...)...)
	s.command.Stderr = log
	// In a group of its own, it is this program that a Ctrl-C stops, and this program that stops the server.
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.PID = s.command.Process.Pid
	ready := make(chan string, 1)
	go func() {
		read := s.follow(out, ready)
		s.ended <- errors.Join(s.command.Wait(), read)
	}()
	select {
	case s.Endpoint = <-ready:
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("the server ended before it was ready: %w\n%s", errors.Join(err, errors.New(s.command.ProcessState.String())), s.Tail())
	case <-time.After(time.Minute):
		err = errors.New("the server is not ready after a minute")
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, s.Stop())
}

// follow reads the server's output to its end, and hands on the address it says it is ready at.
func (s *Server) follow(out io.Reader, ready chan<- string) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ready "); ok && strings.HasPrefix(address, "http://") {
			select {
			case ready <- address:
			default:
			}
		}
	}
	return lines.Err()
}

// Stop ends the server as a service manager does, and by force only if it does not end.
func (s *Server) Stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the server ended with %w\n%s", err, s.Tail())
		}
		return nil
	case <-time.After(30 * time.Second):
		err := s.command.Process.Kill()
		<-s.ended
		return errors.Join(errors.New("the server did not end within 30 s of SIGTERM\n"+s.Tail()), err)
	}
}

// Tail is the end of what the server logged.
func (s *Server) Tail() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
