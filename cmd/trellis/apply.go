package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"trellis/internal/function"
	"trellis/internal/ordered"
	"trellis/internal/plan"
	"trellis/internal/proxy"
	"trellis/internal/proxy/server"
	"trellis/internal/reconcile"
	"trellis/internal/resolver"
	resolverserver "trellis/internal/resolver/server"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
	"trellis/internal/substrate"
)

// The parts of a host that make a plan real.
type (
	network interface {
		Apply(context.Context, substrate.Config) ([]substrate.Problem, error)
		Resync(ctx context.Context, enough func() bool) ([]substrate.Problem, error)
	}
	listeners interface {
		Apply(context.Context, *proxy.Table) error
		Drain(ctx context.Context, namespace string) error
		Failed() bool
	}
	resolvers interface {
		Apply(context.Context, *resolver.Zones) error
		Failed() bool
	}
	functions interface {
		Apply(context.Context, []*sandbox.Function) ([]sandbox.Status, error)
	}
)

// host applies plans in the right order and reports what came of them.
type host struct {
	name      string
	view      *state.View
	network   network
	listeners listeners
	resolvers resolvers
	functions functions
	log       *slog.Logger
	// disabled is why nothing can be made real here, empty where it can be or need not be.
	disabled string

	last plan.Host
	// names makes zones, waiting says that there is a newer plan, and looked is when the kernel was read back.
	names   resolver.Compiler
	waiting func() bool
	looked  time.Time
	// again says that what works in the namespaces is to be tried again although the plan has not changed.
	again bool
	// said is what was last logged of what works in the namespaces, by its kind.
	said map[string]string
	// broken are the failures of what works in the namespaces, failed those of functions among them, failures all there are.
	broken, failed, failures map[string]string
}

// resync is how long a plan may stand before it is held against the kernel again.
const resync = 750 * time.Millisecond

// drain is how long requests under way may go on in a namespace that is to be dropped.
const drain = 2 * time.Second

// run follows the view until ctx ends. rebuilt is closed once everything stored when the server started is real, and that is
// written if it can be.
func (h *host) run(ctx context.Context, rebuilt chan<- struct{}) {
	compiler := plan.New()
	failing := false
	loop := reconcile.New(h.apply, func(o reconcile.Outcome) {
		if o.Err != nil && !errors.Is(o.Err, context.Canceled) {
			h.log.Error("the host is not as planned", "revision", o.Revision, "attempt", o.Attempt, "error", o.Err, "again_in", o.RetryIn)
			return
		}
		if o.Err == nil {
			err := h.report(ctx, o.Revision)
			if err != nil && !failing && ctx.Err() == nil {
				h.log.Error("the host's status cannot be written", "error", err)
			}
			failing = err != nil
			if rebuilt != nil {
				close(rebuilt)
				rebuilt = nil
			}
		}
	}, reconcile.Pacing{Resync: resync})
	h.waiting = loop.Waiting
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop.Run(ctx)
	}()
	seen := int64(-1)
	for {
		s := h.view.Snapshot()
		if s.SpecRev != seen {
			seen = s.SpecRev
			loop.Set(seen, compiler.Compile(s))
		}
		if _, err := h.view.After(ctx, s.Rev); err != nil {
			<-done
			return
		}
	}
}

// apply makes a plan real, and now and then puts right what is no longer as it was applied.
func (h *host) apply(ctx context.Context, p plan.Host) error {
	if h.last.Proxy == nil || p.Revision != h.last.Revision {
		if err := h.advance(ctx, p); err != nil || time.Since(h.looked) < resync {
			return err
		}
	}
	return h.restore(ctx, p)
}

// advance goes from the plan before to the next: what is to go goes names first, then listeners, then the kernel's things,
// and what is new comes in the opposite order. So a name never leads where nobody listens, and a namespace is dropped only
// when nothing uses it.
func (h *host) advance(ctx context.Context, p plan.Host) error {
	if gone, coming := moves(h.last.Network, p.Network); len(gone) > 0 {
		if err := h.letGo(ctx, p, gone, coming); err != nil {
			return err
		}
	}
	problems, err := h.network.Apply(ctx, p.Network)
	if err != nil {
		return err
	}
	if h.last.Proxy == nil {
		h.looked = time.Now()
	}
	before := h.last
	h.last = p
	err = h.serve(ctx, p, before.Functions)
	h.note(p, problems)
	return err
}

// restore puts right what is no longer as it was applied.
func (h *host) restore(ctx context.Context, p plan.Host) error {
	h.looked = time.Now()
	problems, err := h.network.Resync(ctx, h.waiting)
	if err != nil {
		return err
	}
	if h.again || h.listeners.Failed() || h.resolvers.Failed() {
		err = h.serve(ctx, p, p.Functions)
	}
	h.note(p, problems)
	return err
}

