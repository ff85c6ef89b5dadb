package vpclattice

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// maxTargets is how many targets one call can register or deregister.
const maxTargets = 100

// unsupportedTarget is the code of every target that is refused.
const unsupportedTarget = "UnsupportedTarget"

// activeGroup returns a target group of the caller's that can take targets.
func (q *query) activeGroup(tx *state.Tx, identifier *string) (*lattice.TargetGroup, error) {
	g, rev, err := q.group(tx, identifier)
	if err != nil {
		return nil, err
	}
	if status := g.Status(realised(tx, rev, g.ID)); status != lattice.Active {
		return nil, busy(lattice.KindTargetGroup, g.ID, status)
	}
	return g, nil
}

// RegisterTargets adds targets. One that cannot serve is told among the unsuccessful and does not stop the others.
func (a *API) RegisterTargets(ctx context.Context, in *vpclattice.RegisterTargetsInput) (*vpclattice.RegisterTargetsOutput, error) {
	if len(in.Targets) == 0 || len(in.Targets) > maxTargets {
		return nil, lattice.Invalid("targets", "Between 1 and %d targets can be registered at once.", maxTargets)
	}
	var out *vpclattice.RegisterTargetsOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, err := q.activeGroup(tx, in.TargetGroupIdentifier)
		if err != nil {
			return err
		}
		rows, err := targetsOf(g, in.Targets)
		if err != nil {
			return err
		}
		out = &vpclattice.RegisterTargetsOutput{Successful: []vpclattice.Target{}, Unsuccessful: []vpclattice.TargetFailure{}}
		registered := slices.Collect(state.Targets.By(tx, state.ByTargetGroup, g.ID))
		n := len(registered)
		for _, t := range rows {
			is := func(other *lattice.Target) bool { return other.ID == t.ID && other.Port == t.Port }
			known := slices.ContainsFunc(registered, is)
			problem := ""
			if g.Single() && !known && n > 0 {
				problem = fmt.Sprintf("A target group of type %s can have one target only", g.Type)
			} else {
				problem = q.admit(tx, g, t)
			}
			if problem != "" {
				out.Unsuccessful = append(out.Unsuccessful, vpclattice.TargetFailure{Id: new(t.ID), Port: number(t.Port), FailureCode: new(unsupportedTarget), FailureMessage: new(problem)})
				continue
			}
			if !known {
				if n++; n > lattice.MaxTargetsPerGroup {
					return quota(lattice.KindTargetGroup, g.ID, "A target group can have at most %d targets.", lattice.MaxTargetsPerGroup)
				}
			}
			state.Targets.Put(tx, t)
			out.Successful = append(out.Successful, vpclattice.Target{Id: new(t.ID), Port: number(t.Port)})
		}
		return nil
	})
	return out, err
}

