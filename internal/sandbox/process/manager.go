//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"trellis/internal/fault"
	"trellis/internal/sandbox"
)

// Manager runs the functions of this host.
type Manager struct {
	opts   Options
	roots  *roots
	ids    hostIDs
	filter []byte
	// lastCapability is the highest one the kernel knows.
	lastCapability int
	null           *os.File
	quiet          *log.Logger
	nextID         atomic.Uint32

	// ctx ends when the log sink has had its time; stopping is closed when Close begins.
	ctx      context.Context
	cancel   context.CancelFunc
	stopping chan struct{}
	wg       sync.WaitGroup

	// applying lets one Apply run at a time. It guards found.
	applying sync.Mutex
	found    []sandbox.Interpreter
	searched bool

	mu     sync.Mutex
	closed bool
	// pools are the desired functions by qualified ARN.
	pools map[string]*pool
	all   map[*instance]struct{}
	// starting counts instances that are not in all yet.
	starting int
	// busy counts invocations by unqualified ARN.
	busy map[string]int
	// attached counts instances, starting ones included, by function interface.
	attached map[string]int
	events   int
}

// New returns a Manager that runs nothing yet. It fails where the host does not let it make namespaces.
func New(opts Options) (*Manager, error) {
	opts = opts.withDefaults()
	if opts.Code == nil || opts.Logs == nil || opts.Credentials == nil || opts.Dir == "" {
		return nil, errors.New("functions need a directory, code, a log and credentials")
	}
	ids, err := readIDs()
	if err != nil {
		return nil, err
	}
	last, err := lastCapability()
	if err != nil {
		return nil, err
	}
	filter, err := assembledFilter()
	if err != nil {
		return nil, fmt.Errorf("the system call filter: %w", err)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	roots, err := newRoots(opts.Dir)
	if err != nil {
		null.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Manager{
		opts: opts, roots: roots, ids: ids, filter: filter, lastCapability: last, null: null, quiet: log.New(io.Discard, "", 0),
		ctx: ctx, cancel: cancel, stopping: make(chan struct{}),
		pools: make(map[string]*pool), all: make(map[*instance]struct{}), busy: make(map[string]int), attached: make(map[string]int),
	}
	if err := m.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("functions cannot run on this host: %w", err), m.Close())
	}
	return m, nil
}

// check confines a process as an instance is, up to its exec, which must be what fails: there is no program.
func (m *Manager) check() error {
	empty, err := m.roots.empty()
	if err != nil {
		return err
	}
	path, err := m.roots.build(root{code: empty})
	if err != nil {
		return err
	}
	defer m.roots.drop(path)
	const missing = "/var/task/bootstrap"
	in := &instance{pool: &pool{root: path, args: []string{missing}, fn: sandbox.Function{MemoryMB: sandbox.MinMemoryMB, EphemeralMB: sandbox.MinEphemeralMB}}}
	if in.ns, err = (Isolated{}).Attach(m.ctx, ""); err != nil {
		return err
	}
	defer in.ns.Close()
	output, err := m.spawn(in, nil)
	if err != nil {
		return err
	}
	defer closeAll([2]*os.File{output, in.gate})
	defer in.faults.Close()
	if _, err := in.process.Wait(); err != nil {
		return err
	}
	text, err := io.ReadAll(in.faults)
	if err != nil {
		return err
	}
	if got, want := in.program.explain(text), "starting "+missing+": "+unix.ENOENT.Error(); got != want {
		return errors.New(got)
	}
	return nil
}

// Users says which ids of the server's user namespace instances have.
func (m *Manager) Users() string { return m.ids.String() }

// SharedUser reports whether instances have the server's own user id, because it is the only one there is.
func (m *Manager) SharedUser() bool { return m.ids.shared }

// limits are an instance's resource limits. What has to stay within the function's memory is watched from outside; the limit
// on data stops what grows faster than a watcher looks.
func (m *Manager) limits(memoryMB int) []limit {
	wanted := []limit{
		{unix.RLIMIT_NOFILE, 1024},
		{unix.RLIMIT_NPROC, uint64(m.opts.MaxProcesses)},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_DATA, uint64(memoryMB+512) << 20},
	}
	for i, l := range wanted {
		var now unix.Rlimit
		if unix.Getrlimit(l.resource, &now) == nil {
			wanted[i].value = min(l.value, now.Max)
		}
	}
	return wanted
}

func (m *Manager) credentials(ctx context.Context, p *pool) (sandbox.Credentials, time.Time, error) {
	if p.fn.Role == "" {
		return sandbox.Credentials{}, time.Time{}, nil
	}
	c, expires, err := m.opts.Credentials.Assume(ctx, p.fn.Role, p.fn.Name())
	if err != nil {
		return c, expires, fmt.Errorf("assuming the role %s: %w", p.fn.Role, err)
	}
	return c, expires, nil
}

