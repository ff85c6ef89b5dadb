// Package ram holds the typed forms of Pulumi's aws:ram resources that the stacks register. It holds no state.
package ram

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ResourceShare is aws:ram/resourceShare:ResourceShare; its id is its ARN.
type ResourceShare struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// ResourceShareArgs are the inputs of a ResourceShare.
type ResourceShareArgs struct {
	AllowExternalPrincipals pulumi.BoolInput      `pulumi:"allowExternalPrincipals"`
	Tags                    pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (ResourceShareArgs) ElementType() reflect.Type { return schema.Element[ResourceShareArgs]() }

// NewResourceShare registers a ResourceShare.
func NewResourceShare(ctx *pulumi.Context, name string, args ResourceShareArgs, opts ...pulumi.ResourceOption) (*ResourceShare, error) {
	return schema.Register[ResourceShare](ctx, "aws:ram/resourceShare:ResourceShare", name, args, opts)
}

// PrincipalAssociation is aws:ram/principalAssociation:PrincipalAssociation.
type PrincipalAssociation struct {
	pulumi.CustomResourceState
}

// PrincipalAssociationArgs are the inputs of a PrincipalAssociation.
type PrincipalAssociationArgs struct {
	Principal        pulumi.StringInput `pulumi:"principal"`
	ResourceShareArn pulumi.StringInput `pulumi:"resourceShareArn"`
}

// ElementType implements pulumi.Input.
func (PrincipalAssociationArgs) ElementType() reflect.Type {
	return schema.Element[PrincipalAssociationArgs]()
}

// NewPrincipalAssociation registers a PrincipalAssociation.
func NewPrincipalAssociation(ctx *pulumi.Context, name string, args PrincipalAssociationArgs, opts ...pulumi.ResourceOption) (*PrincipalAssociation, error) {
	return schema.Register[PrincipalAssociation](ctx, "aws:ram/principalAssociation:PrincipalAssociation", name, args, opts)
}

// ResourceAssociation is aws:ram/resourceAssociation:ResourceAssociation.
type ResourceAssociation struct {
	pulumi.CustomResourceState
}

// ResourceAssociationArgs are the inputs of a ResourceAssociation.
type ResourceAssociationArgs struct {
	ResourceArn      pulumi.StringInput `pulumi:"resourceArn"`
	ResourceShareArn pulumi.StringInput `pulumi:"resourceShareArn"`
}

// ElementType implements pulumi.Input.
func (ResourceAssociationArgs) ElementType() reflect.Type {
	return schema.Element[ResourceAssociationArgs]()
}

// NewResourceAssociation registers a ResourceAssociation.
func NewResourceAssociation(ctx *pulumi.Context, name string, args ResourceAssociationArgs, opts ...pulumi.ResourceOption) (*ResourceAssociation, error) {
	return schema.Register[ResourceAssociation](ctx, "aws:ram/resourceAssociation:ResourceAssociation", name, args, opts)
}
