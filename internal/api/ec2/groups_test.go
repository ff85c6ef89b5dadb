package ec2_test

import (
	"fmt"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func cidrRule(protocol string, from, to int32, cidr string) ec2.IpPermission {
	return ec2.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to, IpRanges: []ec2.IpRange{{CidrIp: &cidr}}}
}

func (e *env) ingress(account, group string, perms ...ec2.IpPermission) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	return e.AuthorizeSecurityGroupIngress(e.as(account), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: perms})
}

func (e *env) show(account, group string) ec2.SecurityGroup {
	e.t.Helper()
	return must[*ec2.DescribeSecurityGroupsOutput](e.t)(e.DescribeSecurityGroups(e.as(account),
		&ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})).SecurityGroups[0]
}

// What the Terraform provider does to a security group.
func TestGroupAsTerraformMakesIt(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	g := e.group(red, v, "any-any")
	all4 := ec2.IpPermission{IpProtocol: new("-1"), IpRanges: []ec2.IpRange{{CidrIp: new("0.0.0.0/0")}}}
	all6 := ec2.IpPermission{IpProtocol: new("-1"), Ipv6Ranges: []ec2.Ipv6Range{{CidrIpv6: new("::/0")}}}
	both := ec2.IpPermission{IpProtocol: new("-1"), IpRanges: all4.IpRanges, Ipv6Ranges: all6.Ipv6Ranges}
	revoke := func(p ec2.IpPermission) error {
		_, err := e.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &g, IpPermissions: []ec2.IpPermission{p}})
		return err
	}
	if err := revoke(all4); err != nil {
		t.Fatal(err)
	}
	wants(t, revoke(all6), "InvalidPermission.NotFound")
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, both))
	rules := must[*ec2.AuthorizeSecurityGroupEgressOutput](t)(e.AuthorizeSecurityGroupEgress(ctx,
		&ec2.AuthorizeSecurityGroupEgressInput{GroupId: &g, IpPermissions: []ec2.IpPermission{both}})).SecurityGroupRules
	if len(rules) != 2 || *rules[0].CidrIpv4 != "0.0.0.0/0" || *rules[1].CidrIpv6 != "::/0" || *rules[0].FromPort != -1 {
		t.Errorf("egress rules %+v", rules)
	}
	got := e.show(red, g)
	if len(got.IpPermissions) != 1 || len(got.IpPermissions[0].IpRanges) != 1 || len(got.IpPermissions[0].Ipv6Ranges) != 1 ||
		got.IpPermissions[0].FromPort != nil || len(got.IpPermissionsEgress) != 1 {
		t.Errorf("group %+v", got)
	}
}

