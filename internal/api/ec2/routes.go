package ec2

import (
	"context"
	"net/netip"
	"slices"

	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// destination is where a route leads from the view of a request. At most one of its fields is set.
type destination struct{ v4, v6, list *string }

func (d destination) parse() (netip.Prefix, string, error) {
	n := 0
	for _, p := range []*string{d.v4, d.v6, d.list} {
		if p != nil {
			n++
		}
	}
	switch {
	case n == 0:
		return netip.Prefix{}, "", missing("destinationCidrBlock")
	case n > 1:
		return netip.Prefix{}, "", combination("Only one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId may be given.")
	case d.list != nil:
		return netip.Prefix{}, *d.list, nil
	case d.v4 != nil:
		p, err := vpc.ParseBlock(*d.v4, "destinationCidrBlock")
		return p, "", err
	}
	p, err := netip.ParsePrefix(*d.v6)
	if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() {
		return p, "", invalid("Value (%s) for parameter destinationIpv6CidrBlock is invalid. This is not a valid IPv6 CIDR block.", clip(*d.v6))
	}
	return p.Masked(), "", nil
}

func (d destination) String() string {
	for _, p := range []*string{d.v4, d.v6, d.list} {
		if p != nil {
			return clip(*p)
		}
	}
	return ""
}

// hop is what a route leads to, as requests name it.
type hop struct {
	gateway, nat, iface, instance, peering *string
	transit, local, carrier, core, odb     *string
	egressOnly, endpoint                   *string
	toLocal                                *bool
}

// set makes the hop the target of the route of the table, if there is such a thing in the table's VPC.
func (h hop) set(tx *state.Tx, t *vpc.RouteTable, r *vpc.Route, a *API) error {
	n := 0
	for _, p := range []*string{h.gateway, h.nat, h.iface, h.instance, h.peering, h.transit, h.local, h.carrier, h.core, h.odb, h.egressOnly, h.endpoint} {
		if p != nil {
			n++
		}
	}
	if is(h.toLocal) {
		n++
	}
	switch {
	case n == 0:
		return missing("gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId or carrierGatewayId")
	case n > 1:
		return combination("Only one target of a route may be given.")
	case is(h.toLocal):
		return unsupported("The target of a local route cannot be changed.")
	case h.gateway != nil:
		return h.throughGateway(tx, t, r)
	case h.peering != nil:
		p, ok := state.Peerings.Get(tx, *h.peering)
		if !ok || p.Requester.Owner != t.Owner && p.Accepter.Owner != t.Owner || !p.Live(a.now()) {
			return noPeering(*h.peering)
		}
		if p.Requester.VPC != t.VPC && p.Accepter.VPC != t.VPC {
			return invalid("route table %s and peering connection %s belong to different networks", t.ID, p.ID)
		}
		r.Peering = p.ID
		return nil
	case h.iface != nil:
		i, err := interfaceOf(tx, t.Owner, *h.iface)
		if err != nil {
			return err
		}
		if i.VPC != t.VPC {
			return invalid("route table %s and interface %s belong to different networks", t.ID, i.ID)
		}
		r.Interface = i.ID
		return nil
	}
	return h.absent()
}

func (h hop) throughGateway(tx *state.Tx, t *vpc.RouteTable, r *vpc.Route) error {
	g, ok := state.InternetGateways.Get(tx, *h.gateway)
	if !ok || g.Owner != t.Owner {
		return fault.New(fault.NotFound, "InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", clip(*h.gateway))
	}
	if g.VPC != t.VPC {
		return invalid("route table %s and network gateway %s belong to different networks", t.ID, g.ID)
	}
	r.Gateway = g.ID
	return nil
}

// absent says that a target of a kind of which none can exist does not exist.
func (h hop) absent() error {
	for _, k := range []struct {
		id         *string
		code, kind string
	}{
		{h.nat, "InvalidNatGatewayID.NotFound", "natGateway"},
		{h.instance, "InvalidInstanceID.NotFound", "instance"},
		{h.transit, "InvalidTransitGatewayID.NotFound", "transitGateway"},
		{h.local, "InvalidLocalGatewayID.NotFound", "localGateway"},
		{h.carrier, "InvalidCarrierGatewayID.NotFound", "carrierGateway"},
		{h.core, "InvalidCoreNetworkArn.NotFound", "coreNetwork"},
		{h.odb, "InvalidOdbNetworkArn.NotFound", "odbNetwork"},
		{h.egressOnly, "InvalidGatewayID.NotFound", "egressOnlyInternetGateway"},
		{h.endpoint, "InvalidVpcEndpointId.NotFound", "vpcEndpoint"},
	} {
		if k.id != nil {
			return fault.New(fault.NotFound, k.code, "The %s ID '%s' does not exist", k.kind, clip(*k.id))
		}
	}
	return missing("gatewayId")
}

var linkLocal = netip.MustParsePrefix("169.254.168.0/22")

// newRoute returns the route of the table to the destination, checked against the VPC's own blocks.
func (a *API) newRoute(tx *state.Tx, t *vpc.RouteTable, d destination, h hop) (vpc.Route, error) {
	r := vpc.Route{Origin: "CreateRoute"}
	var err error
	if r.Destination, r.DestinationPrefixList, err = d.parse(); err != nil {
		return r, err
	}
	if r.DestinationPrefixList != "" {
		if !managedList(t.Region, r.DestinationPrefixList) {
			return r, noPrefixList(r.DestinationPrefixList)
		}
		return r, invalid("The prefix list %s is managed by AWS for VPC Lattice and cannot be the destination of a route.", r.DestinationPrefixList)
	}
	if err := h.set(tx, t, &r, a); err != nil {
		return r, err
	}
	v, err := vpcOf(tx, t.Owner, t.VPC)
	if err != nil {
		return r, err
	}
	p := r.Destination
	if p.Addr().Is4() && p.Overlaps(linkLocal) && p.Bits() >= linkLocal.Bits() {
		return r, invalid("The destination CIDR block %s is inside 169.254.168.0/22, which is reserved.", p)
	}
	for _, b := range v.CIDRs {
		switch {
		case b.Prefix == p:
			return r, fault.New(fault.Exists, "RouteAlreadyExists", "The route identified by %s already exists.", p)
		case b.Prefix.Bits() < p.Bits() && b.Prefix.Contains(p.Addr()) && r.Interface == "":
			return r, invalid("The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks. "+
				"This route can target only an interface or an instance.", p)
		}
	}
	return r, nil
}

func routeIndex(t *vpc.RouteTable, d destination) (int, error) {
	p, list, err := d.parse()
	if err != nil {
		return -1, err
	}
	return slices.IndexFunc(t.Routes, func(r vpc.Route) bool { return r.Destination == p && r.DestinationPrefixList == list }), nil
}

// CreateRoute adds a route to a table. A route with another target must be replaced instead.
func (a *API) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	d := destination{in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId}
	h := hop{gateway: in.GatewayId, nat: in.NatGatewayId, iface: in.NetworkInterfaceId, instance: in.InstanceId, peering: in.VpcPeeringConnectionId,
		transit: in.TransitGatewayId, local: in.LocalGatewayId, carrier: in.CarrierGatewayId, core: in.CoreNetworkArn, odb: in.OdbNetworkArn,
		egressOnly: in.EgressOnlyInternetGatewayId, endpoint: in.VpcEndpointId}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, err := tableOf(tx, owner(ctx), str(in.RouteTableId))
		if err != nil {
			return err
		}
		r, err := a.newRoute(tx, t, d, h)
		if err != nil {
			return err
		}
		i, err := routeIndex(t, d)
		switch {
		case err != nil:
			return err
		case i >= 0 && t.Routes[i] == r:
			return nil
		case i >= 0:
			return fault.New(fault.Exists, "RouteAlreadyExists", "The route identified by %s already exists.", d)
		case len(t.Routes) >= vpc.MaxRoutesPerTable:
			return fault.New(fault.Quota, "RouteLimitExceeded", "The maximum number of routes has been reached.")
		}
		t.Routes = append(slices.Clone(t.Routes), r)
		state.RouteTables.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateRouteOutput{Return: new(true)}, nil
}

