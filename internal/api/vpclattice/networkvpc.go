package vpclattice

import (
	"context"
	"iter"
	"slices"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// maxGroups is how many security groups an association can have.
const maxGroups = 5

// CreateServiceNetworkVpcAssociation lets the workloads of a VPC of the caller's reach the services of a network.
func (a *API) CreateServiceNetworkVpcAssociation(ctx context.Context, in *vpclattice.CreateServiceNetworkVpcAssociationInput) (*vpclattice.CreateServiceNetworkVpcAssociationOutput, error) {
	var out *vpclattice.CreateServiceNetworkVpcAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		as, err := once(q, tx, "CreateServiceNetworkVpcAssociation", in.ClientToken, params, state.NetworkVPCs, networkVPCID, func() (*lattice.NetworkVPC, error) {
			return q.newNetworkVPC(tx, in)
		})
		if err != nil {
			return err
		}
		s := q.showNetworkVPC(tx, as)
		out = &vpclattice.CreateServiceNetworkVpcAssociationOutput{Id: s.Id, Status: s.Status, Arn: s.Arn, CreatedBy: s.CreatedBy,
			SecurityGroupIds: s.SecurityGroupIds, PrivateDnsEnabled: s.PrivateDnsEnabled, DnsOptions: s.DnsOptions}
		return nil
	})
	return out, err
}

func networkVPCID(a *lattice.NetworkVPC) string { return a.ID }

func (q *query) newNetworkVPC(tx *state.Tx, in *vpclattice.CreateServiceNetworkVpcAssociationInput) (*lattice.NetworkVPC, error) {
	n, err := q.network(tx, in.ServiceNetworkIdentifier)
	if err != nil {
		return nil, err
	}
	if err := byARN(in.ServiceNetworkIdentifier, lattice.KindNetwork, n.Owner == q.Owner); err != nil {
		return nil, err
	}
	if err := q.may(tx, n.Owner, n.ARN(), "CreateServiceNetworkVpcAssociation"); err != nil {
		return nil, err
	}
	v, err := q.vpc(tx, str(in.VpcIdentifier))
	if err != nil {
		return nil, err
	}
	groups, err := q.securityGroups(tx, v.ID, in.SecurityGroupIds)
	if err != nil {
		return nil, err
	}
	for other := range state.NetworkVPCs.By(tx, state.ByVPC, v.ID) {
		if other.Deleting {
			return nil, busy(lattice.KindNetworkVPC, other.ID, lattice.Deleting)
		}
		return nil, conflict(lattice.KindNetworkVPC, other.ID, "VPC has already been associated to a service network.")
	}
	if state.NetworkVPCs.Count(tx, state.ByNetwork, n.ID) >= lattice.MaxVPCsPerNetwork {
		return nil, quota(lattice.KindNetworkVPC, "", "A service network can have at most %d VPCs.", lattice.MaxVPCsPerNetwork)
	}
	meta, err := q.newMeta(lattice.KindNetworkVPC, "", in.Tags)
	if err != nil {
		return nil, err
	}
	as := &lattice.NetworkVPC{Meta: meta, Network: n.ID, NetworkOwner: n.Account, VPC: v.ID, SecurityGroups: groups, CreatedBy: q.Account}
	return as, setDNS(as, in.PrivateDnsEnabled, in.DnsOptions)
}

