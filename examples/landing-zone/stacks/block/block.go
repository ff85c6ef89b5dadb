// Package block holds the pieces the stacks are built from: tags, a subnet with its own route table, a security group
// open both ways, and what a function in a VPC needs from IAM. It holds no state.
package block

import (
	"encoding/json"
	"fmt"
	"strings"

	"landing-zone/resource/aws"
	"landing-zone/resource/ec2"
	"landing-zone/resource/iam"
	"landing-zone/resource/vpclattice"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Tags are the tags every resource of a stack carries.
type Tags struct {
	Account, StackName string
	// Stage is the stack's configuration of that name, which may be empty.
	Stage string
}

// NewTags are the tags of a stack and its configuration.
func NewTags(ctx *pulumi.Context, account, stack string) Tags {
	stage, _ := ctx.GetConfig(ctx.Project() + ":stage")
	return Tags{Account: account, StackName: stack, Stage: stage}
}

// Plain is the tags as the aws provider takes them.
func (t Tags) Plain() pulumi.StringMap {
	tags := pulumi.StringMap{
		"Account":     pulumi.String(t.Account),
		"AccountType": pulumi.String("Workload"),
		"Provisioned": pulumi.String("Pulumi"),
		"StackName":   pulumi.String(t.StackName),
	}
	if t.Stage != "" {
		tags["Stage"] = pulumi.String(t.Stage)
	}
	return tags
}

// Named is Plain with a Name.
func (t Tags) Named(name string) pulumi.StringMap {
	tags := t.Plain()
	tags["Name"] = pulumi.String(name)
	return tags
}

// Native is the tags as the aws-native provider takes them.
func (t Tags) Native() pulumi.Array {
	tag := func(key, value string) pulumi.Input {
		return vpclattice.TagArgs{Key: pulumi.String(key), Value: pulumi.String(value)}
	}
	tags := pulumi.Array{
		tag("AccountType", "Workload"),
		tag("Account", t.Account),
		tag("Provisioned", "Pulumi"),
		tag("StackName", t.StackName),
	}
	if t.Stage != "" {
		tags = append(tags, tag("Stage", t.Stage))
	}
	return tags
}

// SubnetNames are the first parts of the names of a subnet and of what belongs to it; its zone follows.
type SubnetNames struct {
	Subnet, RouteTable, Association string
}

// RoutedSubnet is a subnet and the route table of its own.
type RoutedSubnet struct {
	Subnet     *ec2.Subnet
	RouteTable *ec2.RouteTable
}

// NewRoutedSubnet makes a subnet of the VPC in the zone, with a route table associated.
func NewRoutedSubnet(ctx *pulumi.Context, vpc *ec2.Vpc, names SubnetNames, cidr, zone string, tags Tags) (RoutedSubnet, error) {
	name := func(first string) string { return first + "-" + zone }
	subnet, err := ec2.NewSubnet(ctx, name(names.Subnet), ec2.SubnetArgs{
		VpcId:            vpc.ID(),
		CidrBlock:        pulumi.String(cidr),
		AvailabilityZone: pulumi.String(zone),
		Tags:             tags.Named(name(names.Subnet)),
	}, pulumi.Parent(vpc))
	if err != nil {
		return RoutedSubnet{}, err
	}
	table, err := ec2.NewRouteTable(ctx, name(names.RouteTable), ec2.RouteTableArgs{
		VpcId: vpc.ID(),
		Tags:  tags.Named(name(names.RouteTable)),
	}, pulumi.Parent(subnet))
	if err != nil {
		return RoutedSubnet{}, err
	}
	_, err = ec2.NewRouteTableAssociation(ctx, name(names.Association), ec2.RouteTableAssociationArgs{
		RouteTableId: table.ID(),
		SubnetId:     subnet.ID(),
	}, pulumi.Parent(subnet))
	return RoutedSubnet{Subnet: subnet, RouteTable: table}, err
}

// NewOpenGroup makes a security group that lets everything in and out.
func NewOpenGroup(ctx *pulumi.Context, vpc *ec2.Vpc, name, description, region string, tags Tags) (*ec2.SecurityGroup, error) {
	everything := ec2.SecurityGroupRuleArgs{
		FromPort:       pulumi.Int(0),
		ToPort:         pulumi.Int(0),
		Protocol:       pulumi.String("-1"),
		CidrBlocks:     pulumi.StringArray{pulumi.String("0.0.0.0/0")},
		Ipv6CidrBlocks: pulumi.StringArray{pulumi.String("::/0")},
	}
	in := everything
	in.Description = pulumi.String("Any")
	return ec2.NewSecurityGroup(ctx, name, ec2.SecurityGroupArgs{
		Description: pulumi.String(description),
		VpcId:       vpc.ID(),
		Ingress:     pulumi.Array{in},
		Egress:      pulumi.Array{everything},
		Tags:        tags.Named(fmt.Sprintf("%s-%s", name, region)),
	}, pulumi.Parent(vpc))
}

// NewFunctionRole makes a role for a function in a VPC and attaches the managed policy such a function needs.
func NewFunctionRole(ctx *pulumi.Context, name, attachment string, tags Tags) (*iam.Role, error) {
	trust, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Action":    "sts:AssumeRole",
			"Effect":    "Allow",
			"Sid":       "",
			"Principal": map[string]any{"Service": "lambda.amazonaws.com"},
		}},
	})
	if err != nil {
		return nil, err
	}
	role, err := iam.NewRole(ctx, name, iam.RoleArgs{
		AssumeRolePolicy: pulumi.String(trust),
		Tags:             tags.Named(name),
	})
	if err != nil {
		return nil, err
	}
	policy, err := iam.GetPolicy(ctx, "AWSLambdaVPCAccessExecutionRole")
	if err != nil {
		return nil, err
	}
	_, err = iam.NewRolePolicyAttachment(ctx, attachment, iam.RolePolicyAttachmentArgs{
		PolicyArn: pulumi.String(policy.Arn),
		Role:      role.ID(),
	})
	return role, err
}

