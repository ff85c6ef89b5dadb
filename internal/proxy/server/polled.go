package server

import (
	"sync/atomic"
	"time"
)

// polled is when a wait for the network last came to its end.
//
// A busy connection lets the others go first before it waits: when its turn comes again, what it would have waited for is
// mostly there, and neither it nor the network's poller had any work. But the runtime looks at the poller only once
// nobody is ready to go on. So where no wait has ended for a while, connections wait at once, and the poller has its turn.
type polled struct {
	since time.Time
	at    atomic.Int64 // after since
}

const (
	pollEvery = 250 * time.Microsecond
	pollGrain = pollEvery / 8
)

func (p *polled) recently(now time.Time) bool {
	return now.Sub(p.since)-time.Duration(p.at.Load()) < pollEvery
}

// note says that a wait ended.
func (p *polled) note(now time.Time) {
	if d := now.Sub(p.since); d-time.Duration(p.at.Load()) > pollGrain {
		p.at.Store(int64(d))
	}
}