// securityGroups returns the groups once each, if all are of the VPC.
func (q *query) securityGroups(tx *state.Tx, vpcID string, ids []string) ([]string, error) {
	if len(ids) > maxGroups {
		return nil, lattice.Invalid("securityGroupIds", "At most %d security groups can be given.", maxGroups)
	}
	var out []string
	for _, id := range ids {
		g, ok := state.SecurityGroups.Get(tx, id)
		switch {
		case !ok || g.Owner != q.Owner:
			return nil, fault.New(fault.NotFound, "", "The security group '%s' does not exist.", clip(id)).About("SECURITY_GROUP", clip(id))
		case g.VPC != vpcID:
			return nil, lattice.Invalid("securityGroupIds", "The security group %s is not of the VPC %s.", id, vpcID)
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

func setDNS(a *lattice.NetworkVPC, enabled *bool, options *vpclattice.DnsOptions) error {
	if enabled != nil {
		a.PrivateDNS = *enabled
	}
	if options == nil {
		return nil
	}
	if !a.PrivateDNS {
		return lattice.Invalid("dnsOptions", "DNS options need private DNS to be enabled.")
	}
	preference := str(options.PrivateDnsPreference)
	lists := preference == "VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS" || preference == "SPECIFIED_DOMAINS_ONLY"
	switch {
	case !lists && preference != "" && preference != "VERIFIED_DOMAINS_ONLY" && preference != "ALL_DOMAINS":
		return lattice.Invalid("dnsOptions.privateDnsPreference", "'%.64s' is not a private DNS preference.", preference)
	case !lists && len(options.PrivateDnsSpecifiedDomains) > 0:
		return lattice.Invalid("dnsOptions.privateDnsSpecifiedDomains", "Domains can be specified only where the preference says so.")
	}
	a.DNSPreference, a.DNSDomains = preference, slices.Clone(options.PrivateDnsSpecifiedDomains)
	return nil
}

// realisedVPC is realised for an association: where its VPC cannot be made, nor can it.
func realisedVPC(r state.Reader, rev state.Revisions, a *lattice.NetworkVPC) lattice.Realisation {
	return realised(r, rev, a.ID, a.VPC)
}

func (q *query) showNetworkVPC(r state.Reader, a *lattice.NetworkVPC) *vpclattice.GetServiceNetworkVpcAssociationOutput {
	_, rev, _ := state.NetworkVPCs.Lookup(r, a.ID)
	real := realisedVPC(r, rev, a)
	status := a.Status(real)
	out := &vpclattice.GetServiceNetworkVpcAssociationOutput{Id: new(a.ID), Status: new(status), Arn: new(a.ARN(q.Account)), CreatedBy: new(a.CreatedBy),
		CreatedAt: new(a.Created), LastUpdatedAt: new(a.Meta.Updated), ServiceNetworkId: new(a.Network), VpcId: new(a.VPC),
		ServiceNetworkArn: new(a.NetworkARN()), SecurityGroupIds: slices.Clone(a.SecurityGroups), PrivateDnsEnabled: new(a.PrivateDNS)}
	if a.DNSPreference != "" || len(a.DNSDomains) > 0 {
		out.DnsOptions = &vpclattice.DnsOptions{PrivateDnsPreference: text(a.DNSPreference), PrivateDnsSpecifiedDomains: slices.Clone(a.DNSDomains)}
	}
	if n, ok := state.Networks.Get(r, a.Network); ok {
		out.ServiceNetworkName = new(n.Name)
	}
	out.FailureCode, out.FailureMessage = failure(status, real)
	return out
}

// GetServiceNetworkVpcAssociation describes an association.
func (a *API) GetServiceNetworkVpcAssociation(ctx context.Context, in *vpclattice.GetServiceNetworkVpcAssociationInput) (*vpclattice.GetServiceNetworkVpcAssociationOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	as, _, err := q.networkVPC(r, in.ServiceNetworkVpcAssociationIdentifier)
	if err != nil {
		return nil, err
	}
	return q.showNetworkVPC(r, as), nil
}

// ListServiceNetworkVpcAssociations lists the associations of a network, a VPC or both.
func (a *API) ListServiceNetworkVpcAssociations(ctx context.Context, in *vpclattice.ListServiceNetworkVpcAssociationsInput) (*vpclattice.ListServiceNetworkVpcAssociationsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	var rows iter.Seq[*lattice.NetworkVPC]
	switch {
	case in.ServiceNetworkIdentifier != nil:
		rows = state.NetworkVPCs.By(r, state.ByNetwork, lattice.IDOf(*in.ServiceNetworkIdentifier))
	case in.VpcIdentifier != nil:
		rows = state.NetworkVPCs.By(r, state.ByVPC, lattice.IDOf(*in.VpcIdentifier))
	default:
		return nil, lattice.Invalid("serviceNetworkIdentifier", "Either the service network or the VPC must be given.")
	}
	page, next, err := cut(where(rows, func(a *lattice.NetworkVPC) bool {
		return fits(in.ServiceNetworkIdentifier, a.Network, a.NetworkARN()) && fits(in.VpcIdentifier, a.VPC, a.VPCARN()) && q.seesNetworkVPC(r, a)
	}), networkVPCID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServiceNetworkVpcAssociationsOutput{NextToken: next, Items: summaries(page, func(a *lattice.NetworkVPC) vpclattice.ServiceNetworkVpcAssociationSummary {
		s := q.showNetworkVPC(r, a)
		return vpclattice.ServiceNetworkVpcAssociationSummary{Id: s.Id, Arn: s.Arn, Status: s.Status, CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt,
			ServiceNetworkId: s.ServiceNetworkId, ServiceNetworkName: s.ServiceNetworkName, ServiceNetworkArn: s.ServiceNetworkArn, VpcId: s.VpcId,
			PrivateDnsEnabled: s.PrivateDnsEnabled, DnsOptions: s.DnsOptions, LastUpdatedAt: s.LastUpdatedAt}
	})}, nil
}

// UpdateServiceNetworkVpcAssociation changes the security groups, of which at least one must stay.
func (a *API) UpdateServiceNetworkVpcAssociation(ctx context.Context, in *vpclattice.UpdateServiceNetworkVpcAssociationInput) (*vpclattice.UpdateServiceNetworkVpcAssociationOutput, error) {
	var out *vpclattice.UpdateServiceNetworkVpcAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		as, rev, err := q.networkVPC(tx, in.ServiceNetworkVpcAssociationIdentifier)
		if err != nil {
			return err
		}
		if as.Account != q.Account {
			return q.denied("UpdateServiceNetworkVpcAssociation", as.ARN(q.Account))
		}
		if status := as.Status(realisedVPC(tx, rev, as)); status != lattice.Active && status != lattice.UpdateFailed {
			return busy(lattice.KindNetworkVPC, as.ID, status)
		}
		if in.SecurityGroupIds != nil {
			groups, err := q.securityGroups(tx, as.VPC, in.SecurityGroupIds)
			if err != nil {
				return err
			}
			if len(groups) == 0 {
				return lattice.Invalid("securityGroupIds", "At least one security group must be given. To remove all, delete the association and make it anew.")
			}
			as.SecurityGroups, as.Updating = groups, true
		}
		if err := setDNS(as, in.PrivateDnsEnabled, in.DnsOptions); err != nil {
			return err
		}
		as.Meta.Updated = q.now
		state.NetworkVPCs.Put(tx, as)
		status := lattice.Active
		if as.Updating {
			status = lattice.Updating
		}
		s := q.showNetworkVPC(tx, as)
		out = &vpclattice.UpdateServiceNetworkVpcAssociationOutput{Id: s.Id, Arn: s.Arn, Status: new(status), CreatedBy: s.CreatedBy,
			SecurityGroupIds: s.SecurityGroupIds, PrivateDnsEnabled: s.PrivateDnsEnabled, DnsOptions: s.DnsOptions}
		return nil
	})
	return out, err
}

// DeleteServiceNetworkVpcAssociation begins to take a VPC out of a network. Both the network's owner and the VPC's may.
func (a *API) DeleteServiceNetworkVpcAssociation(ctx context.Context, in *vpclattice.DeleteServiceNetworkVpcAssociationInput) (*vpclattice.DeleteServiceNetworkVpcAssociationOutput, error) {
	var out *vpclattice.DeleteServiceNetworkVpcAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		as, rev, err := q.networkVPC(tx, in.ServiceNetworkVpcAssociationIdentifier)
		if err != nil {
			return err
		}
		if as.NetworkOwner != q.Account && as.Account != q.Account {
			return q.denied("DeleteServiceNetworkVpcAssociation", as.ARN(q.Account))
		}
		out = &vpclattice.DeleteServiceNetworkVpcAssociationOutput{Id: new(as.ID), Status: new(lattice.Deleting), Arn: new(as.ARN(q.Account))}
		switch status := as.Status(realisedVPC(tx, rev, as)); status {
		case lattice.Deleting:
			return nil
		case lattice.Creating, lattice.Updating:
			return busy(lattice.KindNetworkVPC, as.ID, status)
		}
		as.Deleting, as.Meta.Updated = true, q.now
		state.NetworkVPCs.Put(tx, as)
		return nil
	})
	return out, err
}
