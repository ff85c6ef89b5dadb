package ec2

import (
	"context"
	"net/netip"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// AssociateVpcCidrBlock gives a VPC one more block of addresses.
func (a *API) AssociateVpcCidrBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	if err := noIPv6(is(in.AmazonProvidedIpv6CidrBlock) || in.Ipv6NetmaskLength != nil, in.Ipv6CidrBlock, in.Ipv6Pool, in.Ipv6IpamPoolId, in.Ipv6CidrBlockNetworkBorderGroup); err != nil {
		return nil, err
	}
	switch {
	case in.Ipv4IpamPoolId != nil || in.Ipv4NetmaskLength != nil:
		return nil, unsupported("IPAM pools are not supported. Give a CidrBlock.")
	case in.CidrBlock == nil:
		return nil, missing("cidrBlock")
	}
	block, err := vpc.ParseBlock(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	b := vpc.CIDRBlock{Prefix: block}
	err = a.update(ctx, nil, func(tx *state.Tx) error {
		v, err := vpcOf(tx, owner(ctx), str(in.VpcId))
		if err != nil {
			return err
		}
		if err := v.CheckSecondary(block); err != nil {
			return err
		}
		if len(v.CIDRs) >= vpc.MaxBlocksPerVPC {
			return fault.New(fault.Quota, "CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, vpc.MaxBlocksPerVPC)
		}
		if err := a.checkReached(tx, v, block); err != nil {
			return err
		}
		b.AssociationID = arn.MintHex("vpc-cidr-assoc-")
		v.CIDRs = append(slices.Clone(v.CIDRs), b)
		state.VPCs.Put(tx, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.AssociateVpcCidrBlockOutput{VpcId: in.VpcId, CidrBlockAssociation: new(showBlock(&b, "associating"))}, nil
}

// checkReached refuses a block that a route of the VPC, or a VPC peered with it, already stands for.
func (a *API) checkReached(tx *state.Tx, v *vpc.VPC, block netip.Prefix) error {
	for t := range state.RouteTables.By(tx, state.ByVPC, v.ID) {
		for _, r := range t.Routes {
			if d := r.Destination; d.IsValid() && d.Addr().Is4() && block.Bits() <= d.Bits() && block.Contains(d.Addr()) {
				return fault.New(fault.Conflict, "CidrConflict", "The CIDR '%s' is the same as or larger than the destination %s of a route in %s.", block, d, t.ID)
			}
		}
	}
	for p := range state.Peerings.By(tx, state.ByVPC, v.ID) {
		_, far, _ := p.Side(v.ID)
		peer, ok := state.VPCs.Get(tx, far.VPC)
		if !ok || p.StatusAt(a.now()) != vpc.PeeringActive {
			continue
		}
		if slices.ContainsFunc(peer.CIDRs, func(b vpc.CIDRBlock) bool { return b.Prefix.Overlaps(block) }) {
			return fault.New(fault.Conflict, "CidrConflict", "The CIDR '%s' overlaps with a VPC that is peered by %s.", block, p.ID)
		}
	}
	return nil
}

// DisassociateVpcCidrBlock takes a block from a VPC that has no subnet in it. The primary one stays.
func (a *API) DisassociateVpcCidrBlock(ctx context.Context, in *ec2.DisassociateVpcCidrBlockInput) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	id := str(in.AssociationId)
	var gone vpc.CIDRBlock
	var from string
	err := a.update(ctx, nil, func(tx *state.Tx) error {
		for v := range state.VPCs.By(tx, state.ByAssociation, id) {
			i := slices.IndexFunc(v.CIDRs, func(b vpc.CIDRBlock) bool { return b.AssociationID == id })
			if v.Owner != owner(ctx) || i < 0 {
				continue
			}
			if i == 0 {
				return denied("The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", id)
			}
			gone, from = v.CIDRs[i], v.ID
			for s := range state.Subnets.By(tx, state.ByVPC, v.ID) {
				if gone.Prefix.Overlaps(s.CIDR) {
					return dependency("The vpc CIDR block %s has subnets and cannot be disassociated.", gone.Prefix)
				}
			}
			own := *v
			own.CIDRs = slices.Delete(slices.Clone(v.CIDRs), i, i+1)
			state.VPCs.Put(tx, &own)
			return nil
		}
		return fault.New(fault.NotFound, "InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", clip(id))
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DisassociateVpcCidrBlockOutput{VpcId: new(from), CidrBlockAssociation: new(showBlock(&gone, "disassociating"))}, nil
}

var defaultBlock = netip.MustParsePrefix("172.31.0.0/16")

// CreateDefaultVpc makes the default VPC of the region: a public /20 subnet in every zone behind an internet gateway.
func (a *API) CreateDefaultVpc(ctx context.Context, in *ec2.CreateDefaultVpcInput) (*ec2.CreateDefaultVpcOutput, error) {
	o := owner(ctx)
	var id string
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		if v, ok := defaultVPCOf(tx, o); ok {
			return fault.New(fault.Exists, "DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region: %s", v.ID)
		}
		v, err := a.newVPC(tx, o, defaultBlock, tag.Set{})
		if err != nil {
			return err
		}
		v.Default, v.DNSHostnames = true, true
		state.VPCs.Put(tx, v)
		gw := &vpc.InternetGateway{Owner: o, ID: arn.MintHex("igw-"), VPC: v.ID}
		state.InternetGateways.Put(tx, gw)
		t, ok := state.RouteTables.Get(tx, v.MainRouteTableID)
		if !ok {
			return noTable(v.MainRouteTableID)
		}
		t.Routes = []vpc.Route{{Destination: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Gateway: gw.ID, Origin: "CreateRoute"}}
		state.RouteTables.Put(tx, t)
		for i, z := range vpc.Zones(o.Region) {
			state.Subnets.Put(tx, defaultSubnet(v, z.Name, i))
		}
		id = v.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	v, err := vpcOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateDefaultVpcOutput{Vpc: new(showVPC(s, v))}, nil
}

// defaultSubnet returns the nth /20 of the default VPC as a default subnet.
func defaultSubnet(v *vpc.VPC, zone string, n int) *vpc.Subnet {
	b := defaultBlock.Addr().As4()
	b[2] = byte(n * 16)
	s := newSubnet(v, zone, netip.PrefixFrom(netip.AddrFrom4(b), 20))
	s.DefaultForAZ, s.MapPublicIP = true, true
	return s
}

// CreateDefaultSubnet makes the default VPC's subnet of a zone anew.
func (a *API) CreateDefaultSubnet(ctx context.Context, in *ec2.CreateDefaultSubnetInput) (*ec2.CreateDefaultSubnetOutput, error) {
	o := owner(ctx)
	if err := noIPv6(is(in.Ipv6Native)); err != nil {
		return nil, err
	}
	if in.AvailabilityZone == nil && in.AvailabilityZoneId == nil {
		return nil, missing("availabilityZone")
	}
	zone, err := zoneFor(o.Region, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	var id string
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		v, ok := defaultVPCOf(tx, o)
		if !ok {
			return fault.New(fault.NotFound, "DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
		}
		var blocks []netip.Prefix
		for s := range state.Subnets.By(tx, state.ByVPC, v.ID) {
			if s.DefaultForAZ && s.Zone == zone {
				return fault.New(fault.Exists, "DefaultSubnetAlreadyExistsInAvailabilityZone",
					"A default subnet already exists in this Availability Zone: %s", s.ID)
			}
			blocks = append(blocks, s.CIDR)
		}
		for n := range 16 {
			s := defaultSubnet(v, zone, n)
			if v.CheckSubnet(s.CIDR, blocks) == nil {
				state.Subnets.Put(tx, s)
				id = s.ID
				return nil
			}
		}
		return fault.New(fault.Conflict, "InvalidSubnet.Conflict", "The default VPC has no free /20 block.")
	})
	if err != nil {
		return nil, err
	}
	s := a.view.Snapshot()
	row, err := subnetOf(s, o, id)
	if err != nil {
		return nil, err
	}
	return &ec2.CreateDefaultSubnetOutput{Subnet: new(showSubnet(s, row))}, nil
}
