package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"trellis/internal/arn"
	"trellis/internal/journal"
	"trellis/internal/lattice"
	"trellis/internal/proxy/server"
	"trellis/internal/sandbox"
	"trellis/internal/sandbox/process"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// functionLogs sends what functions print to their log groups, which are made when there is something to send.
type functionLogs struct {
	view    *state.View
	journal *journal.Store
}

func (l functionLogs) Write(ctx context.Context, f *sandbox.Function, stream string, lines []process.LogLine) error {
	a, err := arn.Parse(f.ARN)
	if err != nil {
		return err
	}
	owner := vpc.Owner{Account: a.Account, Region: a.Region}
	g, ok := state.LogGroups.Get(l.view.Snapshot(), state.LogGroupKey(owner, f.LogGroup))
	if !ok {
		err := l.view.Update(ctx, func(tx *state.Tx) error {
			g = state.EnsureLogGroup(tx, owner, f.LogGroup, time.Now())
			return nil
		})
		if err != nil {
			return err
		}
	}
	now := time.Now().UnixMilli()
	events := make([]journal.Event, len(lines))
	for i, line := range lines {
		events[i] = journal.Event{Time: line.Time.UnixMilli(), Ingested: now, Message: line.Message}
	}
	return appendEvents(l.journal, g.ID, stream, events, now)
}

// appendEvents adds events to a stream, which is made if it is not there.
func appendEvents(j *journal.Store, group, stream string, events []journal.Event, now int64) error {
	err := j.Append(group, stream, events)
	if errors.Is(err, journal.ErrNotFound) {
		if err := j.Create(group, stream, now); err != nil && !errors.Is(err, journal.ErrExists) {
			return err
		}
		err = j.Append(group, stream, events)
	}
	return err
}

// accessLog sends access records to the log groups that subscribe to the service or the service network.
type accessLog struct {
	view    *state.View
	journal *journal.Store
	log     *slog.Logger
	// lost counts records that could not be delivered, said is when the log told of one last.
	lost atomic.Int64
	said time.Time
}

// sayEvery is how often the server's log tells that records are lost.
const sayEvery = 10 * time.Second

// delivery is what one subscription gets of a batch.
type delivery struct {
	*lattice.LogSubscription
	events []journal.Event
}

// subject is what an access record is about.
type subject struct{ network, service string }

// Write implements the proxy's AccessLog.
func (a *accessLog) Write(records []server.AccessRecord) {
	s := a.view.Snapshot()
	now := time.Now()
	subscribed := map[subject][]*delivery{}
	var all []*delivery
	for _, r := range records {
		about := subject{r.Network, r.Service}
		to, ok := subscribed[about]
		if !ok {
			to = subscribers(s, about, &all)
			for _, d := range to {
				d.events = slices.Grow(d.events, len(records))
			}
			subscribed[about] = to
		}
		for _, d := range to {
			d.events = append(d.events, journal.Event{Time: r.Time.UnixMilli(), Ingested: now.UnixMilli(), Message: r.JSON})
		}
	}
	for _, d := range all {
		if err := a.send(s, d, now); err != nil {
			lost := a.lost.Add(int64(len(d.events)))
			if now.Sub(a.said) >= sayEvery {
				a.said = now
				a.log.Warn("access records are not delivered", "subscription", d.ID, "lost", lost, "error", err)
			}
		}
	}
}

// subscribers returns the deliveries that records of the subject are for, new ones being added to all.
func subscribers(s *state.Snapshot, about subject, all *[]*delivery) []*delivery {
	var out []*delivery
	for _, resource := range []string{about.network, about.service} {
		id := resource[strings.LastIndexByte(resource, '/')+1:]
		for sub := range state.LogSubscriptions.By(s, state.ByResource, id) {
			if sub.LogType == lattice.LogsOfResources {
				continue
			}
			i := slices.IndexFunc(*all, func(d *delivery) bool { return d.ID == sub.ID })
			if i < 0 {
				i = len(*all)
				*all = append(*all, &delivery{LogSubscription: sub})
			}
			out = append(out, (*all)[i])
		}
	}
	return out
}

func (a *accessLog) send(s *state.Snapshot, d *delivery, now time.Time) error {
	to, err := arn.Parse(strings.TrimSuffix(d.Destination, ":*"))
	if err != nil {
		return err
	}
	g, ok := state.LogGroups.Get(s, state.LogGroupKey(vpc.Owner{Account: to.Account, Region: to.Region}, to.ID()))
	if to.Service != "logs" || !ok {
		return errors.New("the destination " + d.Destination + " is not a log group that is there")
	}
	return appendEvents(a.journal, g.ID, "VPCLattice/"+d.ID, d.events, now.UnixMilli())
}
