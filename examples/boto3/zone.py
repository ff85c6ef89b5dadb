"""The landing zone, with boto3.

    python zone.py up [--stage NAME] [--service NAME]
    python zone.py down

Up makes what is missing, sets what is otherwise and says what it did; a second time that is nothing. Nothing is kept between runs: what is there
is found by its name. The profiles shared-services, blue and green are the three accounts.
"""
import argparse
import json
import pathlib
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

CODE = pathlib.Path(__file__).parent / ".." / "landing-zone" / "build"  # the functions' archives, which `make zone` builds
LAMBDA = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
IN_VPC = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
ANYONE = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "Any"}],
           "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "Any"}]}]
OURS = {"Key": "Provisioned", "Value": "zone.py"}

#          VPC of the shared account, its range, its subnets,                                   its security group
PEERS = {"Blue": ("BlueNetworkVpc", "192.168.0.0/23", ("192.168.0.0/24", "192.168.1.0/24"), "BlueSecurityGroup"),
         "Green": ("GreenNetworkVpc", "192.168.2.0/23", ("192.168.2.0/24", "192.168.3.0/24"), "GreenSecurityGroup")}
#          the first half of a team's own VPC's range
TEAMS = {"Blue": "10.100", "Green": "10.200"}


class Account:
    """Clients of an account, by the profile's name."""

    def __init__(self, profile):
        session = boto3.Session(profile_name=profile)
        self.id = session.client("sts").get_caller_identity()["Account"]
        self.ec2, self.iam, self.logs, self.ram = (session.client(api) for api in ("ec2", "iam", "logs", "ram"))
        self.functions, self.balancers, self.lattice = (session.client(api) for api in ("lambda", "elbv2", "vpc-lattice"))
        zones = self.ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])["AvailabilityZones"]
        self.zones = [zone["ZoneName"] for zone in zones[:2]]
        self.region = session.region_name


did = []  # what this run made, set and took away


def done(what):
    did.append(what)
    print(what, flush=True)


def ensure(what, there, make):
    """What is there, or else what is made."""
    if not there:
        there = make()
        done(f"made {what}")
    return there


def equal(what, value, wanted, put):
    """Sets a value that is not what is wanted."""
    if value != wanted:
        put()
        done(f"set {what}")


def every(client, operation, key, where=None, **match):
    """All items of a listing that have these values."""
    pages = client.get_paginator(operation).paginate(**(where or {}))
    return [item for page in pages for item in page[key] if all(item.get(name) == value for name, value in match.items())]


def one(client, operation, key, field, where=None, **match):
    """A field of the one item of a listing that has these values, or None."""
    return next((item[field] for item in every(client, operation, key, where, **match)), None)


def answer(client, call, **arguments):
    """What a call answers, or {} where that is that there is nothing."""
    try:
        return call(**arguments)
    except client.exceptions.ResourceNotFoundException:
        return {}


def until(what, is_so):
    """Waits for what boto3 has no waiter for."""
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise SystemExit(f"gave up waiting for {what}")


# What EC2 lists of each kind: the operation, the key of the answer, the key of the id.
KINDS = {
    "vpc": ("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "route-table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "internet-gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "security-group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "vpc-peering-connection": ("describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId"),
}


def described(account, kind, name, value):
    """EC2's descriptions of a kind, by a filter. What a peering was is listed for a while after its end."""
    operation, key, _ = KINDS[kind]
    return [item for item in every(account.ec2, operation, key, {"Filters": [{"Name": name, "Values": [value]}]})
            if kind != "vpc-peering-connection" or item["Status"]["Code"] in ("pending-acceptance", "active")]


def ids(account, kind, name, value):
    return [item[KINDS[kind][2]] for item in described(account, kind, name, value)]


def have(account, kind, name, make, **arguments):
    """The id of what has a name, which is made where it is not there."""
    def made():
        tags = [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}, OURS]}]
        answered = make(TagSpecifications=tags, **arguments)
        wrapped = next((value for value in answered.values() if isinstance(value, dict) and KINDS[kind][2] in value), answered)
        return wrapped[KINDS[kind][2]]
    return ensure(f"{kind} {name}", next(iter(ids(account, kind, "tag:Name", name)), None), made)


def make_vpc(a, name, cidr):
    vpc = have(a, "vpc", f"{name}-{a.region}", a.ec2.create_vpc, CidrBlock=cidr)
    a.ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    equal(f"the DNS hostnames of {name}", a.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"],
          True, lambda: a.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True}))
    return vpc


