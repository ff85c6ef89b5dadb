// Package common is the common-service stack: the shared account's three VPCs, the two service networks it shares with
// the blue and the green account, and DirectoryService behind a private load balancer and an auth policy. The engine
// that runs it writes its state.
package common

import (
	"landing-zone/resource/aws"
	"landing-zone/resource/ec2"
	"landing-zone/resource/lb"
	"landing-zone/resource/vpclattice"
	"landing-zone/stacks/block"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	mainCidr  = "10.0.0.0/16"
	blueCidr  = "192.168.0.0/23"
	greenCidr = "192.168.2.0/23"
)

// stack is what its parts hand each other.
type stack struct {
	ctx                           *pulumi.Context
	tags                          block.Tags
	region                        string
	zones                         []string
	bluePrincipal, greenPrincipal string
	software                      block.Software
	mainVpc, blueVpc, greenVpc    *ec2.Vpc
	appSubnets                    []*ec2.Subnet
	appTables                     []*ec2.RouteTable
	blueGroup, greenGroup         *ec2.SecurityGroup
	balancerGroup                 *ec2.SecurityGroup
	blueNetwork, greenNetwork     *vpclattice.ServiceNetwork
	balancer                      *lb.LoadBalancer
}

// Program declares the stack.
func Program(ctx *pulumi.Context) error {
	s, err := settings(ctx)
	if err != nil {
		return err
	}
	for _, part := range []func() error{s.vpcs, s.mainSubnets, s.peerSubnets, s.groups, s.lattice, s.directory, s.service} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func settings(ctx *pulumi.Context) (s *stack, err error) {
	s = &stack{ctx: ctx, tags: block.NewTags(ctx, "SharedServices", "common-service")}
	for key, value := range map[string]*string{
		"aws:region": &s.region, "blue-principal": &s.bluePrincipal, "green-principal": &s.greenPrincipal,
	} {
		if *value, err = block.Required(ctx, key); err != nil {
			return nil, err
		}
	}
	s.software, err = block.Choose(ctx,
		block.Software{Code: pulumi.NewFileArchive("../build/directory_app.zip"), Layer: "../build/directory_app_layer.zip"},
		block.Software{Code: block.Sources("./directory_app"), Layer: "../build/lambda_layer.zip"})
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
	s.zones, err = block.Zones(ctx)
	return s, err
}
