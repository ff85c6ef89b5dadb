package common

import (
	"landing-zone/resource/ec2"
	"landing-zone/resource/ram"
	"landing-zone/resource/vpclattice"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// lattice makes the two service networks, shares each with its account, and associates the shared account's own VPCs.
func (s *stack) lattice() (err error) {
	if s.greenNetwork, err = s.network("Green", "green", s.greenPrincipal, s.greenVpc, s.greenGroup); err != nil {
		return err
	}
	s.blueNetwork, err = s.network("Blue", "blue", s.bluePrincipal, s.blueVpc, s.blueGroup)
	return err
}

func (s *stack) network(colour, lower, principal string, vpc *ec2.Vpc, group *ec2.SecurityGroup) (*vpclattice.ServiceNetwork, error) {
	share, err := ram.NewResourceShare(s.ctx, colour+"LatticeRamShare", ram.ResourceShareArgs{
		AllowExternalPrincipals: pulumi.Bool(false),
		Tags:                    s.tags.Plain(),
	})
	if err != nil {
		return nil, err
	}
	if _, err := ram.NewPrincipalAssociation(s.ctx, colour+"PrincipalAssociation", ram.PrincipalAssociationArgs{
		Principal:        pulumi.String(principal),
		ResourceShareArn: share.Arn,
	}); err != nil {
		return nil, err
	}
	network, err := vpclattice.NewServiceNetwork(s.ctx, colour+"ServiceNetwork", vpclattice.ServiceNetworkArgs{
		AuthType: pulumi.String("NONE"),
		Name:     pulumi.String(lower + "-service-network"),
		Tags:     s.tags.Native(),
	})
	if err != nil {
		return nil, err
	}
	s.ctx.Export(lower+"-service-network-arn", network.Arn)
	if _, err := ram.NewResourceAssociation(s.ctx, colour+"LatticeRamShareAssociation", ram.ResourceAssociationArgs{
		ResourceArn:      network.Arn,
		ResourceShareArn: share.Arn,
	}, pulumi.Parent(share), pulumi.DependsOn([]pulumi.Resource{network})); err != nil {
		return nil, err
	}
	_, err = vpclattice.NewServiceNetworkVpcAssociation(s.ctx, colour+"ServiceNetworkVpcAssociation", vpclattice.ServiceNetworkVpcAssociationArgs{
		SecurityGroupIds:         pulumi.StringArray{group.ID()},
		ServiceNetworkIdentifier: network.ID(),
		VpcIdentifier:            vpc.ID(),
		Tags:                     s.tags.Native(),
	}, pulumi.Parent(network), pulumi.DependsOn([]pulumi.Resource{network, vpc}))
	return network, err
}