def make_tier(a, vpc, prefix, tier, cidrs):
    """A subnet in each zone, and a route table for them."""
    table = have(a, "route-table", f"{prefix}Rt{tier}", a.ec2.create_route_table, VpcId=vpc)
    for zone, cidr in zip(a.zones, cidrs):
        name = f"{prefix}Subnet{tier}-{zone}"
        subnet = have(a, "subnet", name, a.ec2.create_subnet, VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)
        ensure(f"the association of {name}", ids(a, "route-table", "association.subnet-id", subnet),
               lambda: a.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet))
    return table


def make_route(a, table, cidr, **to):
    routes = described(a, "route-table", "route-table-id", table)[0]["Routes"]
    ensure(f"a route to {cidr}", any(route["DestinationCidrBlock"] == cidr for route in routes),
           lambda: a.ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, **to))


def make_gateway(a, vpc, name, table):
    """An internet gateway, and the way to it from a public tier."""
    gateway = have(a, "internet-gateway", f"{name}-{a.region}", a.ec2.create_internet_gateway)
    ensure(f"the attachment of {name}", ids(a, "internet-gateway", "attachment.vpc-id", vpc),
           lambda: a.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc))
    make_route(a, table, "0.0.0.0/0", GatewayId=gateway)


def make_group(a, vpc, name, description):
    """A security group that lets everything in; out it does by itself."""
    group = have(a, "security-group", f"{name}-{a.region}", a.ec2.create_security_group, VpcId=vpc, GroupName=name, Description=description)
    ensure(f"the rules of {name}", described(a, "security-group", "group-id", group)[0]["IpPermissions"],
           lambda: a.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ANYONE))
    return group


def make_function(a, name, role_name, archive, vpc_config, **more):
    """A function in a VPC, with a role and a log group of its own."""
    role = ensure(f"role {role_name}", one(a.iam, "list_roles", "Roles", "Arn", RoleName=role_name), lambda: a.iam.create_role(
        RoleName=role_name, AssumeRolePolicyDocument=json.dumps(LAMBDA))["Role"]["Arn"])
    ensure(f"the policy of {role_name}", a.iam.list_attached_role_policies(RoleName=role_name)["AttachedPolicies"],
           lambda: a.iam.attach_role_policy(RoleName=role_name, PolicyArn=IN_VPC))
    ensure(f"log group /aws/lambda/{name}", every(a.logs, "describe_log_groups", "logGroups", logGroupName=f"/aws/lambda/{name}"),
           lambda: a.logs.create_log_group(logGroupName=f"/aws/lambda/{name}"))
    function = ensure(f"function {name}", one(a.functions, "list_functions", "Functions", "FunctionArn", FunctionName=name),
                      lambda: a.functions.create_function(
                          FunctionName=name, Role=role, Runtime="provided.al2023", Handler="bootstrap", VpcConfig=vpc_config,
                          Code={"ZipFile": (CODE / archive).read_bytes()}, **more)["FunctionArn"])
    a.functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return function


def join(lattice, network, vpc, group):
    """Associates a VPC with a service network."""
    joined = ensure(f"the association of {vpc}",
                    one(lattice, "list_service_network_vpc_associations", "items", "id", {"vpcIdentifier": vpc}),
                    lambda: lattice.create_service_network_vpc_association(
                        serviceNetworkIdentifier=network, vpcIdentifier=vpc, securityGroupIds=[group])["id"])
    until(f"the association of {vpc}", lambda: lattice.get_service_network_vpc_association(
        serviceNetworkVpcAssociationIdentifier=joined)["status"] == "ACTIVE")


