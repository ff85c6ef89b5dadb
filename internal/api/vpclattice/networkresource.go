package vpclattice

import (
	"context"
	"iter"
	"net/netip"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateServiceNetworkResourceAssociation puts a resource configuration into a network. The caller owns at least one of them.
func (a *API) CreateServiceNetworkResourceAssociation(ctx context.Context, in *vpclattice.CreateServiceNetworkResourceAssociationInput) (*vpclattice.CreateServiceNetworkResourceAssociationOutput, error) {
	var out *vpclattice.CreateServiceNetworkResourceAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		as, err := once(q, tx, "CreateServiceNetworkResourceAssociation", in.ClientToken, params, state.NetworkResources, networkResourceID, func() (*lattice.NetworkResource, error) {
			return q.newNetworkResource(tx, in)
		})
		if err == nil {
			err = state.SettleNetwork(tx, as.Network, q.now)
		}
		if err != nil {
			return err
		}
		s := q.showNetworkResource(tx, as)
		out = &vpclattice.CreateServiceNetworkResourceAssociationOutput{Id: s.Id, Arn: s.Arn, Status: s.Status, CreatedBy: s.CreatedBy, PrivateDnsEnabled: s.PrivateDnsEnabled}
		return nil
	})
	return out, err
}

func networkResourceID(a *lattice.NetworkResource) string { return a.ID }

func (q *query) newNetworkResource(tx *state.Tx, in *vpclattice.CreateServiceNetworkResourceAssociationInput) (*lattice.NetworkResource, error) {
	c, err := q.configuration(tx, in.ResourceConfigurationIdentifier)
	if err != nil {
		return nil, err
	}
	if err := byARN(in.ResourceConfigurationIdentifier, lattice.KindConfiguration, c.Owner == q.Owner); err != nil {
		return nil, err
	}
	n, err := q.network(tx, in.ServiceNetworkIdentifier)
	if err != nil {
		return nil, err
	}
	if err := byARN(in.ServiceNetworkIdentifier, lattice.KindNetwork, n.Owner == q.Owner); err != nil {
		return nil, err
	}
	if c.Owner != q.Owner && n.Owner != q.Owner {
		return nil, q.denied("CreateServiceNetworkResourceAssociation", n.ARN())
	}
	if c.Deleting {
		return nil, busy(lattice.KindConfiguration, c.ID, lattice.Deleting)
	}
	if !c.Shareable && (n.Owner != c.Owner || len(principalsOf(tx, n.ARN())) > 0) {
		return nil, lattice.Invalid("resourceConfigurationIdentifier",
			"The resource configuration %s does not allow its association with service networks that are shared, as %s is.", c.ID, n.ID)
	}
	taken := map[netip.Addr]bool{}
	for other := range state.NetworkResources.By(tx, state.ByNetwork, n.ID) {
		taken[other.Address] = true
		switch {
		case other.Configuration == c.ID && other.Deleting:
			return nil, busy(lattice.KindNetworkResource, other.ID, lattice.Deleting)
		case other.Configuration == c.ID:
			return nil, conflict(lattice.KindNetworkResource, other.ID, "Resource configuration %s is already associated with service network %s.", c.ID, n.ID)
		}
	}
	if len(taken) >= lattice.MaxResourcesPerNetwork {
		return nil, quota(lattice.KindNetworkResource, "", "A service network can have at most %d resource configurations.", lattice.MaxResourcesPerNetwork)
	}
	meta, err := q.newMeta(lattice.KindNetworkResource, "", in.Tags)
	if err != nil {
		return nil, err
	}
	return &lattice.NetworkResource{Meta: meta, Network: n.ID, Configuration: c.ID, NetworkOwner: n.Account, ConfigurationOwner: c.Account, CreatedBy: q.Account,
		PrivateDNS: in.PrivateDnsEnabled != nil && *in.PrivateDnsEnabled,
		Address:    lattice.ResourceAddress(meta.ID, func(addr netip.Addr) bool { return taken[addr] })}, nil
}

func (q *query) showNetworkResource(r state.Reader, a *lattice.NetworkResource) *vpclattice.GetServiceNetworkResourceAssociationOutput {
	_, rev, _ := state.NetworkResources.Lookup(r, a.ID)
	real := realised(r, rev, a.ID)
	status := a.Status(real)
	out := &vpclattice.GetServiceNetworkResourceAssociationOutput{Id: new(a.ID), Arn: new(a.ARN(q.Account)), Status: new(status), CreatedBy: new(a.CreatedBy),
		CreatedAt: new(a.Created), LastUpdatedAt: new(a.Updated), ResourceConfigurationId: new(a.Configuration), ResourceConfigurationArn: new(a.ConfigurationARN()),
		ServiceNetworkId: new(a.Network), ServiceNetworkArn: new(a.NetworkARN()), PrivateDnsEnabled: new(a.PrivateDNS), IsManagedAssociation: new(false),
		DnsEntry: &vpclattice.DnsEntry{DomainName: new(a.Domain()), HostedZoneId: new(lattice.ResourceZone(a.Region))}}
	if c, ok := state.ResourceConfigurations.Get(r, a.Configuration); ok {
		out.ResourceConfigurationName = new(c.Name)
	}
	if n, ok := state.Networks.Get(r, a.Network); ok {
		out.ServiceNetworkName = new(n.Name)
	}
	out.FailureCode, out.FailureReason = failure(status, real)
	return out
}

