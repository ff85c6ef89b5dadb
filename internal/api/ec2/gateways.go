package ec2

import (
	"context"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// CreateInternetGateway makes a gateway that is not attached.
func (a *API) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	o := owner(ctx)
	tags, err := tagsFor(in.TagSpecifications, "internet-gateway")
	if err != nil {
		return nil, err
	}
	var g *vpc.InternetGateway
	err = a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		if state.InternetGateways.Count(tx, state.ByScope, o.Scope()) >= vpc.MaxInternetGateways {
			return fault.New(fault.Quota, "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
		}
		g = &vpc.InternetGateway{Owner: o, ID: arn.MintHex("igw-"), Tags: tags}
		state.InternetGateways.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateInternetGatewayOutput{InternetGateway: new(showGateway(nil, g))}, nil
}

func showGateway(_ *state.Snapshot, g *vpc.InternetGateway) ec2.InternetGateway {
	out := ec2.InternetGateway{InternetGatewayId: new(g.ID), OwnerId: new(g.Account), Tags: showTags(g.Tags), Attachments: []ec2.InternetGatewayAttachment{}}
	if g.VPC != "" {
		out.Attachments = []ec2.InternetGatewayAttachment{{State: new("available"), VpcId: new(g.VPC)}}
	}
	return out
}

func gatewayFields(g *ec2.InternetGateway, filter string) ([]string, bool) {
	switch filter {
	case "attachment.state":
		return each(g.Attachments, func(a *ec2.InternetGatewayAttachment) *string { return a.State }), true
	case "attachment.vpc-id":
		return each(g.Attachments, func(a *ec2.InternetGatewayAttachment) *string { return a.VpcId }), true
	case "internet-gateway-id":
		return one(g.InternetGatewayId), true
	case "owner-id":
		return one(g.OwnerId), true
	}
	return nil, false
}

// DescribeInternetGateways lists internet gateways.
func (a *API) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	l := &listing[vpc.InternetGateway, ec2.InternetGateway]{table: state.InternetGateways, id: func(g *vpc.InternetGateway) string { return g.ID },
		owned:  func(g *vpc.InternetGateway, o vpc.Owner) bool { return g.Owner == o },
		absent: noGateway, show: showGateway, tags: func(g *ec2.InternetGateway) []ec2.Tag { return g.Tags }, fields: gatewayFields,
		index: func(filter string) string {
			if filter == "attachment.vpc-id" {
				return state.ByVPC
			}
			return ""
		}}
	out, next, err := describe(ctx, a.view.Snapshot(), l, query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInternetGatewaysOutput{InternetGateways: out, NextToken: next}, nil
}

// AttachInternetGateway connects a VPC to a gateway. A VPC has one at most, and a gateway one VPC.
func (a *API) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	o := owner(ctx)
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		g, err := gatewayOf(tx, o, str(in.InternetGatewayId))
		if err != nil {
			return err
		}
		v, err := vpcOf(tx, o, str(in.VpcId))
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return fault.New(fault.Conflict, "Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
		}
		for other := range state.InternetGateways.By(tx, state.ByVPC, v.ID) {
			return invalid("Network %s already has an internet gateway attached: %s", v.ID, other.ID)
		}
		g.VPC = v.ID
		state.InternetGateways.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.AttachInternetGatewayOutput{}, nil
}

// DetachInternetGateway disconnects a VPC from its gateway. Routes to the gateway stay and lead nowhere.
func (a *API) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	o := owner(ctx)
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		g, err := gatewayOf(tx, o, str(in.InternetGatewayId))
		if err != nil {
			return err
		}
		v, err := vpcOf(tx, o, str(in.VpcId))
		if err != nil {
			return err
		}
		if g.VPC != v.ID {
			return fault.New(fault.Conflict, "Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
		}
		g.VPC = ""
		state.InternetGateways.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DetachInternetGatewayOutput{}, nil
}

// DeleteInternetGateway removes a gateway that is not attached.
func (a *API) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	err := a.update(ctx, in.DryRun, func(tx *state.Tx) error {
		g, err := gatewayOf(tx, owner(ctx), str(in.InternetGatewayId))
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return dependency("The internetGateway '%s' has dependencies and cannot be deleted.", g.ID)
		}
		state.InternetGateways.Delete(tx, g.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteInternetGatewayOutput{}, nil
}
