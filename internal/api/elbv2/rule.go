package elbv2

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/fault"
	"trellis/internal/state"
)

const maxRules = 100 // of a load balancer, without the default ones

func checkPriority(p *int32) error {
	if p == nil || *p < 1 || *p > balancer.MaxPriority {
		return invalid("The priority must be between 1 and %d", balancer.MaxPriority)
	}
	return nil
}

func inUse(priority int32) error {
	return fault.New(fault.Exists, "PriorityInUse", "Priority '%d' is currently in use", priority)
}

// CreateRule adds a rule to a listener.
func (a *API) CreateRule(ctx context.Context, in *elbv2.CreateRuleInput) (*elbv2.CreateRuleOutput, error) {
	var out *balancer.Rule
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		l, err := q.listener(tx, str(in.ListenerArn))
		if err != nil {
			return err
		}
		lb, err := q.balancer(tx, l.LoadBalancer)
		if err != nil {
			return err
		}
		if err := checkPriority(in.Priority); err != nil {
			return err
		}
		if len(in.Transforms) > 0 {
			return notBuilt("ValidationError", "Transforms of requests are not built")
		}
		conditions, err := readConditions(in.Conditions)
		if err != nil {
			return err
		}
		actions, err := q.actions(tx, lb, in.Actions)
		if err != nil {
			return err
		}
		set, err := withTags(nil, in.Tags)
		if err != nil {
			return err
		}
		rules := 0
		for other := range state.BalancerListeners.By(tx, state.ByBalancer, lb.ARN()) {
			for r := range state.BalancerRules.By(tx, state.ByListener, other.ARN) {
				if r.Listener == l.ARN && r.Priority == *in.Priority {
					return inUse(r.Priority)
				}
				rules++
			}
		}
		if rules >= maxRules {
			return quota("TooManyRules", "The maximum number of rules has been reached")
		}
		out = &balancer.Rule{Owner: q.Owner, ARN: ruleARN(l.ARN), Listener: l.ARN, Priority: *in.Priority, Conditions: conditions, Actions: actions, Tags: set}
		state.BalancerRules.Put(tx, out)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.CreateRuleOutput{Rules: []elbv2.Rule{showRule(out)}}, nil
}

// readConditions reads the conditions of a rule. Host header and path pattern can be given in an older form as well.
func readConditions(in []elbv2.RuleCondition) ([]balancer.Condition, error) {
	out := make([]balancer.Condition, 0, len(in))
	for _, c := range in {
		read := balancer.Condition{Field: str(c.Field)}
		given := 0
		take := func(field string, values, regexes []string) error {
			given++
			if len(regexes) > 0 {
				return notBuilt("ValidationError", "Conditions with regular expressions are not built")
			}
			if field != read.Field {
				return invalid("The configuration of a condition on the field '%s' does not go with it", clip(read.Field))
			}
			read.Values = append(read.Values, values...)
			return nil
		}
		var err error
		if h := c.HostHeaderConfig; h != nil {
			err = take("host-header", h.Values, h.RegexValues)
		}
		if p := c.PathPatternConfig; p != nil && err == nil {
			err = take("path-pattern", p.Values, p.RegexValues)
		}
		if h := c.HttpHeaderConfig; h != nil && err == nil {
			read.Header = str(h.HttpHeaderName)
			err = take("http-header", h.Values, h.RegexValues)
		}
		if m := c.HttpRequestMethodConfig; m != nil && err == nil {
			err = take("http-request-method", m.Values, nil)
		}
		if s := c.SourceIpConfig; s != nil && err == nil {
			err = take("source-ip", s.Values, nil)
		}
		if s := c.QueryStringConfig; s != nil && err == nil {
			err = take("query-string", nil, nil)
			for _, v := range s.Values {
				read.Query = append(read.Query, balancer.QueryPair{Key: str(v.Key), Value: str(v.Value)})
			}
		}
		if (len(c.Values) > 0 || len(c.RegexValues) > 0) && err == nil && given == 0 {
			if read.Field != "host-header" && read.Field != "path-pattern" {
				return nil, invalid("Condition field '%s' must be one of '[path-pattern, host-header]' where values are specified", clip(read.Field))
			}
			err = take(read.Field, c.Values, c.RegexValues)
		}
		if err != nil {
			return nil, err
		}
		if given > 1 {
			return nil, invalid("A condition can have only one configuration")
		}
		out = append(out, read)
	}
	return out, balancer.CheckConditions(out)
}

func showCondition(c balancer.Condition) elbv2.RuleCondition {
	out := elbv2.RuleCondition{Field: &c.Field, Values: []string{}}
	switch c.Field {
	case "host-header":
		out.Values, out.HostHeaderConfig = c.Values, &elbv2.HostHeaderConditionConfig{Values: c.Values}
	case "path-pattern":
		out.Values, out.PathPatternConfig = c.Values, &elbv2.PathPatternConditionConfig{Values: c.Values}
	case "http-header":
		out.HttpHeaderConfig = &elbv2.HttpHeaderConditionConfig{HttpHeaderName: &c.Header, Values: c.Values}
	case "http-request-method":
		out.HttpRequestMethodConfig = &elbv2.HttpRequestMethodConditionConfig{Values: c.Values}
	case "source-ip":
		out.SourceIpConfig = &elbv2.SourceIpConditionConfig{Values: c.Values}
	case "query-string":
		out.QueryStringConfig = &elbv2.QueryStringConditionConfig{Values: show(c.Query, func(p balancer.QueryPair) elbv2.QueryStringKeyValuePair {
			return elbv2.QueryStringKeyValuePair{Key: text(p.Key), Value: &p.Value}
		})}
	}
	return out
}

