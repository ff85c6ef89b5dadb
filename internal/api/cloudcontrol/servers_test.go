package cloudcontrol_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"trellis/internal/api/cloudcontrol"
	latticeapi "trellis/internal/api/vpclattice"
	model "trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/state"
	"trellis/internal/store"
)

// counted tells which service networks a server made.
type counted struct {
	cloudcontrol.Lattice
	mu   sync.Mutex
	made []string
}

func (c *counted) CreateServiceNetwork(ctx context.Context, in *vpclattice.CreateServiceNetworkInput) (*vpclattice.CreateServiceNetworkOutput, error) {
	c.mu.Lock()
	c.made = append(c.made, *in.Name)
	c.mu.Unlock()
	return c.Lattice.CreateServiceNetwork(ctx, in)
}

// fragile refuses a number of commits that write claims.
type fragile struct {
	store.Store
	mu   sync.Mutex
	left int
}

func (f *fragile) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	f.mu.Lock()
	fails := f.left > 0 && slices.ContainsFunc(writes, func(w store.Write) bool { return w.Value != nil && strings.HasPrefix(w.Key, "resource-claim|") })
	if fails {
		f.left--
	}
	f.mu.Unlock()
	if fails {
		return 0, fmt.Errorf("the store is away")
	}
	return f.Store.Commit(ctx, reads, writes)
}

// peer is a second server on the state of a world.
type peer struct {
	*world
	counted *counted
}

// servers returns two on one store, whose requests go on.
func servers(t *testing.T) (here, there *peer) {
	t.Helper()
	here = &peer{}
	here.world = newWorldWith(t, func(l cloudcontrol.Lattice) cloudcontrol.Lattice {
		here.counted = &counted{Lattice: l}
		return here.counted
	})
	return here, here.second("there", here.store)
}

func (p *peer) second(name string, kv store.Store) *peer {
	p.Helper()
	other := &world{T: p.T, store: kv, auth: p.auth, clock: p.now()}
	other.open()
	c := &counted{Lattice: latticeapi.New(other.view, other.now)}
	other.lattice = c
	other.API = cloudcontrol.New(other.view, name, c, noAPIs{}, other.auth, slog.New(slog.DiscardHandler), other.now)
	other.run()
	return &peer{other, c}
}

// lapse ends the leases of a server's claims.
func (p *peer) lapse(server string) {
	p.Helper()
	p.put(func(tx *state.Tx) {
		for c := range state.ResourceClaims.All(tx.Snapshot()) {
			if c.Server == server {
				state.ResourceClaims.Delete(tx, c.Token)
			}
		}
	})
}

// after waits until a server sees what another does.
func (p *peer) after(other *peer) *peer {
	p.Helper()
	if _, err := p.view.After(p.Context(), other.view.Snapshot().Rev-1); err != nil {
		p.Fatal(err)
	}
	return p
}

func (p *peer) unclaimed() {
	p.Helper()
	if n := state.ResourceClaims.Len(p.view.Snapshot()); n != 0 {
		p.Errorf("%d claims are left", n)
	}
}

// Each request is carried out once, by the server that was asked.
func TestTwoServers(t *testing.T) {
	here, there := servers(t)
	var events []*model.ProgressEvent
	want := map[*peer][]string{}
	for i := range 40 {
		p := []*peer{here, there}[i%2]
		name := fmt.Sprintf("network-%02d", i)
		e, err := p.begin("ServiceNetwork", object{"Name": name})
		if err != nil {
			t.Fatal(err)
		}
		events, want[p] = append(events, e), append(want[p], name)
	}
	for _, e := range events {
		here.after(there).succeed(e, nil)
		there.after(here).succeed(e, nil)
	}
	for p, names := range want {
		if slices.Sort(p.counted.made); !slices.Equal(p.counted.made, names) {
			t.Errorf("a server made %q, want %q", p.counted.made, names)
		}
	}
	here.unclaimed()
}

