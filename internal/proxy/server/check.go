package server

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// checkKey tells health checks apart; one whose key stays is left running.
type checkKey struct {
	state  *proxy.TargetState
	source netip.Addr
	addr   netip.AddrPort
	config proxy.HealthCheck
}

// running is a health check that is made for some groups.
type running struct {
	stop  context.CancelFunc
	users int
}

// applyChecks starts the health checks that are new and stops those that are not wanted. The caller holds mu.
func (s *Server) applyChecks(changes proxy.Changes) {
	keyOf := func(c proxy.Check) checkKey { return checkKey{c.State, c.Target.Source, c.Addr, c.Config} }
	for _, g := range changes.Came {
		for _, c := range g.Checks() {
			r := s.checks[keyOf(c)]
			if r == nil {
				ctx, cancel := context.WithCancel(s.ctx)
				r = &running{stop: cancel}
				s.checks[keyOf(c)] = r
				space := s.space(c.Target.Namespace)
				s.running.Go(func() { s.checkRegularly(ctx, c, space) })
			}
			r.users++
		}
	}
	for _, g := range changes.Gone {
		for _, c := range g.Checks() {
			if r := s.checks[keyOf(c)]; r != nil {
				if r.users--; r.users == 0 {
					r.stop()
					delete(s.checks, keyOf(c))
				}
			}
		}
	}
}

func (s *Server) checkRegularly(ctx context.Context, c proxy.Check, space *space) {
	tick := time.NewTicker(c.Config.Interval)
	defer tick.Stop()
	for {
		r := s.check(ctx, &c, space)
		if ctx.Err() != nil {
			return
		}
		s.count.checks.Add(1)
		if !r.OK {
			s.count.failedChecks.Add(1)
		}
		c.State.Observe(r, c.Config)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check makes one health check from inside the target's network.
func (s *Server) check(ctx context.Context, c *proxy.Check, space *space) proxy.Result {
	ctx, cancel := context.WithTimeout(ctx, c.Config.Timeout)
	defer cancel()
	nc, err := s.Network.Dial(ctx, c.Target.Namespace, c.Target.Source, c.Addr)
	if err != nil {
		return proxy.Result{Reason: "The connection failed: " + reason(err)}
	}
	space.add(nc)
	defer func() {
		_ = nc.Close()
		space.remove(nc)
	}()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	status, err := ask(nc, c)
	switch {
	case err != nil && ctx.Err() != nil:
		return proxy.Result{Reason: "Request timed out"}
	case err != nil:
		return proxy.Result{Reason: "The health check failed: " + reason(err)}
	case !c.Matches.Has(status):
		return proxy.Result{Status: status, Reason: "Health checks failed with these codes: [" + itoa(status) + "]"}
	}
	return proxy.Result{OK: true, Status: status}
}

// ask sends the health check's request and returns the answer's status.
func ask(nc net.Conn, c *proxy.Check) (int, error) {
	path := c.Config.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	_, err := nc.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: " + c.Addr.String() +
		"\r\nUser-Agent: Trellis-HealthChecker/1.0\r\nAccept: */*\r\nConnection: close\r\n\r\n"))
	if err != nil {
		return 0, err
	}
	l, err := newLink(nc)
	if err != nil {
		return 0, err
	}
	in := reader{link: l, buf: make([]byte, firstBuffer)}
	for {
		// The deadline is the check's own, so the reader must not set one.
		head, err := in.readHead(0)
		if err != nil {
			return 0, err
		}
		var res http1.Response
		if err := res.Parse(head, "GET", headLimits); err != nil {
			return 0, err
		}
		if res.Status >= 200 {
			return res.Status, nil
		}
		in.next()
	}
}
