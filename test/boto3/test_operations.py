"""What a platform engineer does besides the landing zone: each API's operations once, in the order a resource lives."""

import json
import time

from support import Account, Suite, pages

ANYBODY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
NOTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}})


class Operations(Suite):
    @classmethod
    def setUpClass(cls):
        cls.account = Account("py-operations")

    def test_ec2(self):
        ec2 = self.account.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        self.assertTrue(ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"])
        more = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]["AssociationId"]
        ec2.disassociate_vpc_cidr_block(AssociationId=more)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        self.assertTrue(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"])

        ec2.create_tags(Resources=[vpc, subnet], Tags=[{"Key": "team", "Value": "one"}])
        self.assertEqual({t["ResourceId"] for t in pages(ec2, "describe_tags", "Tags", Filters=[{"Name": "tag:team", "Values": ["one"]}])}, {vpc, subnet})
        ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team"}])
        self.assertEqual([s["SubnetId"] for s in ec2.describe_subnets(Filters=[{"Name": "tag-key", "Values": ["team"]}])["Subnets"]], [subnet])

        acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        entry = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False}
        ec2.create_network_acl_entry(**entry, Protocol="6", RuleAction="allow", CidrBlock="0.0.0.0/0", PortRange={"From": 80, "To": 80})
        ec2.replace_network_acl_entry(**entry, Protocol="6", RuleAction="deny", CidrBlock="0.0.0.0/0", PortRange={"From": 80, "To": 81})
        shown = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
        self.assertIn({"CidrBlock": "0.0.0.0/0", "Egress": False, "PortRange": {"From": 80, "To": 81}, "Protocol": "6", "RuleAction": "deny", "RuleNumber": 100}, shown)
        now = next(a["NetworkAclAssociationId"] for n in pages(ec2, "describe_network_acls", "NetworkAcls") for a in n["Associations"] if a["SubnetId"] == subnet)
        ec2.replace_network_acl_association(AssociationId=now, NetworkAclId=acl)
        self.refused("InvalidNetworkAclID.NotFound", ec2.delete_network_acl, NetworkAclId="acl-0123456789abcdef0")
        ec2.delete_network_acl_entry(**entry)

        group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        rule = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
        rule = rule["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 3, "ToPort": 4, "CidrIpv4": "10.0.0.0/8"}}])
        self.assertEqual([r["FromPort"] for r in pages(ec2, "describe_security_group_rules", "SecurityGroupRules", SecurityGroupRuleIds=[rule])], [3])
        ec2.update_security_group_rule_descriptions_ingress(GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule, "Description": "new"}])
        out = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=out)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=out)
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
        self.assertIn(group, [g["GroupId"] for g in pages(ec2, "describe_security_groups", "SecurityGroups")])

        card = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
        self.wait(ec2, "network_interface_available", NetworkInterfaceIds=[card])
        ec2.modify_network_interface_attribute(NetworkInterfaceId=card, Description={"Value": "changed"})
        self.assertEqual([i["Description"] for i in pages(ec2, "describe_network_interfaces", "NetworkInterfaces")], ["changed"])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.delete_network_interface(NetworkInterfaceId=card)

        one, two = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
        joined = ec2.associate_route_table(RouteTableId=one, SubnetId=subnet)["AssociationId"]
        joined = ec2.replace_route_table_association(AssociationId=joined, RouteTableId=two)["NewAssociationId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.create_route(RouteTableId=two, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.replace_route(RouteTableId=two, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.delete_route(RouteTableId=two, DestinationCidrBlock="0.0.0.0/0")
        self.assertEqual([g["InternetGatewayId"] for g in pages(ec2, "describe_internet_gateways", "InternetGateways")], [gateway])
        self.assertIn("com.amazonaws.us-east-1.vpc-lattice", [p["PrefixListName"] for p in pages(ec2, "describe_managed_prefix_lists", "PrefixLists")])

        other = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
        peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=peering, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True})
        shown = pages(ec2, "describe_vpc_peering_connections", "VpcPeeringConnections")[0]
        self.assertTrue(shown["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"])
        peering = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=ec2.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"])["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=peering)
        default = ec2.create_default_vpc()["Vpc"]
        self.assertTrue(default["IsDefault"])
        self.assertEqual({r["RegionName"] for r in ec2.describe_regions(RegionNames=["us-east-1"])["Regions"]}, {"us-east-1"})

    def test_lattice(self):
        lattice, ec2, logs = (self.account.session.client(n, region_name="eu-west-1") for n in ("vpc-lattice", "ec2", "logs"))
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        network = lattice.create_service_network(name="network")["id"]
        self.assertEqual(lattice.update_service_network(serviceNetworkIdentifier=network, authType="AWS_IAM")["authType"], "AWS_IAM")
        self.assertEqual(lattice.get_service_network(serviceNetworkIdentifier=network)["numberOfAssociatedVPCs"], 0)
        service = lattice.create_service(name="service")
        lattice.update_service(serviceIdentifier=service["id"], authType="AWS_IAM")
        self.assertEqual(lattice.put_auth_policy(resourceIdentifier=service["id"], policy=ANYBODY)["state"], "Active")
        self.assertEqual(json.loads(lattice.get_auth_policy(resourceIdentifier=service["id"])["policy"]), json.loads(ANYBODY))
        lattice.delete_auth_policy(resourceIdentifier=service["id"])
        lattice.tag_resource(resourceArn=service["arn"], tags={"a": "b", "c": "d"})
        lattice.untag_resource(resourceArn=service["arn"], tagKeys=["a"])
        self.assertEqual(lattice.list_tags_for_resource(resourceArn=service["arn"])["tags"], {"c": "d"})

        group = lattice.create_target_group(name="group", type="IP", config={"port": 80, "protocol": "HTTP", "vpcIdentifier": vpc})["id"]
        self.until(lambda: lattice.get_target_group(targetGroupIdentifier=group)["status"] == "ACTIVE")
        check = lattice.update_target_group(targetGroupIdentifier=group, healthCheck={"enabled": True, "path": "/health"})["config"]["healthCheck"]
        self.assertEqual(check["path"], "/health")
        lattice.register_targets(targetGroupIdentifier=group, targets=[{"id": "10.0.0.9"}])
        self.assertEqual([t["id"] for t in pages(lattice, "list_targets", "items", targetGroupIdentifier=group)], ["10.0.0.9"])
        lattice.deregister_targets(targetGroupIdentifier=group, targets=[{"id": "10.0.0.9"}])
        self.until(lambda: lattice.get_service(serviceIdentifier=service["id"])["status"] == "ACTIVE")

        fixed, forward = {"fixedResponse": {"statusCode": 404}}, {"forward": {"targetGroups": [{"targetGroupIdentifier": group}]}}
        listener = lattice.create_listener(serviceIdentifier=service["id"], name="http", protocol="HTTP", defaultAction=fixed)["id"]
        lattice.update_listener(serviceIdentifier=service["id"], listenerIdentifier=listener, defaultAction=forward)
        self.assertEqual(lattice.get_listener(serviceIdentifier=service["id"], listenerIdentifier=listener)["port"], 80)
        where = {"serviceIdentifier": service["id"], "listenerIdentifier": listener}
        rules = [lattice.create_rule(**where, name=f"path-{i}", priority=i, action=fixed, match={"httpMatch": {"pathMatch": {"match": {"prefix": f"/{i}"}}}})["id"] for i in (1, 2)]
        lattice.update_rule(**where, ruleIdentifier=rules[0], match={"httpMatch": {"method": "GET"}})
        self.assertEqual(lattice.get_rule(**where, ruleIdentifier=rules[0])["match"], {"httpMatch": {"method": "GET"}})
        done = lattice.batch_update_rule(**where, rules=[{"ruleIdentifier": r, "priority": 10 + i} for i, r in enumerate(rules)])
        self.assertEqual(done["unsuccessful"], [])
        self.assertEqual(sorted(r["priority"] for r in pages(lattice, "list_rules", "items", **where) if not r["isDefault"]), [10, 11])
        self.assertEqual([x["id"] for x in pages(lattice, "list_listeners", "items", serviceIdentifier=service["id"])], [listener])

        vpcs = lattice.create_service_network_vpc_association(serviceNetworkIdentifier=network, vpcIdentifier=vpc)["id"]
        services = lattice.create_service_network_service_association(serviceNetworkIdentifier=network, serviceIdentifier=service["id"])["id"]
        self.until(lambda: lattice.get_service_network_vpc_association(serviceNetworkVpcAssociationIdentifier=vpcs)["status"] == "ACTIVE")
        group_id = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        lattice.update_service_network_vpc_association(serviceNetworkVpcAssociationIdentifier=vpcs, securityGroupIds=[group_id])
        self.assertEqual(len(pages(lattice, "list_service_network_vpc_associations", "items", serviceNetworkIdentifier=network)), 1)
        self.assertEqual(len(pages(lattice, "list_service_network_service_associations", "items", serviceIdentifier=service["id"])), 1)
        self.refused("ConflictException", lattice.delete_service_network, serviceNetworkIdentifier=network)

        logs.create_log_group(logGroupName="access")
        where_to = logs.describe_log_groups()["logGroups"][0]["arn"]
        access = lattice.create_access_log_subscription(resourceIdentifier=service["id"], destinationArn=where_to)["id"]
        self.assertEqual([s["id"] for s in pages(lattice, "list_access_log_subscriptions", "items", resourceIdentifier=service["id"])], [access])
        lattice.get_access_log_subscription(accessLogSubscriptionIdentifier=access)
        lattice.delete_access_log_subscription(accessLogSubscriptionIdentifier=access)

        for rule in rules:
            lattice.delete_rule(**where, ruleIdentifier=rule)
        lattice.delete_listener(serviceIdentifier=service["id"], listenerIdentifier=listener)
        lattice.delete_service_network_vpc_association(serviceNetworkVpcAssociationIdentifier=vpcs)
        lattice.delete_service_network_service_association(serviceNetworkServiceAssociationIdentifier=services)
        self.until(lambda: not pages(lattice, "list_service_network_vpc_associations", "items", serviceNetworkIdentifier=network))
        self.until(lambda: not pages(lattice, "list_service_network_service_associations", "items", serviceNetworkIdentifier=network))
        lattice.delete_service(serviceIdentifier=service["id"])
        lattice.delete_service_network(serviceNetworkIdentifier=network)
        self.until(lambda: lattice.delete_target_group(targetGroupIdentifier=group)["status"] == "DELETE_IN_PROGRESS")
        for kind in ("services", "service_networks", "target_groups"):
            self.until(lambda: not pages(lattice, "list_" + kind, "items"))

    def test_iam(self):
        iam = self.account.client("iam")
        policy = iam.create_policy(PolicyName="nothing", PolicyDocument=NOTHING)["Policy"]["Arn"]
        second = iam.create_policy_version(PolicyArn=policy, PolicyDocument=NOTHING, SetAsDefault=True)["PolicyVersion"]["VersionId"]
        self.assertEqual(iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"], second)
        self.assertEqual(iam.get_policy_version(PolicyArn=policy, VersionId=second)["PolicyVersion"]["Document"], json.loads(NOTHING))
        iam.delete_policy_version(PolicyArn=policy, VersionId="v1")
        self.assertEqual(len(pages(iam, "list_policy_versions", "Versions", PolicyArn=policy)), 1)

        iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
        iam.update_role(RoleName="role", Description="changed", MaxSessionDuration=7200)
        iam.update_assume_role_policy(RoleName="role", PolicyDocument=TRUST)
        self.assertEqual(iam.get_role(RoleName="role")["Role"]["AssumeRolePolicyDocument"], json.loads(TRUST))
        iam.put_role_policy(RoleName="role", PolicyName="inline", PolicyDocument=NOTHING)
        self.assertEqual(iam.get_role_policy(RoleName="role", PolicyName="inline")["PolicyDocument"], json.loads(NOTHING))
        self.assertEqual(pages(iam, "list_role_policies", "PolicyNames", RoleName="role"), ["inline"])
        iam.attach_role_policy(RoleName="role", PolicyArn=policy)
        self.assertEqual([p["PolicyArn"] for p in pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName="role")], [policy])
        self.refused("DeleteConflict", iam.delete_role, RoleName="role")
        self.refused("DeleteConflict", iam.delete_policy, PolicyArn=policy)
        iam.tag_role(RoleName="role", Tags=[{"Key": "c", "Value": "d"}])
        iam.untag_role(RoleName="role", TagKeys=["a"])
        self.assertEqual(iam.list_role_tags(RoleName="role")["Tags"], [{"Key": "c", "Value": "d"}])
        iam.detach_role_policy(RoleName="role", PolicyArn=policy)
        iam.delete_role_policy(RoleName="role", PolicyName="inline")
        iam.delete_role(RoleName="role")

        iam.create_user(UserName="ann")
        iam.attach_user_policy(UserName="ann", PolicyArn=policy)
        self.assertEqual(len(iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]), 1)
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=NOTHING)
        self.assertEqual(iam.list_user_policies(UserName="ann")["PolicyNames"], ["p"])
        key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
        iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
        self.assertEqual([k["Status"] for k in pages(iam, "list_access_keys", "AccessKeyMetadata", UserName="ann")], ["Inactive"])
        self.refused("DeleteConflict", iam.delete_user, UserName="ann")
        iam.delete_access_key(UserName="ann", AccessKeyId=key)
        iam.detach_user_policy(UserName="ann", PolicyArn=policy)
        iam.delete_user_policy(UserName="ann", PolicyName="p")
        iam.delete_user(UserName="ann")
        iam.delete_policy(PolicyArn=policy)
        self.refused("NoSuchEntity", iam.get_policy, PolicyArn=policy)
        iam.get_account_summary()

    def test_balancers(self):
        ec2, elb = self.account.session.client("ec2", region_name="eu-west-2"), self.account.session.client("elbv2", region_name="eu-west-2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone="eu-west-2" + z)["Subnet"]["SubnetId"] for i, z in enumerate("ab")]
        balancer = elb.create_load_balancer(Name="balancer", Subnets=subnets, Scheme="internal")["LoadBalancers"][0]["LoadBalancerArn"]
        self.wait(elb, "load_balancer_available", LoadBalancerArns=[balancer])
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "30"}])
        self.assertIn({"Key": "idle_timeout.timeout_seconds", "Value": "30"}, elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"])
        group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        self.assertEqual(elb.set_security_groups(LoadBalancerArn=balancer, SecurityGroups=[group])["SecurityGroupIds"], [group])
        elb.add_tags(ResourceArns=[balancer], Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
        elb.remove_tags(ResourceArns=[balancer], TagKeys=["a"])
        self.assertEqual(elb.describe_tags(ResourceArns=[balancer])["TagDescriptions"][0]["Tags"], [{"Key": "c", "Value": "d"}])
        targets = elb.create_target_group(Name="targets", TargetType="ip", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
        elb.modify_target_group(TargetGroupArn=targets, HealthCheckPath="/health")
        elb.modify_target_group_attributes(TargetGroupArn=targets, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}])
        elb.describe_target_group_attributes(TargetGroupArn=targets)
        elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": "10.0.0.9"}])
        self.assertEqual([h["TargetHealth"]["State"] for h in elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]], ["unused"])
        elb.deregister_targets(TargetGroupArn=targets, Targets=[{"Id": "10.0.0.9"}])
        forward = [{"Type": "forward", "TargetGroupArn": targets}]
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)["Listeners"][0]["ListenerArn"]
        elb.modify_listener(ListenerArn=listener, Port=81)
        rule = elb.create_rule(ListenerArn=listener, Priority=5, Conditions=[{"Field": "path-pattern", "Values": ["/a*"]}], Actions=forward)["Rules"][0]["RuleArn"]
        elb.modify_rule(RuleArn=rule, Conditions=[{"Field": "host-header", "Values": ["*.example.com"]}])
        elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 7}])
        self.assertEqual([r["Priority"] for r in pages(elb, "describe_rules", "Rules", ListenerArn=listener)], ["7", "default"])
        self.refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=targets)
        elb.delete_rule(RuleArn=rule)
        elb.delete_listener(ListenerArn=listener)
        elb.delete_target_group(TargetGroupArn=targets)
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        self.wait(elb, "load_balancers_deleted", LoadBalancerArns=[balancer])

    def test_logs(self):
        logs = self.account.client("logs")
        logs.create_log_group(logGroupName="group")
        logs.put_retention_policy(logGroupName="group", retentionInDays=7)
        shown = logs.describe_log_groups(logGroupNamePrefix="gr")["logGroups"][0]
        self.assertEqual(shown["retentionInDays"], 7)
        logs.delete_retention_policy(logGroupName="group")
        logs.create_log_stream(logGroupName="group", logStreamName="stream")
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=[{"timestamp": now + i, "message": f"line {i}"} for i in range(30)])
        got = logs.get_log_events(logGroupName="group", logStreamName="stream", startFromHead=True, limit=10)
        self.assertEqual([e["message"] for e in got["events"]], [f"line {i}" for i in range(10)])
        got = logs.get_log_events(logGroupName="group", logStreamName="stream", nextToken=got["nextForwardToken"], limit=1)
        self.assertEqual(got["events"][0]["message"], "line 10")
        self.assertEqual(len(pages(logs, "filter_log_events", "events", logGroupName="group", filterPattern='"line 2"', PaginationConfig={"PageSize": 4})), 11)
        self.assertEqual([s["logStreamName"] for s in pages(logs, "describe_log_streams", "logStreams", logGroupName="group")], ["stream"])
        arn = shown["logGroupArn"]
        logs.tag_resource(resourceArn=arn, tags={"a": "b"})
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "b"})
        logs.untag_resource(resourceArn=arn, tagKeys=["a"])
        logs.delete_log_stream(logGroupName="group", logStreamName="stream")
        logs.delete_log_group(logGroupName="group")
        self.refused("ResourceNotFoundException", logs.delete_log_group, logGroupName="group")
