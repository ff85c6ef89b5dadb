package ec2

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateSecurityGroup makes a group that lets nothing in and everything out.
func (a *API) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	o := owner(ctx)
	if err := vpc.CheckGroupName(str(in.GroupName)); err != nil {
		return nil, err
	}
	if err := vpc.CheckGroupText(str(in.Description), "GroupDescription", true); err != nil {
		return nil, err
	}
	tags, err := tagsFor(in.TagSpecifications, "security-group")
	if err != nil {
		return nil, err
	}
	var g *vpc.SecurityGroup
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		id := str(in.VpcId)
		if in.VpcId == nil {
			v, ok := defaultVPCOf(tx, o)
			if !ok {
				return fault.New(fault.Invalid, "VPCIdNotSpecified", "No default VPC for this user")
			}
			id = v.ID
		}
		v, err := vpcOf(tx, o, id)
		if err != nil {
			return err
		}
		for range state.SecurityGroups.By(tx, state.ByName, v.ID+"/"+*in.GroupName) {
			return fault.New(fault.Exists, "InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", *in.GroupName, v.ID)
		}
		if state.SecurityGroups.Count(tx, state.ByScope, o.Scope()) >= vpc.MaxGroups {
			return fault.New(fault.Quota, "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
		}
		g = vpc.NewGroup(o, v.ID, *in.GroupName, *in.Description)
		g.Tags = tags
		state.SecurityGroups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateSecurityGroupOutput{GroupId: new(g.ID), Tags: showTags(g.Tags), SecurityGroupArn: new(groupARN(g))}, nil
}

func groupARN(g *vpc.SecurityGroup) string {
	return arn.New("ec2", g.Region, g.Account, "security-group/"+g.ID).String()
}

// groupFor finds the group of a request by its id, or by its name in the default VPC.
func groupFor(r state.Reader, o vpc.Owner, id, name *string) (*vpc.SecurityGroup, error) {
	if id != nil && name != nil {
		return nil, combination("The parameter groupName cannot be used with the parameter groupId")
	}
	if id != nil {
		return groupOf(r, o, *id)
	}
	if name == nil {
		return nil, fault.New(fault.Invalid, "MissingParameter", "The request must contain the parameter groupName or groupId")
	}
	if v, ok := defaultVPCOf(r, o); ok {
		for g := range state.SecurityGroups.By(r, state.ByName, v.ID+"/"+*name) {
			own := *g
			return &own, nil
		}
	}
	return nil, fault.New(fault.NotFound, "InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", clip(*name))
}

