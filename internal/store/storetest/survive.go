package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"trellis/internal/store"
)

// Survive writes and watches while disturb does something to the store, and then holds that every acknowledged commit is
// there, that no failed one is there twice, and that a watcher saw every commit in order or started over.
func Survive(t *testing.T, s store.Store, disturb func()) {
	t.Helper()
	const writers = 4
	ctx, cancel := context.WithCancel(t.Context())
	seen := &follower{values: map[string]int{}, revs: map[string]int64{}}
	var watching, writing sync.WaitGroup
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
	end := sync.OnceFunc(func() { close(stop); writing.Wait() })
	defer end()
	acknowledged := make([]int, writers)
	failures := make([]int, writers)
	for w := range writers {
		writing.Go(func() {
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
					acknowledged[w] = max(acknowledged[w], n+1)
				case !errors.Is(err, store.ErrConflict):
					failures[w]++
					time.Sleep(20 * time.Millisecond)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
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
		if err != nil || n < acknowledged[w] {
			t.Errorf("writer %d: %d was acknowledged, %s is there", w, acknowledged[w], final[fmt.Sprint("w", w)].Value)
		}
		if n > acknowledged[w]+failures[w] {
			t.Errorf("writer %d: %d is there after %d acknowledged and %d failed commits", w, n, acknowledged[w], failures[w])
		}
	}
	t.Logf("acknowledged %v, failed %v, started over %d times", acknowledged, failures, seen.resets-1)
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
