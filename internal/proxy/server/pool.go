package server

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/proxy"
)

const maxIdlePerTarget = 128

// upstream is a connection to a target.
type upstream struct {
	pool *pool
	in   reader
	wdl  deadline
	used bool
	idle time.Time // since when

	raw   syscall.RawConn
	poll  func(fd uintptr)
	quiet bool
}

type poolKey struct {
	namespace string
	source    netip.Addr
	addr      netip.AddrPort
}

// pool keeps the idle connections to one target address from one namespace.
type pool struct {
	key    poolKey
	space  *space
	mu     sync.Mutex
	idle   []*upstream
	closed bool
}

func keyOf(t *proxy.Target) poolKey { return poolKey{t.Namespace, t.Source, t.Addr} }

// take returns the idle connection used last that is still open, or nil.
func (p *pool) take() *upstream {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		u := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if u.fresh() {
			return u
		}
		u.close()
	}
}

// put takes back a connection that is ready for another request.
func (p *pool) put(u *upstream, now time.Time) {
	u.used, u.idle = true, now
	u.in.r, u.in.w, u.in.head = 0, 0, 0
	if len(u.in.buf) > bodyBuffer*2 {
		u.in.buf = make([]byte, firstBuffer)
	}
	p.mu.Lock()
	if !p.closed && len(p.idle) < maxIdlePerTarget {
		p.idle = append(p.idle, u)
		u = nil
	}
	p.mu.Unlock()
	if u != nil {
		u.close()
	}
}

// expire closes the connections idle since before t.
func (p *pool) expire(t time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && p.idle[n].idle.Before(t) {
		n++
	}
	old := append([]*upstream(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.mu.Unlock()
	for _, u := range old {
		u.close()
	}
}

// close closes the idle connections now and every other one when its request is over.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, u := range old {
		u.close()
	}
}

// dial opens a new connection.
func (p *pool) dial(ctx context.Context, n Network) (*upstream, error) {
	nc, err := n.Dial(ctx, p.key.namespace, p.key.source, p.key.addr)
	if err != nil {
		return nil, err
	}
	u := &upstream{pool: p, in: reader{nc: nc, buf: make([]byte, firstBuffer)}}
	if sc, ok := nc.(syscall.Conn); ok {
		if u.raw, err = sc.SyscallConn(); err != nil {
			u.raw = nil
		}
	}
	u.poll = func(fd uintptr) {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds[:], 0)
		u.quiet = n == 0 && err == nil
	}
	p.space.add(nc)
	return u, nil
}

// fresh reports whether nothing arrived while the connection was idle, neither bytes nor its end.
func (u *upstream) fresh() bool {
	if u.raw == nil {
		return true
	}
	u.quiet = false
	return u.raw.Control(u.poll) == nil && u.quiet
}

func (u *upstream) close() {
	_ = u.in.nc.Close()
	u.pool.space.remove(u.in.nc)
}

// space is every connection open inside one network namespace.
type space struct {
	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	waiters []chan struct{}
}

func newSpace() *space { return &space{conns: make(map[net.Conn]struct{})} }

func (s *space) add(nc net.Conn) {
	s.mu.Lock()
	s.conns[nc] = struct{}{}
	s.mu.Unlock()
}

func (s *space) remove(nc net.Conn) {
	s.mu.Lock()
	delete(s.conns, nc)
	if len(s.conns) == 0 {
		for _, w := range s.waiters {
			close(w)
		}
		s.waiters = nil
	}
	s.mu.Unlock()
}

func (s *space) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) == 0
}

// wait returns when no connection is open; once ctx is done it closes those that are.
func (s *space) wait(ctx context.Context) error {
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.mu.Unlock()
		return nil
	}
	empty := make(chan struct{})
	s.waiters = append(s.waiters, empty)
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for nc := range s.conns {
		_ = nc.Close()
	}
	s.mu.Unlock()
	return ctx.Err()
}
