package vpclattice

import (
	"context"
	"iter"

	"trellis/internal/arn"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func endpointID(e *vpc.Endpoint) string { return e.ID }

// ListServiceNetworkVpcEndpointAssociations lists the VPC endpoints of a network, for its owner and those who share it.
func (a *API) ListServiceNetworkVpcEndpointAssociations(ctx context.Context, in *vpclattice.ListServiceNetworkVpcEndpointAssociationsInput) (*vpclattice.ListServiceNetworkVpcEndpointAssociationsOutput, error) {
	if in.ServiceNetworkIdentifier == nil {
		return nil, lattice.Invalid("serviceNetworkIdentifier", "The service network must be given.")
	}
	r, q := a.view.Snapshot(), a.query(ctx)
	var rows iter.Seq[*vpc.Endpoint] = func(func(*vpc.Endpoint) bool) {}
	if n, err := q.network(r, in.ServiceNetworkIdentifier); err == nil {
		rows = state.Endpoints.By(r, state.ByNetwork, n.ID)
	}
	page, next, err := cut(rows, endpointID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListServiceNetworkVpcEndpointAssociationsOutput{NextToken: next, Items: summaries(page, func(e *vpc.Endpoint) vpclattice.ServiceNetworkEndpointAssociation {
		_, rev, _ := state.Endpoints.Lookup(r, e.ID)
		m := lattice.Meta{Deleting: e.Deleting}
		return vpclattice.ServiceNetworkEndpointAssociation{VpcEndpointId: new(e.ID), VpcId: new(e.VPC), VpcEndpointOwnerId: new(e.Account),
			Id: new(e.Association("vpce-sn-asc-", e.Target)), State: new(m.Status(realised(r, rev, e.ID, e.VPC))), ServiceNetworkArn: new(e.TargetARN()), CreatedAt: new(e.Created)}
	})}, nil
}

func endpointAssociationARN(e *vpc.Endpoint, account string) string {
	return arn.New("vpc-lattice", e.Region, account, "resourceendpointassociation/"+e.ResourceAssociation()).String()
}

// ListResourceEndpointAssociations lists the endpoints of a resource configuration: all to its owner, and to others their own.
func (a *API) ListResourceEndpointAssociations(ctx context.Context, in *vpclattice.ListResourceEndpointAssociationsInput) (*vpclattice.ListResourceEndpointAssociationsOutput, error) {
	if in.ResourceConfigurationIdentifier == nil {
		return nil, lattice.Invalid("resourceConfigurationIdentifier", "The resource configuration must be given.")
	}
	r, q := a.view.Snapshot(), a.query(ctx)
	var rows iter.Seq[*vpc.Endpoint] = func(func(*vpc.Endpoint) bool) {}
	c, err := q.configuration(r, in.ResourceConfigurationIdentifier)
	if err == nil {
		rows = where(state.Endpoints.By(r, state.ByResource, c.ID), func(e *vpc.Endpoint) bool {
			return !e.Deleting && !e.Detached && (c.Account == q.Account || e.Account == q.Account) && fits(in.VpcEndpointId, e.ID, e.ARN()) &&
				fits(in.VpcEndpointOwner, e.Account, e.Account) && fits(in.ResourceEndpointAssociationIdentifier, e.ResourceAssociation(), endpointAssociationARN(e, q.Account))
		})
	}
	page, next, err := cut(rows, endpointID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListResourceEndpointAssociationsOutput{NextToken: next, Items: summaries(page, func(e *vpc.Endpoint) vpclattice.ResourceEndpointAssociationSummary {
		return vpclattice.ResourceEndpointAssociationSummary{Id: new(e.ResourceAssociation()), Arn: new(endpointAssociationARN(e, q.Account)),
			ResourceConfigurationId: new(c.ID), ResourceConfigurationArn: new(c.ARN()), ResourceConfigurationName: new(c.Name), VpcEndpointId: new(e.ID),
			VpcEndpointOwner: new(e.Account), CreatedBy: new(e.Account), CreatedAt: new(e.Created)}
	})}, nil
}

// DeleteResourceEndpointAssociation takes a resource configuration of the caller's from an endpoint, which leads nowhere from then on.
func (a *API) DeleteResourceEndpointAssociation(ctx context.Context, in *vpclattice.DeleteResourceEndpointAssociationInput) (*vpclattice.DeleteResourceEndpointAssociationOutput, error) {
	var out *vpclattice.DeleteResourceEndpointAssociationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		id := str(in.ResourceEndpointAssociationIdentifier)
		for row := range state.Endpoints.By(tx, state.ByAssociation, lattice.IDOf(id)) {
			if row.Region != q.Region || row.TargetOwner != q.Account || !named(id, endpointAssociationARN(row, q.Account)) {
				break
			}
			e := *row
			for _, n := range row.Nodes {
				state.RemoveEndpoint(tx, &e, n.Subnet)
			}
			e.Detached = true
			state.Endpoints.Put(tx, &e)
			out = &vpclattice.DeleteResourceEndpointAssociationOutput{Id: new(e.ResourceAssociation()), Arn: new(endpointAssociationARN(&e, q.Account)),
				ResourceConfigurationId: new(e.Target), ResourceConfigurationArn: new(e.TargetARN()), VpcEndpointId: new(e.ID)}
			return nil
		}
		return absent(lattice.KindEndpoint, id)
	})
	return out, err
}
