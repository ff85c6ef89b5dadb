package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"trellis/internal/arn"
	"trellis/internal/journal"
	"trellis/internal/lattice"
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

// Write implements the proxy's AccessLog.
func (a *accessLog) Write(networkARN, serviceARN string, when time.Time, record []byte) {
	s := a.view.Snapshot()
	for _, resource := range []string{networkARN, serviceARN} {
		id := resource[strings.LastIndexByte(resource, '/')+1:]
		for sub := range state.LogSubscriptions.By(s, state.ByResource, id) {
			if sub.LogType == lattice.LogsOfResources {
				continue
			}
			if err := a.send(s, sub, when, record); err != nil {
				lost := a.lost.Add(1)
				if now := time.Now(); now.Sub(a.said) >= sayEvery {
					a.said = now
					a.log.Warn("access records are not delivered", "subscription", sub.ID, "lost", lost, "error", err)
				}
			}
		}
	}
}

func (a *accessLog) send(s *state.Snapshot, sub *lattice.LogSubscription, when time.Time, record []byte) error {
	d, err := arn.Parse(strings.TrimSuffix(sub.Destination, ":*"))
	if err != nil {
		return err
	}
	g, ok := state.LogGroups.Get(s, state.LogGroupKey(vpc.Owner{Account: d.Account, Region: d.Region}, d.ID()))
	if d.Service != "logs" || !ok {
		return errors.New("the destination " + sub.Destination + " is not a log group that is there")
	}
	now := time.Now().UnixMilli()
	return appendEvents(a.journal, g.ID, "VPCLattice/"+sub.ID, []journal.Event{{Time: when.UnixMilli(), Ingested: now, Message: string(record)}}, now)
}
