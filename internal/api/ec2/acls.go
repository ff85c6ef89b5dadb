package ec2

import (
	"context"
	"strconv"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func showACL(s *state.Snapshot, acl *vpc.NetworkACL) ec2.NetworkAcl {
	out := ec2.NetworkAcl{IsDefault: new(acl.Default), NetworkAclId: new(acl.ID), Tags: showTags(acl.Tags), VpcId: new(acl.VPC), OwnerId: new(acl.Account),
		Associations: []ec2.NetworkAclAssociation{}}
	for sn := range state.Subnets.By(s, state.ByVPC, acl.VPC) {
		if sn.NetworkACLID == acl.ID {
			out.Associations = append(out.Associations, ec2.NetworkAclAssociation{NetworkAclAssociationId: new(sn.ACLAssocID),
				NetworkAclId: new(acl.ID), SubnetId: new(sn.ID)})
		}
	}
	for _, egress := range []bool{true, false} {
		for _, e := range acl.Sorted(egress) {
			out.Entries = append(out.Entries, showEntry(&e))
		}
		out.Entries = append(out.Entries, ec2.NetworkAclEntry{CidrBlock: new("0.0.0.0/0"), Egress: new(egress), Protocol: new(vpc.AllProtocols),
			RuleAction: new("deny"), RuleNumber: new(int32(32767))})
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
		return entry(func(e *ec2.NetworkAclEntry) []string { return protocolNames(*e.Protocol) })
	case "entry.rule-action":
		return entry(func(e *ec2.NetworkAclEntry) []string { return one(e.RuleAction) })
	case "entry.rule-number":
		return entry(func(e *ec2.NetworkAclEntry) []string { return []string{strconv.Itoa(int(*e.RuleNumber))} })
	case "entry.ipv6-cidr":
		return entry(func(e *ec2.NetworkAclEntry) []string { return one(e.Ipv6CidrBlock) })
	case "entry.icmp.code", "entry.icmp.type":
		return entry(func(e *ec2.NetworkAclEntry) []string {
			if e.IcmpTypeCode == nil {
				return nil
			}
			if filter == "entry.icmp.code" {
				return number(e.IcmpTypeCode.Code)
			}
			return number(e.IcmpTypeCode.Type)
		})
	case "entry.port-range.from", "entry.port-range.to":
		return entry(func(e *ec2.NetworkAclEntry) []string {
			if e.PortRange == nil {
				return nil
			}
			if filter == "entry.port-range.from" {
				return number(e.PortRange.From)
			}
			return number(e.PortRange.To)
		})
	case "network-acl-id":
		return one(acl.NetworkAclId), true
	case "owner-id":
		return one(acl.OwnerId), true
	case "vpc-id":
		return one(acl.VpcId), true
	}
	return nil, false
}

// protocolNames returns what an entry's protocol is found by: the number that it is shown with, and its name.
func protocolNames(number string) []string {
	if name, err := vpc.NormalProtocol(number); err == nil && name != number {
		return []string{number, name}
	}
	return []string{number}
}

// DescribeNetworkAcls lists network ACLs. The last entry in each direction, which denies what no other matched, is always there.
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
