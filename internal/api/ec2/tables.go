package ec2

import (
	"context"
	"slices"
	"time"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateRouteTable makes a route table that no subnet uses yet. A repeated client token answers with what it made.
func (a *API) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	o := owner(ctx)
	tags, err := tagsFor(in.TagSpecifications, "route-table")
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		var err error
		id, err = a.once(tx, o, "CreateRouteTable", in.ClientToken, []any{in.VpcId, tags}, func() (string, error) {
			v, err := vpcOf(tx, o, str(in.VpcId))
			if err != nil {
				return "", err
			}
			n := 0
			for range state.RouteTables.By(tx, state.ByVPC, v.ID) {
				n++
			}
			if n >= vpc.MaxRouteTablesPerVPC {
				return "", fault.New(fault.Quota, "RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
			}
			t := &vpc.RouteTable{Owner: o, ID: arn.MintHex("rtb-"), VPC: v.ID, Tags: tags}
			state.RouteTables.Put(tx, t)
			return t.ID, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	t, err := tableOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateRouteTableOutput{RouteTable: new(a.showTable(s, t)), ClientToken: in.ClientToken}, nil
}

// once runs create unless the client token has made something, and returns the id of what is there then.
func (a *API) once(tx *state.Tx, o vpc.Owner, operation string, token *string, params any, create func() (string, error)) (string, error) {
	digest, now := state.Digest(params), a.now()
	made, found, same := state.Seen(tx, o.Scope(), "ec2:"+operation, str(token), digest, now)
	if found {
		if !same {
			return "", fault.New(fault.Conflict, "IdempotentParameterMismatch",
				"The client token was used with other parameters. Use a new token for a new request.")
		}
		return made, nil
	}
	id, err := create()
	if err == nil {
		state.Remember(tx, o.Scope(), "ec2:"+operation, str(token), digest, id, now)
	}
	return id, err
}

func (a *API) showTable(s *state.Snapshot, t *vpc.RouteTable) ec2.RouteTable {
	out := ec2.RouteTable{RouteTableId: new(t.ID), VpcId: new(t.VPC), OwnerId: new(t.Account), Tags: showTags(t.Tags),
		Associations: []ec2.RouteTableAssociation{}, PropagatingVgws: []ec2.PropagatingVgw{}}
	for _, as := range t.Associations {
		out.Associations = append(out.Associations, ec2.RouteTableAssociation{Main: new(as.Main), RouteTableAssociationId: new(as.ID),
			RouteTableId: new(t.ID), SubnetId: text(as.Subnet), AssociationState: associated()})
	}
	if v, ok := state.VPCs.Get(s, t.VPC); ok {
		for _, b := range v.CIDRs {
			out.Routes = append(out.Routes, ec2.Route{DestinationCidrBlock: new(b.Prefix.String()), GatewayId: new("local"),
				Origin: new("CreateRouteTable"), State: new("active")})
		}
	}
	for i := range t.Routes {
		out.Routes = append(out.Routes, showRoute(s, t, &t.Routes[i], a.now()))
	}
	for as := range state.NetworkVPCs.By(s, state.ByVPC, t.VPC) {
		if as.Deleting {
			continue
		}
		for _, l := range vpc.ManagedPrefixLists(t.Region) {
			out.Routes = append(out.Routes, ec2.Route{DestinationPrefixListId: new(l.ID), GatewayId: new("VpcLattice"),
				Origin: new("CreateRoute"), State: new("active")})
		}
		break
	}
	return out
}

func associated() *ec2.RouteTableAssociationState {
	return &ec2.RouteTableAssociationState{State: new("associated")}
}

func showRoute(s *state.Snapshot, t *vpc.RouteTable, r *vpc.Route, now time.Time) ec2.Route {
	out := ec2.Route{DestinationPrefixListId: text(r.DestinationPrefixList), GatewayId: text(r.Gateway),
		VpcPeeringConnectionId: text(r.Peering), NetworkInterfaceId: text(r.Interface), Origin: new(r.Origin), State: new("active")}
	if d := r.Destination; d.IsValid() {
		if d.Addr().Is4() {
			out.DestinationCidrBlock = new(d.String())
		} else {
			out.DestinationIpv6CidrBlock = new(d.String())
		}
	}
	if !leads(s, t, r, now) {
		out.State = new("blackhole")
	}
	return out
}

// leads reports whether what the route leads to is there and attached.
func leads(s *state.Snapshot, t *vpc.RouteTable, r *vpc.Route, now time.Time) bool {
	switch {
	case r.Gateway == "local":
		return true
	case r.Gateway != "":
		g, ok := state.InternetGateways.Get(s, r.Gateway)
		return ok && g.VPC == t.VPC
	case r.Peering != "":
		p, ok := state.Peerings.Get(s, r.Peering)
		return ok && p.StatusAt(now) == vpc.PeeringActive
	case r.Interface != "":
		i, ok := state.Interfaces.Get(s, r.Interface)
		return ok && i.VPC == t.VPC && i.InUse()
	}
	return false
}

func routeTableFields(t *ec2.RouteTable, filter string) ([]string, bool) {
	route := func(f func(*ec2.Route) *string) ([]string, bool) { return each(t.Routes, f), true }
	switch filter {
	case "association.gateway-id":
		return nil, true
	case "association.main":
		var out []string
		for i := range t.Associations {
			out = append(out, flag(t.Associations[i].Main)...)
		}
		return out, true
	case "association.route-table-association-id":
		return each(t.Associations, func(a *ec2.RouteTableAssociation) *string { return a.RouteTableAssociationId }), true
	case "association.route-table-id":
		return each(t.Associations, func(a *ec2.RouteTableAssociation) *string { return a.RouteTableId }), true
	case "association.subnet-id":
		return each(t.Associations, func(a *ec2.RouteTableAssociation) *string { return a.SubnetId }), true
	case "association.state":
		return each(t.Associations, func(a *ec2.RouteTableAssociation) *string { return a.AssociationState.State }), true
	case "owner-id":
		return one(t.OwnerId), true
	case "route-table-id":
		return one(t.RouteTableId), true
	case "vpc-id":
		return one(t.VpcId), true
	case "route.destination-cidr-block":
		return route(func(r *ec2.Route) *string { return r.DestinationCidrBlock })
	case "route.destination-ipv6-cidr-block":
		return route(func(r *ec2.Route) *string { return r.DestinationIpv6CidrBlock })
	case "route.destination-prefix-list-id":
		return route(func(r *ec2.Route) *string { return r.DestinationPrefixListId })
	case "route.gateway-id":
		return route(func(r *ec2.Route) *string { return r.GatewayId })
	case "route.instance-id":
		return route(func(r *ec2.Route) *string { return r.InstanceId })
	case "route.nat-gateway-id":
		return route(func(r *ec2.Route) *string { return r.NatGatewayId })
	case "route.transit-gateway-id":
		return route(func(r *ec2.Route) *string { return r.TransitGatewayId })
	case "route.egress-only-internet-gateway-id":
		return route(func(r *ec2.Route) *string { return r.EgressOnlyInternetGatewayId })
	case "route.origin":
		return route(func(r *ec2.Route) *string { return r.Origin })
	case "route.state":
		return route(func(r *ec2.Route) *string { return r.State })
	case "route.vpc-peering-connection-id":
		return route(func(r *ec2.Route) *string { return r.VpcPeeringConnectionId })
	}
	return nil, false
}

// DescribeRouteTables lists route tables with their local routes, those to VPC Lattice, and the state of each.
func (a *API) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	l := &listing[vpc.RouteTable, ec2.RouteTable]{table: state.RouteTables, id: func(t *vpc.RouteTable) string { return t.ID },
		owned:  func(t *vpc.RouteTable, o vpc.Owner) bool { return t.Owner == o },
		absent: noTable, show: a.showTable, tags: func(t *ec2.RouteTable) []ec2.Tag { return t.Tags }, fields: routeTableFields,
		index: func(filter string) string {
			switch filter {
			case "vpc-id":
				return state.ByVPC
			case "association.subnet-id":
				return state.BySubnet
			case "association.route-table-association-id":
				return state.ByAssociation
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeRouteTablesOutput{RouteTables: out, NextToken: next}, nil
}

// DeleteRouteTable removes a route table that no subnet uses and that is not a main one.
func (a *API) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, err := tableOf(tx, owner(ctx), str(in.RouteTableId))
		if err != nil {
			return err
		}
		if len(t.Associations) > 0 {
			return dependency("The routeTable '%s' has dependencies and cannot be deleted.", t.ID)
		}
		state.RouteTables.Delete(tx, t.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteRouteTableOutput{}, nil
}

// AssociateRouteTable lets a subnet use a route table in place of its VPC's main one.
func (a *API) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	o := owner(ctx)
	switch {
	case in.GatewayId != nil || in.PublicIpv4Pool != nil:
		return nil, unsupported("Route tables of gateways are not supported. Give a SubnetId.")
	case in.SubnetId == nil:
		return nil, missing("subnetId")
	}
	var id string
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, err := tableOf(tx, o, str(in.RouteTableId))
		if err != nil {
			return err
		}
		sn, err := subnetOf(tx, o, *in.SubnetId)
		if err != nil {
			return err
		}
		if sn.VPC != t.VPC {
			return invalid("route table %s and subnet %s belong to different networks", t.ID, sn.ID)
		}
		for other := range state.RouteTables.By(tx, state.BySubnet, sn.ID) {
			if other.ID != t.ID {
				return fault.New(fault.Conflict, "Resource.AlreadyAssociated",
					"the specified association for route table %s conflicts with an existing association", t.ID)
			}
			id = other.Associations[slices.IndexFunc(other.Associations, func(as vpc.TableAssociation) bool { return as.Subnet == sn.ID })].ID
			return nil
		}
		id = arn.MintHex("rtbassoc-")
		t.Associations = append(slices.Clone(t.Associations), vpc.TableAssociation{ID: id, Subnet: sn.ID})
		state.RouteTables.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.AssociateRouteTableOutput{AssociationId: new(id), AssociationState: associated()}, nil
}

// association finds the caller's route table with the association, and the association's place in it.
func association(tx *state.Tx, o vpc.Owner, id string) (*vpc.RouteTable, int, error) {
	for t := range state.RouteTables.By(tx, state.ByAssociation, id) {
		i := slices.IndexFunc(t.Associations, func(as vpc.TableAssociation) bool { return as.ID == id })
		if t.Owner == o && i >= 0 {
			own := *t
			own.Associations = slices.Clone(t.Associations)
			return &own, i, nil
		}
	}
	return nil, 0, fault.New(fault.NotFound, "InvalidAssociationID.NotFound", "The association ID '%s' does not exist", clip(id))
}

// DisassociateRouteTable gives a subnet back to its VPC's main route table.
func (a *API) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, i, err := association(tx, owner(ctx), str(in.AssociationId))
		if err != nil {
			return err
		}
		if t.Associations[i].Main {
			return invalid("cannot disassociate the main route table association %s", t.Associations[i].ID)
		}
		t.Associations = slices.Delete(t.Associations, i, i+1)
		state.RouteTables.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DisassociateRouteTableOutput{}, nil
}

// ReplaceRouteTableAssociation moves a subnet, or the role of main route table, to another table of the VPC.
func (a *API) ReplaceRouteTableAssociation(ctx context.Context, in *ec2.ReplaceRouteTableAssociationInput) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	o := owner(ctx)
	var id string
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		from, i, err := association(tx, o, str(in.AssociationId))
		if err != nil {
			return err
		}
		to, err := tableOf(tx, o, str(in.RouteTableId))
		if err != nil {
			return err
		}
		as := from.Associations[i]
		switch {
		case to.VPC != from.VPC:
			return invalid("route table %s and route table %s belong to different networks", from.ID, to.ID)
		case to.ID == from.ID:
			id = as.ID
			return nil
		}
		from.Associations = slices.Delete(from.Associations, i, i+1)
		as.ID = arn.MintHex("rtbassoc-")
		to.Associations = append(slices.Clone(to.Associations), as)
		id = as.ID
		if as.Main {
			v, err := vpcOf(tx, o, to.VPC)
			if err != nil {
				return err
			}
			v.MainRouteTableID = to.ID
			state.VPCs.Put(tx, v)
		}
		state.RouteTables.Put(tx, from)
		state.RouteTables.Put(tx, to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ReplaceRouteTableAssociationOutput{NewAssociationId: new(id), AssociationState: associated()}, nil
}
