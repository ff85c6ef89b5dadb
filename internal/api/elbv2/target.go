package elbv2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
)

const maxTargets = 1000

// RegisterTargets adds targets to a group. Those that are there already stay.
func (a *API) RegisterTargets(ctx context.Context, in *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.group(tx, str(in.TargetGroupArn))
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalid("At least one target must be specified")
		}
		targets := slices.Clone(g.Targets)
		for _, d := range in.Targets {
			t, err := q.target(tx, g, d)
			if err != nil {
				return err
			}
			if i := find(targets, t); i >= 0 {
				targets[i] = t
			} else {
				targets = append(targets, t)
			}
		}
		if g.Type == balancer.Lambda && len(targets) > 1 {
			return quota("TooManyTargets", "A target group with target type 'lambda' can have only one target")
		}
		if len(targets) > maxTargets {
			return quota("TooManyTargets", "The maximum number of targets per target group is '%d'", maxTargets)
		}
		g.Targets = targets
		state.BalancerTargetGroups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.RegisterTargetsOutput{}, nil
}

func find(targets []balancer.Target, t balancer.Target) int {
	return slices.IndexFunc(targets, func(o balancer.Target) bool { return o.ID == t.ID && o.Port == t.Port })
}

// target reads a target and checks that the group can have it.
func (q query) target(tx *state.Tx, g *balancer.TargetGroup, d elbv2.TargetDescription) (balancer.Target, error) {
	t := balancer.Target{ID: str(d.Id), Port: num(d.Port)}
	if d.QuicServerId != nil {
		return t, fault.New(fault.Invalid, "InvalidTarget", "QUIC server IDs are only for load balancers of type 'network'")
	}
	if g.Type == balancer.Lambda {
		if d.Port != nil {
			return t, invalid("A port cannot be specified for targets of target groups with target type 'lambda'")
		}
		if d.AvailabilityZone != nil && *d.AvailabilityZone != "all" {
			return t, invalid("The Availability Zone of a target of a target group with target type 'lambda' must be 'all'")
		}
		t.Zone = str(d.AvailabilityZone)
		return t, q.invocable(tx, g, t.ID)
	}
	if t.Port == 0 {
		t.Port = g.Port
	}
	if t.Port < 1 || t.Port > 65535 {
		return t, invalid("Port '%d' must be in the range of 1-65535", t.Port)
	}
	if g.Type == balancer.Instance {
		return t, fault.New(fault.Invalid, "InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", clip(t.ID))
	}
	return q.address(tx, g, t, str(d.AvailabilityZone))
}

// invocable refuses a function that the target group may not invoke. One that does not exist is refused the same way.
func (q query) invocable(tx *state.Tx, g *balancer.TargetGroup, name string) error {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "lambda" || a.Type() != "function" {
		return invalid("'%s' is not a valid Lambda function ARN", clip(name))
	}
	if a.Account != q.Account || a.Region != q.Region {
		return fault.New(fault.Invalid, "InvalidTarget", "The function '%s' must be in the account and Region of the target group", name)
	}
	unqualified, qualifier := function.Split(name)
	f, ok := state.Functions.Get(tx, unqualified)
	if !ok || !function.Allows(f, qualifier, "lambda:InvokeFunction", "elasticloadbalancing.amazonaws.com", g.ARN, q.Account) {
		return fault.New(fault.Denied, "AccessDenied", "elasticloadbalancing principal does not have permission to invoke %s from target group %s", name, g.ARN)
	}
	return nil
}

// address checks an address: one of the group's VPC, or a private one beyond it.
func (q query) address(tx *state.Tx, g *balancer.TargetGroup, t balancer.Target, zone string) (balancer.Target, error) {
	addr, err := netip.ParseAddr(t.ID)
	if err != nil || !addr.Is4() {
		return t, invalid("The IP address '%s' is not a valid IPv4 address", clip(t.ID))
	}
	v, ok := state.VPCs.Get(tx, g.VPC)
	switch {
	case ok && v.Contains(addr):
		t.Zone = zoneOf(tx, g.VPC, addr)
		if zone != "" && zone != t.Zone {
			return t, invalid("The IP address '%s' is not in the Availability Zone '%s'", t.ID, clip(zone))
		}
	case !balancer.Reachable(addr):
		return t, invalid("The IP address '%s' is not within the CIDR blocks of the VPC '%s' or one of the private ranges", t.ID, g.VPC)
	case zone != "all":
		return t, invalid("The Availability Zone must be 'all' for the IP address '%s', which is outside of the VPC '%s'", t.ID, g.VPC)
	default:
		t.Zone = "all"
	}
	return t, nil
}

