package cloudcontrol

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// errCancelled ends the work of a request that was cancelled.
var errCancelled = errors.New("the request was cancelled")

// Run carries requests out, those first that an earlier run left, until ctx ends. A request that is not through by then is
// taken up again by the next run.
func (a *API) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { a.forget(ctx) })
	cancels := map[string]context.CancelCauseFunc{}
	seen := int64(-1)
	for again := true; ; again = false {
		s := a.view.Snapshot()
		if changed := state.ResourceRequests.Changed(s); changed != seen {
			seen = changed
			open := map[string]bool{}
			for r := range state.ResourceRequests.By(s, state.ByOpen, state.OpenRequest) {
				open[r.Token] = true
				if cancels[r.Token] == nil {
					run, cancel := context.WithCancelCause(ctx)
					cancels[r.Token] = cancel
					working.Go(func() { a.work(ctx, run, r, again) })
				}
				if r.Status == state.RequestCancelling {
					cancels[r.Token](errCancelled)
				}
			}
			for token, cancel := range cancels {
				if !open[token] {
					cancel(nil)
					delete(cancels, token)
				}
			}
		}
		if _, err := a.view.After(ctx, s.Rev); err != nil {
			return
		}
	}
}

// work carries one request out and stores how it ended. The request is cancelled by ctx, given up for now by life.
func (a *API) work(life, ctx context.Context, r *state.ResourceRequest, again bool) {
	c := &call{ctx: caller.With(ctx, &r.Caller), view: a.view, auth: a.auth, apis: a.apis, token: r.Token, again: again, id: r.Identifier, told: r.Identifier != ""}
	c.tell = func(id string) error {
		return a.change(ctx, r.Token, func(row *state.ResourceRequest) { row.Identifier = id })
	}
	err := a.perform(c, r)
	for pause := firstPause; fault.Is(err, fault.Unavailable) && pause <= lastPause && sleep(ctx, pause); pause *= 2 {
		c.again = true
		err = a.perform(c, r)
	}
	cancelled := errors.Is(context.Cause(ctx), errCancelled)
	if ctx.Err() != nil && !cancelled {
		return
	}
	for {
		problem := a.change(life, r.Token, func(row *state.ResourceRequest) { a.settle(c, row, err, cancelled) })
		if problem == nil || life.Err() != nil {
			return
		}
		a.log.Error("the end of a resource request cannot be stored", "token", r.Token, "error", problem)
		if !sleep(life, lastPause) {
			return
		}
	}
}

// Pauses before what failed because the state could not be reached is tried again.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// change writes a request that goes on.
func (a *API) change(ctx context.Context, token string, f func(*state.ResourceRequest)) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		row, ok := state.ResourceRequests.Get(tx, token)
		if !ok || !row.Open() {
			return nil
		}
		f(row)
		row.Updated = a.now().UTC()
		state.ResourceRequests.Put(tx, row)
		return nil
	})
}

// settle writes down how a request ended.
func (a *API) settle(c *call, row *state.ResourceRequest, err error, cancelled bool) {
	row.Identifier = c.id
	switch {
	case err == nil:
		row.Status = state.RequestSuccess
	case cancelled:
		row.Status, row.Message = state.RequestCancelled, "The request was cancelled."
	default:
		f := a.types[row.Type].failed(c.ctx, operations[row.Operation], row.Identifier, err)
		if f.code == internalFailure {
			a.log.Error("a resource request failed", "token", row.Token, "type", row.Type, "operation", row.Operation, "error", err)
		}
		row.Status, row.Code, row.Message = state.RequestFailed, f.code, f.message
	}
}

var operations = map[string]string{"CREATE": opCreate, "UPDATE": opUpdate, "DELETE": opDelete}

// perform does what a request asks for.
func (a *API) perform(c *call, row *state.ResourceRequest) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	r := a.types[row.Type]
	if r == nil {
		return &failure{invalidRequest, "This server does not support the resource type " + row.Type + "."}
	}
	want := model{}
	if row.Model != "" {
		if want, err = parseModel(row.Model); err != nil {
			return err
		}
	}
	switch row.Operation {
	case actions[opCreate]:
		return r.made(c, want)
	case actions[opUpdate]:
		have, err := r.read(c, c.id)
		if err != nil {
			return err
		}
		if err := r.update(c, c.id, want, have); err != nil {
			return err
		}
		return r.stable(c)
	case actions[opDelete]:
		err := r.remove(c, c.id)
		if err != nil {
			if c.again && row.Existed && fault.Is(err, fault.NotFound) {
				return nil
			}
			return err
		}
		return r.gone(c)
	}
	return fmt.Errorf("a request asks for %q", row.Operation)
}

// made creates a resource and completes it.
func (r *resource) made(c *call, want model) error {
	if err := r.begin(c, want); err != nil {
		return err
	}
	if err := r.stable(c); err != nil {
		return err
	}
	if r.complete == nil {
		return nil
	}
	return r.complete(c, want)
}

// begin creates a resource, of a kind that is made twice where it is asked for twice, only where it was not made before.
func (r *resource) begin(c *call, want model) error {
	if r.once && c.again {
		if c.id == "" {
			return &failure{serviceInternal, "The server ended while it created the resource, which may exist."}
		}
		if _, err := r.read(c, c.id); !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	if err := r.create(c, want); err != nil || !r.once {
		return err
	}
	return c.show()
}

const (
	forgetEvery = time.Hour
	forgetOnce  = 100
)

// forget removes requests that ended long ago.
func (a *API) forget(ctx context.Context) {
	for {
		old := []string{}
		for r := range state.ResourceRequests.All(a.view.Snapshot()) {
			if a.expired(r) && len(old) < forgetOnce {
				old = append(old, r.Token)
			}
		}
		wait := forgetEvery
		if len(old) > 0 {
			err := a.view.Update(ctx, func(tx *state.Tx) error {
				for _, token := range old {
					state.ResourceRequests.Delete(tx, token)
				}
				return nil
			})
			if wait = 0; err != nil {
				wait = time.Minute
			}
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}
