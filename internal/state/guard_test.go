package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

// keys lists what a store holds whose key starts with the prefix.
func keys(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var out []string
	enough := errors.New("enough")
	err := s.Watch(t.Context(), func(b store.Batch) error {
		for _, e := range b.Events {
			if strings.HasPrefix(e.Key, prefix) {
				out = append(out, e.Key)
			}
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return out
}

func openOn(t *testing.T, s store.Store) *state.View {
	t.Helper()
	v, err := state.Open(t.Context(), s, xor(1), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func update(t *testing.T, v *state.View, fn func(*state.Tx)) {
	t.Helper()
	if err := v.Update(t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestGuardsGoWithTheLastMember(t *testing.T) {
	s := mem.New()
	v := openOn(t, s)
	update(t, v, func(tx *state.Tx) {
		state.Subnets.Put(tx, subnet("a", "v1", "10.0.0.0/24"))
		state.Subnets.Put(tx, subnet("b", "v1", "10.0.1.0/24"))
	})
	if got := keys(t, s, "!"); len(got) != 2 {
		t.Errorf("guards of two sets are %q", got)
	}
	update(t, v, func(tx *state.Tx) { state.Subnets.Delete(tx, "a") })
	if got := keys(t, s, "!"); len(got) != 2 {
		t.Errorf("guards while there is a member: %q", got)
	}
	update(t, v, func(tx *state.Tx) { state.Subnets.Put(tx, subnet("b", "v2", "10.0.1.0/24")) })
	if got := strings.Join(keys(t, s, "!"), " "); strings.Contains(got, "v1") || !strings.Contains(got, "v2") {
		t.Errorf("guards after the last member moved: %q", got)
	}
	update(t, v, func(tx *state.Tx) {
		state.Subnets.Put(tx, subnet("c", "v3", "10.0.1.0/24"))
		state.Subnets.Delete(tx, "c")
		state.Subnets.Delete(tx, "b")
	})
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("an empty state holds %q", got)
	}
}

// A reader of a set conflicts with whatever changes the set meanwhile, also with what empties it or fills it.
func TestReadersOfSetsThatEmptyOrFillConflict(t *testing.T) {
	put := func(id string) func(*state.Tx) {
		return func(tx *state.Tx) { state.Subnets.Put(tx, subnet(id, "v1", "10.0.0.0/24")) }
	}
	drop := func(id string) func(*state.Tx) { return func(tx *state.Tx) { state.Subnets.Delete(tx, id) } }
	for name, c := range map[string]struct {
		before, meanwhile []func(*state.Tx)
		runs              int
	}{
		"filled":             {nil, []func(*state.Tx){put("a")}, 2},
		"emptied":            {[]func(*state.Tx){put("a")}, []func(*state.Tx){drop("a")}, 2},
		"replaced":           {[]func(*state.Tx){put("a")}, []func(*state.Tx){drop("a"), put("b")}, 2},
		"filled and emptied": {nil, []func(*state.Tx){put("a"), drop("a")}, 1},
		"untouched":          {[]func(*state.Tx){put("a")}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			v := openOn(t, mem.New())
			for _, f := range c.before {
				update(t, v, f)
			}
			runs := 0
			update(t, v, func(tx *state.Tx) {
				runs++
				got := ids(tx, "v1")
				if runs == 1 {
					for _, f := range c.meanwhile {
						update(t, v, f)
					}
				} else if want := ids(v.Snapshot(), "v1"); got != want {
					t.Errorf("run %d reads %q, want %q", runs, got, want)
				}
				state.Subnets.Put(tx, subnet("z", "v9", "10.0.0.0/24"))
			})
			if runs != c.runs {
				t.Errorf("%d runs, want %d", runs, c.runs)
			}
		})
	}
}

// Whatever order members come and go in, no reader of the set may act on what is not so any more.
func TestSetsUnderChange(t *testing.T) {
	s := mem.New()
	v := openOn(t, s)
	const seats = 2
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			id := fmt.Sprint("s", w)
			for range 50 {
				err := v.Update(t.Context(), func(tx *state.Tx) error {
					n := 0
					for range state.Subnets.By(tx, state.ByVPC, "v1") {
						n++
					}
					if n < seats {
						state.Subnets.Put(tx, subnet(id, "v1", "10.0.0.0/24"))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if n := len(strings.Fields(ids(v.Snapshot(), "v1"))); n > seats {
					t.Errorf("%d members of a set that takes %d", n, seats)
				}
				if err := v.Update(t.Context(), func(tx *state.Tx) error { state.Subnets.Delete(tx, id); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := v.Tidy(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("an empty state holds %q", got)
	}
}

func TestTidyRemovesOldTokens(t *testing.T) {
	s := mem.New()
	v := openOn(t, s)
	now := time.Now()
	for i := range 120 {
		update(t, v, func(tx *state.Tx) {
			state.Remember(tx, "1/r", "op", fmt.Sprint("old", i), "d", "made", now.Add(-25*time.Hour))
		})
	}
	update(t, v, func(tx *state.Tx) { state.Remember(tx, "1/r", "op", "new", "d", "made", now) })
	if err := v.Tidy(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "token|"); len(got) != 1 || !strings.HasSuffix(got[0], "/new") {
		t.Errorf("tokens left: %q", got)
	}
}

// set is a time as a clock tells it that was set by so much: what the wall says has moved, what has passed has not.
func set(t time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}

func TestUnhurriedClock(t *testing.T) {
	began := time.Now()
	by, passed := time.Duration(0), time.Duration(0)
	clock := state.Unhurried(func() time.Time { return set(began.Add(passed), by) })
	for _, c := range []struct{ by, passed, want time.Duration }{
		{0, time.Hour, time.Hour},
		{365 * 24 * time.Hour, 2 * time.Hour, 2 * time.Hour},
		{-365 * 24 * time.Hour, 3 * time.Hour, 3*time.Hour - 365*24*time.Hour},
		{0, 4 * time.Hour, 4 * time.Hour},
	} {
		by, passed = c.by, c.passed
		if got := clock().Sub(began.Round(0)); got != c.want {
			t.Errorf("%v after the beginning, with a clock set by %v: %v, want %v", c.passed, c.by, got, c.want)
		}
	}
}

// failing is a store whose commits fail, after they were made or instead.
type failing struct {
	store.Store
	err  error
	made bool
}

func (f *failing) Commit(ctx context.Context, r []store.Read, w []store.Write) (int64, error) {
	if f.err == nil {
		return f.Store.Commit(ctx, r, w)
	}
	if f.made {
		if _, err := f.Store.Commit(ctx, r, w); err != nil {
			return 0, err
		}
	}
	return 0, f.err
}

func TestFailedCommits(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		made bool
		want fault.Kind
	}{
		"failed":                           {err: errors.New("no"), want: fault.Unavailable},
		"persisted but reported as failed": {err: errors.New("no"), made: true, want: fault.Unavailable},
		"database full":                    {err: store.ErrFull, want: fault.Unavailable},
		"too large":                        {err: store.ErrTooLarge, want: fault.TooLarge},
		"cancelled":                        {err: context.Canceled, want: fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{Store: mem.New()}
			v := openOn(t, f)
			now := time.Now()
			id := 0
			create := func() error {
				return v.Update(t.Context(), func(tx *state.Tx) error {
					if _, found, _ := state.Seen(tx, "1/r", "op", "token", "d", now); found {
						return nil
					}
					id++
					name := fmt.Sprint("s", id)
					state.Subnets.Put(tx, &vpc.Subnet{ID: name, VPC: "v1"})
					state.Remember(tx, "1/r", "op", "token", "d", name, now)
					return nil
				})
			}
			f.err, f.made = c.err, c.made
			if err := create(); !fault.Is(err, c.want) {
				t.Errorf("the call ends with %v, want kind %v", err, c.want)
			}
			if got := ids(v.Snapshot(), "v1"); !c.made && got != "" {
				t.Errorf("a failed commit wrote %q", got)
			}
			f.err = nil
			if err := create(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(ids(v.Snapshot(), "v1")); len(got) != 1 {
				t.Errorf("the repeated call leaves %q, want one", got)
			}
		})
	}
}
