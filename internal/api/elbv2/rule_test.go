package elbv2_test

import (
	"strings"
	"testing"

	"trellis/internal/aws/model/elbv2"
)

func TestListeners(t *testing.T) {
	e := newEnv(t)
	lb, other := e.balancer("lb"), e.balancer("other")
	lambda, ip := e.group("lambda", "lambda"), e.group("ip", "ip")
	create := func(port int32, protocol string, actions []elbv2.Action) *elbv2.CreateListenerInput {
		return &elbv2.CreateListenerInput{LoadBalancerArn: &lb, Port: &port, Protocol: &protocol, DefaultActions: actions}
	}
	for _, tt := range []struct {
		name string
		in   *elbv2.CreateListenerInput
		code string
	}{
		{"HTTPS", create(443, "HTTPS", forward(lambda)), "UnsupportedProtocol"},
		{"TCP", create(80, "TCP", forward(lambda)), "ValidationError"},
		{"port 0", create(0, "HTTP", forward(lambda)), "ValidationError"},
		{"no action", create(80, "HTTP", nil), "ValidationError"},
		{"no such group", create(80, "HTTP", forward(lambda+"0")), "TargetGroupNotFound"},
		{"not a group", create(80, "HTTP", forward(lb)), "ValidationError"},
		{"one group twice", create(80, "HTTP", forward(lambda, lambda)), "ValidationError"},
		{"two actions", create(80, "HTTP", append(forward(lambda), fixed("200")...)), "InvalidLoadBalancerAction"},
		{"authentication", create(80, "HTTP", append([]elbv2.Action{{Type: new("authenticate-oidc")}}, forward(lambda)...)), "InvalidLoadBalancerAction"},
		{"a response with a redirect's status", create(80, "HTTP", fixed("301")), "ValidationError"},
		{"a configuration that does not belong", create(80, "HTTP", []elbv2.Action{{Type: new("redirect"), TargetGroupArn: &lambda}}), "ValidationError"},
		{"a redirect to itself", create(80, "HTTP", []elbv2.Action{{Type: new("redirect"), RedirectConfig: &elbv2.RedirectActionConfig{StatusCode: new("HTTP_301")}}}), "InvalidLoadBalancerAction"},
		{"no load balancer", &elbv2.CreateListenerInput{LoadBalancerArn: new(lb + "0"), Port: new(int32(80)), Protocol: new("HTTP"), DefaultActions: fixed("200")}, "LoadBalancerNotFound"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(e, red, e.CreateListener, tt.in, tt.code) })
	}
	l := e.listener(lb, 80, forward(lambda, ip))
	want(t, "the same again", e.listener(lb, 80, forward(lambda, ip)), l)
	refused(e, red, e.CreateListener, create(80, "HTTP", forward(lambda)), "DuplicateListener")
	refused(e, red, e.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: &other, Port: new(int32(80)), Protocol: new("HTTP"), DefaultActions: forward(lambda)}, "TargetGroupAssociationLimit")
	second := e.listener(lb, 81, fixed("404"))
	refused(e, red, e.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &second, Port: new(int32(80))}, "DuplicateListener")
	moved := must(e, e.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &second, Port: new(int32(82)), DefaultActions: forward(ip)}).Listeners[0]
	if *moved.Port != 82 || *moved.DefaultActions[0].TargetGroupArn != ip || *moved.Protocol != "HTTP" {
		t.Errorf("listener %+v", moved)
	}
	want(t, "listeners", len(must(e, e.DescribeListeners, &elbv2.DescribeListenersInput{LoadBalancerArn: &lb}).Listeners), 2)
	refused(e, red, e.DescribeListeners, &elbv2.DescribeListenersInput{}, "ValidationError")
	refused(e, red, e.DescribeListeners, &elbv2.DescribeListenersInput{ListenerArns: []string{l + "0"}}, "ListenerNotFound")
	groups := must(e, e.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{LoadBalancerArn: &lb}).TargetGroups
	if len(groups) != 2 || groups[0].LoadBalancerArns[0] != lb {
		t.Errorf("groups of the load balancer: %+v", groups)
	}
	must(e, e.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	refused(e, red, e.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &l}, "ListenerNotFound")
	must(e, e.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	must(e, e.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &ip})
}

func path(values ...string) elbv2.RuleCondition {
	return elbv2.RuleCondition{Field: new("path-pattern"), PathPatternConfig: &elbv2.PathPatternConditionConfig{Values: values}}
}

