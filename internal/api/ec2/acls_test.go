package ec2_test

import (
	"fmt"
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/vpc"
)

func TestNetworkACLs(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	subnet, far := e.subnet(red, v, "10.0.0.0/24"), e.subnet(red, e.vpc(red, "10.1.0.0/16"), "10.1.0.0/24")
	acl := *must[*ec2.CreateNetworkAclOutput](t)(e.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &v})).NetworkAcl.NetworkAclId
	find := func(subnet string) (id, association string) {
		t.Helper()
		found := must[*ec2.DescribeNetworkAclsOutput](t)(e.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: filters("association.subnet-id", subnet)})).NetworkAcls
		if len(found) != 1 {
			t.Fatalf("%d ACLs of %s", len(found), subnet)
		}
		for _, a := range found[0].Associations {
			if *a.SubnetId == subnet {
				association = *a.NetworkAclAssociationId
			}
		}
		return *found[0].NetworkAclId, association
	}
	first, old := find(subnet)
	_, other := find(far)
	replace := func(account, association, acl string) error {
		_, err := e.ReplaceNetworkAclAssociation(e.as(account), &ec2.ReplaceNetworkAclAssociationInput{AssociationId: &association, NetworkAclId: &acl})
		return err
	}
	wants(t, replace(red, other, acl), "InvalidAssociationID.NotFound")
	wants(t, replace(black, old, acl), "InvalidNetworkAclID.NotFound")
	if err := replace(red, old, acl); err != nil {
		t.Fatal(err)
	}
	wants(t, replace(red, old, acl), "InvalidAssociationID.NotFound")
	now, association := find(subnet)
	if now != acl {
		t.Errorf("the subnet uses %s, want %s", now, acl)
	}
	del := func(id string) error {
		_, err := e.DeleteNetworkAcl(ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &id})
		return err
	}
	wants(t, del(acl), "DependencyViolation")
	wants(t, del(first), "InvalidParameterValue")
	if err := replace(red, association, first); err != nil {
		t.Fatal(err)
	}
	must[*ec2.DeleteSubnetOutput](t)(e.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet}))
	_, err := e.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &v})
	wants(t, err, "DependencyViolation")
	if err := del(acl); err != nil {
		t.Fatal(err)
	}
	must[*ec2.DeleteVpcOutput](t)(e.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &v}))
}

func TestNetworkACLEntries(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	acl := *must[*ec2.CreateNetworkAclOutput](t)(e.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &v})).NetworkAcl.NetworkAclId
	ports := &ec2.PortRange{From: new(int32(80)), To: new(int32(81))}
	for _, tc := range []struct {
		name string
		in   ec2.CreateNetworkAclEntryInput
		code string
	}{
		{"tcp by number", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(200)), Protocol: new("6"), PortRange: ports, CidrBlock: new("10.0.0.5/8")}, ""},
		{"the same number", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(200)), Protocol: new("-1"), CidrBlock: new("0.0.0.0/0")}, "NetworkAclEntryAlreadyExists"},
		{"the same number outward", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(200)), Egress: new(true), Protocol: new("-1"), CidrBlock: new("0.0.0.0/0")}, ""},
		{"ping", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(100)), Protocol: new("icmp"), CidrBlock: new("0.0.0.0/0"),
			IcmpTypeCode: &ec2.IcmpTypeCode{Type: new(int32(8)), Code: new(int32(-1))}}, ""},
		{"IPv6", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(300)), Protocol: new("-1"), Ipv6CidrBlock: new("::/0")}, ""},
		{"number 0", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(0)), Protocol: new("-1"), CidrBlock: new("0.0.0.0/0")}, "InvalidParameterValue"},
		{"number of the last", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(32767)), Protocol: new("-1"), CidrBlock: new("0.0.0.0/0")}, "InvalidParameterValue"},
		{"tcp without ports", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(1)), Protocol: new("tcp"), CidrBlock: new("0.0.0.0/0")}, "MissingParameter"},
		{"icmp without type", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(1)), Protocol: new("1"), CidrBlock: new("0.0.0.0/0")}, "MissingParameter"},
		{"no block", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(1)), Protocol: new("-1")}, "MissingParameter"},
		{"bad block", ec2.CreateNetworkAclEntryInput{RuleNumber: new(int32(1)), Protocol: new("-1"), CidrBlock: new("x")}, "InvalidParameterValue"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in.NetworkAclId, tc.in.RuleAction = &acl, new("allow")
			_, err := e.CreateNetworkAclEntry(ctx, &tc.in)
			wants(t, err, tc.code)
		})
	}
	show := func() string {
		t.Helper()
		out := ""
		for _, x := range must[*ec2.DescribeNetworkAclsOutput](t)(e.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{acl}})).NetworkAcls[0].Entries {
			block := x.CidrBlock
			if block == nil {
				block = x.Ipv6CidrBlock
			}
			out += fmt.Sprintf("%t %d %s %s %s\n", *x.Egress, *x.RuleNumber, *x.Protocol, *x.RuleAction, *block)
		}
		return out
	}
	want := "true 200 -1 allow 0.0.0.0/0\ntrue 32767 -1 deny 0.0.0.0/0\nfalse 100 1 allow 0.0.0.0/0\nfalse 200 6 allow 10.0.0.0/8\n" +
		"false 300 -1 allow ::/0\nfalse 32767 -1 deny 0.0.0.0/0\n"
	if got := show(); got != want {
		t.Errorf("entries:\n%swant:\n%s", got, want)
	}
	replace := func(n int32) error {
		_, err := e.ReplaceNetworkAclEntry(ctx, &ec2.ReplaceNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: &n, Protocol: new("17"), PortRange: ports,
			RuleAction: new("deny"), CidrBlock: new("9.0.0.0/8")})
		return err
	}
	if err := replace(200); err != nil {
		t.Fatal(err)
	}
	wants(t, replace(201), "InvalidNetworkAclEntry.NotFound")
	del := func(n int32, egress bool) error {
		_, err := e.DeleteNetworkAclEntry(ctx, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: &n, Egress: &egress})
		return err
	}
	wants(t, del(100, true), "InvalidNetworkAclEntry.NotFound")
	if err := del(100, false); err != nil {
		t.Fatal(err)
	}
	want = "true 200 -1 allow 0.0.0.0/0\ntrue 32767 -1 deny 0.0.0.0/0\nfalse 200 17 deny 9.0.0.0/8\nfalse 300 -1 allow ::/0\nfalse 32767 -1 deny 0.0.0.0/0\n"
	if got := show(); got != want {
		t.Errorf("entries:\n%swant:\n%s", got, want)
	}
	for i := range vpc.MaxEntriesPerACL + 1 {
		_, err := e.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: new(int32(1000 + i)), Protocol: new("-1"),
			RuleAction: new("allow"), CidrBlock: new("0.0.0.0/0"), Egress: new(true)})
		code := ""
		if i >= vpc.MaxEntriesPerACL-1 { // one was there
			code = "NetworkAclEntryLimitExceeded"
		}
		wants(t, err, code)
	}
}