def make_networks(shared):
    """The shared account's three VPCs, peered. Answers the main one."""
    ec2 = shared.ec2
    main = make_vpc(shared, "SharedServicesMainVpc", "10.0.0.0/16")
    public = make_tier(shared, main, "SharedService", "Pub", ("10.0.0.0/22", "10.0.4.0/22"))
    app = make_tier(shared, main, "SharedService", "App", ("10.0.8.0/22", "10.0.12.0/22"))
    make_gateway(shared, main, "SharedServicesMainVpcIgw", public)
    for colour, (name, cidr, cidrs, _) in PEERS.items():
        other = make_vpc(shared, name, cidr)
        table = make_tier(shared, other, f"{colour}Peer", "", cidrs)
        peering = have(shared, "vpc-peering-connection", f"{colour}PeeringConnection", ec2.create_vpc_peering_connection, VpcId=main, PeerVpcId=other)
        state = described(shared, "vpc-peering-connection", "vpc-peering-connection-id", peering)[0]
        equal(f"the peering of {name}", state["Status"]["Code"], "active",
              lambda: ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering))
        resolves = {"AllowDnsResolutionFromRemoteVpc": True}
        equal(f"the options of {name}'s peering", all(
            state[side].get("PeeringOptions", {}).get("AllowDnsResolutionFromRemoteVpc") for side in ("AccepterVpcInfo", "RequesterVpcInfo")),
            True, lambda: ec2.modify_vpc_peering_connection_options(
                VpcPeeringConnectionId=peering, AccepterPeeringConnectionOptions=resolves, RequesterPeeringConnectionOptions=resolves))
        make_route(shared, app, cidr, VpcPeeringConnectionId=peering)
        make_route(shared, table, "10.0.0.0/16", VpcPeeringConnectionId=peering)
    return main


def share_networks(shared, teams):
    """A service network for each team, with a VPC of the shared account in it, shared with the team's account. Answers their ARNs."""
    networks = {}
    for colour, (name, _, _, group_name) in PEERS.items():
        called = f"{colour.lower()}-service-network"
        networks[colour] = network = ensure(
            f"service network {called}", one(shared.lattice, "list_service_networks", "items", "arn", name=called),
            lambda: shared.lattice.create_service_network(name=called, authType="NONE")["arn"])
        vpc = ids(shared, "vpc", "tag:Name", f"{name}-{shared.region}")[0]
        join(shared.lattice, network, vpc, make_group(shared, vpc, group_name, f"{colour} Lattice Security Group"))
        share = ensure(f"share {colour}LatticeRamShare",
                       one(shared.ram, "get_resource_shares", "resourceShares", "resourceShareArn",
                           {"resourceOwner": "SELF", "name": f"{colour}LatticeRamShare"}, status="ACTIVE"),
                       lambda: shared.ram.create_resource_share(
                           name=f"{colour}LatticeRamShare", allowExternalPrincipals=False, resourceArns=[network],
                           principals=[teams[colour].id])["resourceShare"]["resourceShareArn"])
        for kind in "PRINCIPAL", "RESOURCE":
            until(f"the share of {called}", lambda: all(item["status"] == "ASSOCIATED" for item in every(
                shared.ram, "get_resource_share_associations", "resourceShareAssociations",
                {"associationType": kind, "resourceShareArns": [share]})))
    return networks


def make_directory(shared, main):
    """DirectoryService: a function behind a private load balancer. Answers the load balancer's ARN."""
    elb, subnets = shared.balancers, ids(shared, "subnet", "tag:Name", "SharedServiceSubnetApp-*")
    group = make_group(shared, main, "MainLambdaAlbSecurityGroup", "ALB Security Group")
    balancer = ensure("load balancer DirectoryServiceLb",
                      one(elb, "describe_load_balancers", "LoadBalancers", "LoadBalancerArn", LoadBalancerName="DirectoryServiceLb"),
                      lambda: elb.create_load_balancer(Name="DirectoryServiceLb", Scheme="internal", Subnets=subnets, SecurityGroups=[group])
                      ["LoadBalancers"][0]["LoadBalancerArn"])
    targets = ensure("target group DirectoryServiceTg",
                     one(elb, "describe_target_groups", "TargetGroups", "TargetGroupArn", TargetGroupName="DirectoryServiceTg"),
                     lambda: elb.create_target_group(Name="DirectoryServiceTg", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"])
    ensure("the load balancer's listener", every(elb, "describe_listeners", "Listeners", {"LoadBalancerArn": balancer}),
           lambda: elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
                                       DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}]))
    layer = ensure("layer lambda_layer",
                   one(shared.functions, "list_layer_versions", "LayerVersions", "LayerVersionArn", {"LayerName": "lambda_layer"}),
                   lambda: shared.functions.publish_layer_version(
                       LayerName="lambda_layer", CompatibleRuntimes=["provided.al2023"],
                       Content={"ZipFile": (CODE / "directory_app_layer.zip").read_bytes()})["LayerVersionArn"])
    group = make_group(shared, main, "MainLambdaFuncSecurityGroup", "Lambda Security Group")
    function = make_function(shared, "DirectoryServiceFunction", "DirectoryServiceExecutionRole", "directory_app.zip",
                             {"SubnetIds": subnets, "SecurityGroupIds": [group]}, Layers=[layer])
    ensure("the load balancer's permission", answer(shared.functions, shared.functions.get_policy, FunctionName=function),
           lambda: shared.functions.add_permission(FunctionName=function, StatementId="AlbFunctionPermission", Action="lambda:InvokeFunction",
                                                   Principal="elasticloadbalancing.amazonaws.com", SourceArn=targets))
    ensure("the function as a target", elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"],
           lambda: elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": function}]))
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer])
    return balancer


