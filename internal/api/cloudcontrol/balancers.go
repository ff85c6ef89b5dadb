package cloudcontrol

import (
	"cmp"
	"slices"
	"strings"

	elb "trellis/internal/aws/model/elbv2"
)

// balancerTypes are the types of Elastic Load Balancing.
func balancerTypes() map[string]*resource {
	return map[string]*resource{
		"AWS::ElasticLoadBalancingV2::LoadBalancer": loadBalancer(),
		"AWS::ElasticLoadBalancingV2::TargetGroup":  balancerTargets(),
		"AWS::ElasticLoadBalancingV2::Listener":     balancerListener(),
		"AWS::ElasticLoadBalancingV2::ListenerRule": balancerRule(),
	}
}

func elbTags(tags map[string]string) []elb.Tag {
	var out []elb.Tag
	for k, v := range tags {
		out = append(out, elb.Tag{Key: &k, Value: &v})
	}
	return out
}

func (c *call) taggedELB(m model, arn string) (model, error) {
	out, err := do[elb.DescribeTagsOutput](c, elb.Model, "DescribeTags", &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, d := range out.TagDescriptions {
		for _, t := range d.Tags {
			tags[str(t.Key)] = str(t.Value)
		}
	}
	m[tagsProperty] = showTags(tags)
	return m, nil
}

func (c *call) retagELB(id string, want, have model) error {
	return exchangeTags(want, have, func(keys []string) error {
		_, err := do[elb.RemoveTagsOutput](c, elb.Model, "RemoveTags", &elb.RemoveTagsInput{ResourceArns: []string{id}, TagKeys: keys})
		return err
	}, func(tags map[string]string) error {
		_, err := do[elb.AddTagsOutput](c, elb.Model, "AddTags", &elb.AddTagsInput{ResourceArns: []string{id}, Tags: elbTags(tags)})
		return err
	})
}

// changed are the entries of a property that are not as they are.
func changed(want, have model, property string) map[string]string {
	had, out := have.entries(property), map[string]string{}
	for k, v := range want.entries(property) {
		if old, ok := had[k]; !ok || old != v {
			out[k] = v
		}
	}
	return out
}

// shortName returns a name for what has none: made of the request's token, so short as Elastic Load Balancing wants names.
func (c *call) shortName(want model) *string {
	return new(cmp.Or(str(want.text("Name")), "cc-"+c.token[max(0, len(c.token)-12):]))
}

func loadBalancer() *resource {
	const attributes, mappings = "LoadBalancerAttributes", "SubnetMappings"
	r := &resource{once: true, unbuilt: []string{"EnableCapacityReservationProvisionStabilize", "EnablePrefixForIpv6SourceNat",
		"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "Ipv4IpamPoolId", "MinimumLoadBalancerCapacity", mappings + "/*/AllocationId", mappings + "/*/IPv6Address",
		mappings + "/*/PrivateIPv4Address", mappings + "/*/SourceNatIpv6Prefix"},
		absent: model{"IpAddressType": "ipv4"}, stays: []string{attributes, "SecurityGroups"}}
	balancers := func(c *call, in elb.DescribeLoadBalancersInput) ([]elb.LoadBalancer, error) {
		return pages(func(token *string) ([]elb.LoadBalancer, *string, error) {
			in.Marker = token
			out, err := do[elb.DescribeLoadBalancersOutput](c, elb.Model, "DescribeLoadBalancers", &in)
			if err != nil {
				return nil, nil, err
			}
			return out.LoadBalancers, out.NextMarker, nil
		})
	}
	describe := func(c *call, id string) (*elb.LoadBalancer, error) {
		all, err := balancers(c, elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{id}})
		return only(all, err, "One or more load balancers not found")
	}
	show := func(b elb.LoadBalancer) model {
		m := r.show(b)
		m["Name"] = str(b.LoadBalancerName)
		_, full, _ := strings.Cut(str(b.LoadBalancerArn), ":loadbalancer/")
		m["LoadBalancerFullName"] = full
		subnets, mapped := []any{}, []any{}
		for _, z := range b.AvailabilityZones {
			subnets = append(subnets, str(z.SubnetId))
			mapped = append(mapped, map[string]any{"SubnetId": str(z.SubnetId)})
		}
		m["Subnets"], m[mappings] = subnets, mapped
		return m
	}
	modify := func(c *call, id string, entries map[string]string) error {
		if len(entries) == 0 {
			return nil
		}
		in := elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &id}
		for k, v := range entries {
			in.Attributes = append(in.Attributes, elb.LoadBalancerAttribute{Key: &k, Value: &v})
		}
		_, err := do[elb.ModifyLoadBalancerAttributesOutput](c, elb.Model, "ModifyLoadBalancerAttributes", &in)
		return err
	}
	r.create = func(c *call, want model) error {
		in := elb.CreateLoadBalancerInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.Tags = c.shortName(want), elbTags(want.tags())
		there, err := balancers(c, elb.DescribeLoadBalancersInput{Names: []string{*in.Name}})
		before, err := identifiers(there, err, func(b elb.LoadBalancer) *string { return b.LoadBalancerArn })
		if err != nil {
			return err
		}
		out, err := do[elb.CreateLoadBalancerOutput](c, elb.Model, "CreateLoadBalancer", &in)
		if err != nil {
			return err
		}
		b, err := only(out.LoadBalancers, nil, "The load balancer was not made")
		if err != nil {
			return err
		}
		return r.fresh(c, before, b.LoadBalancerArn)
	}
	r.complete = func(c *call, want model) error { return modify(c, c.id, want.entries(attributes)) }
	r.status = func(c *call, id string) (*string, *string, error) {
		b, err := describe(c, id)
		if err != nil || b.State == nil {
			return nil, nil, err
		}
		return settled(b.State.Code), b.State.Reason, nil
	}
	r.read = func(c *call, id string) (model, error) {
		b, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		out, err := do[elb.DescribeLoadBalancerAttributesOutput](c, elb.Model, "DescribeLoadBalancerAttributes", &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &id})
		if err != nil {
			return nil, err
		}
		entries := map[string]string{}
		for _, a := range out.Attributes {
			entries[str(a.Key)] = str(a.Value)
		}
		m := show(*b)
		m[attributes] = showEntries(entries)
		return c.taggedELB(m, id)
	}
	r.update = func(c *call, id string, want, have model) error {
		if want["SecurityGroups"] != nil && differ(want, have, "SecurityGroups") {
			in := elb.SetSecurityGroupsInput{LoadBalancerArn: &id, SecurityGroups: want.texts("SecurityGroups")}
			if _, err := do[elb.SetSecurityGroupsOutput](c, elb.Model, "SetSecurityGroups", &in); err != nil {
				return err
			}
		}
		// Subnets are shown in two ways, and wanted in the one that is not as it is.
		replaced := want["Subnets"] != nil && differ(want, have, "Subnets") || want[mappings] != nil && differ(want, have, mappings)
		if (want["Subnets"] == nil || want[mappings] == nil) && !replaced {
			return &failure{invalidRequest, "The subnets of a load balancer cannot be taken away."}
		}
		for _, property := range []string{"Subnets", mappings} {
			if want[property] == nil || !differ(want, have, property) {
				continue
			}
			in := elb.SetSubnetsInput{}
			if err := (model{property: want[property]}).into(&in); err != nil {
				return err
			}
			in.LoadBalancerArn = &id
			if _, err := do[elb.SetSubnetsOutput](c, elb.Model, "SetSubnets", &in); err != nil {
				return err
			}
			break
		}
		if want["IpAddressType"] != nil && differ(want, have, "IpAddressType") {
			in := elb.SetIpAddressTypeInput{LoadBalancerArn: &id, IpAddressType: want.text("IpAddressType")}
			if _, err := do[elb.SetIpAddressTypeOutput](c, elb.Model, "SetIpAddressType", &in); err != nil {
				return err
			}
		}
		if err := modify(c, id, changed(want, have, attributes)); err != nil {
			return err
		}
		return c.retagELB(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		// DeleteLoadBalancer succeeds where there is none.
		if _, err := describe(c, id); err != nil {
			return err
		}
		_, err := do[elb.DeleteLoadBalancerOutput](c, elb.Model, "DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := balancers(c, elb.DescribeLoadBalancersInput{})
		return each(all, err, show)
	})
	return r
}

