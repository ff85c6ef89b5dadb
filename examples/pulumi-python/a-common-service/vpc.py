"""Three VPCs: the shared services' own, and a peer of it for each team's service network."""
from pulumi import ResourceOptions
from pulumi_aws import ec2

from helpers import make_open_group, make_peering, make_subnet, make_vpc, named, route_to_peer, zones
from settings import app_cidrs, blue_cidr, blue_cidrs, green_cidr, green_cidrs, main_cidr, public_cidrs, region

main_vpc = make_vpc("SharedServicesMainVpc", main_cidr)
green_vpc = make_vpc("GreenNetworkVpc", green_cidr)
blue_vpc = make_vpc("BlueNetworkVpc", blue_cidr)

gateway = ec2.InternetGateway("SharedServicesMainVpcIgw", vpc_id=main_vpc.id, tags=named(f"SharedServicesMainVpcIgw-{region}"),
                              opts=ResourceOptions(parent=main_vpc))

green_peering = make_peering("GreenPeeringConnection", main_vpc, green_vpc)
blue_peering = make_peering("BluePeeringConnection", main_vpc, blue_vpc)

app_subnets = []
for public_cidr, app_cidr, zone in zip(public_cidrs, app_cidrs, zones):
    _, table = make_subnet(main_vpc, "SharedServiceSubnetPub", "SharedServiceRtPub", "SharedServiceRtaPub", public_cidr, zone)
    ec2.Route(f"WanPubRoute-{zone}", route_table_id=table.id, gateway_id=gateway.id, destination_cidr_block="0.0.0.0/0",
              opts=ResourceOptions(parent=table))
    subnet, table = make_subnet(main_vpc, "SharedServiceSubnetApp", "SharedServiceRtApp", "SharedServiceAppRta", app_cidr, zone)
    app_subnets.append(subnet)
    route_to_peer(f"RouteToGreenPeer-{zone}", table, green_peering, green_cidr)
    route_to_peer(f"RouteToBluePeer-{zone}", table, blue_peering, blue_cidr)

for colour, vpc, peering, cidrs in (("Green", green_vpc, green_peering, green_cidrs), ("Blue", blue_vpc, blue_peering, blue_cidrs)):
    for cidr, zone in zip(cidrs, zones):
        _, table = make_subnet(vpc, f"{colour}PeerSubnet", f"{colour}PeerRt", f"{colour}PeerRta", cidr, zone)
        route_to_peer(f"{colour}PeerMainRoute-{zone}", table, peering, main_cidr)

green_group = make_open_group(green_vpc, "GreenSecurityGroup", "Green Lattice Security Group")
blue_group = make_open_group(blue_vpc, "BlueSecurityGroup", "Blue Lattice Security Group")
balancer_group = make_open_group(main_vpc, "MainLambdaAlbSecurityGroup", "ALB Security Group")
function_group = make_open_group(main_vpc, "MainLambdaFuncSecurityGroup", "Lambda Security Group")
