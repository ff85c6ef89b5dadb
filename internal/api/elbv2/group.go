package elbv2

import (
	"context"
	"slices"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/state"
)

const maxTargetGroups = 3000

// CreateTargetGroup makes a target group. One of the same name and settings is the answer if it is there already.
func (a *API) CreateTargetGroup(ctx context.Context, in *elbv2.CreateTargetGroupInput) (*elbv2.CreateTargetGroupOutput, error) {
	var out *balancer.TargetGroup
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.newGroup(tx, in)
		if err != nil {
			return err
		}
		for old := range state.BalancerTargetGroups.By(tx, state.ByName, q.Scope()+"/"+g.Name) {
			if old.Type != g.Type || old.Protocol != g.Protocol || old.Port != g.Port || old.VPC != g.VPC || old.HealthCheck != g.HealthCheck {
				return fault.New(fault.Exists, "DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", g.Name)
			}
			out = old
			return nil
		}
		if state.BalancerTargetGroups.Count(tx, state.ByScope, q.Scope()) >= maxTargetGroups {
			return quota("TooManyTargetGroups", "The maximum number of target groups has been reached")
		}
		g.ARN = q.mint("targetgroup/" + g.Name)
		state.BalancerTargetGroups.Put(tx, g)
		out = g
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.CreateTargetGroupOutput{TargetGroups: []elbv2.TargetGroup{a.query(ctx).showGroup(a.view.Snapshot(), out)}}, nil
}

func (q query) newGroup(tx *state.Tx, in *elbv2.CreateTargetGroupInput) (*balancer.TargetGroup, error) {
	if err := balancer.CheckName("Target group", str(in.Name)); err != nil {
		return nil, err
	}
	set, err := withTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	g := &balancer.TargetGroup{Owner: q.Owner, Name: *in.Name, Type: balancer.Instance, Tags: set}
	if str(in.TargetType) != "" {
		g.Type = *in.TargetType
	}
	if in.TargetControlPort != nil {
		return nil, notBuilt("InvalidConfigurationRequest", "Target control ports are not built")
	}
	switch g.Type {
	case balancer.Lambda:
		if in.Port != nil || str(in.Protocol) != "" || str(in.VpcId) != "" || str(in.ProtocolVersion) != "" || str(in.IpAddressType) != "" {
			return nil, invalid("Port, protocol, protocol version, VPC ID and IP address type cannot be specified for target groups with target type 'lambda'")
		}
	case balancer.IP, balancer.Instance:
		if err := q.serve(tx, g, in); err != nil {
			return nil, err
		}
	default:
		return nil, notBuilt("InvalidConfigurationRequest", "Target groups of type '%s' are not built", clip(g.Type))
	}
	g.HealthCheck = balancer.DefaultHealthCheck(g.Type)
	err = readHealthCheck(&g.HealthCheck, g.Type, elbv2.ModifyTargetGroupInput{HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckPort: in.HealthCheckPort,
		HealthCheckPath: in.HealthCheckPath, HealthCheckEnabled: in.HealthCheckEnabled, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds,
		HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds, HealthyThresholdCount: in.HealthyThresholdCount,
		UnhealthyThresholdCount: in.UnhealthyThresholdCount, Matcher: in.Matcher})
	return g, err
}

// serve fills in how and where the targets of a group serve.
func (q query) serve(tx *state.Tx, g *balancer.TargetGroup, in *elbv2.CreateTargetGroupInput) error {
	switch {
	case str(in.Protocol) == "":
		return invalid("A protocol must be specified")
	case *in.Protocol != "HTTP":
		return notBuilt("UnsupportedProtocol", "Target groups of protocol '%s' are not built; only 'HTTP' is", clip(*in.Protocol))
	case str(in.ProtocolVersion) != "" && *in.ProtocolVersion != "HTTP1":
		return notBuilt("InvalidConfigurationRequest", "Targets of protocol version '%s' are not built; only 'HTTP1' is", clip(*in.ProtocolVersion))
	case str(in.IpAddressType) != "" && *in.IpAddressType != "ipv4":
		return notBuilt("InvalidConfigurationRequest", "Targets with addresses of type '%s' are not built; only 'ipv4' is", clip(*in.IpAddressType))
	case in.Port == nil:
		return invalid("A port must be specified")
	case *in.Port < 1 || *in.Port > 65535:
		return invalid("Port '%d' must be in the range of 1-65535", *in.Port)
	case str(in.VpcId) == "":
		return invalid("A VPC ID must be specified")
	}
	if v, ok := state.VPCs.Get(tx, *in.VpcId); !ok || v.Owner != q.Owner {
		return invalid("The VPC ID '%s' is not found", clip(*in.VpcId))
	}
	g.Protocol, g.ProtocolVersion, g.IPAddressType, g.Port, g.VPC = "HTTP", "HTTP1", "ipv4", *in.Port, *in.VpcId
	return nil
}