func TestAuthorizeRefusals(t *testing.T) {
	e := newEnv(t)
	v := e.vpc(red, "10.0.0.0/16")
	g, elsewhere := e.group(red, v, "a"), e.group(red, e.vpc(red, "10.1.0.0/16"), "b")
	foreign := e.group(black, e.vpc(black, "10.2.0.0/16"), "c")
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, cidrRule("tcp", 80, 80, "10.0.0.7/8")))
	_, err := e.AuthorizeSecurityGroupIngress(e.as(red), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &g, GroupName: new("a"), IpPermissions: []ec2.IpPermission{cidrRule("tcp", 81, 81, "10.0.0.0/8")}})
	wants(t, err, "InvalidParameterCombination")
	_, err = e.AuthorizeSecurityGroupIngress(e.as(red), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &g, SourceSecurityGroupOwnerId: new("1"), IpPermissions: []ec2.IpPermission{cidrRule("tcp", 81, 81, "10.0.0.0/8")}})
	wants(t, err, "InvalidParameterCombination")
	pair := func(id string) ec2.IpPermission {
		return ec2.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupId: &id}}}
	}
	for _, tc := range []struct {
		name string
		perm ec2.IpPermission
		code string
	}{
		{"the same by number and without host bits", cidrRule("6", 80, 80, "10.0.0.0/8"), "InvalidPermission.Duplicate"},
		{"ports upside down", cidrRule("tcp", 81, 80, "10.0.0.0/8"), "InvalidParameterValue"},
		{"port too high", cidrRule("udp", 1, 65536, "10.0.0.0/8"), "InvalidParameterValue"},
		{"no ports", ec2.IpPermission{IpProtocol: new("tcp"), IpRanges: []ec2.IpRange{{CidrIp: new("10.0.0.0/8")}}}, "InvalidParameterValue"},
		{"no protocol", ec2.IpPermission{IpRanges: []ec2.IpRange{{CidrIp: new("10.0.0.0/8")}}}, "MissingParameter"},
		{"unknown protocol", cidrRule("quic", 1, 1, "10.0.0.0/8"), "InvalidParameterValue"},
		{"protocol out of range", cidrRule("256", 1, 1, "10.0.0.0/8"), "InvalidParameterValue"},
		{"no peer", ec2.IpPermission{IpProtocol: new("-1")}, "MissingParameter"},
		{"bad CIDR", cidrRule("tcp", 1, 1, "10.0.0/8"), "InvalidParameterValue"},
		{"IPv6 as IPv4", cidrRule("tcp", 1, 1, "::/0"), "InvalidParameterValue"},
		{"code of any ICMP type", cidrRule("icmp", -1, 3, "10.0.0.0/8"), "InvalidParameterValue"},
		{"no such group", pair("sg-0123456789abcdef0"), "InvalidGroup.NotFound"},
		{"not a group id", pair("web"), "InvalidGroupId.Malformed"},
		{"a group of another VPC", pair(elsewhere), "InvalidGroup.NotFound"},
		{"a group of another account", pair(foreign), "InvalidGroup.NotFound"},
		{"no such prefix list", ec2.IpPermission{IpProtocol: new("-1"), PrefixListIds: []ec2.PrefixListId{{PrefixListId: new("pl-1")}}}, "InvalidPrefixListID.NotFound"},
		{"twice the same", ec2.IpPermission{IpProtocol: new("-1"), IpRanges: []ec2.IpRange{{CidrIp: new("9.0.0.0/8")}, {CidrIp: new("9.1.0.0/8")}}}, "InvalidParameterValue"},
		{"description with a quote", ec2.IpPermission{IpProtocol: new("-1"), IpRanges: []ec2.IpRange{{CidrIp: new("9.0.0.0/8"), Description: new("it's")}}}, "InvalidParameterValue"},
		{"itself", pair(g), ""},
		{"the Lattice prefix list", ec2.IpPermission{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)),
			PrefixListIds: []ec2.PrefixListId{{PrefixListId: new(vpc.ManagedPrefixLists("us-east-1")[0].ID)}}}, ""},
		{"any ICMP", cidrRule("1", -1, -1, "10.0.0.0/8"), ""},
		{"a protocol by number", cidrRule("047", 0, 0, "10.0.0.0/8"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := e.ingress(red, g, tc.perm)
			wants(t, err, tc.code)
			_, err = e.ingress(black, g, tc.perm)
			wants(t, err, "InvalidGroup.NotFound")
		})
	}
	rows := must[*ec2.DescribeSecurityGroupRulesOutput](t)(e.DescribeSecurityGroupRules(e.as(red), &ec2.DescribeSecurityGroupRulesInput{
		Filters: filters("group-id", g)})).SecurityGroupRules
	if len(rows) != 6 { // the one above, four here, and the egress rule it came with
		t.Errorf("%d rules, want 6", len(rows))
	}
}

func TestRuleQuotaCountsEachDirectionAndVersion(t *testing.T) {
	e := newEnv(t)
	g := e.group(red, e.vpc(red, "10.0.0.0/16"), "g")
	perm := ec2.IpPermission{IpProtocol: new("-1")}
	for i := range vpc.MaxRulesPerGroup {
		perm.IpRanges = append(perm.IpRanges, ec2.IpRange{CidrIp: new(fmt.Sprintf("10.0.%d.0/24", i))})
	}
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, perm))
	_, err := e.ingress(red, g, cidrRule("tcp", 1, 1, "10.0.0.0/8"))
	wants(t, err, "RulesPerSecurityGroupLimitExceeded")
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, ec2.IpPermission{IpProtocol: new("-1"), Ipv6Ranges: []ec2.Ipv6Range{{CidrIpv6: new("::/0")}}}))
}

