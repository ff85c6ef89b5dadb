package ec2_test

import (
	"regexp"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestVPCComesWithItsDefaults(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	out := must[*ec2.CreateVpcOutput](t)(e.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.3.4/16"),
		TagSpecifications: []ec2.TagSpecification{{ResourceType: new("vpc"), Tags: []ec2.Tag{{Key: new("Name"), Value: new("main")}}}}}))
	v := out.Vpc
	if !regexp.MustCompile(`^vpc-[0-9a-f]{17}$`).MatchString(*v.VpcId) {
		t.Errorf("id %s", *v.VpcId)
	}
	if *v.State != "pending" || *v.CidrBlock != "10.0.0.0/16" || *v.OwnerId != red || *v.IsDefault || *v.Tags[0].Value != "main" {
		t.Errorf("created: state %s, block %s, owner %s", *v.State, *v.CidrBlock, *v.OwnerId)
	}
	id := *v.VpcId
	state1 := func() string {
		return *must[*ec2.DescribeVpcsOutput](t)(e.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})).Vpcs[0].State
	}
	if got := state1(); got != "pending" {
		t.Errorf("before any host applied it: %s", got)
	}
	e.applied()
	if got := state1(); got != "available" {
		t.Errorf("after the host applied it: %s", got)
	}

	tables := must[*ec2.DescribeRouteTablesOutput](t)(e.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: filters("association.main", "true", "vpc-id", id)})).RouteTables
	if len(tables) != 1 || len(tables[0].Routes) != 1 || *tables[0].Routes[0].GatewayId != "local" ||
		*tables[0].Routes[0].DestinationCidrBlock != "10.0.0.0/16" || *tables[0].Routes[0].State != "active" {
		t.Errorf("main route table: %+v", tables)
	}
	groups := must[*ec2.DescribeSecurityGroupsOutput](t)(e.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: filters("group-name", "default", "vpc-id", id)})).SecurityGroups
	if len(groups) != 1 || *groups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId != *groups[0].GroupId ||
		*groups[0].IpPermissionsEgress[0].IpRanges[0].CidrIp != "0.0.0.0/0" {
		t.Errorf("default group: %+v", groups)
	}
	acls := must[*ec2.DescribeNetworkAclsOutput](t)(e.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{
		Filters: filters("default", "true", "vpc-id", id)})).NetworkAcls
	if len(acls) != 1 || len(acls[0].Entries) != 4 {
		t.Errorf("default network ACL: %+v", acls)
	}
}

func TestCreateVpcRefusals(t *testing.T) {
	e := newEnv(t)
	for _, tc := range []struct {
		name string
		in   ec2.CreateVpcInput
		code string
	}{
		{"no block", ec2.CreateVpcInput{}, "MissingParameter"},
		{"not a block", ec2.CreateVpcInput{CidrBlock: new("10.0.0/16")}, "InvalidParameterValue"},
		{"IPv6 as IPv4", ec2.CreateVpcInput{CidrBlock: new("fd00::/16")}, "InvalidParameterValue"},
		{"too big", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/15")}, "InvalidVpc.Range"},
		{"too small", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/29")}, "InvalidVpc.Range"},
		{"loopback", ec2.CreateVpcInput{CidrBlock: new("127.0.0.0/16")}, "InvalidVpc.Range"},
		{"multicast", ec2.CreateVpcInput{CidrBlock: new("224.0.0.0/16")}, "InvalidVpc.Range"},
		{"IPv6", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: new(true)}, "UnsupportedOperation"},
		{"the length of an IPv6 block", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), Ipv6NetmaskLength: new(int32(56))}, "UnsupportedOperation"},
		{"tenancy", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), InstanceTenancy: new("shared")}, "InvalidParameterValue"},
		{"tags of another kind", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"),
			TagSpecifications: []ec2.TagSpecification{{ResourceType: new("subnet")}}}, "InvalidParameterValue"},
		{"reserved tag", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), TagSpecifications: []ec2.TagSpecification{
			{ResourceType: new("vpc"), Tags: []ec2.Tag{{Key: new("aws:x"), Value: new("")}}}}}, "InvalidParameterValue"},
		{"dry run", ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16"), DryRun: new(true)}, "DryRunOperation"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := e.CreateVpc(e.as(red), &tc.in)
			wants(t, err, tc.code)
		})
	}
	if n := state.VPCs.Len(e.view.Snapshot()) + state.SecurityGroups.Len(e.view.Snapshot()); n != 0 {
		t.Errorf("refused calls left %d rows", n)
	}
	for range vpc.MaxVPCs {
		e.vpc(red, "10.0.0.0/16")
	}
	_, err := e.CreateVpc(e.as(red), &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
	wants(t, err, "VpcLimitExceeded")
	e.vpc(black, "10.0.0.0/16")
}

