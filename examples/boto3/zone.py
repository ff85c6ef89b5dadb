"""A VPC whose programs reach a Lattice service: up, again without a change, and down, with boto3.

    python zone.py up | down
"""
import sys
import time

import boto3
from botocore.exceptions import ClientError

NAME = "boto3-zone"
ec2 = boto3.client("ec2")
lattice = boto3.client("vpc-lattice")


def found(operation, key, **match):
    """The one item of a listing that has these values."""
    for page in lattice.get_paginator(operation).paginate(**match.pop("where", {})):
        for item in page["items"]:
            if all(item.get(name) == value for name, value in match.items()):
                return item[key]
    return None


def until(what, check):
    for _ in range(600):
        if check():
            return
        time.sleep(0.1)
    sys.exit(f"gave up waiting for {what}")


def gone(call, **arguments):
    try:
        call(**arguments)
    except lattice.exceptions.ResourceNotFoundException:
        return True
    return False


def vpc_of_the_zone():
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [NAME]}])["Vpcs"]
    return vpcs[0]["VpcId"] if vpcs else None


def up():
    made = []

    def ensure(what, present, make):
        if present is None:
            present = make()
            made.append(what)
        return present

    vpc = ensure("VPC", vpc_of_the_zone(), lambda: ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": NAME}]}])["Vpc"]["VpcId"])
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    subnet = ensure("subnet", subnets[0]["SubnetId"] if subnets else None,
                    lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"])
    network = ensure("service network", found("list_service_networks", "id", name=NAME),
                     lambda: lattice.create_service_network(name=NAME)["id"])
    service = ensure("service", found("list_services", "id", name=NAME), lambda: lattice.create_service(name=NAME)["id"])
    until("the service", lambda: lattice.get_service(serviceIdentifier=service)["status"] == "ACTIVE")
    ensure("listener", found("list_listeners", "id", where={"serviceIdentifier": service}), lambda: lattice.create_listener(
        serviceIdentifier=service, name="http", protocol="HTTP", port=80, defaultAction={"fixedResponse": {"statusCode": 404}})["id"])
    joined = ensure("VPC association", found("list_service_network_vpc_associations", "id", where={"vpcIdentifier": vpc}),
                    lambda: lattice.create_service_network_vpc_association(serviceNetworkIdentifier=network, vpcIdentifier=vpc)["id"])
    offered = ensure("service association", found("list_service_network_service_associations", "id", where={"serviceIdentifier": service}),
                     lambda: lattice.create_service_network_service_association(serviceNetworkIdentifier=network, serviceIdentifier=service)["id"])
    until("the VPC association", lambda: lattice.get_service_network_vpc_association(
        serviceNetworkVpcAssociationIdentifier=joined)["status"] == "ACTIVE")
    until("the service association", lambda: lattice.get_service_network_service_association(
        serviceNetworkServiceAssociationIdentifier=offered)["status"] == "ACTIVE")
    name = lattice.get_service(serviceIdentifier=service)["dnsEntry"]["domainName"]
    print("made:", ", ".join(made) or "nothing")
    print("try:  trellis exec --subnet", subnet, "-- curl -s -o /dev/null -w '%{http_code}\\n'", f"http://{name}/")


def down():
    vpc, network, service = vpc_of_the_zone(), found("list_service_networks", "id", name=NAME), found("list_services", "id", name=NAME)
    if network:
        for page in lattice.get_paginator("list_service_network_service_associations").paginate(serviceNetworkIdentifier=network):
            for item in page["items"]:
                one = {"serviceNetworkServiceAssociationIdentifier": item["id"]}
                lattice.delete_service_network_service_association(**one)
                until("the service association's end", lambda: gone(lattice.get_service_network_service_association, **one))
        for page in lattice.get_paginator("list_service_network_vpc_associations").paginate(serviceNetworkIdentifier=network):
            for item in page["items"]:
                one = {"serviceNetworkVpcAssociationIdentifier": item["id"]}
                lattice.delete_service_network_vpc_association(**one)
                until("the VPC association's end", lambda: gone(lattice.get_service_network_vpc_association, **one))
        lattice.delete_service_network(serviceNetworkIdentifier=network)
    if service:
        lattice.delete_service(serviceIdentifier=service)
        until("the service's end", lambda: gone(lattice.get_service, serviceIdentifier=service))
    if vpc:
        for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        ec2.delete_vpc(VpcId=vpc)
    print("down")


if __name__ == "__main__":
    if sys.argv[1:] not in (["up"], ["down"]):
        sys.exit(__doc__)
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except ClientError as problem:
        sys.exit(str(problem))
