package state_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
)

// deaf is a store whose watch says what there is at first, and nothing more until it may.
type deaf struct {
	*mem.Store
	hear chan struct{}
}

func (d deaf) Watch(ctx context.Context, fn func(store.Batch) error) error {
	return d.Store.Watch(ctx, func(b store.Batch) error {
		if !b.Reset {
			select {
			case <-d.hear:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return fn(b)
	})
}

func TestOwnCommitsNeedNoWatch(t *testing.T) {
	s := deaf{mem.New(), make(chan struct{})}
	v := openOn(t, s)
	for i := range 3 {
		update(t, v, func(tx *state.Tx) { state.Subnets.Put(tx, subnet("a", fmt.Sprint("v", i), "10.0.0.0/24")) })
		update(t, v, func(tx *state.Tx) { state.Subnets.Put(tx, subnet("b", "v0", "10.0.1.0/24")) })
	}
	if got := ids(v.Snapshot(), "v2") + ids(v.Snapshot(), "v0"); got != "a b " {
		t.Errorf("%q after own commits", got)
	}
	_, a, _ := state.Subnets.Lookup(v.Snapshot(), "a")
	if a.Created != 2 || a.Modified != 6 {
		t.Errorf("created at %d and written at %d, want 2 and 6", a.Created, a.Modified)
	}
	// A row of another writer is missing, and what follows it waits for the watch.
	if _, err := s.Commit(t.Context(), nil, []store.Write{{Key: "subnet|c", Value: []byte(`{"id":"c"}`)}}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		done <- v.Update(context.Background(), func(tx *state.Tx) error {
			state.Subnets.Delete(tx, "b")
			state.Subnets.Put(tx, subnet("d", "v0", "10.0.3.0/24"))
			return nil
		})
	}()
	select {
	case err := <-done:
		t.Fatalf("answered before all that came before was there: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(s.hear)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, ok := state.Subnets.Get(v.Snapshot(), "c"); !ok || ids(v.Snapshot(), "v0") != "d " {
		t.Errorf("c is there: %v; v0 has %q", ok, ids(v.Snapshot(), "v0"))
	}
}

// late is a store whose commits are answered out of order.
type late struct {
	*mem.Store
	mu sync.Mutex
	n  int
}

func (l *late) Commit(ctx context.Context, r []store.Read, w []store.Write) (int64, error) {
	rev, err := l.Store.Commit(ctx, r, w)
	l.mu.Lock()
	l.n++
	odd := l.n%2 == 1
	l.mu.Unlock()
	if odd {
		time.Sleep(time.Millisecond)
	}
	return rev, err
}

// What many writers leave behind in the view is what somebody who opens the store reads.
func TestCommitsAnsweredOutOfOrder(t *testing.T) {
	s := &late{Store: mem.New()}
	v := openOn(t, s)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 40 {
				id := fmt.Sprintf("s-%d-%d", w, i%5)
				err := v.Update(context.Background(), func(tx *state.Tx) error {
					switch {
					case i%7 == 3:
						state.Subnets.Delete(tx, id)
					case i%7 == 5:
						state.Subnets.Delete(tx, "never there")
					default:
						state.Subnets.Put(tx, subnet(id, fmt.Sprint("v", i%3), fmt.Sprintf("10.%d.%d.0/24", w, i)))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				row, ok := state.Subnets.Get(v.Snapshot(), id)
				if i%7 != 5 && (ok != (i%7 != 3) || ok && row.CIDR.String() != fmt.Sprintf("10.%d.%d.0/24", w, i)) {
					t.Errorf("%s after write %d: %v, %v", id, i, row, ok)
				}
			}
		})
	}
	writers.Wait()
	want, got := rows(openOn(t, s)), rows(v)
	if !maps.Equal(got, want) {
		t.Errorf("the view has\n%v\nand the store\n%v", got, want)
	}
}

func rows(v *state.View) map[string]string {
	out := map[string]string{}
	for row, rev := range state.Subnets.Rows(v.Snapshot()) {
		out[row.ID] = fmt.Sprint(row.VPC, row.CIDR, rev)
	}
	for i := range 3 {
		out[fmt.Sprint("v", i)] = ids(v.Snapshot(), fmt.Sprint("v", i))
	}
	return out
}
