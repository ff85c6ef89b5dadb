package ec2

import (
	"context"
	"net/netip"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// CreateVpc makes a VPC with its main route table, default security group and default network ACL.
func (a *API) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	if err := noIPv6(is(in.AmazonProvidedIpv6CidrBlock) || in.Ipv6NetmaskLength != nil, in.Ipv6CidrBlock, in.Ipv6Pool, in.Ipv6IpamPoolId, in.Ipv6CidrBlockNetworkBorderGroup); err != nil {
		return nil, err
	}
	if in.Ipv4IpamPoolId != nil || in.Ipv4NetmaskLength != nil {
		return nil, unsupported("IPAM pools are not supported. Give a CidrBlock.")
	}
	if in.VpcEncryptionControl != nil {
		return nil, unsupported("VPC encryption controls are not supported.")
	}
	if in.CidrBlock == nil {
		return nil, missing("cidrBlock")
	}
	block, err := vpc.ParseBlock(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if err := vpc.CheckBlock(block); err != nil {
		return nil, err
	}
	tenancy := "default"
	switch t := str(in.InstanceTenancy); t {
	case "", "default":
	case "dedicated":
		tenancy = t
	default:
		return nil, invalid("Value (%s) for parameter instanceTenancy is invalid.", clip(t))
	}
	tags, err := tagsFor(in.TagSpecifications, "vpc")
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		v, err := a.newVPC(tx, owner(ctx), block, tags)
		if err != nil {
			return err
		}
		v.Tenancy = tenancy
		state.VPCs.Put(tx, v)
		id = v.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	v, ok := state.VPCs.Get(s, id)
	if !ok {
		return nil, noVPC(id)
	}
	return &ec2.CreateVpcOutput{Vpc: new(showVPC(s, v))}, nil
}

// newVPC makes a VPC's row and puts those of what it comes with.
func (a *API) newVPC(tx *state.Tx, o vpc.Owner, block netip.Prefix, tags tag.Set) (*vpc.VPC, error) {
	if state.VPCs.Count(tx, state.ByScope, o.Scope()) >= vpc.MaxVPCs {
		return nil, fault.New(fault.Quota, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")
	}
	v := &vpc.VPC{Owner: o, ID: arn.MintHex("vpc-"), Created: a.now().UTC(), Tenancy: "default", DNSSupport: true,
		CIDRs:         []vpc.CIDRBlock{{AssociationID: arn.MintHex("vpc-cidr-assoc-"), Prefix: block}},
		DHCPOptionsID: vpc.DefaultDHCPOptions(o), Tags: tags}
	table := &vpc.RouteTable{Owner: o, ID: arn.MintHex("rtb-"), VPC: v.ID,
		Associations: []vpc.TableAssociation{{ID: arn.MintHex("rtbassoc-"), Main: true}}}
	group := vpc.NewGroup(o, v.ID, "default", "default VPC security group")
	group.Rules = append(group.Rules, vpc.Rule{ID: arn.MintHex("sgr-"), Protocol: vpc.AllProtocols, FromPort: -1, ToPort: -1,
		Group: group.ID, GroupOwner: o.Account})
	acl := vpc.NewDefaultACL(o, v.ID)
	v.MainRouteTableID, v.DefaultSecurityGroupID, v.DefaultNetworkACLID = table.ID, group.ID, acl.ID
	state.RouteTables.Put(tx, table)
	state.SecurityGroups.Put(tx, group)
	state.NetworkACLs.Put(tx, acl)
	return v, nil
}

// noIPv6 refuses to give IPv6 addresses, which Trellis does not route yet.
func noIPv6(asked bool, params ...*string) error {
	for _, p := range params {
		asked = asked || p != nil
	}
	if asked {
		return unsupported("IPv6 CIDR blocks are not supported.")
	}
	return nil
}

func showVPC(s *state.Snapshot, v *vpc.VPC) ec2.Vpc {
	_, rev, _ := state.VPCs.Lookup(s, v.ID)
	status := "available"
	if done, failure := state.Realised(s, rev.Created, v.ID); !done || failure != "" {
		status = "pending"
	}
	out := ec2.Vpc{OwnerId: new(v.Account), InstanceTenancy: new(v.Tenancy), IsDefault: new(v.Default), Tags: showTags(v.Tags),
		BlockPublicAccessStates: &ec2.BlockPublicAccessStates{InternetGatewayBlockMode: new("off")},
		VpcId:                   new(v.ID), State: new(status), CidrBlock: new(v.CIDRs[0].Prefix.String()), DhcpOptionsId: new(v.DHCPOptionsID)}
	for i := range v.CIDRs {
		out.CidrBlockAssociationSet = append(out.CidrBlockAssociationSet, showBlock(&v.CIDRs[i], "associated"))
	}
	return out
}

func showBlock(b *vpc.CIDRBlock, status string) ec2.VpcCidrBlockAssociation {
	return ec2.VpcCidrBlockAssociation{AssociationId: new(b.AssociationID), CidrBlock: new(b.Prefix.String()),
		CidrBlockState: &ec2.VpcCidrBlockState{State: new(status)}}
}

func vpcFields(v *ec2.Vpc, filter string) ([]string, bool) {
	switch filter {
	case "cidr", "cidrBlock":
		return one(v.CidrBlock), true
	case "cidr-block-association.cidr-block":
		return each(v.CidrBlockAssociationSet, func(b *ec2.VpcCidrBlockAssociation) *string { return b.CidrBlock }), true
	case "cidr-block-association.association-id":
		return each(v.CidrBlockAssociationSet, func(b *ec2.VpcCidrBlockAssociation) *string { return b.AssociationId }), true
	case "cidr-block-association.state":
		return each(v.CidrBlockAssociationSet, func(b *ec2.VpcCidrBlockAssociation) *string { return b.CidrBlockState.State }), true
	case "dhcp-options-id":
		return one(v.DhcpOptionsId), true
	case "instance-tenancy":
		return one(v.InstanceTenancy), true
	case "ipv6-cidr-block-association.ipv6-cidr-block", "ipv6-cidr-block-association.ipv6-pool",
		"ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state":
		return nil, true
	case "is-default", "isDefault":
		return flag(v.IsDefault), true
	case "owner-id":
		return one(v.OwnerId), true
	case "state":
		return one(v.State), true
	case "vpc-id":
		return one(v.VpcId), true
	}
	return nil, false
}

// DescribeVpcs lists VPCs.
func (a *API) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	l := &listing[vpc.VPC, ec2.Vpc]{table: state.VPCs, id: func(v *vpc.VPC) string { return v.ID },
		owned:  func(v *vpc.VPC, o vpc.Owner) bool { return v.Owner == o },
		absent: noVPC, show: showVPC, tags: func(v *ec2.Vpc) []ec2.Tag { return v.Tags }, fields: vpcFields,
		index: func(filter string) string {
			if filter == "cidr-block-association.association-id" {
				return state.ByAssociation
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeVpcsOutput{Vpcs: out, NextToken: next}, nil
}

// DeleteVpc removes a VPC of which nothing is left but what it came with. Its peerings end.
func (a *API) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	o := owner(ctx)
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		v, err := vpcOf(tx, o, str(in.VpcId))
		if err != nil {
			return err
		}
		if vpcInUse(tx, v) {
			return dependency("The vpc '%s' has dependencies and cannot be deleted.", v.ID)
		}
		for p := range state.Peerings.By(tx, state.ByVPC, v.ID) {
			if p.Live(a.now()) {
				ended := *p
				if err := ended.Delete(o.Account, a.now().UTC()); err != nil {
					return err
				}
				state.Peerings.Put(tx, &ended)
			}
		}
		state.RouteTables.Delete(tx, v.MainRouteTableID)
		state.SecurityGroups.Delete(tx, v.DefaultSecurityGroupID)
		state.NetworkACLs.Delete(tx, v.DefaultNetworkACLID)
		state.VPCs.Delete(tx, v.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteVpcOutput{}, nil
}

func vpcInUse(tx *state.Tx, v *vpc.VPC) bool {
	for range state.Subnets.By(tx, state.ByVPC, v.ID) {
		return true
	}
	for range state.InternetGateways.By(tx, state.ByVPC, v.ID) {
		return true
	}
	for range state.Interfaces.By(tx, state.ByVPC, v.ID) {
		return true
	}
	for range state.NetworkVPCs.By(tx, state.ByVPC, v.ID) {
		return true
	}
	for range state.Endpoints.By(tx, state.ByVPC, v.ID) {
		return true
	}
	for t := range state.RouteTables.By(tx, state.ByVPC, v.ID) {
		if t.ID != v.MainRouteTableID {
			return true
		}
	}
	for g := range state.SecurityGroups.By(tx, state.ByVPC, v.ID) {
		if g.ID != v.DefaultSecurityGroupID {
			return true
		}
	}
	for acl := range state.NetworkACLs.By(tx, state.ByVPC, v.ID) {
		if acl.ID != v.DefaultNetworkACLID {
			return true
		}
	}
	return false
}

// ModifyVpcAttribute sets one attribute.
func (a *API) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	var set func(v *vpc.VPC)
	n := 0
	for _, f := range []struct {
		value *ec2.AttributeBooleanValue
		field func(v *vpc.VPC) *bool
	}{
		{in.EnableDnsHostnames, func(v *vpc.VPC) *bool { return &v.DNSHostnames }},
		{in.EnableDnsSupport, func(v *vpc.VPC) *bool { return &v.DNSSupport }},
		{in.EnableNetworkAddressUsageMetrics, func(v *vpc.VPC) *bool { return &v.NetworkAddressUsageMetrics }},
	} {
		if f.value == nil {
			continue
		}
		if f.value.Value == nil {
			return nil, missing("Value")
		}
		n++
		set = func(v *vpc.VPC) { *f.field(v) = *f.value.Value }
	}
	switch n {
	case 0:
		return nil, combination("No attributes specified.")
	case 1:
	default:
		return nil, combination("Fields for multiple attribute types specified")
	}
	err := a.update(ctx, nil, func(tx *state.Tx) error {
		v, err := vpcOf(tx, owner(ctx), str(in.VpcId))
		if err != nil {
			return err
		}
		set(v)
		state.VPCs.Put(tx, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcAttributeOutput{}, nil
}

// DescribeVpcAttribute answers one attribute.
func (a *API) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	v, err := vpcOf(a.view.Snapshot(), owner(ctx), str(in.VpcId))
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcAttributeOutput{VpcId: new(v.ID)}
	switch str(in.Attribute) {
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &ec2.AttributeBooleanValue{Value: new(v.DNSHostnames)}
	case "enableDnsSupport":
		out.EnableDnsSupport = &ec2.AttributeBooleanValue{Value: new(v.DNSSupport)}
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = &ec2.AttributeBooleanValue{Value: new(v.NetworkAddressUsageMetrics)}
	case "":
		return nil, missing("attribute")
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", clip(*in.Attribute))
	}
	return out, nil
}

// ModifyVpcTenancy takes the only change there is: from dedicated to default.
func (a *API) ModifyVpcTenancy(ctx context.Context, in *ec2.ModifyVpcTenancyInput) (*ec2.ModifyVpcTenancyOutput, error) {
	if t := str(in.InstanceTenancy); t != "default" {
		return nil, invalid("Value (%s) for parameter instanceTenancy is invalid.", clip(t))
	}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		v, err := vpcOf(tx, owner(ctx), str(in.VpcId))
		if err != nil {
			return err
		}
		v.Tenancy = "default"
		state.VPCs.Put(tx, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcTenancyOutput{ReturnValue: new(true)}, nil
}
