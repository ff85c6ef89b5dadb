// Package imported is a stack that takes over a VPC and a service network which something else made. The engine that runs
// it writes its state.
package imported

import (
	"landing-zone/resource/ec2"
	"landing-zone/resource/vpclattice"
	"landing-zone/stacks/block"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Program declares the stack.
func Program(ctx *pulumi.Context) error {
	vpc, err := block.Required(ctx, "vpc")
	if err != nil {
		return err
	}
	network, err := block.Required(ctx, "network")
	if err != nil {
		return err
	}
	if _, err := ec2.NewVpc(ctx, "found", ec2.VpcArgs{
		CidrBlock:          pulumi.String("10.99.0.0/16"),
		EnableDnsHostnames: pulumi.Bool(false),
		EnableDnsSupport:   pulumi.Bool(true),
		Tags:               pulumi.StringMap{"Name": pulumi.String("found")},
	}, pulumi.Import(pulumi.ID(vpc))); err != nil {
		return err
	}
	_, err = vpclattice.NewServiceNetwork(ctx, "found", vpclattice.ServiceNetworkArgs{
		Name: pulumi.String("found"), AuthType: pulumi.String("NONE"),
	}, pulumi.Import(pulumi.ID(network)))
	return err
}
