package test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"trellis/internal/api/cloudcontrol/schema"
)

// another is what comes of a second creation where AWS makes another resource.
const another = "another is made"

// twice is what comes of a second creation of the same desired state, by type: a part of the message of AlreadyExists, or
// another. A layer version cannot be made by Cloud Control for want of S3.
var twice = map[string]string{
	"AWS::EC2::VPC":                                      another,
	"AWS::EC2::Subnet":                                   "The CIDR '${range}' conflicts with another subnet (Service: Ec2, Status Code: 400, Request ID: ",
	"AWS::EC2::InternetGateway":                          another,
	"AWS::EC2::VPCGatewayAttachment":                     " is already attached to network vpc-",
	"AWS::EC2::VPCPeeringConnection":                     " already exists: pcx-",
	"AWS::EC2::RouteTable":                               another,
	"AWS::EC2::Route":                                    "Resource of type 'AWS::EC2::Route' with identifier '${route}' already exists.",
	"AWS::EC2::SubnetRouteTableAssociation":              "Resource of type 'AWS::EC2::SubnetRouteTableAssociation' with identifier '${association}' already exists.",
	"AWS::EC2::SecurityGroup":                            another,
	"AWS::EC2::SecurityGroupIngress":                     `ALLOW" already exists (Service: Ec2, Status Code: 400, Request ID: `,
	"AWS::EC2::SecurityGroupEgress":                      `ALLOW" already exists (Service: Ec2, Status Code: 400, Request ID: `,
	"AWS::EC2::VPCEndpoint":                              another,
	"AWS::IAM::Role":                                     "Role with name worker already exists. (Service: Iam, Status Code: 409, Request ID: ",
	"AWS::IAM::RolePolicy":                               "already has a policy own. (Service: Iam, Status Code: 409, ",
	"AWS::IAM::ManagedPolicy":                            "A policy called may already exists. Duplicate names are not allowed. (Service: Iam, Status Code: 409, Request ID: ",
	"AWS::Logs::LogGroup":                                `Resource of type 'AWS::Logs::LogGroup' with identifier '{"/properties/LogGroupName":"`,
	"AWS::ElasticLoadBalancingV2::LoadBalancer":          "with identifier '${balancer}' already exists.",
	"AWS::ElasticLoadBalancingV2::TargetGroup":           "with identifier '${targets}' already exists.",
	"AWS::ElasticLoadBalancingV2::Listener":              "with identifier '${balancer listener}' already exists.",
	"AWS::ElasticLoadBalancingV2::ListenerRule":          "Priority '5' is currently in use (Service: ElasticLoadBalancingV2, Status Code: 400, Request ID: ",
	"AWS::Lambda::Function":                              "Function already exist: native (Service: Lambda, Status Code: 409, Request ID: ",
	"AWS::Lambda::Version":                               "Version already exists: ${version}. Please modify the function to create a new version. (Service: Lambda, Status Code: 409, Request ID: ",
	"AWS::Lambda::Alias":                                 "Alias already exists: ${alias} (Service: Lambda, Status Code: 409, Request ID: ",
	"AWS::Lambda::Permission":                            another,
	"AWS::Lambda::LayerVersionPermission":                another,
	"AWS::RAM::ResourceShare":                            another,
	"AWS::RAM::Permission":                               " (Service: Ram, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ServiceNetwork":                    " already exists. (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::Service":                           " already exists. (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ServiceNetworkServiceAssociation":  " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ServiceNetworkVpcAssociation":      " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ServiceNetworkResourceAssociation": " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::TargetGroup":                       " already exists. (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::Listener":                          " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::Rule":                              " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ResourceGateway":                   " already exists. (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::ResourceConfiguration":             " already exists. (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::DomainVerification":                " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::VpcLattice::AuthPolicy":                        "Resource of type 'AWS::VpcLattice::AuthPolicy' with identifier '${auth policy}' already exists.",
	"AWS::VpcLattice::ResourcePolicy":                    "Resource of type 'AWS::VpcLattice::ResourcePolicy' with identifier '${resource policy}' already exists.",
	"AWS::VpcLattice::AccessLogSubscription":             " (Service: VpcLattice, Status Code: 409, Request ID: ",
	"AWS::Organizations::Organization":                   " is already a member of an organization. (Service: Organizations, Status Code: 400, Request ID: ",
	"AWS::Organizations::OrganizationalUnit":             "An OU with the same name already exists. (Service: Organizations, Status Code: 400, Request ID: ",
	"AWS::Organizations::Account":                        "Account creation failed with reason [EMAIL_ALREADY_EXISTS] for request id: car-",
}