def may_ask(question, account):
    """Opens the service to a team's own question from its own account."""
    return {"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*", "Condition": {"StringEquals": {
        "vpc-lattice-svcs:RequestMethod": "GET",
        "vpc-lattice-svcs:RequestQueryString/q": question,
        "vpc-lattice-svcs:SourceVpcOwnerAccount": account}}}


def make_service(shared, teams, networks, main, balancer, name):
    """The Lattice service in front of the load balancer, in both networks. Answers its DNS name."""
    lattice = shared.lattice
    targets = ensure("target group shared-service-target", one(lattice, "list_target_groups", "items", "id", name="shared-service-target"),
                     lambda: lattice.create_target_group(name="shared-service-target", type="ALB", config={
                         "port": 80, "protocol": "HTTP", "vpcIdentifier": main})["id"])
    until("the target group", lambda: lattice.get_target_group(targetGroupIdentifier=targets)["status"] == "ACTIVE")
    ensure("the load balancer as a target", every(lattice, "list_targets", "items", {"targetGroupIdentifier": targets}),
           lambda: lattice.register_targets(targetGroupIdentifier=targets, targets=[{"id": balancer, "port": 80}]))
    for old in offered(lattice, networks["Blue"]):
        if old["serviceName"] != name:
            drop_service(lattice, old["serviceId"])
    service = ensure(f"service {name}", one(lattice, "list_services", "items", "id", name=name),
                     lambda: lattice.create_service(name=name, authType="AWS_IAM")["id"])
    until("the service", lambda: lattice.get_service(serviceIdentifier=service)["status"] == "ACTIVE")
    policy = {"Version": "2012-10-17", "Statement": [may_ask(colour.lower(), team.id) for colour, team in teams.items()]}
    equal("the auth policy", json.loads(answer(lattice, lattice.get_auth_policy, resourceIdentifier=service).get("policy", "null")), policy,
          lambda: lattice.put_auth_policy(resourceIdentifier=service, policy=json.dumps(policy)))
    ensure("the service's listener", every(lattice, "list_listeners", "items", {"serviceIdentifier": service}),
           lambda: lattice.create_listener(
               serviceIdentifier=service, name="shared-service-listener", protocol="HTTP", port=80,
               defaultAction={"forward": {"targetGroups": [{"targetGroupIdentifier": targets, "weight": 100}]}}))
    for colour, network in networks.items():
        association = ensure(
            f"the service in {colour}'s network",
            one(lattice, "list_service_network_service_associations", "items", "id",
                {"serviceIdentifier": service, "serviceNetworkIdentifier": network}),
            lambda: lattice.create_service_network_service_association(serviceIdentifier=service, serviceNetworkIdentifier=network)["id"])
        until(f"the service in {colour}'s network", lambda: lattice.get_service_network_service_association(
            serviceNetworkServiceAssociationIdentifier=association)["status"] == "ACTIVE")
    return lattice.get_service(serviceIdentifier=service)["dnsEntry"]["domainName"]


def make_team(team, colour, network, name):
    """The team's own VPC, in its service network, and a function there that asks the service."""
    half = TEAMS[colour]
    vpc = make_vpc(team, f"{colour}SandboxVpc", f"{half}.0.0/16")
    public = make_tier(team, vpc, f"{colour}Sandbox", "Pub", (f"{half}.0.0/18", f"{half}.64.0/18"))
    make_gateway(team, vpc, f"{colour}SandboxIgw", public)
    make_tier(team, vpc, f"{colour}Sandbox", "App", (f"{half}.128.0/18", f"{half}.192.0/18"))
    join(team.lattice, network, vpc, make_group(team, vpc, f"{colour}SecurityGroup", f"{colour} Lattice Security Group"))
    group = make_group(team, vpc, f"{colour}LambdaFuncSecurityGroup", "Lambda Security Group")
    asks = {"Variables": {f"{colour.upper()}_ENDPOINT": f"http://{name}/?q={colour.lower()}"}}
    function = make_function(team, f"{colour}Function", f"{colour}LambdaExecutionRole", "client_app.zip", {
        "SubnetIds": ids(team, "subnet", "tag:Name", f"{colour}SandboxSubnetApp-*"), "SecurityGroupIds": [group]}, Environment=asks)
    equal(f"what {colour}Function asks", team.functions.get_function_configuration(FunctionName=function)["Environment"], asks,
          lambda: team.functions.update_function_configuration(FunctionName=function, Environment=asks))
    team.functions.get_waiter("function_updated_v2").wait(FunctionName=function)


