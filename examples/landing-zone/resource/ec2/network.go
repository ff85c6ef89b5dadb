// Package ec2 holds the typed forms of Pulumi's aws:ec2 resources that the stacks register. It holds no state.
package ec2

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Vpc is aws:ec2/vpc:Vpc.
type Vpc struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// VpcArgs are the inputs of a Vpc.
type VpcArgs struct {
	CidrBlock          pulumi.StringInput    `pulumi:"cidrBlock"`
	EnableDnsHostnames pulumi.BoolInput      `pulumi:"enableDnsHostnames"`
	EnableDnsSupport   pulumi.BoolInput      `pulumi:"enableDnsSupport"`
	Tags               pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (VpcArgs) ElementType() reflect.Type { return schema.Element[VpcArgs]() }

// NewVpc registers a Vpc.
func NewVpc(ctx *pulumi.Context, name string, args VpcArgs, opts ...pulumi.ResourceOption) (*Vpc, error) {
	return schema.Register[Vpc](ctx, "aws:ec2/vpc:Vpc", name, args, opts)
}

// Subnet is aws:ec2/subnet:Subnet.
type Subnet struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// SubnetArgs are the inputs of a Subnet.
type SubnetArgs struct {
	VpcId            pulumi.StringInput    `pulumi:"vpcId"`
	CidrBlock        pulumi.StringInput    `pulumi:"cidrBlock"`
	AvailabilityZone pulumi.StringInput    `pulumi:"availabilityZone"`
	Tags             pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (SubnetArgs) ElementType() reflect.Type { return schema.Element[SubnetArgs]() }

// NewSubnet registers a Subnet.
func NewSubnet(ctx *pulumi.Context, name string, args SubnetArgs, opts ...pulumi.ResourceOption) (*Subnet, error) {
	return schema.Register[Subnet](ctx, "aws:ec2/subnet:Subnet", name, args, opts)
}

// InternetGateway is aws:ec2/internetGateway:InternetGateway.
type InternetGateway struct {
	pulumi.CustomResourceState
}

// InternetGatewayArgs are the inputs of an InternetGateway.
type InternetGatewayArgs struct {
	VpcId pulumi.StringInput    `pulumi:"vpcId"`
	Tags  pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (InternetGatewayArgs) ElementType() reflect.Type { return schema.Element[InternetGatewayArgs]() }

// NewInternetGateway registers an InternetGateway.
func NewInternetGateway(ctx *pulumi.Context, name string, args InternetGatewayArgs, opts ...pulumi.ResourceOption) (*InternetGateway, error) {
	return schema.Register[InternetGateway](ctx, "aws:ec2/internetGateway:InternetGateway", name, args, opts)
}

// VpcPeeringConnection is aws:ec2/vpcPeeringConnection:VpcPeeringConnection.
type VpcPeeringConnection struct {
	pulumi.CustomResourceState
}

// VpcPeeringConnectionArgs are the inputs of a VpcPeeringConnection.
type VpcPeeringConnectionArgs struct {
	VpcId      pulumi.StringInput `pulumi:"vpcId"`
	PeerVpcId  pulumi.StringInput `pulumi:"peerVpcId"`
	AutoAccept pulumi.BoolInput   `pulumi:"autoAccept"`
}

// ElementType implements pulumi.Input.
func (VpcPeeringConnectionArgs) ElementType() reflect.Type {
	return schema.Element[VpcPeeringConnectionArgs]()
}

// NewVpcPeeringConnection registers a VpcPeeringConnection.
func NewVpcPeeringConnection(ctx *pulumi.Context, name string, args VpcPeeringConnectionArgs, opts ...pulumi.ResourceOption) (*VpcPeeringConnection, error) {
	return schema.Register[VpcPeeringConnection](ctx, "aws:ec2/vpcPeeringConnection:VpcPeeringConnection", name, args, opts)
}

// PeeringConnectionOptions is aws:ec2/peeringConnectionOptions:PeeringConnectionOptions.
type PeeringConnectionOptions struct {
	pulumi.CustomResourceState
}

// PeeringConnectionOptionsArgs are the inputs of PeeringConnectionOptions.
type PeeringConnectionOptionsArgs struct {
	VpcPeeringConnectionId pulumi.StringInput `pulumi:"vpcPeeringConnectionId"`
	Accepter               pulumi.Input       `pulumi:"accepter"`
	Requester              pulumi.Input       `pulumi:"requester"`
}

// ElementType implements pulumi.Input.
func (PeeringConnectionOptionsArgs) ElementType() reflect.Type {
	return schema.Element[PeeringConnectionOptionsArgs]()
}

// PeeringSideArgs are one side's options of a peering.
type PeeringSideArgs struct {
	AllowRemoteVpcDnsResolution pulumi.BoolInput `pulumi:"allowRemoteVpcDnsResolution"`
}

// ElementType implements pulumi.Input.
func (PeeringSideArgs) ElementType() reflect.Type { return schema.Element[PeeringSideArgs]() }

// NewPeeringConnectionOptions registers PeeringConnectionOptions.
func NewPeeringConnectionOptions(ctx *pulumi.Context, name string, args PeeringConnectionOptionsArgs, opts ...pulumi.ResourceOption) (*PeeringConnectionOptions, error) {
	return schema.Register[PeeringConnectionOptions](ctx, "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions", name, args, opts)
}
