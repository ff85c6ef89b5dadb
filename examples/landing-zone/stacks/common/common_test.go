package common_test

import (
	"strings"
	"testing"

	"landing-zone/stacks/common"
	"landing-zone/stacks/stacktest"

	"github.com/google/go-cmp/cmp"
)

type (
	object = stacktest.Object
	row    = stacktest.Row
	list   = []any
)

func configuration() map[string]string {
	return map[string]string{
		"aws:region":                     "eu-west-1",
		"common-service:blue-principal":  "111111111111",
		"common-service:green-principal": "222222222222",
	}
}

func plainTags() object {
	return object{"Account": "SharedServices", "AccountType": "Workload", "Provisioned": "Pulumi", "StackName": "common-service"}
}

func tags(name string) object {
	t := plainTags()
	t["Name"] = name
	return t
}

func nativeTags() list {
	return list{
		object{"key": "AccountType", "value": "Workload"},
		object{"key": "Account", "value": "SharedServices"},
		object{"key": "Provisioned", "value": "Pulumi"},
		object{"key": "StackName", "value": "common-service"},
	}
}

// The tables below are the article's vpc.py, lattice.py and app_infra.py, resource by resource.

func vpcTable() []row {
	vpc := func(name, cidr string) row {
		return row{Type: "aws:ec2/vpc:Vpc", Name: name, Inputs: object{
			"cidrBlock": cidr, "enableDnsHostnames": true, "enableDnsSupport": true, "tags": tags(name + "-eu-west-1")}}
	}
	peering := func(name, peer string) row {
		return row{Type: "aws:ec2/vpcPeeringConnection:VpcPeeringConnection", Name: name,
			Parent: "SharedServicesMainVpc", Deps: "SharedServicesMainVpc " + peer,
			Inputs: object{"vpcId": "SharedServicesMainVpc.id", "peerVpcId": peer + ".id", "autoAccept": true}}
	}
	options := func(name, of string) row {
		return row{Type: "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions", Name: name, Parent: of, Deps: of,
			Inputs: object{"vpcPeeringConnectionId": of + ".id",
				"accepter":  object{"allowRemoteVpcDnsResolution": true},
				"requester": object{"allowRemoteVpcDnsResolution": true}}}
	}
	table := []row{
		vpc("SharedServicesMainVpc", "10.0.0.0/16"),
		vpc("GreenNetworkVpc", "192.168.2.0/23"),
		vpc("BlueNetworkVpc", "192.168.0.0/23"),
		{Type: "aws:ec2/internetGateway:InternetGateway", Name: "SharedServicesMainVpcIgw",
			Parent: "SharedServicesMainVpc", Deps: "SharedServicesMainVpc",
			Inputs: object{"vpcId": "SharedServicesMainVpc.id", "tags": tags("SharedServicesMainVpcIgw-eu-west-1")}},
		peering("GreenPeeringConnection", "GreenNetworkVpc"),
		options("GreenPeeringConnectionOptions", "GreenPeeringConnection"),
		peering("BluePeeringConnection", "BlueNetworkVpc"),
		options("BluePeeringConnectionOptions", "BluePeeringConnection"),
		group("GreenSecurityGroup", "Green Lattice Security Group", "GreenNetworkVpc"),
		group("BlueSecurityGroup", "Blue Lattice Security Group", "BlueNetworkVpc"),
		group("MainLambdaAlbSecurityGroup", "ALB Security Group", "SharedServicesMainVpc"),
	}
	for i, zone := range stacktest.Zones()[:2] {
		subnet := func(name, vpc string, cidrs ...string) row {
			name += "-" + zone
			return row{Type: "aws:ec2/subnet:Subnet", Name: name, Parent: vpc, Deps: vpc, Inputs: object{
				"vpcId": vpc + ".id", "cidrBlock": cidrs[i], "availabilityZone": zone, "tags": tags(name)}}
		}
		routeTable := func(name, subnet, vpc string) row {
			name += "-" + zone
			return row{Type: "aws:ec2/routeTable:RouteTable", Name: name, Parent: subnet + "-" + zone, Deps: vpc,
				Inputs: object{"vpcId": vpc + ".id", "tags": tags(name)}}
		}
		association := func(name, table, subnet string) row {
			table, subnet = table+"-"+zone, subnet+"-"+zone
			return row{Type: "aws:ec2/routeTableAssociation:RouteTableAssociation", Name: name + "-" + zone,
				Parent: subnet, Deps: table + " " + subnet,
				Inputs: object{"routeTableId": table + ".id", "subnetId": subnet + ".id"}}
		}
		route := func(name, table, to, via, hop string) row {
			table += "-" + zone
			return row{Type: "aws:ec2/route:Route", Name: name + "-" + zone, Parent: table, Deps: table + " " + hop,
				Inputs: object{"routeTableId": table + ".id", "destinationCidrBlock": to, via: hop + ".id"}}
		}
		const peeringID = "vpcPeeringConnectionId"
		table = append(table,
			subnet("SharedServiceSubnetPub", "SharedServicesMainVpc", "10.0.0.0/22", "10.0.4.0/22"),
			routeTable("SharedServiceRtPub", "SharedServiceSubnetPub", "SharedServicesMainVpc"),
			association("SharedServiceRtaPub", "SharedServiceRtPub", "SharedServiceSubnetPub"),
			route("WanPubRoute", "SharedServiceRtPub", "0.0.0.0/0", "gatewayId", "SharedServicesMainVpcIgw"),
			subnet("SharedServiceSubnetApp", "SharedServicesMainVpc", "10.0.8.0/22", "10.0.12.0/22"),
			routeTable("SharedServiceRtApp", "SharedServiceSubnetApp", "SharedServicesMainVpc"),
			association("SharedServiceAppRta", "SharedServiceRtApp", "SharedServiceSubnetApp"),
			route("RouteToGreenPeer", "SharedServiceRtApp", "192.168.2.0/23", peeringID, "GreenPeeringConnection"),
			route("RouteToBluePeer", "SharedServiceRtApp", "192.168.0.0/23", peeringID, "BluePeeringConnection"),
			subnet("GreenPeerSubnet", "GreenNetworkVpc", "192.168.2.0/24", "192.168.3.0/24"),
			routeTable("GreenPeerRt", "GreenPeerSubnet", "GreenNetworkVpc"),
			association("GreenPeerRta", "GreenPeerRt", "GreenPeerSubnet"),
			route("GreenPeerMainRoute", "GreenPeerRt", "10.0.0.0/16", peeringID, "GreenPeeringConnection"),
			subnet("BluePeerSubnet", "BlueNetworkVpc", "192.168.0.0/24", "192.168.1.0/24"),
			routeTable("BluePeerRt", "BluePeerSubnet", "BlueNetworkVpc"),
			association("BluePeerRta", "BluePeerRt", "BluePeerSubnet"),
			route("BluePeerMainRoute", "BluePeerRt", "10.0.0.0/16", peeringID, "BluePeeringConnection"),
		)
	}
	return table
}