def tag_stage(accounts, service, stage):
    """Sets the tag Stage of the EC2 resources, the functions and what VPC Lattice has."""
    for a in accounts:
        tagged = {(tag["ResourceId"], tag["Key"]): tag["Value"] for tag in every(a.ec2, "describe_tags", "Tags")}
        stale = [resource for (resource, key), value in tagged.items()
                 if {"Key": key, "Value": value} == OURS and tagged.get((resource, "Stage")) != stage]
        equal(f"the stage of {len(stale)} resources of EC2", stale, [],
              lambda: a.ec2.create_tags(Resources=stale, Tags=[{"Key": "Stage", "Value": stage}]))
        for name in "DirectoryServiceFunction", "BlueFunction", "GreenFunction":
            for function in every(a.functions, "list_functions", "Functions", FunctionName=name):
                arn = function["FunctionArn"]
                equal(f"the stage of {name}", a.functions.list_tags(Resource=arn)["Tags"].get("Stage"), stage,
                      lambda: a.functions.tag_resource(Resource=arn, Tags={"Stage": stage}))
    lattice = accounts[0].lattice
    ours = service, *(f"{colour.lower()}-service-network" for colour in PEERS)
    for item in every(lattice, "list_services", "items") + every(lattice, "list_service_networks", "items"):
        if item["name"] not in ours:
            continue
        equal(f"the stage of {item['name']}", lattice.list_tags_for_resource(resourceArn=item["arn"])["tags"].get("Stage"), stage,
              lambda: lattice.tag_resource(resourceArn=item["arn"], tags={"Stage": stage}))


def up(shared, teams, stage, service):
    main = make_networks(shared)
    networks = share_networks(shared, teams)
    balancer = make_directory(shared, main)
    name = make_service(shared, teams, networks, main, balancer, service)
    for colour, team in teams.items():
        make_team(team, colour, networks[colour], name)
    tag_stage([shared, *teams.values()], service, stage)


def drop(what, call, **arguments):
    call(**arguments)
    done(f"took away {what}")


def offered(lattice, network):
    return every(lattice, "list_service_network_service_associations", "items", {"serviceNetworkIdentifier": network})


def drop_associations(lattice, kind, **of):
    """Ends associations of a service network, of the kind vpc or service."""
    listing, key = f"list_service_network_{kind}_associations", f"serviceNetwork{kind.title()}AssociationIdentifier"
    for item in every(lattice, listing, "items", of):
        drop(f"a {kind} association", getattr(lattice, f"delete_service_network_{kind}_association"), **{key: item["id"]})
    until("the associations' end", lambda: not every(lattice, listing, "items", of))


def drop_service(lattice, service):
    drop_associations(lattice, "service", serviceIdentifier=service)
    drop(f"service {service}", lattice.delete_service, serviceIdentifier=service)
    until("the service's end", lambda: not every(lattice, "list_services", "items", id=service))


def drop_function(a, name, role):
    for _ in every(a.functions, "list_functions", "Functions", FunctionName=name):
        drop(f"function {name}", a.functions.delete_function, FunctionName=name)
    for _ in every(a.logs, "describe_log_groups", "logGroups", logGroupName=f"/aws/lambda/{name}"):
        drop(f"log group /aws/lambda/{name}", a.logs.delete_log_group, logGroupName=f"/aws/lambda/{name}")
    for _ in every(a.iam, "list_roles", "Roles", RoleName=role):
        for policy in every(a.iam, "list_attached_role_policies", "AttachedPolicies", {"RoleName": role}):
            a.iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        drop(f"role {role}", a.iam.delete_role, RoleName=role)


