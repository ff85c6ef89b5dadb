package proxy

import (
	"math/rand/v2"
	"sync/atomic"
)

// Route is an action made ready to spread requests.
type Route struct {
	*Action
	groups []*Group
	// slots maps each turn of a cycle to a group; it is nil for fewer than two groups with a share.
	bounds []uint64
	total  uint64
	stride uint64
	turn   atomic.Uint64
}

func (r *Router) route(a *Action) *Route {
	out := &Route{Action: a}
	for _, w := range a.Groups {
		if w.Group == nil || w.Weight <= 0 {
			continue
		}
		if g := r.groups[w.Group.ARN]; g != nil {
			out.total += uint64(w.Weight)
			out.groups = append(out.groups, g)
			out.bounds = append(out.bounds, out.total)
		}
	}
	out.stride = stride(out.total)
	out.turn.Store(rand.Uint64N(max(out.total, 1)))
	return out
}

// Group returns the group whose turn it is, nil when none has a share. In every total-of-the-weights consecutive turns
// each group has exactly its weight, and its turns are spread among the others'.
func (r *Route) Group() *Group {
	switch len(r.groups) {
	case 0:
		return nil
	case 1:
		return r.groups[0]
	}
	slot := r.turn.Add(1) % r.total * r.stride % r.total
	for i, b := range r.bounds {
		if slot < b {
			return r.groups[i]
		}
	}
	return nil
}

// stride returns a number coprime to total near total divided by the golden ratio, so that its multiples visit every
// residue once and consecutive ones lie far apart.
func stride(total uint64) uint64 {
	if total < 2 {
		return 1
	}
	s := max(total*618/1000, 1)
	for gcd(s, total) != 1 {
		s++
	}
	return s
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Group is a target group made ready.
type Group struct {
	*TargetGroup
	// Matches says which statuses a health check takes for success.
	Matches Matcher
	members []Member
	health  *health
	turn    atomic.Uint64
	usable  atomic.Pointer[usable]
}

// Member is a target of a group.
type Member struct {
	*Target
	// Reach is how the server reaches it.
	Reach any
	state *TargetState
	// token is what the cookies of clients hold that are bound to it.
	token string
}

// usable is the members that may be picked as of an epoch of the health.
type usable struct {
	epoch   uint64
	members []*Member
}

func (r *Router) group(tg *TargetGroup) *Group {
	g := &Group{TargetGroup: tg, health: r.health}
	var err error
	if g.Matches, err = ParseMatcher(tg.Check.Matcher); err != nil {
		g.Matches = Matcher{{200, 200}}
	}
	checked := g.Checked()
	for i := range tg.Targets {
		m := Member{Target: &tg.Targets[i]}
		m.state = r.health.target(tg, m.Target, checked)
		if r.reach != nil {
			m.Reach = r.reach(m.Target)
		}
		if tg.Sticky != nil {
			m.token = token(tg, m.Target)
		}
		g.members = append(g.members, m)
	}
	g.turn.Store(rand.Uint64N(uint64(max(len(tg.Targets), 1))))
	return g
}

// Members are the targets, in their order.
func (g *Group) Members() []Member { return g.members }

// Checked reports whether the group's targets are health-checked.
func (g *Group) Checked() bool {
	return g.Check.Enabled && (g.Type == TargetInstance || g.Type == TargetIP) && (g.Protocol == HTTP || g.Protocol == "")
}

// Pick returns the target for a request, nil if there is none: the one its client is bound to, or one of those that are
// healthy, of all if none is. It is to be told of the request's begin and end.
func (g *Group) Pick(r *Request) *Member {
	u := g.usable.Load()
	if epoch := g.health.epoch.Load(); u == nil || u.epoch != epoch {
		u = g.gather(epoch)
		g.usable.Store(u)
	}
	if len(u.members) == 0 {
		return nil
	}
	if g.Sticky != nil {
		if m := u.bound(r, g.Sticky); m != nil {
			return m
		}
	}
	switch g.Algorithm {
	case WeightedRandom:
		return u.members[rand.IntN(len(u.members))]
	case LeastOutstandingRequests:
		return u.least(g.turn.Add(1))
	}
	return u.members[g.turn.Add(1)%uint64(len(u.members))]
}

// least returns the member with the fewest requests under way, of equals the first from where the turn is.
func (u *usable) least(turn uint64) *Member {
	n := uint64(len(u.members))
	best := u.members[turn%n]
	for i := range n {
		if m := u.members[(turn+i)%n]; m.state.requests.Load() < best.state.requests.Load() {
			best = m
		}
	}
	return best
}

func (g *Group) gather(epoch uint64) *usable {
	u := &usable{epoch: epoch}
	for _, all := range []bool{false, true} {
		for i := range g.members {
			if m := &g.members[i]; !m.Draining && (all || m.state.usable()) {
				u.members = append(u.members, m)
			}
		}
		if len(u.members) > 0 {
			break
		}
	}
	return u
}