// ended is how a request ended, as GetResourceRequestStatus tells it.
func (n *native) ended(event *types.ProgressEvent, err error) *types.ProgressEvent {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
	_, _ = n.follow(event, nil)
	return must(n.T, n.cloudcontrol.GetResourceRequestStatus, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken}).ProgressEvent
}

// creating is how a creation ended.
func (n *native) creating(typ string, desired object) *types.ProgressEvent {
	n.Helper()
	return n.ended(must(n.T, n.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: &typ, DesiredState: aws.String(n.fill(desired))}).ProgressEvent, nil)
}

// deleting is how a deletion ended.
func (n *native) deleting(typ, id string) *types.ProgressEvent {
	n.Helper()
	return n.ended(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: &typ, Identifier: &id}).ProgressEvent, nil)
}

// failed holds a request to having failed with a code and a part of a message.
func (n *native) failed(what string, event *types.ProgressEvent, code types.HandlerErrorCode, words string) {
	n.Helper()
	if event.OperationStatus != types.OperationStatusFailed || event.ErrorCode != code || !strings.Contains(aws.ToString(event.StatusMessage), words) {
		n.Errorf("%s: %s %s: %s, want %s: %s", what, event.OperationStatus, event.ErrorCode, aws.ToString(event.StatusMessage), code, words)
	}
}

// again creates a resource that is there already.
func (n *native) again(r nativeResource) {
	n.Helper()
	want, ok := twice[r.typ]
	if !ok {
		n.Errorf("what comes of a second %s is not known", r.typ)
		return
	}
	event := n.creating(r.typ, r.desired)
	switch {
	case want != another:
		cidr, _ := r.desired["CidrBlock"].(string)
		want = strings.ReplaceAll(want, "${range}", cidr)
		for name, id := range n.ids {
			want = strings.ReplaceAll(want, "${"+name+"}", id)
		}
		n.failed("a second "+r.name, event, types.HandlerErrorCodeAlreadyExists, want)
	case event.OperationStatus != types.OperationStatusSuccess || aws.ToString(event.Identifier) == n.ids[r.name]:
		n.Errorf("a second %s: %s %s: %s", r.name, event.OperationStatus, event.ErrorCode, aws.ToString(event.StatusMessage))
	default:
		if end := n.deleting(r.typ, *event.Identifier); end.OperationStatus != types.OperationStatusSuccess {
			n.Errorf("delete a second %s: %s", r.name, aws.ToString(end.StatusMessage))
		}
	}
	// What was there first is as it was.
	n.asked(r, nil)
}

// TestCloudControlTwice makes a resource of every type, and again.
func TestCloudControlTwice(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "twice")
	n := &native{t, a, map[string]string{}, map[string]bool{}}
	seen := map[string]bool{"AWS::Lambda::LayerVersion": true}
	walk := func(resources []nativeResource) {
		for _, r := range resources {
			n.know(r, n.create(r))
			n.again(r)
			seen[r.typ] = true
		}
	}
	resources := nativeResources(a.id)
	walk(resources)
	organization, err := n.get("AWS::Organizations::Organization", n.ids["organization"])
	if err != nil {
		t.Fatal(err)
	}
	root := organization["RootId"].(string)
	walk(nativeUnits(root))
	walk([]nativeResource{nativeMember(root, n.ids["unit"])})
	n.ids["layer"] = n.publishLayer()
	walk([]nativeResource{nativeLayerPermission()})
	for i := range schema.Types {
		if name := schema.Types[i].Name; !seen[name] {
			t.Errorf("no second %s was made", name)
		}
	}
	n.ids["second gateway"] = n.create(nativeResource{name: "second gateway", typ: "AWS::EC2::InternetGateway", desired: object{}})
	named := nativeResource{name: "named", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupName": "named", "GroupDescription": "named", "VpcId": "${vpc}"}}
	n.know(named, n.create(named))
	for _, c := range []struct {
		typ     string
		desired object
		code    types.HandlerErrorCode
		words   string
	}{
		{"AWS::EC2::SecurityGroup", named.desired, types.HandlerErrorCodeAlreadyExists, "The security group 'named' already exists for VPC '" + n.ids["vpc"] + "' (Service: Ec2, Status Code: 400"},
		{"AWS::EC2::Subnet", object{"VpcId": "${vpc}", "CidrBlock": "10.0.1.128/25"}, types.HandlerErrorCodeAlreadyExists, "The CIDR '10.0.1.128/25' conflicts with another subnet (Service: Ec2, Status Code: 400"},
		{"AWS::EC2::Route", object{"RouteTableId": "${table}", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "${second gateway}"}, types.HandlerErrorCodeInvalidRequest, "(Service: Ec2, Status Code: 400"},
		{"AWS::EC2::Route", object{"RouteTableId": "${table}", "DestinationCidrBlock": "0.0.0.0/0", "VpcPeeringConnectionId": "${peering}"}, types.HandlerErrorCodeAlreadyExists, "The route identified by 0.0.0.0/0 already exists. (Service: Ec2, Status Code: 400"},
		{"AWS::EC2::VPCGatewayAttachment", object{"VpcId": "${vpc}", "InternetGatewayId": "${second gateway}"}, types.HandlerErrorCodeInvalidRequest, "already has an internet gateway attached"},
		{"AWS::ElasticLoadBalancingV2::LoadBalancer", object{"Name": "inner", "Scheme": "internal", "Subnets": []string{"${subnet}", "${third subnet}"}}, types.HandlerErrorCodeAlreadyExists,
			"A load balancer with the same name 'inner' exists, but with different settings (Service: ElasticLoadBalancingV2, Status Code: 400"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"LoadBalancerArn": "${balancer}", "Port": 80, "Protocol": "HTTP", "DefaultActions": []object{{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "404"}}}},
			types.HandlerErrorCodeAlreadyExists, "A listener already exists on this port for this load balancer '" + n.ids["balancer"] + "' (Service: ElasticLoadBalancingV2, Status Code: 400"},
	} {
		n.failed(c.typ+" "+n.fill(c.desired), n.creating(c.typ, c.desired), c.code, c.words)
	}
	// A function that changed has another version.
	n.laterVersion(resources)
}

