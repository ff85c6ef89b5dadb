package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// client is one connection that asks.
type client struct {
	run     *run
	fd      int
	due     time.Time
	request []byte
	rest    []byte // of the request, not sent yet

	busy    bool
	head    []byte // what is here of the answer's head; kept until the next answer
	inBody  bool
	status  int
	length  int64
	left    int64
	closing bool
}

var errChunked = errors.New("an answer without a Content-Length: the load generator reads no other")

func address(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func family(a netip.AddrPort) int {
	if a.Addr().Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// connect opens the connection. Only addresses of this machine are asked, so waiting for it costs nothing.
func (c *client) connect() error {
	if !c.run.Addr.Addr().IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", c.run.Addr)
	}
	fd, err := syscall.Socket(family(c.run.Addr), syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), syscall.Connect(fd, address(c.run.Addr)), syscall.SetNonblock(fd, true)); err != nil {
		_ = syscall.Close(fd)
		return fmt.Errorf("connect to %s: %w", c.run.Addr, err)
	}
	c.fd, c.busy, c.inBody, c.closing = fd, false, false, false
	return c.run.loop.add(fd, c)
}

func (c *client) send(request []byte, due time.Time) error {
	c.due, c.busy, c.inBody, c.head = due, true, false, c.head[:0]
	c.request, c.rest = request, request
	return c.flush()
}

// flush sends what is left of the request.
func (c *client) flush() error {
	for len(c.rest) > 0 {
		n, err := syscall.Write(c.fd, c.rest)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return c.run.loop.wish(c.fd, syscall.EPOLLIN|syscall.EPOLLOUT)
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return c.again(err)
		default:
			c.rest = c.rest[n:]
		}
	}
	return nil
}

// again opens the connection anew for a request that the server closed it under, which it may do between two requests.
func (c *client) again(cause error) error {
	if len(c.head) > 0 {
		return fmt.Errorf("the connection to %s broke within an answer: %w", c.run.Addr, cause)
	}
	return fmt.Errorf("the connection to %s broke: %w", c.run.Addr, cause)
}

// ready implements sock.
func (c *client) ready(l *Loop, events uint32) error {
	if events&syscall.EPOLLOUT != 0 {
		if err := l.wish(c.fd, syscall.EPOLLIN); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	if events&^syscall.EPOLLOUT == 0 {
		return nil
	}
	n, err := syscall.Read(c.fd, l.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return c.again(err)
	case n == 0 && !c.busy:
		// An idle connection that the server gave up.
		l.drop(c.fd)
		return c.connect()
	case n == 0:
		return c.again(errors.New("end of file"))
	}
	return c.take(l.buf[:n])
}

// take reads a part of an answer.
func (c *client) take(data []byte) error {
	if !c.busy {
		return fmt.Errorf("%s sent %d bytes unasked", c.run.Addr, len(data))
	}
	if !c.inBody {
		had := len(c.head)
		c.head = append(c.head, data...)
		end := bytes.Index(c.head[max(0, had-3):], []byte("\r\n\r\n"))
		if end < 0 {
			return nil
		}
		end += max(0, had-3) + 4
		if err := c.parse(c.head[:end]); err != nil {
			return err
		}
		data = data[end-had:]
		c.inBody, c.left = true, c.length
	}
	c.left -= int64(len(data))
	if c.left > 0 {
		return nil
	}
	if c.left < 0 {
		return fmt.Errorf("%s sent more than it announced", c.run.Addr)
	}
	c.busy = false
	return c.run.answered(c, time.Now())
}

// parse reads an answer's head: the status, and how the body ends.
func (c *client) parse(head []byte) error {
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.")) {
		return fmt.Errorf("%s answered %.60q", c.run.Addr, head)
	}
	c.status = int(head[9]-'0')*100 + int(head[10]-'0')*10 + int(head[11]-'0')
	c.closing = head[7] == '0'
	c.length = -1
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return err
			}
			c.length = n
		case bytes.EqualFold(name, []byte("connection")):
			c.closing = bytes.EqualFold(bytes.TrimSpace(value), []byte("close"))
		}
	}
	if c.length < 0 {
		return errChunked
	}
	return nil
}
