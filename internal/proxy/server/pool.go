package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"trellis/internal/proxy"
)

const maxIdlePerTarget = 128

// upstream is a connection to a target.
type upstream struct {
	pool  *pool
	in    reader
	used  bool
	idle  time.Time // since when
	query query
	step  func(fd uintptr) bool
}

// query is a request under way that is sent at once, and the beginning of its answer.
type query struct {
	transfer // of the answer
	request  []byte
	sent     int
	refused  syscall.Errno // by which the request was not sent whole
	yield    bool          // others go first before the answer is waited for
	begun    bool
	stale    bool
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
	users  int // members of groups, guarded by the server's mu
	mu     sync.Mutex
	idle   []*upstream
	closed bool
}

func keyOf(t *proxy.Target) poolKey { return poolKey{t.Namespace, t.Source, t.Addr} }

// take returns the idle connection used last, or nil. It may have gone stale.
func (p *pool) take() *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	u := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return u
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
	l, err := newLink(nc)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	u := &upstream{pool: p, in: reader{link: l, buf: make([]byte, firstBuffer)}}
	u.step = u.converse
	p.space.add(nc)
	return u, nil
}

// errStale is of a kept connection on which something arrived, bytes or its end, while nothing was asked.
var errStale = errors.New("the connection went stale")

// ask sends a request and reads the beginning of its answer into the buffer, unless the connection is found stale before, and
// nothing is sent. Deadlines are the caller's. Where the request could not be sent whole, it says how much was.
func (u *upstream) ask(request []byte, yield bool) (sent int, err error) {
	u.query = query{transfer: transfer{p: u.in.buf}, request: request, yield: yield}
	err = u.in.raw.Read(u.step)
	q := &u.query
	q.request = nil
	switch {
	case q.stale:
		return 0, errStale
	case q.refused != 0:
		return q.sent, q.refused
	case q.sent < len(request) && err == nil:
		return q.sent, nil
	}
	u.in.w, err = q.result(err)
	u.in.total += int64(u.in.w)
	return q.sent, err
}

// converse is called first to send the request, and then whenever there may be something to read.
func (u *upstream) converse(fd uintptr) bool {
	q := &u.query
	if q.begun {
		q.waited = true
		q.n, q.errno = try(syscall.SYS_RECVFROM, fd, q.p)
		return q.errno != syscall.EAGAIN
	}
	q.begun = true
	if u.used && !quiet(fd) {
		q.stale = true
		return true
	}
	q.sent, q.refused = try(syscall.SYS_SENDTO, fd, q.request)
	if q.refused == syscall.EAGAIN {
		q.refused = 0
	}
	if q.sent < len(q.request) {
		return true
	}
	if !q.yield {
		return false
	}
	runtime.Gosched()
	q.n, q.errno = try(syscall.SYS_RECVFROM, fd, q.p)
	return q.errno != syscall.EAGAIN
}

// fresh reports whether nothing arrived while the connection was idle, neither bytes nor its end.
func (u *upstream) fresh() (ok bool) {
	err := u.in.raw.Control(func(fd uintptr) { ok = quiet(fd) })
	return err == nil && ok
}

func (u *upstream) close() {
	_ = u.in.Close()
	u.pool.space.remove(u.in.Conn)
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