func showRule(r *balancer.Rule) elbv2.Rule {
	return elbv2.Rule{RuleArn: &r.ARN, Priority: new(strconv.Itoa(int(r.Priority))), Conditions: show(r.Conditions, showCondition),
		Actions: show(r.Actions, showAction), IsDefault: new(false)}
}

func showDefault(l *balancer.Listener) elbv2.Rule {
	return elbv2.Rule{RuleArn: &l.DefaultRule, Priority: new("default"), Conditions: []elbv2.RuleCondition{}, Actions: show(l.Default, showAction), IsDefault: new(true)}
}

// DescribeRules lists the rules of a listener in the order in which they are tried, or those that are named.
func (a *API) DescribeRules(ctx context.Context, in *elbv2.DescribeRulesInput) (*elbv2.DescribeRulesOutput, error) {
	q, s := a.query(ctx), a.view.Snapshot()
	var all []elbv2.Rule
	switch {
	case (in.ListenerArn == nil) == (len(in.RuleArns) == 0):
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	case in.ListenerArn != nil:
		l, err := q.listener(s, *in.ListenerArn)
		if err != nil {
			return nil, err
		}
		for r := range state.BalancerRules.By(s, state.ByListener, l.ARN) {
			all = append(all, showRule(r))
		}
		all = append(all, showDefault(l))
	default:
		for _, name := range in.RuleArns {
			if l, ok := q.defaultRule(s, name); ok {
				all = append(all, showDefault(l))
				continue
			}
			r, err := q.rule(s, name)
			if fault.Is(err, fault.NotFound) {
				return nil, rules().absent()
			}
			if err != nil {
				return nil, err
			}
			all = append(all, showRule(r))
		}
	}
	some, next, err := cut(all, order, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeRulesOutput{Rules: some, NextMarker: next}, nil
}

// order sorts rules by priority, the default one last.
func order(r elbv2.Rule) string {
	return fmt.Sprintf("%8s %s", *r.Priority, *r.RuleArn)
}

// ModifyRule changes a rule. What is not named stays.
func (a *API) ModifyRule(ctx context.Context, in *elbv2.ModifyRuleInput) (*elbv2.ModifyRuleOutput, error) {
	var out *balancer.Rule
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		r, err := q.changeable(tx, str(in.RuleArn), "modified")
		if err != nil {
			return err
		}
		if len(in.Transforms) > 0 {
			return notBuilt("ValidationError", "Transforms of requests are not built")
		}
		if len(in.Conditions) > 0 {
			if r.Conditions, err = readConditions(in.Conditions); err != nil {
				return err
			}
		}
		if len(in.Actions) > 0 {
			l, err := q.listener(tx, r.Listener)
			if err != nil {
				return err
			}
			lb, err := q.balancer(tx, l.LoadBalancer)
			if err != nil {
				return err
			}
			if r.Actions, err = q.actions(tx, lb, in.Actions); err != nil {
				return err
			}
		}
		state.BalancerRules.Put(tx, r)
		out = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.ModifyRuleOutput{Rules: []elbv2.Rule{showRule(out)}}, nil
}

// changeable returns the rule with the name, unless it is a listener's default one.
func (q query) changeable(tx *state.Tx, name, what string) (*balancer.Rule, error) {
	if _, ok := q.defaultRule(tx, name); ok {
		return nil, fault.New(fault.Conflict, "OperationNotPermitted", "Default rule '%s' cannot be %s", name, what)
	}
	return q.rule(tx, name)
}

// DeleteRule removes a rule.
func (a *API) DeleteRule(ctx context.Context, in *elbv2.DeleteRuleInput) (*elbv2.DeleteRuleOutput, error) {
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		r, err := q.changeable(tx, str(in.RuleArn), "deleted")
		if err != nil {
			return err
		}
		state.BalancerRules.Delete(tx, r.ARN)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.DeleteRuleOutput{}, nil
}

// SetRulePriorities gives rules of one listener other priorities, all at once.
func (a *API) SetRulePriorities(ctx context.Context, in *elbv2.SetRulePrioritiesInput) (*elbv2.SetRulePrioritiesOutput, error) {
	var out []*balancer.Rule
	err := a.update(ctx, func(q query, tx *state.Tx) error {
		out = nil
		asked := map[string]bool{}
		for _, p := range in.RulePriorities {
			r, err := q.changeable(tx, str(p.RuleArn), "given a priority")
			if err != nil {
				return err
			}
			if err := checkPriority(p.Priority); err != nil {
				return err
			}
			if asked[r.ARN] {
				return invalid("The rule '%s' is specified more than once", r.ARN)
			}
			asked[r.ARN] = true
			if len(out) > 0 && out[0].Listener != r.Listener {
				return invalid("All rules must belong to the same listener")
			}
			if slices.ContainsFunc(out, func(o *balancer.Rule) bool { return o.Priority == *p.Priority }) {
				return inUse(*p.Priority)
			}
			r.Priority = *p.Priority
			out = append(out, r)
		}
		if len(out) == 0 {
			return invalid("At least one rule priority must be specified")
		}
		for other := range state.BalancerRules.By(tx, state.ByListener, out[0].Listener) {
			if !asked[other.ARN] && slices.ContainsFunc(out, func(r *balancer.Rule) bool { return r.Priority == other.Priority }) {
				return inUse(other.Priority)
			}
		}
		for _, r := range out {
			state.BalancerRules.Put(tx, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elbv2.SetRulePrioritiesOutput{Rules: show(out, showRule)}, nil
}
