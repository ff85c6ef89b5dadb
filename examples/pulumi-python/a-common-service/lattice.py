"""A service network for each team: shared with its account by RAM, and joined by a VPC of this account."""
from pulumi import ResourceOptions, export
from pulumi_aws import ram
from pulumi_aws_native import vpclattice

from settings import blue_principal, green_principal, native_tags, tags
from vpc import blue_group, blue_vpc, green_group, green_vpc


def make_network(colour, principal, vpc, group):
    # Within an organization; a principal outside of it needs allow_external_principals.
    share = ram.ResourceShare(f"{colour}LatticeRamShare", allow_external_principals=False, tags=tags)
    ram.PrincipalAssociation(f"{colour}PrincipalAssociation", principal=principal, resource_share_arn=share.arn)
    network = vpclattice.ServiceNetwork(f"{colour}ServiceNetwork", auth_type="NONE", name=f"{colour.lower()}-service-network",
                                        tags=native_tags)
    export(f"{colour.lower()}-service-network-arn", network.arn)
    ram.ResourceAssociation(f"{colour}LatticeRamShareAssociation", resource_arn=network.arn, resource_share_arn=share.arn,
                            opts=ResourceOptions(parent=share, depends_on=[network]))
    vpclattice.ServiceNetworkVpcAssociation(
        f"{colour}ServiceNetworkVpcAssociation", security_group_ids=[group.id], service_network_identifier=network,
        vpc_identifier=vpc, tags=native_tags, opts=ResourceOptions(parent=network, depends_on=[network, vpc]))
    return network


green_network = make_network("Green", green_principal, green_vpc, green_group)
blue_network = make_network("Blue", blue_principal, blue_vpc, blue_group)
