// Package reconcile runs the loop that makes the world match a desired value.
// It owns the newest value it was told of and when to try again; it knows
// nothing of what a value means, and whoever builds a Loop writes the status
// that its outcomes report.
package reconcile

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Pacing says when a loop tries again. A zero field takes its default.
type Pacing struct {
	// MinBackoff is the longest wait after a first failure; it doubles with
	// each further one up to MaxBackoff. Every wait is jittered down to as
	// little as half.
	MinBackoff time.Duration // default 100 ms
	MaxBackoff time.Duration // default 30 s
	// Resync is how long an applied value may stand before it is applied
	// again although nothing new was heard. Zero means never.
	Resync time.Duration
}

// Outcome is what one attempt came to.
type Outcome struct {
	Revision int64         // the revision of the value that was tried
	Attempt  int           // 1 for the first try since the last success
	Took     time.Duration // how long the attempt lasted
	Err      error         // nil when the value is now in force
	RetryIn  time.Duration // the wait before the next try, if Err is not nil
}

// Loop applies the newest value it has been given until it holds.
type Loop[T any] struct {
	apply  func(context.Context, T) error
	report func(Outcome)
	pacing Pacing
	told   chan struct{} // holds one token while a value waits to be taken

	mu       sync.Mutex
	value    T
	revision int64
	set      bool
}

// New returns a loop that makes values real with apply and tells report, which
// may be nil, of every attempt. Both are called from Run's goroutine only.
func New[T any](apply func(context.Context, T) error, report func(Outcome), pacing Pacing) *Loop[T] {
	if pacing.MinBackoff <= 0 {
		pacing.MinBackoff = 100 * time.Millisecond
	}
	if pacing.MaxBackoff <= 0 {
		pacing.MaxBackoff = 30 * time.Second
	}
	pacing.MaxBackoff = max(pacing.MaxBackoff, pacing.MinBackoff)
	if report == nil {
		report = func(Outcome) {}
	}
	return &Loop[T]{apply: apply, report: report, pacing: pacing, told: make(chan struct{}, 1)}
}

// Set makes value, which stands for revision, the one to apply. A value not yet
// begun is replaced; a revision older than one already set is ignored. Set
// never blocks.
func (l *Loop[T]) Set(revision int64, value T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.set && revision < l.revision {
		return
	}
	l.value, l.revision, l.set = value, revision, true
	select {
	case l.told <- struct{}{}:
	default:
	}
}

// Waiting says that a newer value has come than the one being applied.
func (l *Loop[T]) Waiting() bool { return len(l.told) > 0 }

// take is the value to apply now, with whatever was said of it heard.
func (l *Loop[T]) take() (T, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.told:
	default:
	}
	return l.value, l.revision
}

// Run applies values until ctx ends, and returns once no attempt is running.
// It must be called once.
func (l *Loop[T]) Run(ctx context.Context) {
	if !l.await(ctx, 0) {
		return
	}
	for failures := 0; ; {
		value, revision := l.take()
		began := time.Now()
		err := l.apply(ctx, value)
		out := Outcome{Revision: revision, Attempt: failures + 1, Took: time.Since(began), Err: err}
		if err == nil {
			failures = 0
			l.report(out)
			if !l.await(ctx, l.pacing.Resync) {
				return
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		out.RetryIn = l.backoff(failures)
		l.report(out)
		if !l.pause(ctx, out.RetryIn) {
			return
		}
	}
}

// await waits for a new value, or for limit if that is not zero. It is false
// when ctx has ended.
func (l *Loop[T]) await(ctx context.Context, limit time.Duration) bool {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-l.told:
	case <-expired:
	}
	return ctx.Err() == nil
}

// pause waits out a failure. A new value may be the cure, so it ends the wait,
// but not before MinBackoff has gone by: a stream of values must not turn a
// failing apply into a busy loop.
func (l *Loop[T]) pause(ctx context.Context, wait time.Duration) bool {
	floor := min(wait, l.pacing.MinBackoff)
	timer := time.NewTimer(floor)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	if wait == floor {
		return ctx.Err() == nil
	}
	return l.await(ctx, wait-floor)
}

// backoff is the wait after so many failures in a row: somewhere in the upper
// half of the doubled span, so that loops which failed together part ways.
func (l *Loop[T]) backoff(failures int) time.Duration {
	span := l.pacing.MinBackoff
	for ; failures > 1 && span < l.pacing.MaxBackoff; failures-- {
		span += min(span, l.pacing.MaxBackoff-span)
	}
	return span/2 + rand.N(span/2+1)
}