func group(name, description, vpc string) row {
	everything := func() object {
		return object{"fromPort": 0.0, "toPort": 0.0, "protocol": "-1",
			"cidrBlocks": list{"0.0.0.0/0"}, "ipv6CidrBlocks": list{"::/0"}}
	}
	in := everything()
	in["description"] = "Any"
	return row{Type: "aws:ec2/securityGroup:SecurityGroup", Name: name, Parent: vpc, Deps: vpc, Inputs: object{
		"description": description, "vpcId": vpc + ".id", "ingress": list{in}, "egress": list{everything()},
		"tags": tags(name + "-eu-west-1")}}
}

func latticeTable() []row {
	var table []row
	for _, c := range []struct{ colour, principal string }{{"Green", "222222222222"}, {"Blue", "111111111111"}} {
		share, network := c.colour+"LatticeRamShare", c.colour+"ServiceNetwork"
		table = append(table,
			row{Type: "aws:ram/resourceShare:ResourceShare", Name: share,
				Inputs: object{"allowExternalPrincipals": false, "tags": plainTags()}},
			row{Type: "aws:ram/principalAssociation:PrincipalAssociation", Name: c.colour + "PrincipalAssociation", Deps: share,
				Inputs: object{"principal": c.principal, "resourceShareArn": share + ".arn"}},
			row{Type: "aws-native:vpclattice:ServiceNetwork", Name: network, Inputs: object{
				"authType": "NONE", "name": strings.ToLower(c.colour) + "-service-network", "tags": nativeTags()}},
			row{Type: "aws:ram/resourceAssociation:ResourceAssociation", Name: c.colour + "LatticeRamShareAssociation",
				Parent: share, Deps: share + " " + network,
				Inputs: object{"resourceArn": network + ".arn", "resourceShareArn": share + ".arn"}},
			row{Type: "aws-native:vpclattice:ServiceNetworkVpcAssociation", Name: c.colour + "ServiceNetworkVpcAssociation",
				Parent: network, Deps: network + " " + c.colour + "NetworkVpc " + c.colour + "SecurityGroup",
				Inputs: object{"securityGroupIds": list{c.colour + "SecurityGroup.id"}, "serviceNetworkIdentifier": network + ".id",
					"vpcIdentifier": c.colour + "NetworkVpc.id", "tags": nativeTags()}},
		)
	}
	return table
}

