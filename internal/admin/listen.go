package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Names of the sockets in the data directory.
const (
	Socket     = "admin.sock"
	ExecSocket = "exec.sock"
)

// Listen opens a unix socket for the server's own user and root. Connections of anyone else are closed unread.
func Listen(path string) (*Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A socket's path may have about 100 bytes, its directory's may have more: it is named by its descriptor.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot listen at %s: %w", path, err), dir.Close())
	}
	return &Listener{l, dir}, nil
}

// Listener accepts connections of the owner and of root alone.
type Listener struct {
	*net.UnixListener
	dir *os.File
}

// Close implements net.Listener; it removes the socket.
func (l *Listener) Close() error { return errors.Join(l.UnixListener.Close(), l.dir.Close()) }

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) { return l.AcceptUnix() }

// AcceptUnix is Accept with the connection's own type.
func (l *Listener) AcceptUnix() (*net.UnixConn, error) {
	for {
		conn, err := l.UnixListener.AcceptUnix()
		if err != nil {
			return nil, err
		}
		cred, err := peer(conn)
		if err == nil && (int(cred.Uid) == os.Getuid() || cred.Uid == 0) {
			return conn, nil
		}
		conn.Close()
	}
}

// peer returns who is at the other end.
func peer(conn *net.UnixConn) (*unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, fmt.Errorf("cannot tell who connected: %w", failed)
	}
	return cred, nil
}
