package ec2_test

import (
	"testing"
	"time"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func (e *env) pcx(account, id string) ec2.VpcPeeringConnection {
	e.t.Helper()
	return must[*ec2.DescribeVpcPeeringConnectionsOutput](e.t)(e.DescribeVpcPeeringConnections(e.as(account),
		&ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}})).VpcPeeringConnections[0]
}

func (e *env) wantStatus(account, id, status string) {
	e.t.Helper()
	if got := *e.pcx(account, id).Status.Code; got != status {
		e.t.Errorf("peering is %s, want %s", got, status)
	}
}

func TestPeeringLife(t *testing.T) {
	e := newEnv(t)
	v, w := e.vpc(red, "10.0.0.0/16"), e.vpc(black, "10.1.0.0/16")
	id := e.peering(red, black, v, w)
	e.wantStatus(black, id, "pending-acceptance")
	if e.pcx(red, id).AccepterVpcInfo.CidrBlock != nil {
		t.Error("the other VPC's addresses are shown before it accepts")
	}
	_, err := e.CreateVpcPeeringConnection(e.as(black), &ec2.CreateVpcPeeringConnectionInput{VpcId: &w, PeerVpcId: &v, PeerOwnerId: new(red)})
	wants(t, err, "VpcPeeringConnectionAlreadyExists")
	_, err = e.AcceptVpcPeeringConnection(e.as(red), &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	wants(t, err, "OperationNotPermitted")
	_, err = e.AcceptVpcPeeringConnection(e.as("333333333333"), &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	wants(t, err, "InvalidVpcPeeringConnectionID.NotFound")
	e.accept(black, id)
	e.wantStatus(red, id, "provisioning")
	e.applied()
	e.wantStatus(red, id, "active")
	if got := e.pcx(red, id).AccepterVpcInfo; *got.CidrBlock != "10.1.0.0/16" || *got.OwnerId != black {
		t.Errorf("accepter %+v", got)
	}
	// A later change does not make it look new.
	must[*ec2.CreateTagsOutput](t)(e.CreateTags(e.as(red), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2.Tag{{Key: new("side"), Value: new("red")}}}))
	e.wantStatus(red, id, "active")
	if n := len(e.pcx(black, id).Tags); n != 0 {
		t.Errorf("the accepter sees %d tags of the requester", n)
	}
	_, err = e.AcceptVpcPeeringConnection(e.as(black), &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	wants(t, err, "InvalidStateTransition")
	_, err = e.RejectVpcPeeringConnection(e.as(black), &ec2.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
	wants(t, err, "InvalidStateTransition")
	must[*ec2.DeleteVpcPeeringConnectionOutput](t)(e.DeleteVpcPeeringConnection(e.as(black), &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}))
	e.wantStatus(red, id, "deleted")
	if got := must[*ec2.DescribeTagsOutput](t)(e.DescribeTags(e.as(red), &ec2.DescribeTagsInput{})).Tags; len(got) != 0 || len(e.pcx(red, id).Tags) != 1 {
		t.Errorf("a peering that has ended is listed with %d tags and shows %d", len(got), len(e.pcx(red, id).Tags))
	}
	e.now = e.now.Add(vpc.PeeringMemory + time.Minute)
	_, err = e.DescribeVpcPeeringConnections(e.as(red), &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}})
	wants(t, err, "InvalidVpcPeeringConnectionID.NotFound")
	again := e.peering(red, black, v, w)
	if n := state.Peerings.Len(e.view.Snapshot()); n != 1 {
		t.Errorf("%d peerings are kept, want the new one", n)
	}
	e.now = e.now.Add(vpc.PeeringPatience + time.Minute)
	e.wantStatus(black, again, "expired")
	_, err = e.AcceptVpcPeeringConnection(e.as(black), &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &again})
	wants(t, err, "InvalidStateTransition")
}

func TestPeeringThatCannotBe(t *testing.T) {
	e := newEnv(t)
	v := e.vpc(red, "10.0.0.0/16")
	overlapping, other := e.vpc(black, "10.0.128.0/17"), e.vpc(black, "10.9.0.0/16")
	for name, peer := range map[string]string{"overlapping": overlapping, "no such VPC": "vpc-0123456789abcdef0"} {
		id := e.peering(red, black, v, peer)
		p := e.pcx(red, id)
		if *p.Status.Code != "failed" || *p.Status.Message != "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range" {
			t.Errorf("%s: %s, %s", name, *p.Status.Code, *p.Status.Message)
		}
		_, err := e.DeleteVpcPeeringConnection(e.as(red), &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &id})
		wants(t, err, "InvalidStateTransition")
	}
	for _, tc := range []struct {
		in   ec2.CreateVpcPeeringConnectionInput
		code string
	}{
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &v, PeerVpcId: &v}, "InvalidParameterValue"},
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &other, PeerVpcId: &v}, "InvalidVpcID.NotFound"},
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &v, PeerVpcId: new("vpc-0123456789abcdef0")}, "InvalidVpcID.NotFound"},
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &v, PeerVpcId: &other, PeerOwnerId: new("me")}, "InvalidParameterValue"},
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &v, PeerVpcId: &other, PeerRegion: new("mars-1")}, "InvalidParameterValue"},
		{ec2.CreateVpcPeeringConnectionInput{VpcId: &v}, "MissingParameter"},
	} {
		_, err := e.CreateVpcPeeringConnection(e.as(red), &tc.in)
		wants(t, err, tc.code)
	}
	id := e.peering(red, black, v, other)
	must[*ec2.RejectVpcPeeringConnectionOutput](t)(e.RejectVpcPeeringConnection(e.as(black), &ec2.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}))
	e.wantStatus(red, id, "rejected")
}

func TestPeeringOptions(t *testing.T) {
	e := newEnv(t)
	v, w := e.vpc(red, "10.0.0.0/16"), e.vpc(red, "10.1.0.0/16")
	id := e.peering(red, red, v, w)
	ctx := e.as(red)
	yes := &ec2.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: new(true)}
	both := &ec2.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: &id, AccepterPeeringConnectionOptions: yes, RequesterPeeringConnectionOptions: yes}
	modify := func() error {
		_, err := e.ModifyVpcPeeringConnectionOptions(ctx, both)
		return err
	}
	wants(t, modify(), "OperationNotPermitted")
	e.accept(red, id)
	e.applied()
	wants(t, modify(), "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled")
	for _, x := range []string{v, w} {
		must[*ec2.ModifyVpcAttributeOutput](t)(e.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &x, EnableDnsHostnames: &ec2.AttributeBooleanValue{Value: new(true)}}))
	}
	if err := modify(); err != nil {
		t.Fatal(err)
	}
	p := e.pcx(red, id)
	if *p.Status.Code != "active" || !*p.AccepterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc || !*p.RequesterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc {
		t.Errorf("after setting both: %+v", p)
	}

	far := e.vpc(black, "10.2.0.0/16")
	cross := e.peering(red, black, v, far)
	e.accept(black, cross)
	_, err := e.ModifyVpcPeeringConnectionOptions(ctx, &ec2.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: &cross, AccepterPeeringConnectionOptions: yes})
	wants(t, err, "OperationNotPermitted")
}