func appTable() []row {
	const (
		subnets = "SharedServiceSubnetApp-eu-west-1a SharedServiceSubnetApp-eu-west-1b"
		service = "SharedServiceLatticeService"
	)
	subnetIDs := func() list {
		return list{"SharedServiceSubnetApp-eu-west-1a.id", "SharedServiceSubnetApp-eu-west-1b.id"}
	}
	statement := func(endpoint, account string) object {
		return object{"Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*",
			"Condition": object{"StringEquals": object{
				"vpc-lattice-svcs:RequestMethod":         "GET",
				"vpc-lattice-svcs:RequestQueryString/q":  endpoint,
				"vpc-lattice-svcs:SourceVpcOwnerAccount": account,
			}}}
	}
	association := func(name, network string) row {
		return row{Type: "aws-native:vpclattice:ServiceNetworkServiceAssociation", Name: name, Deps: service + " " + network,
			Inputs: object{"serviceIdentifier": service + ".id", "serviceNetworkIdentifier": network + ".id", "tags": nativeTags()}}
	}
	return []row{
		{Type: "aws:lb/loadBalancer:LoadBalancer", Name: "DirectoryServiceLb", Deps: "MainLambdaAlbSecurityGroup " + subnets,
			Inputs: object{"internal": true, "loadBalancerType": "application", "securityGroups": list{"MainLambdaAlbSecurityGroup.id"},
				"subnets": subnetIDs(), "enableDeletionProtection": false, "tags": tags("DirectoryServiceLb")}},
		{Type: "aws:lb/targetGroup:TargetGroup", Name: "DirectoryServiceTg",
			Inputs: object{"targetType": "lambda", "tags": tags("DirectoryServiceTg")}},
		{Type: "aws:lb/listener:Listener", Name: "DirectoryServiceListener", Deps: "DirectoryServiceLb DirectoryServiceTg",
			Inputs: object{"loadBalancerArn": "DirectoryServiceLb.arn", "port": 80.0, "protocol": "HTTP",
				"defaultActions": list{object{"type": "forward", "targetGroupArn": "DirectoryServiceTg.arn"}}}},
		group("MainLambdaFuncSecurityGroup", "Lambda Security Group", "SharedServicesMainVpc"),
		{Type: "aws:iam/role:Role", Name: "DirectoryServiceExecutionRole", Inputs: object{
			"assumeRolePolicy": `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Sid":""}],"Version":"2012-10-17"}`,
			"tags":             tags("DirectoryServiceExecutionRole")}},
		{Type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment", Name: "DirectoryServiceExecutionRolePolicyAttachment",
			Deps:   "DirectoryServiceExecutionRole",
			Inputs: object{"policyArn": "arn:aws:iam::aws:policy/AWSLambdaVPCAccessExecutionRole", "role": "DirectoryServiceExecutionRole.id"}},
		{Type: "aws:lambda/layerVersion:LayerVersion", Name: "DirectoryServiceLayer", Inputs: object{
			"compatibleRuntimes": list{"provided.al2023"}, "code": "archive ../build/directory_app_layer.zip", "layerName": "lambda_layer"}},
		{Type: "aws:lambda/function:Function", Name: "DirectoryServiceFunction",
			Deps: "DirectoryServiceExecutionRole DirectoryServiceLayer MainLambdaFuncSecurityGroup " + subnets,
			Inputs: object{"tags": tags("DirectoryServiceFunction"), "role": "DirectoryServiceExecutionRole.arn",
				"vpcConfig":                      object{"securityGroupIds": list{"MainLambdaFuncSecurityGroup.id"}, "subnetIds": subnetIDs()},
				"replaceSecurityGroupsOnDestroy": true, "name": "DirectoryServiceFunction", "runtime": "provided.al2023",
				"layers": list{"DirectoryServiceLayer.id"}, "code": "archive ../build/directory_app.zip", "handler": "bootstrap"}},
		{Type: "aws:lambda/permission:Permission", Name: "AlbFunctionPermission", Deps: "DirectoryServiceFunction DirectoryServiceTg",
			Inputs: object{"action": "lambda:InvokeFunction", "function": "DirectoryServiceFunction",
				"principal": "elasticloadbalancing.amazonaws.com", "sourceArn": "DirectoryServiceTg.arn"}},
		{Type: "aws:lb/targetGroupAttachment:TargetGroupAttachment", Name: "FunctionTargetGroupAttachment",
			Deps:   "AlbFunctionPermission DirectoryServiceFunction DirectoryServiceTg",
			Inputs: object{"targetGroupArn": "DirectoryServiceTg.arn", "targetId": "DirectoryServiceFunction.arn"}},
		{Type: "aws-native:vpclattice:TargetGroup", Name: "SharedServiceTargetGroup", Deps: "DirectoryServiceLb SharedServicesMainVpc",
			Inputs: object{"type": "ALB", "config": object{"port": 80.0, "protocol": "HTTP", "vpcIdentifier": "SharedServicesMainVpc.id"},
				"name": "shared-service-target", "tags": nativeTags(), "targets": list{object{"id": "DirectoryServiceLb.id", "port": 80.0}}}},
		{Type: "aws-native:vpclattice:Service", Name: service,
			Inputs: object{"name": "shared-service", "authType": "AWS_IAM", "tags": nativeTags()}},
		{Type: "aws-native:vpclattice:Listener", Name: "SharedServiceLatticeServiceListener", Deps: service + " SharedServiceTargetGroup",
			Inputs: object{"name": "shared-service-listener", "protocol": "HTTP", "port": 80.0, "serviceIdentifier": service + ".id",
				"tags": nativeTags(), "defaultAction": object{"forward": object{"targetGroups": list{
					object{"targetGroupIdentifier": "SharedServiceTargetGroup.id", "weight": 100.0}}}}}},
		association("BlueServiceLatticeServiceAssociation", "BlueServiceNetwork"),
		association("GreenServiceLatticeServiceAssociation", "GreenServiceNetwork"),
		{Type: "aws-native:vpclattice:AuthPolicy", Name: "SharedServiceAuthPolicy", Deps: service, Inputs: object{
			"policy": object{"Version": "2012-10-17", "Statement": list{
				statement("blue", "111111111111"), statement("green", "222222222222")}},
			"resourceIdentifier": service + ".id"}},
	}
}

