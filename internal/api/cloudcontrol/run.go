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

// errTaken ends this server's work on a request that is another's, or through.
var errTaken = errors.New("another server carries the request out")

// errCancelled ends the work of a request that was cancelled.
var errCancelled = errors.New("the request was cancelled")

// job is this server's work on one request.
type job struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	// held says that the claim was seen to be this server's, left that it is not any more.
	held, left bool
}

// leave ends the work without an end of the request.
func (j *job) leave() {
	j.left = true
	j.cancel(errTaken)
}

func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// Run carries out the requests that are this server's, those first that an earlier run left, until ctx ends. A request that is
// not through by then is taken up again by the next run, or by another server once this one is gone.
func (a *API) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { a.forget(ctx) })
	jobs := map[string]*job{}
	begin := func(r *state.ResourceRequest, again bool) *job {
		before := jobs[r.Token]
		run, cancel := context.WithCancelCause(ctx)
		j := &job{cancel: cancel, done: make(chan struct{})}
		working.Go(func() {
			defer close(j.done)
			if before != nil {
				<-before.done
			}
			a.work(ctx, run, r, again)
		})
		jobs[r.Token] = j
		return j
	}
	seen := [2]int64{-1, -1}
	for {
		s := a.view.Snapshot()
		if changed := [2]int64{state.ResourceRequests.Changed(s), state.ResourceClaims.Changed(s)}; changed != seen {
			seen = changed
			open := map[string]bool{}
			for r := range state.ResourceRequests.By(s, state.ByOpen, state.OpenRequest) {
				claim, claimed := state.ResourceClaims.Get(s, r.Token)
				j := jobs[r.Token]
				if claimed && claim.Server != a.server {
					continue
				}
				open[r.Token] = true
				if j != nil && j.held && !claimed {
					// The lease lapsed and with it the claim: the work is begun again, by whoever is the first to take it.
					j.leave()
				}
				switch {
				case j == nil:
					_, fresh := a.fresh.LoadAndDelete(r.Token)
					j = begin(r, !fresh || !claimed)
				case j.left || j.ended():
					j = begin(r, true)
				}
				j.held = claimed
				if r.Status == state.RequestCancelling {
					j.cancel(errCancelled)
				}
			}
			for token, j := range jobs {
				if open[token] {
					continue
				}
				if j.leave(); j.ended() {
					delete(jobs, token)
				}
			}
		}
		if _, err := a.view.After(ctx, s.Rev); err != nil {
			return
		}
	}
}

// take makes a request this server's to carry out, unless it is another's or through. It goes on trying until ctx ends.
func (a *API) take(ctx context.Context, token string) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := a.view.Update(ctx, func(tx *state.Tx) error {
			if claim, ok := state.ResourceClaims.Get(tx, token); ok {
				if claim.Server != a.server {
					return errTaken
				}
				return nil
			}
			if r, ok := state.ResourceRequests.Get(tx, token); !ok || !r.Open() {
				return errTaken
			}
			state.ResourceClaims.Put(tx, &state.ResourceClaim{Token: token, Server: a.server})
			return nil
		})
		if err == nil || errors.Is(err, errTaken) || ctx.Err() != nil {
			return err
		}
		a.log.Error("a resource request cannot be taken over yet", "token", token, "error", err)
		if !sleep(ctx, pause) {
			return err
		}
	}
}

// work carries one request out and stores how it ended. The request is cancelled or left to another by ctx, given up for now
// by life.
func (a *API) work(life, ctx context.Context, r *state.ResourceRequest, again bool) {
	if a.take(life, r.Token) != nil {
		return
	}
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
		if problem == nil || errors.Is(problem, errTaken) || life.Err() != nil {
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

// change writes a request that goes on and is not another server's.
func (a *API) change(ctx context.Context, token string, f func(*state.ResourceRequest)) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		row, ok := state.ResourceRequests.Get(tx, token)
		if !ok || !row.Open() {
			return nil
		}
		if claim, ok := state.ResourceClaims.Get(tx, token); ok && claim.Server != a.server {
			return errTaken
		}
		f(row)
		row.Updated = a.now().UTC()
		state.ResourceRequests.Put(tx, row)
		if !row.Open() {
			state.ResourceClaims.Delete(tx, token)
		}
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
		f := a.types[row.Type].failed(c, operations[row.Operation], row.Identifier, err)
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
		base := model{}
		if row.Base != "" {
			if base, err = parseModel(row.Base); err != nil {
				return err
			}
		}
		want = rebased(base, want, have)
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
	clock := state.Unhurried(a.now)
	for {
		now, old := clock(), []string{}
		for r := range state.ResourceRequests.All(a.view.Snapshot()) {
			if expired(r, now) && len(old) < forgetOnce {
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
