package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/test/estate"
	"trellis/test/forge"
)

// desired are models with identifiers of other resources in them, by the type that has them.
var desired = map[string]string{
	"AWS::EC2::Subnet":                                   `{"VpcId":"${vpc}","CidrBlock":"10.0.200.0/24"}`,
	"AWS::EC2::VPCGatewayAttachment":                     `{"VpcId":"${vpc.spare}","InternetGatewayId":"${gateway.spare}"}`,
	"AWS::EC2::RouteTable":                               `{"VpcId":"${vpc}"}`,
	"AWS::EC2::Route":                                    `{"RouteTableId":"${table}","DestinationCidrBlock":"10.7.0.0/16","GatewayId":"${gateway}"}`,
	"AWS::EC2::SubnetRouteTableAssociation":              `{"RouteTableId":"${table}","SubnetId":"${subnet.spare}"}`,
	"AWS::EC2::SecurityGroup":                            `{"GroupDescription":"d","GroupName":"by-control","VpcId":"${vpc}"}`,
	"AWS::EC2::SecurityGroupIngress":                     `{"GroupId":"${group}","IpProtocol":"tcp","FromPort":81,"ToPort":81,"SourceSecurityGroupId":"${group.spare}"}`,
	"AWS::EC2::SecurityGroupEgress":                      `{"GroupId":"${group}","IpProtocol":"tcp","FromPort":81,"ToPort":81,"DestinationSecurityGroupId":"${group.spare}"}`,
	"AWS::EC2::VPCPeeringConnection":                     `{"VpcId":"${vpc}","PeerVpcId":"${vpc.spare}"}`,
	"AWS::EC2::VPCEndpoint":                              `{"VpcId":"${vpc}","VpcEndpointType":"ServiceNetwork","ServiceNetworkArn":"${network.arn}","SubnetIds":["${subnet}"],"SecurityGroupIds":["${group}"]}`,
	"AWS::ElasticLoadBalancingV2::LoadBalancer":          `{"Name":"by-control","Scheme":"internal","Subnets":["${subnet}","${subnet.other}"],"SecurityGroups":["${group}"]}`,
	"AWS::ElasticLoadBalancingV2::TargetGroup":           `{"Name":"by-control","Port":80,"Protocol":"HTTP","TargetType":"ip","VpcId":"${vpc}"}`,
	"AWS::ElasticLoadBalancingV2::Listener":              `{"LoadBalancerArn":"${balancer}","Port":8099,"Protocol":"HTTP","DefaultActions":[{"Type":"forward","TargetGroupArn":"${balancer.targets}"}]}`,
	"AWS::ElasticLoadBalancingV2::ListenerRule":          `{"ListenerArn":"${balancer.listener}","Priority":77,"Conditions":[{"Field":"path-pattern","Values":["/x"]}],"Actions":[{"Type":"forward","TargetGroupArn":"${balancer.targets}"}]}`,
	"AWS::Lambda::Function":                              `{"FunctionName":"by-control","Handler":"bootstrap","Runtime":"provided.al2023","Role":"${role.arn}","Code":{"ZipFile":"x"},"VpcConfig":{"SubnetIds":["${subnet}"],"SecurityGroupIds":["${group}"]}}`,
	"AWS::Lambda::Version":                               `{"FunctionName":"${function.arn}"}`,
	"AWS::Lambda::Alias":                                 `{"FunctionName":"${function.arn}","Name":"by-control","FunctionVersion":"1"}`,
	"AWS::Lambda::Permission":                            `{"FunctionName":"${function.arn}","Action":"lambda:InvokeFunction","Principal":"vpc-lattice.amazonaws.com","SourceArn":"${targets.arn}"}`,
	"AWS::VpcLattice::ResourceGateway":                   `{"Name":"by-control","VpcIdentifier":"${vpc}","SubnetIds":["${subnet}"],"SecurityGroupIds":["${group}"]}`,
	"AWS::VpcLattice::ResourceConfiguration":             `{"Name":"by-control","ResourceConfigurationType":"SINGLE","PortRanges":["80"],"ResourceGatewayId":"${resource.gateway}","ResourceConfigurationDefinition":{"IpResource":"10.0.0.9"}}`,
	"AWS::VpcLattice::ServiceNetworkResourceAssociation": `{"ServiceNetworkId":"${network}","ResourceConfigurationId":"${resource}"}`,
	"AWS::VpcLattice::ServiceNetworkServiceAssociation":  `{"ServiceNetworkIdentifier":"${network.arn}","ServiceIdentifier":"${service.spare.arn}"}`,
	"AWS::VpcLattice::ServiceNetworkVpcAssociation":      `{"ServiceNetworkIdentifier":"${network.arn}","VpcIdentifier":"${vpc}","SecurityGroupIds":["${group}"]}`,
	"AWS::VpcLattice::Listener":                          `{"ServiceIdentifier":"${service.arn}","Name":"by-control","Port":8099,"Protocol":"HTTP","DefaultAction":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"${targets.arn}"}]}}}`,
	"AWS::VpcLattice::Rule":                              `{"ServiceIdentifier":"${service.arn}","ListenerIdentifier":"${listener.arn}","Priority":77,"Match":{"HttpMatch":{"Method":"PUT"}},"Action":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"${targets.arn}"}]}}}`,
	"AWS::VpcLattice::TargetGroup":                       `{"Name":"by-control","Type":"IP","Config":{"Port":80,"Protocol":"HTTP","VpcIdentifier":"${vpc}"}}`,
	"AWS::VpcLattice::AuthPolicy":                        `{"ResourceIdentifier":"${service.arn}","Policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}}`,
	"AWS::VpcLattice::AccessLogSubscription":             `{"ResourceIdentifier":"${service.spare.arn}","DestinationArn":"${logs.arn}"}`,
	"AWS::RAM::ResourceShare":                            `{"Name":"by-control","ResourceArns":["${network.arn}"],"PermissionArns":["${permission}"]}`,
	"AWS::Organizations::OrganizationalUnit":             `{"Name":"by-control","ParentId":"${unit}"}`,
	"AWS::Organizations::Account":                        `{"AccountName":"by-control","Email":"by-control@example.com","ParentIds":["${unit}"]}`,
	"AWS::IAM::ManagedPolicy":                            `{"ManagedPolicyName":"by-control","PolicyDocument":{"Version":"2012-10-17","Statement":[]},"Groups":["${users}"],"Roles":["${role}"],"Users":["${user}"]}`,
	"AWS::IAM::Role":                                     `{"RoleName":"by-control","AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]},"ManagedPolicyArns":["${policy}"],"PermissionsBoundary":"${policy.spare}"}`,
	"AWS::IAM::RolePolicy":                               `{"PolicyName":"by-control","RoleName":"${role}","PolicyDocument":{"Version":"2012-10-17","Statement":[]}}`,
	"AWS::Lambda::LayerVersionPermission":                `{"LayerVersionArn":"${layer.version}","Action":"lambda:GetLayerVersion","Principal":"*","OrganizationId":"${organization}"}`,
	"AWS::VpcLattice::ResourcePolicy":                    `{"ResourceArn":"${service.arn}","Policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"vpc-lattice:GetService","Resource":"${service.arn}"}]}}`,
}

