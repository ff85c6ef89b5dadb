package main

import (
	"context"
	"log/slog"
	"testing"
	"time"
	"unsafe"

	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

// asItIs seals nothing.
type asItIs struct{}

func (asItIs) Seal(b []byte) []byte          { return b }
func (asItIs) Open(b []byte) ([]byte, error) { return b, nil }

// set is a time as a clock tells it that was set by so much: what the wall says has moved, what has passed has not.
func set(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(by/time.Second) << 30
	return t
}

func TestDrainedTargetsGo(t *testing.T) {
	view, err := state.Open(t.Context(), mem.New(), asItIs{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	owner := vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	g := &lattice.TargetGroup{Meta: lattice.Meta{Owner: owner, ID: "tg-1"}, Type: lattice.TypeIP}
	association := lattice.NetworkService{Meta: lattice.Meta{Owner: owner, ID: "snsa-1"}, Service: "svc-1"}
	update := func(change func(tx *state.Tx)) {
		t.Helper()
		if err := view.Update(context.Background(), func(tx *state.Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	says := func(host, target string, status proxy.Status) {
		update(func(tx *state.Tx) {
			state.Healths.Put(tx, &state.Health{Host: host, TargetGroup: g.ARN(), Target: target, Port: 80, Status: string(status)})
		})
	}
	update(func(tx *state.Tx) {
		state.TargetGroups.Put(tx, g)
		state.Listeners.Put(tx, &lattice.Listener{Meta: lattice.Meta{Owner: owner, ID: "listener-1"}, Service: "svc-1",
			Default: lattice.Action{Forward: []lattice.Weighted{{TargetGroup: g.ID, Weight: 1}}}})
		state.NetworkServices.Put(tx, &association)
		for _, id := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"} {
			state.Targets.Put(tx, &lattice.Target{Owner: owner, TargetGroup: g.ID, ID: id, Port: 80, Draining: true})
		}
		state.Targets.Put(tx, &lattice.Target{Owner: owner, TargetGroup: g.ID, ID: "10.0.0.5", Port: 80})
	})
	applied := view.Snapshot().SpecRev
	now := time.Now()
	f := newFinalizer(func() time.Time { return now })
	left := func() (ids string) {
		f.follow(view.Snapshot())
		update(func(tx *state.Tx) {
			if err := f.sweep(tx); err != nil {
				t.Fatal(err)
			}
		})
		for row := range state.Targets.By(view.Snapshot(), state.ByTargetGroup, g.ID) {
			ids += row.ID[len(row.ID)-1:]
		}
		return ids
	}
	update(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "a", Applied: applied})
		state.Hosts.Put(tx, &state.Host{Name: "b", Applied: applied - 1})
	})
	says("a", "10.0.0.1", proxy.Drained)
	says("b", "10.0.0.1", proxy.Drained)
	says("a", "10.0.0.2", proxy.Drained)
	says("b", "10.0.0.2", proxy.Draining)
	says("a", "10.0.0.3", proxy.Drained)
	says("a", "10.0.0.4", proxy.Drained)
	says("b", "10.0.0.4", proxy.Drained)
	says("a", "10.0.0.5", proxy.Drained)
	says("b", "10.0.0.5", proxy.Drained)
	if got := left(); got != "12345" {
		t.Errorf("before host b has heard of it: %s", got)
	}
	update(func(tx *state.Tx) { state.Hosts.Put(tx, &state.Host{Name: "b", Applied: applied}) })
	if got := left(); got != "235" {
		t.Errorf("one is still busy, of one a host says nothing, one is not deregistered: %s", got)
	}
	says("b", "10.0.0.2", proxy.Drained)
	if got := left(); got != "35" {
		t.Errorf("none is busy: %s", got)
	}
	// A target that is never said to be idle goes when its period is over, and not when a clock is set.
	now = set(now.Add(lattice.DrainPeriod-time.Second), 365*24*time.Hour)
	update(func(tx *state.Tx) {
		state.Targets.Put(tx, &lattice.Target{Owner: owner, TargetGroup: g.ID, ID: "10.0.0.6", Port: 80, Draining: true})
	})
	update(func(tx *state.Tx) {
		for _, name := range []string{"a", "b"} {
			state.Hosts.Put(tx, &state.Host{Name: name, Applied: view.Snapshot().SpecRev})
		}
	})
	if got := left(); got != "356" {
		t.Errorf("a second too early: %s", got)
	}
	now = set(now.Add(time.Second), -2*365*24*time.Hour)
	if got := left(); got != "56" {
		t.Errorf("the period of one is over: %s", got)
	}
	association.Deleting = true
	update(func(tx *state.Tx) { state.NetworkServices.Put(tx, &association) })
	applied = view.Snapshot().SpecRev
	update(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "a", Applied: applied})
		state.Hosts.Put(tx, &state.Host{Name: "b", Applied: applied})
	})
	if got := left(); got != "5" {
		t.Errorf("nothing routes there any more: %s", got)
	}
}
