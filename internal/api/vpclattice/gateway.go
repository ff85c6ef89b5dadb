package vpclattice

import (
	"context"
	"net/netip"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateResourceGateway makes a gateway with a network interface in each of the subnets.
func (a *API) CreateResourceGateway(ctx context.Context, in *vpclattice.CreateResourceGatewayInput) (*vpclattice.CreateResourceGatewayOutput, error) {
	var out *vpclattice.CreateResourceGatewayOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		g, err := once(q, tx, "CreateResourceGateway", in.ClientToken, params, state.ResourceGateways, gatewayID, func() (*lattice.ResourceGateway, error) {
			return q.newGateway(tx, in)
		})
		if err != nil {
			return err
		}
		s := showGateway(tx, g)
		out = &vpclattice.CreateResourceGatewayOutput{Name: s.Name, Id: s.Id, Arn: s.Arn, Status: s.Status, VpcIdentifier: s.VpcId, SubnetIds: s.SubnetIds,
			SecurityGroupIds: s.SecurityGroupIds, IpAddressType: s.IpAddressType, Ipv4AddressesPerEni: s.Ipv4AddressesPerEni,
			ResourceConfigDnsResolution: s.ResourceConfigDnsResolution}
		return nil
	})
	return out, err
}

func gatewayID(g *lattice.ResourceGateway) string { return g.ID }

func (q *query) newGateway(tx *state.Tx, in *vpclattice.CreateResourceGatewayInput) (*lattice.ResourceGateway, error) {
	name := str(in.Name)
	if err := lattice.KindGateway.CheckName(name); err != nil {
		return nil, err
	}
	for other := range state.ResourceGateways.By(tx, state.ByName, q.Scope()+"/"+name) {
		return nil, conflict(lattice.KindGateway, other.ID, "A resource gateway with the name '%s' already exists.", name)
	}
	if in.VpcIdentifier == nil {
		return nil, lattice.Invalid("vpcIdentifier", "The VPC of the resource gateway must be given.")
	}
	v, err := q.vpc(tx, *in.VpcIdentifier)
	if err != nil {
		return nil, err
	}
	if state.ResourceGateways.Count(tx, state.ByVPC, v.ID) >= lattice.MaxGatewaysPerVPC {
		return nil, quota(lattice.KindGateway, "", "A VPC can have at most %d resource gateways.", lattice.MaxGatewaysPerVPC)
	}
	subnets, err := q.subnets(tx, v.ID, in.SubnetIds)
	if err != nil {
		return nil, err
	}
	groups, err := q.gatewayGroups(tx, v, in.SecurityGroupIds)
	if err != nil {
		return nil, err
	}
	meta, err := q.newMeta(lattice.KindGateway, name, in.Tags)
	if err != nil {
		return nil, err
	}
	g := &lattice.ResourceGateway{Meta: meta, VPC: v.ID, SecurityGroups: groups}
	if err := g.Configure(str(in.IpAddressType), str(in.ResourceConfigDnsResolution), in.Ipv4AddressesPerEni); err != nil {
		return nil, err
	}
	for _, sn := range subnets {
		g.Subnets = append(g.Subnets, sn.ID)
		_, err := state.CreateInterface(tx, sn, vpc.NetworkInterface{Secondary: make([]netip.Addr, g.AddressesPer-1), Groups: groups,
			Description: "VPC Lattice resource gateway " + g.ID, Type: vpc.PlainInterface, Requester: "vpc-lattice", RequesterManaged: true, User: g.ARN(),
			AttachmentID: arn.MintHex("ela-attach-"), Attached: q.now, InstanceOwner: "amazon-aws", SourceDestCheck: true})
		if fault.Is(err, fault.Quota) {
			return nil, lattice.Invalid("subnetIds", "The subnet %s has fewer than the %d free addresses that the resource gateway needs there.", sn.ID, g.AddressesPer)
		}
		if err != nil {
			return nil, err
		}
	}
	return g, nil
}

// subnets returns the caller's subnets of the VPC, once each.
func (q *query) subnets(tx *state.Tx, vpcID string, ids []string) ([]*vpc.Subnet, error) {
	if len(ids) == 0 {
		return nil, lattice.Invalid("subnetIds", "At least one subnet must be given.")
	}
	var out []*vpc.Subnet
	for _, id := range ids {
		sn, ok := state.Subnets.Get(tx, id)
		switch {
		case !ok || sn.Owner != q.Owner:
			return nil, fault.New(fault.NotFound, "", "The subnet '%s' does not exist.", clip(id)).About("SUBNET", clip(id))
		case sn.VPC != vpcID:
			return nil, lattice.Invalid("subnetIds", "The subnet %s is not of the VPC %s.", id, vpcID)
		case slices.ContainsFunc(out, func(other *vpc.Subnet) bool { return other.ID == id }):
			return nil, lattice.Invalid("subnetIds", "The subnet %s is named twice.", id)
		}
		out = append(out, sn)
	}
	return out, nil
}

// gatewayGroups returns the groups once each; none means the VPC's default one.
func (q *query) gatewayGroups(tx *state.Tx, v *vpc.VPC, ids []string) ([]string, error) {
	groups, err := q.securityGroups(tx, v.ID, ids)
	if err == nil && len(groups) == 0 {
		groups = []string{v.DefaultSecurityGroupID}
	}
	return groups, err
}

// realisedGateway is realised for a gateway: where its VPC or one of its interfaces cannot be made, nor can it.
func realisedGateway(r state.Reader, g *lattice.ResourceGateway) lattice.Realisation {
	_, rev, _ := state.ResourceGateways.Lookup(r, g.ID)
	ids := []string{g.ID, g.VPC}
	for i := range state.Interfaces.By(r, state.ByUser, g.ARN()) {
		ids = append(ids, i.ID)
	}
	return realised(r, rev, ids...)
}