func TestConditions(t *testing.T) {
	e := newEnv(t)
	l := e.listener(e.balancer("lb"), 80, fixed("404"))
	header := func(name string, values ...string) elbv2.RuleCondition {
		return elbv2.RuleCondition{Field: new("http-header"), HttpHeaderConfig: &elbv2.HttpHeaderConditionConfig{HttpHeaderName: &name, Values: values}}
	}
	source := func(values ...string) elbv2.RuleCondition {
		return elbv2.RuleCondition{Field: new("source-ip"), SourceIpConfig: &elbv2.SourceIpConditionConfig{Values: values}}
	}
	method := func(values ...string) elbv2.RuleCondition {
		return elbv2.RuleCondition{Field: new("http-request-method"), HttpRequestMethodConfig: &elbv2.HttpRequestMethodConditionConfig{Values: values}}
	}
	query := func(key *string, value string) elbv2.RuleCondition {
		return elbv2.RuleCondition{Field: new("query-string"), QueryStringConfig: &elbv2.QueryStringConditionConfig{Values: []elbv2.QueryStringKeyValuePair{{Key: key, Value: &value}}}}
	}
	old := func(field string, values ...string) elbv2.RuleCondition {
		return elbv2.RuleCondition{Field: &field, Values: values}
	}
	priority := int32(0)
	for _, tt := range []struct {
		name       string
		conditions []elbv2.RuleCondition
		code       string
	}{
		{"every kind", []elbv2.RuleCondition{old("host-header", "*.example.com"), path("/a/*"), header("X-A", "b"), query(new("q"), "blue"), source("10.0.0.0/8")}, ""},
		{"two headers and two queries", []elbv2.RuleCondition{header("X-A", "b"), header("X-B", "c"), query(nil, "blue"), query(new("q"), "green")}, ""},
		{"the older form of a path", []elbv2.RuleCondition{old("path-pattern", "/a")}, ""},
		{"methods", []elbv2.RuleCondition{method("GET", "POST")}, ""},
		{"none", nil, "ValidationError"},
		{"an unknown field", []elbv2.RuleCondition{old("cookie", "a")}, "ValidationError"},
		{"a field without values", []elbv2.RuleCondition{old("path-pattern")}, "ValidationError"},
		{"a method in the older form", []elbv2.RuleCondition{old("http-request-method", "GET")}, "ValidationError"},
		{"another field's configuration", []elbv2.RuleCondition{{Field: new("host-header"), PathPatternConfig: path("/a").PathPatternConfig}}, "ValidationError"},
		{"two paths", []elbv2.RuleCondition{path("/a"), path("/b")}, "ValidationError"},
		{"six values", []elbv2.RuleCondition{path("/1", "/2", "/3", "/4", "/5", "/6")}, "ValidationError"},
		{"six wildcards", []elbv2.RuleCondition{path("/*/*/*/*/?/?")}, "ValidationError"},
		{"a long path", []elbv2.RuleCondition{path("/" + strings.Repeat("a", 128))}, "ValidationError"},
		{"a path with a space", []elbv2.RuleCondition{path("/a b")}, "ValidationError"},
		{"a small method", []elbv2.RuleCondition{method("get")}, "ValidationError"},
		{"the host as a header", []elbv2.RuleCondition{header("Host", "a")}, "ValidationError"},
		{"a header name with a space", []elbv2.RuleCondition{header("X A", "a")}, "ValidationError"},
		{"an address that is not a CIDR", []elbv2.RuleCondition{source("10.0.0.1")}, "ValidationError"},
		{"a CIDR with host bits", []elbv2.RuleCondition{source("10.0.0.1/8")}, "ValidationError"},
		{"an empty query value", []elbv2.RuleCondition{query(new("q"), "")}, "ValidationError"},
		{"a regular expression", []elbv2.RuleCondition{{Field: new("path-pattern"), PathPatternConfig: &elbv2.PathPatternConditionConfig{RegexValues: []string{"^/a"}}}}, "ValidationError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			priority++
			in := &elbv2.CreateRuleInput{ListenerArn: &l, Priority: new(priority), Conditions: tt.conditions, Actions: fixed("200")}
			if tt.code != "" {
				refused(e, red, e.CreateRule, in, tt.code)
				return
			}
			made := must(e, e.CreateRule, in).Rules[0]
			again := &elbv2.ModifyRuleInput{RuleArn: made.RuleArn, Conditions: made.Conditions}
			want(t, "conditions given back", len(must(e, e.ModifyRule, again).Rules[0].Conditions), len(tt.conditions))
		})
	}
}

