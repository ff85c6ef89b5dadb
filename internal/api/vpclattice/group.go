package vpclattice

import (
	"context"
	"iter"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateTargetGroup makes a target group.
func (a *API) CreateTargetGroup(ctx context.Context, in *vpclattice.CreateTargetGroupInput) (*vpclattice.CreateTargetGroupOutput, error) {
	var out *vpclattice.CreateTargetGroupOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		g, err := once(q, tx, "CreateTargetGroup", in.ClientToken, params, state.TargetGroups, groupID, func() (*lattice.TargetGroup, error) {
			return q.newGroup(tx, in)
		})
		if err != nil {
			return err
		}
		s := showGroup(tx, g)
		out = &vpclattice.CreateTargetGroupOutput{Id: s.Id, Arn: s.Arn, Name: s.Name, Type: s.Type, Config: s.Config, Status: s.Status}
		return nil
	})
	return out, err
}

func groupID(g *lattice.TargetGroup) string { return g.ID }

func (q *query) newGroup(tx *state.Tx, in *vpclattice.CreateTargetGroupInput) (*lattice.TargetGroup, error) {
	name := str(in.Name)
	if err := lattice.KindTargetGroup.CheckName(name); err != nil {
		return nil, err
	}
	for other := range state.TargetGroups.By(tx, state.ByName, q.Scope()+"/"+name) {
		return nil, conflict(lattice.KindTargetGroup, other.ID, "A target group with the name '%s' already exists.", name)
	}
	if state.TargetGroups.Count(tx, state.ByScope, q.Scope()) >= lattice.MaxTargetGroups {
		return nil, quota(lattice.KindTargetGroup, "", "An account can have at most %d target groups in a region.", lattice.MaxTargetGroups)
	}
	meta, err := q.newMeta(lattice.KindTargetGroup, name, in.Tags)
	if err != nil {
		return nil, err
	}
	g := &lattice.TargetGroup{Meta: meta, Type: str(in.Type)}
	var config lattice.Config
	if c := in.Config; c != nil {
		config = lattice.Config{Port: c.Port, Protocol: str(c.Protocol), ProtocolVersion: str(c.ProtocolVersion), IPAddressType: str(c.IpAddressType),
			VPC: str(c.VpcIdentifier), EventVersion: str(c.LambdaEventStructureVersion)}
		if c.HealthCheck != nil {
			config.HealthCheck = new(healthChange(c.HealthCheck))
		}
	}
	if err := g.Configure(config); err != nil {
		return nil, err
	}
	if g.VPC != "" {
		if _, err := q.vpc(tx, g.VPC); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// vpc returns a VPC of the caller's.
func (q *query) vpc(r state.Reader, id string) (*vpc.VPC, error) {
	v, ok := state.VPCs.Get(r, id)
	if !ok || v.Owner != q.Owner {
		return nil, fault.New(fault.NotFound, "", "The VPC '%s' does not exist.", clip(id)).About("VPC", clip(id))
	}
	return v, nil
}

func healthChange(h *vpclattice.HealthCheckConfig) lattice.HealthCheckChange {
	out := lattice.HealthCheckChange{Enabled: h.Enabled, Protocol: h.Protocol, ProtocolVersion: h.ProtocolVersion, Path: h.Path, Port: h.Port,
		Interval: h.HealthCheckIntervalSeconds, Timeout: h.HealthCheckTimeoutSeconds, Healthy: h.HealthyThresholdCount, Unhealthy: h.UnhealthyThresholdCount}
	if h.Matcher != nil {
		out.Matcher = h.Matcher.HttpCode
	}
	return out
}

func showConfig(g *lattice.TargetGroup) *vpclattice.TargetGroupConfig {
	if g.Type == lattice.TypeLambda {
		return &vpclattice.TargetGroupConfig{LambdaEventStructureVersion: text(g.EventVersion)}
	}
	out := &vpclattice.TargetGroupConfig{Port: number(g.Port), Protocol: text(g.Protocol), ProtocolVersion: text(g.ProtocolVersion),
		IpAddressType: text(g.IPAddressType), VpcIdentifier: text(g.VPC)}
	if h := g.HealthCheck; h != nil {
		out.HealthCheck = &vpclattice.HealthCheckConfig{Enabled: new(h.Enabled), Protocol: text(h.Protocol), ProtocolVersion: text(h.ProtocolVersion),
			Port: number(h.Port), Path: text(h.Path), HealthCheckIntervalSeconds: number(h.Interval), HealthCheckTimeoutSeconds: number(h.Timeout),
			HealthyThresholdCount: number(h.Healthy), UnhealthyThresholdCount: number(h.Unhealthy), Matcher: &vpclattice.Matcher{HttpCode: text(h.Matcher)}}
	}
	return out
}

func showGroup(r state.Reader, g *lattice.TargetGroup) *vpclattice.GetTargetGroupOutput {
	_, rev, _ := state.TargetGroups.Lookup(r, g.ID)
	real := realised(r, rev, g.ID)
	status := g.Status(real)
	out := &vpclattice.GetTargetGroupOutput{Id: new(g.ID), Arn: new(g.ARN()), Name: new(g.Name), Type: new(g.Type), Config: showConfig(g),
		CreatedAt: new(g.Created), LastUpdatedAt: new(g.Updated), Status: new(status), ServiceArns: []string{}}
	for _, id := range usersOf(r, g.ID) {
		if s, ok := state.Services.Get(r, id); ok {
			out.ServiceArns = append(out.ServiceArns, s.ARN())
		}
	}
	out.FailureCode, out.FailureMessage = failure(status, real)
	return out
}

// GetTargetGroup describes a target group.
func (a *API) GetTargetGroup(ctx context.Context, in *vpclattice.GetTargetGroupInput) (*vpclattice.GetTargetGroupOutput, error) {
	r := a.view.Snapshot()
	g, _, err := a.query(ctx).group(r, in.TargetGroupIdentifier)
	if err != nil {
		return nil, err
	}
	return showGroup(r, g), nil
}

// ListTargetGroups lists the caller's target groups, of one VPC or type if the request names it.
func (a *API) ListTargetGroups(ctx context.Context, in *vpclattice.ListTargetGroupsInput) (*vpclattice.ListTargetGroupsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows, next, err := cut(where(state.TargetGroups.By(r, state.ByScope, q.Scope()), func(g *lattice.TargetGroup) bool {
		return (in.VpcIdentifier == nil || g.VPC == lattice.IDOf(*in.VpcIdentifier)) && (in.TargetGroupType == nil || g.Type == *in.TargetGroupType)
	}), groupID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListTargetGroupsOutput{NextToken: next, Items: summaries(rows, func(g *lattice.TargetGroup) vpclattice.TargetGroupSummary {
		s := showGroup(r, g)
		return vpclattice.TargetGroupSummary{Id: s.Id, Arn: s.Arn, Name: s.Name, Type: s.Type, CreatedAt: s.CreatedAt, LastUpdatedAt: s.LastUpdatedAt,
			Port: number(g.Port), Protocol: text(g.Protocol), IpAddressType: text(g.IPAddressType), VpcIdentifier: text(g.VPC), Status: s.Status,
			ServiceArns: s.ServiceArns, LambdaEventStructureVersion: text(g.EventVersion)}
	})}, nil
}

// where yields the rows that keep wants.
func where[T any](rows iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for row := range rows {
			if keep(row) && !yield(row) {
				return
			}
		}
	}
}

// UpdateTargetGroup changes the health check.
func (a *API) UpdateTargetGroup(ctx context.Context, in *vpclattice.UpdateTargetGroupInput) (*vpclattice.UpdateTargetGroupOutput, error) {
	var out *vpclattice.UpdateTargetGroupOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, rev, err := q.group(tx, in.TargetGroupIdentifier)
		if err != nil {
			return err
		}
		status := g.Status(realised(tx, rev, g.ID))
		if g.Deleting {
			return busy(lattice.KindTargetGroup, g.ID, status)
		}
		if in.HealthCheck == nil {
			return lattice.Invalid("healthCheck", "The health check is missing.")
		}
		if err := g.ChangeHealthCheck(healthChange(in.HealthCheck)); err != nil {
			return err
		}
		g.Updated = q.now
		state.TargetGroups.Put(tx, g)
		out = &vpclattice.UpdateTargetGroupOutput{Id: new(g.ID), Arn: new(g.ARN()), Name: new(g.Name), Type: new(g.Type), Config: showConfig(g), Status: new(status)}
		return nil
	})
	return out, err
}

