package aws

import (
	"context"
	"fmt"
	"hash/crc32"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const noRouteTable = "InvalidRouteTableID.NotFound"

func (p *Provider) routeTable(ctx context.Context, id string) (*types.RouteTable, error) {
	out, err := p.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{id}})
	if err != nil || len(out.RouteTables) == 0 {
		return nil, unless(err, noRouteTable)
	}
	return &out.RouteTables[0], nil
}

func (p *Provider) routeTableKind() kind {
	return kind{create: p.createRouteTable, read: p.readRouteTable, delete: p.deleteRouteTable, updates: []update{p.retag()}}
}

func (p *Provider) createRouteTable(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
		VpcId:             awssdk.String(text(in, "vpcId")),
		ClientToken:       awssdk.String(uniqueName("route-table")),
		TagSpecifications: tagged(types.ResourceTypeRouteTable, in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.RouteTable.RouteTableId)}
	err = poll(ctx, "route table "+made.ID, func() (bool, error) {
		table, err := p.routeTable(ctx, made.ID)
		if err != nil || table == nil {
			return false, err
		}
		made.Outputs = p.owned(table.OwnerId, "route-table", made.ID)
		return true, nil
	})
	return made, err
}

func (p *Provider) deleteRouteTable(ctx context.Context, r engine.Existing) error {
	_, err := p.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &r.ID})
	if err := unless(err, noRouteTable); err != nil {
		return err
	}
	return poll(ctx, "the end of "+r.ID, func() (bool, error) {
		table, err := p.routeTable(ctx, r.ID)
		return table == nil, err
	})
}

func (p *Provider) routeTableAssociationKind() kind {
	return kind{create: p.associateRouteTable, read: p.readRouteTableAssociation, delete: p.disassociateRouteTable}
}

func (p *Provider) associateRouteTable(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{
		RouteTableId: awssdk.String(text(in, "routeTableId")),
		SubnetId:     awssdk.String(text(in, "subnetId")),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.AssociationId), Outputs: engine.Properties{}}
	err = poll(ctx, "association "+made.ID, func() (bool, error) {
		association, err := p.routeTableAssociation(ctx, made.ID)
		if err != nil || association == nil {
			return false, err
		}
		state := association.AssociationState
		if state != nil && state.State == types.RouteTableAssociationStateCodeFailed {
			return false, fmt.Errorf("association %s failed: %s", made.ID, awssdk.ToString(state.StatusMessage))
		}
		return state == nil || state.State == types.RouteTableAssociationStateCodeAssociated, nil
	})
	return made, err
}

func (p *Provider) routeTableAssociation(ctx context.Context, id string) (*types.RouteTableAssociation, error) {
	out, err := p.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: filters("association.route-table-association-id", id),
	})
	if err != nil {
		return nil, err
	}
	for _, table := range out.RouteTables {
		for _, association := range table.Associations {
			if awssdk.ToString(association.RouteTableAssociationId) == id {
				return &association, nil
			}
		}
	}
	return nil, nil
}

func (p *Provider) disassociateRouteTable(ctx context.Context, r engine.Existing) error {
	_, err := p.ec2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &r.ID})
	if err := unless(err, "InvalidAssociationID.NotFound"); err != nil {
		return err
	}
	return poll(ctx, "the end of "+r.ID, func() (bool, error) {
		association, err := p.routeTableAssociation(ctx, r.ID)
		return association == nil ||
			association.AssociationState != nil && association.AssociationState.State == types.RouteTableAssociationStateCodeDisassociated, err
	})
}

func (p *Provider) routeKind() kind {
	return kind{create: p.createRoute, read: p.readRoute, delete: p.deleteRoute}
}

func (p *Provider) createRoute(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
	table, destination := text(in, "routeTableId"), text(in, "destinationCidrBlock")
	create := &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: &destination}
	if gateway := text(in, "gatewayId"); gateway != "" {
		create.GatewayId = &gateway
	}
	if peering := text(in, "vpcPeeringConnectionId"); peering != "" {
		create.VpcPeeringConnectionId = &peering
	}
	err := whileRefused(ctx, "the next hop of "+destination, func() error {
		_, err := p.ec2.CreateRoute(ctx, create)
		return err
	}, "InvalidParameterException", "InvalidTransitGatewayID.NotFound")
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{
		ID:      fmt.Sprintf("r-%s%d", table, crc32.ChecksumIEEE([]byte(destination))),
		Outputs: engine.Properties{},
	}
	err = poll(ctx, "route to "+destination, func() (bool, error) {
		route, err := p.route(ctx, table, destination)
		return route != nil && route.State == types.RouteStateActive, err
	})
	return made, err
}

func (p *Provider) route(ctx context.Context, table, destination string) (*types.Route, error) {
	found, err := p.routeTable(ctx, table)
	if err != nil || found == nil {
		return nil, err
	}
	for _, route := range found.Routes {
		if awssdk.ToString(route.DestinationCidrBlock) == destination {
			return &route, nil
		}
	}
	return nil, nil
}

func (p *Provider) deleteRoute(ctx context.Context, r engine.Existing) error {
	table, destination := text(r.Inputs, "routeTableId"), text(r.Inputs, "destinationCidrBlock")
	_, err := p.ec2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: &destination})
	if err := unless(err, "InvalidRoute.NotFound", noRouteTable); err != nil {
		return err
	}
	return poll(ctx, "the end of the route to "+destination, func() (bool, error) {
		route, err := p.route(ctx, table, destination)
		return route == nil, err
	})
}

