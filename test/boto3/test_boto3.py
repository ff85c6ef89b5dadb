"""The landing zone's calls by boto3, waiters and paginators included."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile

from botocore.exceptions import WaiterError
from support import REGION, Account, Suite, pages, trellis

TRUST = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}})

CODE = """
import json, os

def handler(event, context):
    print("asked", event.get("path"))
    if "requestContext" not in event:
        return {"word": os.environ["WORD"], "event": event}
    return {"statusCode": 200, "statusDescription": "200 OK", "isBase64Encoded": False, "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"endpoint": event["queryStringParameters"].get("q")})}
"""

# Says its address and answers everything.
SERVER = """
import http.server, socket
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("", 80), Answers)
known = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
known.connect(("10.7.0.2", 53))
print(known.getsockname()[0], flush=True)
server.serve_forever()
"""


def archive(name, text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(name, text)
    return out.getvalue()


class LandingZone(Suite):
    @classmethod
    def setUpClass(cls):
        cls.management, cls.shared, cls.blue = (Account("py-" + n) for n in ("management", "shared", "blue"))
        top = cls.management.client("organizations")
        top.create_organization(FeatureSet="ALL")
        for account in (cls.shared, cls.blue):
            shake = top.invite_account_to_organization(Target={"Type": "ACCOUNT", "Id": account.id})["Handshake"]
            account.client("organizations").accept_handshake(HandshakeId=shake["Id"])
        cls.management.client("ram").enable_sharing_with_aws_organization()

    def test_organization(self):
        found = {a["Id"] for a in pages(self.management.client("organizations"), "list_accounts", "Accounts")}
        self.assertEqual(found, {self.management.id, self.shared.id, self.blue.id})
        self.assertEqual(self.blue.client("sts").get_caller_identity()["Arn"], f"arn:aws:iam::{self.blue.id}:root")

    def network(self, account, cidr):
        ec2 = account.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "a <vpc> & more"}]}])["Vpc"]["VpcId"]
        self.wait(ec2, "vpc_exists", VpcIds=[vpc])
        self.wait(ec2, "vpc_available", VpcIds=[vpc])
        zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"{cidr}.{i}.0/24", AvailabilityZone=zones[i])["Subnet"]["SubnetId"] for i in range(2)]
        self.wait(ec2, "subnet_available", SubnetIds=subnets)
        group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
        self.wait(ec2, "security_group_exists", GroupIds=[group])
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        return ec2, vpc, subnets, group

    def test_vpc(self):
        ec2, vpc, subnets, group = self.network(self.blue, "10.9")
        self.assertEqual([t["Value"] for t in ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]], ["a <vpc> & more"])
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.wait(ec2, "internet_gateway_exists", InternetGatewayIds=[gateway])
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
        self.assertEqual({s["SubnetId"] for s in pages(ec2, "describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": [vpc]}])}, set(subnets))
        self.refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
        self.refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
        self.refused("InvalidVpcID.NotFound", self.shared.client("ec2").describe_vpcs, VpcIds=[vpc])
        self.refused("DryRunOperation", ec2.delete_vpc, VpcId=vpc, DryRun=True)
        ec2.disassociate_route_table(AssociationId=association)
        ec2.delete_route_table(RouteTableId=table)
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
        other = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
        peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.wait(ec2, "vpc_peering_connection_exists", VpcPeeringConnectionIds=[peering])
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.assertTrue(self.waits(ec2, "vpc_peering_connection_deleted", VpcPeeringConnectionIds=[peering]))
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.wait(ec2, "vpc_peering_connection_deleted", VpcPeeringConnectionIds=[peering])
        for subnet in subnets:
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_security_group(GroupId=group)
        ec2.delete_vpc(VpcId=vpc)
        ec2.delete_vpc(VpcId=other)

    def test_service(self):
        """A function behind a load balancer behind a service that is shared, asked from the other account."""
        ec2, vpc, subnets, group = self.network(self.shared, "10.0")
        iam, functions, elb, lattice, ram = (self.shared.client(n) for n in ("iam", "lambda", "elbv2", "vpc-lattice", "ram"))
        role = iam.create_role(RoleName="directory", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        self.wait(iam, "role_exists", RoleName="directory")
        policy = next(p["Arn"] for p in pages(iam, "list_policies", "Policies", Scope="AWS") if p["PolicyName"] == "AWSLambdaVPCAccessExecutionRole")
        self.wait(iam, "policy_exists", PolicyArn=policy)
        iam.attach_role_policy(RoleName="directory", PolicyArn=policy)
        function = functions.create_function(FunctionName="directory", Role=role, Runtime="python3.11", Handler="app.handler", Code={"ZipFile": archive("app.py", CODE)},
                                             VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": [group]}, Environment={"Variables": {"WORD": "one"}}, Timeout=10)["FunctionArn"]
        self.wait(functions, "function_exists", FunctionName="directory")
        self.wait(functions, "function_active_v2", FunctionName="directory")
        answer = functions.invoke(FunctionName="directory", Payload=b'{"a":1}', LogType="Tail")
        self.assertEqual(json.loads(answer["Payload"].read()), {"word": "one", "event": {"a": 1}}, answer)
        functions.update_function_configuration(FunctionName="directory", Environment={"Variables": {"WORD": "two"}})
        self.wait(functions, "function_updated_v2", FunctionName="directory")
        self.assertEqual(json.loads(functions.invoke(FunctionName="directory", Payload=b"{}")["Payload"].read())["word"], "two")
        self.assertEqual([f["FunctionName"] for f in pages(functions, "list_functions", "Functions")], ["directory"])
        self.assertIn("asked None", self.printed("/aws/lambda/directory"))

        balancer = elb.create_load_balancer(Name="directory", Subnets=subnets, SecurityGroups=[group], Scheme="internal", Type="application")["LoadBalancers"][0]["LoadBalancerArn"]
        self.wait(elb, "load_balancer_exists", LoadBalancerArns=[balancer])
        self.wait(elb, "load_balancer_available", LoadBalancerArns=[balancer])
        targets = elb.create_target_group(Name="directory", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
        self.refused("AccessDenied", elb.register_targets, TargetGroupArn=targets, Targets=[{"Id": function}])
        functions.add_permission(FunctionName="directory", StatementId="elb", Action="lambda:InvokeFunction", Principal="elasticloadbalancing.amazonaws.com", SourceArn=targets)
        elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": function}])
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}])["Listeners"][0]["ListenerArn"]
        self.assertEqual([x["ListenerArn"] for x in pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer)], [listener])

        health = elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
        self.assertEqual([h["TargetHealth"]["Reason"] for h in health], ["Target.HealthCheckDisabled"])

        network = lattice.create_service_network(name="zone")["arn"]
        service = lattice.create_service(name="directory", authType="AWS_IAM")
        group_id = lattice.create_target_group(name="directory", type="ALB", config={"port": 80, "protocol": "HTTP", "vpcIdentifier": vpc})["id"]
        self.until(lambda: lattice.get_target_group(targetGroupIdentifier=group_id)["status"] == "ACTIVE")
        self.assertEqual(lattice.register_targets(targetGroupIdentifier=group_id, targets=[{"id": balancer, "port": 80}])["unsuccessful"], [])
        lattice.put_auth_policy(resourceIdentifier=service["id"], policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*", "Condition": {"StringEquals": {
                "vpc-lattice-svcs:RequestMethod": "GET", "vpc-lattice-svcs:RequestQueryString/q": "blue", "vpc-lattice-svcs:SourceVpcOwnerAccount": self.blue.id}}},
            {"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*/signed", "Condition": {
                "StringNotEquals": {"aws:PrincipalType": "Anonymous"}}}]}))
        self.until(lambda: lattice.get_service(serviceIdentifier=service["id"])["status"] == "ACTIVE")
        lattice.create_listener(serviceIdentifier=service["id"], name="http", protocol="HTTP", port=80,
                                defaultAction={"forward": {"targetGroups": [{"targetGroupIdentifier": group_id, "weight": 100}]}})
        joined = lattice.create_service_network_service_association(serviceIdentifier=service["id"], serviceNetworkIdentifier=network)["id"]
        self.until(lambda: lattice.get_service_network_service_association(serviceNetworkServiceAssociationIdentifier=joined)["status"] == "ACTIVE")
        ram.create_resource_share(name="zone", resourceArns=[network], principals=[self.blue.id], allowExternalPrincipals=False)
        self.assertEqual([r["arn"] for r in pages(ram, "list_resources", "resources", resourceOwner="SELF")], [network])

        far, here, _, door = self.network(self.blue, "10.0")
        mine = self.blue.client("vpc-lattice")
        self.assertEqual([n["arn"] for n in pages(mine, "list_service_networks", "items")], [network])
        joined = mine.create_service_network_vpc_association(serviceNetworkIdentifier=network, vpcIdentifier=here, securityGroupIds=[door])["id"]
        self.until(lambda: mine.get_service_network_vpc_association(serviceNetworkVpcAssociationIdentifier=joined)["status"] == "ACTIVE")
        url = "http://" + lattice.get_service(serviceIdentifier=service["id"])["dnsEntry"]["domainName"]
        ask = ("exec", "--vpc", here, "--", sys.executable, os.path.join(os.path.dirname(__file__), "ask.py"))
        self.assertEqual(trellis(*ask, url + "/?q=blue"), '200 {"endpoint": "blue"}\n')
        self.assertRegex(trellis(*ask, url + "/?q=green"), "^403 AccessDeniedException: User: anonymous is not authorized")
        keys = self.blue.session.get_credentials()
        os.environ["ASK_KEY"], os.environ["ASK_SECRET"] = keys.access_key, keys.secret_key
        self.assertEqual(trellis(*ask, "--sign", url + "/signed?q=any%20one"), '200 {"endpoint": "any%20one"}\n')
        self.assertRegex(trellis(*ask, url + "/signed?q=any"), "^403 ")
        os.environ["ASK_SECRET"] = "wrong"
        self.assertRegex(trellis(*ask, "--sign", url + "/signed?q=any"), "^403 InvalidSignatureException")

        elb.delete_load_balancer(LoadBalancerArn=balancer)
        self.wait(elb, "load_balancers_deleted", LoadBalancerArns=[balancer])

    def printed(self, group):
        logs = self.shared.client("logs")
        for _ in range(100):
            lines = [e["message"].strip() for e in pages(logs, "filter_log_events", "events", logGroupName=group)]
            if lines:
                return lines
            time.sleep(0.1)
        return []

    def test_targets(self):
        """A target is waited for until its program answers, and then until it has left; what waits for an end waits while there is none."""
        ec2, vpc, subnets, group = self.network(self.shared, "10.7")
        elb = self.shared.client("elbv2")
        balancer = elb.create_load_balancer(Name="targets", Scheme="internal", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]["LoadBalancerArn"]
        self.wait(elb, "load_balancer_available", LoadBalancerArns=[balancer])
        targets = elb.create_target_group(Name="targets", TargetType="ip", Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
                                          HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        elb.modify_target_group_attributes(TargetGroupArn=targets, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
        with subprocess.Popen([os.environ["TRELLIS"], "exec", "--subnet", subnets[0], "--security-group", group, "--", sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
            try:
                one = [{"Id": server.stdout.readline().strip(), "Port": 80}]
                elb.register_targets(TargetGroupArn=targets, Targets=one)
                self.assertTrue(self.waits(elb, "target_in_service", TargetGroupArn=targets, Targets=one))
                elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}])
                self.wait(elb, "target_in_service", TargetGroupArn=targets, Targets=one)
                self.assertTrue(self.waits(elb, "target_deregistered", TargetGroupArn=targets, Targets=one))
                elb.deregister_targets(TargetGroupArn=targets, Targets=one)
                self.wait(elb, "target_deregistered", TargetGroupArn=targets, Targets=one)
            finally:
                server.terminate()
        self.assertTrue(self.waits(elb, "load_balancers_deleted", LoadBalancerArns=[balancer]))
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        self.wait(elb, "load_balancers_deleted", LoadBalancerArns=[balancer])

    def waits(self, client, name, **arguments):
        """What is waited for is not yet so."""
        try:
            client.get_waiter(name).wait(WaiterConfig={"Delay": 0.1, "MaxAttempts": 3}, **arguments)
        except WaiterError as e:
            return "Max attempts exceeded" in str(e)
        return False

    def test_cloud_control(self):
        control = self.blue.client("cloudcontrol")
        done = control.create_resource(TypeName="AWS::VpcLattice::ServiceNetwork", DesiredState=json.dumps({"Name": "by-control"}))["ProgressEvent"]
        self.wait(control, "resource_request_success", RequestToken=done["RequestToken"])
        arn = control.get_resource_request_status(RequestToken=done["RequestToken"])["ProgressEvent"]["Identifier"]
        made = json.loads(control.get_resource(TypeName="AWS::VpcLattice::ServiceNetwork", Identifier=arn)["ResourceDescription"]["Properties"])
        self.assertEqual((made["Arn"], made["Name"]), (arn, "by-control"))
        self.assertIn(arn, [r["Identifier"] for r in pages(control, "list_resources", "ResourceDescriptions", TypeName="AWS::VpcLattice::ServiceNetwork")])
        done = control.delete_resource(TypeName="AWS::VpcLattice::ServiceNetwork", Identifier=arn)["ProgressEvent"]
        self.wait(control, "resource_request_success", RequestToken=done["RequestToken"])
        self.refused("ResourceNotFoundException", control.get_resource, TypeName="AWS::VpcLattice::ServiceNetwork", Identifier=arn)

    def test_identities(self):
        iam, sts = self.blue.client("iam"), self.blue.client("sts")
        iam.create_user(UserName="ann")
        self.wait(iam, "user_exists", UserName="ann")
        iam.create_role(RoleName="door", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": iam.get_user(UserName="ann")["User"]["Arn"]}, "Action": "sts:AssumeRole"}}))
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        ann = self.blue.session.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        role = f"arn:aws:iam::{self.blue.id}:role/door"
        session = ann.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        inside = self.blue.session.client("sts", aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"], aws_session_token=session["SessionToken"])
        self.assertEqual(inside.get_caller_identity()["Arn"], f"arn:aws:sts::{self.blue.id}:assumed-role/door/session")
        self.refused("AccessDenied", sts.assume_role, RoleArn=f"arn:aws:iam::{self.blue.id}:role/none", RoleSessionName="session")
        for i in range(3):
            iam.create_user(UserName=f"many-{i}")
        found = pages(iam, "list_users", "Users", PaginationConfig={"PageSize": 2})
        self.assertEqual(sorted(u["UserName"] for u in found), ["ann", "many-0", "many-1", "many-2"])