// What a server left is another's once the claim is gone, not before, and what a lapsed claim let two begin is made once.
func TestServerGone(t *testing.T) {
	here, there := servers(t)
	there.after(here).lag()
	service := here.known(here.begin("Service", object{"Name": "service"}))
	here.stop()
	waiting, err := here.begin("ServiceNetwork", object{"Name": "network"})
	if err != nil {
		t.Fatal(err)
	}
	there.after(here).host(always)
	there.create("ServiceNetwork", object{"Name": "other"})
	for _, e := range []*model.ProgressEvent{service, waiting} {
		if got := there.event(e); *got.OperationStatus != "IN_PROGRESS" {
			t.Errorf("%s of a server that may live is %s", *e.TypeName, *got.OperationStatus)
		}
	}
	there.lapse("here")
	there.succeed(waiting, nil)
	if id := there.succeed(service, nil); id != *service.Identifier {
		t.Errorf("a second service %s was made, besides %s", id, *service.Identifier)
	}
	if n := state.Services.Len(there.view.Snapshot()); n != 1 {
		t.Errorf("there are %d services", n)
	}
	there.unclaimed()
}

// A server that comes back under its name goes on with what is its own.
func TestServerReturns(t *testing.T) {
	here, there := servers(t)
	there.after(here).lag()
	service := here.known(here.begin("Service", object{"Name": "service"}))
	here.stop()
	back := here.second("here", here.store)
	back.host(always)
	if id := there.after(back).succeed(service, nil); id != *service.Identifier {
		t.Errorf("a second service %s was made, besides %s", id, *service.Identifier)
	}
	there.unclaimed()
}

// A server whose lease lapsed while it works leaves what another has taken, and goes on with the rest.
func TestLeaseLapses(t *testing.T) {
	here, there := servers(t)
	there.after(here).lag()
	var events []*model.ProgressEvent
	for i := range 20 {
		events = append(events, here.known(here.begin("Service", object{"Name": fmt.Sprintf("service-%d", i)})))
	}
	there.after(here).lapse("here")
	there.put(func(tx *state.Tx) {
		for _, e := range events[:5] {
			state.ResourceClaims.Put(tx, &state.ResourceClaim{Token: *e.RequestToken, Server: "third"})
		}
	})
	there.host(always)
	for _, e := range events[5:] {
		here.after(there).succeed(e, nil)
	}
	for _, e := range events[:5] {
		if got := there.event(e); *got.OperationStatus != "IN_PROGRESS" {
			t.Errorf("a request of a third server's is %s", *got.OperationStatus)
		}
	}
	there.lapse("third")
	for _, e := range events[:5] {
		there.succeed(e, nil)
	}
	if n := state.Services.Len(there.view.Snapshot()); n != len(events) {
		t.Errorf("there are %d services of %d", n, len(events))
	}
	there.unclaimed()
}

// A claim that cannot be stored is tried again, though nothing else changes.
func TestClaimFails(t *testing.T) {
	here, there := servers(t)
	there.stop()
	here.stop()
	e, err := here.begin("ServiceNetwork", object{"Name": "network"})
	if err != nil {
		t.Fatal(err)
	}
	kv := &fragile{Store: here.store, left: 2}
	third := here.second("third", kv)
	third.lapse("here")
	third.succeed(e, nil)
	if kv.left != 0 {
		t.Errorf("%d failures are left", kv.left)
	}
	third.unclaimed()
}

func TestCancelElsewhere(t *testing.T) {
	here, there := servers(t)
	here.lag()
	cancel := func(p *peer, e *model.ProgressEvent) {
		t.Helper()
		out, err := p.after(here).CancelResourceRequest(p.as(account), &model.CancelResourceRequestInput{RequestToken: e.RequestToken})
		if err != nil || *out.ProgressEvent.OperationStatus != "CANCEL_IN_PROGRESS" {
			t.Fatalf("cancelled %v, %v", out, err)
		}
	}
	e := here.known(here.begin("Service", object{"Name": "service"}))
	cancel(there, e)
	if end := there.end(there.event(e), nil); *end.OperationStatus != "CANCEL_COMPLETE" {
		t.Errorf("ended %s", *end.OperationStatus)
	}
	// One that was cancelled while its server was gone is cancelled by who takes it over.
	e = here.known(here.begin("Service", object{"Name": "another"}))
	here.stop()
	cancel(there, e)
	if got := there.event(e); *got.OperationStatus != "CANCEL_IN_PROGRESS" {
		t.Errorf("ended %s", *got.OperationStatus)
	}
	there.lapse("here")
	if end := there.end(there.event(e), nil); *end.OperationStatus != "CANCEL_COMPLETE" {
		t.Errorf("ended %s", *end.OperationStatus)
	}
	there.unclaimed()
}
