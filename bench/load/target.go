package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// Sizes of the bodies that the target sends: for a path that begins with "/large", and for all others.
const (
	Small = 1 << 10
	Large = 1 << 20
)

// listener is a target's listening socket.
type listener struct {
	fd           int
	small, large []byte
}

// Target opens a listening socket on loopback, whose connections the loop answers from then on.
func (l *Loop) Target() (netip.AddrPort, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(syscall.Bind(fd, &at), syscall.Listen(fd, 1024)); err != nil {
		_ = syscall.Close(fd)
		return netip.AddrPort{}, fmt.Errorf("listen: %w", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	name, ok := bound.(*syscall.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, errors.New("the listening socket has no IPv4 address")
	}
	return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)),
		l.add(fd, &listener{fd: fd, small: answer(Small), large: answer(Large)})
}

func answer(size int) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", size)
	return append([]byte(head), bytes.Repeat([]byte("x"), size)...)
}

// ready implements sock.
func (t *listener) ready(l *Loop, _ uint32) error {
	for {
		fd, _, err := syscall.Accept4(t.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if errors.Is(err, syscall.EAGAIN) {
			return nil
		}
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ECONNABORTED) {
			continue
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if err := errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), l.add(fd, &served{listener: t, fd: fd})); err != nil {
			return err
		}
	}
}

// served is a connection that the target answers. Requests have no body, so a blank line ends each.
type served struct {
	listener *listener
	fd       int
	line     []byte // the beginning of the request line
	blank    int    // bytes of CR LF CR LF seen
	out      []byte // not sent yet
}

// ready implements sock.
func (s *served) ready(l *Loop, events uint32) error {
	if events&syscall.EPOLLOUT != 0 {
		if err := l.wish(s.fd, syscall.EPOLLIN); err != nil {
			return err
		}
		s.flush(l)
		return nil
	}
	n, err := syscall.Read(s.fd, l.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil || n == 0:
		l.drop(s.fd)
		return nil
	}
	for _, b := range l.buf[:n] {
		if len(s.line) < len("GET /large") {
			s.line = append(s.line, b)
		}
		switch {
		case b == "\r\n\r\n"[s.blank]:
			s.blank++
		case b == '\r':
			s.blank = 1
		default:
			s.blank = 0
		}
		if s.blank == 4 {
			reply := s.listener.small
			if string(s.line) == "GET /large" {
				reply = s.listener.large
			}
			s.line, s.blank = s.line[:0], 0
			if len(s.out) == 0 {
				s.out = reply
			} else {
				s.out = append(append([]byte(nil), s.out...), reply...)
			}
			s.flush(l)
		}
	}
	return nil
}

// flush sends what the connection takes; the proxy at the other end may well have gone.
func (s *served) flush(l *Loop) {
	for len(s.out) > 0 {
		n, err := syscall.Write(s.fd, s.out)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			if l.wish(s.fd, syscall.EPOLLIN|syscall.EPOLLOUT) != nil {
				l.drop(s.fd)
			}
			return
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			l.drop(s.fd)
			return
		default:
			s.out = s.out[n:]
		}
	}
}
