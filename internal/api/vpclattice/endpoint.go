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
