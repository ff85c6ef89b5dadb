package aws

import (
	"context"
	"maps"
	"slices"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func shownTags(tags []types.Tag) engine.Properties {
	return shownPairs(tags, func(tag types.Tag) (key, value *string) { return tag.Key, tag.Value })
}

func (p *Provider) readVpc(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	vpc, err := p.describeVpc(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if vpc == nil {
		return nil, nil, engine.ErrGone
	}
	inputs = engine.Properties{"cidrBlock": awssdk.ToString(vpc.CidrBlock), "instanceTenancy": string(vpc.InstanceTenancy), "tags": shownTags(vpc.Tags)}
	for _, attribute := range []struct {
		input string
		name  types.VpcAttributeName
	}{
		{"enableDnsHostnames", types.VpcAttributeNameEnableDnsHostnames},
		{"enableDnsSupport", types.VpcAttributeNameEnableDnsSupport},
		{"enableNetworkAddressUsageMetrics", types.VpcAttributeNameEnableNetworkAddressUsageMetrics},
	} {
		out, err := p.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &r.ID, Attribute: attribute.name})
		if err != nil {
			return nil, nil, err
		}
		inputs[attribute.input] = nil
		for _, value := range []*types.AttributeBooleanValue{out.EnableDnsHostnames, out.EnableDnsSupport, out.EnableNetworkAddressUsageMetrics} {
			if value != nil {
				inputs[attribute.input] = shown(value.Value)
			}
		}
	}
	acls, err := p.ec2.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: filters("default", "true", "vpc-id", r.ID)})
	if err != nil {
		return nil, nil, err
	}
	tables, err := p.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters("association.main", "true", "vpc-id", r.ID)})
	if err != nil {
		return nil, nil, err
	}
	group, err := p.defaultGroup(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	outputs = p.owned(vpc.OwnerId, "vpc", r.ID)
	outputs["cidrBlock"] = awssdk.ToString(vpc.CidrBlock)
	outputs["defaultSecurityGroupId"] = group
	if len(acls.NetworkAcls) == 1 {
		outputs["defaultNetworkAclId"] = awssdk.ToString(acls.NetworkAcls[0].NetworkAclId)
	}
	if len(tables.RouteTables) == 1 {
		outputs["mainRouteTableId"] = awssdk.ToString(tables.RouteTables[0].RouteTableId)
	}
	return inputs, outputs, nil
}

func (p *Provider) readSubnet(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{r.ID}})
	if hasCode(err, "InvalidSubnetID.NotFound") || err == nil && len(out.Subnets) == 0 {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	subnet := out.Subnets[0]
	return engine.Properties{
		"vpcId":                       awssdk.ToString(subnet.VpcId),
		"cidrBlock":                   awssdk.ToString(subnet.CidrBlock),
		"availabilityZone":            awssdk.ToString(subnet.AvailabilityZone),
		"mapPublicIpOnLaunch":         shown(subnet.MapPublicIpOnLaunch),
		"assignIpv6AddressOnCreation": shown(subnet.AssignIpv6AddressOnCreation),
		"enableDns64":                 shown(subnet.EnableDns64),
		"tags":                        shownTags(subnet.Tags),
	}, p.owned(subnet.OwnerId, "subnet", r.ID), nil
}

func (p *Provider) readInternetGateway(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{r.ID}})
	if hasCode(err, "InvalidInternetGatewayID.NotFound") || err == nil && len(out.InternetGateways) == 0 {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	gateway := out.InternetGateways[0]
	inputs = engine.Properties{"tags": shownTags(gateway.Tags)}
	for _, attachment := range gateway.Attachments {
		inputs["vpcId"] = awssdk.ToString(attachment.VpcId)
	}
	return inputs, p.owned(gateway.OwnerId, "internet-gateway", r.ID), nil
}

// standingPeering answers engine.ErrGone of a peering that has ended, which EC2 shows for a while.
func (p *Provider) standingPeering(ctx context.Context, id string) (*types.VpcPeeringConnection, error) {
	peering, err := p.peering(ctx, id)
	if err != nil {
		return nil, err
	}
	if peering == nil || peering.Status == nil || slices.Contains([]types.VpcPeeringConnectionStateReasonCode{
		types.VpcPeeringConnectionStateReasonCodeDeleted, types.VpcPeeringConnectionStateReasonCodeDeleting,
		types.VpcPeeringConnectionStateReasonCodeExpired, types.VpcPeeringConnectionStateReasonCodeFailed,
		types.VpcPeeringConnectionStateReasonCodeRejected,
	}, peering.Status.Code) {
		return nil, engine.ErrGone
	}
	return peering, nil
}

