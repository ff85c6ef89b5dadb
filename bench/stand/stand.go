// Package stand runs trellis servers for the bench, each with a data directory of its own, and has the accounts and clients
// that ask them.
package stand

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"trellis/bench/process"
)

// Server is a running "trellis serve".
type Server struct {
	*process.Process
	Endpoint string
	Addr     netip.AddrPort
	// Plane says why there is no data plane, and is empty where there is one.
	Plane   string
	Program string
	Data    string
}

// Launch starts a server without waiting for it.
func Launch(program, dir string, core int, flags ...string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &Server{Program: program, Data: filepath.Join(dir, "data")}
	var err error
	s.Process, err = process.Start(process.Program{Path: program, Args: append([]string{"serve", "--data", s.Data}, flags...), Dir: dir, Core: core,
		Log: filepath.Join(dir, "server.log"), Tell: true, Env: []string{"HOME=" + dir}})
	return s, err
}

// Start starts a server and waits until it is ready.
func Start(ctx context.Context, program, dir string, core int, flags ...string) (*Server, error) {
	s, err := Launch(program, dir, core, append([]string{"--listen", "127.0.0.1:0"}, flags...)...)
	if err != nil {
		return nil, err
	}
	if err := s.Await(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Await waits until a server says that it is ready.
func (s *Server) Await(ctx context.Context) error {
	ready := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(s.Out)
		for lines.Scan() {
			if why, ok := strings.CutPrefix(lines.Text(), "control plane only: "); ok {
				s.Plane = why
			}
			if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- s.at(endpoint)
				_, _ = io.Copy(io.Discard, s.Out)
				return
			}
		}
		ready <- errors.Join(errors.New("the server ended before it was ready"), lines.Err())
	}()
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.Tail())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Minute):
		return errors.New("the server is not ready after two minutes\n" + s.Tail())
	}
}

func (s *Server) at(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	s.Endpoint = endpoint
	s.Addr, err = netip.ParseAddrPort(u.Host)
	return err
}

// Command is a command of the server's own command line.
func (s *Server) Command(args ...string) []string {
	return append([]string{s.Program, "--data", s.Data}, args...)
}

// Run runs such a command and answers what it printed.
func (s *Server) Run(ctx context.Context, args ...string) ([]byte, error) {
	line := s.Command(args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("trellis %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// Settle waits until the host has applied the newest state.
func (s *Server) Settle(ctx context.Context) error {
	for {
		out, err := s.Run(ctx, "status", "--json")
		if err != nil {
			return err
		}
		var status struct {
			Revision, Applied int64
			Failures          map[string]string
		}
		if err := json.Unmarshal(out, &status); err != nil {
			return err
		}
		for id, why := range status.Failures {
			return fmt.Errorf("%s failed: %s", id, why)
		}
		if status.Applied >= status.Revision {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
