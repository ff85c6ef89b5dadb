"""DirectoryService: a function behind a private load balancer, and the Lattice service in front of both."""
import json

from pulumi import AssetArchive, FileArchive, ResourceOptions, export
from pulumi_aws import iam, lambda_, lb
from pulumi_aws_native import vpclattice

from helpers import named
from lattice import blue_network, green_network
from settings import blue_principal, green_principal, native_tags, service_name
from vpc import app_subnets, balancer_group, function_group, main_vpc

balancer = lb.LoadBalancer("DirectoryServiceLb", internal=True, load_balancer_type="application", security_groups=[balancer_group.id],
                           subnets=app_subnets, enable_deletion_protection=False, tags=named("DirectoryServiceLb"))
targets = lb.TargetGroup("DirectoryServiceTg", target_type="lambda", tags=named("DirectoryServiceTg"))
lb.Listener("DirectoryServiceListener", load_balancer_arn=balancer.arn, port=80, protocol="HTTP",
            default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)])

role = iam.Role(
    "DirectoryServiceExecutionRole", tags=named("DirectoryServiceExecutionRole"),
    assume_role_policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Sid": "", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
    }))
iam.RolePolicyAttachment("DirectoryServiceExecutionRolePolicyAttachment", role=role,
                         policy_arn=iam.get_policy(name="AWSLambdaVPCAccessExecutionRole").arn)

layer = lambda_.LayerVersion("DirectoryServiceLayer", layer_name="lambda_layer", compatible_runtimes=["python3.8"],
                             code=FileArchive("../../landing-zone/build/lambda_layer.zip"))
function = lambda_.Function(
    "DirectoryServiceFunction", name="DirectoryServiceFunction", runtime="python3.8", handler="main.lambda_handler", role=role.arn,
    code=AssetArchive({".": FileArchive("../../landing-zone/a-common-service/directory_app")}), layers=[layer],
    vpc_config=lambda_.FunctionVpcConfigArgs(security_group_ids=[function_group.id], subnet_ids=[subnet.id for subnet in app_subnets]),
    replace_security_groups_on_destroy=True, tags=named("DirectoryServiceFunction"))
permission = lambda_.Permission("AlbFunctionPermission", action="lambda:InvokeFunction", function=function.name,
                                principal="elasticloadbalancing.amazonaws.com", source_arn=targets.arn)
lb.TargetGroupAttachment("FunctionTargetGroupAttachment", target_group_arn=targets.arn, target_id=function.arn,
                         opts=ResourceOptions(depends_on=[permission]))

lattice_targets = vpclattice.TargetGroup(
    "SharedServiceTargetGroup", name="shared-service-target", type="ALB", tags=native_tags,
    config=vpclattice.TargetGroupConfigArgs(port=80, protocol="HTTP", vpc_identifier=main_vpc.id),
    targets=[vpclattice.TargetGroupTargetArgs(id=balancer.id, port=80)])
service = vpclattice.Service("SharedServiceLatticeService", name=service_name, auth_type="AWS_IAM", tags=native_tags)
export("shared-service-fqdn", service.dns_entry.domain_name)

after_service = ResourceOptions(depends_on=[service])
vpclattice.Listener(
    "SharedServiceLatticeServiceListener", name="shared-service-listener", protocol="HTTP", port=80, service_identifier=service,
    tags=native_tags, opts=after_service,
    default_action=vpclattice.ListenerDefaultActionArgs(forward=vpclattice.ListenerForwardArgs(target_groups=[
        vpclattice.ListenerWeightedTargetGroupArgs(target_group_identifier=lattice_targets, weight=100)])))
for colour, network in (("Blue", blue_network), ("Green", green_network)):
    vpclattice.ServiceNetworkServiceAssociation(f"{colour}ServiceLatticeServiceAssociation", service_identifier=service,
                                                service_network_identifier=network, tags=native_tags, opts=after_service)


def may_ask(query, account):
    return {
        "Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*",
        "Condition": {"StringEquals": {
            "vpc-lattice-svcs:RequestMethod": "GET",
            "vpc-lattice-svcs:RequestQueryString/q": query,
            "vpc-lattice-svcs:SourceVpcOwnerAccount": account,
        }},
    }


vpclattice.AuthPolicy("SharedServiceAuthPolicy", resource_identifier=service, opts=after_service, policy={
    "Version": "2012-10-17",
    "Statement": [may_ask("blue", blue_principal), may_ask("green", green_principal)],
})
