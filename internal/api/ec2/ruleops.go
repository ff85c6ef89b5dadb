package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// ruleOf finds the caller's group with the rule, with rules that may be changed, and the rule's place in it.
func ruleOf(r state.Reader, o vpc.Owner, id string) (*vpc.SecurityGroup, int, error) {
	for g := range state.SecurityGroups.By(r, state.ByRule, id) {
		if g.Owner != o {
			continue
		}
		own := *g
		own.Rules = slices.Clone(g.Rules)
		return &own, slices.IndexFunc(own.Rules, func(r vpc.Rule) bool { return r.ID == id }), nil
	}
	return nil, 0, noRule(id)
}

func ruleFields(r *ec2.SecurityGroupRule, filter string) ([]string, bool) {
	switch filter {
	case "group-id":
		return one(r.GroupId), true
	case "security-group-rule-id":
		return one(r.SecurityGroupRuleId), true
	}
	return nil, false
}

// DescribeSecurityGroupRules lists the rules of security groups one by one.
func (a *API) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	s, o := a.view.Snapshot(), owner(ctx)
	var all []ec2.SecurityGroupRule
	show := func(g *vpc.SecurityGroup) {
		for i := range g.Rules {
			if len(in.SecurityGroupRuleIds) == 0 || slices.Contains(in.SecurityGroupRuleIds, g.Rules[i].ID) {
				all = append(all, a.showRule(s, g, &g.Rules[i]))
			}
		}
	}
	group := ""
	for i := range in.Filters {
		if f := &in.Filters[i]; str(f.Name) == "group-id" && len(f.Values) == 1 && literal(f.Values[0]) {
			group = f.Values[0]
		}
	}
	switch {
	case len(in.SecurityGroupRuleIds) > 0:
		seen := map[string]bool{}
		for _, id := range in.SecurityGroupRuleIds {
			g, _, err := ruleOf(s, o, id)
			if err != nil {
				return nil, err
			}
			if !seen[g.ID] {
				seen[g.ID] = true
				show(g)
			}
		}
	case group != "":
		if g, ok := state.SecurityGroups.Get(s, group); ok && g.Owner == o {
			show(g)
		}
	default:
		for g := range state.SecurityGroups.By(s, state.ByScope, o.Scope()) {
			show(g)
		}
	}
	slices.SortFunc(all, func(a, b ec2.SecurityGroupRule) int {
		return strings.Compare(*a.SecurityGroupRuleId, *b.SecurityGroupRuleId)
	})
	out, next, err := fixed(all, func(r *ec2.SecurityGroupRule) string { return *r.SecurityGroupRuleId },
		func(r *ec2.SecurityGroupRule) []ec2.Tag { return r.Tags }, ruleFields,
		query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: out, NextToken: next}, nil
}

// ModifySecurityGroupRules puts other rules in the place of some, under the ids and with the tags they have.
func (a *API) ModifySecurityGroupRules(ctx context.Context, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	if len(in.SecurityGroupRules) == 0 {
		return nil, missing("SecurityGroupRule")
	}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		g, err := groupOf(tx, owner(ctx), str(in.GroupId))
		if err != nil {
			return err
		}
		g.Rules = slices.Clone(g.Rules)
		for i := range in.SecurityGroupRules {
			u := &in.SecurityGroupRules[i]
			at := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.ID == str(u.SecurityGroupRuleId) })
			if at < 0 {
				return noRule(str(u.SecurityGroupRuleId))
			}
			if u.SecurityGroupRule == nil {
				return missing("SecurityGroupRule")
			}
			old := g.Rules[at]
			made, err := a.rules(tx, g, []ec2.IpPermission{permissionOf(u.SecurityGroupRule)}, old.Egress, true)
			if err != nil {
				return err
			}
			if len(made) != 1 {
				return combination("Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be given for rule %s.", old.ID)
			}
			made[0].ID, made[0].Tags = old.ID, old.Tags
			g.Rules[at] = made[0]
		}
		for i := range g.Rules {
			if slices.ContainsFunc(g.Rules[:i], func(r vpc.Rule) bool { return r.Same(&g.Rules[i]) }) {
				return duplicate(&g.Rules[i])
			}
		}
		if err := checkRuleCount(g); err != nil {
			return err
		}
		state.SecurityGroups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifySecurityGroupRulesOutput{Return: new(true)}, nil
}