func TestGroupReferencesAcrossAPeering(t *testing.T) {
	e := newEnv(t)
	v, w := e.vpc(red, "10.0.0.0/16"), e.vpc(black, "10.1.0.0/16")
	near, far := e.group(red, v, "near"), e.group(black, w, "far")
	pair := ec2.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupId: &far, UserId: new(black)}}}
	_, err := e.ingress(red, near, pair)
	wants(t, err, "InvalidGroup.NotFound")
	pcx := e.peering(red, black, v, w)
	_, err = e.ingress(red, near, pair)
	wants(t, err, "InvalidGroup.NotFound")
	e.accept(black, pcx)
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, near, pair))
	got := e.show(red, near).IpPermissions[0].UserIdGroupPairs[0]
	if *got.UserId != black || *got.VpcId != w || *got.VpcPeeringConnectionId != pcx || *got.PeeringStatus != "active" {
		t.Errorf("pair %+v", got)
	}
	refs := must[*ec2.DescribeSecurityGroupReferencesOutput](t)(e.DescribeSecurityGroupReferences(e.as(black),
		&ec2.DescribeSecurityGroupReferencesInput{GroupId: []string{far}})).SecurityGroupReferenceSet
	if len(refs) != 1 || *refs[0].ReferencingVpcId != v {
		t.Errorf("references %+v", refs)
	}
	stale := func() int {
		return len(must[*ec2.DescribeStaleSecurityGroupsOutput](t)(e.DescribeStaleSecurityGroups(e.as(red),
			&ec2.DescribeStaleSecurityGroupsInput{VpcId: &v})).StaleSecurityGroupSet)
	}
	if n := stale(); n != 0 {
		t.Errorf("%d stale groups while the peering lasts", n)
	}
	// A group that only a peer VPC names may go; the rule is then stale.
	must[*ec2.DeleteSecurityGroupOutput](t)(e.DeleteSecurityGroup(e.as(black), &ec2.DeleteSecurityGroupInput{GroupId: &far}))
	if n := stale(); n != 1 {
		t.Errorf("%d stale groups after the group is gone", n)
	}
	must[*ec2.RevokeSecurityGroupIngressOutput](t)(e.RevokeSecurityGroupIngress(e.as(red),
		&ec2.RevokeSecurityGroupIngressInput{GroupId: &near, IpPermissions: []ec2.IpPermission{pair}}))
}

func TestRulesById(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	g := e.group(red, e.vpc(red, "10.0.0.0/16"), "g")
	id := *must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, cidrRule("tcp", 80, 80, "10.0.0.0/8"))).SecurityGroupRules[0].SecurityGroupRuleId
	modify := func(id, cidr string) error {
		_, err := e.ModifySecurityGroupRules(ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: &g, SecurityGroupRules: []ec2.SecurityGroupRuleUpdate{
			{SecurityGroupRuleId: &id, SecurityGroupRule: &ec2.SecurityGroupRuleRequest{IpProtocol: new("tcp"), FromPort: new(int32(443)), ToPort: new(int32(443)), CidrIpv4: &cidr}}}})
		return err
	}
	if err := modify(id, "10.1.0.0/16"); err != nil {
		t.Fatal(err)
	}
	wants(t, modify("sgr-0123456789abcdef0", "10.1.0.0/16"), "InvalidSecurityGroupRuleId.NotFound")
	must[*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput](t)(e.UpdateSecurityGroupRuleDescriptionsIngress(ctx,
		&ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &g, SecurityGroupRuleDescriptions: []ec2.SecurityGroupRuleDescription{
			{SecurityGroupRuleId: &id, Description: new("https")}}}))
	rule := must[*ec2.DescribeSecurityGroupRulesOutput](t)(e.DescribeSecurityGroupRules(ctx,
		&ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{id}})).SecurityGroupRules[0]
	if *rule.FromPort != 443 || *rule.CidrIpv4 != "10.1.0.0/16" || *rule.Description != "https" || *rule.IsEgress {
		t.Errorf("rule %+v", rule)
	}
	_, err := e.DescribeSecurityGroupRules(e.as(black), &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{id}})
	wants(t, err, "InvalidSecurityGroupRuleId.NotFound")
	_, err = e.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &g, SecurityGroupRuleIds: []string{id}})
	wants(t, err, "InvalidSecurityGroupRuleId.NotFound")
	out := must[*ec2.RevokeSecurityGroupIngressOutput](t)(e.RevokeSecurityGroupIngress(ctx,
		&ec2.RevokeSecurityGroupIngressInput{GroupId: &g, SecurityGroupRuleIds: []string{id}}))
	if len(out.RevokedSecurityGroupRules) != 1 || len(e.show(red, g).IpPermissions) != 0 {
		t.Errorf("revoked %+v", out.RevokedSecurityGroupRules)
	}
}

