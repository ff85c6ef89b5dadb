package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

// object is a resource's model, or a part of one.
type object = map[string]any

// nativeResource is one resource as pulumi-aws-native takes it through its life.
type nativeResource struct {
	name, typ string
	desired   object
	// change is a JSON Patch that changes it in place, and shows what must be seen afterwards.
	change []object
	shows  object
	// fixed is a create-only property with a value it does not have.
	fixed object
	// refused is a property with a value it does not have, which its schema lets change and its API does not.
	refused object
	// list is the model a listing needs; unlisted types have none.
	list     object
	unlisted bool
	// kept resources cannot be deleted, or go with another.
	kept bool
}

// native is an account's Cloud Control, used as pulumi-aws-native uses it.
type native struct {
	*testing.T
	*account
	ids map[string]string
}

// fill puts the identifiers of other resources in the place of ${name}.
func (n *native) fill(v any) string {
	n.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		n.Fatal(err)
	}
	text := string(raw)
	for name, id := range n.ids {
		quoted, err := json.Marshal(id)
		if err != nil {
			n.Fatal(err)
		}
		text = strings.ReplaceAll(text, "${"+name+"}", strings.Trim(string(quoted), `"`))
	}
	return text
}

// follow asks until a request has ended.
func (n *native) follow(event *types.ProgressEvent, err error) (*types.ProgressEvent, error) {
	n.Helper()
	for err == nil && (event.OperationStatus == types.OperationStatusInProgress || event.OperationStatus == types.OperationStatusPending) {
		out, problem := n.cloudcontrol.GetResourceRequestStatus(n.Context(), &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err = problem; err == nil {
			event = out.ProgressEvent
		}
	}
	if err == nil && event.OperationStatus != types.OperationStatusSuccess {
		err = fmt.Errorf("%s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
	}
	return event, err
}

func (n *native) create(r nativeResource) string {
	n.Helper()
	in := &cloudcontrol.CreateResourceInput{TypeName: &r.typ, DesiredState: aws.String(n.fill(r.desired)), ClientToken: aws.String(uuid.NewString())}
	out, err := n.cloudcontrol.CreateResource(n.Context(), in)
	if err != nil {
		n.Fatalf("%s: %v", r.name, err)
	}
	event, err := n.follow(out.ProgressEvent, nil)
	if err != nil {
		n.Fatalf("create %s: %v", r.name, err)
	}
	// A client that did not hear the answer asks again.
	again := must(n.T, n.cloudcontrol.CreateResource, in)
	if aws.ToString(again.ProgressEvent.RequestToken) != aws.ToString(event.RequestToken) {
		n.Errorf("%s: the same token is another request", r.name)
	}
	return aws.ToString(event.Identifier)
}

func (n *native) get(typ, id string) (object, error) {
	out, err := n.cloudcontrol.GetResource(n.Context(), &cloudcontrol.GetResourceInput{TypeName: &typ, Identifier: &id})
	if err != nil {
		return nil, err
	}
	var m object
	return m, json.Unmarshal([]byte(aws.ToString(out.ResourceDescription.Properties)), &m)
}

func (n *native) update(r nativeResource, patch []object) error {
	id := n.ids[r.name]
	out, err := n.cloudcontrol.UpdateResource(n.Context(), &cloudcontrol.UpdateResourceInput{TypeName: &r.typ, Identifier: &id, PatchDocument: aws.String(n.fill(patch)),
		ClientToken: aws.String(uuid.NewString())})
	if err != nil {
		return err
	}
	_, err = n.follow(out.ProgressEvent, nil)
	return err
}

// within reports what want has and have has not.
func within(want, have any) bool {
	w, ok := want.(object)
	if !ok {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(have)
		return string(a) == string(b)
	}
	h, _ := have.(object)
	for name, value := range w {
		if !within(value, h[name]) {
			return false
		}
	}
	return true
}

// show holds a resource's properties to what is wanted of them.
func (n *native) show(r nativeResource, want object) {
	n.Helper()
	have, err := n.get(r.typ, n.ids[r.name])
	if err != nil {
		n.Errorf("read %s: %v", r.name, err)
		return
	}
	var filled object
	if err := json.Unmarshal([]byte(n.fill(want)), &filled); err != nil {
		n.Fatal(err)
	}
	if !within(filled, have) {
		n.Errorf("%s shows %v, want %v", r.name, have, filled)
	}
}

// life takes resources from creation to their end, those last that others need.
func (n *native) life(resources []nativeResource) {
	n.Helper()
	for _, r := range resources {
		n.ids[r.name] = n.create(r)
		// What is named by an ARN is named by its id too.
		n.ids["id of "+r.name] = n.ids[r.name][strings.LastIndex(n.ids[r.name], "/")+1:]
		n.listed(r, true)
		if r.shows != nil && r.change == nil {
			n.show(r, r.shows)
		}
	}
	for _, r := range resources {
		if r.change != nil {
			if err := n.update(r, r.change); err != nil {
				n.Errorf("update %s: %v", r.name, err)
			}
			n.show(r, r.shows)
			// The same patch again changes nothing and fails nothing.
			if err := n.update(r, r.change); err != nil {
				n.Errorf("update %s again: %v", r.name, err)
			}
			n.show(r, r.shows)
		}
		for name, value := range r.fixed {
			err := n.update(r, []object{{"op": "add", "path": "/" + name, "value": value}})
			var not *types.NotUpdatableException
			if !errors.As(err, &not) {
				n.Errorf("%s: %s changed with %v", r.name, name, err)
			}
		}
		for name, value := range r.refused {
			if err := n.update(r, put(name, value)); err == nil || !strings.HasPrefix(err.Error(), "InvalidRequest: ") {
				n.Errorf("%s: %s changed with %v", r.name, name, err)
			}
		}
	}
	for i := len(resources) - 1; i >= 0; i-- {
		r := resources[i]
		if r.kept {
			continue
		}
		n.remove(r)
	}
}

// remove deletes a resource, which is not there afterwards.
func (n *native) remove(r nativeResource) {
	n.Helper()
	id := n.ids[r.name]
	// The provider tries again what was throttled, and nothing else.
	deletion := &cloudcontrol.DeleteResourceInput{TypeName: &r.typ, Identifier: &id, ClientToken: aws.String(uuid.NewString())}
	if event, err := n.follow(must(n.T, n.cloudcontrol.DeleteResource, deletion).ProgressEvent, nil); err != nil {
		n.Fatalf("delete %s: %s: %v", r.name, event.ErrorCode, err)
	}
	_, err := n.get(r.typ, id)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" {
		n.Errorf("%s %s after its end: %v", r.name, id, err)
	}
	n.listed(r, false)
	event, err := n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: &r.typ, Identifier: &id}).ProgressEvent, nil)
	if err == nil || event.ErrorCode != types.HandlerErrorCodeNotFound {
		n.Errorf("%s deleted twice: %v", r.name, err)
	}
}

