package ec2

import (
	"context"
	"strconv"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func showACL(s *state.Snapshot, acl *vpc.NetworkACL) ec2.NetworkAcl {
	out := ec2.NetworkAcl{IsDefault: new(acl.Default), NetworkAclId: new(acl.ID), Tags: showTags(acl.Tags), VpcId: new(acl.VPC), OwnerId: new(acl.Account)}
	for sn := range state.Subnets.By(s, state.ByVPC, acl.VPC) {
		if sn.NetworkACLID == acl.ID {
			out.Associations = append(out.Associations, ec2.NetworkAclAssociation{NetworkAclAssociationId: new(sn.ACLAssocID),
				NetworkAclId: new(acl.ID), SubnetId: new(sn.ID)})
		}
	}
	for _, egress := range []bool{true, false} {
		for _, e := range []struct {
			number int32
			action string
		}{{100, "allow"}, {32767, "deny"}} {
			out.Entries = append(out.Entries, ec2.NetworkAclEntry{CidrBlock: new("0.0.0.0/0"), Egress: new(egress), Protocol: new("-1"),
				RuleAction: new(e.action), RuleNumber: new(e.number)})
		}
	}
	return out
}

func aclFields(acl *ec2.NetworkAcl, filter string) ([]string, bool) {
	entry := func(f func(*ec2.NetworkAclEntry) []string) ([]string, bool) {
		var out []string
		for i := range acl.Entries {
			out = append(out, f(&acl.Entries[i])...)
		}
		return out, true
	}
	switch filter {
	case "association.association-id":
		return each(acl.Associations, func(a *ec2.NetworkAclAssociation) *string { return a.NetworkAclAssociationId }), true
	case "association.network-acl-id":
		return each(acl.Associations, func(a *ec2.NetworkAclAssociation) *string { return a.NetworkAclId }), true
	case "association.subnet-id":
		return each(acl.Associations, func(a *ec2.NetworkAclAssociation) *string { return a.SubnetId }), true
	case "default":
		return flag(acl.IsDefault), true
	case "entry.cidr":
		return entry(func(e *ec2.NetworkAclEntry) []string { return one(e.CidrBlock) })
	case "entry.egress":
		return entry(func(e *ec2.NetworkAclEntry) []string { return flag(e.Egress) })
	case "entry.protocol":
		return entry(func(e *ec2.NetworkAclEntry) []string { return one(e.Protocol) })
	case "entry.rule-action":
		return entry(func(e *ec2.NetworkAclEntry) []string { return one(e.RuleAction) })
	case "entry.rule-number":
		return entry(func(e *ec2.NetworkAclEntry) []string { return []string{strconv.Itoa(int(*e.RuleNumber))} })
	case "entry.icmp.code", "entry.icmp.type", "entry.ipv6-cidr", "entry.port-range.from", "entry.port-range.to":
		return nil, true
	case "network-acl-id":
		return one(acl.NetworkAclId), true
	case "owner-id":
		return one(acl.OwnerId), true
	case "vpc-id":
		return one(acl.VpcId), true
	}
	return nil, false
}

// DescribeNetworkAcls lists network ACLs. A VPC has its default one, which allows everything.
func (a *API) DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	l := &listing[vpc.NetworkACL, ec2.NetworkAcl]{table: state.NetworkACLs, id: func(a *vpc.NetworkACL) string { return a.ID },
		owned:  func(a *vpc.NetworkACL, o vpc.Owner) bool { return a.Owner == o },
		absent: noACL, show: showACL, tags: func(a *ec2.NetworkAcl) []ec2.Tag { return a.Tags }, fields: aclFields, index: byVPC}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: out, NextToken: next}, nil
}
