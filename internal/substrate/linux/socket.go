package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen opens a TCP listener at an address and port in the namespace. The address
// need not be the kernel's own, as those of a Lattice prefix are not, and connections
// to other ports may be steered to it. The listener can be used by any goroutine, and
// belongs to the namespace for good.
func (n *Namespace) Listen(network string, addr netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{Control: option(unix.IP_TRANSPARENT)}
	lc.SetMultipathTCP(false)
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = lc.Listen(context.Background(), network, addr.String())
		return err
	})
	return l, err
}

// ListenPacket opens a UDP socket likewise.
func (n *Namespace) ListenPacket(network string, addr netip.AddrPort) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: option(unix.IP_FREEBIND)}
	var c net.PacketConn
	err := n.Do(func() (err error) {
		c, err = lc.ListenPacket(context.Background(), network, addr.String())
		return err
	})
	return c, err
}

func option(name int) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, name, 1)
		}); cerr != nil {
			return cerr
		}
		return err
	}
}

// Dial connects from the namespace to a TCP or UDP address. A valid source is bound
// first; its port may be zero. Only making the socket occupies a thread, waiting for
// the connection does not.
func (n *Namespace) Dial(ctx context.Context, network string, source, destination netip.AddrPort) (net.Conn, error) {
	conn, err := n.dial(ctx, network, source, destination)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(destination), Err: err}
	}
	return conn, nil
}

func (n *Namespace) dial(ctx context.Context, network string, source, destination netip.AddrPort) (net.Conn, error) {
	kind := unix.SOCK_STREAM
	if strings.HasPrefix(network, "udp") {
		kind = unix.SOCK_DGRAM
	} else if !strings.HasPrefix(network, "tcp") {
		return nil, net.UnknownNetworkError(network)
	}
	family := unix.AF_INET
	if destination.Addr().Is6() {
		family = unix.AF_INET6
	}
	var fd int
	if err := n.Do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	}); err != nil {
		return nil, err
	}
	if err := connect(fd, source, destination); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), network)
	defer file.Close()
	if err := connected(ctx, file); err != nil {
		return nil, err
	}
	return net.FileConn(file)
}

func connect(fd int, source, destination netip.AddrPort) error {
	if source.IsValid() {
		for _, option := range []int{unix.IP_FREEBIND, unix.IP_BIND_ADDRESS_NO_PORT} {
			if err := unix.SetsockoptInt(fd, unix.SOL_IP, option, 1); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		if err := unix.Bind(fd, sockaddr(source)); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(destination)); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// connected waits in Go's poller until the socket is, or cannot be.
func connected(ctx context.Context, file *os.File) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := file.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() {
		// The wait below ends at once; an error would mean that it has.
		_ = file.SetWriteDeadline(time.Unix(1, 0))
	})
	defer stop()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			result = os.NewSyscallError("getsockopt", err)
			return true
		}
		if code != 0 {
			result = os.NewSyscallError("connect", unix.Errno(code))
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case err != nil:
		return err
	}
	return result
}

// Start starts a command in the namespace. The process gets a signal, SIGKILL unless
// the command has another, when the namespace or this process ends.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	err := n.Do(func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		ended := func(c *exec.Cmd) bool { return errors.Is(c.Process.Signal(syscall.Signal(0)), os.ErrProcessDone) }
		n.started = append(slices.DeleteFunc(n.started, ended), cmd)
		return nil
	})
	if err != nil {
		return fmt.Errorf("start in %s: %w", n.name, err)
	}
	return nil
}