// listed holds a listing to having the resource, or not.
func (n *native) listed(r nativeResource, want bool) {
	n.Helper()
	if r.unlisted {
		return
	}
	in := &cloudcontrol.ListResourcesInput{TypeName: &r.typ}
	if r.list != nil {
		in.ResourceModel = aws.String(n.fill(r.list))
	}
	found := false
	for p := cloudcontrol.NewListResourcesPaginator(n.cloudcontrol, in); p.HasMorePages(); {
		page, err := p.NextPage(n.Context())
		if err != nil {
			// What the listing is about may be gone with it.
			if want {
				n.Errorf("list %s: %v", r.name, err)
			}
			return
		}
		for _, d := range page.ResourceDescriptions {
			found = found || aws.ToString(d.Identifier) == n.ids[r.name]
		}
	}
	if found != want {
		n.Errorf("the listing of %s has %s: %t", r.typ, r.name, found)
	}
}

func tag(key, value string) []object { return []object{{"Key": key, "Value": value}} }

func put(name string, value any) []object {
	return []object{{"op": "add", "path": "/" + name, "value": value}}
}

func trust(service string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": object{"Service": service}}}}
}

func allow(action string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Action": action, "Resource": "*"}}}
}

// welcome is an auth policy that differs by its name.
func welcome(name string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Sid": name, "Effect": "Allow", "Principal": "*", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}}}
}

// lend lets one of two accounts use a service network.
func lend(to int, network string) object {
	return object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Principal": object{"AWS": []string{"111122223333", "444455556666"}[to]},
		"Action":   []string{"vpc-lattice:CreateServiceNetworkServiceAssociation", "vpc-lattice:CreateServiceNetworkVpcAssociation", "vpc-lattice:GetServiceNetwork"},
		"Resource": network}}}
}