// DeleteSecurityGroup removes a group that nothing carries and that no other group of its VPC names.
func (a *API) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	var id string
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		g, err := groupFor(tx, owner(ctx), in.GroupId, in.GroupName)
		if err != nil {
			return err
		}
		id = g.ID
		if g.Name == "default" {
			return fault.New(fault.Invalid, "CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
		}
		if groupInUse(tx, g) {
			return dependency("resource %s has a dependent object", g.ID)
		}
		state.SecurityGroups.Delete(tx, g.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteSecurityGroupOutput{Return: new(true), GroupId: new(id)}, nil
}

func groupInUse(tx *state.Tx, g *vpc.SecurityGroup) bool {
	for range state.Interfaces.By(tx, state.ByGroup, g.ID) {
		return true
	}
	for range state.NetworkVPCs.By(tx, state.ByGroup, g.ID) {
		return true
	}
	for range state.LoadBalancers.By(tx, state.ByGroup, g.ID) {
		return true
	}
	for range state.Endpoints.By(tx, state.ByGroup, g.ID) {
		return true
	}
	for other := range state.SecurityGroups.By(tx, state.ByGroup, g.ID) {
		if other.ID != g.ID && other.VPC == g.VPC {
			return true
		}
	}
	return false
}

func (a *API) showGroup(s *state.Snapshot, g *vpc.SecurityGroup) ec2.SecurityGroup {
	out := ec2.SecurityGroup{GroupId: new(g.ID), Tags: showTags(g.Tags), VpcId: new(g.VPC), SecurityGroupArn: new(groupARN(g)),
		OwnerId: new(g.Account), GroupName: new(g.Name), Description: new(g.Description),
		IpPermissions: []ec2.IpPermission{}, IpPermissionsEgress: []ec2.IpPermission{}}
	for i := range g.Rules {
		list := &out.IpPermissions
		if g.Rules[i].Egress {
			list = &out.IpPermissionsEgress
		}
		*list = a.addPermission(s, *list, g, &g.Rules[i])
	}
	return out
}

// addPermission adds a rule to the permissions, which are grouped by protocol and ports.
func (a *API) addPermission(s *state.Snapshot, perms []ec2.IpPermission, g *vpc.SecurityGroup, r *vpc.Rule) []ec2.IpPermission {
	i := slices.IndexFunc(perms, func(p ec2.IpPermission) bool {
		return *p.IpProtocol == r.Protocol && (!r.HasPorts() || *p.FromPort == r.FromPort && *p.ToPort == r.ToPort)
	})
	if i < 0 {
		p := ec2.IpPermission{IpProtocol: new(r.Protocol), IpRanges: []ec2.IpRange{}, Ipv6Ranges: []ec2.Ipv6Range{},
			PrefixListIds: []ec2.PrefixListId{}, UserIdGroupPairs: []ec2.UserIdGroupPair{}}
		if r.HasPorts() {
			p.FromPort, p.ToPort = new(r.FromPort), new(r.ToPort)
		}
		perms = append(perms, p)
		i = len(perms) - 1
	}
	p := &perms[i]
	switch {
	case r.Group != "":
		ref := a.reference(s, g, r)
		p.UserIdGroupPairs = append(p.UserIdGroupPairs, ec2.UserIdGroupPair{Description: text(r.Description), UserId: ref.UserId,
			GroupId: ref.GroupId, VpcId: ref.VpcId, VpcPeeringConnectionId: ref.VpcPeeringConnectionId, PeeringStatus: ref.PeeringStatus})
	case r.PrefixList != "":
		p.PrefixListIds = append(p.PrefixListIds, ec2.PrefixListId{Description: text(r.Description), PrefixListId: new(r.PrefixList)})
	case r.V6():
		p.Ipv6Ranges = append(p.Ipv6Ranges, ec2.Ipv6Range{Description: text(r.Description), CidrIpv6: new(r.CIDR.String())})
	default:
		p.IpRanges = append(p.IpRanges, ec2.IpRange{Description: text(r.Description), CidrIp: new(r.CIDR.String())})
	}
	return perms
}

// reference shows the group that a rule names. One across a peering carries the peering and the VPC it leads to.
func (a *API) reference(s *state.Snapshot, g *vpc.SecurityGroup, r *vpc.Rule) *ec2.ReferencedSecurityGroup {
	out := &ec2.ReferencedSecurityGroup{GroupId: new(r.Group), UserId: new(r.GroupOwner)}
	if r.PeeringID == "" {
		return out
	}
	out.VpcPeeringConnectionId, out.PeeringStatus = new(r.PeeringID), new(vpc.PeeringDeleted)
	if p, ok := state.Peerings.Get(s, r.PeeringID); ok {
		out.PeeringStatus = new(p.StatusAt(a.now()))
		if _, far, ok := p.Side(g.VPC); ok {
			out.VpcId = new(far.VPC)
		}
	}
	return out
}

func groupFields(s *state.Snapshot, g *ec2.SecurityGroup, filter string) ([]string, bool) {
	if part, ok := strings.CutPrefix(filter, "ip-permission."); ok {
		return permissionFields(s, g.IpPermissions, part)
	}
	if part, ok := strings.CutPrefix(filter, "egress.ip-permission."); ok {
		return permissionFields(s, g.IpPermissionsEgress, part)
	}
	switch filter {
	case "description":
		return one(g.Description), true
	case "group-id":
		return one(g.GroupId), true
	case "group-name":
		return one(g.GroupName), true
	case "owner-id":
		return one(g.OwnerId), true
	case "vpc-id":
		return one(g.VpcId), true
	}
	return nil, false
}

// permissionFields are those of a group's permissions. A group that they name is shown by its id alone, and found by its name too.
func permissionFields(s *state.Snapshot, perms []ec2.IpPermission, filter string) ([]string, bool) {
	all := func(f func(*ec2.IpPermission) []string) ([]string, bool) {
		var out []string
		for i := range perms {
			out = append(out, f(&perms[i])...)
		}
		return out, true
	}
	pairs := func(f func(*ec2.UserIdGroupPair) *string) ([]string, bool) {
		return all(func(p *ec2.IpPermission) []string { return each(p.UserIdGroupPairs, f) })
	}
	switch filter {
	case "cidr":
		return all(func(p *ec2.IpPermission) []string {
			return each(p.IpRanges, func(r *ec2.IpRange) *string { return r.CidrIp })
		})
	case "ipv6-cidr":
		return all(func(p *ec2.IpPermission) []string {
			return each(p.Ipv6Ranges, func(r *ec2.Ipv6Range) *string { return r.CidrIpv6 })
		})
	case "from-port":
		return all(func(p *ec2.IpPermission) []string { return number(p.FromPort) })
	case "to-port":
		return all(func(p *ec2.IpPermission) []string { return number(p.ToPort) })
	case "protocol":
		return all(func(p *ec2.IpPermission) []string { return one(p.IpProtocol) })
	case "group-id":
		return pairs(func(u *ec2.UserIdGroupPair) *string { return u.GroupId })
	case "group-name":
		return pairs(func(u *ec2.UserIdGroupPair) *string {
			if g, ok := state.SecurityGroups.Get(s, str(u.GroupId)); ok {
				return new(g.Name)
			}
			return nil
		})
	case "user-id":
		return pairs(func(u *ec2.UserIdGroupPair) *string { return u.UserId })
	case "prefix-list-id":
		return all(func(p *ec2.IpPermission) []string {
			return each(p.PrefixListIds, func(l *ec2.PrefixListId) *string { return l.PrefixListId })
		})
	}
	return nil, false
}

// DescribeSecurityGroups lists security groups with their permissions.
func (a *API) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	s, o := a.view.Snapshot(), owner(ctx)
	ids := slices.Clone(in.GroupIds)
	for _, name := range in.GroupNames {
		g, err := groupFor(s, o, nil, new(name))
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	l := &listing[vpc.SecurityGroup, ec2.SecurityGroup]{table: state.SecurityGroups, id: func(g *vpc.SecurityGroup) string { return g.ID },
		owned:  func(g *vpc.SecurityGroup, o vpc.Owner) bool { return g.Owner == o },
		absent: noGroup, show: a.showGroup, tags: func(g *ec2.SecurityGroup) []ec2.Tag { return g.Tags }, index: byVPC,
		fields: func(g *ec2.SecurityGroup, filter string) ([]string, bool) { return groupFields(s, g, filter) }}
	out, next, err := describe(ctx, s, l, query{ids, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: out, NextToken: next}, nil
}