// Stats counts what runs.
type Stats struct {
	// Instances are all processes, Busy those at work, Frozen those that are stopped until the next invocation.
	Instances, Busy, Frozen int
	// Events are accepted and not done.
	Events int
}

// Stats returns the counts of this moment.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Instances: len(m.all), Events: m.events}
	for _, n := range m.busy {
		s.Busy += n
	}
	for in := range m.all {
		if in.frozen {
			s.Frozen++
		}
	}
	return s
}

// Attached returns how many instances hold a namespace of each function interface. One that is not named is free to go.
func (m *Manager) Attached() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := maps.Clone(m.attached)
	delete(out, "")
	return out
}

// Invoke runs a function, or accepts an event for it. An error is the platform's: a function's own failure is in the result.
// An invocation that began goes on when ctx ends.
func (m *Manager) Invoke(ctx context.Context, inv sandbox.Invocation) (sandbox.Result, error) {
	if inv.Version == "" {
		inv.Version = sandbox.Latest
	}
	if inv.InvokedARN == "" {
		inv.InvokedARN = inv.ARN
	}
	if inv.RequestID == "" {
		inv.RequestID = uuid.NewString()
	}
	if len(inv.Payload) == 0 {
		inv.Payload = []byte("{}")
	}
	limit := sandbox.MaxPayload
	if inv.Event {
		limit = sandbox.MaxEventPayload
	}
	if len(inv.Payload) > limit {
		return sandbox.Result{}, fault.New(fault.TooLarge, "RequestTooLargeException", "%d bytes exceed the limit of %d bytes for this invocation",
			len(inv.Payload), limit)
	}
	if inv.Event {
		return m.accept(inv)
	}
	done := make(chan outcome, 1)
	if !m.goUnlessClosed(func() { m.run(inv, done) }) {
		return sandbox.Result{}, errShutdown()
	}
	select {
	case o := <-done:
		return o.res, o.err
	case <-ctx.Done():
		return sandbox.Result{}, ctx.Err()
	}
}

// outcome is what the caller of an invocation hears.
type outcome struct {
	res sandbox.Result
	err error
}

func errShutdown() error {
	return fault.New(fault.Unavailable, "ServiceException", "the server is shutting down")
}

// goUnlessClosed runs f beside the caller, in a goroutine that Close waits for.
func (m *Manager) goUnlessClosed(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.wg.Go(f)
	return true
}

// run sees an invocation through and tells its outcome as soon as there is one, which may be before the instance is done.
func (m *Manager) run(inv sandbox.Invocation, tell chan<- outcome) {
	in, cold, err := m.acquire(inv)
	if err != nil {
		tell <- outcome{err: err}
		return
	}
	res, told := m.serve(in, inv, cold, tell)
	m.release(in)
	if !told {
		tell <- outcome{res: res}
	}
}

// acquire returns an instance for one invocation: a warm one, else a new one.
func (m *Manager) acquire(inv sandbox.Invocation) (in *instance, cold bool, err error) {
	waited := false
	for {
		m.mu.Lock()
		p := m.pools[inv.ARN+":"+inv.Version]
		if err := m.admit(p, inv); err != nil {
			m.mu.Unlock()
			return nil, false, err
		}
		if in := p.takeIdle(); in != nil {
			m.busy[p.fn.ARN]++
			if in.frozen {
				in.frozen = false
				in.thaw()
			}
			m.mu.Unlock()
			return in, false, nil
		}
		if p.settling > len(p.waiting) && !waited {
			waited = true
			w := p.queue()
			m.busy[p.fn.ARN]++
			m.mu.Unlock()
			if in := m.await(p, w); in != nil {
				return in, false, nil
			}
			m.mu.Lock()
			decrease(m.busy, p.fn.ARN)
			m.mu.Unlock()
			continue
		}
		if err := m.room(p); err != nil {
			victim := m.longestIdle()
			m.mu.Unlock()
			if victim == nil {
				return nil, false, err
			}
			victim.kill()
			<-victim.cleared
			continue
		}
		m.busy[p.fn.ARN]++
		m.attached[p.fn.Interface]++
		m.starting++
		p.starting++
		m.mu.Unlock()

		in, err := m.start(m.ctx, p)

		m.mu.Lock()
		m.starting--
		p.starting--
		p.dropIfUnused(m)
		if err != nil {
			decrease(m.busy, p.fn.ARN)
			decrease(m.attached, p.fn.Interface)
		} else if !in.forgotten {
			m.all[in] = struct{}{}
			if m.closed {
				in.kill()
			}
		}
		m.mu.Unlock()
		if err != nil {
			m.opts.Log.Error("an instance could not be started", "function", p.fn.Qualified(), "error", err)
			return nil, false, &fault.Error{Kind: fault.Gateway, Code: "ServiceException",
				Message: "an instance of the function could not be started", ResourceType: "function", ResourceID: inv.ARN, Cause: err}
		}
		return in, true, nil
	}
}

