package server

import "sync/atomic"

// Stats counts what the server did since it was made.
type Stats struct {
	// Connections were accepted; Open of them are open now.
	Connections, Open int64
	// Requests by the class of their status: Requests[2] were answered 2xx.
	Requests [6]int64
	// Denied requests were refused by a policy or for their signature.
	Denied int64
	// Malformed requests were refused for their form.
	Malformed int64
	// BytesIn and BytesOut were exchanged with clients.
	BytesIn, BytesOut int64
	// Dials and DialFailures are of connections to targets, Reused the requests that needed none, Retried those that were
	// sent again because a kept connection had gone stale.
	Dials, DialFailures, Reused, Retried int64
	// Invocations and FunctionErrors are of functions.
	Invocations, FunctionErrors int64
	// Checks and FailedChecks are health checks.
	Checks, FailedChecks int64
	// LogDropped access records found the queue full.
	LogDropped int64
}

type counters struct {
	connections, open, denied, malformed, bytesIn, bytesOut atomic.Int64
	dials, dialFailures, reused, retried                    atomic.Int64
	invocations, functionErrors, checks, failedChecks       atomic.Int64
	logDropped                                              atomic.Int64
	requests                                                [6]atomic.Int64
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Connections: c.connections.Load(), Open: c.open.Load(), Denied: c.denied.Load(), Malformed: c.malformed.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(), Dials: c.dials.Load(), DialFailures: c.dialFailures.Load(),
		Reused: c.reused.Load(), Retried: c.retried.Load(), Invocations: c.invocations.Load(),
		FunctionErrors: c.functionErrors.Load(), Checks: c.checks.Load(), FailedChecks: c.failedChecks.Load(),
		LogDropped: c.logDropped.Load(),
	}
	for i := range c.requests {
		s.Requests[i] = c.requests[i].Load()
	}
	return s
}