// Software is one implementation of a stack's function: the runtime it needs and where its files are.
type Software struct {
	Runtime, Handler string
	Code             pulumi.Archive
	// Layer, where there is one, is the archive of what goes to /opt.
	Layer string
}

// Sources is a function's code as it stands in a directory. A program is archived beforehand instead: Pulumi's own
// archives do not say that a file may be executed.
func Sources(dir string) pulumi.Archive {
	return pulumi.NewAssetArchive(map[string]any{".": pulumi.NewFileArchive(dir)})
}

// Required is a configuration value the stack cannot do without; a key with no namespace is the project's own.
func Required(ctx *pulumi.Context, key string) (string, error) {
	if !strings.Contains(key, ":") {
		key = ctx.Project() + ":" + key
	}
	value, ok := ctx.GetConfig(key)
	if !ok || value == "" {
		return "", fmt.Errorf("configuration %s is not set: pulumi config set %s VALUE", key, key)
	}
	return value, nil
}

// Zones are the first two available zones: every stack spans two.
func Zones(ctx *pulumi.Context) ([]string, error) {
	available, err := aws.GetAvailabilityZones(ctx, "available")
	if err != nil {
		return nil, err
	}
	if len(available.Names) < 2 {
		return nil, fmt.Errorf("the region has %d available zones, and the stack spans two", len(available.Names))
	}
	return available.Names[:2], nil
}

// Choose picks the implementation that the stack's configuration `runtime` names: provided.al2023, the Go one, unless
// it says python3.something.
func Choose(ctx *pulumi.Context, compiled, python Software) (Software, error) {
	const native = "provided.al2023"
	runtime, _ := ctx.GetConfig(ctx.Project() + ":runtime")
	switch {
	case runtime == "" || runtime == native:
		compiled.Runtime, compiled.Handler = native, "bootstrap"
		return compiled, nil
	case strings.HasPrefix(runtime, "python3."):
		python.Runtime, python.Handler = runtime, "main.lambda_handler"
		return python, nil
	}
	return Software{}, fmt.Errorf("runtime is %q: it may be %s or a python3 runtime such as python3.8", runtime, native)
}
