// Package subject has the processes of the bench's own that are measured: Trellis' proxy alone, and the least that any
// proxy in user space does. Each ends with its standard input.
package subject

import (
	"encoding/json"
	"io"
	"net"
	"net/netip"
)

// Floors are the addresses of the least that can be done with a request.
type Floors struct {
	// Relay reads and writes a request and reads and writes its answer, in turns, and knows only such as fit one read.
	Relay netip.AddrPort
	// Stream passes bytes both ways.
	Stream netip.AddrPort
	// Refusal reads a request and answers 403.
	Refusal netip.AddrPort
}

// Floor serves the floors before a target until the input ends.
func Floor(in io.Reader, out io.Writer, target netip.AddrPort) error {
	var f Floors
	for _, s := range []struct {
		at    *netip.AddrPort
		serve func(net.Conn)
	}{
		{&f.Relay, before(target, relay)},
		{&f.Stream, before(target, stream)},
		{&f.Refusal, refuse},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		if *s.at, err = netip.ParseAddrPort(l.Addr().String()); err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go s.serve(c)
			}
		}()
	}
	if err := json.NewEncoder(out).Encode(f); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// before gives every client a connection of its own to the target.
func before(target netip.AddrPort, pass func(client, target net.Conn)) func(net.Conn) {
	return func(client net.Conn) {
		defer client.Close()
		t, err := net.Dial("tcp", target.String())
		if err != nil {
			return
		}
		defer t.Close()
		pass(client, t)
	}
}

func relay(client, target net.Conn) {
	buf := make([]byte, 8<<10)
	for from, to := client, target; ; from, to = to, from {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func stream(client, target net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyBytes(target, client)
		_ = target.Close()
	}()
	copyBytes(client, target)
	_ = client.Close()
	<-done
}

// copyBytes is a copy through user space, as a proxy that looks at what passes has to make.
func copyBytes(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func refuse(client net.Conn) {
	defer client.Close()
	answer := []byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nForbidden")
	buf := make([]byte, 8<<10)
	for {
		if _, err := client.Read(buf); err != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}
