package cloudcontrol

import (
	"reflect"

	"trellis/internal/aws/model/ec2"
)

const (
	ingressProperty = "SecurityGroupIngress"
	egressProperty  = "SecurityGroupEgress"
)

func securityGroup() *resource {
	r := &resource{once: true, unbuilt: []string{ingressProperty + "/*/SourceSecurityGroupName"}}
	describe := func(c *call, id string) (*ec2.SecurityGroup, error) {
		out, err := do[ec2.DescribeSecurityGroupsOutput](c, ec2.Model, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
		if err != nil {
			return nil, err
		}
		return only(out.SecurityGroups, nil, "The security group '%s' does not exist", id)
	}
	show := func(g ec2.SecurityGroup) model {
		m := withTags(r, g, g.Tags, ec2Tag)
		m["Id"], m["GroupDescription"] = str(g.GroupId), str(g.Description)
		return m
	}
	r.create = func(c *call, want model) error {
		name := want.text("GroupName")
		if name == nil {
			name = c.nameOf(want)
		}
		out, err := do[ec2.CreateSecurityGroupOutput](c, ec2.Model, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{
			GroupName: name, Description: want.text("GroupDescription"), VpcId: want.text("VpcId"), TagSpecifications: stampOf("security-group", want)})
		if err == nil {
			c.made(out.GroupId)
		}
		return err
	}
	// A group that is made has a rule to everywhere; rules that are asked for take its place.
	r.complete = func(c *call, want model) error {
		have, err := r.read(c, c.id)
		if err != nil {
			return err
		}
		if _, given := want[egressProperty]; !given {
			have[egressProperty] = want[egressProperty]
		}
		return c.exchangeRules(c.id, want, have)
	}
	r.read = func(c *call, id string) (model, error) {
		g, err := describe(c, id)
		if err != nil {
			return nil, err
		}
		m := show(*g)
		rules, err := c.groupRules(by("group-id", id))
		if err != nil {
			return nil, err
		}
		in, out := []any{}, []any{}
		for _, rule := range rules {
			shown := map[string]any(ruleModel(rule))
			delete(shown, "Id")
			delete(shown, "GroupId")
			if rule.IsEgress != nil && *rule.IsEgress {
				out = append(out, shown)
			} else {
				in = append(in, shown)
			}
		}
		m[ingressProperty], m[egressProperty] = in, out
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if err := c.exchangeRules(id, want, have); err != nil {
			return err
		}
		return c.retagEC2(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[ec2.DeleteSecurityGroupOutput](c, ec2.Model, "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ec2.SecurityGroup, *string, error) {
			out, err := do[ec2.DescribeSecurityGroupsOutput](c, ec2.Model, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.SecurityGroups, out.NextToken, nil
		})
		return each(all, err, show)
	})
	return r
}

func (c *call) groupRules(filters ...ec2.Filter) ([]ec2.SecurityGroupRule, error) {
	return pages(func(token *string) ([]ec2.SecurityGroupRule, *string, error) {
		out, err := do[ec2.DescribeSecurityGroupRulesOutput](c, ec2.Model, "DescribeSecurityGroupRules", &ec2.DescribeSecurityGroupRulesInput{NextToken: token, Filters: filters})
		if err != nil {
			return nil, nil, err
		}
		return out.SecurityGroupRules, out.NextToken, nil
	})
}

// exchangeRules makes a group's rules those that are wanted.
func (c *call) exchangeRules(id string, want, have model) error {
	for property, egress := range map[string]bool{ingressProperty: false, egressProperty: true} {
		wanted, _ := want[property].([]any)
		had, _ := have[property].([]any)
		for _, item := range had {
			if m, ok := item.(map[string]any); ok && !holds(wanted, m) {
				if err := c.revoke(id, egress, m); err != nil {
					return err
				}
			}
		}
		for _, item := range wanted {
			if m, ok := item.(map[string]any); ok && !holds(had, m) {
				if _, err := c.authorize(id, egress, m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func holds(list []any, m map[string]any) bool {
	for _, item := range list {
		if other, ok := item.(map[string]any); ok && reflect.DeepEqual(plainRule(other), plainRule(m)) {
			return true
		}
	}
	return false
}

// plainRule is a rule without what does not tell it from another: ports of a protocol that has none.
func plainRule(m model) model {
	out := model{}
	for name, value := range m {
		if protocol := m.text("IpProtocol"); protocol != nil && *protocol == "-1" && (name == "FromPort" || name == "ToPort") || name == "SourceSecurityGroupOwnerId" {
			continue
		}
		out[name] = value
	}
	return out
}

// permission is a rule as EC2 takes it.
func permission(m model) ec2.IpPermission {
	p := ec2.IpPermission{IpProtocol: m.text("IpProtocol"), FromPort: m.number("FromPort"), ToPort: m.number("ToPort")}
	if str(p.IpProtocol) == "-1" {
		p.FromPort, p.ToPort = nil, nil
	}
	description := m.text("Description")
	if cidr := m.text("CidrIp"); cidr != nil {
		p.IpRanges = []ec2.IpRange{{CidrIp: cidr, Description: description}}
	}
	if cidr := m.text("CidrIpv6"); cidr != nil {
		p.Ipv6Ranges = []ec2.Ipv6Range{{CidrIpv6: cidr, Description: description}}
	}
	for _, name := range []string{"SourcePrefixListId", "DestinationPrefixListId"} {
		if list := m.text(name); list != nil {
			p.PrefixListIds = []ec2.PrefixListId{{PrefixListId: list, Description: description}}
		}
	}
	for _, name := range []string{"SourceSecurityGroupId", "DestinationSecurityGroupId"} {
		if group := m.text(name); group != nil {
			p.UserIdGroupPairs = []ec2.UserIdGroupPair{{GroupId: group, UserId: m.text("SourceSecurityGroupOwnerId"), Description: description}}
		}
	}
	return p
}

func (c *call) authorize(id string, egress bool, m model) (rules []ec2.SecurityGroupRule, err error) {
	permissions := []ec2.IpPermission{permission(m)}
	if egress {
		out, err := do[ec2.AuthorizeSecurityGroupEgressOutput](c, ec2.Model, "AuthorizeSecurityGroupEgress", &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: permissions})
		if err != nil {
			return nil, err
		}
		return out.SecurityGroupRules, nil
	}
	out, err := do[ec2.AuthorizeSecurityGroupIngressOutput](c, ec2.Model, "AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: permissions})
	if err != nil {
		return nil, err
	}
	return out.SecurityGroupRules, nil
}

func (c *call) revoke(id string, egress bool, m model) (err error) {
	permissions := []ec2.IpPermission{permission(m)}
	if egress {
		_, err = do[ec2.RevokeSecurityGroupEgressOutput](c, ec2.Model, "RevokeSecurityGroupEgress", &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: permissions})
	} else {
		_, err = do[ec2.RevokeSecurityGroupIngressOutput](c, ec2.Model, "RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: permissions})
	}
	return err
}

// ruleModel shows a rule as the types of single rules do.
func ruleModel(rule ec2.SecurityGroupRule) model {
	m := model{"Id": str(rule.SecurityGroupRuleId), "GroupId": str(rule.GroupId), "IpProtocol": str(rule.IpProtocol)}
	egress := rule.IsEgress != nil && *rule.IsEgress
	prefix, group := "SourcePrefixListId", "SourceSecurityGroupId"
	if egress {
		prefix, group = "DestinationPrefixListId", "DestinationSecurityGroupId"
	}
	for name, value := range map[string]*string{"CidrIp": rule.CidrIpv4, "CidrIpv6": rule.CidrIpv6, prefix: rule.PrefixListId, "Description": rule.Description} {
		if value != nil {
			m[name] = *value
		}
	}
	if other := rule.ReferencedGroupInfo; other != nil {
		m[group] = str(other.GroupId)
		if !egress && other.UserId != nil {
			m["SourceSecurityGroupOwnerId"] = *other.UserId
		}
	}
	for name, port := range map[string]*int32{"FromPort": rule.FromPort, "ToPort": rule.ToPort} {
		if port != nil {
			m[name] = jsonNumber(*port)
		}
	}
	return m
}

// securityGroupRule is one rule of a group, a resource of its own.
func securityGroupRule(egress bool) *resource {
	r := &resource{}
	if !egress {
		r.unbuilt = []string{"GroupName", "SourceSecurityGroupName"}
	}
	find := func(c *call, id string) (*ec2.SecurityGroupRule, error) {
		out, err := do[ec2.DescribeSecurityGroupRulesOutput](c, ec2.Model, "DescribeSecurityGroupRules", &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{id}})
		if err != nil {
			return nil, err
		}
		return only(out.SecurityGroupRules, nil, "The security group rule ID '%s' does not exist", id)
	}
	r.create = func(c *call, want model) error {
		group := want.text("GroupId")
		if group == nil {
			return &failure{invalidRequest, "GroupId is required."}
		}
		rules, err := c.authorize(*group, egress, want)
		if err != nil {
			return err
		}
		one, err := only(rules, nil, "The rule was not made")
		if err == nil {
			c.made(one.SecurityGroupRuleId)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		rule, err := find(c, id)
		if err != nil {
			return nil, err
		}
		if (rule.IsEgress != nil && *rule.IsEgress) != egress {
			return nil, missing("The security group rule ID '%s' does not exist", id)
		}
		return ruleModel(*rule), nil
	}
	// All but the description is create-only.
	r.update = func(c *call, id string, want, have model) error {
		group := have.text("GroupId")
		descriptions := []ec2.SecurityGroupRuleDescription{{SecurityGroupRuleId: &id, Description: new(str(want.text("Description")))}}
		if egress {
			_, err := do[ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput](c, ec2.Model, "UpdateSecurityGroupRuleDescriptionsEgress",
				&ec2.UpdateSecurityGroupRuleDescriptionsEgressInput{GroupId: group, SecurityGroupRuleDescriptions: descriptions})
			return err
		}
		_, err := do[ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput](c, ec2.Model, "UpdateSecurityGroupRuleDescriptionsIngress",
			&ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: group, SecurityGroupRuleDescriptions: descriptions})
		return err
	}
	r.remove = func(c *call, id string) error {
		have, err := r.read(c, id)
		if err != nil {
			return err
		}
		return c.revoke(str(have.text("GroupId")), egress, have)
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := c.groupRules()
		return each(all, err, func(rule ec2.SecurityGroupRule) model {
			if (rule.IsEgress != nil && *rule.IsEgress) != egress {
				return nil
			}
			return ruleModel(rule)
		})
	})
	return r
}