// DeleteTargetGroup begins the deletion of a target group that no rule names and no target drains from.
func (a *API) DeleteTargetGroup(ctx context.Context, in *vpclattice.DeleteTargetGroupInput) (*vpclattice.DeleteTargetGroupOutput, error) {
	var out *vpclattice.DeleteTargetGroupOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, rev, err := q.group(tx, in.TargetGroupIdentifier)
		if err != nil {
			return err
		}
		out = &vpclattice.DeleteTargetGroupOutput{Id: new(g.ID), Arn: new(g.ARN()), Status: new(lattice.Deleting)}
		switch status := g.Status(realised(tx, rev, g.ID)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating:
			return busy(lattice.KindTargetGroup, g.ID, status)
		}
		for _, service := range usersOf(tx, g.ID) {
			return conflict(lattice.KindTargetGroup, g.ID, "Target group %s is used by the service %s", g.ID, service)
		}
		for t := range state.Targets.By(tx, state.ByTargetGroup, g.ID) {
			if t.Draining {
				return conflict(lattice.KindTargetGroup, g.ID, "Target group %s has targets that are draining", g.ID)
			}
			q.dropTarget(tx, g, t)
		}
		g.Deleting, g.Updated = true, q.now
		state.TargetGroups.Put(tx, g)
		return nil
	})
	return out, err
}
