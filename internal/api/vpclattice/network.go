package vpclattice

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateServiceNetwork makes a service network.
func (a *API) CreateServiceNetwork(ctx context.Context, in *vpclattice.CreateServiceNetworkInput) (*vpclattice.CreateServiceNetworkOutput, error) {
	var out *vpclattice.CreateServiceNetworkOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		n, err := once(q, tx, "CreateServiceNetwork", in.ClientToken, params, state.Networks, networkID, func() (*lattice.Network, error) {
			return q.newNetwork(tx, in)
		})
		if err != nil {
			return err
		}
		out = &vpclattice.CreateServiceNetworkOutput{Id: new(n.ID), Name: new(n.Name), Arn: new(n.ARN()), AuthType: new(n.AuthType), SharingConfig: sharing(n)}
		return nil
	})
	return out, err
}

func networkID(n *lattice.Network) string { return n.ID }

func sharing(n *lattice.Network) *vpclattice.SharingConfig {
	return &vpclattice.SharingConfig{Enabled: new(n.SharingEnabled)}
}

func (q *query) newNetwork(tx *state.Tx, in *vpclattice.CreateServiceNetworkInput) (*lattice.Network, error) {
	name := str(in.Name)
	if err := lattice.KindNetwork.CheckName(name); err != nil {
		return nil, err
	}
	for other := range state.Networks.By(tx, state.ByName, q.Scope()+"/"+name) {
		return nil, conflict(lattice.KindNetwork, other.ID, "A service network with the name '%s' already exists.", name)
	}
	if state.Networks.Count(tx, state.ByScope, q.Scope()) >= lattice.MaxNetworks {
		return nil, quota(lattice.KindNetwork, "", "An account can have at most %d service networks in a region.", lattice.MaxNetworks)
	}
	meta, err := q.newMeta(lattice.KindNetwork, name, in.Tags)
	if err != nil {
		return nil, err
	}
	n := &lattice.Network{Meta: meta, AuthType: lattice.AuthNone, SharingEnabled: true}
	if in.SharingConfig != nil && in.SharingConfig.Enabled != nil {
		n.SharingEnabled = *in.SharingConfig.Enabled
	}
	if in.AuthType != nil {
		n.AuthType = *in.AuthType
	}
	return n, lattice.CheckAuthType(n.AuthType)
}

func showNetwork(r state.Reader, n *lattice.Network) *vpclattice.GetServiceNetworkOutput {
	return &vpclattice.GetServiceNetworkOutput{Id: new(n.ID), Name: new(n.Name), Arn: new(n.ARN()), CreatedAt: new(n.Created), LastUpdatedAt: new(n.Updated),
		AuthType: new(n.AuthType), SharingConfig: sharing(n),
		NumberOfAssociatedVPCs:     new(int64(state.NetworkVPCs.Count(r, state.ByNetwork, n.ID))),
		NumberOfAssociatedServices: new(int64(state.NetworkServices.Count(r, state.ByNetwork, n.ID)))}
}

func countResources(r state.Reader, network string) *int64 {
	return new(int64(state.NetworkResources.Count(r, state.ByNetwork, network)))
}

// GetServiceNetwork describes a service network, the caller's own or one shared with it.
func (a *API) GetServiceNetwork(ctx context.Context, in *vpclattice.GetServiceNetworkInput) (*vpclattice.GetServiceNetworkOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	n, err := q.network(r, in.ServiceNetworkIdentifier)
	if err != nil {
		return nil, err
	}
	if err := q.may(r, n.Owner, n.ARN(), "GetServiceNetwork"); err != nil {
		return nil, err
	}
	return showNetwork(r, n), nil
}

// ListServiceNetworks lists the caller's service networks and those shared with it.
func (a *API) ListServiceNetworks(ctx context.Context, in *vpclattice.ListServiceNetworksInput) (*vpclattice.ListServiceNetworksOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows := slices.Collect(state.Networks.By(r, state.ByScope, q.Scope()))
	for _, id := range q.sharedIDs(r, "servicenetwork/") {
		if n, ok := state.Networks.Get(r, id); ok && n.Account != q.Account {
			rows = append(rows, n)
		}
	}
	slices.SortFunc(rows, func(a, b *lattice.Network) int { return strings.Compare(a.ID, b.ID) })
	rows, next, err := cut(slices.Values(rows), networkID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServiceNetworksOutput{NextToken: next, Items: summaries(rows, func(n *lattice.Network) vpclattice.ServiceNetworkSummary {
		g := showNetwork(r, n)
		return vpclattice.ServiceNetworkSummary{Id: g.Id, Name: g.Name, Arn: g.Arn, CreatedAt: g.CreatedAt, LastUpdatedAt: g.LastUpdatedAt,
			NumberOfAssociatedVPCs: g.NumberOfAssociatedVPCs, NumberOfAssociatedServices: g.NumberOfAssociatedServices,
			NumberOfAssociatedResourceConfigurations: countResources(r, n.ID)}
	})}, nil
}

// UpdateServiceNetwork changes the auth type.
func (a *API) UpdateServiceNetwork(ctx context.Context, in *vpclattice.UpdateServiceNetworkInput) (*vpclattice.UpdateServiceNetworkOutput, error) {
	var out *vpclattice.UpdateServiceNetworkOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		n, err := q.ownNetwork(tx, in.ServiceNetworkIdentifier, "UpdateServiceNetwork")
		if err != nil {
			return err
		}
		if err := lattice.CheckAuthType(str(in.AuthType)); err != nil {
			return err
		}
		n.AuthType, n.Updated = *in.AuthType, q.now
		state.Networks.Put(tx, n)
		out = &vpclattice.UpdateServiceNetworkOutput{Id: new(n.ID), Name: new(n.Name), Arn: new(n.ARN()), AuthType: new(n.AuthType)}
		return nil
	})
	return out, err
}

// DeleteServiceNetwork deletes a service network that nothing is associated with. No host holds anything of it then.
func (a *API) DeleteServiceNetwork(ctx context.Context, in *vpclattice.DeleteServiceNetworkInput) (*vpclattice.DeleteServiceNetworkOutput, error) {
	return &vpclattice.DeleteServiceNetworkOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		n, err := q.ownNetwork(tx, in.ServiceNetworkIdentifier, "DeleteServiceNetwork")
		if err != nil {
			return err
		}
		for range state.NetworkVPCs.By(tx, state.ByNetwork, n.ID) {
			return conflict(lattice.KindNetwork, n.ID, "ServiceNetwork %s has VPC(s) associated", n.ID)
		}
		for range state.NetworkServices.By(tx, state.ByNetwork, n.ID) {
			return conflict(lattice.KindNetwork, n.ID, "ServiceNetwork %s has Service(s) associated", n.ID)
		}
		for range state.NetworkResources.By(tx, state.ByNetwork, n.ID) {
			return conflict(lattice.KindNetwork, n.ID, "ServiceNetwork %s has Resource(s) associated", n.ID)
		}
		for range state.Endpoints.By(tx, state.ByNetwork, n.ID) {
			return conflict(lattice.KindNetwork, n.ID, "ServiceNetwork %s has VPC endpoint(s) associated", n.ID)
		}
		dropAttachments(tx, n.ID, n.ARN())
		state.Networks.Delete(tx, n.ID)
		return nil
	})
}