// GetServiceNetworkResourceAssociation describes an association.
func (a *API) GetServiceNetworkResourceAssociation(ctx context.Context, in *vpclattice.GetServiceNetworkResourceAssociationInput) (*vpclattice.GetServiceNetworkResourceAssociationOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	as, _, err := q.networkResource(r, in.ServiceNetworkResourceAssociationIdentifier)
	if err != nil {
		return nil, err
	}
	return q.showNetworkResource(r, as), nil
}

// ListServiceNetworkResourceAssociations lists the associations of a network, a resource configuration or both.
func (a *API) ListServiceNetworkResourceAssociations(ctx context.Context, in *vpclattice.ListServiceNetworkResourceAssociationsInput) (*vpclattice.ListServiceNetworkResourceAssociationsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	var rows iter.Seq[*lattice.NetworkResource]
	switch {
	case in.ServiceNetworkIdentifier != nil:
		rows = state.NetworkResources.By(r, state.ByNetwork, lattice.IDOf(*in.ServiceNetworkIdentifier))
	case in.ResourceConfigurationIdentifier != nil:
		rows = state.NetworkResources.By(r, state.ByResource, lattice.IDOf(*in.ResourceConfigurationIdentifier))
	default:
		return nil, lattice.Invalid("serviceNetworkIdentifier", "Either the service network or the resource configuration must be given.")
	}
	page, next, err := cut(where(rows, func(a *lattice.NetworkResource) bool {
		return fits(in.ServiceNetworkIdentifier, a.Network, a.NetworkARN()) && fits(in.ResourceConfigurationIdentifier, a.Configuration, a.ConfigurationARN()) &&
			q.seesNetworkResource(r, a)
	}), networkResourceID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServiceNetworkResourceAssociationsOutput{NextToken: next, Items: summaries(page, func(a *lattice.NetworkResource) vpclattice.ServiceNetworkResourceAssociationSummary {
		s := q.showNetworkResource(r, a)
		return vpclattice.ServiceNetworkResourceAssociationSummary{Id: s.Id, Arn: s.Arn, Status: s.Status, CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt,
			ResourceConfigurationId: s.ResourceConfigurationId, ResourceConfigurationArn: s.ResourceConfigurationArn, ResourceConfigurationName: s.ResourceConfigurationName,
			ServiceNetworkId: s.ServiceNetworkId, ServiceNetworkArn: s.ServiceNetworkArn, ServiceNetworkName: s.ServiceNetworkName, DnsEntry: s.DnsEntry,
			PrivateDnsEntry: s.PrivateDnsEntry, IsManagedAssociation: s.IsManagedAssociation, FailureCode: s.FailureCode, PrivateDnsEnabled: s.PrivateDnsEnabled}
	})}, nil
}

// DeleteServiceNetworkResourceAssociation begins to take a resource configuration out of a network. The owner of either may.
func (a *API) DeleteServiceNetworkResourceAssociation(ctx context.Context, in *vpclattice.DeleteServiceNetworkResourceAssociationInput) (*vpclattice.DeleteServiceNetworkResourceAssociationOutput, error) {
	var out *vpclattice.DeleteServiceNetworkResourceAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		as, rev, err := q.networkResource(tx, in.ServiceNetworkResourceAssociationIdentifier)
		if err != nil {
			return err
		}
		if as.NetworkOwner != q.Account && as.ConfigurationOwner != q.Account {
			return q.denied("DeleteServiceNetworkResourceAssociation", as.ARN(q.Account))
		}
		out = &vpclattice.DeleteServiceNetworkResourceAssociationOutput{Id: new(as.ID), Status: new(lattice.Deleting), Arn: new(as.ARN(q.Account))}
		switch status := as.Status(realised(tx, rev, as.ID)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating:
			return busy(lattice.KindNetworkResource, as.ID, status)
		}
		as.Deleting, as.Updated = true, q.now
		state.NetworkResources.Put(tx, as)
		return state.SettleNetwork(tx, as.Network, q.now)
	})
	return out, err
}
