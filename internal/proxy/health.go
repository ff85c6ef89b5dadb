package proxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Status is the health of a target, in the API's own words.
type Status string

const (
	Initial   Status = "INITIAL"
	Healthy   Status = "HEALTHY"
	Unhealthy Status = "UNHEALTHY"
	// Unavailable is the status of targets that are not checked.
	Unavailable Status = "UNAVAILABLE"
	// Draining targets get no new requests and have some; Drained, which the API does not tell, have none.
	Draining Status = "DRAINING"
	Drained  Status = "DRAINED"
)

const (
	defaultInterval  = 30 * time.Second
	defaultTimeout   = 5 * time.Second
	defaultHealthy   = 5
	defaultUnhealthy = 2
)

// WithDefaults returns the check with its zero values replaced.
func (c HealthCheck) WithDefaults() HealthCheck {
	c.Interval, c.Timeout = cmp.Or(c.Interval, defaultInterval), cmp.Or(c.Timeout, defaultTimeout)
	c.Healthy, c.Unhealthy = cmp.Or(c.Healthy, defaultHealthy), cmp.Or(c.Unhealthy, defaultUnhealthy)
	c.Path, c.Matcher = cmp.Or(c.Path, "/"), cmp.Or(c.Matcher, "200")
	return c
}

// Matcher is a set of statuses, as inclusive ranges.
type Matcher [][2]int

// ParseMatcher reads a list of statuses and ranges such as "200,202" or "200-299"; the empty string means 200.
func ParseMatcher(s string) (Matcher, error) {
	if s == "" {
		return Matcher{{200, 200}}, nil
	}
	var m Matcher
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		lo, err1 := strconv.Atoi(from)
		hi, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || lo < 100 || hi > 599 || lo > hi {
			return nil, fmt.Errorf("%q is not a list of HTTP statuses and ranges", s)
		}
		m = append(m, [2]int{lo, hi})
	}
	return m, nil
}

// Has reports whether the status is in the set.
func (m Matcher) Has(status int) bool {
	return slices.ContainsFunc(m, func(r [2]int) bool { return r[0] <= status && status <= r[1] })
}

// Result is what one health check found.
type Result struct {
	OK bool
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Reason says what failed.
	Reason string
}

// streak is the state machine of one target's health: runs of results turn it.
type streak struct {
	status         Status
	good, bad      int
	reason         string
	lastHTTPStatus int
}

// observe takes a result in and reports whether the status changed. The first success makes an initial target healthy.
func (s *streak) observe(r Result, c HealthCheck) bool {
	s.lastHTTPStatus = r.Status
	was := s.status
	if r.OK {
		s.good, s.bad = s.good+1, 0
		if s.status == Initial || s.status == Unhealthy && s.good >= c.Healthy {
			s.status, s.reason = Healthy, ""
		}
		return s.status != was
	}
	s.good, s.bad = 0, s.bad+1
	if s.bad >= c.Unhealthy && (s.status == Initial || s.status == Healthy) {
		s.status = Unhealthy
	}
	if s.status != Healthy {
		s.reason = r.Reason
	}
	return s.status != was
}

// health is the health of every target that the current table uses. It outlives tables.
type health struct {
	epoch   atomic.Uint64
	mu      sync.Mutex // guards what follows
	targets map[targetKey]*TargetState
	// news are the groups, by ARN, of which something is to be told.
	news map[string]bool
}

type targetKey struct {
	group, id, namespace string
	addr                 netip.AddrPort
}

// TargetState is the health of one target in one group, and how many requests it has.
type TargetState struct {
	requests atomic.Int64
	key      targetKey
	health   *health
	users    int // groups, guarded by the health's mu
	checked  atomic.Bool
	healthy  atomic.Bool
	mu       sync.Mutex
	streak   streak
}

func newHealth() *health {
	return &health{targets: make(map[targetKey]*TargetState), news: make(map[string]bool)}
}

// target returns the state of a target, which starts as INITIAL.
func (h *health) target(tg *TargetGroup, t *Target, checked bool) *TargetState {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := targetKey{tg.ARN, t.ID, t.Namespace, t.Addr}
	s := h.targets[key]
	if s == nil {
		s = &TargetState{key: key, health: h, streak: streak{status: Initial}}
		h.targets[key] = s
	}
	s.users++
	h.news[tg.ARN] = true
	if s.checked.Swap(checked) != checked {
		s.mu.Lock()
		s.streak = streak{status: Initial}
		s.healthy.Store(false)
		s.mu.Unlock()
		h.epoch.Add(1)
	}
	return s
}

