package ec2_test

import (
	"testing"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func (e *env) routes(account, table string) map[string]string {
	e.t.Helper()
	out := map[string]string{}
	for _, r := range must[*ec2.DescribeRouteTablesOutput](e.t)(e.DescribeRouteTables(e.as(account), &ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}})).RouteTables[0].Routes {
		d := r.DestinationCidrBlock
		if d == nil {
			d = r.DestinationPrefixListId
		}
		if d == nil {
			d = r.DestinationIpv6CidrBlock
		}
		out[*d] = *r.State
	}
	return out
}

func TestRoutes(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v, other := e.vpc(red, "10.0.0.0/16"), e.vpc(red, "10.1.0.0/16")
	foreign := e.vpc(black, "10.2.0.0/16")
	table := e.table(red, v)
	gw, loose := e.gateway(red), e.gateway(red)
	must[*ec2.AttachInternetGatewayOutput](t)(e.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gw, VpcId: &v}))
	pcx := e.peering(red, black, v, foreign)
	elsewhere := e.peering(red, black, other, foreign)

	for _, tc := range []struct {
		name string
		in   ec2.CreateRouteInput
		code string
	}{
		{"to the gateway", ec2.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &gw}, ""},
		{"again", ec2.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &gw}, ""},
		{"with another target", ec2.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), VpcPeeringConnectionId: &pcx}, "RouteAlreadyExists"},
		{"to a pending peering", ec2.CreateRouteInput{DestinationCidrBlock: new("10.2.7.7/16"), VpcPeeringConnectionId: &pcx}, ""},
		{"to a peering of another VPC", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), VpcPeeringConnectionId: &elsewhere}, "InvalidParameterValue"},
		{"to a detached gateway", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), GatewayId: &loose}, "InvalidParameterValue"},
		{"to no gateway", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), GatewayId: new("igw-0123456789abcdef0")}, "InvalidGatewayID.NotFound"},
		{"to no peering", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), VpcPeeringConnectionId: new("pcx-0123456789abcdef0")},
			"InvalidVpcPeeringConnectionID.NotFound"},
		{"to a NAT gateway", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), NatGatewayId: new("nat-0123456789abcdef0")}, "InvalidNatGatewayID.NotFound"},
		{"nowhere", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16")}, "MissingParameter"},
		{"to two", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9.0.0/16"), GatewayId: &gw, VpcPeeringConnectionId: &pcx}, "InvalidParameterCombination"},
		{"without destination", ec2.CreateRouteInput{GatewayId: &gw}, "MissingParameter"},
		{"the local one", ec2.CreateRouteInput{DestinationCidrBlock: new("10.0.0.0/16"), GatewayId: &gw}, "RouteAlreadyExists"},
		{"inside the local one", ec2.CreateRouteInput{DestinationCidrBlock: new("10.0.1.0/24"), GatewayId: &gw}, "InvalidParameterValue"},
		{"inside the reserved range", ec2.CreateRouteInput{DestinationCidrBlock: new("169.254.171.0/24"), GatewayId: &gw}, "InvalidParameterValue"},
		{"to Lattice", ec2.CreateRouteInput{DestinationPrefixListId: new(vpc.ManagedPrefixLists("us-east-1")[0].ID), GatewayId: &gw}, "InvalidParameterValue"},
		{"bad CIDR", ec2.CreateRouteInput{DestinationCidrBlock: new("10.9"), GatewayId: &gw}, "InvalidParameterValue"},
		{"IPv6", ec2.CreateRouteInput{DestinationIpv6CidrBlock: new("::/0"), GatewayId: &gw}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in.RouteTableId = &table
			_, err := e.CreateRoute(ctx, &tc.in)
			wants(t, err, tc.code)
			_, err = e.CreateRoute(e.as(black), &tc.in)
			wants(t, err, "InvalidRouteTableID.NotFound")
		})
	}

	want := func(dest, status string) {
		t.Helper()
		if got := e.routes(red, table)[dest]; got != status {
			t.Errorf("route to %s is %q, want %q", dest, got, status)
		}
	}
	want("0.0.0.0/0", "active")
	want("10.2.0.0/16", "blackhole")
	e.accept(black, pcx)
	want("10.2.0.0/16", "active")
	must[*ec2.DeleteVpcPeeringConnectionOutput](t)(e.DeleteVpcPeeringConnection(e.as(black), &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &pcx}))
	want("10.2.0.0/16", "blackhole")
	must[*ec2.DetachInternetGatewayOutput](t)(e.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gw, VpcId: &v}))
	want("0.0.0.0/0", "blackhole")
	must[*ec2.ReplaceRouteOutput](t)(e.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: new("0.0.0.0/0"),
		VpcPeeringConnectionId: new(e.peering(red, black, v, foreign))}))

	list := vpc.ManagedPrefixLists("us-east-1")[0].ID
	want(list, "")
	e.update(func(tx *state.Tx) {
		state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: lattice.Meta{ID: "snva-1"}, VPC: v})
	})
	want(list, "active")
	_, err := e.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &v})
	wants(t, err, "DependencyViolation")

	must[*ec2.DeleteRouteOutput](t)(e.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: new("0.0.0.0/0")}))
	want("0.0.0.0/0", "")
	_, err = e.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: new("0.0.0.0/0")})
	wants(t, err, "InvalidRoute.NotFound")
	_, err = e.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: new("10.0.0.0/16")})
	wants(t, err, "InvalidParameterValue")
	_, err = e.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: new("9.0.0.0/8"), GatewayId: &gw})
	wants(t, err, "InvalidParameterValue")
}

