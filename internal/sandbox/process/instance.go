//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/arn"
	"trellis/internal/sandbox"
	"trellis/internal/strict"
)

// maxConns bounds what one instance may take of the server's descriptors, on each of its two listeners.
const maxConns = 128

// A request's header is no longer than maxHeader, and has so long to come. The longest part of one is a session's token.
const (
	maxHeader  = 64 << 10
	headerTime = 10 * time.Second
)

// instance is one process that runs a function, with all that belongs to it. It is made by start and ended by kill; what
// is left of it is cleared away when the process has gone.
type instance struct {
	pool    *pool
	stream  string
	ns      Namespace
	servers []*http.Server
	process *os.Process
	api     *runtimeAPI
	log     *logger
	program *program
	// gate stays open as long as the server lives; faults tells which step of the program failed.
	gate, faults *os.File
	started      time.Time
	// expires is when its credentials do. Zero is never.
	expires time.Time

	// peak is the most memory it was seen with, in bytes.
	peak atomic.Int64

	// gone is closed when the process has ended; exit then says how, and fault which step before exec failed.
	gone  chan struct{}
	exit  string
	fault string
	// cleared is closed when nothing of it is left but lines that the log has not taken.
	cleared chan struct{}

	// What follows belongs to the Manager and is guarded by its lock.
	frozen, forgotten, settling bool
	timer                       *time.Timer
	idleAt                      time.Time
}

// start runs a new instance of the pool's function. The process may not have got far when it returns.
func (m *Manager) start(ctx context.Context, p *pool) (_ *instance, err error) {
	in := &instance{pool: p, gone: make(chan struct{}), cleared: make(chan struct{})}
	in.stream = sandbox.LogStream(p.fn.Version, time.Now(), arn.RandomHex(32))
	in.api = newRuntimeAPI(in.gone)
	var undo []func()
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()

	if err := m.opts.Room(); err != nil {
		return nil, err
	}
	creds, expires, err := m.credentials(ctx, p)
	if err != nil {
		return nil, err
	}
	in.expires = expires
	var network Network = Isolated{}
	if p.fn.Interface != "" {
		network = m.opts.Network
	}
	if in.ns, err = network.Attach(ctx, p.fn.Interface); err != nil {
		return nil, fmt.Errorf("attaching to the network: %w", err)
	}
	undo = append(undo, func() { in.ns.Close() })
	for _, s := range []struct {
		address string
		handler http.Handler
	}{{sandbox.RuntimeAPI, in.api}, {sandbox.APIEndpoint, m.opts.API}} {
		if s.handler == nil {
			continue
		}
		l, err := in.ns.Listen("tcp4", s.address)
		if err != nil {
			return nil, fmt.Errorf("listening on %s: %w", s.address, err)
		}
		undo = append(undo, func() { l.Close() })
		server := newServer(s.handler, m.quiet)
		in.servers = append(in.servers, server)
		go server.Serve(strict.Listen(newLimited(l, maxConns)))
	}
	undo = append(undo, func() { in.closeServers() })

	output, err := m.spawn(in, sandbox.Environment(&p.fn, p.choice, in.stream, creds))
	if err != nil {
		return nil, err
	}
	in.log = newLogger(m.ctx, m.opts.Logs, &p.fn, in.stream, output)
	if p.choice.Note != "" {
		in.log.say("[trellis] " + p.choice.Note)
	}
	m.wg.Go(func() { m.attend(in) })
	return in, nil
}

// newServer answers one instance, which may send what it likes: a header has to end soon and takes little room. An instance that
// is stopped between two requests keeps its connections.
func newServer(h http.Handler, quiet *log.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTime, MaxHeaderBytes: maxHeader, ErrorLog: quiet}
}

func (in *instance) closeServers() {
	for _, s := range in.servers {
		s.Close()
	}
}

// spawn starts the process and returns what it prints.
func (m *Manager) spawn(in *instance, env []string) (*os.File, error) {
	p := in.pool
	tree, err := m.roots.clone(p.root)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	var ends [3][2]*os.File
	for i := range ends {
		// The first is the output, which the logger reads without blocking.
		if ends[i][0], ends[i][1], err = pipe(i == 0); err != nil {
			closeAll(ends[:i]...)
			return nil, err
		}
	}
	output, gate, faults := ends[0], ends[1], ends[2]
	in.program = m.confinement(order{
		args: p.args, env: env, tmpMB: p.fn.EphemeralMB, limits: m.limits(p.fn.MemoryMB),
		null: m.null, output: output[1], gate: gate[0], otherGate: gate[1], root: tree,
	})
	in.started = time.Now()
	n := m.nextID.Add(1)
	err = in.ns.Do(func() error {
		in.process, err = in.program.start(namespaces, faults[1], func(pid int) error {
			if err := errors.Join(m.ids.writeIDs(pid, n), offer(pid)); err != nil {
				return err
			}
			_, err := gate[1].Write([]byte{1})
			return err
		})
		return err
	})
	if err != nil {
		closeAll(ends[:]...)
		return nil, err
	}
	output[1].Close()
	gate[0].Close()
	faults[1].Close()
	in.gate, in.faults = gate[1], faults[0]
	return output[0], nil
}

func closeAll(pairs ...[2]*os.File) {
	for _, p := range pairs {
		p[0].Close()
		p[1].Close()
	}
}

// pipe returns a pipe, of which the first end may be one that does not block. The other end always does, as programs expect
// of their output.
func pipe(async bool) (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("making a pipe: %w", err)
	}
	if err := unix.SetNonblock(fd[0], async); err != nil {
		unix.Close(fd[0])
		unix.Close(fd[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd[0]), "pipe"), os.NewFile(uintptr(fd[1]), "pipe"), nil
}

// attend waits for the process to end and clears away what belonged to it: sockets before the namespace.
func (m *Manager) attend(in *instance) {
	state, err := in.process.Wait()
	switch {
	case err != nil:
		in.exit = err.Error()
	case state.Success():
	default:
		in.exit = describe(state.Sys().(syscall.WaitStatus))
	}
	// The other end closed with the process at the latest.
	if text, err := io.ReadAll(io.LimitReader(in.faults, 4<<10)); err == nil {
		in.fault = in.program.explain(text)
	}
	close(in.gone)
	in.closeServers()
	in.ns.Close()
	in.gate.Close()
	in.faults.Close()
	m.forget(in)
	close(in.cleared)
	in.log.stop()
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "signal: " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// kill ends the process and everything it started, as they share its PID namespace.
func (in *instance) kill() {
	// An error says that it has ended already.
	_ = in.process.Kill()
}

// dead asks the kernel, which knows of an end before the goroutine that waits for it has come to run.
func (in *instance) dead() bool {
	select {
	case <-in.gone:
		return true
	default:
	}
	var end unix.Siginfo
	err := unix.Waitid(unix.P_PID, in.process.Pid, &end, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == unix.ECHILD || err == nil && end.Signo != 0
}
