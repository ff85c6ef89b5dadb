// Package vpclattice holds the typed forms of Pulumi's aws-native:vpclattice resources that the stacks register.
// The id of each is its ARN, but an AuthPolicy's, which is what it belongs to. It holds no state.
package vpclattice

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TagArgs is one tag of an aws-native resource.
type TagArgs struct {
	Key   pulumi.StringInput `pulumi:"key"`
	Value pulumi.StringInput `pulumi:"value"`
}

// ElementType implements pulumi.Input.
func (TagArgs) ElementType() reflect.Type { return schema.Element[TagArgs]() }

// ServiceNetwork is aws-native:vpclattice:ServiceNetwork.
type ServiceNetwork struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// ServiceNetworkArgs are the inputs of a ServiceNetwork.
type ServiceNetworkArgs struct {
	AuthType pulumi.StringInput `pulumi:"authType"`
	Name     pulumi.StringInput `pulumi:"name"`
	Tags     pulumi.ArrayInput  `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (ServiceNetworkArgs) ElementType() reflect.Type { return schema.Element[ServiceNetworkArgs]() }

// NewServiceNetwork registers a ServiceNetwork.
func NewServiceNetwork(ctx *pulumi.Context, name string, args ServiceNetworkArgs, opts ...pulumi.ResourceOption) (*ServiceNetwork, error) {
	return schema.Register[ServiceNetwork](ctx, "aws-native:vpclattice:ServiceNetwork", name, args, opts)
}

// ServiceNetworkVpcAssociation is aws-native:vpclattice:ServiceNetworkVpcAssociation.
type ServiceNetworkVpcAssociation struct {
	pulumi.CustomResourceState
}

// ServiceNetworkVpcAssociationArgs are the inputs of a ServiceNetworkVpcAssociation.
type ServiceNetworkVpcAssociationArgs struct {
	SecurityGroupIds         pulumi.StringArrayInput `pulumi:"securityGroupIds"`
	ServiceNetworkIdentifier pulumi.StringInput      `pulumi:"serviceNetworkIdentifier"`
	VpcIdentifier            pulumi.StringInput      `pulumi:"vpcIdentifier"`
	Tags                     pulumi.ArrayInput       `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (ServiceNetworkVpcAssociationArgs) ElementType() reflect.Type {
	return schema.Element[ServiceNetworkVpcAssociationArgs]()
}

// NewServiceNetworkVpcAssociation registers a ServiceNetworkVpcAssociation.
func NewServiceNetworkVpcAssociation(ctx *pulumi.Context, name string, args ServiceNetworkVpcAssociationArgs, opts ...pulumi.ResourceOption) (*ServiceNetworkVpcAssociation, error) {
	return schema.Register[ServiceNetworkVpcAssociation](ctx, "aws-native:vpclattice:ServiceNetworkVpcAssociation", name, args, opts)
}

// ServiceNetworkServiceAssociation is aws-native:vpclattice:ServiceNetworkServiceAssociation.
type ServiceNetworkServiceAssociation struct {
	pulumi.CustomResourceState
}

// ServiceNetworkServiceAssociationArgs are the inputs of a ServiceNetworkServiceAssociation.
type ServiceNetworkServiceAssociationArgs struct {
	ServiceIdentifier        pulumi.StringInput `pulumi:"serviceIdentifier"`
	ServiceNetworkIdentifier pulumi.StringInput `pulumi:"serviceNetworkIdentifier"`
	Tags                     pulumi.ArrayInput  `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (ServiceNetworkServiceAssociationArgs) ElementType() reflect.Type {
	return schema.Element[ServiceNetworkServiceAssociationArgs]()
}

// NewServiceNetworkServiceAssociation registers a ServiceNetworkServiceAssociation.
func NewServiceNetworkServiceAssociation(ctx *pulumi.Context, name string, args ServiceNetworkServiceAssociationArgs, opts ...pulumi.ResourceOption) (*ServiceNetworkServiceAssociation, error) {
	return schema.Register[ServiceNetworkServiceAssociation](ctx, "aws-native:vpclattice:ServiceNetworkServiceAssociation", name, args, opts)
}
