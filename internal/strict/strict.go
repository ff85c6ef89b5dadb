// Package strict keeps from a server of HTTP/1 what could be read in more ways than one, and what its own reader lets pass: lines
// that end without a carriage return, header lines that go on in the next, and a length that is told twice (RFC 9112, 2.2, 5.2 and
// 6.3). The server gets a head that it answers with 400 itself, in its turn, and then the end. Each connection has its own state,
// which the goroutine that reads it writes.
package strict

import (
	"io"
	"net"
)

// Listen returns l with connections that are read so.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// malformed ends every head as one that no server takes.
const malformed = "\x00\r\n\r\n"

type conn struct {
	net.Conn
	scanner scanner
	refused bool
	left    string // of malformed, once it is refused
}

func (c *conn) Read(p []byte) (int, error) {
	if !c.refused {
		n, err := c.Conn.Read(p)
		good := c.scanner.accept(p[:n])
		if good == n {
			return n, err
		}
		c.refused, c.left = true, malformed
		if good > 0 {
			return good, nil
		}
	}
	if c.left == "" {
		return 0, io.EOF
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// CloseWrite lets a client read an answer to what the server did not read to its end.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