func permissionOf(r *ec2.SecurityGroupRuleRequest) ec2.IpPermission {
	p := ec2.IpPermission{IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort}
	if r.CidrIpv4 != nil {
		p.IpRanges = []ec2.IpRange{{CidrIp: r.CidrIpv4, Description: r.Description}}
	}
	if r.CidrIpv6 != nil {
		p.Ipv6Ranges = []ec2.Ipv6Range{{CidrIpv6: r.CidrIpv6, Description: r.Description}}
	}
	if r.PrefixListId != nil {
		p.PrefixListIds = []ec2.PrefixListId{{PrefixListId: r.PrefixListId, Description: r.Description}}
	}
	if r.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []ec2.UserIdGroupPair{{GroupId: r.ReferencedGroupId, Description: r.Description}}
	}
	return p
}

// UpdateSecurityGroupRuleDescriptionsIngress changes what is said of rules that let something in.
func (a *API) UpdateSecurityGroupRuleDescriptionsIngress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	err := a.updateDescriptions(ctx, in.DryRun, in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions, false)
	if err != nil {
		return nil, err
	}
	return &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: new(true)}, nil
}

// UpdateSecurityGroupRuleDescriptionsEgress changes what is said of rules that let something out.
func (a *API) UpdateSecurityGroupRuleDescriptionsEgress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	err := a.updateDescriptions(ctx, in.DryRun, in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions, true)
	if err != nil {
		return nil, err
	}
	return &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: new(true)}, nil
}

func (a *API) updateDescriptions(ctx context.Context, dry *bool, id, name *string, perms []ec2.IpPermission, byID []ec2.SecurityGroupRuleDescription, egress bool) error {
	switch {
	case len(perms) > 0 && len(byID) > 0:
		return combination("The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleDescriptions'")
	case len(perms) == 0 && len(byID) == 0:
		return missing("ipPermissions")
	}
	return a.update(ctx, dry, func(tx *state.Tx) error {
		g, err := groupFor(tx, owner(ctx), id, name)
		if err != nil {
			return err
		}
		g.Rules = slices.Clone(g.Rules)
		for i := range byID {
			d := &byID[i]
			at := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.ID == str(d.SecurityGroupRuleId) && r.Egress == egress })
			if at < 0 {
				return noRule(str(d.SecurityGroupRuleId))
			}
			if err := vpc.CheckGroupText(str(d.Description), "Description", false); err != nil {
				return err
			}
			g.Rules[at].Description = str(d.Description)
		}
		if len(perms) > 0 {
			wanted, err := a.rules(tx, g, perms, egress, false)
			if err != nil {
				return err
			}
			for _, w := range wanted {
				at := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.Same(&w) })
				if at < 0 {
					return fault.New(fault.NotFound, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
				}
				g.Rules[at].Description = w.Description
			}
		}
		state.SecurityGroups.Put(tx, g)
		return nil
	})
}

// DescribeSecurityGroupReferences says which VPCs across a peering name the caller's groups in rules.
func (a *API) DescribeSecurityGroupReferences(ctx context.Context, in *ec2.DescribeSecurityGroupReferencesInput) (*ec2.DescribeSecurityGroupReferencesOutput, error) {
	s := a.view.Snapshot()
	if len(in.GroupId) == 0 {
		return nil, missing("groupId")
	}
	out := &ec2.DescribeSecurityGroupReferencesOutput{}
	for _, id := range in.GroupId {
		if _, err := groupOf(s, owner(ctx), id); err != nil {
			return nil, err
		}
		for g := range state.SecurityGroups.By(s, state.ByGroup, id) {
			i := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.Group == id && r.PeeringID != "" })
			if i >= 0 {
				out.SecurityGroupReferenceSet = append(out.SecurityGroupReferenceSet, ec2.SecurityGroupReference{GroupId: new(id),
					ReferencingVpcId: new(g.VPC), VpcPeeringConnectionId: new(g.Rules[i].PeeringID)})
			}
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	return out, nil
}

