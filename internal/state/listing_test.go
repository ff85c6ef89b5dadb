package state_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
)

const scope = "111111111111/us-east-1"

// recording remembers the keys of the last commit.
type recording struct {
	store.Store
	mu     sync.Mutex
	writes []string
}

func (r *recording) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = nil
	for _, w := range writes {
		r.writes = append(r.writes, w.Key)
	}
	return r.Store.Commit(ctx, reads, writes)
}

// A change that leaves a row in its scope writes no guard of the scope.
func TestAChangeInPlaceLeavesTheScopesGuard(t *testing.T) {
	s := &recording{Store: mem.New()}
	v := openOn(t, s)
	guard := "!subnet|scope|" + scope
	for _, step := range []struct {
		what    string
		do      func(*state.Tx)
		touches bool
	}{
		{"joins", func(tx *state.Tx) { state.Subnets.Put(tx, subnet("a", "v1", "10.0.0.0/24")) }, true},
		{"changes", func(tx *state.Tx) { state.Subnets.Put(tx, subnet("a", "v1", "10.0.1.0/24")) }, false},
		{"moves elsewhere", func(tx *state.Tx) { state.Subnets.Put(tx, subnet("a", "v2", "10.0.1.0/24")) }, false},
		{"leaves", func(tx *state.Tx) { state.Subnets.Delete(tx, "a") }, true},
	} {
		update(t, v, step.do)
		if touched := slices.Contains(s.writes, guard); touched != step.touches {
			t.Errorf("a row that %s writes %q", step.what, s.writes)
		}
	}
}

// Who counts a scope conflicts with what joins or leaves it; who reads its rows, also with what changes those it saw.
func TestReadersOfAScope(t *testing.T) {
	count := func(tx *state.Tx) { state.Subnets.Count(tx, state.ByScope, scope) }
	all := func(tx *state.Tx) { _ = slices.Collect(state.Subnets.By(tx, state.ByScope, scope)) }
	first := func(tx *state.Tx) {
		for range state.Subnets.By(tx, state.ByScope, scope) {
			return
		}
	}
	put := func(id, cidr string) func(*state.Tx) {
		return func(tx *state.Tx) { state.Subnets.Put(tx, subnet(id, "v1", cidr)) }
	}
	for name, c := range map[string]struct {
		read, meanwhile func(*state.Tx)
		runs            int
	}{
		"counted, one joins":              {count, put("c", "10.0.3.0/24"), 2},
		"counted, one leaves":             {count, func(tx *state.Tx) { state.Subnets.Delete(tx, "b") }, 2},
		"counted, one changes":            {count, put("b", "10.0.9.0/24"), 1},
		"read, one changes":               {all, put("b", "10.0.9.0/24"), 2},
		"read, one joins":                 {all, put("c", "10.0.3.0/24"), 2},
		"the first read, another changes": {first, put("b", "10.0.9.0/24"), 1},
		"the first read, it changes":      {first, put("a", "10.0.9.0/24"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			v := openOn(t, mem.New())
			update(t, v, put("a", "10.0.0.0/24"))
			update(t, v, put("b", "10.0.1.0/24"))
			runs := 0
			update(t, v, func(tx *state.Tx) {
				runs++
				c.read(tx)
				if runs == 1 {
					update(t, v, c.meanwhile)
				}
				other := subnet("z", "v9", "10.0.0.0/24")
				other.Region = "eu-west-1"
				state.Subnets.Put(tx, other)
			})
			if runs != c.runs {
				t.Errorf("%d runs, want %d", runs, c.runs)
			}
		})
	}
}

// A transaction counts what it has written itself.
func TestCountWithinATransaction(t *testing.T) {
	v := openOn(t, mem.New())
	update(t, v, func(tx *state.Tx) {
		for i := range 5 {
			state.Subnets.Put(tx, subnet(fmt.Sprint(i), "v1", "10.0.0.0/24"))
		}
	})
	update(t, v, func(tx *state.Tx) {
		state.Subnets.Delete(tx, "0")
		state.Subnets.Delete(tx, "there is none")
		state.Subnets.Put(tx, subnet("1", "v2", "10.0.0.0/24"))
		state.Subnets.Put(tx, subnet("2", "v1", "10.0.1.0/24"))
		state.Subnets.Put(tx, subnet("9", "v1", "10.0.0.0/24"))
		if n, m := state.Subnets.Count(tx, state.ByScope, scope), state.Subnets.Count(tx, state.ByVPC, "v1"); n != 5 || m != 4 {
			t.Errorf("%d in the scope, want 5; %d in the VPC, want 4", n, m)
		}
	})
	if n := state.Subnets.Count(v.Snapshot(), state.ByScope, scope); n != 5 {
		t.Errorf("%d afterwards", n)
	}
}

// A row that is put where it was, without having been read, and is gone meanwhile, joins its sets again.
func TestAGuardComesBackWithItsRow(t *testing.T) {
	s := mem.New()
	v := openOn(t, s)
	put := func(tx *state.Tx) { state.Subnets.Put(tx, subnet("a", "v1", "10.0.0.0/24")) }
	update(t, v, put)
	runs := 0
	update(t, v, func(tx *state.Tx) {
		if runs++; runs == 1 {
			update(t, v, func(tx *state.Tx) { state.Subnets.Delete(tx, "a") })
		}
		put(tx)
	})
	if got := keys(t, s, "!subnet|scope|"); len(got) != 1 {
		t.Errorf("the guards of its scope are %q", got)
	}
}
