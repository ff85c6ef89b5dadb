package aws

import (
	"context"
	"errors"
	"fmt"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// filters are EC2's, given as name, value, name, value.
func filters(pairs ...string) []types.Filter {
	var all []types.Filter
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, types.Filter{Name: awssdk.String(pairs[i]), Values: []string{pairs[i+1]}})
	}
	return all
}

func tagged(kind types.ResourceType, in engine.Properties) []types.TagSpecification {
	list := ec2Tags(tags(in))
	if len(list) == 0 {
		return nil
	}
	return []types.TagSpecification{{ResourceType: kind, Tags: list}}
}

func ec2Tags(all map[string]string) []types.Tag {
	return tagList(all, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// retag is the update of an EC2 resource's tags.
func (p *Provider) retag() update {
	return update{inputs: []string{"tags"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		var gone []types.Tag
		for _, key := range surplus(tags(old.Inputs), tags(in)) {
			gone = append(gone, types.Tag{Key: awssdk.String(key)})
		}
		if len(gone) > 0 {
			if _, err := p.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{old.ID}, Tags: gone}); err != nil {
				return err
			}
		}
		if list := ec2Tags(tags(in)); len(list) > 0 {
			_, err := p.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{old.ID}, Tags: list})
			return err
		}
		return nil
	}}
}

// owned is what EC2's resources show beyond their inputs.
func (p *Provider) owned(owner *string, kind, id string) engine.Properties {
	account := awssdk.ToString(owner)
	return engine.Properties{"arn": fmt.Sprintf("arn:aws:ec2:%s:%s:%s/%s", p.region, account, kind, id), "ownerId": account}
}

func (p *Provider) vpcKind() kind {
	attributes := update{inputs: []string{"enableDnsHostnames", "enableDnsSupport"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			return p.vpcAttributes(ctx, old.ID, old.Inputs, in)
		}}
	return kind{create: p.createVpc, read: p.readVpc, delete: p.deleteVpc, updates: []update{p.retag(), attributes}, defaults: engine.Properties{
		"enableDnsHostnames": false, "enableDnsSupport": true, "enableNetworkAddressUsageMetrics": false, "instanceTenancy": "default"}}
}

func (p *Provider) createVpc(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock:                   awssdk.String(text(in, "cidrBlock")),
		InstanceTenancy:             types.TenancyDefault,
		AmazonProvidedIpv6CidrBlock: awssdk.Bool(false),
		TagSpecifications:           tagged(types.ResourceTypeVpc, in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.Vpc.VpcId)}
	err = poll(ctx, "VPC "+made.ID, func() (bool, error) {
		vpc, err := p.describeVpc(ctx, made.ID)
		return err == nil && vpc != nil && vpc.State == types.VpcStateAvailable, err
	})
	if err != nil {
		return made, err
	}
	fresh := engine.Properties{"enableDnsHostnames": false, "enableDnsSupport": true}
	if err := p.vpcAttributes(ctx, made.ID, fresh, in); err != nil {
		return made, err
	}
	_, made.Outputs, err = p.readVpc(ctx, engine.Existing{ID: made.ID})
	return made, err
}

// describeVpc answers nil where there is none.
func (p *Provider) describeVpc(ctx context.Context, id string) (*types.Vpc, error) {
	out, err := p.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	if err != nil || len(out.Vpcs) == 0 {
		return nil, unless(err, "InvalidVpcID.NotFound")
	}
	return &out.Vpcs[0], nil
}

// vpcAttributes sets the attributes that differ, one a call, and waits until each shows.
func (p *Provider) vpcAttributes(ctx context.Context, id string, old, in engine.Properties) error {
	for _, attribute := range []struct {
		input string
		name  types.VpcAttributeName
		set   func(*ec2.ModifyVpcAttributeInput, *types.AttributeBooleanValue)
		shown func(*ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue
	}{
		{"enableDnsHostnames", types.VpcAttributeNameEnableDnsHostnames,
			func(m *ec2.ModifyVpcAttributeInput, v *types.AttributeBooleanValue) { m.EnableDnsHostnames = v },
			func(d *ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue { return d.EnableDnsHostnames }},
		{"enableDnsSupport", types.VpcAttributeNameEnableDnsSupport,
			func(m *ec2.ModifyVpcAttributeInput, v *types.AttributeBooleanValue) { m.EnableDnsSupport = v },
			func(d *ec2.DescribeVpcAttributeOutput) *types.AttributeBooleanValue { return d.EnableDnsSupport }},
	} {
		want := flag(in, attribute.input)
		if _, given := in[attribute.input]; !given || want == flag(old, attribute.input) {
			continue
		}
		modify := &ec2.ModifyVpcAttributeInput{VpcId: &id}
		attribute.set(modify, &types.AttributeBooleanValue{Value: &want})
		if _, err := p.ec2.ModifyVpcAttribute(ctx, modify); err != nil {
			return err
		}
		err := poll(ctx, attribute.input+" of "+id, func() (bool, error) {
			out, err := p.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: attribute.name})
			if err != nil {
				return false, err
			}
			value := attribute.shown(out)
			return value != nil && awssdk.ToBool(value.Value) == want, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) defaultGroup(ctx context.Context, vpc string) (string, error) {
	out, err := p.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters("group-name", "default", "vpc-id", vpc)})
	if err != nil {
		return "", err
	}
	if len(out.SecurityGroups) != 1 {
		return "", fmt.Errorf("VPC %s has %d default security groups", vpc, len(out.SecurityGroups))
	}
	return awssdk.ToString(out.SecurityGroups[0].GroupId), nil
}

func (p *Provider) deleteVpc(ctx context.Context, r engine.Existing) error {
	const gone = "InvalidVpcID.NotFound"
	err := whileRefused(ctx, "what uses VPC "+r.ID, func() error {
		_, err := p.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &r.ID})
		return unless(err, gone)
	}, "DependencyViolation")
	if err != nil {
		return err
	}
	return poll(ctx, "the end of VPC "+r.ID, func() (bool, error) {
		vpc, err := p.describeVpc(ctx, r.ID)
		return vpc == nil, err
	})
}