// DescribeStaleSecurityGroups lists the VPC's groups with rules that name a group which is gone, or is no longer reached by
// a peering.
func (a *API) DescribeStaleSecurityGroups(ctx context.Context, in *ec2.DescribeStaleSecurityGroupsInput) (*ec2.DescribeStaleSecurityGroupsOutput, error) {
	s := a.view.Snapshot()
	v, err := vpcOf(s, owner(ctx), str(in.VpcId))
	if err != nil {
		return nil, err
	}
	var all []ec2.StaleSecurityGroup
	for g := range state.SecurityGroups.By(s, state.ByVPC, v.ID) {
		out := ec2.StaleSecurityGroup{Description: new(g.Description), GroupId: new(g.ID), GroupName: new(g.Name), VpcId: new(g.VPC)}
		for i := range g.Rules {
			r := &g.Rules[i]
			if !a.stale(s, r) {
				continue
			}
			list := &out.StaleIpPermissions
			if r.Egress {
				list = &out.StaleIpPermissionsEgress
			}
			for _, p := range a.addPermission(s, nil, g, r) {
				*list = append(*list, ec2.StaleIpPermission{FromPort: p.FromPort, ToPort: p.ToPort, IpProtocol: p.IpProtocol, UserIdGroupPairs: p.UserIdGroupPairs})
			}
		}
		if len(out.StaleIpPermissions)+len(out.StaleIpPermissionsEgress) > 0 {
			all = append(all, out)
		}
	}
	out, next, err := fixed(all, func(g *ec2.StaleSecurityGroup) string { return *g.GroupId }, nil, nil,
		query{max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeStaleSecurityGroupsOutput{StaleSecurityGroupSet: out, NextToken: next}, nil
}

func (a *API) stale(s *state.Snapshot, r *vpc.Rule) bool {
	if r.Group == "" || r.PeeringID == "" {
		return false
	}
	p, ok := state.Peerings.Get(s, r.PeeringID)
	_, there := state.SecurityGroups.Get(s, r.Group)
	return !ok || !there || p.StatusAt(a.now()) != vpc.PeeringActive
}

// GetSecurityGroupsForVpc lists the groups that interfaces of the VPC may carry.
func (a *API) GetSecurityGroupsForVpc(ctx context.Context, in *ec2.GetSecurityGroupsForVpcInput) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	s := a.view.Snapshot()
	v, err := vpcOf(s, owner(ctx), str(in.VpcId))
	if err != nil {
		return nil, err
	}
	var all []ec2.SecurityGroupForVpc
	for g := range state.SecurityGroups.By(s, state.ByVPC, v.ID) {
		all = append(all, ec2.SecurityGroupForVpc{Description: new(g.Description), GroupName: new(g.Name), OwnerId: new(g.Account),
			GroupId: new(g.ID), Tags: showTags(g.Tags), PrimaryVpcId: new(g.VPC)})
	}
	out, next, err := fixed(all, func(g *ec2.SecurityGroupForVpc) string { return *g.GroupId }, func(g *ec2.SecurityGroupForVpc) []ec2.Tag { return g.Tags },
		func(g *ec2.SecurityGroupForVpc, filter string) ([]string, bool) {
			switch filter {
			case "description":
				return one(g.Description), true
			case "group-id":
				return one(g.GroupId), true
			case "group-name":
				return one(g.GroupName), true
			case "owner-id":
				return one(g.OwnerId), true
			case "primary-vpc-id":
				return one(g.PrimaryVpcId), true
			}
			return nil, false
		}, query{filters: in.Filters, max: in.MaxResults, token: in.NextToken, dry: in.DryRun}, nil)
	if err != nil {
		return nil, err
	}
	return &ec2.GetSecurityGroupsForVpcOutput{SecurityGroupForVpcs: out, NextToken: next}, nil
}