func (p *Provider) readPeering(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	peering, err := p.standingPeering(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	inputs = engine.Properties{"tags": shownTags(peering.Tags)}
	for input, side := range map[string]*types.VpcPeeringConnectionVpcInfo{
		"vpcId": peering.RequesterVpcInfo, "peerVpcId": peering.AccepterVpcInfo,
	} {
		if side != nil {
			inputs[input] = awssdk.ToString(side.VpcId)
		}
	}
	outputs = engine.Properties{}
	if flag(r.Inputs, "autoAccept") {
		outputs["acceptStatus"] = string(peering.Status.Code)
	}
	return inputs, outputs, nil
}

func (p *Provider) readPeeringOptions(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	peering, err := p.standingPeering(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	inputs = engine.Properties{"vpcPeeringConnectionId": r.ID}
	for input, side := range map[string]*types.VpcPeeringConnectionVpcInfo{
		"requester": peering.RequesterVpcInfo, "accepter": peering.AccepterVpcInfo,
	} {
		if side != nil && side.PeeringOptions != nil {
			inputs[input] = engine.Properties{"allowRemoteVpcDnsResolution": shown(side.PeeringOptions.AllowDnsResolutionFromRemoteVpc)}
		}
	}
	return inputs, engine.Properties{}, nil
}

func (p *Provider) readRouteTable(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	table, err := p.routeTable(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if table == nil {
		return nil, nil, engine.ErrGone
	}
	return engine.Properties{"vpcId": awssdk.ToString(table.VpcId), "tags": shownTags(table.Tags)}, p.owned(table.OwnerId, "route-table", r.ID), nil
}

func (p *Provider) readRouteTableAssociation(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	association, err := p.routeTableAssociation(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if association == nil {
		return nil, nil, engine.ErrGone
	}
	return engine.Properties{
		"routeTableId": awssdk.ToString(association.RouteTableId), "subnetId": awssdk.ToString(association.SubnetId),
	}, engine.Properties{}, nil
}

func (p *Provider) readRoute(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	table := text(r.Inputs, "routeTableId")
	route, err := p.route(ctx, table, text(r.Inputs, "destinationCidrBlock"))
	if err != nil {
		return nil, nil, err
	}
	if route == nil {
		return nil, nil, engine.ErrGone
	}
	inputs = engine.Properties{"routeTableId": table}
	for input, value := range map[string]*string{
		"destinationCidrBlock": route.DestinationCidrBlock, "gatewayId": route.GatewayId, "vpcPeeringConnectionId": route.VpcPeeringConnectionId,
	} {
		if value != nil {
			inputs[input] = *value
		}
	}
	return inputs, engine.Properties{}, nil
}

func (p *Provider) readSecurityGroup(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	group, err := p.securityGroup(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if group == nil {
		return nil, nil, engine.ErrGone
	}
	outputs = p.owned(group.OwnerId, "security-group", r.ID)
	outputs["name"] = awssdk.ToString(group.GroupName)
	inputs = engine.Properties{
		"name":        awssdk.ToString(group.GroupName),
		"description": awssdk.ToString(group.Description),
		"vpcId":       awssdk.ToString(group.VpcId),
		"tags":        shownTags(group.Tags),
	}
	for input, rules := range map[string][]types.IpPermission{"ingress": group.IpPermissions, "egress": group.IpPermissionsEgress} {
		if len(rules) > 0 {
			inputs[input] = shownRules(rules)
		}
	}
	return inputs, outputs, nil
}

// shownRules are permissions as inline rules: one for every description a permission has.
func shownRules(all []types.IpPermission) []any {
	var rules []any
	for _, permission := range all {
		described := map[string]engine.Properties{}
		add := func(key string, cidr, description *string) {
			rule, ok := described[awssdk.ToString(description)]
			if !ok {
				rule = engine.Properties{
					"protocol": awssdk.ToString(permission.IpProtocol),
					"fromPort": awssdk.ToInt32(permission.FromPort),
					"toPort":   awssdk.ToInt32(permission.ToPort),
				}
				if description != nil {
					rule["description"] = *description
				}
				described[awssdk.ToString(description)] = rule
			}
			list, _ := rule[key].([]any)
			rule[key] = append(list, awssdk.ToString(cidr))
		}
		for _, r := range permission.IpRanges {
			add("cidrBlocks", r.CidrIp, r.Description)
		}
		for _, r := range permission.Ipv6Ranges {
			add("ipv6CidrBlocks", r.CidrIpv6, r.Description)
		}
		for _, description := range slices.Sorted(maps.Keys(described)) {
			rules = append(rules, described[description])
		}
	}
	return rules
}