// quick is a list of so many rules.
func quick(rules int) []object {
	out := make([]object, rules)
	for i := range out {
		out[i] = object{"IpProtocol": "tcp", "FromPort": i + 1, "ToPort": i + 1, "CidrIp": "10.0.0.0/8"}
	}
	return out
}

// TestCloudControlCodes sees each code of a handler that a client can bring about.
func TestCloudControlCodes(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "codes")
	n := &native{t, a, map[string]string{}, map[string]bool{}}
	have := func(name, typ string, desired object) {
		r := nativeResource{name: name, typ: typ, desired: desired}
		n.know(r, n.create(r))
	}
	have("vpc", "AWS::EC2::VPC", object{"CidrBlock": "10.0.0.0/16"})
	have("subnet", "AWS::EC2::Subnet", object{"VpcId": "${vpc}", "CidrBlock": "10.0.0.0/24", "AvailabilityZone": region + "a"})
	have("other subnet", "AWS::EC2::Subnet", object{"VpcId": "${vpc}", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": region + "b"})
	have("balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", object{"Name": "kept", "Scheme": "internal", "Subnets": []string{"${subnet}", "${other subnet}"},
		"LoadBalancerAttributes": []object{{"Key": "deletion_protection.enabled", "Value": "true"}}})
	have("service", "AWS::VpcLattice::Service", object{"Name": "codes"})
	have("network", "AWS::VpcLattice::ServiceNetwork", object{"Name": "codes"})
	have("offer", "AWS::VpcLattice::ServiceNetworkServiceAssociation", object{"ServiceNetworkIdentifier": "${network}", "ServiceIdentifier": "${service}"})
	listener := func(port int) object {
		return object{"ServiceIdentifier": "${service}", "Name": fmt.Sprintf("port-%d", port), "Port": port, "Protocol": "HTTP", "DefaultAction": object{"FixedResponse": object{"StatusCode": 404}}}
	}
	have("first listener", "AWS::VpcLattice::Listener", listener(80))
	have("second listener", "AWS::VpcLattice::Listener", listener(81))
	have("organization", "AWS::Organizations::Organization", object{"FeatureSet": "CONSOLIDATED_BILLING"})
	organization, err := n.get("AWS::Organizations::Organization", n.ids["organization"])
	if err != nil {
		t.Fatal(err)
	}
	have("unit", "AWS::Organizations::OrganizationalUnit", object{"Name": "outer", "ParentId": organization["RootId"]})
	have("inner unit", "AWS::Organizations::OrganizationalUnit", object{"Name": "inner", "ParentId": "${unit}"})

	deletion := func(typ, name string) func() *types.ProgressEvent {
		return func() *types.ProgressEvent { return n.deleting(typ, n.ids[name]) }
	}
	creation := func(typ string, desired object) func() *types.ProgressEvent {
		return func() *types.ProgressEvent { return n.creating(typ, desired) }
	}
	change := func(typ, name string, patch []object) func() *types.ProgressEvent {
		return func() *types.ProgressEvent {
			out := must(t, n.cloudcontrol.UpdateResource, &cloudcontrol.UpdateResourceInput{TypeName: &typ, Identifier: aws.String(n.ids[name]), PatchDocument: aws.String(n.fill(patch))})
			return n.ended(out.ProgressEvent, nil)
		}
	}
	for _, c := range []struct {
		name  string
		ended func() *types.ProgressEvent
		code  types.HandlerErrorCode
		words string
	}{
		{"a VPC that is too large", creation("AWS::EC2::VPC", object{"CidrBlock": "10.0.0.0/8"}), types.HandlerErrorCodeInvalidRequest, "(Service: Ec2, Status Code: 400"},
		{"a VPC in use", deletion("AWS::EC2::VPC", "vpc"), types.HandlerErrorCodeInvalidRequest, "has dependencies and cannot be deleted. (Service: Ec2, Status Code: 400"},
		{"a subnet of no VPC", creation("AWS::EC2::Subnet", object{"VpcId": "vpc-00000000000000000", "CidrBlock": "10.0.0.0/24"}), types.HandlerErrorCodeNotFound, "The vpc ID 'vpc-00000000000000000' does not exist (Service: Ec2, Status Code: 400"},
		{"a function without a role", creation("AWS::Lambda::Function", object{"Code": object{"ZipFile": "x"}, "Role": "arn:aws:iam::" + a.id + ":role/none", "Runtime": "python3.12", "Handler": "index.handler"}),
			types.HandlerErrorCodeInvalidRequest, "(Service: Lambda, Status Code: 400"},
		{"too many rules of a group", creation("AWS::EC2::SecurityGroup", object{"GroupDescription": "many", "VpcId": "${vpc}", "SecurityGroupIngress": quick(61)}), types.HandlerErrorCodeServiceLimitExceeded,
			"The maximum number of rules per security group has been reached. (Service: Ec2, Status Code: 400"},
		{"too many listeners", creation("AWS::VpcLattice::Listener", listener(82)), types.HandlerErrorCodeServiceLimitExceeded, "(Service: VpcLattice, Status Code: 402"},
		{"a service in use", deletion("AWS::VpcLattice::Service", "service"), types.HandlerErrorCodeInvalidRequest, "associated (Service: VpcLattice, Status Code: 409"},
		{"a network in use", deletion("AWS::VpcLattice::ServiceNetwork", "network"), types.HandlerErrorCodeInvalidRequest, "associated (Service: VpcLattice, Status Code: 409"},
		{"a protected load balancer", deletion("AWS::ElasticLoadBalancingV2::LoadBalancer", "balancer"), types.HandlerErrorCodeInvalidRequest,
			"cannot be deleted because deletion protection is enabled (Service: ElasticLoadBalancingV2, Status Code: 400"},
		{"a unit that is not empty", deletion("AWS::Organizations::OrganizationalUnit", "unit"), types.HandlerErrorCodeInvalidRequest, "The specified OU is not empty."},
		{"an organization that is not empty", deletion("AWS::Organizations::Organization", "organization"), types.HandlerErrorCodeInvalidRequest, "(Service: Organizations, Status Code: 400"},
		{"all features", change("AWS::Organizations::Organization", "organization", put("FeatureSet", "ALL")), types.HandlerErrorCodeInvalidRequest,
			"Update between ALL and CONSOLIDATED_BILLING feature set mode is not supported."},
		{"a network of none", deletion("AWS::EC2::VPC", "no such"), types.HandlerErrorCodeNotFound, "Resource of type 'AWS::EC2::VPC' with identifier 'vpc-00000000000000000' was not found."},
	} {
		n.ids["no such"] = "vpc-00000000000000000"
		n.failed(c.name, c.ended(), c.code, c.words)
	}
	n.powerless()
	n.unlistable()
	// What keeps the load balancer goes.
	if err := n.update(nativeResource{name: "balancer", typ: "AWS::ElasticLoadBalancingV2::LoadBalancer"}, put("LoadBalancerAttributes", []object{{"Key": "deletion_protection.enabled", "Value": "false"}})); err != nil {
		t.Error(err)
	}
}

// powerless asks with a role that may do nothing, of which each API's refusal has its own status.
func (n *native) powerless() {
	n.Helper()
	role := aws.ToString(must(n.T, n.iam.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("powerless"),
		AssumeRolePolicyDocument: aws.String(n.fill(trust("cloudformation.amazonaws.com")))}).Role.Arn)
	for typ, words := range map[string]string{"AWS::EC2::InternetGateway": "(Service: Ec2, Status Code: 403", "AWS::VpcLattice::Service": "(Service: VpcLattice, Status Code: 403",
		"AWS::Logs::LogGroup": "(Service: CloudWatchLogs, Status Code: 400", "AWS::RAM::ResourceShare": "(Service: Ram, Status Code: 403"} {
		in := &cloudcontrol.CreateResourceInput{TypeName: &typ, DesiredState: aws.String(`{}`), RoleArn: &role}
		if typ == "AWS::RAM::ResourceShare" {
			in.DesiredState = aws.String(`{"Name":"powerless"}`)
		}
		n.failed(typ+" without permission", n.ended(must(n.T, n.cloudcontrol.CreateResource, in).ProgressEvent, nil), types.HandlerErrorCodeAccessDenied, words)
	}
	_, err := n.cloudcontrol.GetResource(n.Context(), &cloudcontrol.GetResourceInput{TypeName: aws.String("AWS::EC2::VPC"), Identifier: aws.String(n.ids["vpc"]), RoleArn: &role})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" || !strings.Contains(err.Error(), "(HandlerErrorCode: AccessDenied, RequestToken: ") {
		n.Errorf("a read without permission: %v", err)
	}
}

