package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"trellis/internal/api/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// finalize ends the second phase of deletion: rows that are marked as deleting go away once every host has let go of what
// they stood for, and so do deregistered targets that no host has a request at any more, or whose time has come.
func finalize(ctx context.Context, view *state.View, log *slog.Logger) {
	f := newFinalizer(time.Now)
	for {
		s := view.Snapshot()
		if f.follow(s) {
			if err := view.Update(ctx, f.sweep); err != nil && ctx.Err() == nil {
				log.Error("deleted resources could not be removed", "error", err)
			}
		}
		wait, cancel := context.WithTimeout(ctx, time.Second)
		_, err := view.After(wait, s.Rev)
		cancel()
		if err != nil && ctx.Err() != nil {
			return
		}
	}
}

// finalizer knows the rows that are to go.
type finalizer struct {
	at     *state.Snapshot
	leaves []leaver
}

// leaver is the rows of one table that are to go.
type leaver interface {
	follow(*state.Snapshot, state.Changes)
	some() bool
	retire(tx *state.Tx, n *int)
}

// newFinalizer takes a clock that nobody sets: how long a target has been draining is how long this finalizer has seen it do so.
func newFinalizer(now func() time.Time) *finalizer {
	always := func(*state.Snapshot, string, time.Time) bool { return true }
	return &finalizer{leaves: []leaver{
		leaving(state.Services, now, always, func(r *lattice.Service) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.TargetGroups, now, always, func(r *lattice.TargetGroup) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.Networks, now, always, func(r *lattice.Network) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.NetworkServices, now, always, func(r *lattice.NetworkService) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.NetworkVPCs, now, always, func(r *lattice.NetworkVPC) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.NetworkResources, now, always, func(r *lattice.NetworkResource) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.ResourceConfigurations, now, always, func(r *lattice.ResourceConfiguration) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.ResourceGateways, now, always, func(r *lattice.ResourceGateway) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.Endpoints, now, always, func(r *vpc.Endpoint) (string, bool) { return r.ID, r.Deleting }),
		leaving(state.Targets, now, func(s *state.Snapshot, key string, since time.Time) bool {
			r, ok := state.Targets.Get(s, key)
			return ok && (now().Sub(since) >= lattice.DrainPeriod || drained(s, r))
		}, func(r *lattice.Target) (string, bool) { return state.TargetKey(r), r.Draining }),
	}}
}

// follow takes in what changed since it was called last, and reports whether anything is to go.
func (f *finalizer) follow(s *state.Snapshot) bool {
	changes := s.Since(f.at)
	f.at = s
	some := false
	for _, l := range f.leaves {
		l.follow(s, changes)
		some = some || l.some()
	}
	return some
}

// limit bounds how many rows one transaction removes; the next one removes what is left.
const limit = 20

func (f *finalizer) sweep(tx *state.Tx) error {
	n := 0
	for _, l := range f.leaves {
		l.retire(tx, &n)
	}
	return nil
}

// rows are the keys of the rows of a table that are going.
type rows[T any] struct {
	table *state.Table[T]
	going func(*T) (key string, yes bool)
	now   func() time.Time
	may   func(s *state.Snapshot, key string, since time.Time) bool
	keys  map[string]time.Time // since when each was seen to be going
}

// leaving follows the rows of a table that are going. One of them may go once may says so.
func leaving[T any](t *state.Table[T], now func() time.Time, may func(*state.Snapshot, string, time.Time) bool, going func(*T) (string, bool)) *rows[T] {
	return &rows[T]{table: t, going: going, now: now, may: may, keys: map[string]time.Time{}}
}

func (l *rows[T]) some() bool { return len(l.keys) > 0 }

func (l *rows[T]) follow(s *state.Snapshot, changes state.Changes) {
	if changes.Everything {
		before := l.keys
		l.keys = map[string]time.Time{}
		for row := range l.table.All(s) {
			if key, yes := l.going(row); yes {
				l.note(key, before)
			}
		}
		return
	}
	for key := range l.table.Touched(changes) {
		if row, ok := l.table.Get(s, key); ok {
			if _, yes := l.going(row); yes {
				l.note(key, l.keys)
				continue
			}
		}
		delete(l.keys, key)
	}
}

// note takes a row in that is going, if it was not before.
func (l *rows[T]) note(key string, before map[string]time.Time) {
	since, known := before[key]
	if !known {
		since = l.now()
	}
	l.keys[key] = since
}

// retire removes the rows that are to go and that no host has anything of any more.
func (l *rows[T]) retire(tx *state.Tx, n *int) {
	s := tx.Snapshot()
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		if *n >= limit {
			return
		}
		row, rev, ok := l.table.Lookup(s, key)
		if !ok {
			continue
		}
		if _, yes := l.going(row); !yes || !l.may(s, key, l.keys[key]) {
			continue
		}
		if done, _ := state.Realised(s, rev.Modified, ""); !done {
			continue
		}
		// Reading it makes the removal depend on its being as it was seen.
		if _, ok := l.table.Get(tx, key); ok {
			l.table.Delete(tx, key)
			*n++
		}
	}
}

// drained reports whether nothing routes to a target's group any more, or every host says that it has no request at the target.
func drained(s *state.Snapshot, t *lattice.Target) bool {
	g, ok := state.TargetGroups.Get(s, t.TargetGroup)
	if !ok {
		return false
	}
	if !vpclattice.InUse(s, g) {
		return true
	}
	for h := range state.Hosts.All(s) {
		key := state.HealthKey(&state.Health{Host: h.Name, TargetGroup: g.ARN(), Target: t.ID, Port: t.Port})
		if row, ok := state.Healths.Get(s, key); !ok || row.Status != string(proxy.Drained) {
			return false
		}
	}
	return true
}