// lone are the types whose models name no other resource.
var lone = []string{"AWS::VpcLattice::DomainVerification", "AWS::EC2::InternetGateway", "AWS::EC2::VPC", "AWS::Lambda::LayerVersion", "AWS::Logs::LogGroup", "AWS::Organizations::Organization",
	"AWS::RAM::Permission", "AWS::VpcLattice::Service", "AWS::VpcLattice::ServiceNetwork"}

var places = regexp.MustCompile(`\$\{[a-z.]+\}`)

// Cloud Control takes no identifier of another account inside a model or a patch either, and says of it what it says of one that
// nothing has.
func TestControlWalls(t *testing.T) {
	w := newWorld(t)
	owner, outsiders := w.divided(t)
	for i := range schema.Types {
		if typ := schema.Types[i].Name; (desired[typ] == "") != slices.Contains(lone, typ) {
			t.Errorf("say what a model of %s names, or that it names nothing", typ)
		}
	}
	for _, o := range outsiders {
		t.Run(o.who, func(t *testing.T) {
			t.Parallel()
			w.controlled(t, o.has, owner)
		})
	}
}

// controlled asks for what is the owner's at every place of the models, and of some patches.
func (w *world) controlled(t *testing.T, has, owner estate.Estate) {
	for _, typ := range slices.Sorted(maps.Keys(desired)) {
		t.Run(typ, func(t *testing.T) {
			for _, at := range places.FindAllStringIndex(desired[typ], -1) {
				before, name, after := desired[typ][:at[0]], desired[typ][at[0]+2:at[1]-1], desired[typ][at[1]:]
				// A member of an organization has none of its own.
				if !fills(has, before+after) {
					continue
				}
				w.hidden(t, has, owner, typ+" "+name, owner[name], func(id string) (string, map[string]any) {
					return "CreateResource", map[string]any{"TypeName": typ, "DesiredState": filled(t, has, before) + id + filled(t, has, after)}
				})
			}
		})
	}
	for typ, change := range map[string][3]string{
		"AWS::VpcLattice::ServiceNetworkVpcAssociation": {has["attachment.arn"], "group", `[{"op":"add","path":"/SecurityGroupIds","value":["ID"]}]`},
		"AWS::VpcLattice::Listener": {has["listener.arn"], "targets.arn",
			`[{"op":"add","path":"/DefaultAction","value":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"ID"}]}}}]`},
		"AWS::Lambda::Function": {has["function"], "role.arn", `[{"op":"add","path":"/Code","value":{"ZipFile":"x"}},{"op":"add","path":"/Role","value":"ID"}]`},
	} {
		w.hidden(t, has, owner, "a patch of "+typ, owner[change[1]], func(id string) (string, map[string]any) {
			return "UpdateResource", map[string]any{"TypeName": typ, "Identifier": change[0], "PatchDocument": strings.ReplaceAll(change[2], "ID", id)}
		})
	}
}

