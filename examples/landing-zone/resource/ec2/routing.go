package ec2

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RouteTable is aws:ec2/routeTable:RouteTable.
type RouteTable struct {
	pulumi.CustomResourceState
}

// RouteTableArgs are the inputs of a RouteTable.
type RouteTableArgs struct {
	VpcId pulumi.StringInput    `pulumi:"vpcId"`
	Tags  pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (RouteTableArgs) ElementType() reflect.Type { return schema.Element[RouteTableArgs]() }

// NewRouteTable registers a RouteTable.
func NewRouteTable(ctx *pulumi.Context, name string, args RouteTableArgs, opts ...pulumi.ResourceOption) (*RouteTable, error) {
	return schema.Register[RouteTable](ctx, "aws:ec2/routeTable:RouteTable", name, args, opts)
}

// RouteTableAssociation is aws:ec2/routeTableAssociation:RouteTableAssociation.
type RouteTableAssociation struct {
	pulumi.CustomResourceState
}

// RouteTableAssociationArgs are the inputs of a RouteTableAssociation.
type RouteTableAssociationArgs struct {
	RouteTableId pulumi.StringInput `pulumi:"routeTableId"`
	SubnetId     pulumi.StringInput `pulumi:"subnetId"`
}

// ElementType implements pulumi.Input.
func (RouteTableAssociationArgs) ElementType() reflect.Type {
	return schema.Element[RouteTableAssociationArgs]()
}

// NewRouteTableAssociation registers a RouteTableAssociation.
func NewRouteTableAssociation(ctx *pulumi.Context, name string, args RouteTableAssociationArgs, opts ...pulumi.ResourceOption) (*RouteTableAssociation, error) {
	return schema.Register[RouteTableAssociation](ctx, "aws:ec2/routeTableAssociation:RouteTableAssociation", name, args, opts)
}

// Route is aws:ec2/route:Route.
type Route struct {
	pulumi.CustomResourceState
}

// RouteArgs are the inputs of a Route; one of GatewayId and VpcPeeringConnectionId names the next hop.
type RouteArgs struct {
	RouteTableId           pulumi.StringInput `pulumi:"routeTableId"`
	DestinationCidrBlock   pulumi.StringInput `pulumi:"destinationCidrBlock"`
	GatewayId              pulumi.StringInput `pulumi:"gatewayId"`
	VpcPeeringConnectionId pulumi.StringInput `pulumi:"vpcPeeringConnectionId"`
}

// ElementType implements pulumi.Input.
func (RouteArgs) ElementType() reflect.Type { return schema.Element[RouteArgs]() }

// NewRoute registers a Route.
func NewRoute(ctx *pulumi.Context, name string, args RouteArgs, opts ...pulumi.ResourceOption) (*Route, error) {
	return schema.Register[Route](ctx, "aws:ec2/route:Route", name, args, opts)
}

// SecurityGroup is aws:ec2/securityGroup:SecurityGroup.
type SecurityGroup struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// SecurityGroupArgs are the inputs of a SecurityGroup; Ingress and Egress hold SecurityGroupRuleArgs.
type SecurityGroupArgs struct {
	Description pulumi.StringInput    `pulumi:"description"`
	VpcId       pulumi.StringInput    `pulumi:"vpcId"`
	Ingress     pulumi.ArrayInput     `pulumi:"ingress"`
	Egress      pulumi.ArrayInput     `pulumi:"egress"`
	Tags        pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (SecurityGroupArgs) ElementType() reflect.Type { return schema.Element[SecurityGroupArgs]() }

// SecurityGroupRuleArgs is one inline rule of a SecurityGroup.
type SecurityGroupRuleArgs struct {
	Description    pulumi.StringInput      `pulumi:"description"`
	FromPort       pulumi.IntInput         `pulumi:"fromPort"`
	ToPort         pulumi.IntInput         `pulumi:"toPort"`
	Protocol       pulumi.StringInput      `pulumi:"protocol"`
	CidrBlocks     pulumi.StringArrayInput `pulumi:"cidrBlocks"`
	Ipv6CidrBlocks pulumi.StringArrayInput `pulumi:"ipv6CidrBlocks"`
}

// ElementType implements pulumi.Input.
func (SecurityGroupRuleArgs) ElementType() reflect.Type {
	return schema.Element[SecurityGroupRuleArgs]()
}

// NewSecurityGroup registers a SecurityGroup.
func NewSecurityGroup(ctx *pulumi.Context, name string, args SecurityGroupArgs, opts ...pulumi.ResourceOption) (*SecurityGroup, error) {
	return schema.Register[SecurityGroup](ctx, "aws:ec2/securityGroup:SecurityGroup", name, args, opts)
}