def drop_vpc(a, name):
    for vpc in ids(a, "vpc", "tag:Name", f"{name}-{a.region}"):
        drop_associations(a.lattice, "vpc", vpcIdentifier=vpc)
        for peering in ids(a, "vpc-peering-connection", "accepter-vpc-info.vpc-id", vpc):
            drop(f"peering {peering}", a.ec2.delete_vpc_peering_connection, VpcPeeringConnectionId=peering)
        for group in described(a, "security-group", "vpc-id", vpc):
            if group["GroupName"] != "default":
                drop(f"security group {group['GroupName']}", a.ec2.delete_security_group, GroupId=group["GroupId"])
        for subnet in ids(a, "subnet", "vpc-id", vpc):
            drop(f"subnet {subnet}", a.ec2.delete_subnet, SubnetId=subnet)
        for table in described(a, "route-table", "vpc-id", vpc):
            if not table["Associations"]:
                drop(f"route table {table['RouteTableId']}", a.ec2.delete_route_table, RouteTableId=table["RouteTableId"])
        for gateway in ids(a, "internet-gateway", "attachment.vpc-id", vpc):
            a.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
            drop(f"internet gateway {gateway}", a.ec2.delete_internet_gateway, InternetGatewayId=gateway)
        drop(f"VPC {name}", a.ec2.delete_vpc, VpcId=vpc)


def down(shared, teams, service):
    for colour, team in teams.items():
        drop_function(team, f"{colour}Function", f"{colour}LambdaExecutionRole")
        drop_vpc(team, f"{colour}SandboxVpc")
    lattice, elb = shared.lattice, shared.balancers
    networks = {colour: one(lattice, "list_service_networks", "items", "arn", name=f"{colour.lower()}-service-network") for colour in PEERS}
    offers = [item["serviceId"] for network in filter(None, networks.values()) for item in offered(lattice, network)]
    named = [item["id"] for item in every(lattice, "list_services", "items", name=service)]
    for one_of in {*offers, *named}:
        drop_service(lattice, one_of)
    for targets in every(lattice, "list_target_groups", "items", name="shared-service-target"):
        this = {"targetGroupIdentifier": targets["id"]}
        registered = [{"id": item["id"], "port": item["port"]} for item in every(lattice, "list_targets", "items", this)]
        if registered:
            lattice.deregister_targets(targets=registered, **this)
            until("the targets' end", lambda: not every(lattice, "list_targets", "items", this))
        drop("target group shared-service-target", lattice.delete_target_group, **this)
    for item in every(elb, "describe_load_balancers", "LoadBalancers", LoadBalancerName="DirectoryServiceLb"):
        drop("load balancer DirectoryServiceLb", elb.delete_load_balancer, LoadBalancerArn=item["LoadBalancerArn"])
        elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[item["LoadBalancerArn"]])
    for item in every(elb, "describe_target_groups", "TargetGroups", TargetGroupName="DirectoryServiceTg"):
        drop("target group DirectoryServiceTg", elb.delete_target_group, TargetGroupArn=item["TargetGroupArn"])
    drop_function(shared, "DirectoryServiceFunction", "DirectoryServiceExecutionRole")
    for layer in every(shared.functions, "list_layer_versions", "LayerVersions", {"LayerName": "lambda_layer"}):
        drop("layer lambda_layer", shared.functions.delete_layer_version, LayerName="lambda_layer", VersionNumber=layer["Version"])
    for colour, (name, *_) in PEERS.items():
        for share in every(shared.ram, "get_resource_shares", "resourceShares",
                           {"resourceOwner": "SELF", "name": f"{colour}LatticeRamShare"}, status="ACTIVE"):
            drop(f"share {colour}LatticeRamShare", shared.ram.delete_resource_share, resourceShareArn=share["resourceShareArn"])
        if networks[colour]:
            drop_associations(lattice, "vpc", serviceNetworkIdentifier=networks[colour])
            drop(f"service network of {colour}", lattice.delete_service_network, serviceNetworkIdentifier=networks[colour])
        drop_vpc(shared, name)
    drop_vpc(shared, "SharedServicesMainVpc")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("up", "down"))
    parser.add_argument("--stage", default="dev", help="the tag Stage of everything (dev)")
    parser.add_argument("--service", default="shared-service", help="the service's name; another one replaces it (shared-service)")
    asked = parser.parse_args()
    try:
        shared, teams = Account("shared-services"), {colour: Account(colour.lower()) for colour in TEAMS}
        if asked.step == "up":
            up(shared, teams, asked.stage, asked.service)
        else:
            down(shared, teams, asked.service)
    except (ClientError, BotoCoreError) as problem:
        raise SystemExit(problem)
    print(f"{asked.step}: {len(did) or 'nothing'} done")