// fills says if an estate has all that a text names.
func fills(e estate.Estate, text string) bool {
	return !slices.ContainsFunc(places.FindAllString(text, -1), func(place string) bool { return e[place[2:len(place)-1]] == "" })
}

func filled(t *testing.T, e estate.Estate, text string) string {
	t.Helper()
	return places.ReplaceAllStringFunc(text, func(place string) string {
		id, ok := e[place[2:len(place)-1]]
		if !ok {
			t.Fatalf("the estate has no %s", place)
		}
		return id
	})
}

// hidden makes a request about an identifier of the owner's and about one that nothing has, and holds what became of them against
// each other.
func (w *world) hidden(t *testing.T, has, owner estate.Estate, what, id string, request func(id string) (string, map[string]any)) {
	t.Helper()
	var said [2]string
	asked := [2]string{id, ghost(id)}
	for i, id := range asked {
		scratch := w.fork(t)
		operation, in := request(id)
		got := scratch.call(has["account"], "cloudcontrol", operation, in)
		if got.Status >= 300 {
			t.Errorf("%s is not taken: %d %s %s\n%s", what, got.Status, got.Code, got.Message, shown(in))
			return
		}
		a := w.apis["cloudcontrol"]
		out, err := forge.Output(a.Service, a.operations[operation], got)
		if err != nil {
			t.Fatal(err)
		}
		scratch.settle(t)
		token := out["ProgressEvent"].(map[string]any)["RequestToken"]
		got = scratch.call(has["account"], "cloudcontrol", "GetResourceRequestStatus", map[string]any{"RequestToken": token})
		var status struct{ ProgressEvent map[string]any }
		if err := json.Unmarshal([]byte(got.Body), &status); err != nil {
			t.Fatal(err)
		}
		event := status.ProgressEvent
		said[i] = shown([]any{event["OperationStatus"], event["ErrorCode"], lasting(told(forge.Answer{Body: shown(event["StatusMessage"])}, id, asked[1-i]))})
		had, have := w.rows(t), scratch.rows(t)
		keys := maps.Clone(had)
		maps.Copy(keys, have)
		for key := range keys {
			if trespass(owner["account"], key, had[key], have[key]) {
				t.Errorf("%s changes or makes %s of the owner: %s\n%.300s\n%.300s", what, key, shown(in), had[key], have[key])
			}
		}
		scratch.close()
	}
	if said[0] != said[1] {
		t.Errorf("%s tells what is there: %s\nand what is not: %s", what, said[0], said[1])
	}
}
