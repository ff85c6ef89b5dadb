// Package client is the blue-service and the green-service stack, which differ in configuration alone: a VPC
// associated with the account's shared service network, and a function in it that asks the shared service. The engine
// that runs it writes its state.
package client

import (
	"fmt"
	"strings"

	"landing-zone/resource/aws"
	"landing-zone/resource/ec2"
	"landing-zone/resource/lambda"
	"landing-zone/resource/vpclattice"
	"landing-zone/stacks/block"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Settings are what sets one client stack apart from another.
type Settings struct {
	// Colour begins the names of the resources; in lower case it is what the function asks the shared service for.
	Colour string
	Cidr   string
	// Public and App are the subnets' ranges, one of each in each of two zones.
	Public, App [2]string
}

// Blue is the blue-service stack.
func Blue() Settings {
	return Settings{
		Colour: "Blue",
		Cidr:   "10.100.0.0/16",
		Public: [2]string{"10.100.0.0/18", "10.100.64.0/18"},
		App:    [2]string{"10.100.128.0/18", "10.100.192.0/18"},
	}
}

// Green is the green-service stack.
func Green() Settings {
	return Settings{
		Colour: "Green",
		Cidr:   "10.200.0.0/16",
		Public: [2]string{"10.200.0.0/18", "10.200.64.0/18"},
		App:    [2]string{"10.200.128.0/18", "10.200.192.0/18"},
	}
}

// stack is what its parts hand each other.
type stack struct {
	Settings
	ctx        *pulumi.Context
	tags       block.Tags
	region     string
	zones      []string
	network    string
	endpoint   string
	software   block.Software
	vpc        *ec2.Vpc
	appSubnets pulumi.StringArray
}

// Program is the stack the settings make.
func (s Settings) Program() pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		st, err := s.stack(ctx)
		if err != nil {
			return err
		}
		for _, part := range []func() error{st.subnets, st.association, st.function} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s Settings) stack(ctx *pulumi.Context) (*stack, error) {
	lower := strings.ToLower(s.Colour)
	st := &stack{
		Settings: s,
		ctx:      ctx,
		tags:     block.NewTags(ctx, s.Colour+"Sandbox", lower+"-service"),
	}
	var fqdn string
	var err error
	for key, value := range map[string]*string{
		"aws:region": &st.region, "lattice-network-arn": &st.network, "shared-service-fqdn": &fqdn,
	} {
		if *value, err = block.Required(ctx, key); err != nil {
			return nil, err
		}
	}
	st.endpoint = fmt.Sprintf("http://%s/?q=%s", fqdn, lower)
	st.software, err = block.Choose(ctx,
		block.Software{Code: pulumi.NewFileArchive("../build/client_app.zip")},
		block.Software{Code: block.Sources("./" + lower + "_app")})
	if err != nil {
		return nil, err
	}
	caller, err := aws.GetCallerIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := ctx.Log.Debug("deploying to account "+caller.AccountID, nil); err != nil {
		return nil, err
	}
	st.zones, err = block.Zones(ctx)
	return st, err
}

// subnets makes the VPC: public subnets that lead to the internet gateway, app subnets that lead nowhere else.
func (s *stack) subnets() error {
	name := s.Colour + "SandboxVpc"
	var err error
	s.vpc, err = ec2.NewVpc(s.ctx, name, ec2.VpcArgs{
		CidrBlock:          pulumi.String(s.Cidr),
		EnableDnsHostnames: pulumi.Bool(true),
		EnableDnsSupport:   pulumi.Bool(true),
		Tags:               s.tags.Named(name + "-" + s.region),
	})
	if err != nil {
		return err
	}
	name = s.Colour + "SandboxIgw"
	gateway, err := ec2.NewInternetGateway(s.ctx, name, ec2.InternetGatewayArgs{
		VpcId: s.vpc.ID(),
		Tags:  s.tags.Named(name + "-" + s.region),
	}, pulumi.Parent(s.vpc))
	if err != nil {
		return err
	}
	first := s.Colour + "Sandbox"
	for i, zone := range s.zones {
		public, err := block.NewRoutedSubnet(s.ctx, s.vpc, block.SubnetNames{
			Subnet: first + "SubnetPub", RouteTable: first + "RtPub", Association: first + "RtaPub",
		}, s.Public[i], zone, s.tags)
		if err != nil {
			return err
		}
		if _, err := ec2.NewRoute(s.ctx, "WanPubRoute-"+zone, ec2.RouteArgs{
			RouteTableId:         public.RouteTable.ID(),
			GatewayId:            gateway.ID(),
			DestinationCidrBlock: pulumi.String("0.0.0.0/0"),
		}, pulumi.Parent(public.RouteTable)); err != nil {
			return err
		}
		app, err := block.NewRoutedSubnet(s.ctx, s.vpc, block.SubnetNames{
			Subnet: first + "SubnetApp", RouteTable: first + "RtApp", Association: first + "AppRta",
		}, s.App[i], zone, s.tags)
		if err != nil {
			return err
		}
		s.appSubnets = append(s.appSubnets, app.Subnet.ID())
	}
	return nil
}

// association puts the VPC's clients in the shared service network.
func (s *stack) association() error {
	group, err := block.NewOpenGroup(s.ctx, s.vpc, s.Colour+"SecurityGroup", s.Colour+" Lattice Security Group", s.region, s.tags)
	if err != nil {
		return err
	}
	_, err = vpclattice.NewServiceNetworkVpcAssociation(s.ctx, s.Colour+"ServiceNetworkVpcAssociation", vpclattice.ServiceNetworkVpcAssociationArgs{
		SecurityGroupIds:         pulumi.StringArray{group.ID()},
		ServiceNetworkIdentifier: pulumi.String(s.network),
		VpcIdentifier:            s.vpc.ID(),
		Tags:                     s.tags.Native(),
	}, pulumi.DependsOn([]pulumi.Resource{s.vpc}))
	return err
}

// function makes the function that asks the shared service for the endpoint of its colour.
func (s *stack) function() error {
	group, err := block.NewOpenGroup(s.ctx, s.vpc, s.Colour+"LambdaFuncSecurityGroup", "Lambda Security Group", s.region, s.tags)
	if err != nil {
		return err
	}
	role, err := block.NewFunctionRole(s.ctx, s.Colour+"LambdaExecutionRole", s.Colour+"LambdaRolePolicyAttachment", s.tags)
	if err != nil {
		return err
	}
	name := s.Colour + "Function"
	_, err = lambda.NewFunction(s.ctx, name, lambda.FunctionArgs{
		Tags: s.tags.Named(name),
		Role: role.Arn,
		VpcConfig: lambda.FunctionVpcConfigArgs{
			SecurityGroupIds: pulumi.StringArray{group.ID()},
			SubnetIds:        s.appSubnets,
		},
		ReplaceSecurityGroupsOnDestroy: pulumi.Bool(true),
		Name:                           pulumi.String(name),
		Runtime:                        pulumi.String(s.software.Runtime),
		Code:                           s.software.Code,
		Handler:                        pulumi.String(s.software.Handler),
		Environment: lambda.FunctionEnvironmentArgs{
			Variables: pulumi.StringMap{strings.ToUpper(s.Colour) + "_ENDPOINT": pulumi.String(s.endpoint)},
		},
	})
	return err
}
