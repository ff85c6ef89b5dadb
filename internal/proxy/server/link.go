package server

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// link is a TCP connection. Its system calls never wait, so the runtime's scheduler is not told of them; where there is
// nothing to read or no room to write, the goroutine waits as with any connection. One goroutine at a time may read and one
// write.
type link struct {
	net.Conn
	raw     syscall.RawConn
	in      deadline
	out     deadline
	reading transfer
	writing transfer
	pull    func(fd uintptr) bool
	push    func(fd uintptr) bool
}

// transfer is a read or a write under way.
type transfer struct {
	p      []byte
	n      int
	errno  syscall.Errno
	waited bool
	// A write waits at most for so long, and not past the end.
	timeout time.Duration
	end     time.Time
}

// deadline is one direction's deadline. Setting it costs, so one that is close enough is left alone.
type deadline struct{ at time.Time }

// due reports whether the deadline has to be set, to the time it returns.
func (d *deadline) due(now time.Time, timeout time.Duration, end time.Time) (time.Time, bool) {
	want := now.Add(timeout)
	if !end.IsZero() && want.After(end) {
		want = end
	}
	gap := want.Sub(d.at)
	if gap >= 0 && gap <= timeout/16 {
		return want, false
	}
	d.at = want
	return want, true
}

var errNoSocket = errors.New("the connection is not a socket")

func newLink(nc net.Conn) (*link, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, errNoSocket
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{Conn: nc, raw: raw}
	l.pull, l.push = l.readOnce, l.writeAll
	return l, l.raw.Control(unpaced)
}

// unpaced has a socket send without pacing, whatever the machine's default is: the other end is on this machine, where a timer
// for each message costs more than what it could spare the way between. A kernel that refuses sends as it does by default.
func unpaced(fd uintptr) {
	_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, "reno")
}

// await bounds how long reading waits: for the timeout from now, and not past the end, unless that is zero.
func (l *link) await(now time.Time, timeout time.Duration, end time.Time) {
	if t, due := l.in.due(now, timeout, end); due {
		_ = l.SetReadDeadline(t)
	}
}

// Read implements io.Reader.
func (l *link) Read(p []byte) (int, error) {
	l.reading = transfer{p: p}
	err := l.raw.Read(l.pull)
	return l.reading.result(err)
}

// result is what a read comes to that the poller ended with err.
func (t *transfer) result(err error) (int, error) {
	t.p = nil
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, t.errno
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// readOnce reads, and reports false if it has to wait for something to read.
func (l *link) readOnce(fd uintptr) bool {
	t := &l.reading
	t.n, t.errno = try(syscall.SYS_RECVFROM, fd, t.p)
	if t.errno == syscall.EAGAIN {
		t.waited = true
		return false
	}
	return true
}

// write sends all of p. Where it has to wait for room it does so for the timeout, and not past the end, unless that is zero.
func (l *link) write(p []byte, timeout time.Duration, end time.Time) (int, error) {
	l.writing = transfer{p: p, timeout: timeout, end: end}
	err := l.raw.Write(l.push)
	if err != nil && !l.writing.waited && errors.Is(err, os.ErrDeadlineExceeded) {
		// The deadline is an earlier write's.
		l.out.at = time.Time{}
		l.patience()
		err = l.raw.Write(l.push)
	}
	l.writing.p = nil
	if err == nil && l.writing.errno != 0 {
		err = l.writing.errno
	}
	return l.writing.n, err
}

// writeAll writes, and reports false if it has to wait for room.
func (l *link) writeAll(fd uintptr) bool {
	t := &l.writing
	for t.n < len(t.p) {
		n, errno := try(syscall.SYS_SENDTO, fd, t.p[t.n:])
		if t.errno = errno; errno == syscall.EAGAIN {
			l.patience()
			return false
		}
		if errno != 0 {
			return true
		}
		t.n += n
	}
	return true
}

// patience sets the deadline of a write that has to wait.
func (l *link) patience() {
	t := &l.writing
	t.waited = true
	if at, due := l.out.due(time.Now(), t.timeout, t.end); due {
		_ = l.SetWriteDeadline(at)
	}
}

// CloseWrite ends what is sent.
func (l *link) CloseWrite() error {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errNoSocket
}

// try receives or sends what it can without waiting.
func try(call, fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

// quiet reports whether a socket has neither bytes to read nor come to its end.
func quiet(fd uintptr) bool {
	var b byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno == syscall.EAGAIN
}