// targetsOf returns the rows that a request asks for, after checking their form.
func targetsOf(g *lattice.TargetGroup, in []vpclattice.Target) ([]*lattice.Target, error) {
	var out []*lattice.Target
	for _, t := range in {
		row := &lattice.Target{Owner: g.Owner, TargetGroup: g.ID, ID: str(t.Id)}
		if err := g.CheckTarget(row.ID, t.Port); err != nil {
			return nil, err
		}
		if g.Type == lattice.TypeIP {
			row.ID = netip.MustParseAddr(row.ID).String()
		}
		if g.Type != lattice.TypeLambda {
			row.Port = g.Port
			if t.Port != nil {
				row.Port = *t.Port
			}
		}
		for _, other := range out {
			if other.ID == row.ID && other.Port == row.Port {
				return nil, lattice.Invalid("targets", "The target %s is named twice.", row.ID)
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// admit says why a target cannot be in the group, and does what its registration brings with it.
func (q *query) admit(tx *state.Tx, g *lattice.TargetGroup, t *lattice.Target) string {
	switch g.Type {
	case lattice.TypeIP:
		v, ok := state.VPCs.Get(tx, g.VPC)
		if !ok || !v.Contains(netip.MustParseAddr(t.ID)) {
			return fmt.Sprintf("The IP address %s is not within the CIDR blocks of the VPC %s", t.ID, g.VPC)
		}
	case lattice.TypeInstance:
		return fmt.Sprintf("The instance %s does not exist", t.ID)
	case lattice.TypeALB:
		return q.admitBalancer(tx, g, t)
	case lattice.TypeLambda:
		return q.permitInvoke(tx, g, t.ID)
	}
	return ""
}

// admitBalancer does not ask for a listener on the target's port: clients make it at the same time, and AWS names it as no
// condition. Until it is there connections are refused.
func (q *query) admitBalancer(tx *state.Tx, g *lattice.TargetGroup, t *lattice.Target) string {
	lb, ok := state.LoadBalancers.Get(tx, t.ID)
	switch {
	case !ok || lb.Owner != q.Owner:
		return "The load balancer does not exist in this account and region"
	case lb.Scheme != "internal":
		return "Application Load Balancer targets must be internal"
	case lb.VPC != g.VPC:
		return "Application Load Balancer targets must be in the same VPC as their target group"
	}
	for l := range state.BalancerListeners.By(tx, state.ByBalancer, t.ID) {
		if l.Port == t.Port && l.Protocol != g.Protocol {
			return fmt.Sprintf("The protocol of the load balancer's listener on port %d is %s and not %s as the target group's", t.Port, l.Protocol, g.Protocol)
		}
	}
	return ""
}

// dropTarget removes a target and what its registration brought with it.
func (q *query) dropTarget(tx *state.Tx, g *lattice.TargetGroup, t *lattice.Target) {
	state.Targets.Delete(tx, state.TargetKey(t))
	if g.Type == lattice.TypeLambda {
		forbidInvoke(tx, g, t.ID)
	}
}

// DeregisterTargets takes targets out. One that may have requests under way drains first.
func (a *API) DeregisterTargets(ctx context.Context, in *vpclattice.DeregisterTargetsInput) (*vpclattice.DeregisterTargetsOutput, error) {
	if len(in.Targets) == 0 || len(in.Targets) > maxTargets {
		return nil, lattice.Invalid("targets", "Between 1 and %d targets can be deregistered at once.", maxTargets)
	}
	var out *vpclattice.DeregisterTargetsOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, err := q.activeGroup(tx, in.TargetGroupIdentifier)
		if err != nil {
			return err
		}
		used := InUse(tx, g)
		out = &vpclattice.DeregisterTargetsOutput{Successful: []vpclattice.Target{}, Unsuccessful: []vpclattice.TargetFailure{}}
		registered := slices.Collect(state.Targets.By(tx, state.ByTargetGroup, g.ID))
		for _, asked := range in.Targets {
			found := false
			for _, t := range registered {
				if !matches(t, asked) {
					continue
				}
				found = true
				out.Successful = append(out.Successful, vpclattice.Target{Id: new(t.ID), Port: number(t.Port)})
				switch {
				case !used:
					q.dropTarget(tx, g, t)
				case !t.Draining:
					if g.Type == lattice.TypeLambda {
						forbidInvoke(tx, g, t.ID)
					}
					next := *t
					next.Draining = true
					state.Targets.Put(tx, &next)
				}
			}
			if !found {
				out.Unsuccessful = append(out.Unsuccessful, vpclattice.TargetFailure{Id: asked.Id, Port: asked.Port, FailureCode: new("TargetNotFound"),
					FailureMessage: new("The target is not registered with the target group")})
			}
		}
		return nil
	})
	return out, err
}

// matches reports whether a target is the one asked for; without a port, whatever its port.
func matches(t *lattice.Target, asked vpclattice.Target) bool {
	id := str(asked.Id)
	if addr, err := netip.ParseAddr(id); err == nil {
		id = addr.String()
	}
	return t.ID == id && (asked.Port == nil || *asked.Port == t.Port)
}

// InUse reports whether requests can reach the group: a service that is in a network forwards to it.
func InUse(r state.Reader, g *lattice.TargetGroup) bool {
	for _, service := range usersOf(r, g.ID) {
		for a := range state.NetworkServices.By(r, state.ByService, service) {
			if !a.Deleting {
				return true
			}
		}
	}
	return false
}

// ListTargets lists a group's targets with their health.
func (a *API) ListTargets(ctx context.Context, in *vpclattice.ListTargetsInput) (*vpclattice.ListTargetsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	g, _, err := q.group(r, in.TargetGroupIdentifier)
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(where(state.Targets.By(r, state.ByTargetGroup, g.ID), func(t *lattice.Target) bool {
		return len(in.Targets) == 0 || slices.ContainsFunc(in.Targets, func(asked vpclattice.Target) bool { return matches(t, asked) })
	}), state.TargetKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	used := InUse(r, g)
	return &vpclattice.ListTargetsOutput{NextToken: next, Items: summaries(rows, func(t *lattice.Target) vpclattice.TargetSummary {
		status, reason := healthOf(r, g, t, used)
		return vpclattice.TargetSummary{Id: new(t.ID), Port: number(t.Port), Status: new(status), ReasonCode: text(reason)}
	})}, nil
}

// healthOf returns a target's status and the code of the reason for it.
func healthOf(r state.Reader, g *lattice.TargetGroup, t *lattice.Target, used bool) (status, reason string) {
	switch {
	case t.Draining:
		return lattice.Draining, ""
	case !used:
		return lattice.Unused, "TargetGroupNotInUse"
	case !g.Checkable():
		return lattice.Unavailable, "HealthCheckNotSupported"
	case !g.HealthCheck.Enabled:
		return lattice.Unavailable, "HealthCheckDisabled"
	}
	status = lattice.Initial
	for h := range state.Healths.By(r, state.ByTargetGroup, g.ARN()) {
		if h.Target != t.ID || h.Port != t.Port {
			continue
		}
		switch h.Status {
		case lattice.Unhealthy:
			return lattice.Unhealthy, "HealthCheckFailed"
		case lattice.Healthy:
			status = lattice.Healthy
		}
	}
	return status, ""
}
