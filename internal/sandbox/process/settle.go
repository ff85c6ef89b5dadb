//go:build linux

package process

import (
	"slices"
	"time"
)

// An instance settles from its answer until it asks for the next event. The caller has the answer by then, and may well
// come back sooner than the instance: invocations wait for it for a moment rather than start another one.

// settleTime is that moment. It is less than a new instance takes.
const settleTime = 5 * time.Millisecond

// settle says that the instance has answered. What it does until it is released counts as nobody's invocation.
func (m *Manager) settle(in *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in.settling = true
	in.pool.settling++
	decrease(m.busy, in.pool.fn.ARN)
}

// queue takes a place in the line for instances that settle. The caller holds the lock.
func (p *pool) queue() chan *instance {
	w := make(chan *instance, 1)
	p.waiting = append(p.waiting, w)
	return w
}

// await returns the instance that comes to a place in the line, nil if none comes in time.
func (m *Manager) await(p *pool, w chan *instance) *instance {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	select {
	case in := <-w:
		return in
	case <-late.C:
	}
	m.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	m.mu.Unlock()
	if i >= 0 {
		return nil
	}
	return <-w
}

// hand gives an instance to the first in the line, if there is one. The caller holds the lock.
func (p *pool) hand(in *instance) bool {
	if len(p.waiting) == 0 {
		return false
	}
	p.waiting[0] <- in
	p.waiting = p.waiting[1:]
	return true
}

// turnAway sends those away that no instance will come for. The caller holds the lock.
func (p *pool) turnAway() {
	for len(p.waiting) > p.settling {
		last := len(p.waiting) - 1
		p.waiting[last] <- nil
		p.waiting = p.waiting[:last]
	}
}
