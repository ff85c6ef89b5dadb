package ec2

import (
	"context"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// legacy is the older way to name one permission without a list.
type legacy struct {
	cidr, protocol, group, groupOwner *string
	from, to                          *int32
}

// permissions returns the permissions of a request in the one form.
func (l legacy) permissions(listed []ec2.IpPermission) ([]ec2.IpPermission, error) {
	any := l.cidr != nil || l.protocol != nil || l.group != nil || l.groupOwner != nil || l.from != nil || l.to != nil
	switch {
	case any && len(listed) > 0:
		return nil, combination("The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'")
	case any && l.group != nil:
		p := ec2.IpPermission{IpProtocol: l.protocol, FromPort: l.from, ToPort: l.to,
			UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupName: l.group, UserId: l.groupOwner}}}
		if p.IpProtocol == nil {
			p.IpProtocol = new(vpc.AllProtocols)
		}
		return []ec2.IpPermission{p}, nil
	case any:
		return []ec2.IpPermission{{IpProtocol: l.protocol, FromPort: l.from, ToPort: l.to, IpRanges: []ec2.IpRange{{CidrIp: l.cidr}}}}, nil
	}
	return listed, nil
}

// AuthorizeSecurityGroupIngress lets something in.
func (a *API) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	perms, err := legacy{in.CidrIp, in.IpProtocol, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort}.permissions(in.IpPermissions)
	if err != nil {
		return nil, err
	}
	rules, err := a.authorize(ctx, in.DryRun, in.GroupId, in.GroupName, perms, in.TagSpecifications, false)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: new(true), SecurityGroupRules: rules}, nil
}

// AuthorizeSecurityGroupEgress lets something out.
func (a *API) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	perms, err := legacy{in.CidrIp, in.IpProtocol, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort}.permissions(in.IpPermissions)
	if err != nil {
		return nil, err
	}
	rules, err := a.authorize(ctx, in.DryRun, in.GroupId, nil, perms, in.TagSpecifications, true)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: new(true), SecurityGroupRules: rules}, nil
}