func TestProgramIsTheArticles(t *testing.T) {
	run, err := stacktest.Execute("common-service", configuration(), common.Program)
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(vpcTable(), latticeTable()...), appTable()...)
	stacktest.Compare(t, run, want)
	exports := map[string]string{
		"green-service-network-arn": "GreenServiceNetwork.arn",
		"blue-service-network-arn":  "BlueServiceNetwork.arn",
		"shared-service-fqdn":       "SharedServiceLatticeService.example",
	}
	if diff := cmp.Diff(exports, run.Exports); diff != "" {
		t.Errorf("exports (-article +program):\n%s", diff)
	}
}

func TestArticlesRuntime(t *testing.T) {
	config := configuration()
	config["common-service:runtime"] = "python3.8"
	run, err := stacktest.Execute("common-service", config, common.Program)
	if err != nil {
		t.Fatal(err)
	}
	function, layer := run.Rows["DirectoryServiceFunction"].Inputs, run.Rows["DirectoryServiceLayer"].Inputs
	got := object{"runtime": function["runtime"], "handler": function["handler"], "code": function["code"], "layer": layer["code"], "runtimes": layer["compatibleRuntimes"]}
	want := object{"runtime": "python3.8", "handler": "main.lambda_handler", "code": object{".": "archive ./directory_app"},
		"layer": "archive ../build/lambda_layer.zip", "runtimes": list{"python3.8"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-article +program):\n%s", diff)
	}
}

func TestConfigurationIsRequired(t *testing.T) {
	for key := range configuration() {
		config := configuration()
		delete(config, key)
		if _, err := stacktest.Execute("common-service", config, common.Program); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: error %v does not name it", key, err)
		}
	}
	config := configuration()
	config["common-service:runtime"] = "cobol"
	if _, err := stacktest.Execute("common-service", config, common.Program); err == nil || !strings.Contains(err.Error(), "cobol") {
		t.Errorf("runtime cobol: error %v does not name it", err)
	}
}
