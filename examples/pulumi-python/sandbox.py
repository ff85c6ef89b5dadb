"""A team's account: a VPC in the service network that is shared with it, and a function that asks the shared service."""
import json

import pulumi_aws as aws
from pulumi import AssetArchive, Config, FileArchive, ResourceOptions
from pulumi_aws import ec2, iam, lambda_
from pulumi_aws_native import vpclattice


def deploy(colour, cidr, public_cidrs, app_cidrs):
    lower = colour.lower()
    config = Config()
    network, name = config.require("lattice-network-arn"), config.require("shared-service-fqdn")
    region = Config("aws").require("region")
    tags = {"Account": f"{colour}Sandbox", "AccountType": "Workload", "Provisioned": "Pulumi", "StackName": f"{lower}-service"}
    if config.get("stage"):
        tags["Stage"] = config.get("stage")
    native_tags = [{"key": key, "value": value} for key, value in tags.items()]
    zones = aws.get_availability_zones(state="available").names[:2]

    def named(name):
        return {**tags, "Name": name}

    vpc = ec2.Vpc(f"{colour}SandboxVpc", cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True,
                  tags=named(f"{colour}SandboxVpc-{region}"))
    inside = ResourceOptions(parent=vpc)
    gateway = ec2.InternetGateway(f"{colour}SandboxIgw", vpc_id=vpc.id, tags=named(f"{colour}SandboxIgw-{region}"), opts=inside)

    def subnet(kind, association, cidr, zone):
        name = f"{colour}SandboxSubnet{kind}-{zone}"
        made = ec2.Subnet(name, vpc_id=vpc.id, cidr_block=cidr, availability_zone=zone, tags=named(name), opts=inside)
        name = f"{colour}SandboxRt{kind}-{zone}"
        table = ec2.RouteTable(name, vpc_id=vpc.id, tags=named(name), opts=ResourceOptions(parent=made))
        ec2.RouteTableAssociation(f"{colour}Sandbox{association}-{zone}", route_table_id=table.id, subnet_id=made.id,
                                  opts=ResourceOptions(parent=made))
        return made, table

    def open_group(name, description):
        anything = {"from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"], "ipv6_cidr_blocks": ["::/0"]}
        return ec2.SecurityGroup(name, description=description, vpc_id=vpc.id,
                                 ingress=[ec2.SecurityGroupIngressArgs(description="Any", **anything)],
                                 egress=[ec2.SecurityGroupEgressArgs(**anything)],
                                 tags=named(f"{name}-{region}"), opts=inside)

    app_subnets = []
    for public_cidr, app_cidr, zone in zip(public_cidrs, app_cidrs, zones):
        _, table = subnet("Pub", "RtaPub", public_cidr, zone)
        ec2.Route(f"WanPubRoute-{zone}", route_table_id=table.id, gateway_id=gateway.id, destination_cidr_block="0.0.0.0/0",
                  opts=ResourceOptions(parent=table))
        app_subnets.append(subnet("App", "AppRta", app_cidr, zone)[0])

    vpclattice.ServiceNetworkVpcAssociation(
        f"{colour}ServiceNetworkVpcAssociation", service_network_identifier=network, vpc_identifier=vpc.id,
        security_group_ids=[open_group(f"{colour}SecurityGroup", f"{colour} Lattice Security Group").id],
        tags=native_tags, opts=ResourceOptions(depends_on=[vpc]))

    role = iam.Role(
        f"{colour}LambdaExecutionRole", tags=named(f"{colour}LambdaExecutionRole"),
        assume_role_policy=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Sid": "", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
        }))
    iam.RolePolicyAttachment(f"{colour}LambdaRolePolicyAttachment", role=role,
                             policy_arn=iam.get_policy(name="AWSLambdaVPCAccessExecutionRole").arn)
    group = open_group(f"{colour}LambdaFuncSecurityGroup", "Lambda Security Group")
    lambda_.Function(
        f"{colour}Function", name=f"{colour}Function", runtime="python3.8", handler="main.lambda_handler", role=role.arn,
        code=AssetArchive({".": FileArchive(f"../../landing-zone/{'b' if colour == 'Blue' else 'c'}-{lower}-service/{lower}_app")}),
        vpc_config=lambda_.FunctionVpcConfigArgs(security_group_ids=[group.id], subnet_ids=[subnet.id for subnet in app_subnets]),
        replace_security_groups_on_destroy=True, tags=named(f"{colour}Function"),
        environment=lambda_.FunctionEnvironmentArgs(variables={f"{colour.upper()}_ENDPOINT": f"http://{name}/?q={lower}"}))
