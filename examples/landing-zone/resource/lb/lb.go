// Package lb holds the typed forms of Pulumi's aws:lb resources that the stacks register. It holds no state.
package lb

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// LoadBalancer is aws:lb/loadBalancer:LoadBalancer; its id is its ARN.
type LoadBalancer struct {
	pulumi.CustomResourceState

	Arn     pulumi.StringOutput `pulumi:"arn"`
	DnsName pulumi.StringOutput `pulumi:"dnsName"`
}

// LoadBalancerArgs are the inputs of a LoadBalancer.
type LoadBalancerArgs struct {
	Internal                 pulumi.BoolInput        `pulumi:"internal"`
	LoadBalancerType         pulumi.StringInput      `pulumi:"loadBalancerType"`
	SecurityGroups           pulumi.StringArrayInput `pulumi:"securityGroups"`
	Subnets                  pulumi.StringArrayInput `pulumi:"subnets"`
	EnableDeletionProtection pulumi.BoolInput        `pulumi:"enableDeletionProtection"`
	Tags                     pulumi.StringMapInput   `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (LoadBalancerArgs) ElementType() reflect.Type { return schema.Element[LoadBalancerArgs]() }

// NewLoadBalancer registers a LoadBalancer.
func NewLoadBalancer(ctx *pulumi.Context, name string, args LoadBalancerArgs, opts ...pulumi.ResourceOption) (*LoadBalancer, error) {
	return schema.Register[LoadBalancer](ctx, "aws:lb/loadBalancer:LoadBalancer", name, args, opts)
}

// TargetGroup is aws:lb/targetGroup:TargetGroup; its id is its ARN.
type TargetGroup struct {
	pulumi.CustomResourceState

	Arn pulumi.StringOutput `pulumi:"arn"`
}

// TargetGroupArgs are the inputs of a TargetGroup.
type TargetGroupArgs struct {
	TargetType pulumi.StringInput    `pulumi:"targetType"`
	Tags       pulumi.StringMapInput `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (TargetGroupArgs) ElementType() reflect.Type { return schema.Element[TargetGroupArgs]() }

// NewTargetGroup registers a TargetGroup.
func NewTargetGroup(ctx *pulumi.Context, name string, args TargetGroupArgs, opts ...pulumi.ResourceOption) (*TargetGroup, error) {
	return schema.Register[TargetGroup](ctx, "aws:lb/targetGroup:TargetGroup", name, args, opts)
}

// Listener is aws:lb/listener:Listener; its id is its ARN.
type Listener struct {
	pulumi.CustomResourceState
}

// ListenerArgs are the inputs of a Listener; DefaultActions holds ListenerActionArgs.
type ListenerArgs struct {
	LoadBalancerArn pulumi.StringInput `pulumi:"loadBalancerArn"`
	Port            pulumi.IntInput    `pulumi:"port"`
	Protocol        pulumi.StringInput `pulumi:"protocol"`
	DefaultActions  pulumi.ArrayInput  `pulumi:"defaultActions"`
}

// ElementType implements pulumi.Input.
func (ListenerArgs) ElementType() reflect.Type { return schema.Element[ListenerArgs]() }

// ListenerActionArgs is one action of a Listener.
type ListenerActionArgs struct {
	Type           pulumi.StringInput `pulumi:"type"`
	TargetGroupArn pulumi.StringInput `pulumi:"targetGroupArn"`
}

// ElementType implements pulumi.Input.
func (ListenerActionArgs) ElementType() reflect.Type { return schema.Element[ListenerActionArgs]() }

// NewListener registers a Listener.
func NewListener(ctx *pulumi.Context, name string, args ListenerArgs, opts ...pulumi.ResourceOption) (*Listener, error) {
	return schema.Register[Listener](ctx, "aws:lb/listener:Listener", name, args, opts)
}

// TargetGroupAttachment is aws:lb/targetGroupAttachment:TargetGroupAttachment.
type TargetGroupAttachment struct {
	pulumi.CustomResourceState
}

// TargetGroupAttachmentArgs are the inputs of a TargetGroupAttachment.
type TargetGroupAttachmentArgs struct {
	TargetGroupArn pulumi.StringInput `pulumi:"targetGroupArn"`
	TargetId       pulumi.StringInput `pulumi:"targetId"`
}

// ElementType implements pulumi.Input.
func (TargetGroupAttachmentArgs) ElementType() reflect.Type {
	return schema.Element[TargetGroupAttachmentArgs]()
}

// NewTargetGroupAttachment registers a TargetGroupAttachment.
func NewTargetGroupAttachment(ctx *pulumi.Context, name string, args TargetGroupAttachmentArgs, opts ...pulumi.ResourceOption) (*TargetGroupAttachment, error) {
	return schema.Register[TargetGroupAttachment](ctx, "aws:lb/targetGroupAttachment:TargetGroupAttachment", name, args, opts)
}
