// Package server is the proxy at work: it listens inside network namespaces, reads requests, has package proxy decide
// what becomes of each, and forwards them to targets and functions. It owns the sockets, the pools of connections to
// targets and the health checks; whoever compiles tables hands each new one to Apply.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"trellis/internal/proxy"
)

// Network opens sockets inside network namespaces.
type Network interface {
	Listen(ctx context.Context, namespace string, addr netip.AddrPort) (net.Listener, error)
	// Dial connects to a TCP address. The source address is bound unless it is the zero Addr.
	Dial(ctx context.Context, namespace string, source netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// Invoker runs functions.
type Invoker interface {
	// Invoke returns the function's answer to a request that came by a target group. functionError is not empty when the
	// function itself failed, and err not nil when it could not or may not be run. The event must not be kept.
	Invoke(ctx context.Context, targetGroupARN, functionARN string, event []byte) (response []byte, functionError string, err error)
}

// AccessLog takes access records of VPC Lattice, off the path of requests.
type AccessLog interface {
	// Write takes records in the order in which their requests ended. It is not called again before it returns; while it
	// does not, a bounded number of records wait, and more are dropped and counted. Nothing of the records may be kept.
	Write(records []AccessRecord)
}

// AccessRecord is the access record of one request.
type AccessRecord struct {
	// Network and Service are the ARNs of whose subscriptions it is for. Each may be empty: the service's is for a request
	// that named none.
	Network, Service string
	Time             time.Time
	// JSON is one object, without a line's end.
	JSON string
}

// Timeouts bound waiting. Zero values mean those of VPC Lattice or, where it tells none, sensible ones.
type Timeouts struct {
	Head       time.Duration // from a request's first byte to the end of its head; 30 s
	Idle       time.Duration // between requests, and between parts of a message; 60 s
	Connection time.Duration // of a whole client connection to a VPC Lattice address; 10 min
	Connect    time.Duration // to a target; 5 s
	Invoke     time.Duration // of a function; 60 s
	Keep       time.Duration // of an idle connection to a target; 60 s
}

// Config is what a Server is made of. Only Network is required: without an Invoker functions are answered 502, without an
// Authenticator signed requests are refused, without Names resources that have one are not reached.
type Config struct {
	Network       Network
	Invoker       Invoker
	Authenticator proxy.Authenticator
	AccessLog     AccessLog
	Names         Names
	Log           *slog.Logger
	Timeouts      Timeouts
	// Remembered is how many requests can be explained afterwards; 0 means 1024.
	Remembered int
}

// Server serves the newest table it was given.
type Server struct {
	Config
	journal *proxy.Journal
	logs    *logQueue
	count   counters
	polled  polled
	conns   sync.Pool
	buffers sync.Pool
	chunks  sync.Pool // of tunnels
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup // all but the log queue

	// broken says that a socket failed since the last Apply.
	broken atomic.Bool

	mu      sync.Mutex // held by Apply, Drain and Close
	router  *proxy.Router
	sockets map[proxy.Binding]*socket
	// lacking are the bindings that could not be opened.
	lacking map[proxy.Binding]bool
	pools   map[poolKey]*pool
	checks  map[checkKey]*running
	spaces  map[string]*space
	closed  bool
}

// New returns a server that serves nothing yet.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Remembered == 0 {
		c.Remembered = 1024
	}
	c.Timeouts = c.Timeouts.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		Config: c, journal: proxy.NewJournal(c.Remembered), ctx: ctx, cancel: cancel,
		sockets: make(map[proxy.Binding]*socket), lacking: make(map[proxy.Binding]bool), pools: make(map[poolKey]*pool),
		checks: make(map[checkKey]*running), spaces: make(map[string]*space),
	}
	s.polled.since = time.Now()
	s.router = proxy.NewRouter(s.reach)
	s.conns.New = func() any { return newConn(s) }
	s.buffers.New = newBuffers
	s.chunks.New = func() any { return new([tunnelBuffer]byte) }
	s.logs = newLogQueue(c.AccessLog, &s.count.logDropped)
	go s.logs.run()
	s.running.Go(s.expire)
	return s
}

func (t Timeouts) withDefaults() Timeouts {
	for _, d := range []struct {
		to *time.Duration
		by time.Duration
	}{
		{&t.Head, 30 * time.Second}, {&t.Idle, 60 * time.Second}, {&t.Connection, 10 * time.Minute},
		{&t.Connect, 5 * time.Second}, {&t.Invoke, 60 * time.Second}, {&t.Keep, 60 * time.Second},
	} {
		if *d.to <= 0 {
			*d.to = d.by
		}
	}
	return t
}

// BindError says which socket could not be opened.
type BindError struct {
	Binding proxy.Binding
	Err     error
}

func (e *BindError) Error() string {
	return fmt.Sprintf("listen on %s in %s: %v", e.Binding.Addr, e.Binding.Namespace, e.Err)
}

func (e *BindError) Unwrap() error { return e.Err }

// BindErrors are all the sockets that one Apply could not open.
type BindErrors []*BindError

func (e BindErrors) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap returns the errors one by one.
func (e BindErrors) Unwrap() []error {
	out := make([]error, len(e))
	for i := range e {
		out[i] = e[i]
	}
	return out
}

