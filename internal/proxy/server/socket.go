package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"trellis/internal/proxy"
)

// socket is a listening socket and the connections accepted from it.
type socket struct {
	srv     *Server
	binding proxy.Binding
	ln      net.Listener
	space   *space
	closing atomic.Bool
	// front is what is served here now.
	front atomic.Pointer[proxy.Front]
	// failed says that nothing will be accepted any more although the socket was not closed.
	failed atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
	// tunnels are the clients' connections to a resource.
	tunnels map[net.Conn]struct{}
}

func newSocket(s *Server, b proxy.Binding, ln net.Listener, p *space) *socket {
	return &socket{srv: s, binding: b, ln: ln, space: p, conns: make(map[*conn]struct{}), tunnels: make(map[net.Conn]struct{})}
}

func (k *socket) accept() {
	wait := 5 * time.Millisecond
	for {
		nc, err := k.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || k.closing.Load() {
				return
			}
			k.srv.Log.Warn("accepting a connection failed", "address", k.binding.Addr, "namespace", k.binding.Namespace, "error", err)
			if errors.Is(err, syscall.EINVAL) {
				k.failed.Store(true)
				k.srv.broken.Store(true)
				return
			}
			time.Sleep(wait)
			wait = min(wait*2, time.Second)
			continue
		}
		wait = 5 * time.Millisecond
		if f := k.front.Load(); f != nil && f.Resource != nil {
			k.carry(nc, f.Resource)
			continue
		}
		l, err := newLink(nc)
		if err != nil {
			k.srv.Log.Warn("a connection cannot be served", "address", k.binding.Addr, "namespace", k.binding.Namespace, "error", err)
			_ = nc.Close()
			continue
		}
		c := k.srv.conns.Get().(*conn)
		c.attach(k, l)
		k.space.add(nc)
		k.mu.Lock()
		k.conns[c] = struct{}{}
		k.mu.Unlock()
		k.srv.count.connections.Add(1)
		k.srv.count.open.Add(1)
		k.srv.running.Go(func() {
			c.serve()
			_ = nc.Close()
			k.mu.Lock()
			delete(k.conns, c)
			k.mu.Unlock()
			k.space.remove(nc)
			k.srv.count.open.Add(-1)
			c.release()
		})
	}
}

// close stops listening and ends the connections to resources and those that wait for a request; the others end with the
// request they are at.
func (k *socket) close() {
	k.closing.Store(true)
	_ = k.ln.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		c.wake()
	}
	for c := range k.tunnels {
		_ = c.Close()
	}
}

// addrPort returns the address and port of a, the zero AddrPort if it has none.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		p := t.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
