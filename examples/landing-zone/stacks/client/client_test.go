package client_test

import (
	"strings"
	"testing"

	"landing-zone/stacks/client"
	"landing-zone/stacks/stacktest"

	"github.com/google/go-cmp/cmp"
)

type (
	object = stacktest.Object
	row    = stacktest.Row
	list   = []any
)

const networkARN = "arn:aws:vpc-lattice:eu-west-1:333333333333:servicenetwork/sn-0123456789abcdef0"

func configuration(project string) map[string]string {
	return map[string]string{
		"aws:region":                     "eu-west-1",
		project + ":lattice-network-arn": networkARN,
		project + ":shared-service-fqdn": "shared-service-0123.7d67968.vpc-lattice-svcs.eu-west-1.on.aws",
	}
}

// table is what the article says of the blue stack, its app_infra.py resource by resource, with the colour and the
// first two numbers of the VPC's addresses left open.
func table(colour, prefix string) []row {
	project := strings.ToLower(colour) + "-service"
	tags := func(name string) object {
		return object{"Account": colour + "Sandbox", "AccountType": "Workload", "Provisioned": "Pulumi", "StackName": project, "Name": name}
	}
	nativeTags := list{
		object{"key": "AccountType", "value": "Workload"},
		object{"key": "Account", "value": colour + "Sandbox"},
		object{"key": "Provisioned", "value": "Pulumi"},
		object{"key": "StackName", "value": project},
	}
	vpc, gateway, role := colour+"SandboxVpc", colour+"SandboxIgw", colour+"LambdaExecutionRole"
	group := func(name, description string) row {
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
	app := colour + "SandboxSubnetApp-"
	rows := []row{
		{Type: "aws:ec2/vpc:Vpc", Name: vpc, Inputs: object{"cidrBlock": prefix + ".0.0/16",
			"enableDnsHostnames": true, "enableDnsSupport": true, "tags": tags(vpc + "-eu-west-1")}},
		{Type: "aws:ec2/internetGateway:InternetGateway", Name: gateway, Parent: vpc, Deps: vpc,
			Inputs: object{"vpcId": vpc + ".id", "tags": tags(gateway + "-eu-west-1")}},
		group(colour+"SecurityGroup", colour+" Lattice Security Group"),
		{Type: "aws-native:vpclattice:ServiceNetworkVpcAssociation", Name: colour + "ServiceNetworkVpcAssociation",
			Deps: vpc + " " + colour + "SecurityGroup",
			Inputs: object{"securityGroupIds": list{colour + "SecurityGroup.id"}, "serviceNetworkIdentifier": networkARN,
				"vpcIdentifier": vpc + ".id", "tags": nativeTags}},
		group(colour+"LambdaFuncSecurityGroup", "Lambda Security Group"),
		{Type: "aws:iam/role:Role", Name: role, Inputs: object{
			"assumeRolePolicy": `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Sid":""}],"Version":"2012-10-17"}`,
			"tags":             tags(role)}},
		{Type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment", Name: colour + "LambdaRolePolicyAttachment", Deps: role,
			Inputs: object{"policyArn": "arn:aws:iam::aws:policy/AWSLambdaVPCAccessExecutionRole", "role": role + ".id"}},
		{Type: "aws:lambda/function:Function", Name: colour + "Function",
			Deps: role + " " + colour + "LambdaFuncSecurityGroup " + app + "eu-west-1a " + app + "eu-west-1b",
			Inputs: object{"tags": tags(colour + "Function"), "role": role + ".arn",
				"vpcConfig": object{"securityGroupIds": list{colour + "LambdaFuncSecurityGroup.id"},
					"subnetIds": list{app + "eu-west-1a.id", app + "eu-west-1b.id"}},
				"replaceSecurityGroupsOnDestroy": true, "name": colour + "Function", "runtime": "provided.al2023",
				"code": "archive ../build/client_app.zip", "handler": "bootstrap",
				"environment": object{"variables": object{strings.ToUpper(colour) + "_ENDPOINT": "http://shared-service-0123.7d67968.vpc-lattice-svcs.eu-west-1.on.aws/?q=" +
					strings.ToLower(colour)}}}},
	}
	for i, zone := range stacktest.Zones()[:2] {
		subnet := func(kind, cidr string) row {
			name := colour + "Sandbox" + kind + "-" + zone
			return row{Type: "aws:ec2/subnet:Subnet", Name: name, Parent: vpc, Deps: vpc, Inputs: object{
				"vpcId": vpc + ".id", "cidrBlock": prefix + cidr, "availabilityZone": zone, "tags": tags(name)}}
		}
		routeTable := func(kind, subnet string) row {
			name := colour + "Sandbox" + kind + "-" + zone
			return row{Type: "aws:ec2/routeTable:RouteTable", Name: name, Parent: colour + "Sandbox" + subnet + "-" + zone,
				Deps: vpc, Inputs: object{"vpcId": vpc + ".id", "tags": tags(name)}}
		}
		association := func(kind, table, subnet string) row {
			table, subnet = colour+"Sandbox"+table+"-"+zone, colour+"Sandbox"+subnet+"-"+zone
			return row{Type: "aws:ec2/routeTableAssociation:RouteTableAssociation", Name: colour + "Sandbox" + kind + "-" + zone,
				Parent: subnet, Deps: table + " " + subnet,
				Inputs: object{"routeTableId": table + ".id", "subnetId": subnet + ".id"}}
		}
		public := colour + "SandboxRtPub-" + zone
		rows = append(rows,
			subnet("SubnetPub", []string{".0.0/18", ".64.0/18"}[i]),
			routeTable("RtPub", "SubnetPub"),
			association("RtaPub", "RtPub", "SubnetPub"),
			row{Type: "aws:ec2/route:Route", Name: "WanPubRoute-" + zone, Parent: public, Deps: public + " " + gateway,
				Inputs: object{"routeTableId": public + ".id", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway + ".id"}},
			subnet("SubnetApp", []string{".128.0/18", ".192.0/18"}[i]),
			routeTable("RtApp", "SubnetApp"),
			association("AppRta", "RtApp", "SubnetApp"),
		)
	}
	return rows
}

func TestProgramsAreTheArticles(t *testing.T) {
	for _, c := range []struct {
		colour, project, prefix string
		settings                client.Settings
	}{
		{"Blue", "blue-service", "10.100", client.Blue()},
		{"Green", "green-service", "10.200", client.Green()},
	} {
		t.Run(c.project, func(t *testing.T) {
			run, err := stacktest.Execute(c.project, configuration(c.project), c.settings.Program())
			if err != nil {
				t.Fatal(err)
			}
			stacktest.Compare(t, run, table(c.colour, c.prefix))
			if len(run.Exports) != 0 {
				t.Errorf("exports %v: the article's stack has none", run.Exports)
			}
		})
	}
}

func TestArticlesRuntime(t *testing.T) {
	config := configuration("green-service")
	config["green-service:runtime"] = "python3.8"
	run, err := stacktest.Execute("green-service", config, client.Green().Program())
	if err != nil {
		t.Fatal(err)
	}
	function := run.Rows["GreenFunction"].Inputs
	got := object{"runtime": function["runtime"], "handler": function["handler"], "code": function["code"]}
	want := object{"runtime": "python3.8", "handler": "main.lambda_handler", "code": object{".": "archive ./green_app"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-article +program):\n%s", diff)
	}
}

func TestConfigurationIsRequired(t *testing.T) {
	for key := range configuration("blue-service") {
		config := configuration("blue-service")
		delete(config, key)
		if _, err := stacktest.Execute("blue-service", config, client.Blue().Program()); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: error %v does not name it", key, err)
		}
	}
}
