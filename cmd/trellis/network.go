package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"trellis/internal/admin"
	"trellis/internal/fault"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
	"trellis/internal/substrate/linux"
)

// namespaces lets the parts that work inside VPCs find them.
type namespaces struct{ host *linux.Host }

func (n namespaces) find(id string) (*linux.Namespace, error) {
	ns, ok := n.host.Namespace(id)
	if !ok {
		return nil, fmt.Errorf("%s has no namespace on this host", id)
	}
	return ns, nil
}

// room says whether the process may begin something of a kind.
type room func() error

// proxyNetwork implements the proxy's Network.
type proxyNetwork struct {
	namespaces
	room room
}

func (n proxyNetwork) Listen(_ context.Context, namespace string, addr netip.AddrPort) (net.Listener, error) {
	ns, err := n.find(namespace)
	if err != nil {
		return nil, err
	}
	l, err := ns.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return crowded{l, n.room}, nil
}

// crowded is a listener that closes what connects while there is no room for it.
type crowded struct {
	net.Listener
	room room
}

func (c crowded) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil || c.room() == nil {
			return conn, err
		}
		_ = conn.Close()
	}
}

func (n proxyNetwork) Dial(ctx context.Context, namespace string, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
	ns, err := n.find(namespace)
	if err != nil {
		return nil, err
	}
	return ns.Dial(ctx, "tcp", netip.AddrPortFrom(source, 0), to)
}

// resolverNetwork implements the resolvers' Network.
type resolverNetwork struct{ namespaces }

func (n resolverNetwork) ListenPacket(vpcID, network, addr string) (net.PacketConn, error) {
	ns, err := n.find(vpcID)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return ns.ListenPacket(network, to)
}

func (n resolverNetwork) Listen(vpcID, network, addr string) (net.Listener, error) {
	ns, err := n.find(vpcID)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return ns.Listen(network, to)
}

// functionNetwork implements the sandbox's Network.
type functionNetwork struct{ namespaces }

func (n functionNetwork) Attach(_ context.Context, functionInterface string) (process.Namespace, error) {
	g, err := n.host.AddGuest(functionInterface)
	if err != nil {
		return nil, err
	}
	return guest{g}, nil
}

// guest is the namespace of a function instance.
type guest struct{ *linux.Guest }

func (g guest) Listen(network, address string) (net.Listener, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return g.Guest.Listen(network, addr)
}

func (g guest) Close() error { return g.Remove() }

// execRunner implements the administration's Runner.
type execRunner struct {
	namespaces
	room room
	view *state.View
	host string
	// dir holds the programs' resolv.conf files.
	dir string
}

func (e execRunner) Start(ctx context.Context, networkInterface string, cmd admin.Command, uid, gid int, stdio [3]*os.File) (admin.Process, error) {
	if err := e.room(); err != nil {
		return nil, err
	}
	if err := e.applied(ctx, networkInterface); err != nil {
		return nil, err
	}
	ns, err := e.find(networkInterface)
	if err != nil {
		return nil, err
	}
	resolv, err := e.resolvConf(networkInterface)
	if err != nil {
		return nil, err
	}
	p, err := newProgram(inside{Resolv: resolv, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir}, cmd, uid, gid, stdio)
	if err != nil {
		return nil, errors.Join(err, os.Remove(resolv))
	}
	if err := p.start(ns.Start, ns.Evict); err != nil {
		return nil, errors.Join(fault.New(fault.Invalid, "", "The program cannot be started: %v", err), os.Remove(resolv))
	}
	return p, nil
}

// program is one that was asked for, under the supervision of this program.
type program struct {
	cmd  *exec.Cmd
	read *os.File
	// orders is what the supervisor listens to.
	orders *os.File
	resolv string
	// evict ends what a supervisor leaves that somebody killed.
	evict func() error
}

func newProgram(in inside, cmd admin.Command, uid, gid int, stdio [3]*os.File) (*program, error) {
	c := &exec.Cmd{Path: "/proc/self/exe", Stdin: stdio[0], Stdout: stdio[1], Stderr: stdio[2]}
	// Away from the server's terminal, which may be the client's too: reading from it would stop a program in the background.
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Setsid: true, Pdeathsig: syscall.SIGTERM}
	// As root the program changes to the caller's user. In a user namespace, where the caller is its root, the program gets
	// one of its own in which the caller is itself again, without any power over the networks.
	switch {
	case uid != 0:
		in.UID, in.GID = uid, gid
	case cmd.UID != 0:
		c.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		// It has to mount a file before it gives this up.
		c.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: cmd.UID, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: cmd.GID, HostID: os.Getgid(), Size: 1}}
	}
	var err error
	if c.Args, err = in.arguments(); err != nil {
		return nil, err
	}
	p := &program{cmd: c, resolv: in.Resolv}
	if p.read, p.orders, err = os.Pipe(); err != nil {
		return nil, err
	}
	c.ExtraFiles = []*os.File{p.read}
	return p, nil
}

func (p *program) start(start func(*exec.Cmd) error, evict func() error) error {
	p.evict = evict
	err := start(p.cmd)
	err = errors.Join(err, p.read.Close())
	if err != nil {
		_ = p.orders.Close()
	}
	return err
}

// Signal passes a signal on. SIGKILL ends whatever the program has started too.
func (p *program) Signal(s os.Signal) error {
	n, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Errorf("%v is not a signal", s)
	}
	if n == syscall.SIGKILL {
		return p.orders.Close()
	}
	_, err := p.orders.Write([]byte{byte(n)})
	return err
}

// Wait implements admin.Process.
func (p *program) Wait() (int, error) {
	err := p.cmd.Wait()
	_ = p.orders.Close()
	// Where the supervisor did not come so far.
	_ = os.Remove(p.resolv)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		if err := p.evict(); err != nil {
			return 0, err
		}
		return 128 + int(status.Signal()), nil
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// resolvConfs are files that tell programs who resolves names. Each is there until its program has it.
const resolvConfs = "resolv-*.conf"

// forgetResolvConfs takes away those of programs that a server which was killed was about to start.
func forgetResolvConfs(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, resolvConfs))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// resolvConf writes the file that tells a program behind the interface who resolves names there.
func (e execRunner) resolvConf(networkInterface string) (path string, err error) {
	s := e.view.Snapshot()
	i, ok := state.Interfaces.Get(s, networkInterface)
	if !ok {
		return "", fault.New(fault.NotFound, "", "The network interface %s is gone.", networkInterface)
	}
	v, ok := state.VPCs.Get(s, i.VPC)
	if !ok {
		return "", fault.New(fault.NotFound, "", "The VPC %s is gone.", i.VPC)
	}
	f, err := os.CreateTemp(e.dir, resolvConfs)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "nameserver %s\noptions timeout:2 attempts:2\n", v.Resolver())
	return f.Name(), errors.Join(err, f.Chmod(0o644), f.Close())
}

// applied waits until this host has made the interface real.
func (e execRunner) applied(ctx context.Context, id string) error {
	for {
		s := e.view.Snapshot()
		_, rev, ok := state.Interfaces.Lookup(s, id)
		if !ok {
			return fault.New(fault.NotFound, "", "The network interface %s is gone.", id)
		}
		if h, ok := state.Hosts.Get(s, e.host); ok {
			if why, failed := h.Failures[id]; failed {
				return fault.New(fault.Unavailable, "", "The network interface %s cannot be made: %s", id, why)
			}
			if h.Applied >= rev.Created {
				return nil
			}
		}
		if _, err := e.view.After(ctx, s.Rev); err != nil {
			return err
		}
	}
}