// ReplaceRoute gives an existing route another target.
func (a *API) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
	d := destination{in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId}
	h := hop{gateway: in.GatewayId, nat: in.NatGatewayId, iface: in.NetworkInterfaceId, instance: in.InstanceId, peering: in.VpcPeeringConnectionId,
		transit: in.TransitGatewayId, local: in.LocalGatewayId, carrier: in.CarrierGatewayId, core: in.CoreNetworkArn, odb: in.OdbNetworkArn,
		egressOnly: in.EgressOnlyInternetGatewayId, endpoint: in.VpcEndpointId, toLocal: in.LocalTarget}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, err := tableOf(tx, owner(ctx), str(in.RouteTableId))
		if err != nil {
			return err
		}
		i, err := routeIndex(t, d)
		if err != nil {
			return err
		}
		if i < 0 {
			return fault.New(fault.Invalid, "InvalidParameterValue", "There is no route defined for '%s' in the route table. Use CreateRoute instead.", d)
		}
		r, err := a.newRoute(tx, t, d, h)
		if err != nil {
			return err
		}
		t.Routes = slices.Clone(t.Routes)
		t.Routes[i] = r
		state.RouteTables.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.ReplaceRouteOutput{}, nil
}

// DeleteRoute takes a route out of a table. Local routes and those to VPC Lattice stay.
func (a *API) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	d := destination{in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId}
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		t, err := tableOf(tx, owner(ctx), str(in.RouteTableId))
		if err != nil {
			return err
		}
		i, err := routeIndex(t, d)
		if err != nil {
			return err
		}
		if i < 0 {
			if v, ok := state.VPCs.Get(tx, t.VPC); ok && isLocal(v, d) {
				return invalid("cannot remove local route %s in route table %s", d, t.ID)
			}
			return fault.New(fault.NotFound, "InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", d, t.ID)
		}
		t.Routes = slices.Delete(slices.Clone(t.Routes), i, i+1)
		state.RouteTables.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteRouteOutput{}, nil
}

func isLocal(v *vpc.VPC, d destination) bool {
	p, _, err := d.parse()
	return err == nil && slices.ContainsFunc(v.CIDRs, func(b vpc.CIDRBlock) bool { return b.Prefix == p })
}