func (p *Provider) subnetKind() kind {
	return kind{create: p.createSubnet, read: p.readSubnet, delete: p.deleteSubnet, updates: []update{p.retag()}, defaults: engine.Properties{
		"mapPublicIpOnLaunch": false, "assignIpv6AddressOnCreation": false, "enableDns64": false}}
}

func (p *Provider) createSubnet(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId:             awssdk.String(text(in, "vpcId")),
		CidrBlock:         awssdk.String(text(in, "cidrBlock")),
		AvailabilityZone:  awssdk.String(text(in, "availabilityZone")),
		TagSpecifications: tagged(types.ResourceTypeSubnet, in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.Subnet.SubnetId)}
	err = poll(ctx, "subnet "+made.ID, func() (bool, error) {
		out, err := p.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{made.ID}})
		if err != nil || len(out.Subnets) == 0 {
			return false, unless(err, "InvalidSubnetID.NotFound")
		}
		made.Outputs = p.owned(out.Subnets[0].OwnerId, "subnet", made.ID)
		return out.Subnets[0].State == types.SubnetStateAvailable, nil
	})
	return made, err
}

func (p *Provider) deleteSubnet(ctx context.Context, r engine.Existing) error {
	if err := p.functionInterfacesGone(ctx, "subnet-id", r.ID); err != nil {
		return err
	}
	return whileRefused(ctx, "what uses subnet "+r.ID, func() error {
		_, err := p.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &r.ID})
		return unless(err, "InvalidSubnetID.NotFound")
	}, "DependencyViolation")
}

// functionInterfacesGone waits until no function's interface matches the filter: they outlive their function, and what
// they use cannot be deleted before. One that nothing uses any more is deleted here.
func (p *Provider) functionInterfacesGone(ctx context.Context, filter, value string) error {
	return poll(ctx, "functions' interfaces with "+value, func() (bool, error) {
		out, err := p.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: filters(filter, value, "description", "AWS Lambda VPC ENI*"),
		})
		if err != nil {
			return false, err
		}
		for _, i := range out.NetworkInterfaces {
			if i.Status != types.NetworkInterfaceStatusAvailable {
				continue
			}
			_, err := p.ec2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: i.NetworkInterfaceId})
			if err := unless(err, "InvalidNetworkInterfaceID.NotFound", "InvalidParameterValue", "OperationNotPermitted"); err != nil {
				return false, err
			}
		}
		return len(out.NetworkInterfaces) == 0, nil
	})
}

func (p *Provider) internetGatewayKind() kind {
	return kind{create: p.createInternetGateway, read: p.readInternetGateway, delete: p.deleteInternetGateway, updates: []update{p.retag()}}
}

func (p *Provider) createInternetGateway(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
		TagSpecifications: tagged(types.ResourceTypeInternetGateway, in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.InternetGateway.InternetGatewayId)}
	_, err = p.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
		InternetGatewayId: &made.ID, VpcId: awssdk.String(text(in, "vpcId")),
	})
	if err != nil {
		return made, err
	}
	err = poll(ctx, "the attachment of "+made.ID, func() (bool, error) {
		out, err := p.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{made.ID}})
		if err != nil || len(out.InternetGateways) == 0 {
			return false, unless(err, "InvalidInternetGatewayID.NotFound")
		}
		gateway := out.InternetGateways[0]
		made.Outputs = p.owned(gateway.OwnerId, "internet-gateway", made.ID)
		// EC2 says "available" of a gateway's attachment, which the SDK's type has no name for.
		return len(gateway.Attachments) == 1 && (gateway.Attachments[0].State == "available" || gateway.Attachments[0].State == types.AttachmentStatusAttached), nil
	})
	return made, err
}

