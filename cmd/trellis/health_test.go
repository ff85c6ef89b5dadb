package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/store/mem"
)

// seenTargets is a proxy that says what it is told to.
type seenTargets struct {
	all  []proxy.TargetHealth
	news []string
	full int
}

func (s *seenTargets) Health() []proxy.TargetHealth {
	s.full++
	return s.all
}

func (s *seenTargets) HealthNews() groupHealth {
	out := groupHealth{}
	for _, group := range s.news {
		out[group] = nil
		for _, t := range s.all {
			if t.Group == group {
				out[group] = append(out[group], t)
			}
		}
	}
	s.news = nil
	return out
}

// What is written of targets is what the proxy sees of them, group by group; all of it again when a lease took it away.
func TestHealthIsToldByGroups(t *testing.T) {
	view, err := state.Open(t.Context(), mem.New(), asItIs{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	targets := &seenTargets{}
	w := healthWatch{name: "host-a", view: view, targets: targets, unwritten: groupHealth{}}
	update := func(change func(tx *state.Tx)) {
		t.Helper()
		if err := view.Update(context.Background(), func(tx *state.Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "host-a"})
		state.Healths.Put(tx, &state.Health{Host: "host-b", TargetGroup: "red", Target: "1", Status: "HEALTHY"})
	})
	told := func(want ...string) {
		t.Helper()
		if err := w.tell(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for row := range state.Healths.All(view.Snapshot()) {
			if row.Host == "host-a" {
				got = append(got, strings.Join([]string{row.TargetGroup, row.Target, row.Status}, " "))
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	told()
	targets.all = []proxy.TargetHealth{{Group: "red", ID: "1", Status: proxy.Initial}, {Group: "red", ID: "2", Status: proxy.Healthy}, {Group: "blue", ID: "1", Status: proxy.Healthy}}
	targets.news = []string{"red", "blue"}
	told("blue 1 HEALTHY", "red 1 INITIAL", "red 2 HEALTHY")
	targets.all[0].Status = proxy.Unhealthy
	targets.all = slices.Delete(targets.all, 1, 2)
	targets.news = []string{"red"}
	told("blue 1 HEALTHY", "red 1 UNHEALTHY")
	revision := view.Snapshot().Rev
	told("blue 1 HEALTHY", "red 1 UNHEALTHY")
	if now := view.Snapshot().Rev; now != revision || targets.full != 1 {
		t.Errorf("without news it wrote %d times, and looked at every target %d times, not once", now-revision, targets.full)
	}
	// A lease that is lost takes the host's row and its word on targets.
	update(func(tx *state.Tx) {
		state.Hosts.Delete(tx, "host-a")
		for row := range state.Healths.All(tx.Snapshot()) {
			if row.Host == "host-a" {
				state.Healths.Delete(tx, state.HealthKey(row))
			}
		}
	})
	update(func(tx *state.Tx) { state.Hosts.Put(tx, &state.Host{Name: "host-a"}) })
	told("blue 1 HEALTHY", "red 1 UNHEALTHY")
	// A group that is used no longer.
	targets.all = targets.all[:1]
	targets.news = []string{"blue"}
	told("red 1 UNHEALTHY")
	if _, ok := state.Healths.Get(view.Snapshot(), "host-b/red/1/0"); !ok {
		t.Error("another host's word is gone")
	}
}