const noGroup = "InvalidGroup.NotFound"

func (p *Provider) securityGroupKind() kind {
	rules := update{inputs: []string{"ingress", "egress"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			if err := p.revoke(ctx, old.ID, old.Inputs); err != nil {
				return err
			}
			return p.authorize(ctx, old.ID, in)
		}}
	return kind{create: p.createSecurityGroup, read: p.readSecurityGroup, delete: p.deleteSecurityGroup,
		updates: []update{p.retag(), rules}, computed: []string{"name"}}
}

func (p *Provider) securityGroup(ctx context.Context, id string) (*types.SecurityGroup, error) {
	out, err := p.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil || len(out.SecurityGroups) == 0 {
		return nil, unless(err, noGroup)
	}
	return &out.SecurityGroups[0], nil
}

func (p *Provider) createSecurityGroup(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	out, err := p.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName:         awssdk.String(given(in, "name", name)),
		Description:       awssdk.String(text(in, "description")),
		VpcId:             awssdk.String(text(in, "vpcId")),
		TagSpecifications: tagged(types.ResourceTypeSecurityGroup, in),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: awssdk.ToString(out.GroupId)}
	var owner *string
	err = poll(ctx, "security group "+made.ID, func() (bool, error) {
		group, err := p.securityGroup(ctx, made.ID)
		if group != nil {
			owner = group.OwnerId
		}
		return group != nil, err
	})
	if err != nil {
		return made, err
	}
	// A new group lets everything out; the rules are the program's alone.
	for _, everywhere := range []types.IpPermission{
		{IpProtocol: awssdk.String("-1"), IpRanges: []types.IpRange{{CidrIp: awssdk.String("0.0.0.0/0")}}},
		{IpProtocol: awssdk.String("-1"), Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: awssdk.String("::/0")}}},
	} {
		_, err := p.ec2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: &made.ID, IpPermissions: []types.IpPermission{everywhere},
		})
		if err := unless(err, "InvalidPermission.NotFound"); err != nil {
			return made, err
		}
	}
	if err := p.authorize(ctx, made.ID, in); err != nil {
		return made, err
	}
	group, err := p.securityGroup(ctx, made.ID)
	if err != nil {
		return made, err
	}
	if group == nil {
		return made, fmt.Errorf("security group %s is not there", made.ID)
	}
	made.Outputs = p.owned(owner, "security-group", made.ID)
	made.Outputs["name"] = awssdk.ToString(group.GroupName)
	return made, nil
}

// permissions are inline rules as EC2 takes them; protocol -1 has no ports.
func permissions(rules []engine.Properties) []types.IpPermission {
	var all []types.IpPermission
	for _, rule := range rules {
		permission := types.IpPermission{IpProtocol: awssdk.String(text(rule, "protocol"))}
		if *permission.IpProtocol != "-1" {
			permission.FromPort = awssdk.Int32(number(rule, "fromPort"))
			permission.ToPort = awssdk.Int32(number(rule, "toPort"))
		}
		var description *string
		if d := text(rule, "description"); d != "" {
			description = &d
		}
		for _, cidr := range texts(rule, "cidrBlocks") {
			permission.IpRanges = append(permission.IpRanges, types.IpRange{CidrIp: &cidr, Description: description})
		}
		for _, cidr := range texts(rule, "ipv6CidrBlocks") {
			permission.Ipv6Ranges = append(permission.Ipv6Ranges, types.Ipv6Range{CidrIpv6: &cidr, Description: description})
		}
		all = append(all, permission)
	}
	return all
}

func (p *Provider) authorize(ctx context.Context, id string, in engine.Properties) error {
	const already = "InvalidPermission.Duplicate"
	if rules := permissions(objects(in, "ingress")); len(rules) > 0 {
		_, err := p.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: rules})
		if err := unless(err, already); err != nil {
			return err
		}
	}
	if rules := permissions(objects(in, "egress")); len(rules) > 0 {
		_, err := p.ec2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: rules})
		return unless(err, already)
	}
	return nil
}

func (p *Provider) revoke(ctx context.Context, id string, in engine.Properties) error {
	const gone = "InvalidPermission.NotFound"
	if rules := permissions(objects(in, "ingress")); len(rules) > 0 {
		_, err := p.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: rules})
		if err := unless(err, gone); err != nil {
			return err
		}
	}
	if rules := permissions(objects(in, "egress")); len(rules) > 0 {
		_, err := p.ec2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: rules})
		return unless(err, gone)
	}
	return nil
}

func (p *Provider) deleteSecurityGroup(ctx context.Context, r engine.Existing) error {
	if err := p.functionInterfacesGone(ctx, "group-id", r.ID); err != nil {
		return err
	}
	err := whileRefused(ctx, "what uses security group "+r.ID, func() error {
		_, err := p.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &r.ID})
		return unless(err, noGroup)
	}, "DependencyViolation", "InvalidGroup.InUse")
	if err != nil {
		return err
	}
	return poll(ctx, "the end of "+r.ID, func() (bool, error) {
		group, err := p.securityGroup(ctx, r.ID)
		return group == nil, err
	})
}