func TestGroupsRefuseToGoWhileUsed(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet := e.subnet(red, v, "10.0.0.0/24")
	g, naming := e.group(red, v, "g"), e.group(red, v, "naming")
	del := func(id string) error {
		_, err := e.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}
	pair := ec2.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupId: &g}}}
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, naming, pair))
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(e.ingress(red, g, pair)) // naming oneself does not count
	wants(t, del(g), "DependencyViolation")
	if err := del(naming); err != nil {
		t.Fatal(err)
	}
	eni := *must[*ec2.CreateNetworkInterfaceOutput](t)(e.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: []string{g}})).NetworkInterface.NetworkInterfaceId
	wants(t, del(g), "DependencyViolation")
	must[*ec2.DeleteNetworkInterfaceOutput](t)(e.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eni}))
	association := func(groups ...string) {
		e.update(func(tx *state.Tx) {
			state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: lattice.Meta{ID: "snva-1"}, VPC: v, SecurityGroups: groups})
		})
	}
	association(g)
	wants(t, del(g), "DependencyViolation")
	association()
	_, err := e.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: new("g"), Description: new("again")})
	wants(t, err, "InvalidGroup.Duplicate")
	if err := del(g); err != nil {
		t.Fatal(err)
	}
	wants(t, del(g), "InvalidGroup.NotFound")
	row, _ := state.VPCs.Get(e.view.Snapshot(), v)
	wants(t, del(row.DefaultSecurityGroupID), "CannotDelete")
}

func TestGroupNames(t *testing.T) {
	e := newEnv(t)
	v := e.vpc(red, "10.0.0.0/16")
	for name, code := range map[string]string{"default": "InvalidParameterValue", "sg-x": "InvalidParameterValue", "a|b": "InvalidParameterValue",
		"": "MissingParameter", "web (eu) #1 {x}": ""} {
		_, err := e.CreateSecurityGroup(e.as(red), &ec2.CreateSecurityGroupInput{VpcId: &v, GroupName: &name, Description: new("d")})
		wants(t, err, code)
	}
	_, err := e.CreateSecurityGroup(e.as(red), &ec2.CreateSecurityGroupInput{GroupName: new("x"), Description: new("d")})
	wants(t, err, "VPCIdNotSpecified")
	must[*ec2.CreateDefaultVpcOutput](t)(e.CreateDefaultVpc(e.as(red), &ec2.CreateDefaultVpcInput{}))
	must[*ec2.CreateSecurityGroupOutput](t)(e.CreateSecurityGroup(e.as(red), &ec2.CreateSecurityGroupInput{GroupName: new("x"), Description: new("d")}))
	must[*ec2.DeleteSecurityGroupOutput](t)(e.DeleteSecurityGroup(e.as(red), &ec2.DeleteSecurityGroupInput{GroupName: new("x")}))
}
