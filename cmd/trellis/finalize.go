package main

import (
	"context"
	"log/slog"
	"time"

	"trellis/internal/api/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
)

// finalize ends the second phase of deletion: rows that are marked as deleting go away once every host has let go of what
// they stood for, and so do deregistered targets that no host has a request at any more, or whose time has come.
func finalize(ctx context.Context, view *state.View, log *slog.Logger) {
	for {
		s := view.Snapshot()
		if err := view.Update(ctx, sweep); err != nil && ctx.Err() == nil {
			log.Error("deleted resources could not be removed", "error", err)
		}
		wait, cancel := context.WithTimeout(ctx, time.Second)
		_, err := view.After(wait, s.Rev)
		cancel()
		if err != nil && ctx.Err() != nil {
			return
		}
	}
}

// limit bounds how many rows one transaction removes; the next one removes what is left.
const limit = 20

func sweep(tx *state.Tx) error {
	n := 0
	retire(tx, state.Services, &n, func(r *lattice.Service) (string, bool) { return r.ID, r.Deleting })
	retire(tx, state.TargetGroups, &n, func(r *lattice.TargetGroup) (string, bool) { return r.ID, r.Deleting })
	retire(tx, state.Networks, &n, func(r *lattice.Network) (string, bool) { return r.ID, r.Deleting })
	retire(tx, state.NetworkServices, &n, func(r *lattice.NetworkService) (string, bool) { return r.ID, r.Deleting })
	retire(tx, state.NetworkVPCs, &n, func(r *lattice.NetworkVPC) (string, bool) { return r.ID, r.Deleting })
	now := time.Now()
	retire(tx, state.Targets, &n, func(r *lattice.Target) (string, bool) {
		return state.TargetKey(r), r.Draining && (!now.Before(r.DrainUntil) || drained(tx.Snapshot(), r))
	})
	return nil
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

// retire removes the rows that are to go and that no host has anything of any more.
func retire[T any](tx *state.Tx, t *state.Table[T], n *int, going func(*T) (key string, yes bool)) {
	s := tx.Snapshot()
	for row, rev := range t.Rows(s) {
		if *n >= limit {
			return
		}
		key, yes := going(row)
		if !yes {
			continue
		}
		if done, _ := state.Realised(s, rev.Modified, ""); !done {
			continue
		}
		// Reading it makes the removal depend on its being as it was seen.
		if _, ok := t.Get(tx, key); ok {
			t.Delete(tx, key)
			*n++
		}
	}
}