// admit reports why the pool's function may not run one more invocation now. The caller holds the lock.
func (m *Manager) admit(p *pool, inv sandbox.Invocation) error {
	switch {
	case m.closed:
		return errShutdown()
	case p == nil:
		return fault.New(fault.NotFound, "ResourceNotFoundException", "Function not found: %s:%s", inv.ARN, inv.Version).About("function", inv.ARN)
	case p.status.State == sandbox.Failed:
		return fault.New(fault.Gateway, invokeCode(p.status.ReasonCode), "%s", p.status.Reason).About("function", inv.ARN)
	}
	if p.reserved != nil && m.busy[p.fn.ARN] >= *p.reserved {
		return throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "the function's reserved concurrency is %d", *p.reserved)
	}
	return nil
}

// spared is the memory, in bytes, that no instance is started in: it is the rest of the host's. Instances that are there
// may still grow up to their own limits; should that be too much the kernel ends one of them before anything else.
const spared = 256 << 20

// room reports why no instance of the pool can be started. The caller holds the lock.
func (m *Manager) room(p *pool) error {
	if len(m.all)+m.starting >= m.opts.MaxInstances {
		return throttled("ConcurrentInvocationLimitExceeded", "all %d instances of this host are busy", m.opts.MaxInstances)
	}
	if m.opts.Memory() < p.fn.MemoryMB<<20+spared {
		return throttled("ConcurrentInvocationLimitExceeded", "this host has no memory for one more instance of %d MB", p.fn.MemoryMB)
	}
	return nil
}

func throttled(reason, format string, args ...any) error {
	e := fault.New(fault.Throttled, "TooManyRequestsException", "Rate exceeded: "+format, args...)
	e.Reason, e.RetryAfter = reason, time.Second
	return e
}

// longestIdle takes the instance out of its pool that was unused for longest. The caller holds the lock.
func (m *Manager) longestIdle() *instance {
	var oldest *instance
	for _, p := range m.pools {
		for _, in := range p.idle {
			if oldest == nil || in.idleAt.Before(oldest.idleAt) {
				oldest = in
			}
		}
	}
	if oldest != nil {
		oldest.pool.removeIdle(oldest)
	}
	return oldest
}

// release takes an instance back after an invocation.
func (m *Manager) release(in *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if in.settling {
		in.settling = false
		in.pool.settling--
	} else {
		decrease(m.busy, in.pool.fn.ARN)
	}
	if in.dead() || m.closed || in.pool.retired || m.expiring(in) {
		in.kill()
		in.pool.turnAway()
		return
	}
	if in.pool.hand(in) {
		return
	}
	in.idleAt = time.Now()
	in.pool.idle = append(in.pool.idle, in)
	in.timer = time.AfterFunc(m.opts.FreezeAfter, func() { m.rest(in) })
}

// expiring reports whether an instance's credentials would not outlive one more invocation.
func (m *Manager) expiring(in *instance) bool {
	return !in.expires.IsZero() && time.Until(in.expires) < in.pool.fn.Timeout+time.Minute
}

// rest freezes an instance that is unused, and in the end ends it.
func (m *Manager) rest(in *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(in.pool.idle, in) || time.Since(in.idleAt) < m.opts.FreezeAfter {
		return
	}
	if !in.frozen {
		in.frozen = true
		in.freeze()
		in.timer = time.AfterFunc(m.opts.IdleAfter, func() { m.rest(in) })
		return
	}
	if time.Since(in.idleAt) >= m.opts.IdleAfter {
		in.pool.removeIdle(in)
		in.kill()
	}
}

// forget drops an instance whose process has ended and whose namespace is closed.
func (m *Manager) forget(in *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in.forgotten = true
	decrease(m.attached, in.pool.fn.Interface)
	delete(m.all, in)
	in.pool.removeIdle(in)
}

func decrease(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// Close kills every instance and waits until nothing is left of them.
func (m *Manager) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	close(m.stopping)
	for in := range m.all {
		in.kill()
	}
	for _, p := range m.pools {
		p.stopTimers()
	}
	m.mu.Unlock()
	// The sink is given a moment for the last lines.
	stop := time.AfterFunc(closeGrace, m.cancel)
	m.wg.Wait()
	stop.Stop()
	m.cancel()
	return errors.Join(m.roots.Close(), m.null.Close())
}

// closeGrace is how long Close lets a log sink take the last lines.
const closeGrace = 2 * time.Second