// letGo takes everything that uses the namespaces that are to go out of them. Those that are coming are not there yet.
func (h *host) letGo(ctx context.Context, p plan.Host, gone, coming map[string]bool) error {
	names := p.Names
	names.VPCs = slices.DeleteFunc(slices.Clone(names.VPCs), func(v *resolver.VPC) bool { return coming[v.ID] })
	if err := h.resolvers.Apply(ctx, h.names.Compile(names)); err != nil {
		h.log.Warn("some resolvers did not stop well", "error", err)
	}
	table := *p.Proxy
	table.VPCs = slices.DeleteFunc(slices.Clone(table.VPCs), func(v *proxy.VPC) bool { return coming[v.Namespace] })
	table.LoadBalancers = slices.Clone(table.LoadBalancers)
	for i, lb := range table.LoadBalancers {
		if there := slices.DeleteFunc(slices.Clone(lb.Nodes), func(n proxy.Node) bool { return coming[n.Namespace] }); len(there) < len(lb.Nodes) {
			part := *lb
			part.Nodes = there
			table.LoadBalancers[i] = &part
		}
	}
	if err := h.listeners.Apply(ctx, &table); err != nil {
		h.log.Warn("some listeners did not change well", "error", err)
	}
	wait, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	var draining sync.WaitGroup
	for id := range gone {
		draining.Go(func() {
			if err := h.listeners.Drain(wait, id); err != nil {
				h.log.Warn("connections were cut short", "namespace", id, "error", err)
			}
		})
	}
	draining.Wait()
	_, err := h.functions.Apply(ctx, p.Functions)
	return err
}

// serve makes real what works inside the namespaces. What one resource lacks is that resource's failure, and is tried
// again at the next resync.
func (h *host) serve(ctx context.Context, p plan.Host, running []*sandbox.Function) error {
	again := h.again
	h.again, h.broken = true, map[string]string{}
	lacking := false
	err := h.listeners.Apply(ctx, p.Proxy)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	h.complain("some listeners could not be opened", err)
	if err != nil {
		lacking = true
		var all server.BindErrors
		if !errors.As(err, &all) {
			return err
		}
		for _, one := range all {
			h.broken[one.Binding.Namespace] = one.Error()
		}
	}
	if again || !slices.Equal(running, p.Functions) {
		retry, err := h.prepare(ctx, p.Functions)
		if err != nil {
			return err
		}
		lacking = lacking || retry
	}
	maps.Copy(h.broken, h.failed)
	err = h.resolvers.Apply(ctx, h.names.Compile(p.Names))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	h.complain("some resolvers could not be started", err)
	var perVPC resolverserver.Errors
	switch {
	case errors.As(err, &perVPC):
		lacking = true
		for id, e := range perVPC {
			h.broken[id] = e.Error()
		}
	case err != nil:
		return err
	}
	h.again = lacking
	return nil
}

// complain logs what is wrong, once for as long as it stays the same.
func (h *host) complain(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != h.said[what] {
		h.log.Warn(what, "error", text)
	}
	if h.said == nil {
		h.said = map[string]string{}
	}
	h.said[what] = text
}

// prepare makes functions ready to run. It reports whether that should be tried again.
func (h *host) prepare(ctx context.Context, all []*sandbox.Function) (lacking bool, err error) {
	statuses, err := h.functions.Apply(ctx, all)
	if err != nil {
		return false, err
	}
	h.failed = map[string]string{}
	for _, s := range statuses {
		if s.State != sandbox.Failed {
			continue
		}
		lacking = lacking || s.ReasonCode == process.ReasonInternal
		h.failed[s.Function] = s.Reason
		if name, version := function.Split(s.Function); version == sandbox.Latest {
			h.failed[name] = s.Reason
		}
	}
	return lacking, nil
}

// note lists what could not be made real. What a network lacks is why nothing works inside.
func (h *host) note(p plan.Host, problems []substrate.Problem) {
	h.failures = map[string]string{}
	maps.Copy(h.failures, h.broken)
	for id, err := range p.Problems {
		h.failures[id] = err.Error()
	}
	for _, problem := range problems {
		h.failures[problem.ID] = problem.Err.Error()
	}
}

// report writes the host's status if it changed.
func (h *host) report(ctx context.Context, revision int64) error {
	next := state.Host{Name: h.name, Applied: revision, Failures: h.failures, Disabled: h.disabled}
	return h.view.Update(ctx, func(tx *state.Tx) error {
		old, ok := state.Hosts.Get(tx, h.name)
		if ok && old.Applied == next.Applied && maps.Equal(old.Failures, next.Failures) && old.Disabled == next.Disabled {
			return nil
		}
		state.Hosts.Put(tx, &next)
		return nil
	})
}

// moves lists the namespaces that are to go, and those that are to come: of VPCs and of interfaces.
func moves(before, after substrate.Config) (gone, coming map[string]bool) {
	gone, coming = map[string]bool{}, map[string]bool{}
	for old, now := range ordered.Diff(before.VPCs, after.VPCs, (*substrate.VPC).Key) {
		for _, one := range []struct {
			vpc *substrate.VPC
			ids map[string]bool
		}{{old, gone}, {now, coming}} {
			if one.vpc == nil {
				continue
			}
			one.ids[one.vpc.ID] = true
			for _, i := range one.vpc.Interfaces {
				one.ids[i.ID] = true
			}
		}
	}
	for id := range gone {
		if coming[id] {
			delete(gone, id)
			delete(coming, id)
		}
	}
	return gone, coming
}
