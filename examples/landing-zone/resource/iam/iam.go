// Package iam holds the typed forms of Pulumi's aws:iam resources and data sources that the stacks use. It holds no
// state.
package iam

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Role is aws:iam/role:Role; its id is its name.
type Role struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// RoleArgs are the inputs of a Role.
type RoleArgs struct {
	AssumeRolePolicy pulumi.StringInput    `pulumi:"assumeRolePolicy"`
	Tags             pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (RoleArgs) ElementType() reflect.Type { return schema.Element[RoleArgs]() }

// NewRole registers a Role.
func NewRole(ctx *pulumi.Context, name string, args RoleArgs, opts ...pulumi.ResourceOption) (*Role, error) {
	return schema.Register[Role](ctx, "aws:iam/role:Role", name, args, opts)
}

// RolePolicyAttachment is aws:iam/rolePolicyAttachment:RolePolicyAttachment.
type RolePolicyAttachment struct {
	pulumi.CustomResourceState
}

// RolePolicyAttachmentArgs are the inputs of a RolePolicyAttachment.
type RolePolicyAttachmentArgs struct {
	PolicyArn pulumi.StringInput `pulumi:"policyArn"`
	Role      pulumi.StringInput `pulumi:"role"`
}

// ElementType implements pulumi.Input.
func (RolePolicyAttachmentArgs) ElementType() reflect.Type {
	return schema.Element[RolePolicyAttachmentArgs]()
}

// NewRolePolicyAttachment registers a RolePolicyAttachment.
func NewRolePolicyAttachment(ctx *pulumi.Context, name string, args RolePolicyAttachmentArgs, opts ...pulumi.ResourceOption) (*RolePolicyAttachment, error) {
	return schema.Register[RolePolicyAttachment](ctx, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", name, args, opts)
}

// Policy is a managed policy that exists already.
type Policy struct {
	Arn  string `pulumi:"arn"`
	Name string `pulumi:"name"`
}

// GetPolicy finds a managed policy by its name.
func GetPolicy(ctx *pulumi.Context, name string) (Policy, error) {
	args := struct {
		Name string `pulumi:"name"`
	}{name}
	var result Policy
	err := ctx.Invoke("aws:iam/getPolicy:getPolicy", args, &result)
	return result, err
}
