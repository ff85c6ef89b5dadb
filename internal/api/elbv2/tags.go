package elbv2

import (
	"context"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// retag applies change to the tags of the resource with the ARN and returns the outcome. Without a transaction nothing is
// written.
func (q query) retag(r state.Reader, tx *state.Tx, name string, change func(tag.Set) (tag.Set, error)) (tag.Set, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return nil, invalid("'%s' is not a valid ARN", clip(name))
	}
	switch {
	case strings.HasPrefix(a.Resource, balancers().prefix):
		lb, err := q.balancer(r, name)
		if err != nil {
			return nil, err
		}
		if lb.Tags, err = change(lb.Tags); err == nil && tx != nil {
			state.LoadBalancers.Put(tx, lb)
		}
		return lb.Tags, err
	case strings.HasPrefix(a.Resource, targetGroups().prefix):
		g, err := q.group(r, name)
		if err != nil {
			return nil, err
		}
		if g.Tags, err = change(g.Tags); err == nil && tx != nil {
			state.BalancerTargetGroups.Put(tx, g)
		}
		return g.Tags, err
	case strings.HasPrefix(a.Resource, listeners().prefix):
		l, err := q.listener(r, name)
		if err != nil {
			return nil, err
		}
		if l.Tags, err = change(l.Tags); err == nil && tx != nil {
			state.BalancerListeners.Put(tx, l)
		}
		return l.Tags, err
	case strings.HasPrefix(a.Resource, rules().prefix):
		if l, ok := q.defaultRule(r, name); ok {
			if l.DefaultTags, err = change(l.DefaultTags); err == nil && tx != nil {
				state.BalancerListeners.Put(tx, l)
			}
			return l.DefaultTags, err
		}
		rule, err := q.rule(r, name)
		if err != nil {
			return nil, err
		}
		if rule.Tags, err = change(rule.Tags); err == nil && tx != nil {
			state.BalancerRules.Put(tx, rule)
		}
		return rule.Tags, err
	}
	return nil, invalid("'%s' is not a valid load balancer, listener, rule or target group ARN", clip(name))
}

// AddTags sets tags of resources.
func (a *API) AddTags(ctx context.Context, in *elbv2.AddTagsInput) (*elbv2.AddTagsOutput, error) {
	err := a.retagAll(ctx, in.ResourceArns, func(s tag.Set) (tag.Set, error) { return withTags(s, in.Tags) })
	if err != nil {
		return nil, err
	}
	return &elbv2.AddTagsOutput{}, nil
}

// RemoveTags removes tags of resources.
func (a *API) RemoveTags(ctx context.Context, in *elbv2.RemoveTagsInput) (*elbv2.RemoveTagsOutput, error) {
	err := a.retagAll(ctx, in.ResourceArns, func(s tag.Set) (tag.Set, error) { return s.Without(in.TagKeys...), nil })
	if err != nil {
		return nil, err
	}
	return &elbv2.RemoveTagsOutput{}, nil
}

func (a *API) retagAll(ctx context.Context, names []string, change func(tag.Set) (tag.Set, error)) error {
	return a.update(ctx, func(q query, tx *state.Tx) error {
		for _, name := range names {
			if _, err := q.retag(tx, tx, name, change); err != nil {
				return err
			}
		}
		return nil
	})
}

const maxDescribed = 20

// DescribeTags lists the tags of resources.
func (a *API) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput) (*elbv2.DescribeTagsOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	if len(in.ResourceArns) > maxDescribed {
		return nil, invalid("The tags of at most %d resources can be described at once", maxDescribed)
	}
	out := []elbv2.TagDescription{}
	for _, name := range in.ResourceArns {
		set, err := q.retag(s, nil, name, func(s tag.Set) (tag.Set, error) { return s, nil })
		if err != nil {
			return nil, err
		}
		out = append(out, elbv2.TagDescription{ResourceArn: &name, Tags: show(set.Keys(), func(k string) elbv2.Tag {
			return elbv2.Tag{Key: &k, Value: new(set[k])}
		})})
	}
	return &elbv2.DescribeTagsOutput{TagDescriptions: out}, nil
}