// Begin and End enclose a request that the target answers.
func (m *Member) Begin() { m.state.requests.Add(1) }

// End is Begin's other end.
func (m *Member) End() { m.state.requests.Add(-1) }

// release forgets the targets of a group that no other has.
func (h *health) release(g *Group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.news[g.ARN] = true
	for _, m := range g.members {
		if m.state.users--; m.state.users == 0 {
			delete(h.targets, m.state.key)
		}
	}
}

func (s *TargetState) usable() bool { return !s.checked.Load() || s.healthy.Load() }

// Observe takes in what a health check found.
func (s *TargetState) Observe(r Result, c HealthCheck) {
	s.mu.Lock()
	before := s.streak
	changed := s.streak.observe(r, c)
	told := before.status != s.streak.status || before.reason != s.streak.reason || before.lastHTTPStatus != s.streak.lastHTTPStatus
	s.healthy.Store(s.streak.status == Healthy)
	s.mu.Unlock()
	if changed {
		s.health.epoch.Add(1)
	}
	if told {
		s.health.mu.Lock()
		s.health.news[s.key.group] = true
		s.health.mu.Unlock()
	}
}

// Check is one health check to be made regularly.
type Check struct {
	Target *Target
	// Addr is where the check connects.
	Addr    netip.AddrPort
	Config  HealthCheck
	Matches Matcher
	State   *TargetState
}

// Checks returns the health checks that the group asks for.
func (g *Group) Checks() []Check {
	var out []Check
	if !g.Checked() {
		return nil
	}
	for _, m := range g.members {
		if m.Draining {
			continue
		}
		c := Check{m.Target, m.Addr, g.Check.WithDefaults(), g.Matches, m.state}
		if c.Config.Port != 0 {
			c.Addr = netip.AddrPortFrom(c.Addr.Addr(), c.Config.Port)
		}
		out = append(out, c)
	}
	return out
}

// TargetHealth is the health of a target as the API tells it.
type TargetHealth struct {
	Group, ID string
	Port      uint16
	Status    Status
	// Reason says why a target is not healthy, HTTPStatus what the last check was answered.
	Reason     string
	HTTPStatus int
}

// Health returns the health of every target the table uses, in the order of groups' ARNs. A target in no group that a rule uses is absent.
func (r *Router) Health() []TargetHealth {
	var out []TargetHealth
	for _, g := range r.groups {
		out = append(out, g.told()...)
	}
	slices.SortStableFunc(out, func(a, b TargetHealth) int { return cmp.Compare(a.Group, b.Group) })
	return out
}

// HealthNews returns, by ARN, the health of the targets of each group of which something may have changed since it was asked
// last. A group that is used no longer has none.
func (r *Router) HealthNews() map[string][]TargetHealth {
	r.health.mu.Lock()
	news := r.health.news
	r.health.news = make(map[string]bool)
	r.health.mu.Unlock()
	out := make(map[string][]TargetHealth, len(news)+len(r.leaving))
	for _, arns := range []map[string]bool{news, r.leaving} {
		for arn := range arns {
			out[arn] = nil
			if g := r.groups[arn]; g != nil {
				out[arn] = g.told()
			}
		}
	}
	return out
}

// told is the health of the group's targets, in their order.
func (g *Group) told() []TargetHealth {
	out := make([]TargetHealth, 0, len(g.members))
	for _, m := range g.members {
		h := TargetHealth{Group: g.ARN, ID: m.ID, Port: m.Addr.Port(), Status: Unavailable}
		if m.state.checked.Load() {
			m.state.mu.Lock()
			h.Status, h.Reason, h.HTTPStatus = m.state.streak.status, m.state.streak.reason, m.state.streak.lastHTTPStatus
			m.state.mu.Unlock()
		}
		if m.Draining {
			h.Status = Drained
			if m.state.requests.Load() > 0 {
				h.Status = Draining
			}
		}
		out = append(out, h)
	}
	return out
}

// leaves reports whether a target of the group is draining: how many requests it has is news at any time.
func (g *Group) leaves() bool {
	return slices.ContainsFunc(g.members, func(m Member) bool { return m.Draining })
}