// zoneOf returns the zone of the VPC's subnet that the address is in, empty if it is in none.
func zoneOf(tx *state.Tx, vpcID string, addr netip.Addr) string {
	for sn := range state.Subnets.By(tx, state.ByVPC, vpcID) {
		if sn.CIDR.Contains(addr) {
			return sn.Zone
		}
	}
	return ""
}

// DeregisterTargets takes targets out of a group. Those that are not in it are no error.
func (a *API) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput) (*elbv2.DeregisterTargetsOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.group(tx, str(in.TargetGroupArn))
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalid("At least one target must be specified")
		}
		g.Targets = slices.DeleteFunc(slices.Clone(g.Targets), func(t balancer.Target) bool {
			return slices.ContainsFunc(in.Targets, func(d elbv2.TargetDescription) bool { return means(d, t) })
		})
		state.BalancerTargetGroups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.DeregisterTargetsOutput{}, nil
}

// means says whether a description is of the target. Without a port it is of the target at every port.
func means(d elbv2.TargetDescription, t balancer.Target) bool {
	return str(d.Id) == t.ID && (d.Port == nil || *d.Port == t.Port)
}

// DescribeTargetHealth says how the targets of a group are: all, or those that are named.
func (a *API) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput) (*elbv2.DescribeTargetHealthOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	g, err := q.group(s, str(in.TargetGroupArn))
	if err != nil {
		return nil, err
	}
	out := []elbv2.TargetHealthDescription{}
	describe := func(t balancer.Target, health *elbv2.TargetHealth) {
		d := elbv2.TargetHealthDescription{Target: &elbv2.TargetDescription{Id: &t.ID, Port: number(t.Port), AvailabilityZone: text(t.Zone)}, TargetHealth: health}
		if g.HealthCheck.Enabled && g.Type != balancer.Lambda {
			d.HealthCheckPort = new(g.HealthCheck.Port)
			if *d.HealthCheckPort == balancer.TrafficPort {
				*d.HealthCheckPort = strconv.Itoa(int(t.Port))
			}
		}
		out = append(out, d)
	}
	if len(in.Targets) == 0 {
		for _, t := range g.Targets {
			describe(t, q.health(s, g, t))
		}
	}
	for _, d := range in.Targets {
		known := false
		for _, t := range g.Targets {
			if means(d, t) {
				describe(t, q.health(s, g, t))
				known = true
			}
		}
		if !known {
			describe(balancer.Target{ID: str(d.Id), Port: num(d.Port)}, health("unused", "Target.NotRegistered", "Target is not registered to the target group"))
		}
	}
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: out}, nil
}

func health(state, reason, description string) *elbv2.TargetHealth {
	return &elbv2.TargetHealth{State: &state, Reason: text(reason), Description: text(description)}
}

// health is what the hosts see of a target: the worst of what they say.
func (q query) health(s *state.Snapshot, g *balancer.TargetGroup, t balancer.Target) *elbv2.TargetHealth {
	switch {
	case len(q.users(s, g.ARN)) == 0:
		return health("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
	case !g.HealthCheck.Enabled:
		return health("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target")
	case t.Zone != "" && t.Zone != "all" && !q.serves(s, g, t.Zone):
		return health("unused", "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer")
	}
	rank := []string{"HEALTHY", "INITIAL", "UNAVAILABLE", "UNHEALTHY"}
	var worst *state.Health
	for h := range state.Healths.By(s, state.ByTargetGroup, g.ARN) {
		if h.Target == t.ID && h.Port == t.Port && (worst == nil || slices.Index(rank, h.Status) > slices.Index(rank, worst.Status)) {
			worst = h
		}
	}
	switch {
	case worst == nil || worst.Status == "INITIAL":
		return health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
	case worst.Status == "UNHEALTHY":
		return health("unhealthy", failureCode(worst.Reason), cmp.Or(worst.Reason, "Health checks failed"))
	case worst.Status == "UNAVAILABLE":
		return health("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target")
	}
	return health("healthy", "", "")
}

// failureCode is the code of what a host says went wrong.
func failureCode(reason string) string {
	switch {
	case strings.HasPrefix(reason, "Health checks failed with these codes"):
		return "Target.ResponseCodeMismatch"
	case strings.Contains(reason, "timed out"):
		return "Target.Timeout"
	}
	return "Target.FailedHealthChecks"
}

// serves says whether a load balancer that uses the group has a node in the zone.
func (q query) serves(r state.Reader, g *balancer.TargetGroup, zone string) bool {
	for _, name := range q.users(r, g.ARN) {
		lb, ok := state.LoadBalancers.Get(r, name)
		if ok && slices.ContainsFunc(lb.Subnets, func(id string) bool { sn, ok := state.Subnets.Get(r, id); return ok && sn.Zone == zone }) {
			return true
		}
	}
	return false
}
