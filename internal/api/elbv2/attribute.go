package elbv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/state"
)

// pair is an attribute as every kind of resource has it.
type pair struct{ Key, Value *string }

// current lists every attribute with its value.
func current(known []balancer.Attribute, set map[string]string) []pair {
	out := make([]pair, 0, len(known))
	for _, k := range known {
		value, ok := set[k.Key]
		if !ok {
			value = k.Default
		}
		out = append(out, pair{&k.Key, &value})
	}
	return out
}

// changed returns set with the changes; what has its default again is left out.
func changed(known []balancer.Attribute, set map[string]string, title string, changes []pair) (map[string]string, error) {
	out := maps.Clone(set)
	if out == nil {
		out = map[string]string{}
	}
	for _, c := range changes {
		i := slices.IndexFunc(known, func(k balancer.Attribute) bool { return k.Key == str(c.Key) })
		if i < 0 {
			return nil, configuration("%s attribute key '%s' is not recognized", title, clip(str(c.Key)))
		}
		if err := known[i].Check(str(c.Value)); err != nil {
			return nil, err
		}
		out[known[i].Key] = str(c.Value)
		if str(c.Value) == known[i].Default {
			delete(out, known[i].Key)
		}
	}
	return out, nil
}

// DescribeLoadBalancerAttributes lists the attributes of a load balancer.
func (a *API) DescribeLoadBalancerAttributes(ctx context.Context, in *elbv2.DescribeLoadBalancerAttributesInput) (*elbv2.DescribeLoadBalancerAttributesOutput, error) {
	lb, err := a.query(ctx).balancer(a.view.Snapshot(), str(in.LoadBalancerArn))
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeLoadBalancerAttributesOutput{Attributes: balancerAttributes(lb)}, nil
}

func balancerAttributes(lb *balancer.LoadBalancer) []elbv2.LoadBalancerAttribute {
	return show(current(balancer.LoadBalancerAttributes(), lb.Attributes), func(p pair) elbv2.LoadBalancerAttribute { return elbv2.LoadBalancerAttribute(p) })
}

// ModifyLoadBalancerAttributes changes attributes of a load balancer.
func (a *API) ModifyLoadBalancerAttributes(ctx context.Context, in *elbv2.ModifyLoadBalancerAttributesInput) (*elbv2.ModifyLoadBalancerAttributesOutput, error) {
	var out *balancer.LoadBalancer
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		lb, err := q.balancer(tx, str(in.LoadBalancerArn))
		if err != nil {
			return err
		}
		changes := show(in.Attributes, func(a elbv2.LoadBalancerAttribute) pair { return pair(a) })
		if lb.Attributes, err = changed(balancer.LoadBalancerAttributes(), lb.Attributes, "Load balancer", changes); err != nil {
			return err
		}
		state.LoadBalancers.Put(tx, lb)
		out = lb
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyLoadBalancerAttributesOutput{Attributes: balancerAttributes(out)}, nil
}

// DescribeListenerAttributes lists the attributes of a listener.
func (a *API) DescribeListenerAttributes(ctx context.Context, in *elbv2.DescribeListenerAttributesInput) (*elbv2.DescribeListenerAttributesOutput, error) {
	l, err := a.query(ctx).listener(a.view.Snapshot(), str(in.ListenerArn))
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeListenerAttributesOutput{Attributes: listenerAttributes(l)}, nil
}

func listenerAttributes(l *balancer.Listener) []elbv2.ListenerAttribute {
	return show(current(balancer.ListenerAttributes(), l.Attributes), func(p pair) elbv2.ListenerAttribute { return elbv2.ListenerAttribute(p) })
}

// ModifyListenerAttributes changes attributes of a listener.
func (a *API) ModifyListenerAttributes(ctx context.Context, in *elbv2.ModifyListenerAttributesInput) (*elbv2.ModifyListenerAttributesOutput, error) {
	var out *balancer.Listener
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		l, err := q.listener(tx, str(in.ListenerArn))
		if err != nil {
			return err
		}
		changes := show(in.Attributes, func(a elbv2.ListenerAttribute) pair { return pair(a) })
		if l.Attributes, err = changed(balancer.ListenerAttributes(), l.Attributes, "Listener", changes); err != nil {
			return err
		}
		state.BalancerListeners.Put(tx, l)
		out = l
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyListenerAttributesOutput{Attributes: listenerAttributes(out)}, nil
}

// DescribeTargetGroupAttributes lists the attributes of a target group.
func (a *API) DescribeTargetGroupAttributes(ctx context.Context, in *elbv2.DescribeTargetGroupAttributesInput) (*elbv2.DescribeTargetGroupAttributesOutput, error) {
	g, err := a.query(ctx).group(a.view.Snapshot(), str(in.TargetGroupArn))
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeTargetGroupAttributesOutput{Attributes: groupAttributes(g)}, nil
}

func groupAttributes(g *balancer.TargetGroup) []elbv2.TargetGroupAttribute {
	return show(current(balancer.TargetGroupAttributes(g.Type), g.Attributes), func(p pair) elbv2.TargetGroupAttribute { return elbv2.TargetGroupAttribute(p) })
}

// ModifyTargetGroupAttributes changes attributes of a target group.
func (a *API) ModifyTargetGroupAttributes(ctx context.Context, in *elbv2.ModifyTargetGroupAttributesInput) (*elbv2.ModifyTargetGroupAttributesOutput, error) {
	var out *balancer.TargetGroup
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		g, err := q.group(tx, str(in.TargetGroupArn))
		if err != nil {
			return err
		}
		changes := show(in.Attributes, func(a elbv2.TargetGroupAttribute) pair { return pair(a) })
		if g.Attributes, err = changed(balancer.TargetGroupAttributes(g.Type), g.Attributes, "Target group", changes); err != nil {
			return err
		}
		if err := g.CheckStickiness(); err != nil {
			return err
		}
		state.BalancerTargetGroups.Put(tx, g)
		out = g
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyTargetGroupAttributesOutput{Attributes: groupAttributes(out)}, nil
}

// DescribeAccountLimits lists the limits that the operations hold.
func (a *API) DescribeAccountLimits(_ context.Context, in *elbv2.DescribeAccountLimitsInput) (*elbv2.DescribeAccountLimitsOutput, error) {
	all := []elbv2.Limit{}
	for line := range strings.Lines(limits) {
		name, max, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, elbv2.Limit{Name: &name, Max: &max})
	}
	some, next, err := cut(all, func(l elbv2.Limit) string { return *l.Name }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeAccountLimitsOutput{Limits: some, NextMarker: next}, nil
}

const limits = `application-load-balancers 50
condition-values-per-alb-rule 5
condition-wildcards-per-alb-rule 5
listeners-per-application-load-balancer 50
rules-per-application-load-balancer 100
target-groups 3000
target-groups-per-action-on-application-load-balancer 5
targets-per-application-load-balancer 1000
`

// DescribeSSLPolicies lists the security policies of HTTPS listeners. Such listeners are not built, so there are none.
func (a *API) DescribeSSLPolicies(_ context.Context, in *elbv2.DescribeSSLPoliciesInput) (*elbv2.DescribeSSLPoliciesOutput, error) {
	if len(in.Names) > 0 {
		return nil, kind{code: "SSLPolicyNotFound", title: "SSL policy"}.absent(in.Names...)
	}
	return &elbv2.DescribeSSLPoliciesOutput{SslPolicies: []elbv2.SslPolicy{}}, nil
}