func TestRouteTableAssociations(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v, other := e.vpc(red, "10.0.0.0/16"), e.vpc(red, "10.1.0.0/16")
	subnet, far := e.subnet(red, v, "10.0.0.0/24"), e.subnet(red, other, "10.1.0.0/24")
	t1, t2 := e.table(red, v), e.table(red, v)
	associate := func(table, subnet string) (*ec2.AssociateRouteTableOutput, error) {
		return e.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnet})
	}
	id := *must[*ec2.AssociateRouteTableOutput](t)(associate(t1, subnet)).AssociationId
	if again := *must[*ec2.AssociateRouteTableOutput](t)(associate(t1, subnet)).AssociationId; again != id {
		t.Errorf("associating again gave %s, want %s", again, id)
	}
	_, err := associate(t2, subnet)
	wants(t, err, "Resource.AlreadyAssociated")
	_, err = associate(t1, far)
	wants(t, err, "InvalidParameterValue")
	_, err = e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &t1})
	wants(t, err, "DependencyViolation")

	byAssociation := func(id string) string {
		t.Helper()
		got := must[*ec2.DescribeRouteTablesOutput](t)(e.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
			Filters: filters("association.route-table-association-id", id)})).RouteTables
		if len(got) != 1 {
			return ""
		}
		return *got[0].RouteTableId
	}
	if got := byAssociation(id); got != t1 {
		t.Errorf("found %s by association, want %s", got, t1)
	}
	moved := *must[*ec2.ReplaceRouteTableAssociationOutput](t)(e.ReplaceRouteTableAssociation(ctx,
		&ec2.ReplaceRouteTableAssociationInput{AssociationId: &id, RouteTableId: &t2})).NewAssociationId
	if byAssociation(moved) != t2 || byAssociation(id) != "" {
		t.Errorf("after the move: %s has %s, %s has %s", byAssociation(moved), moved, byAssociation(id), id)
	}
	_, err = e.DisassociateRouteTable(e.as(black), &ec2.DisassociateRouteTableInput{AssociationId: &moved})
	wants(t, err, "InvalidAssociationID.NotFound")
	must[*ec2.DisassociateRouteTableOutput](t)(e.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &moved}))
	must[*ec2.DeleteRouteTableOutput](t)(e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &t2}))

	// The role of main table moves too.
	row, _ := state.VPCs.Get(e.view.Snapshot(), v)
	old, _ := state.RouteTables.Get(e.view.Snapshot(), row.MainRouteTableID)
	_, err = e.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &old.Associations[0].ID})
	wants(t, err, "InvalidParameterValue")
	must[*ec2.ReplaceRouteTableAssociationOutput](t)(e.ReplaceRouteTableAssociation(ctx,
		&ec2.ReplaceRouteTableAssociationInput{AssociationId: &old.Associations[0].ID, RouteTableId: &t1}))
	row, _ = state.VPCs.Get(e.view.Snapshot(), v)
	if row.MainRouteTableID != t1 {
		t.Errorf("main table is %s, want %s", row.MainRouteTableID, t1)
	}
	must[*ec2.DeleteRouteTableOutput](t)(e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &old.ID}))
	_, err = e.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &t1})
	wants(t, err, "DependencyViolation")
}

func TestCreateRouteTableIsIdempotent(t *testing.T) {
	e := newEnv(t)
	ctx := e.as(red)
	v := e.vpc(red, "10.0.0.0/16")
	in := &ec2.CreateRouteTableInput{VpcId: &v, ClientToken: new("token")}
	first := must[*ec2.CreateRouteTableOutput](t)(e.CreateRouteTable(ctx, in))
	second := must[*ec2.CreateRouteTableOutput](t)(e.CreateRouteTable(ctx, in))
	if *first.RouteTable.RouteTableId != *second.RouteTable.RouteTableId {
		t.Error("a repeated client token made a second table")
	}
	_, err := e.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: new(e.vpc(red, "10.1.0.0/16")), ClientToken: new("token")})
	wants(t, err, "IdempotentParameterMismatch")
}
