package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trellis/internal/store"
)

// Survive writes, watches and loads while disturb does something to the store, and then holds that every acknowledged commit is
// there, that no failed one is there twice, that a watcher saw every commit in order or started over, and that what was loaded
// held everything acknowledged before.
func Survive(t *testing.T, s store.Store, disturb func()) {
	t.Helper()
	const writers = 4
	ctx, cancel := context.WithCancel(t.Context())
	seen := &follower{values: map[string]int{}, revs: map[string]int64{}}
	var watching, using sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			if err := s.Watch(ctx, seen.fold); seen.failed != nil {
				t.Errorf("the watch: %v", err)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	stop := make(chan struct{})
	defer func() { cancel(); watching.Wait() }()
	end := sync.OnceFunc(func() { close(stop); using.Wait() })
	defer end()
	acknowledged := make([]atomic.Int64, writers)
	failures := make([]int, writers)
	for w := range writers {
		using.Go(func() {
			key := fmt.Sprint("w", w)
			for {
				select {
				case <-stop:
					return
				default:
				}
				n, rev := seen.get(key)
				_, err := s.Commit(ctx, []store.Read{{Key: key, Rev: rev}}, []store.Write{{Key: key, Value: strconv.AppendInt(nil, int64(n+1), 10)}})
				switch {
				case err == nil:
					acknowledged[w].Store(int64(n + 1))
				case !errors.Is(err, store.ErrConflict):
					failures[w]++
					time.Sleep(20 * time.Millisecond)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	loads := 0
	using.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var known [writers]int64
			for w := range known {
				known[w] = acknowledged[w].Load()
			}
			there, ok := load(ctx, s)
			for w := range known {
				if n := there[fmt.Sprint("w", w)]; ok && n < known[w] {
					t.Errorf("writer %d: %d was acknowledged before a load that has %d", w, known[w], n)
				}
			}
			if ok {
				loads++
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	waitFor(t, "not every writer writes", func() bool { return seen.writing() == writers })
	disturb()
	before := seen.total()
	waitFor(t, "the store does not take commits again", func() bool { return seen.total() > before+2*writers })
	end()
	final := collect(t, s, func(map[string]store.Event) bool { return true })
	waitFor(t, "the watch does not get to what is stored", func() bool {
		for w := range writers {
			key := fmt.Sprint("w", w)
			if n, _ := seen.get(key); fmt.Sprint(n) != string(final[key].Value) {
				return false
			}
		}
		return true
	})
	for w := range writers {
		n, err := strconv.Atoi(string(final[fmt.Sprint("w", w)].Value))
		known := int(acknowledged[w].Load())
		if err != nil || n < known {
			t.Errorf("writer %d: %d was acknowledged, %s is there", w, known, final[fmt.Sprint("w", w)].Value)
		}
		if n > known+failures[w] {
			t.Errorf("writer %d: %d is there after %d acknowledged and %d failed commits", w, n, known, failures[w])
		}
	}
	t.Logf("%d is there, failed %v, loaded %d times, started over %d times", seen.total(), failures, loads, seen.resets-1)
}

// load is what a Watch begins with.
func load(ctx context.Context, s store.Store) (map[string]int64, bool) {
	got, enough := map[string]int64{}, errors.New("enough")
	err := s.Watch(ctx, func(b store.Batch) error {
		for _, e := range b.Events {
			n, err := strconv.ParseInt(string(e.Value), 10, 64)
			if err != nil {
				return err
			}
			got[e.Key] = n
		}
		return enough
	})
	return got, errors.Is(err, enough)
}

func waitFor(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(otherwise)
}

// follower is what a watcher knows.
type follower struct {
	mu     sync.Mutex
	rev    int64
	resets int
	values map[string]int
	revs   map[string]int64
	failed error
}

func (f *follower) fold(b store.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Reset {
		f.resets++
		clear(f.values)
		clear(f.revs)
	}
	if b.Rev < f.rev || (b.Rev == f.rev && !b.Reset) {
		f.failed = fmt.Errorf("revision went from %d to %d", f.rev, b.Rev)
	}
	f.rev = b.Rev
	for _, e := range b.Events {
		n, err := strconv.Atoi(string(e.Value))
		if err != nil {
			f.failed = err
		}
		if !b.Reset && n != f.values[e.Key]+1 {
			f.failed = fmt.Errorf("%s went from %d to %d", e.Key, f.values[e.Key], n)
		}
		f.values[e.Key], f.revs[e.Key] = n, e.Modified
	}
	return f.failed
}

func (f *follower) get(key string) (int, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values[key], f.revs[key]
}

func (f *follower) writing() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.values)
}

func (f *follower) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, v := range f.values {
		n += v
	}
	return n
}

// Faulty is a store on which some commits fail, as on a network that loses requests or answers.
type Faulty struct {
	store.Store
	mu sync.Mutex
	n  int
}

// ErrLost is what commits fail with that a Faulty store lost.
var ErrLost = errors.New("storetest: lost")

// Commit loses one request and one answer of ten.
func (f *Faulty) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	f.mu.Lock()
	f.n++
	n := f.n % 10
	f.mu.Unlock()
	if n == 3 {
		return 0, ErrLost
	}
	rev, err := f.Store.Commit(ctx, reads, writes)
	if n == 7 && err == nil {
		return 0, ErrLost
	}
	return rev, err
}