// memberAccount takes an account of the organization through its life. To delete it is to close it: it is still there to be read.
func (n *native) memberAccount(root string) {
	n.Helper()
	const typ = "AWS::Organizations::Account"
	unit := n.create(nativeResource{name: "place", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "place", "ParentId": root}})
	member := nativeResource{name: "member", typ: typ, desired: object{"AccountName": "native member", "Email": "member@example.com", "ParentIds": []string{unit}, "Tags": tag("Stage", "one")}}
	n.ids["member"] = n.create(member)
	n.listed(member, true)
	n.show(member, object{"AccountName": "native member", "Email": "member@example.com", "ParentIds": []string{unit}, "Tags": tag("Stage", "one"), "Status": "ACTIVE"})
	for _, step := range []struct {
		change []object
		shows  object
	}{
		{put("Tags", tag("Stage", "two")), object{"Tags": tag("Stage", "two"), "ParentIds": []string{unit}}},
		{put("ParentIds", []string{root}), object{"ParentIds": []string{root}}},
		{put("ParentIds", []string{unit}), object{"ParentIds": []string{unit}}},
		{[]object{{"op": "remove", "path": "/ParentIds"}}, object{"ParentIds": []string{root}}},
	} {
		if err := n.update(member, step.change); err != nil {
			n.Errorf("%v: %v", step.change, err)
		}
		n.show(member, step.shows)
	}
	for _, change := range [][]object{put("AccountName", "other"), put("Email", "other@example.com"), put("RoleName", "Other"), put("ParentIds", []string{root, unit})} {
		if err := n.update(member, change); err == nil || !strings.HasPrefix(err.Error(), "InvalidRequest: ") {
			n.Errorf("%v: %v", change, err)
		}
	}
	id := n.ids["member"]
	for _, want := range []types.HandlerErrorCode{"", types.HandlerErrorCodeNotFound} {
		event, _ := n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: aws.String(typ), Identifier: &id}).ProgressEvent, nil)
		if event.ErrorCode != want {
			n.Errorf("closed with %q: %s, want %q", event.ErrorCode, aws.ToString(event.StatusMessage), want)
		}
	}
	n.show(member, object{"Status": "SUSPENDED"})
}

// refusals are of what other resources need, and of what only S3 could hold.
func (n *native) refusals() {
	n.Helper()
	vpc := n.create(nativeResource{name: "held", typ: "AWS::EC2::VPC", desired: object{"CidrBlock": "10.7.0.0/16"}})
	n.create(nativeResource{name: "holder", typ: "AWS::EC2::Subnet", desired: object{"VpcId": vpc, "CidrBlock": "10.7.0.0/24"}})
	event, _ := n.follow(must(n.T, n.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: aws.String("AWS::EC2::VPC"), Identifier: &vpc}).ProgressEvent, nil)
	if event.ErrorCode != types.HandlerErrorCodeInvalidRequest || !strings.Contains(aws.ToString(event.StatusMessage), "has dependencies and cannot be deleted. (Service: EC2, Status Code: 400") {
		n.Errorf("a VPC with a subnet: %s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
	}
	event, _ = n.follow(must(n.T, n.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::Lambda::LayerVersion"),
		DesiredState: aws.String(`{"LayerName":"native","Content":{"S3Bucket":"bucket","S3Key":"key"}}`)}).ProgressEvent, nil)
	if event.ErrorCode != types.HandlerErrorCodeInvalidRequest || !strings.Contains(aws.ToString(event.StatusMessage), "NoSuchBucket") {
		n.Errorf("a layer from S3: %s: %s", event.ErrorCode, aws.ToString(event.StatusMessage))
	}
}

// layers are published by Lambda itself, since the type takes them from S3 alone.
func (n *native) layers() {
	n.Helper()
	published := must(n.T, n.lambda.PublishLayerVersion, &lambda.PublishLayerVersionInput{LayerName: aws.String("native"), Description: aws.String("a layer"),
		Content: &lambdatypes.LayerVersionContentInput{ZipFile: archive(n.T)}})
	layer := nativeResource{name: "layer", typ: "AWS::Lambda::LayerVersion", list: object{"LayerName": "native"}}
	n.ids["layer"] = aws.ToString(published.LayerVersionArn)
	n.listed(layer, true)
	n.show(layer, object{"LayerName": "native", "LayerVersionArn": "${layer}", "Description": "a layer"})
	var cannot *types.UnsupportedActionException
	if err := n.update(layer, put("Description", "another")); !errors.As(err, &cannot) {
		n.Errorf("a layer changed with %v", err)
	}
	n.life([]nativeResource{
		{name: "layer permission", typ: "AWS::Lambda::LayerVersionPermission", desired: object{"LayerVersionArn": "${layer}", "Action": "lambda:GetLayerVersion", "Principal": "*"},
			shows: object{"LayerVersionArn": "${layer}", "Action": "lambda:GetLayerVersion", "Principal": "*"}, list: object{"LayerVersionArn": "${layer}"}},
	})
	n.remove(layer)
}