func (p *Provider) deleteInternetGateway(ctx context.Context, r engine.Existing) error {
	const gone = "InvalidInternetGatewayID.NotFound"
	err := whileRefused(ctx, "what uses "+r.ID, func() error {
		_, err := p.ec2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{
			InternetGatewayId: &r.ID, VpcId: awssdk.String(text(r.Inputs, "vpcId")),
		})
		return unless(err, gone, "Gateway.NotAttached", "InvalidVpcID.NotFound")
	}, "DependencyViolation")
	if err != nil {
		return err
	}
	return whileRefused(ctx, "the end of "+r.ID, func() error {
		_, err := p.ec2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &r.ID})
		return unless(err, gone)
	}, "DependencyViolation")
}

func (p *Provider) peeringKind() kind {
	return kind{create: p.createPeering, read: p.readPeering, delete: p.deletePeering, unseen: []string{"autoAccept"}}
}

func (p *Provider) peering(ctx context.Context, id string) (*types.VpcPeeringConnection, error) {
	out, err := p.ec2.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}})
	if err != nil || len(out.VpcPeeringConnections) == 0 {
		return nil, unless(err, "InvalidVpcPeeringConnectionID.NotFound")
	}
	return &out.VpcPeeringConnections[0], nil
}

// peeringIs waits for one of the states; the peering may end in no other.
func (p *Provider) peeringIs(ctx context.Context, id string, states ...types.VpcPeeringConnectionStateReasonCode) error {
	return poll(ctx, "peering "+id, func() (bool, error) {
		peering, err := p.peering(ctx, id)
		if err != nil || peering == nil || peering.Status == nil {
			return false, err
		}
		for _, state := range states {
			if peering.Status.Code == state {
				return true, nil
			}
		}
		switch peering.Status.Code {
		case types.VpcPeeringConnectionStateReasonCodeFailed, types.VpcPeeringConnectionStateReasonCodeRejected,
			types.VpcPeeringConnectionStateReasonCodeExpired, types.VpcPeeringConnectionStateReasonCodeDeleted:
			return false, fmt.Errorf("peering %s is %s: %s", id, peering.Status.Code, awssdk.ToString(peering.Status.Message))
		}
		return false, nil
	})
}

func (p *Provider) createPeering(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{
		VpcId:     awssdk.String(text(in, "vpcId")),
		PeerVpcId: awssdk.String(text(in, "peerVpcId")),
	})
	if err != nil {
		return engine.Made{}, err
	}
	const active = types.VpcPeeringConnectionStateReasonCodeActive
	made := engine.Made{ID: awssdk.ToString(out.VpcPeeringConnection.VpcPeeringConnectionId), Outputs: engine.Properties{}}
	if err := p.peeringIs(ctx, made.ID, types.VpcPeeringConnectionStateReasonCodePendingAcceptance, active); err != nil {
		return made, err
	}
	if !flag(in, "autoAccept") {
		return made, nil
	}
	if _, err := p.ec2.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &made.ID}); err != nil {
		return made, err
	}
	err = p.peeringIs(ctx, made.ID, active)
	made.Outputs["acceptStatus"] = string(active)
	return made, err
}

func (p *Provider) deletePeering(ctx context.Context, r engine.Existing) error {
	_, err := p.ec2.DeleteVpcPeeringConnection(ctx, &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: &r.ID})
	if err := unless(err, "InvalidVpcPeeringConnectionID.NotFound", "InvalidStateTransition"); err != nil {
		return err
	}
	return poll(ctx, "the end of "+r.ID, func() (bool, error) {
		peering, err := p.peering(ctx, r.ID)
		return peering == nil || peering.Status != nil && peering.Status.Code == types.VpcPeeringConnectionStateReasonCodeDeleted, err
	})
}

func (p *Provider) peeringOptionsKind() kind {
	set := func(ctx context.Context, id string, in engine.Properties) error {
		side := func(key string) *types.PeeringConnectionOptionsRequest {
			if _, given := in[key]; !given {
				return nil
			}
			return &types.PeeringConnectionOptionsRequest{
				AllowDnsResolutionFromRemoteVpc: awssdk.Bool(flag(object(in, key), "allowRemoteVpcDnsResolution")),
			}
		}
		out, err := p.ec2.ModifyVpcPeeringConnectionOptions(ctx, &ec2.ModifyVpcPeeringConnectionOptionsInput{
			VpcPeeringConnectionId:            &id,
			AccepterPeeringConnectionOptions:  side("accepter"),
			RequesterPeeringConnectionOptions: side("requester"),
		})
		if err != nil {
			return err
		}
		if out.AccepterPeeringConnectionOptions == nil || out.RequesterPeeringConnectionOptions == nil {
			return errors.New("the options were not answered")
		}
		_, err = p.peering(ctx, id)
		return err
	}
	return kind{
		create: func(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
			id := text(in, "vpcPeeringConnectionId")
			return engine.Made{ID: id, Outputs: engine.Properties{}}, set(ctx, id, in)
		},
		read: p.readPeeringOptions,
		// The options go with their peering.
		delete: func(context.Context, engine.Existing) error { return nil },
		updates: []update{{inputs: []string{"accepter", "requester"},
			apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
				return set(ctx, old.ID, in)
			}}},
	}
}