// unlistable asks for listings by what is no model to list by.
func (n *native) unlistable() {
	n.Helper()
	absent := strings.Replace(n.ids["balancer"], ":loadbalancer/", ":listener/", 1) + "/0000000000000000"
	for _, c := range []struct {
		typ         string
		by          object
		code, words string
	}{
		{"AWS::ElasticLoadBalancingV2::Listener", nil, "InvalidRequestException", "Required property: [LoadBalancerArn] or [ListenerArns]"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"ListenerArns": []string{}}, "InvalidRequestException", "Required property: [LoadBalancerArn] or [ListenerArns]"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"LoadBalancerArn": "${balancer}", "ListenerArns": []string{absent}}, "ValidationException", "#: 2 subschemas matched instead of one"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"ListenerArns": absent}, "ValidationException", "#/ListenerArns: expected type: JSONArray, found: String"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"ListenerArns": []any{7}}, "ValidationException", "#/ListenerArns/0: expected type: String, found: Integer"},
		{"AWS::ElasticLoadBalancingV2::Listener", object{"ListenerArns": []string{absent}}, "ResourceNotFoundException", "(HandlerErrorCode: NotFound, RequestToken: "},
		{"AWS::ElasticLoadBalancingV2::ListenerRule", object{"ListenerArn": []string{absent}}, "ValidationException", "#/ListenerArn: expected type: String, found: JSONArray"},
		{"AWS::EC2::Route", object{}, "InvalidRequestException", "Required property: [RouteTableId]"},
		{"AWS::VpcLattice::Rule", object{"ServiceIdentifier": "${service}"}, "InvalidRequestException", "Required property: [ListenerIdentifier]"},
		{"AWS::VpcLattice::Listener", object{"ServiceIdentifier": "${network}"}, "ValidationException", "#/ServiceIdentifier: failed validation constraint for keyword [pattern]"},
		{"AWS::VpcLattice::ServiceNetworkVpcAssociation", object{"VpcIdentifier": "vpc"}, "ValidationException", "#/VpcIdentifier: "},
	} {
		_, err := n.listing(c.typ, c.by)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.code || !strings.Contains(api.ErrorMessage(), c.words) {
			n.Errorf("%s by %s: %v, want %s: %s", c.typ, n.fill(c.by), err, c.code, c.words)
		}
	}
}

// TestCloudControlLists holds the resources of the tests to being listed by every property that their types can be listed by.
func TestCloudControlLists(t *testing.T) {
	all := slices.Concat(nativeResources("111122223333"), nativeUnits("r-0000"), []nativeResource{nativeLayer("111122223333"), nativeLayerPermission()})
	for i := range schema.Types {
		s := &schema.Types[i]
		for _, p := range s.ListBy.Properties {
			if !slices.ContainsFunc(all, func(r nativeResource) bool {
				return r.typ == s.Name && slices.ContainsFunc(r.lists, func(by object) bool { return by[p.Name] != nil })
			}) {
				t.Errorf("nothing lists %s by %s", s.Name, p.Name)
			}
		}
	}
}