func TestVpcAttributes(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	id := e.vpc(red, "10.0.0.0/16")
	on := &ec2.AttributeBooleanValue{Value: new(true)}
	must[*ec2.ModifyVpcAttributeOutput](t)(e.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsHostnames: on}))
	out := must[*ec2.DescribeVpcAttributeOutput](t)(e.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: new("enableDnsHostnames")}))
	if !*out.EnableDnsHostnames.Value || out.EnableDnsSupport != nil {
		t.Errorf("attribute %+v", out)
	}
	_, err := e.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsHostnames: on, EnableDnsSupport: on})
	wants(t, err, "InvalidParameterCombination")
	_, err = e.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &id})
	wants(t, err, "InvalidParameterCombination")
	_, err = e.ModifyVpcAttribute(e.as(black), &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsSupport: on})
	wants(t, err, "InvalidVpcID.NotFound")
	_, err = e.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: new("x")})
	wants(t, err, "InvalidParameterValue")
}

func TestDeleteVpcRefusesWhileItIsUsed(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	id := e.vpc(red, "10.0.0.0/16")
	del := func() error {
		_, err := e.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id})
		return err
	}
	subnet := e.subnet(red, id, "10.0.0.0/24")
	wants(t, del(), "DependencyViolation")
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet}))

	gw := e.gateway(red)
	must[*ec2.AttachInternetGatewayOutput](t)(e.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gw, VpcId: &id}))
	wants(t, del(), "DependencyViolation")
	must[*ec2.DetachInternetGatewayOutput](t)(e.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gw, VpcId: &id}))

	table := e.table(red, id)
	wants(t, del(), "DependencyViolation")
	must[*ec2.DeleteRouteTableOutput](t)(e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &table}))

	group := e.group(red, id, "g")
	wants(t, del(), "DependencyViolation")
	must[*ec2.DeleteSecurityGroupOutput](t)(e.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &group}))

	peer := e.vpc(black, "10.1.0.0/16")
	pcx := e.peering(red, black, id, peer)
	e.accept(black, pcx)
	_, err := e.DeleteVpc(e.as(black), &ec2.DeleteVpcInput{VpcId: &id})
	wants(t, err, "InvalidVpcID.NotFound")
	if err := del(); err != nil {
		t.Fatal(err)
	}
	got := must[*ec2.DescribeVpcPeeringConnectionsOutput](t)(e.DescribeVpcPeeringConnections(e.as(black), &ec2.DescribeVpcPeeringConnectionsInput{}))
	if *got.VpcPeeringConnections[0].Status.Code != "deleted" {
		t.Errorf("peering of a deleted VPC is %s", *got.VpcPeeringConnections[0].Status.Code)
	}
	_, err = e.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	wants(t, err, "InvalidVpcID.NotFound")
	s := e.view.Snapshot()
	for name, n := range map[string]int{"route tables": state.RouteTables.Len(s), "groups": state.SecurityGroups.Len(s), "ACLs": state.NetworkACLs.Len(s)} {
		if n != 1 {
			t.Errorf("%d %s left, want the one of the other VPC", n, name)
		}
	}
}
