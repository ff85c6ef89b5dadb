// Package lambda holds the typed forms of Pulumi's aws:lambda resources that the stacks register. It holds no state.
package lambda

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LayerVersion is aws:lambda/layerVersion:LayerVersion; its id is its ARN with the version.
type LayerVersion struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// LayerVersionArgs are the inputs of a LayerVersion.
type LayerVersionArgs struct {
	CompatibleRuntimes pulumi.StringArrayInput `pulumi:"compatibleRuntimes"`
	Code               pulumi.ArchiveInput     `pulumi:"code"`
	LayerName          pulumi.StringInput      `pulumi:"layerName"`
}

// ElementType implements pulumi.Input.
func (LayerVersionArgs) ElementType() reflect.Type { return schema.Element[LayerVersionArgs]() }

// NewLayerVersion registers a LayerVersion.
func NewLayerVersion(ctx *pulumi.Context, name string, args LayerVersionArgs, opts ...pulumi.ResourceOption) (*LayerVersion, error) {
	return schema.Register[LayerVersion](ctx, "aws:lambda/layerVersion:LayerVersion", name, args, opts)
}

// Function is aws:lambda/function:Function; its id is its name.
type Function struct {
	pulumi.CustomResourceState

	Arn  pulumi.StringOutput `pulumi:"arn"`
	Name pulumi.StringOutput `pulumi:"name"`
}

// FunctionArgs are the inputs of a Function.
type FunctionArgs struct {
	Tags                           pulumi.StringMapInput   `pulumi:"tags"`
	Role                           pulumi.StringInput      `pulumi:"role"`
	VpcConfig                      pulumi.Input            `pulumi:"vpcConfig"`
	ReplaceSecurityGroupsOnDestroy pulumi.BoolInput        `pulumi:"replaceSecurityGroupsOnDestroy"`
	Name                           pulumi.StringInput      `pulumi:"name"`
	Runtime                        pulumi.StringInput      `pulumi:"runtime"`
	Layers                         pulumi.StringArrayInput `pulumi:"layers"`
	Code                           pulumi.ArchiveInput     `pulumi:"code"`
	Handler                        pulumi.StringInput      `pulumi:"handler"`
	Environment                    pulumi.Input            `pulumi:"environment"`
}

// ElementType implements pulumi.Input.
func (FunctionArgs) ElementType() reflect.Type { return schema.Element[FunctionArgs]() }

// FunctionVpcConfigArgs is where in a VPC a Function runs.
type FunctionVpcConfigArgs struct {
	SecurityGroupIds pulumi.StringArrayInput `pulumi:"securityGroupIds"`
	SubnetIds        pulumi.StringArrayInput `pulumi:"subnetIds"`
}

// ElementType implements pulumi.Input.
func (FunctionVpcConfigArgs) ElementType() reflect.Type {
	return schema.Element[FunctionVpcConfigArgs]()
}

// FunctionEnvironmentArgs is the environment a Function runs with.
type FunctionEnvironmentArgs struct {
	Variables pulumi.StringMapInput `pulumi:"variables"`
}

// ElementType implements pulumi.Input.
func (FunctionEnvironmentArgs) ElementType() reflect.Type {
	return schema.Element[FunctionEnvironmentArgs]()
}

// NewFunction registers a Function.
func NewFunction(ctx *pulumi.Context, name string, args FunctionArgs, opts ...pulumi.ResourceOption) (*Function, error) {
	return schema.Register[Function](ctx, "aws:lambda/function:Function", name, args, opts)
}

// Permission is aws:lambda/permission:Permission.
type Permission struct {
	pulumi.CustomResourceState
}

// PermissionArgs are the inputs of a Permission.
type PermissionArgs struct {
	Action    pulumi.StringInput `pulumi:"action"`
	Function  pulumi.StringInput `pulumi:"function"`
	Principal pulumi.StringInput `pulumi:"principal"`
	SourceArn pulumi.StringInput `pulumi:"sourceArn"`
}

// ElementType implements pulumi.Input.
func (PermissionArgs) ElementType() reflect.Type { return schema.Element[PermissionArgs]() }

// NewPermission registers a Permission.
func NewPermission(ctx *pulumi.Context, name string, args PermissionArgs, opts ...pulumi.ResourceOption) (*Permission, error) {
	return schema.Register[Permission](ctx, "aws:lambda/permission:Permission", name, args, opts)
}
