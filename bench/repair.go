package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trellis/bench/harm"
	"trellis/bench/probe"
	"trellis/bench/process"
	"trellis/bench/report"
)

// damage is what somebody takes away in the namespaces of the server, and what it does to a connection: one that the security
// group lets in is missed, or one that it does not is made.
type damage struct {
	name, mended string
	allowed      bool
	do           func(pid int) error
}

func damages() []damage {
	return []damage{
		{"every link", "packets pass again", true, harm.Links},
		{"every route", "packets pass again", true, harm.Routes},
		{"every rule of the packet filter", "packets are dropped again", false, harm.Filters},
	}
}

// repairs measures how long what was taken away by hand is missed inside a VPC.
func (b *bench) repairs(ctx context.Context) error {
	s, err := b.server(ctx, "repair", process.Any)
	if err != nil {
		return err
	}
	t, err := b.site(ctx, s)
	if err != nil {
		return err
	}
	times := 15
	if b.quick {
		times = 2
	}
	for _, d := range damages() {
		took, err := b.missed(ctx, t, d, times)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		name := d.name + " of a VPC's namespaces deleted by hand → " + d.mended
		for _, f := range []report.Figure{
			{Name: name, Ours: report.Sample{Subject: trellis, Values: took}},
			{Name: fmt.Sprintf("%s, the slowest of %d", name, times), Ours: report.Sample{Subject: trellis, Values: []float64{slices.Max(took)}}, Aim: &report.Aim{Value: 1000}},
		} {
			f.Group, f.Unit, f.Limit = "Put back", report.Millis, "the time between two looks at the namespaces that the kernel told of."
			b.add(f)
		}
	}
	return nil
}

// missed does damage so often and tells how long it was until a connection begun then went as it should, in milliseconds.
func (b *bench) missed(ctx context.Context, t *site, d damage, times int) (_ []float64, err error) {
	if !d.allowed {
		if err := t.open(ctx, false); err != nil {
			return nil, err
		}
	}
	if err := t.server.Settle(ctx); err != nil {
		return nil, err
	}
	a, err := b.watch(t, "connections")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	var seen probe.Seen
	if err := a.listen(&seen); err != nil {
		return nil, err
	}
	whole, harmed := 0, 1
	if d.allowed {
		whole, harmed = 1, 0
	}
	if seen.Status != whole {
		return nil, fmt.Errorf("the first thing seen inside the VPC is %d, not %d", seen.Status, whole)
	}
	var out []float64
	for range times {
		begin := time.Now()
		if err := d.do(t.server.PID()); err != nil {
			return nil, err
		}
		for _, want := range []int{harmed, whole} {
			if err := a.listen(&seen); err != nil {
				return nil, err
			}
			if seen.Status != want {
				return nil, fmt.Errorf("%d is seen inside the VPC, not %d", seen.Status, want)
			}
		}
		out = append(out, millis(time.Unix(0, seen.At).Sub(begin)))
		if err := t.server.Settle(ctx); err != nil {
			return nil, err
		}
	}
	return out, nil
}
