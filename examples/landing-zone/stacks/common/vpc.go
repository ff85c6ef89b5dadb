package common

import (
	"landing-zone/resource/ec2"
	"landing-zone/stacks/block"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// vpcs makes the main VPC and the two that only their own service network's clients use.
func (s *stack) vpcs() (err error) {
	if s.mainVpc, err = s.vpc("SharedServicesMainVpc", mainCidr); err != nil {
		return err
	}
	if s.greenVpc, err = s.vpc("GreenNetworkVpc", greenCidr); err != nil {
		return err
	}
	s.blueVpc, err = s.vpc("BlueNetworkVpc", blueCidr)
	return err
}

func (s *stack) vpc(name, cidr string) (*ec2.Vpc, error) {
	return ec2.NewVpc(s.ctx, name, ec2.VpcArgs{
		CidrBlock:          pulumi.String(cidr),
		EnableDnsHostnames: pulumi.Bool(true),
		EnableDnsSupport:   pulumi.Bool(true),
		Tags:               s.tags.Named(name + "-" + s.region),
	})
}

// mainSubnets makes the main VPC's public and app subnets, the way out of the first and the peerings of the second.
func (s *stack) mainSubnets() error {
	const name = "SharedServicesMainVpcIgw"
	gateway, err := ec2.NewInternetGateway(s.ctx, name, ec2.InternetGatewayArgs{
		VpcId: s.mainVpc.ID(),
		Tags:  s.tags.Named(name + "-" + s.region),
	}, pulumi.Parent(s.mainVpc))
	if err != nil {
		return err
	}
	public := []string{"10.0.0.0/22", "10.0.4.0/22"}
	app := []string{"10.0.8.0/22", "10.0.12.0/22"}
	for i, zone := range s.zones {
		pub, err := block.NewRoutedSubnet(s.ctx, s.mainVpc, block.SubnetNames{
			Subnet: "SharedServiceSubnetPub", RouteTable: "SharedServiceRtPub", Association: "SharedServiceRtaPub",
		}, public[i], zone, s.tags)
		if err != nil {
			return err
		}
		if _, err := ec2.NewRoute(s.ctx, "WanPubRoute-"+zone, ec2.RouteArgs{
			RouteTableId:         pub.RouteTable.ID(),
			GatewayId:            gateway.ID(),
			DestinationCidrBlock: pulumi.String("0.0.0.0/0"),
		}, pulumi.Parent(pub.RouteTable)); err != nil {
			return err
		}
		private, err := block.NewRoutedSubnet(s.ctx, s.mainVpc, block.SubnetNames{
			Subnet: "SharedServiceSubnetApp", RouteTable: "SharedServiceRtApp", Association: "SharedServiceAppRta",
		}, app[i], zone, s.tags)
		if err != nil {
			return err
		}
		s.appSubnets = append(s.appSubnets, private.Subnet)
		s.appTables = append(s.appTables, private.RouteTable)
	}
	return nil
}

// peer is one of the VPCs peered with the main one.
type peer struct {
	colour, cidr string
	vpc          *ec2.Vpc
	subnets      []string
}

// peerSubnets peers the green and the blue VPC with the main one, makes their subnets, and routes between the two.
func (s *stack) peerSubnets() error {
	for _, p := range []peer{
		{"Green", greenCidr, s.greenVpc, []string{"192.168.2.0/24", "192.168.3.0/24"}},
		{"Blue", blueCidr, s.blueVpc, []string{"192.168.0.0/24", "192.168.1.0/24"}},
	} {
		peering, err := s.peering(p)
		if err != nil {
			return err
		}
		for i, zone := range s.zones {
			if err := s.peeringRoute("RouteTo"+p.colour+"Peer-"+zone, s.appTables[i], peering, p.cidr); err != nil {
				return err
			}
			routed, err := block.NewRoutedSubnet(s.ctx, p.vpc, block.SubnetNames{
				Subnet: p.colour + "PeerSubnet", RouteTable: p.colour + "PeerRt", Association: p.colour + "PeerRta",
			}, p.subnets[i], zone, s.tags)
			if err != nil {
				return err
			}
			if err := s.peeringRoute(p.colour+"PeerMainRoute-"+zone, routed.RouteTable, peering, mainCidr); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stack) peering(p peer) (*ec2.VpcPeeringConnection, error) {
	peering, err := ec2.NewVpcPeeringConnection(s.ctx, p.colour+"PeeringConnection", ec2.VpcPeeringConnectionArgs{
		VpcId:      s.mainVpc.ID(),
		PeerVpcId:  p.vpc.ID(),
		AutoAccept: pulumi.Bool(true),
	}, pulumi.Parent(s.mainVpc), pulumi.DependsOn([]pulumi.Resource{s.mainVpc, p.vpc}))
	if err != nil {
		return nil, err
	}
	_, err = ec2.NewPeeringConnectionOptions(s.ctx, p.colour+"PeeringConnectionOptions", ec2.PeeringConnectionOptionsArgs{
		VpcPeeringConnectionId: peering.ID(),
		Accepter:               ec2.PeeringSideArgs{AllowRemoteVpcDnsResolution: pulumi.Bool(true)},
		Requester:              ec2.PeeringSideArgs{AllowRemoteVpcDnsResolution: pulumi.Bool(true)},
	}, pulumi.Parent(peering), pulumi.DependsOn([]pulumi.Resource{peering}))
	return peering, err
}

func (s *stack) peeringRoute(name string, table *ec2.RouteTable, peering *ec2.VpcPeeringConnection, cidr string) error {
	_, err := ec2.NewRoute(s.ctx, name, ec2.RouteArgs{
		RouteTableId:           table.ID(),
		VpcPeeringConnectionId: peering.ID(),
		DestinationCidrBlock:   pulumi.String(cidr),
	}, pulumi.Parent(table), pulumi.DependsOn([]pulumi.Resource{peering}))
	return err
}

// groups makes the groups of the two network associations and the load balancer's.
func (s *stack) groups() (err error) {
	if s.greenGroup, err = block.NewOpenGroup(s.ctx, s.greenVpc, "GreenSecurityGroup", "Green Lattice Security Group", s.region, s.tags); err != nil {
		return err
	}
	if s.blueGroup, err = block.NewOpenGroup(s.ctx, s.blueVpc, "BlueSecurityGroup", "Blue Lattice Security Group", s.region, s.tags); err != nil {
		return err
	}
	s.balancerGroup, err = block.NewOpenGroup(s.ctx, s.mainVpc, "MainLambdaAlbSecurityGroup", "ALB Security Group", s.region, s.tags)
	return err
}