// readHealthCheck changes what the request names.
func readHealthCheck(h *balancer.HealthCheck, targetType string, in elbv2.ModifyTargetGroupInput) error {
	if in.HealthCheckEnabled != nil {
		h.Enabled = *in.HealthCheckEnabled
	}
	if str(in.HealthCheckProtocol) != "" {
		h.Protocol = *in.HealthCheckProtocol
	}
	if str(in.HealthCheckPort) != "" {
		h.Port = *in.HealthCheckPort
	}
	if str(in.HealthCheckPath) != "" {
		h.Path = *in.HealthCheckPath
	}
	for _, f := range []struct {
		to   *int32
		from *int32
	}{{&h.Interval, in.HealthCheckIntervalSeconds}, {&h.Timeout, in.HealthCheckTimeoutSeconds}, {&h.Healthy, in.HealthyThresholdCount}, {&h.Unhealthy, in.UnhealthyThresholdCount}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if m := in.Matcher; m != nil {
		if str(m.GrpcCode) != "" || str(m.HttpCode) == "" {
			return invalid("The matcher of a health check must have an HTTP code, and only that")
		}
		h.Matcher = *m.HttpCode
	}
	return h.Check(targetType)
}

// DescribeTargetGroups lists target groups: all, those of a load balancer, or those that are named.
func (a *API) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput) (*elbv2.DescribeTargetGroupsOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	given := 0
	for _, b := range []bool{in.LoadBalancerArn != nil, len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if b {
			given++
		}
	}
	if given > 1 {
		return nil, invalid("Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time")
	}
	var all []*balancer.TargetGroup
	for _, name := range in.TargetGroupArns {
		g, err := q.group(s, name)
		if fault.Is(err, fault.NotFound) {
			return nil, targetGroups().absent()
		}
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	for _, name := range in.Names {
		found := slices.Collect(state.BalancerTargetGroups.By(s, state.ByName, q.Scope()+"/"+name))
		if len(found) == 0 {
			return nil, targetGroups().absent()
		}
		all = append(all, found...)
	}
	if in.LoadBalancerArn != nil {
		if _, err := q.balancer(s, *in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	if len(in.TargetGroupArns)+len(in.Names) == 0 {
		for g := range state.BalancerTargetGroups.By(s, state.ByScope, q.Scope()) {
			if in.LoadBalancerArn == nil || slices.Contains(q.users(s, g.ARN), *in.LoadBalancerArn) {
				all = append(all, g)
			}
		}
	}
	some, next, err := cut(all, func(g *balancer.TargetGroup) string { return g.ARN }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeTargetGroupsOutput{TargetGroups: show(some, func(g *balancer.TargetGroup) elbv2.TargetGroup { return q.showGroup(s, g) }), NextMarker: next}, nil
}

func (q query) showGroup(r state.Reader, g *balancer.TargetGroup) elbv2.TargetGroup {
	h := g.HealthCheck
	users := q.users(r, g.ARN)
	if users == nil {
		users = []string{}
	}
	return elbv2.TargetGroup{
		TargetGroupArn: &g.ARN, TargetGroupName: &g.Name, Protocol: text(g.Protocol), Port: number(g.Port), VpcId: text(g.VPC),
		HealthCheckProtocol: text(h.Protocol), HealthCheckPort: text(h.Port), HealthCheckEnabled: &h.Enabled, HealthCheckIntervalSeconds: &h.Interval,
		HealthCheckTimeoutSeconds: &h.Timeout, HealthyThresholdCount: &h.Healthy, UnhealthyThresholdCount: &h.Unhealthy, HealthCheckPath: &h.Path,
		Matcher: &elbv2.Matcher{HttpCode: &h.Matcher}, LoadBalancerArns: users, TargetType: &g.Type, ProtocolVersion: text(g.ProtocolVersion),
		IpAddressType: text(g.IPAddressType),
	}
}

// ModifyTargetGroup changes how the targets of a group are checked.
func (a *API) ModifyTargetGroup(ctx context.Context, in *elbv2.ModifyTargetGroupInput) (*elbv2.ModifyTargetGroupOutput, error) {
	var out *balancer.TargetGroup
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.group(tx, str(in.TargetGroupArn))
		if err != nil {
			return err
		}
		if err := readHealthCheck(&g.HealthCheck, g.Type, *in); err != nil {
			return err
		}
		state.BalancerTargetGroups.Put(tx, g)
		out = g
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyTargetGroupOutput{TargetGroups: []elbv2.TargetGroup{a.query(ctx).showGroup(a.view.Snapshot(), out)}}, nil
}

// DeleteTargetGroup removes a target group that no listener or rule forwards to. One that does not exist is no error.
func (a *API) DeleteTargetGroup(ctx context.Context, in *elbv2.DeleteTargetGroupInput) (*elbv2.DeleteTargetGroupOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.group(tx, str(in.TargetGroupArn))
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(q.users(tx, g.ARN)) > 0 {
			return fault.New(fault.InUse, "ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", g.ARN)
		}
		state.BalancerTargetGroups.Delete(tx, g.ARN)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.DeleteTargetGroupOutput{}, nil
}
