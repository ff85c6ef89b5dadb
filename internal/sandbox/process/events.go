//go:build linux

package process

import (
	"errors"
	"time"

	"trellis/internal/fault"
	"trellis/internal/sandbox"
)

const (
	// maxEventAge is how long Lambda keeps trying an event that could not be run.
	maxEventAge = 6 * time.Hour
	// Waits between tries of an event that was throttled or met a failing platform.
	minBackOff = time.Second
	maxBackOff = 5 * time.Minute
)

// accept takes an event. It is kept in memory only: a restart of the server loses what is not done.
func (m *Manager) accept(inv sandbox.Invocation) (sandbox.Result, error) {
	m.mu.Lock()
	p := m.pools[inv.ARN+":"+inv.Version]
	switch {
	case p == nil || m.closed:
		err := m.admit(p, inv)
		m.mu.Unlock()
		return sandbox.Result{}, err
	case m.events >= m.opts.MaxEvents:
		m.mu.Unlock()
		return sandbox.Result{}, throttled("CallerRateLimitExceeded", "%d events wait already", m.opts.MaxEvents)
	}
	m.events++
	m.wg.Go(func() {
		m.runEvent(inv)
		m.mu.Lock()
		m.events--
		m.mu.Unlock()
	})
	m.mu.Unlock()
	return sandbox.Result{RequestID: inv.RequestID, Version: inv.Version, StatusCode: 202}, nil
}

// runEvent runs an event until it succeeds, its retries are used up or it is too old.
func (m *Manager) runEvent(inv sandbox.Invocation) {
	accepted, backOff, failures := time.Now(), minBackOff, 0
	for {
		done := make(chan outcome, 1)
		m.run(inv, done)
		o := <-done
		res, err := o.res, o.err
		var wait time.Duration
		switch {
		case err == nil && res.FunctionError == "":
			return
		case err == nil:
			if failures >= m.retries(inv) || failures >= len(m.opts.RetryDelays) {
				m.opts.Log.Warn("an event was given up", "function", inv.ARN, "request", inv.RequestID, "tries", failures+1)
				return
			}
			wait = m.opts.RetryDelays[failures]
			failures++
		case retried(err):
			wait, backOff = backOff, min(2*backOff, maxBackOff)
		default:
			m.opts.Log.Warn("an event was given up", "function", inv.ARN, "request", inv.RequestID, "error", err)
			return
		}
		if time.Since(accepted)+wait > maxEventAge {
			return
		}
		select {
		case <-time.After(wait):
		case <-m.stopping:
			return
		}
	}
}

// retried reports whether an invocation that the platform refused may be taken later.
func retried(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Kind == fault.Throttled || e.Kind == fault.Gateway)
}

func (m *Manager) retries(inv sandbox.Invocation) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pools[inv.ARN+":"+inv.Version]; p != nil {
		return p.retries
	}
	return 0
}
