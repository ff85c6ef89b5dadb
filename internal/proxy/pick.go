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

func (b *builder) route(a *Action) *Route {
	r := &Route{Action: a}
	for _, w := range a.Groups {
		if w.Group == nil {
			continue
		}
		g := b.group(w.Group)
		if w.Weight > 0 {
			r.total += uint64(w.Weight)
			r.groups = append(r.groups, g)
			r.bounds = append(r.bounds, r.total)
		}
	}
	r.stride = stride(r.total)
	r.turn.Store(rand.Uint64N(max(r.total, 1)))
	return r
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
	members []member
	health  *Health
	turn    atomic.Uint64
	usable  atomic.Pointer[usable]
}

type member struct {
	target *Target
	state  *TargetState
}

// usable is the targets that may be picked as of an epoch of the health.
type usable struct {
	epoch   uint64
	members []member
}

func (b *builder) group(tg *TargetGroup) *Group {
	if g, ok := b.groups[tg.ARN]; ok {
		return g
	}
	g := &Group{TargetGroup: tg, health: b.health}
	var err error
	if g.Matches, err = ParseMatcher(tg.Check.Matcher); err != nil {
		g.Matches = Matcher{{200, 200}}
	}
	checked := g.Checked()
	for i := range tg.Targets {
		t := &tg.Targets[i]
		g.members = append(g.members, member{t, b.health.target(tg, t, checked)})
	}
	g.turn.Store(rand.Uint64N(uint64(max(len(tg.Targets), 1))))
	b.groups[tg.ARN] = g
	return g
}

// Checked reports whether the group's targets are health-checked.
func (g *Group) Checked() bool {
	return g.Check.Enabled && (g.Type == TargetInstance || g.Type == TargetIP) && (g.Protocol == HTTP || g.Protocol == "")
}

// Pick returns the next target in turn of those that are healthy, of all if none is, and nil if there is no target. Its
// state is to be told of the request's begin and end.
func (g *Group) Pick() (*Target, *TargetState) {
	u := g.usable.Load()
	if epoch := g.health.epoch.Load(); u == nil || u.epoch != epoch {
		u = g.gather(epoch)
		g.usable.Store(u)
	}
	if len(u.members) == 0 {
		return nil, nil
	}
	m := u.members[g.turn.Add(1)%uint64(len(u.members))]
	return m.target, m.state
}

func (g *Group) gather(epoch uint64) *usable {
	u := &usable{epoch: epoch}
	for _, all := range []bool{false, true} {
		for _, m := range g.members {
			if !m.target.Draining && (all || m.state.usable()) {
				u.members = append(u.members, m)
			}
		}
		if len(u.members) > 0 {
			break
		}
	}
	return u
}
