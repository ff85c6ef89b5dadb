package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/state"
)

// groupHealth is the health of the targets of groups, by the groups' ARNs.
type groupHealth = map[string][]proxy.TargetHealth

// checked is who looks at targets.
type checked interface {
	Health() []proxy.TargetHealth
	HealthNews() groupHealth
}

// watchHealth writes what the proxy sees of targets into the state, when it changes.
func watchHealth(ctx context.Context, name string, view *state.View, targets checked, log *slog.Logger) {
	w := healthWatch{name: name, view: view, targets: targets, unwritten: groupHealth{}}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := w.tell(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Error("the health of targets cannot be written", "error", err)
		}
		failing = err != nil
	}
}

// healthWatch knows what is yet to be written.
type healthWatch struct {
	name    string
	view    *state.View
	targets checked

	unwritten groupHealth
	// since is when the host's own row was made. A new one means that a lease was lost, and all that rode it.
	since int64
}

// tell writes what is new. Where nothing is it costs the same however many targets there are.
func (w *healthWatch) tell(ctx context.Context) error {
	maps.Copy(w.unwritten, w.targets.HealthNews())
	if _, rev, _ := state.Hosts.Lookup(w.view.Snapshot(), w.name); rev.Created != w.since {
		w.since = rev.Created
		all := groupHealth{}
		for _, t := range w.targets.Health() {
			all[t.Group] = append(all[t.Group], t)
		}
		maps.Copy(w.unwritten, all)
	}
	if len(w.unwritten) == 0 {
		return nil
	}
	err := w.view.Update(ctx, func(tx *state.Tx) error {
		for group, targets := range w.unwritten {
			reportHealth(tx, w.name, group, targets)
		}
		return nil
	})
	if err == nil {
		clear(w.unwritten)
	}
	return err
}

// reportHealth makes a host's word on the targets of a group what it sees of them.
func reportHealth(tx *state.Tx, name, group string, seen []proxy.TargetHealth) {
	want := map[string]*state.Health{}
	for _, t := range seen {
		row := &state.Health{Host: name, TargetGroup: group, Target: t.ID, Port: int32(t.Port), Status: string(t.Status), Reason: t.Reason}
		if t.HTTPStatus != 0 {
			row.Detail = fmt.Sprintf("Health checks failed with these codes: [%d]", t.HTTPStatus)
		}
		key := state.HealthKey(row)
		// A target of several addresses drains as long as one of them does.
		if other := want[key]; other != nil && other.Status == string(proxy.Draining) {
			continue
		}
		want[key] = row
	}
	for row := range state.Healths.By(tx.Snapshot(), state.ByTargetGroup, group) {
		key := state.HealthKey(row)
		switch next, ok := want[key]; {
		case row.Host != name:
		case !ok:
			state.Healths.Delete(tx, key)
		case *next == *row:
			delete(want, key)
		}
	}
	for _, row := range want {
		state.Healths.Put(tx, row)
	}
}
