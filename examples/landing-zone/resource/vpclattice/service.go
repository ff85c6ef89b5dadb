package vpclattice

import (
	"reflect"

	"landing-zone/resource/schema"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TargetGroup is aws-native:vpclattice:TargetGroup.
type TargetGroup struct {
	pulumi.CustomResourceState
}

// TargetGroupArgs are the inputs of a TargetGroup; Targets holds TargetArgs.
type TargetGroupArgs struct {
	Type    pulumi.StringInput `pulumi:"type"`
	Config  pulumi.Input       `pulumi:"config"`
	Name    pulumi.StringInput `pulumi:"name"`
	Tags    pulumi.ArrayInput  `pulumi:"tags"`
	Targets pulumi.ArrayInput  `pulumi:"targets"`
}

// ElementType implements pulumi.Input.
func (TargetGroupArgs) ElementType() reflect.Type { return schema.Element[TargetGroupArgs]() }

// TargetGroupConfigArgs says how a TargetGroup's targets are reached.
type TargetGroupConfigArgs struct {
	Port          pulumi.IntInput    `pulumi:"port"`
	Protocol      pulumi.StringInput `pulumi:"protocol"`
	VpcIdentifier pulumi.StringInput `pulumi:"vpcIdentifier"`
}

// ElementType implements pulumi.Input.
func (TargetGroupConfigArgs) ElementType() reflect.Type {
	return schema.Element[TargetGroupConfigArgs]()
}

// TargetArgs is one target of a TargetGroup.
type TargetArgs struct {
	Id   pulumi.StringInput `pulumi:"id"`
	Port pulumi.IntInput    `pulumi:"port"`
}

// ElementType implements pulumi.Input.
func (TargetArgs) ElementType() reflect.Type { return schema.Element[TargetArgs]() }

// NewTargetGroup registers a TargetGroup.
func NewTargetGroup(ctx *pulumi.Context, name string, args TargetGroupArgs, opts ...pulumi.ResourceOption) (*TargetGroup, error) {
	return schema.Register[TargetGroup](ctx, "aws-native:vpclattice:TargetGroup", name, args, opts)
}

// Service is aws-native:vpclattice:Service; DnsEntry has domainName and hostedZoneId.
type Service struct {
	pulumi.CustomResourceState

	Arn      pulumi.StringOutput    `pulumi:"arn"`
	DnsEntry pulumi.StringMapOutput `pulumi:"dnsEntry"`
}

// ServiceArgs are the inputs of a Service.
type ServiceArgs struct {
	Name     pulumi.StringInput `pulumi:"name"`
	AuthType pulumi.StringInput `pulumi:"authType"`
	Tags     pulumi.ArrayInput  `pulumi:"tags"`
}

// ElementType implements pulumi.Input.
func (ServiceArgs) ElementType() reflect.Type { return schema.Element[ServiceArgs]() }

// NewService registers a Service.
func NewService(ctx *pulumi.Context, name string, args ServiceArgs, opts ...pulumi.ResourceOption) (*Service, error) {
	return schema.Register[Service](ctx, "aws-native:vpclattice:Service", name, args, opts)
}

// Listener is aws-native:vpclattice:Listener.
type Listener struct {
	pulumi.CustomResourceState
}

// ListenerArgs are the inputs of a Listener.
type ListenerArgs struct {
	Name              pulumi.StringInput `pulumi:"name"`
	Protocol          pulumi.StringInput `pulumi:"protocol"`
	Port              pulumi.IntInput    `pulumi:"port"`
	ServiceIdentifier pulumi.StringInput `pulumi:"serviceIdentifier"`
	Tags              pulumi.ArrayInput  `pulumi:"tags"`
	DefaultAction     pulumi.Input       `pulumi:"defaultAction"`
}

// ElementType implements pulumi.Input.
func (ListenerArgs) ElementType() reflect.Type { return schema.Element[ListenerArgs]() }

// ListenerDefaultActionArgs is what a Listener does with a request no rule matches.
type ListenerDefaultActionArgs struct {
	Forward pulumi.Input `pulumi:"forward"`
}

// ElementType implements pulumi.Input.
func (ListenerDefaultActionArgs) ElementType() reflect.Type {
	return schema.Element[ListenerDefaultActionArgs]()
}

// ListenerForwardArgs forwards to target groups; TargetGroups holds WeightedTargetGroupArgs.
type ListenerForwardArgs struct {
	TargetGroups pulumi.ArrayInput `pulumi:"targetGroups"`
}

// ElementType implements pulumi.Input.
func (ListenerForwardArgs) ElementType() reflect.Type { return schema.Element[ListenerForwardArgs]() }

// WeightedTargetGroupArgs is one target group and its share of the requests.
type WeightedTargetGroupArgs struct {
	TargetGroupIdentifier pulumi.StringInput `pulumi:"targetGroupIdentifier"`
	Weight                pulumi.IntInput    `pulumi:"weight"`
}

// ElementType implements pulumi.Input.
func (WeightedTargetGroupArgs) ElementType() reflect.Type {
	return schema.Element[WeightedTargetGroupArgs]()
}

// NewListener registers a Listener.
func NewListener(ctx *pulumi.Context, name string, args ListenerArgs, opts ...pulumi.ResourceOption) (*Listener, error) {
	return schema.Register[Listener](ctx, "aws-native:vpclattice:Listener", name, args, opts)
}

// AuthPolicy is aws-native:vpclattice:AuthPolicy.
type AuthPolicy struct {
	pulumi.CustomResourceState
}

// AuthPolicyArgs are the inputs of an AuthPolicy; Policy is the document as an object.
type AuthPolicyArgs struct {
	Policy             pulumi.MapInput    `pulumi:"policy"`
	ResourceIdentifier pulumi.StringInput `pulumi:"resourceIdentifier"`
}

// ElementType implements pulumi.Input.
func (AuthPolicyArgs) ElementType() reflect.Type { return schema.Element[AuthPolicyArgs]() }

// NewAuthPolicy registers an AuthPolicy.
func NewAuthPolicy(ctx *pulumi.Context, name string, args AuthPolicyArgs, opts ...pulumi.ResourceOption) (*AuthPolicy, error) {
	return schema.Register[AuthPolicy](ctx, "aws-native:vpclattice:AuthPolicy", name, args, opts)
}