// Apply makes the server serve t: it opens the sockets that are new, switches every later request to t, and closes the
// sockets, pools and health checks that t has no use for. Requests under way finish by their old table. When Apply
// returns, nothing listens that t does not want. Sockets that could not be opened are told of in the
// error, a BindErrors; everything else is in effect, and the next Apply tries them again, as it opens anew those that failed.
// What t has in common with the table before is not touched.
func (s *Server) Apply(ctx context.Context, t *proxy.Table) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	changes := s.router.Update(t)
	if s.broken.Swap(false) {
		for b, k := range s.sockets {
			if k.failed.Load() {
				k.close()
				delete(s.sockets, b)
				s.lacking[b] = true
			}
		}
	}
	for b := range s.lacking {
		if _, told := changes.Fronts[b]; !told {
			changes.Fronts[b] = s.router.Front(b)
		}
	}
	clear(s.lacking)
	failed := s.open(ctx, changes.Fronts)
	for b, f := range changes.Fronts {
		k := s.sockets[b]
		if k == nil {
			continue
		}
		k.front.Store(f)
		if f == nil {
			k.close()
			delete(s.sockets, b)
		}
	}
	s.applyChecks(changes)
	for _, g := range changes.Gone {
		for _, m := range g.Members() {
			s.leave(m.Reach)
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// open opens the sockets that are not open yet. The caller holds mu.
func (s *Server) open(ctx context.Context, fronts map[proxy.Binding]*proxy.Front) BindErrors {
	var failed BindErrors
	for b, f := range fronts {
		if f == nil || s.sockets[b] != nil {
			continue
		}
		ln, err := s.Network.Listen(ctx, b.Namespace, b.Addr)
		if err != nil {
			failed = append(failed, &BindError{b, err})
			s.lacking[b] = true
			continue
		}
		k := newSocket(s, b, ln, s.space(b.Namespace))
		k.front.Store(f)
		s.sockets[b] = k
		s.running.Go(k.accept)
	}
	slices.SortFunc(failed, func(a, b *BindError) int {
		return cmp.Or(strings.Compare(a.Binding.Namespace, b.Binding.Namespace), a.Binding.Addr.Compare(b.Binding.Addr))
	})
	return failed
}

// Failed says that a socket failed since the last Apply.
func (s *Server) Failed() bool { return s.broken.Load() }

// reach returns the pool of a target, the present one where there is one. The caller holds mu.
func (s *Server) reach(t *proxy.Target) any {
	if !t.Addr.IsValid() {
		return nil
	}
	key := keyOf(t)
	p := s.pools[key]
	if p == nil {
		p = &pool{key: key, space: s.space(key.namespace)}
		s.pools[key] = p
	}
	p.users++
	return p
}

// leave gives up a pool, which goes with its last user. The caller holds mu.
func (s *Server) leave(reach any) {
	p, ok := reach.(*pool)
	if !ok {
		return
	}
	if p.users--; p.users == 0 {
		delete(s.pools, p.key)
		p.close()
	}
}

// space returns the connections of a namespace. The caller holds mu.
func (s *Server) space(namespace string) *space {
	p := s.spaces[namespace]
	if p == nil {
		p = newSpace()
		s.spaces[namespace] = p
	}
	return p
}

// Drain waits until the server has no connection open inside a namespace that the newest table does not use any more, and
// closes those that are left when ctx is done. Then nothing of the server keeps the namespace alive.
func (s *Server) Drain(ctx context.Context, namespace string) error {
	s.mu.Lock()
	p := s.spaces[namespace]
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	err := p.wait(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spaces[namespace] == p && p.empty() && !s.uses(namespace) {
		delete(s.spaces, namespace)
	}
	return err
}

func (s *Server) uses(namespace string) bool {
	for b := range s.sockets {
		if b.Namespace == namespace {
			return true
		}
	}
	for k := range s.pools {
		if k.namespace == namespace {
			return true
		}
	}
	return false
}

// Close stops listening, lets requests under way finish until ctx is done, and returns when nothing of the server runs but
// an access log that does not come back.
func (s *Server) Close(ctx context.Context) error {
	_ = s.Apply(ctx, &proxy.Table{})
	s.mu.Lock()
	s.closed = true
	spaces := maps.Clone(s.spaces)
	s.mu.Unlock()
	var errs []error
	for _, p := range spaces {
		errs = append(errs, p.wait(ctx))
	}
	s.cancel()
	s.running.Wait()
	s.logs.stop()
	if !s.logs.ended(logGrace) {
		errs = append(errs, errors.New("the access log did not take the last records in time"))
	}
	return errors.Join(errs...)
}

// expire closes connections to targets that were idle for long.
func (s *Server) expire() {
	tick := time.NewTicker(s.Timeouts.Keep / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			pools := maps.Clone(s.pools)
			s.mu.Unlock()
			for _, p := range pools {
				p.expire(now.Add(-s.Timeouts.Keep))
			}
		}
	}
}

// Health returns the health of the targets that the newest table uses.
func (s *Server) Health() []proxy.TargetHealth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.router.Health()
}

// HealthNews returns, by ARN, the health of the targets of each group of which something may have changed since it was asked last.
func (s *Server) HealthNews() map[string][]proxy.TargetHealth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.router.HealthNews()
}

// Explain says how the newest request of that id was decided, if it is still remembered.
func (s *Server) Explain(requestID string) (*proxy.Explanation, bool) {
	return s.journal.Explain(requestID)
}

// Stats returns what was counted so far.
func (s *Server) Stats() Stats { return s.count.snapshot() }