// TestCloudControlTypes takes every type through the calls that pulumi-aws-native makes: create, read, list, update in place, the
// refusal that makes it replace, tag, import by identifier, delete.
func TestCloudControlTypes(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "native")
	n := &native{t, a, map[string]string{}}
	reading := object{"Effect": "Allow", "Action": []string{"vpc-lattice:GetService"}}
	tagged := func(value string) object { return object{"Tags": tag("Stage", value)} }
	n.life([]nativeResource{
		{name: "vpc", typ: "AWS::EC2::VPC", desired: object{"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": true, "Tags": tag("Stage", "one")},
			change: append(put("Tags", tag("Stage", "two")), object{"op": "replace", "path": "/EnableDnsHostnames", "value": false}),
			shows:  object{"Tags": tag("Stage", "two"), "EnableDnsHostnames": false, "EnableDnsSupport": true, "CidrBlock": "10.0.0.0/16", "InstanceTenancy": "default"},
			fixed:  object{"CidrBlock": "10.1.0.0/16"}},
		{name: "peer", typ: "AWS::EC2::VPC", desired: object{"CidrBlock": "10.9.0.0/16"}},
		{name: "subnet", typ: "AWS::EC2::Subnet", desired: object{"VpcId": "${vpc}", "CidrBlock": "10.0.0.0/24", "AvailabilityZone": region + "a"},
			change: append(put("MapPublicIpOnLaunch", true), put("Tags", tag("Stage", "two"))...), shows: object{"MapPublicIpOnLaunch": true, "Tags": tag("Stage", "two"), "VpcId": "${vpc}"},
			fixed: object{"CidrBlock": "10.0.1.0/24"}},
		{name: "other subnet", typ: "AWS::EC2::Subnet", desired: object{"VpcId": "${vpc}", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": region + "b"}},
		{name: "gateway", typ: "AWS::EC2::InternetGateway", desired: object{}, change: put("Tags", tag("Stage", "two")), shows: tagged("two")},
		{name: "attachment", typ: "AWS::EC2::VPCGatewayAttachment", desired: object{"VpcId": "${vpc}", "InternetGatewayId": "${gateway}"},
			shows: object{"VpcId": "${vpc}", "InternetGatewayId": "${gateway}", "AttachmentType": "IGW"}},
		{name: "peering", typ: "AWS::EC2::VPCPeeringConnection", desired: object{"VpcId": "${vpc}", "PeerVpcId": "${peer}"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "VpcId": "${vpc}", "PeerVpcId": "${peer}"}, fixed: object{"PeerVpcId": "${vpc}"}},
		{name: "table", typ: "AWS::EC2::RouteTable", desired: object{"VpcId": "${vpc}", "Tags": tag("Stage", "one")},
			change: put("Tags", tag("Stage", "two")), shows: tagged("two"), fixed: object{"VpcId": "${peer}"}},
		{name: "route", typ: "AWS::EC2::Route", desired: object{"RouteTableId": "${table}", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "${gateway}"},
			shows: object{"RouteTableId": "${table}", "CidrBlock": "0.0.0.0/0", "GatewayId": "${gateway}"}, list: object{"RouteTableId": "${table}"}},
		{name: "association", typ: "AWS::EC2::SubnetRouteTableAssociation", desired: object{"RouteTableId": "${table}", "SubnetId": "${subnet}"},
			shows: object{"RouteTableId": "${table}", "SubnetId": "${subnet}"}},
		{name: "group", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupDescription": "open", "VpcId": "${vpc}",
			"SecurityGroupIngress": []object{{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.0.0.0/8"}}},
			change: append(put("Tags", tag("Stage", "two")), put("SecurityGroupIngress", []object{{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8", "Description": "tls"}})...),
			shows: object{"Tags": tag("Stage", "two"), "GroupDescription": "open", "VpcId": "${vpc}",
				"SecurityGroupIngress": []object{{"CidrIp": "10.0.0.0/8", "Description": "tls", "FromPort": 443, "IpProtocol": "tcp", "ToPort": 443}},
				"SecurityGroupEgress":  []object{{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1}}},
			fixed: object{"GroupDescription": "closed"}},
		{name: "ruled", typ: "AWS::EC2::SecurityGroup", desired: object{"GroupDescription": "by rules", "VpcId": "${vpc}"}},
		{name: "ingress", typ: "AWS::EC2::SecurityGroupIngress", desired: object{"GroupId": "${ruled}", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"},
			change: put("Description", "shell"), shows: object{"Description": "shell", "CidrIp": "10.0.0.0/8", "GroupId": "${ruled}"}, fixed: object{"FromPort": 23}},
		{name: "egress", typ: "AWS::EC2::SecurityGroupEgress", desired: object{"GroupId": "${ruled}", "IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIp": "10.0.0.2/32"},
			change: put("Description", "names"), shows: object{"Description": "names", "IpProtocol": "udp"}, fixed: object{"CidrIp": "10.0.0.3/32"}},

		{name: "role", typ: "AWS::IAM::Role", desired: object{"RoleName": "worker", "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
			"Policies": []object{{"PolicyName": "inner", "PolicyDocument": allow("logs:*")}}},
			change: append(put("Description", "works"), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Description": "works", "Tags": tag("Stage", "two"), "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "MaxSessionDuration": 3600, "Path": "/"},
			fixed:  object{"RoleName": "idler"}},
		{name: "role policy", typ: "AWS::IAM::RolePolicy", desired: object{"RoleName": "${role}", "PolicyName": "own", "PolicyDocument": allow("s3:*")},
			change: put("PolicyDocument", allow("ec2:*")), shows: object{"PolicyDocument": allow("ec2:*")}, fixed: object{"PolicyName": "other"}, unlisted: true},
		{name: "managed policy", typ: "AWS::IAM::ManagedPolicy", desired: object{"ManagedPolicyName": "may", "PolicyDocument": allow("s3:*"), "Roles": []string{"${role}"}},
			change: put("PolicyDocument", allow("ec2:*")), shows: object{"PolicyDocument": allow("ec2:*"), "Roles": []string{"${role}"}}, fixed: object{"ManagedPolicyName": "must"}},

		{name: "log group", typ: "AWS::Logs::LogGroup", desired: object{"LogGroupName": "native", "RetentionInDays": 7},
			change: append(put("RetentionInDays", 30), put("Tags", tag("Stage", "two"))...), shows: object{"RetentionInDays": 30, "Tags": tag("Stage", "two")}, fixed: object{"LogGroupName": "other"}},

		{name: "balancer", typ: "AWS::ElasticLoadBalancingV2::LoadBalancer", desired: object{"Name": "inner", "Scheme": "internal", "Type": "application",
			"Subnets": []string{"${subnet}", "${other subnet}"}, "SecurityGroups": []string{"${group}"}},
			change: append(put("Tags", tag("Stage", "two")), put("LoadBalancerAttributes", []object{{"Key": "idle_timeout.timeout_seconds", "Value": "30"}})...),
			shows:  object{"Tags": tag("Stage", "two"), "Name": "inner", "Scheme": "internal", "SecurityGroups": []string{"${group}"}}, fixed: object{"Scheme": "internet-facing"}},
		{name: "targets", typ: "AWS::ElasticLoadBalancingV2::TargetGroup", desired: object{"Name": "behind", "TargetType": "ip", "Protocol": "HTTP", "Port": 80, "VpcId": "${vpc}",
			"Targets": []object{{"Id": "10.0.0.9", "Port": 80}}},
			change: append(put("HealthCheckPath", "/health"), put("Tags", tag("Stage", "two"))...),
			shows:  object{"HealthCheckPath": "/health", "Tags": tag("Stage", "two"), "Port": 80}, fixed: object{"Port": 81}},
		{name: "balancer listener", typ: "AWS::ElasticLoadBalancingV2::Listener", desired: object{"LoadBalancerArn": "${balancer}", "Port": 80, "Protocol": "HTTP",
			"DefaultActions": []object{{"Type": "forward", "TargetGroupArn": "${targets}"}}},
			change: put("Port", 8080), shows: object{"Port": 8080, "LoadBalancerArn": "${balancer}"}, fixed: object{"LoadBalancerArn": "${targets}"}, list: object{"LoadBalancerArn": "${balancer}"}},
		{name: "balancer rule", typ: "AWS::ElasticLoadBalancingV2::ListenerRule", desired: object{"ListenerArn": "${balancer listener}", "Priority": 5,
			"Actions":    []object{{"Type": "fixed-response", "FixedResponseConfig": object{"StatusCode": "404"}}},
			"Conditions": []object{{"Field": "path-pattern", "PathPatternConfig": object{"Values": []string{"/a"}}}}},
			change: put("Priority", 7), shows: object{"Priority": 7, "IsDefault": false}, list: object{"ListenerArn": "${balancer listener}"}},

		{name: "function", typ: "AWS::Lambda::Function", desired: object{"FunctionName": "native", "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::" + a.id + ":role/worker",
			"Code": object{"ZipFile": "def handler(event, context): return event"}, "Environment": object{"Variables": object{"AB": "1"}}},
			change: []object{{"op": "add", "path": "/Code", "value": object{"ZipFile": "def handler(event, context): return 2"}}, {"op": "add", "path": "/Timeout", "value": 9},
				{"op": "add", "path": "/Tags", "value": tag("Stage", "two")}},
			shows: object{"Timeout": 9, "Tags": tag("Stage", "two"), "Environment": object{"Variables": object{"AB": "1"}}, "MemorySize": 128}, fixed: object{"FunctionName": "other"}},
		{name: "version", typ: "AWS::Lambda::Version", desired: object{"FunctionName": "${function}"}, shows: object{"Version": "1", "FunctionName": "${function}"}, list: object{"FunctionName": "${function}"}},
		{name: "alias", typ: "AWS::Lambda::Alias", desired: object{"FunctionName": "${function}", "Name": "live", "FunctionVersion": "1"},
			change: put("Description", "in use"), shows: object{"Description": "in use", "FunctionVersion": "1", "Name": "live", "FunctionName": "${function}"}, fixed: object{"Name": "dead"},
			list: object{"FunctionName": "${function}"}},
		{name: "permission", typ: "AWS::Lambda::Permission", desired: object{"FunctionName": "${function}", "Action": "lambda:InvokeFunction", "Principal": "elasticloadbalancing.amazonaws.com",
			"SourceArn": "${targets}"}, shows: object{"Action": "lambda:InvokeFunction", "Principal": "elasticloadbalancing.amazonaws.com", "SourceArn": "${targets}"},
			list: object{"FunctionName": "${function}"}},

		{name: "share", typ: "AWS::RAM::ResourceShare", desired: object{"Name": "things", "AllowExternalPrincipals": true},
			change: append(put("Name", "more things"), put("Tags", tag("Stage", "two"))...), shows: object{"Name": "more things", "Tags": tag("Stage", "two"), "Status": "ACTIVE"}},
		{name: "share permission", typ: "AWS::RAM::Permission", desired: object{"Name": "reader", "ResourceType": "vpc-lattice:Service", "PolicyTemplate": reading, "Tags": tag("Stage", "one")},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "Name": "reader", "ResourceType": "vpc-lattice:Service", "Version": "1",
				"IsResourceTypeDefault": false, "PermissionType": "CUSTOMER_MANAGED", "PolicyTemplate": reading}, fixed: object{"PolicyTemplate": object{"Effect": "Allow", "Action": []string{"vpc-lattice:CreateServiceNetworkServiceAssociation"}}}},

		{name: "network", typ: "AWS::VpcLattice::ServiceNetwork", desired: object{"Name": "native", "AuthType": "AWS_IAM", "Tags": tag("Stage", "one")},
			change: append(put("AuthType", "NONE"), put("Tags", tag("Stage", "two"))...), shows: object{"AuthType": "NONE", "Tags": tag("Stage", "two"), "Name": "native"}, fixed: object{"Name": "other"}},
		{name: "service", typ: "AWS::VpcLattice::Service", desired: object{"Name": "native"},
			change: append(put("AuthType", "AWS_IAM"), put("Tags", tag("Stage", "two"))...), shows: object{"AuthType": "AWS_IAM", "Tags": tag("Stage", "two"), "Status": "ACTIVE"},
			fixed: object{"CustomDomainName": "native.example.com"}},
		{name: "offer", typ: "AWS::VpcLattice::ServiceNetworkServiceAssociation", desired: object{"ServiceNetworkIdentifier": "${network}", "ServiceIdentifier": "${service}"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ServiceArn": "${service}", "ServiceNetworkArn": "${network}", "Status": "ACTIVE"},
			fixed: object{"ServiceIdentifier": "svc-00000000000000000"}, list: object{"ServiceNetworkIdentifier": "${network}"}},
		{name: "entry", typ: "AWS::VpcLattice::ServiceNetworkVpcAssociation", desired: object{"ServiceNetworkIdentifier": "${network}", "VpcIdentifier": "${vpc}", "SecurityGroupIds": []string{"${group}"}},
			change: append(put("SecurityGroupIds", []string{"${ruled}"}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "SecurityGroupIds": []string{"${ruled}"}, "VpcId": "${vpc}", "Status": "ACTIVE"}, fixed: object{"VpcIdentifier": "${peer}"},
			list: object{"VpcIdentifier": "${vpc}"}},
		{name: "lattice targets", typ: "AWS::VpcLattice::TargetGroup", desired: object{"Name": "native", "Type": "IP", "Config": object{"Port": 80, "Protocol": "HTTP", "VpcIdentifier": "${vpc}"}, "Targets": []object{{"Id": "10.0.0.9", "Port": 80}}},
			change: append(put("Config/HealthCheck", object{"Enabled": true, "Path": "/up"}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "Type": "IP", "Config": object{"Port": 80, "HealthCheck": object{"Path": "/up", "Enabled": true}}, "Status": "ACTIVE"}, fixed: object{"Type": "LAMBDA"}},
		{name: "listener", typ: "AWS::VpcLattice::Listener", desired: object{"ServiceIdentifier": "${service}", "Name": "http", "Protocol": "HTTP", "DefaultAction": object{"FixedResponse": object{"StatusCode": 404}}},
			change: append(put("DefaultAction", object{"Forward": object{"TargetGroups": []object{{"TargetGroupIdentifier": "${lattice targets}", "Weight": 1}}}}), put("Tags", tag("Stage", "two"))...),
			shows:  object{"Tags": tag("Stage", "two"), "Port": 80, "Protocol": "HTTP", "ServiceArn": "${service}"}, fixed: object{"Port": 81}, list: object{"ServiceIdentifier": "${service}"}},
		{name: "rule", typ: "AWS::VpcLattice::Rule", desired: object{"ServiceIdentifier": "${service}", "ListenerIdentifier": "${listener}", "Name": "first", "Priority": 10,
			"Match": object{"HttpMatch": object{"PathMatch": object{"Match": object{"Prefix": "/a"}}}}, "Action": object{"FixedResponse": object{"StatusCode": 404}}},
			change: append(put("Priority", 20), put("Tags", tag("Stage", "two"))...), shows: object{"Tags": tag("Stage", "two"), "Priority": 20, "Name": "first"}, fixed: object{"Name": "second"},
			list: object{"ServiceIdentifier": "${service}", "ListenerIdentifier": "${listener}"}},
		{name: "resource gateway", typ: "AWS::VpcLattice::ResourceGateway", desired: object{"Name": "native", "VpcIdentifier": "${vpc}", "SubnetIds": []string{"${subnet}"},
			"SecurityGroupIds": []string{"${group}"}, "Ipv4AddressesPerEni": 2, "Tags": tag("Stage", "one")},
			change: append(put("SecurityGroupIds", []string{"${ruled}"}), put("Tags", tag("Stage", "two"))...),
			shows: object{"Name": "native", "VpcIdentifier": "${vpc}", "SubnetIds": []string{"${subnet}"}, "SecurityGroupIds": []string{"${ruled}"}, "Ipv4AddressesPerEni": 2,
				"IpAddressType": "IPV4", "ResourceConfigDnsResolution": "PUBLIC", "Tags": tag("Stage", "two")},
			fixed: object{"SubnetIds": []string{"${other subnet}"}}, refused: object{"Ipv4AddressesPerEni": 3}},
		{name: "resource", typ: "AWS::VpcLattice::ResourceConfiguration", desired: object{"Name": "native", "ResourceConfigurationType": "SINGLE", "ResourceGatewayId": "${id of resource gateway}",
			"PortRanges": []string{"5432"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}, "ResourceConfigurationAuthType": "NONE"},
			change: append(append(put("PortRanges", []string{"5432", "6000-6010"}), put("ResourceConfigurationDefinition", object{"DnsResource": object{"DomainName": "db.example.com", "IpAddressType": "IPV4"}})...),
				append(put("AllowAssociationToSharableServiceNetwork", true), put("Tags", tag("Stage", "two"))...)...),
			shows: object{"PortRanges": []string{"5432", "6000-6010"}, "ResourceConfigurationType": "SINGLE", "ProtocolType": "TCP", "AllowAssociationToSharableServiceNetwork": true,
				"ResourceConfigurationDefinition": object{"DnsResource": object{"DomainName": "db.example.com", "IpAddressType": "IPV4"}}, "Tags": tag("Stage", "two")},
			fixed: object{"ResourceConfigurationType": "GROUP"}, refused: object{"Name": "other", "ResourceConfigurationGroupId": "rcfg-00000000000000000", "PortRanges": []string{}}},
		{name: "addressed resource", typ: "AWS::VpcLattice::ResourceConfiguration", desired: object{"Name": "native-address", "ResourceConfigurationType": "SINGLE",
			"ResourceGatewayId": "${id of resource gateway}", "PortRanges": []string{"80"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}},
			shows: object{"PortRanges": []string{"80"}, "ResourceConfigurationDefinition": object{"IpResource": "10.0.0.9"}, "AllowAssociationToSharableServiceNetwork": false, "Tags": []object{}}},
		{name: "resource offer", typ: "AWS::VpcLattice::ServiceNetworkResourceAssociation", desired: object{"ServiceNetworkId": "${network}", "ResourceConfigurationId": "${id of resource}"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ServiceNetworkId": "${id of network}", "ResourceConfigurationId": "${id of resource}", "PrivateDnsEnabled": false},
			fixed: object{"PrivateDnsEnabled": true}, list: object{"ServiceNetworkId": "${network}"}},
		{name: "auth policy", typ: "AWS::VpcLattice::AuthPolicy", desired: object{"ResourceIdentifier": "${service}", "Policy": welcome("one")}, change: put("Policy", welcome("two")),
			shows: object{"Policy": welcome("two"), "State": "Active"}, fixed: object{"ResourceIdentifier": "${network}"}, unlisted: true},
		{name: "resource policy", typ: "AWS::VpcLattice::ResourcePolicy", desired: object{"ResourceArn": "${network}", "Policy": lend(0, "${network}")}, change: put("Policy", lend(1, "${network}")),
			shows: object{"Policy": lend(1, "${network}")}, fixed: object{"ResourceArn": "${service}"}, unlisted: true},
		{name: "access log", typ: "AWS::VpcLattice::AccessLogSubscription", desired: object{"ResourceIdentifier": "${service}", "DestinationArn": "arn:aws:logs:" + region + ":" + a.id + ":log-group:native:*"},
			change: put("Tags", tag("Stage", "two")), shows: object{"Tags": tag("Stage", "two"), "ResourceArn": "${service}"}, fixed: object{"ResourceIdentifier": "${network}"}, list: object{"ResourceIdentifier": "${service}"}},

		{name: "organization", typ: "AWS::Organizations::Organization", desired: object{"FeatureSet": "ALL"}, shows: object{"FeatureSet": "ALL", "ManagementAccountId": a.id}, kept: true},
	})
	organization, err := n.get("AWS::Organizations::Organization", n.ids["organization"])
	if err != nil {
		t.Fatal(err)
	}
	root := organization["RootId"].(string)
	n.life([]nativeResource{
		{name: "unit", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "one", "ParentId": root, "Tags": tag("Stage", "one")},
			change: append(put("Name", "two"), put("Tags", tag("Stage", "two"))...), shows: object{"Name": "two", "ParentId": root, "Tags": tag("Stage", "two")},
			fixed: object{"ParentId": "ou-0000-00000000"}, list: object{"ParentId": root}},
		{name: "inner unit", typ: "AWS::Organizations::OrganizationalUnit", desired: object{"Name": "inner", "ParentId": "${unit}"}, shows: object{"Name": "inner", "ParentId": "${unit}"},
			list: object{"ParentId": "${unit}"}},
	})
	n.memberAccount(root)
	n.layers()
	n.refusals()
	events := 0
	for p := cloudcontrol.NewListResourceRequestsPaginator(a.cloudcontrol, &cloudcontrol.ListResourceRequestsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events += len(page.ResourceRequestStatusSummaries)
	}
	if events < 60 {
		t.Errorf("%d requests are remembered", events)
	}
}
