package vpclattice

import (
	"context"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
)

// ListServiceNetworkVpcEndpointAssociations lists the endpoints of a network. There are none: nothing makes endpoints here.
func (a *API) ListServiceNetworkVpcEndpointAssociations(_ context.Context, in *vpclattice.ListServiceNetworkVpcEndpointAssociationsInput) (*vpclattice.ListServiceNetworkVpcEndpointAssociationsOutput, error) {
	if in.ServiceNetworkIdentifier == nil {
		return nil, lattice.Invalid("serviceNetworkIdentifier", "The service network must be given.")
	}
	return &vpclattice.ListServiceNetworkVpcEndpointAssociationsOutput{Items: []vpclattice.ServiceNetworkEndpointAssociation{}}, nil
}

// ListServiceNetworkResourceAssociations lists the resource configurations of a network. There are none: nothing makes
// resource configurations here.
func (a *API) ListServiceNetworkResourceAssociations(_ context.Context, in *vpclattice.ListServiceNetworkResourceAssociationsInput) (*vpclattice.ListServiceNetworkResourceAssociationsOutput, error) {
	if in.ServiceNetworkIdentifier == nil && in.ResourceConfigurationIdentifier == nil {
		return nil, lattice.Invalid("serviceNetworkIdentifier", "Either the service network or the resource configuration must be given.")
	}
	return &vpclattice.ListServiceNetworkResourceAssociationsOutput{Items: []vpclattice.ServiceNetworkResourceAssociationSummary{}}, nil
}
