package elbv2

import (
	"slices"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/state"
)

// actions reads the actions of a rule or listener of the load balancer. The target groups they name must be fit for it.
func (q query) actions(tx *state.Tx, lb *balancer.LoadBalancer, in []elbv2.Action) ([]balancer.Action, error) {
	out := make([]balancer.Action, 0, len(in))
	for _, a := range in {
		read, err := readAction(a)
		if err != nil {
			return nil, err
		}
		out = append(out, read)
	}
	if err := balancer.CheckActions(out); err != nil {
		return nil, err
	}
	for _, a := range out {
		for _, w := range a.Forward {
			if err := q.fits(tx, lb, w.TargetGroup); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fits refuses a target group that the load balancer can't forward to.
func (q query) fits(tx *state.Tx, lb *balancer.LoadBalancer, name string) error {
	g, err := q.group(tx, name)
	if err != nil {
		return err
	}
	if g.Type != balancer.Lambda && g.VPC != lb.VPC {
		return configuration("The target group '%s' is not in the VPC of the load balancer, '%s'", name, lb.VPC)
	}
	for _, used := range q.users(tx, name) {
		if used != lb.ARN() {
			return fault.New(fault.Conflict, "TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one load balancer: %s", name)
		}
	}
	return nil
}

// users returns the load balancers with a listener or rule that forwards to the target group.
func (q query) users(r state.Reader, group string) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for l := range state.BalancerListeners.By(r, state.ByTargetGroup, group) {
		add(l.LoadBalancer)
	}
	for rule := range state.BalancerRules.By(r, state.ByTargetGroup, group) {
		if l, ok := state.BalancerListeners.Get(r, rule.Listener); ok {
			add(l.LoadBalancer)
		}
	}
	return out
}

func readAction(in elbv2.Action) (balancer.Action, error) {
	out := balancer.Action{Type: str(in.Type), Order: num(in.Order)}
	mismatch := func() (balancer.Action, error) {
		return out, invalid("The configuration of an action of type '%s' does not go with it", clip(out.Type))
	}
	if out.Type != balancer.Forward && (in.TargetGroupArn != nil || in.ForwardConfig != nil) ||
		out.Type != balancer.FixedResponse && in.FixedResponseConfig != nil || out.Type != balancer.Redirect && in.RedirectConfig != nil ||
		in.AuthenticateCognitoConfig != nil || in.AuthenticateOidcConfig != nil || in.JwtValidationConfig != nil {
		return mismatch()
	}
	switch out.Type {
	case balancer.Forward:
		forward, err := readForward(in)
		if err != nil {
			return out, err
		}
		out.Forward = forward
	case balancer.FixedResponse:
		c := in.FixedResponseConfig
		if c == nil {
			return mismatch()
		}
		out.Status, out.ContentType, out.Body = str(c.StatusCode), str(c.ContentType), str(c.MessageBody)
	case balancer.Redirect:
		c := in.RedirectConfig
		if c == nil {
			return mismatch()
		}
		out.Status, out.Protocol, out.Host, out.Port, out.Path, out.Query = str(c.StatusCode), str(c.Protocol), str(c.Host), str(c.Port), str(c.Path), str(c.Query)
	}
	return out, nil
}

func readForward(in elbv2.Action) ([]balancer.Weighted, error) {
	c := in.ForwardConfig
	if c == nil {
		if in.TargetGroupArn == nil {
			return nil, nil
		}
		return []balancer.Weighted{{TargetGroup: *in.TargetGroupArn, Weight: 1}}, nil
	}
	if s := c.TargetGroupStickinessConfig; s != nil && is(s.Enabled) {
		return nil, notBuilt("InvalidConfigurationRequest", "Stickiness between target groups is not built")
	}
	if in.TargetGroupArn != nil && (len(c.TargetGroups) != 1 || str(c.TargetGroups[0].TargetGroupArn) != *in.TargetGroupArn) {
		return nil, fault.New(fault.Invalid, "InvalidLoadBalancerAction", "You cannot specify both a target group ARN and a forward configuration, unless it names that target group alone")
	}
	var out []balancer.Weighted
	for _, t := range c.TargetGroups {
		weight := int32(1)
		if t.Weight != nil {
			weight = *t.Weight
		}
		out = append(out, balancer.Weighted{TargetGroup: str(t.TargetGroupArn), Weight: weight})
	}
	return out, nil
}

func sameActions(x, y []balancer.Action) bool {
	return slices.EqualFunc(x, y, func(a, b balancer.Action) bool {
		forward := slices.Equal(a.Forward, b.Forward)
		a.Forward, b.Forward = nil, nil
		return forward && a.Type == b.Type && a.Status == b.Status && a.ContentType == b.ContentType && a.Body == b.Body &&
			a.Protocol == b.Protocol && a.Host == b.Host && a.Port == b.Port && a.Path == b.Path && a.Query == b.Query
	})
}

func showAction(a balancer.Action) elbv2.Action {
	out := elbv2.Action{Type: &a.Type, Order: number(a.Order)}
	switch a.Type {
	case balancer.Forward:
		c := &elbv2.ForwardActionConfig{TargetGroupStickinessConfig: &elbv2.TargetGroupStickinessConfig{Enabled: new(false)}}
		for _, w := range a.Forward {
			c.TargetGroups = append(c.TargetGroups, elbv2.TargetGroupTuple{TargetGroupArn: &w.TargetGroup, Weight: &w.Weight})
		}
		if len(a.Forward) == 1 {
			out.TargetGroupArn = &a.Forward[0].TargetGroup
		}
		out.ForwardConfig = c
	case balancer.FixedResponse:
		out.FixedResponseConfig = &elbv2.FixedResponseActionConfig{StatusCode: &a.Status, ContentType: text(a.ContentType), MessageBody: text(a.Body)}
	case balancer.Redirect:
		out.RedirectConfig = &elbv2.RedirectActionConfig{StatusCode: &a.Status, Protocol: component(a.Protocol, "#{protocol}"), Host: component(a.Host, "#{host}"),
			Port: component(a.Port, "#{port}"), Path: component(a.Path, "/#{path}"), Query: component(a.Query, "#{query}")}
	}
	return out
}

// component returns a component of a redirect, or the placeholder of the request's own.
func component(part, placeholder string) *string {
	if part == "" {
		return &placeholder
	}
	return &part
}
