"""What the account says of itself, and the pieces that every VPC has."""
import pulumi_aws as aws
from pulumi import ResourceOptions
from pulumi_aws import ec2

from settings import region, tags

account_id = aws.get_caller_identity().account_id
zones = aws.get_availability_zones(state="available").names[:2]


def named(name):
    return {**tags, "Name": name}


def make_vpc(name, cidr):
    return ec2.Vpc(name, cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True, tags=named(f"{name}-{region}"))


def make_subnet(vpc, subnet, table, association, cidr, zone):
    """A subnet with a route table of its own."""
    made = ec2.Subnet(f"{subnet}-{zone}", vpc_id=vpc.id, cidr_block=cidr, availability_zone=zone, tags=named(f"{subnet}-{zone}"),
                      opts=ResourceOptions(parent=vpc))
    routes = ec2.RouteTable(f"{table}-{zone}", vpc_id=vpc.id, tags=named(f"{table}-{zone}"), opts=ResourceOptions(parent=made))
    ec2.RouteTableAssociation(f"{association}-{zone}", route_table_id=routes.id, subnet_id=made.id, opts=ResourceOptions(parent=made))
    return made, routes


def make_peering(name, requester, accepter):
    peering = ec2.VpcPeeringConnection(name, vpc_id=requester.id, peer_vpc_id=accepter.id, auto_accept=True,
                                       opts=ResourceOptions(parent=requester, depends_on=[requester, accepter]))
    ec2.PeeringConnectionOptions(
        f"{name}Options", vpc_peering_connection_id=peering.id,
        accepter=ec2.PeeringConnectionOptionsAccepterArgs(allow_remote_vpc_dns_resolution=True),
        requester=ec2.PeeringConnectionOptionsRequesterArgs(allow_remote_vpc_dns_resolution=True),
        opts=ResourceOptions(parent=peering, depends_on=[peering]))
    return peering


def route_to_peer(name, table, peering, cidr):
    ec2.Route(name, route_table_id=table.id, vpc_peering_connection_id=peering.id, destination_cidr_block=cidr,
              opts=ResourceOptions(parent=table, depends_on=[peering]))


def make_open_group(vpc, name, description):
    """A security group that lets everything in and out."""
    anything = {"from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"], "ipv6_cidr_blocks": ["::/0"]}
    return ec2.SecurityGroup(name, description=description, vpc_id=vpc.id,
                             ingress=[ec2.SecurityGroupIngressArgs(description="Any", **anything)],
                             egress=[ec2.SecurityGroupEgressArgs(**anything)],
                             tags=named(f"{name}-{region}"), opts=ResourceOptions(parent=vpc))