func TestRules(t *testing.T) {
	e := newEnv(t)
	lb := e.balancer("lb")
	l := e.listener(lb, 80, fixed("404"))
	group := e.group("ip", "ip")
	create := func(priority int32, actions []elbv2.Action) *elbv2.CreateRuleInput {
		return &elbv2.CreateRuleInput{ListenerArn: &l, Priority: &priority, Conditions: []elbv2.RuleCondition{path("/a")}, Actions: actions}
	}
	refused(e, red, e.CreateRule, create(0, fixed("200")), "ValidationError")
	refused(e, red, e.CreateRule, create(50001, fixed("200")), "ValidationError")
	refused(e, red, e.CreateRule, create(1, forward(group+"0")), "TargetGroupNotFound")
	refused(e, black, e.CreateRule, create(1, fixed("200")), "ListenerNotFound")
	nine := *must(e, e.CreateRule, create(9, fixed("200"))).Rules[0].RuleArn
	ten := *must(e, e.CreateRule, create(10, forward(group))).Rules[0].RuleArn
	refused(e, red, e.CreateRule, create(10, fixed("200")), "PriorityInUse")
	refused(e, red, e.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group}, "ResourceInUse")

	priorities := func() string {
		var out []string
		for _, r := range must(e, e.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules {
			out = append(out, *r.Priority)
		}
		return strings.Join(out, " ")
	}
	want(t, "in order", priorities(), "9 10 default")
	all := must(e, e.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules
	fallback := *all[2].RuleArn
	if !*all[2].IsDefault || *all[2].Actions[0].FixedResponseConfig.StatusCode != "404" {
		t.Errorf("default rule %+v", all[2])
	}
	want(t, "by ARN", len(must(e, e.DescribeRules, &elbv2.DescribeRulesInput{RuleArns: []string{fallback, ten}}).Rules), 2)
	refused(e, red, e.DescribeRules, &elbv2.DescribeRulesInput{RuleArns: []string{ten + "0"}}, "RuleNotFound")
	refused(e, red, e.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: &fallback}, "OperationNotPermitted")
	refused(e, red, e.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &fallback, Actions: fixed("200")}, "OperationNotPermitted")

	pairs := func(pairs ...elbv2.RulePriorityPair) *elbv2.SetRulePrioritiesInput {
		return &elbv2.SetRulePrioritiesInput{RulePriorities: pairs}
	}
	set := func(rule string, priority int32) elbv2.RulePriorityPair {
		return elbv2.RulePriorityPair{RuleArn: &rule, Priority: &priority}
	}
	refused(e, red, e.SetRulePriorities, pairs(set(nine, 10)), "PriorityInUse")
	refused(e, red, e.SetRulePriorities, pairs(set(nine, 3), set(ten, 3)), "PriorityInUse")
	refused(e, red, e.SetRulePriorities, pairs(set(fallback, 3)), "OperationNotPermitted")
	refused(e, black, e.SetRulePriorities, pairs(set(nine, 3)), "RuleNotFound")
	must(e, e.SetRulePriorities, pairs(set(nine, 10), set(ten, 9)))
	got := must(e, e.DescribeRules, &elbv2.DescribeRulesInput{RuleArns: []string{ten}}).Rules[0]
	want(t, "priority after the swap", *got.Priority, "9")
	want(t, "target group", *got.Actions[0].TargetGroupArn, group)

	for _, r := range []string{fallback, ten, l} {
		must(e, e.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{r}, Tags: []elbv2.Tag{{Key: new("a"), Value: new(r)}, {Key: new("b"), Value: new("")}}})
		must(e, e.RemoveTags, &elbv2.RemoveTagsInput{ResourceArns: []string{r}, TagKeys: []string{"b"}})
		tags := must(e, e.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{r}}).TagDescriptions[0].Tags
		if len(tags) != 1 || *tags[0].Value != r {
			t.Errorf("tags of %s: %+v", r, tags)
		}
	}
	refused(e, red, e.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{l, ten + "0"}, Tags: []elbv2.Tag{{Key: new("z"), Value: new("")}}}, "RuleNotFound")
	refused(e, red, e.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{"arn:aws:ec2:us-east-1:1:vpc/v"}}, "ValidationError")
	want(t, "tags after a refusal", len(must(e, e.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{l}}).TagDescriptions[0].Tags), 1)

	must(e, e.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &ten, Actions: fixed("201")})
	must(e, e.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group})
	must(e, e.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: &nine})
	want(t, "in the end", priorities(), "9 default")
	must(e, e.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &l})
	refused(e, red, e.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: &ten}, "RuleNotFound")
}
