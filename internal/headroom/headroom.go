// Package headroom says whether the process may still open descriptors and start threads and processes. One that has none
// left can accept no connection, and one that gets no thread when it needs it ends: so what can be refused is refused before.
// Where a cgroup has a limit, what the server has started counts as well. A Guard remembers its last count.
package headroom

import (
	"os"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
	"time"

	"trellis/internal/fault"
)

// Reserve is the part of its limit that has to be free for something to be begun: one in so many. Workloads stop first and
// networks next, so that neither takes what the APIs need to go on.
type Reserve uint64

// What has to be free.
const (
	ForWorkloads Reserve = 4
	ForNetworks  Reserve = 8
	ForCalls     Reserve = 16
)

// fresh is for how long a count is believed.
const fresh = 20 * time.Millisecond

// Guard counts, and remembers for a moment what it counted.
type Guard struct {
	began           time.Time
	threads         uint64       // that there may be
	counted         atomic.Int64 // nanoseconds since it was made, and one
	openFiles, busy atomic.Uint64
	files           atomic.Uint64 // that may be open
	tasks, maxTasks atomic.Uint64 // of the server and what it has started, where a cgroup limits them
}

// New returns a Guard. It takes the runtime's and the user's limit on threads as they are now.
func New() *Guard {
	g := &Guard{began: time.Now()}
	g.threads = uint64(debug.SetMaxThreads(runtimeThreads))
	debug.SetMaxThreads(int(g.threads))
	if n, ok := ofUser(); ok {
		g.threads = min(g.threads, n)
	}
	return g
}

// runtimeThreads is what the runtime is content with unless it is told otherwise.
const runtimeThreads = 10_000

// plenty is a limit on threads and processes of which the reserves are enough, however many more there may be: others are
// counted with the server's.
const plenty = 256

// Room is nil while the reserve is free, and else a failure that clients retry.
func (g *Guard) Room(r Reserve) error {
	g.count()
	if n, limit := g.openFiles.Load(), g.files.Load(); n+limit/uint64(r) > limit {
		return fault.New(fault.Unavailable, "", "The server has %d files and connections open, of %d that it may have: raise its limit (LimitNOFILE, ulimit -n).", n, limit)
	}
	return g.Threads(r)
}

// Threads is Room for what needs no descriptor.
func (g *Guard) Threads(r Reserve) error {
	g.count()
	if n := g.busy.Load(); n+g.threads/uint64(r) > g.threads {
		return fault.New(fault.Unavailable, "", "The server has %d threads, of %d that it may have: raise its limit (TasksMax, ulimit -u).", n, g.threads)
	}
	if n, limit := g.tasks.Load(), g.maxTasks.Load(); n+min(limit, plenty)/uint64(r) > limit {
		return fault.New(fault.Unavailable, "", "The server and what it runs have %d threads and processes, of %d that they may have: raise their limit (TasksMax, pids.max).", n, limit)
	}
	return nil
}

// count counts, unless that was done just now.
func (g *Guard) count() {
	now := int64(time.Since(g.began)) + 1
	if last := g.counted.Load(); last != 0 && now-last <= int64(fresh) {
		return
	}
	g.counted.Store(now)
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		// The runtime has raised it as far as it may.
		g.files.Store(files.Cur)
	}
	g.openFiles.Store(openFiles())
	g.busy.Store(uint64(pprof.Lookup("threadcreate").Count()))
	group, _ := inCgroups(ownCgroups, allCgroups)
	g.tasks.Store(group.current)
	g.maxTasks.Store(group.limit)
}

// openFiles counts the process's descriptors.
func openFiles() uint64 {
	const dir = "/proc/self/fd"
	// Since Linux 6.2 the directory's size is their number.
	if info, err := os.Stat(dir); err == nil && info.Size() > 0 {
		return uint64(info.Size())
	}
	d, err := os.Open(dir)
	if err != nil {
		return 0
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return uint64(len(names))
}