// texts are a property that lists texts.
func (m model) texts(property string) []string {
	items, _ := m[property].([]any)
	out := []string{}
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func balancerTargets() *resource {
	const attributes = "TargetGroupAttributes"
	r := &resource{once: true, unbuilt: []string{"TargetControlPort"},
		absent: model{"HealthCheckPort": "traffic-port", "HealthyThresholdCount": jsonNumber(int32(5)), "UnhealthyThresholdCount": jsonNumber(int32(2))},
		stays:  []string{attributes, "HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckProtocol", "HealthCheckTimeoutSeconds", "Matcher"}}
	groups := func(c *call, in elb.DescribeTargetGroupsInput) ([]elb.TargetGroup, error) {
		return pages(func(token *string) ([]elb.TargetGroup, *string, error) {
			in.Marker = token
			out, err := do[elb.DescribeTargetGroupsOutput](c, elb.Model, "DescribeTargetGroups", &in)
			if err != nil {
				return nil, nil, err
			}
			return out.TargetGroups, out.NextMarker, nil
		})
	}
	describe := func(c *call, id string) (*elb.TargetGroup, error) {
		all, err := groups(c, elb.DescribeTargetGroupsInput{TargetGroupArns: []string{id}})
		return only(all, err, "One or more target groups not found")
	}
	show := func(g elb.TargetGroup) model {
		m := r.show(g)
		m["Name"] = str(g.TargetGroupName)
		_, full, _ := strings.Cut(str(g.TargetGroupArn), ":targetgroup/")
		m["TargetGroupFullName"] = "targetgroup/" + full
		return m
	}
	modify := func(c *call, id string, entries map[string]string) error {
		if len(entries) == 0 {
			return nil
		}
		in := elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &id}
		for k, v := range entries {
			in.Attributes = append(in.Attributes, elb.TargetGroupAttribute{Key: &k, Value: &v})
		}
		_, err := do[elb.ModifyTargetGroupAttributesOutput](c, elb.Model, "ModifyTargetGroupAttributes", &in)
		return err
	}
	targets := func(m model) ([]elb.TargetDescription, error) {
		in := elb.RegisterTargetsInput{}
		err := model{targetsProperty: m[targetsProperty]}.into(&in)
		return in.Targets, err
	}
	register := func(c *call, id string, list []elb.TargetDescription) error {
		if len(list) == 0 {
			return nil
		}
		_, err := do[elb.RegisterTargetsOutput](c, elb.Model, "RegisterTargets", &elb.RegisterTargetsInput{TargetGroupArn: &id, Targets: list})
		return err
	}
	r.create = func(c *call, want model) error {
		in := elb.CreateTargetGroupInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Name, in.Tags = c.shortName(want), elbTags(want.tags())
		there, err := groups(c, elb.DescribeTargetGroupsInput{Names: []string{*in.Name}})
		before, err := identifiers(there, err, func(g elb.TargetGroup) *string { return g.TargetGroupArn })
		if err != nil {
			return err
		}
		out, err := do[elb.CreateTargetGroupOutput](c, elb.Model, "CreateTargetGroup", &in)
		if err != nil {
			return err
		}
		g, err := only(out.TargetGroups, nil, "The target group was not made")
		if err != nil {
			return err
		}
		return r.fresh(c, before, g.TargetGroupArn)
	}
	r.complete = func(c *call, want model) error {
		if err := modify(c, c.id, want.entries(attributes)); err != nil {
			return err
		}
		list, err := targets(want)
		if err != nil {
			return err
		}
		return register(c, c.id, list)
	}
	r.read = func(c *call, id string) (model, error) {
		g, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		m := show(*g)
		out, err := do[elb.DescribeTargetGroupAttributesOutput](c, elb.Model, "DescribeTargetGroupAttributes", &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &id})
		if err != nil {
			return nil, err
		}
		entries := map[string]string{}
		for _, a := range out.Attributes {
			entries[str(a.Key)] = str(a.Value)
		}
		m[attributes] = showEntries(entries)
		health, err := do[elb.DescribeTargetHealthOutput](c, elb.Model, "DescribeTargetHealth", &elb.DescribeTargetHealthInput{TargetGroupArn: &id})
		if err != nil {
			return nil, err
		}
		shown := []any{}
		for _, h := range health.TargetHealthDescriptions {
			if h.Target == nil || h.TargetHealth != nil && str(h.TargetHealth.State) == "draining" {
				continue
			}
			target := map[string]any{"Id": str(h.Target.Id)}
			if h.Target.Port != nil && str(g.TargetType) != "lambda" {
				target["Port"] = jsonNumber(*h.Target.Port)
			}
			if h.Target.AvailabilityZone != nil {
				target["AvailabilityZone"] = *h.Target.AvailabilityZone
			}
			shown = append(shown, target)
		}
		m[targetsProperty] = shown
		return c.taggedELB(m, id)
	}
	r.update = func(c *call, id string, want, have model) error {
		in := elb.ModifyTargetGroupInput{}
		health := model{}
		for _, name := range []string{"HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckEnabled", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds",
			"HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher"} {
			if differ(want, have, name) && want[name] != nil {
				health[name] = want[name]
			}
		}
		if len(health) > 0 {
			if err := health.into(&in); err != nil {
				return err
			}
			in.TargetGroupArn = &id
			if _, err := do[elb.ModifyTargetGroupOutput](c, elb.Model, "ModifyTargetGroup", &in); err != nil {
				return err
			}
		}
		if err := modify(c, id, changed(want, have, attributes)); err != nil {
			return err
		}
		wanted, err := targets(want)
		if err != nil {
			return err
		}
		had, err := targets(have)
		if err != nil {
			return err
		}
		without := func(list, other []elb.TargetDescription) []elb.TargetDescription {
			return slices.DeleteFunc(slices.Clone(list), func(t elb.TargetDescription) bool {
				return slices.ContainsFunc(other, func(o elb.TargetDescription) bool {
					return str(o.Id) == str(t.Id) && (o.Port == nil || t.Port == nil || *o.Port == *t.Port)
				})
			})
		}
		if gone := without(had, wanted); len(gone) > 0 {
			if _, err := do[elb.DeregisterTargetsOutput](c, elb.Model, "DeregisterTargets", &elb.DeregisterTargetsInput{TargetGroupArn: &id, Targets: gone}); err != nil {
				return err
			}
		}
		if err := register(c, id, without(wanted, had)); err != nil {
			return err
		}
		return c.retagELB(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		if _, err := describe(c, id); err != nil {
			return err
		}
		_, err := do[elb.DeleteTargetGroupOutput](c, elb.Model, "DeleteTargetGroup", &elb.DeleteTargetGroupInput{TargetGroupArn: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := groups(c, elb.DescribeTargetGroupsInput{})
		return each(all, err, show)
	})
	return r
}

func balancerListener() *resource {
	const attributes = "ListenerAttributes"
	r := &resource{once: true, stays: []string{attributes, "Port", "Protocol"}}
	listeners := func(c *call, in elb.DescribeListenersInput) ([]elb.Listener, error) {
		return pages(func(token *string) ([]elb.Listener, *string, error) {
			in.Marker = token
			out, err := do[elb.DescribeListenersOutput](c, elb.Model, "DescribeListeners", &in)
			if err != nil {
				return nil, nil, err
			}
			return out.Listeners, out.NextMarker, nil
		})
	}
	modify := func(c *call, id string, entries map[string]string) error {
		if len(entries) == 0 {
			return nil
		}
		in := elb.ModifyListenerAttributesInput{ListenerArn: &id}
		for k, v := range entries {
			in.Attributes = append(in.Attributes, elb.ListenerAttribute{Key: &k, Value: &v})
		}
		_, err := do[elb.ModifyListenerAttributesOutput](c, elb.Model, "ModifyListenerAttributes", &in)
		return err
	}
	r.create = func(c *call, want model) error {
		in := elb.CreateListenerInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Tags = elbTags(want.tags())
		there, err := listeners(c, elb.DescribeListenersInput{LoadBalancerArn: in.LoadBalancerArn})
		before, err := identifiers(there, err, func(l elb.Listener) *string { return l.ListenerArn })
		if err != nil {
			return err
		}
		out, err := do[elb.CreateListenerOutput](c, elb.Model, "CreateListener", &in)
		if err != nil {
			return err
		}
		l, err := only(out.Listeners, nil, "The listener was not made")
		if err != nil {
			return err
		}
		return r.fresh(c, before, l.ListenerArn)
	}
	r.complete = func(c *call, want model) error { return modify(c, c.id, want.entries(attributes)) }
	r.read = func(c *call, id string) (model, error) {
		all, err := listeners(c, elb.DescribeListenersInput{ListenerArns: []string{id}})
		l, err := only(all, err, "One or more listeners not found")
		if err != nil {
			return nil, err
		}
		found, err := do[elb.DescribeListenerAttributesOutput](c, elb.Model, "DescribeListenerAttributes", &elb.DescribeListenerAttributesInput{ListenerArn: &id})
		if err != nil {
			return nil, err
		}
		entries := map[string]string{}
		for _, a := range found.Attributes {
			entries[str(a.Key)] = str(a.Value)
		}
		m := r.show(*l)
		m[attributes] = showEntries(entries)
		return c.taggedELB(m, id)
	}
	r.update = func(c *call, id string, want, have model) error {
		in := elb.ModifyListenerInput{}
		for _, name := range []string{"Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy", "MutualAuthentication"} {
			if !differ(want, have, name) {
				continue
			}
			if err := want.into(&in); err != nil {
				return err
			}
			in.ListenerArn = &id
			if _, err := do[elb.ModifyListenerOutput](c, elb.Model, "ModifyListener", &in); err != nil {
				return err
			}
			break
		}
		if err := modify(c, id, changed(want, have, attributes)); err != nil {
			return err
		}
		return c.retagELB(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[elb.DeleteListenerOutput](c, elb.Model, "DeleteListener", &elb.DeleteListenerInput{ListenerArn: &id})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := listeners(c, elb.DescribeListenersInput{LoadBalancerArn: by.text("LoadBalancerArn"), ListenerArns: by.texts("ListenerArns")})
		return each(all, err, func(l elb.Listener) model { return r.show(l) })
	})
	return r
}

func balancerRule() *resource {
	r := &resource{once: true, unbuilt: []string{"Conditions/*/SourceIpConfig/IpAddressType", "Transforms"}}
	show := func(one elb.Rule) model {
		m := r.show(one)
		if n := str(one.Priority); n != "" && n != "default" {
			m["Priority"] = jsonText(n)
		} else {
			delete(m, "Priority")
		}
		return m
	}
	r.create = func(c *call, want model) error {
		in := elb.CreateRuleInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.Tags = elbTags(want.tags())
		out, err := do[elb.CreateRuleOutput](c, elb.Model, "CreateRule", &in)
		if err != nil {
			return err
		}
		one, err := only(out.Rules, nil, "The rule was not made")
		if err == nil {
			c.made(one.RuleArn)
		}
		return err
	}
	rules := func(c *call, in elb.DescribeRulesInput) ([]elb.Rule, error) {
		return pages(func(token *string) ([]elb.Rule, *string, error) {
			in.Marker = token
			out, err := do[elb.DescribeRulesOutput](c, elb.Model, "DescribeRules", &in)
			if err != nil {
				return nil, nil, err
			}
			return out.Rules, out.NextMarker, nil
		})
	}
	r.read = func(c *call, id string) (model, error) {
		all, err := rules(c, elb.DescribeRulesInput{RuleArns: []string{id}})
		one, err := only(all, err, "One or more rules not found")
		if err != nil {
			return nil, err
		}
		return c.taggedELB(show(*one), id)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "Actions") || differ(want, have, "Conditions") {
			in := elb.ModifyRuleInput{}
			if err := (model{"Actions": want["Actions"], "Conditions": want["Conditions"]}).into(&in); err != nil {
				return err
			}
			in.RuleArn = &id
			if _, err := do[elb.ModifyRuleOutput](c, elb.Model, "ModifyRule", &in); err != nil {
				return err
			}
		}
		if differ(want, have, "Priority") {
			in := elb.SetRulePrioritiesInput{RulePriorities: []elb.RulePriorityPair{{RuleArn: &id, Priority: want.number("Priority")}}}
			if _, err := do[elb.SetRulePrioritiesOutput](c, elb.Model, "SetRulePriorities", &in); err != nil {
				return err
			}
		}
		return c.retagELB(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[elb.DeleteRuleOutput](c, elb.Model, "DeleteRule", &elb.DeleteRuleInput{RuleArn: &id})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := rules(c, elb.DescribeRulesInput{ListenerArn: by.text("ListenerArn"), RuleArns: by.texts("RuleArns")})
		return each(all, err, show)
	})
	return r
}