func showGateway(r state.Reader, g *lattice.ResourceGateway) *vpclattice.GetResourceGatewayOutput {
	return &vpclattice.GetResourceGatewayOutput{Id: new(g.ID), Name: new(g.Name), Arn: new(g.ARN()), Status: new(g.Status(realisedGateway(r, g))), VpcId: new(g.VPC),
		SubnetIds: slices.Clone(g.Subnets), SecurityGroupIds: slices.Clone(g.SecurityGroups), IpAddressType: new(g.IPAddressType),
		Ipv4AddressesPerEni: new(g.AddressesPer), ResourceConfigDnsResolution: new(g.DNSResolution), ServiceManaged: new(false),
		CreatedAt: new(g.Created), LastUpdatedAt: new(g.Updated)}
}

// GetResourceGateway describes a gateway.
func (a *API) GetResourceGateway(ctx context.Context, in *vpclattice.GetResourceGatewayInput) (*vpclattice.GetResourceGatewayOutput, error) {
	r := a.view.Snapshot()
	g, err := a.query(ctx).gateway(r, in.ResourceGatewayIdentifier)
	if err != nil {
		return nil, err
	}
	return showGateway(r, g), nil
}

// ListResourceGateways lists the caller's gateways.
func (a *API) ListResourceGateways(ctx context.Context, in *vpclattice.ListResourceGatewaysInput) (*vpclattice.ListResourceGatewaysOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows, next, err := cut(state.ResourceGateways.By(r, state.ByScope, q.Scope()), gatewayID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListResourceGatewaysOutput{NextToken: next, Items: summaries(rows, func(g *lattice.ResourceGateway) vpclattice.ResourceGatewaySummary {
		s := showGateway(r, g)
		return vpclattice.ResourceGatewaySummary{Id: s.Id, Name: s.Name, Arn: s.Arn, Status: s.Status, VpcIdentifier: s.VpcId, SubnetIds: s.SubnetIds,
			SecurityGroupIds: s.SecurityGroupIds, IpAddressType: s.IpAddressType, Ipv4AddressesPerEni: s.Ipv4AddressesPerEni,
			ResourceConfigDnsResolution: s.ResourceConfigDnsResolution, CreatedAt: s.CreatedAt, LastUpdatedAt: s.LastUpdatedAt}
	})}, nil
}

// UpdateResourceGateway changes the security groups, and where domain names are looked up.
func (a *API) UpdateResourceGateway(ctx context.Context, in *vpclattice.UpdateResourceGatewayInput) (*vpclattice.UpdateResourceGatewayOutput, error) {
	var out *vpclattice.UpdateResourceGatewayOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, err := q.gateway(tx, in.ResourceGatewayIdentifier)
		if err != nil {
			return err
		}
		if status := g.Status(realisedGateway(tx, g)); status != lattice.Active && status != lattice.UpdateFailed {
			return busy(lattice.KindGateway, g.ID, status)
		}
		if in.SecurityGroupIds != nil {
			v, err := q.vpc(tx, g.VPC)
			if err != nil {
				return err
			}
			if g.SecurityGroups, err = q.gatewayGroups(tx, v, in.SecurityGroupIds); err != nil {
				return err
			}
			for i := range state.Interfaces.By(tx, state.ByUser, g.ARN()) {
				next := *i
				next.Groups = g.SecurityGroups
				state.Interfaces.Put(tx, &next)
			}
		}
		if in.ResourceConfigDnsResolution != nil {
			if err := g.Resolve(*in.ResourceConfigDnsResolution); err != nil {
				return err
			}
		}
		g.Updating, g.Meta.Updated = true, q.now
		state.ResourceGateways.Put(tx, g)
		out = &vpclattice.UpdateResourceGatewayOutput{Id: new(g.ID), Name: new(g.Name), Arn: new(g.ARN()), Status: new(lattice.Updating), VpcId: new(g.VPC),
			SubnetIds: slices.Clone(g.Subnets), SecurityGroupIds: slices.Clone(g.SecurityGroups), IpAddressType: new(g.IPAddressType),
			ResourceConfigDnsResolution: new(g.DNSResolution)}
		return nil
	})
	return out, err
}

// DeleteResourceGateway begins the deletion of a gateway that no resource configuration uses.
func (a *API) DeleteResourceGateway(ctx context.Context, in *vpclattice.DeleteResourceGatewayInput) (*vpclattice.DeleteResourceGatewayOutput, error) {
	var out *vpclattice.DeleteResourceGatewayOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		g, err := q.gateway(tx, in.ResourceGatewayIdentifier)
		if err != nil {
			return err
		}
		out = &vpclattice.DeleteResourceGatewayOutput{Id: new(g.ID), Name: new(g.Name), Arn: new(g.ARN()), Status: new(lattice.Deleting)}
		switch status := g.Status(realisedGateway(tx, g)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating, lattice.Updating:
			return busy(lattice.KindGateway, g.ID, status)
		}
		for c := range state.ResourceConfigurations.By(tx, state.ByGateway, g.ID) {
			return conflict(lattice.KindGateway, g.ID, "Resource gateway %s is used by the resource configuration %s", g.ID, c.ID)
		}
		for i := range state.Interfaces.By(tx, state.ByUser, g.ARN()) {
			state.Interfaces.Delete(tx, i.ID)
		}
		g.Deleting, g.Meta.Updated = true, q.now
		state.ResourceGateways.Put(tx, g)
		return nil
	})
	return out, err
}
