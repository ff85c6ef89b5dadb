package vpclattice

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateServiceNetworkServiceAssociation puts a service into a network. The caller owns at least one of them.
func (a *API) CreateServiceNetworkServiceAssociation(ctx context.Context, in *vpclattice.CreateServiceNetworkServiceAssociationInput) (*vpclattice.CreateServiceNetworkServiceAssociationOutput, error) {
	var out *vpclattice.CreateServiceNetworkServiceAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		as, err := once(q, tx, "CreateServiceNetworkServiceAssociation", in.ClientToken, params, state.NetworkServices, networkServiceID, func() (*lattice.NetworkService, error) {
			return q.newNetworkService(tx, in)
		})
		if err != nil {
			return err
		}
		s := q.showNetworkService(tx, as)
		out = &vpclattice.CreateServiceNetworkServiceAssociationOutput{Id: s.Id, Status: s.Status, Arn: s.Arn, CreatedBy: s.CreatedBy,
			CustomDomainName: s.CustomDomainName, DnsEntry: s.DnsEntry}
		return nil
	})
	return out, err
}

func networkServiceID(a *lattice.NetworkService) string { return a.ID }

func (q *query) newNetworkService(tx *state.Tx, in *vpclattice.CreateServiceNetworkServiceAssociationInput) (*lattice.NetworkService, error) {
	s, err := q.service(tx, in.ServiceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := byARN(in.ServiceIdentifier, lattice.KindService, s.Owner == q.Owner); err != nil {
		return nil, err
	}
	n, err := q.network(tx, in.ServiceNetworkIdentifier)
	if err != nil {
		return nil, err
	}
	if err := byARN(in.ServiceNetworkIdentifier, lattice.KindNetwork, n.Owner == q.Owner); err != nil {
		return nil, err
	}
	if s.Owner != q.Owner && n.Owner != q.Owner {
		return nil, q.denied("CreateServiceNetworkServiceAssociation", n.ARN())
	}
	if err := cmp.Or(q.may(tx, s.Owner, s.ARN(), "CreateServiceNetworkServiceAssociation"), q.may(tx, n.Owner, n.ARN(), "CreateServiceNetworkServiceAssociation")); err != nil {
		return nil, err
	}
	if s.Deleting {
		return nil, busy(lattice.KindService, s.ID, lattice.Deleting)
	}
	total := 0
	for other := range state.NetworkServices.By(tx, state.ByNetwork, n.ID) {
		total++
		switch {
		case other.Service == s.ID && other.Deleting:
			return nil, busy(lattice.KindNetworkService, other.ID, lattice.Deleting)
		case other.Service == s.ID:
			return nil, conflict(lattice.KindNetworkService, other.ID, "Service %s is already associated with service network %s.", s.ID, n.ID)
		case s.CustomDomain != "" && strings.EqualFold(customDomain(tx, other.Service), s.CustomDomain):
			return nil, conflict(lattice.KindNetwork, n.ID, "Service network %s has a service with the custom domain name %s already.", n.ID, s.CustomDomain)
		}
	}
	if total >= lattice.MaxServicesPerNetwork {
		return nil, quota(lattice.KindNetworkService, "", "A service network can have at most %d services.", lattice.MaxServicesPerNetwork)
	}
	meta, err := q.newMeta(lattice.KindNetworkService, "", in.Tags)
	return &lattice.NetworkService{Meta: meta, Network: n.ID, Service: s.ID, NetworkOwner: n.Account, ServiceOwner: s.Account, CreatedBy: q.Account}, err
}

func customDomain(r state.Reader, service string) string {
	s, ok := state.Services.Get(r, service)
	if !ok {
		return ""
	}
	return s.CustomDomain
}

func (q *query) showNetworkService(r state.Reader, a *lattice.NetworkService) *vpclattice.GetServiceNetworkServiceAssociationOutput {
	_, rev, _ := state.NetworkServices.Lookup(r, a.ID)
	real := realised(r, rev, a.ID)
	status := a.Status(real)
	out := &vpclattice.GetServiceNetworkServiceAssociationOutput{Id: new(a.ID), Status: new(status), Arn: new(a.ARN(q.Account)), CreatedBy: new(a.CreatedBy),
		CreatedAt: new(a.Created), ServiceId: new(a.Service), ServiceNetworkId: new(a.Network),
		ServiceArn: new(a.ServiceARN()), ServiceNetworkArn: new(a.NetworkARN())}
	if s, ok := state.Services.Get(r, a.Service); ok {
		out.ServiceName, out.DnsEntry, out.CustomDomainName = new(s.Name), dnsEntry(s), text(s.CustomDomain)
	}
	if n, ok := state.Networks.Get(r, a.Network); ok {
		out.ServiceNetworkName = new(n.Name)
	}
	out.FailureCode, out.FailureMessage = failure(status, real)
	return out
}

// GetServiceNetworkServiceAssociation describes an association.
func (a *API) GetServiceNetworkServiceAssociation(ctx context.Context, in *vpclattice.GetServiceNetworkServiceAssociationInput) (*vpclattice.GetServiceNetworkServiceAssociationOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	as, _, err := q.networkService(r, in.ServiceNetworkServiceAssociationIdentifier)
	if err != nil {
		return nil, err
	}
	return q.showNetworkService(r, as), nil
}

// ListServiceNetworkServiceAssociations lists the associations of a network, a service or both.
func (a *API) ListServiceNetworkServiceAssociations(ctx context.Context, in *vpclattice.ListServiceNetworkServiceAssociationsInput) (*vpclattice.ListServiceNetworkServiceAssociationsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	var rows iter.Seq[*lattice.NetworkService]
	switch {
	case in.ServiceNetworkIdentifier != nil:
		rows = state.NetworkServices.By(r, state.ByNetwork, lattice.IDOf(*in.ServiceNetworkIdentifier))
	case in.ServiceIdentifier != nil:
		rows = state.NetworkServices.By(r, state.ByService, lattice.IDOf(*in.ServiceIdentifier))
	default:
		return nil, lattice.Invalid("serviceNetworkIdentifier", "Either the service network or the service must be given.")
	}
	page, next, err := cut(where(rows, func(a *lattice.NetworkService) bool {
		return fits(in.ServiceNetworkIdentifier, a.Network, a.NetworkARN()) && fits(in.ServiceIdentifier, a.Service, a.ServiceARN()) && q.seesNetworkService(r, a)
	}), networkServiceID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServiceNetworkServiceAssociationsOutput{NextToken: next, Items: summaries(page, func(a *lattice.NetworkService) vpclattice.ServiceNetworkServiceAssociationSummary {
		s := q.showNetworkService(r, a)
		return vpclattice.ServiceNetworkServiceAssociationSummary{Id: s.Id, Status: s.Status, Arn: s.Arn, CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt,
			ServiceId: s.ServiceId, ServiceName: s.ServiceName, ServiceArn: s.ServiceArn, ServiceNetworkId: s.ServiceNetworkId,
			ServiceNetworkName: s.ServiceNetworkName, ServiceNetworkArn: s.ServiceNetworkArn, DnsEntry: s.DnsEntry, CustomDomainName: s.CustomDomainName}
	})}, nil
}

// fits reports whether a filter, an id or an ARN or nothing, lets the resource pass.
func fits(filter *string, id, resourceARN string) bool {
	return filter == nil || *filter == id || *filter == resourceARN
}

// DeleteServiceNetworkServiceAssociation begins to take a service out of a network. The owner of either may.
func (a *API) DeleteServiceNetworkServiceAssociation(ctx context.Context, in *vpclattice.DeleteServiceNetworkServiceAssociationInput) (*vpclattice.DeleteServiceNetworkServiceAssociationOutput, error) {
	var out *vpclattice.DeleteServiceNetworkServiceAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		as, rev, err := q.networkService(tx, in.ServiceNetworkServiceAssociationIdentifier)
		if err != nil {
			return err
		}
		if as.NetworkOwner != q.Account && as.ServiceOwner != q.Account {
			return q.denied("DeleteServiceNetworkServiceAssociation", as.ARN(q.Account))
		}
		out = &vpclattice.DeleteServiceNetworkServiceAssociationOutput{Id: new(as.ID), Status: new(lattice.Deleting), Arn: new(as.ARN(q.Account))}
		switch status := as.Status(realised(tx, rev, as.ID)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating:
			return busy(lattice.KindNetworkService, as.ID, status)
		}
		as.Deleting, as.Updated = true, q.now
		state.NetworkServices.Put(tx, as)
		return nil
	})
	return out, err
}