func (a *API) authorize(ctx context.Context, dry *bool, id, name *string, perms []ec2.IpPermission, specs []ec2.TagSpecification, egress bool) ([]ec2.SecurityGroupRule, error) {
	tags, err := tagsFor(specs, "security-group-rule")
	if err != nil {
		return nil, err
	}
	var g *vpc.SecurityGroup
	var added []vpc.Rule
	err = a.update(ctx, dry, func(tx *state.Tx) error {
		var err error
		if g, err = groupFor(tx, owner(ctx), id, name); err != nil {
			return err
		}
		if added, err = a.rules(tx, g, perms, egress, true); err != nil {
			return err
		}
		g.Rules = slices.Clone(g.Rules)
		for i := range added {
			if slices.ContainsFunc(g.Rules, func(r vpc.Rule) bool { return r.Same(&added[i]) }) {
				return duplicate(&added[i])
			}
			added[i].ID, added[i].Tags = arn.MintHex("sgr-"), tags
			g.Rules = append(g.Rules, added[i])
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
	s := a.view.Snapshot()
	out := make([]ec2.SecurityGroupRule, len(added))
	for i := range added {
		out[i] = a.showRule(s, g, &added[i])
	}
	return out, nil
}

func duplicate(r *vpc.Rule) error {
	return fault.New(fault.Exists, "InvalidPermission.Duplicate",
		"the specified rule \"peer: %s, %s, from port: %d, to port: %d, ALLOW\" already exists", r.Peer(), r.Protocol, r.FromPort, r.ToPort)
}

// checkRuleCount holds the quota, which counts each direction and each IP version on its own. Groups and prefix lists
// count for both versions.
func checkRuleCount(g *vpc.SecurityGroup) error {
	for _, egress := range []bool{false, true} {
		for _, v6 := range []bool{false, true} {
			n := 0
			for i := range g.Rules {
				if r := &g.Rules[i]; r.Egress == egress && (!r.CIDR.IsValid() || r.V6() == v6) {
					n++
				}
			}
			if n > vpc.MaxRulesPerGroup {
				return fault.New(fault.Quota, "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
			}
		}
	}
	return nil
}

// rules turns permissions into rules of the group, one for each peer. With strict, the groups they name must be there.
func (a *API) rules(r state.Reader, g *vpc.SecurityGroup, perms []ec2.IpPermission, egress, strict bool) ([]vpc.Rule, error) {
	if len(perms) == 0 {
		return nil, missing("ipPermissions")
	}
	var out []vpc.Rule
	for i := range perms {
		p := &perms[i]
		if p.IpProtocol == nil {
			return nil, missing("ipProtocol")
		}
		protocol, err := vpc.NormalProtocol(*p.IpProtocol)
		if err != nil {
			return nil, err
		}
		base := vpc.Rule{Egress: egress, Protocol: protocol}
		if err := base.SetPorts(p.FromPort, p.ToPort); err != nil {
			return nil, err
		}
		n := len(out)
		if out, err = a.peers(r, g, out, base, p, strict); err != nil {
			return nil, err
		}
		if len(out) == n {
			return nil, fault.New(fault.Invalid, "MissingParameter", "Either 'cidrIp' or 'userIdGroupPairs' should be specified.")
		}
	}
	for i := range out {
		if slices.ContainsFunc(out[:i], func(o vpc.Rule) bool { return o.Same(&out[i]) }) {
			return nil, invalid("The same permission must not appear multiple times")
		}
	}
	return out, nil
}

// peers adds a rule like base for each peer of the permission.
func (a *API) peers(r state.Reader, g *vpc.SecurityGroup, out []vpc.Rule, base vpc.Rule, p *ec2.IpPermission, strict bool) ([]vpc.Rule, error) {
	add := func(rule vpc.Rule, description *string) error {
		rule.Description = str(description)
		if err := vpc.CheckGroupText(rule.Description, "Description", false); err != nil {
			return err
		}
		out = append(out, rule)
		return nil
	}
	block := func(s, description *string, v6 bool) error {
		if s == nil {
			return missing("cidrIp")
		}
		rule := base
		var err error
		if rule.CIDR, err = vpc.ParsePeerBlock(*s, v6); err != nil {
			return err
		}
		return add(rule, description)
	}
	for i := range p.IpRanges {
		if err := block(p.IpRanges[i].CidrIp, p.IpRanges[i].Description, false); err != nil {
			return nil, err
		}
	}
	for i := range p.Ipv6Ranges {
		if err := block(p.Ipv6Ranges[i].CidrIpv6, p.Ipv6Ranges[i].Description, true); err != nil {
			return nil, err
		}
	}
	for i := range p.PrefixListIds {
		rule := base
		rule.PrefixList = str(p.PrefixListIds[i].PrefixListId)
		if !managedList(g.Region, rule.PrefixList) {
			return nil, noPrefixList(rule.PrefixList)
		}
		if err := add(rule, p.PrefixListIds[i].Description); err != nil {
			return nil, err
		}
	}
	for i := range p.UserIdGroupPairs {
		u := &p.UserIdGroupPairs[i]
		rule := base
		if err := a.refer(r, g, &rule, u, strict); err != nil {
			return nil, err
		}
		if err := add(rule, u.Description); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// refer makes the rule name a group of the same VPC, or of one that is peered with it in the same region.
func (a *API) refer(r state.Reader, g *vpc.SecurityGroup, rule *vpc.Rule, u *ec2.UserIdGroupPair, strict bool) error {
	id := str(u.GroupId)
	if u.GroupId == nil {
		if u.GroupName == nil {
			return missing("groupId")
		}
		for named := range state.SecurityGroups.By(r, state.ByName, g.VPC+"/"+*u.GroupName) {
			id = named.ID
		}
		if id == "" {
			return fault.New(fault.NotFound, "InvalidGroup.NotFound", "The security group '%s' does not exist", clip(*u.GroupName))
		}
	}
	if !strict {
		rule.Group = id
		return nil
	}
	to, ok := state.SecurityGroups.Get(r, id)
	if !ok || to.Region != g.Region || u.UserId != nil && *u.UserId != to.Account {
		return noGroup(id)
	}
	rule.Group, rule.GroupOwner = to.ID, to.Account
	if to.VPC == g.VPC {
		return nil
	}
	for p := range state.Peerings.By(r, state.ByVPC, g.VPC) {
		if _, far, ok := p.Side(g.VPC); ok && far.VPC == to.VPC && p.StatusAt(a.now()) == vpc.PeeringActive &&
			(u.VpcPeeringConnectionId == nil || *u.VpcPeeringConnectionId == p.ID) {
			rule.PeeringID = p.ID
			return nil
		}
	}
	if to.Owner != g.Owner {
		return noGroup(id)
	}
	return fault.New(fault.NotFound, "InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
}

// RevokeSecurityGroupIngress no longer lets something in. Established connections go on, as on AWS.
func (a *API) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	perms, err := legacy{in.CidrIp, in.IpProtocol, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort}.permissions(in.IpPermissions)
	if err != nil {
		return nil, err
	}
	revoked, unknown, err := a.revoke(ctx, in.DryRun, in.GroupId, in.GroupName, perms, in.SecurityGroupRuleIds, false)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{Return: new(true), RevokedSecurityGroupRules: revoked, UnknownIpPermissions: unknown}, nil
}

// RevokeSecurityGroupEgress no longer lets something out.
func (a *API) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	perms, err := legacy{in.CidrIp, in.IpProtocol, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort}.permissions(in.IpPermissions)
	if err != nil {
		return nil, err
	}
	revoked, unknown, err := a.revoke(ctx, in.DryRun, in.GroupId, nil, perms, in.SecurityGroupRuleIds, true)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{Return: new(true), RevokedSecurityGroupRules: revoked, UnknownIpPermissions: unknown}, nil
}

func (a *API) revoke(ctx context.Context, dry *bool, id, name *string, perms []ec2.IpPermission, ids []string, egress bool) ([]ec2.RevokedSecurityGroupRule, []ec2.IpPermission, error) {
	var g *vpc.SecurityGroup
	var gone, unknown []vpc.Rule
	err := a.update(ctx, dry, func(tx *state.Tx) error {
		var err error
		if g, err = groupFor(tx, owner(ctx), id, name); err != nil {
			return err
		}
		if gone, unknown, err = a.pick(tx, g, perms, ids, egress); err != nil {
			return err
		}
		if len(unknown) > 0 {
			v, ok := state.VPCs.Get(tx, g.VPC)
			if !ok || !v.Default {
				return fault.New(fault.NotFound, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
		}
		kept := make([]vpc.Rule, 0, len(g.Rules))
		for _, r := range g.Rules {
			if !slices.ContainsFunc(gone, func(x vpc.Rule) bool { return x.ID == r.ID }) {
				kept = append(kept, r)
			}
		}
		g.Rules = kept
		state.SecurityGroups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	out := make([]ec2.RevokedSecurityGroupRule, 0, len(gone))
	for i := range gone {
		r := &gone[i]
		shown := a.showRule(a.view.Snapshot(), g, r)
		out = append(out, ec2.RevokedSecurityGroupRule{SecurityGroupRuleId: shown.SecurityGroupRuleId, GroupId: shown.GroupId, IsEgress: shown.IsEgress,
			IpProtocol: shown.IpProtocol, FromPort: shown.FromPort, ToPort: shown.ToPort, CidrIpv4: shown.CidrIpv4, CidrIpv6: shown.CidrIpv6,
			PrefixListId: shown.PrefixListId, ReferencedGroupId: text(r.Group), Description: shown.Description})
	}
	var left []ec2.IpPermission
	for i := range unknown {
		left = a.addPermission(a.view.Snapshot(), left, g, &unknown[i])
	}
	return out, left, nil
}

// pick finds the group's rules that are named by id, or that permit what the permissions say. unknown are those of the
// latter that the group does not have.
func (a *API) pick(tx *state.Tx, g *vpc.SecurityGroup, perms []ec2.IpPermission, ids []string, egress bool) (found, unknown []vpc.Rule, err error) {
	if len(ids) > 0 {
		if len(perms) > 0 {
			return nil, nil, combination("The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'")
		}
		for _, id := range ids {
			i := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.ID == id && r.Egress == egress })
			if i < 0 {
				return nil, nil, noRule(id)
			}
			found = append(found, g.Rules[i])
		}
		return found, nil, nil
	}
	wanted, err := a.rules(tx, g, perms, egress, false)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range wanted {
		if i := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.Same(&w) }); i >= 0 {
			found = append(found, g.Rules[i])
		} else {
			unknown = append(unknown, w)
		}
	}
	return found, unknown, nil
}

func noRule(id string) error {
	return absence("sgr-", "InvalidSecurityGroupRuleId.Malformed", "InvalidSecurityGroupRuleId.NotFound",
		"The security group rule ID '%s' does not exist")(id)
}

func (a *API) showRule(s *state.Snapshot, g *vpc.SecurityGroup, r *vpc.Rule) ec2.SecurityGroupRule {
	out := ec2.SecurityGroupRule{SecurityGroupRuleId: new(r.ID), GroupId: new(g.ID), GroupOwnerId: new(g.Account), IsEgress: new(r.Egress),
		IpProtocol: new(r.Protocol), FromPort: new(r.FromPort), ToPort: new(r.ToPort), PrefixListId: text(r.PrefixList),
		Description: text(r.Description), Tags: showTags(r.Tags),
		SecurityGroupRuleArn: new(arn.New("ec2", g.Region, g.Account, "security-group-rule/"+r.ID).String())}
	switch {
	case r.Group != "":
		out.ReferencedGroupInfo = a.reference(s, g, r)
	case r.V6():
		out.CidrIpv6 = new(r.CIDR.String())
	case r.CIDR.IsValid():
		out.CidrIpv4 = new(r.CIDR.String())
	}
	return out
}
