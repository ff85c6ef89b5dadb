// Package storetest holds what every Store must do, as tests that each implementation runs.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"trellis/internal/store"
)

// Run runs the suite. open returns an empty store.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Run("commit", func(t *testing.T) { testCommit(t, open(t)) })
	t.Run("watch", func(t *testing.T) { testWatch(t, open(t)) })
	t.Run("concurrent increments", func(t *testing.T) { testIncrements(t, open(t)) })
	t.Run("large commits", func(t *testing.T) { testLarge(t, open(t)) })
	t.Run("failed commits", func(t *testing.T) {
		Survive(t, &Faulty{Store: open(t)}, func() { time.Sleep(200 * time.Millisecond) })
	})
}

func put(t *testing.T, s store.Store, key, value string, reads ...store.Read) int64 {
	t.Helper()
	rev, err := s.Commit(t.Context(), reads, []store.Write{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return rev
}

func testCommit(t *testing.T, s store.Store) {
	r1 := put(t, s, "a", "1", store.Read{Key: "a"})
	if _, err := s.Commit(t.Context(), []store.Read{{Key: "a"}}, []store.Write{{Key: "a", Value: []byte("x")}}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("creating an existing key: %v, want a conflict", err)
	}
	r2 := put(t, s, "a", "2", store.Read{Key: "a", Rev: r1})
	if r2 <= r1 {
		t.Errorf("revision went from %d to %d", r1, r2)
	}
	if _, err := s.Commit(t.Context(), []store.Read{{Key: "a", Rev: r1}}, []store.Write{{Key: "b", Value: []byte("x")}}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale read: %v, want a conflict", err)
	}
	if _, err := s.Commit(t.Context(), []store.Read{{Key: "a", Rev: r2}}, []store.Write{{Key: "a"}}); err != nil {
		t.Errorf("delete: %v", err)
	}
	put(t, s, "a", "3", store.Read{Key: "a"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, nil, []store.Write{{Key: "c", Value: []byte("x")}}); err == nil {
		t.Error("a cancelled commit succeeded")
	}
}

// testLarge writes and removes more in one step than an etcd takes on one level of a transaction.
func testLarge(t *testing.T, s store.Store) {
	var puts, deletes []store.Write
	for i := range 1000 {
		key := fmt.Sprintf("k%03d", i)
		puts, deletes = append(puts, store.Write{Key: key, Value: []byte("1")}), append(deletes, store.Write{Key: key})
	}
	var reads []store.Read
	for i := range 100 {
		reads = append(reads, store.Read{Key: fmt.Sprint("r", i)})
	}
	rev, err := s.Commit(t.Context(), reads, puts)
	if err != nil {
		t.Fatal(err)
	}
	have := collect(t, s, func(map[string]store.Event) bool { return true })
	if len(have) != len(puts) {
		t.Fatalf("%d of %d keys are there", len(have), len(puts))
	}
	for k, e := range have {
		if e.Modified != rev {
			t.Fatalf("%s was written at %d, the commit was at %d", k, e.Modified, rev)
		}
	}
	put(t, s, "r99", "1")
	if _, err := s.Commit(t.Context(), reads, deletes); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale read: %v, want a conflict", err)
	}
	if have := collect(t, s, func(map[string]store.Event) bool { return true }); len(have) != len(puts)+1 {
		t.Errorf("a conflict left %d keys", len(have))
	}
	if _, err := s.Commit(t.Context(), reads[:99], deletes); err != nil {
		t.Fatal(err)
	}
	if have := collect(t, s, func(map[string]store.Event) bool { return true }); len(have) != 1 {
		t.Errorf("%d keys are left", len(have))
	}
}

// collect watches until done says so of what is there, and returns it.
func collect(t *testing.T, s store.Store, done func(map[string]store.Event) bool) map[string]store.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	have := map[string]store.Event{}
	enough := errors.New("enough")
	first, last := true, int64(0)
	err := s.Watch(ctx, func(b store.Batch) error {
		if first != b.Reset {
			t.Errorf("batch at %d: reset %v", b.Rev, b.Reset)
		}
		if b.Rev <= last && !first {
			t.Errorf("revision went from %d to %d", last, b.Rev)
		}
		first, last = false, b.Rev
		for _, e := range b.Events {
			if e.Modified > b.Rev || e.Modified <= 0 {
				t.Errorf("event %s at %d in a batch at %d", e.Key, e.Modified, b.Rev)
			}
			if e.Value == nil {
				delete(have, e.Key)
			} else {
				have[e.Key] = e
			}
		}
		if done(have) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("watch ended with %v, having %v", err, have)
	}
	return have
}

func testWatch(t *testing.T, s store.Store) {
	r1 := put(t, s, "a", "1")
	r2 := put(t, s, "a", "2")
	go func() {
		time.Sleep(10 * time.Millisecond)
		_, _ = s.Commit(context.WithoutCancel(t.Context()), nil, []store.Write{{Key: "b", Value: []byte("1")}, {Key: "c", Value: []byte{}}})
		_, _ = s.Commit(context.WithoutCancel(t.Context()), nil, []store.Write{{Key: "b"}, {Key: "d", Value: []byte("1")}})
	}()
	got := collect(t, s, func(m map[string]store.Event) bool { _, ok := m["d"]; return ok })
	if a := got["a"]; string(a.Value) != "2" || a.Created != r1 || a.Modified != r2 {
		t.Errorf("a = %+v, want 2, created %d, modified %d", a, r1, r2)
	}
	if _, ok := got["b"]; ok {
		t.Error("b was deleted and is still there")
	}
	if c, ok := got["c"]; !ok || len(c.Value) != 0 {
		t.Errorf("c = %+v, want an empty value", c)
	}
}

func testIncrements(t *testing.T, s store.Store) {
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				for {
					var rev int64
					n := 0
					ctx, cancel := context.WithCancel(t.Context())
					_ = s.Watch(ctx, func(b store.Batch) error {
						for _, e := range b.Events {
							if e.Key == "n" {
								rev = e.Modified
								fmt.Sscan(string(e.Value), &n)
							}
						}
						cancel()
						return context.Canceled
					})
					cancel()
					_, err := s.Commit(t.Context(), []store.Read{{Key: "n", Rev: rev}}, []store.Write{{Key: "n", Value: fmt.Append(nil, n+1)}})
					if err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) {
						t.Errorf("commit: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	got := collect(t, s, func(m map[string]store.Event) bool { return true })
	if string(got["n"].Value) != fmt.Sprint(writers*each) {
		t.Errorf("n = %s after %d increments", got["n"].Value, writers*each)
	}
}
