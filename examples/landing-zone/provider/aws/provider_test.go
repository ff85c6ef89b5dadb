package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// cloud answers operations in the SDK's own types, from a script: an operation's answers in turn, the last one for
// ever. What the script does not hold is an error.
type cloud struct {
	mu     sync.Mutex
	script map[string][]any
	calls  []string
	inputs map[string]any
}

func refusal(code string) error { return &smithy.GenericAPIError{Code: code, Message: "as scripted"} }

func (c *cloud) provider() *Provider {
	return New(awssdk.Config{
		Region: "eu-west-1",
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("cloud",
				func(ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					out, err := c.answer(awsmiddleware.GetOperationName(ctx), in.Parameters)
					return middleware.InitializeOutput{Result: out}, middleware.Metadata{}, err
				}), middleware.After)
		}},
	})
}

func (c *cloud) answer(operation string, in any) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, operation)
	if c.inputs == nil {
		c.inputs = map[string]any{}
	}
	c.inputs[operation] = in
	answers := c.script[operation]
	if len(answers) == 0 {
		return nil, fmt.Errorf("%s is not in the script", operation)
	}
	if len(answers) > 1 {
		c.script[operation] = answers[1:]
	}
	if err, ok := answers[0].(error); ok {
		return nil, err
	}
	return answers[0], nil
}

// scenario is one type's calls from its creation to its end.
type scenario struct {
	typ            string
	inputs         engine.Properties
	script         map[string][]any
	id             string
	create, delete string
}

func str(s string) *string { return &s }

func network() []scenario {
	described := func(vpcs ...ec2types.Vpc) any { return &ec2.DescribeVpcsOutput{Vpcs: vpcs} }
	vpc := ec2types.Vpc{VpcId: str("vpc-1"), OwnerId: str("333333333333"), State: ec2types.VpcStatePending}
	available := vpc
	available.State = ec2types.VpcStateAvailable
	hostnames := func(on bool) any {
		return &ec2.DescribeVpcAttributeOutput{EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: &on}}
	}
	peering := func(code ec2types.VpcPeeringConnectionStateReasonCode) any {
		return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: []ec2types.VpcPeeringConnection{
			{VpcPeeringConnectionId: str("pcx-1"), Status: &ec2types.VpcPeeringConnectionStateReason{Code: code}}}}
	}
	tables := func(table ec2types.RouteTable) any {
		return &ec2.DescribeRouteTablesOutput{RouteTables: []ec2types.RouteTable{table}}
	}
	none := &ec2.DescribeNetworkInterfacesOutput{}
	return []scenario{
		{"aws:ec2/vpc:Vpc", engine.Properties{"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": true, "enableDnsSupport": true},
			map[string][]any{
				"CreateVpc":              {&ec2.CreateVpcOutput{Vpc: &vpc}},
				"DescribeVpcs":           {described(vpc), described(available), described(available), refusal("InvalidVpcID.NotFound")},
				"ModifyVpcAttribute":     {&ec2.ModifyVpcAttributeOutput{}},
				"DescribeVpcAttribute":   {hostnames(false), hostnames(true)},
				"DescribeNetworkAcls":    {&ec2.DescribeNetworkAclsOutput{}},
				"DescribeRouteTables":    {&ec2.DescribeRouteTablesOutput{}},
				"DescribeSecurityGroups": {&ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{GroupId: str("sg-0")}}}},
				"DeleteVpc":              {refusal("DependencyViolation"), &ec2.DeleteVpcOutput{}},
			}, "vpc-1",
			"CreateVpc DescribeVpcs DescribeVpcs ModifyVpcAttribute DescribeVpcAttribute DescribeVpcAttribute " +
				"DescribeVpcs DescribeVpcAttribute DescribeVpcAttribute DescribeVpcAttribute DescribeNetworkAcls DescribeRouteTables DescribeSecurityGroups",
			"DeleteVpc DeleteVpc DescribeVpcs"},
		{"aws:ec2/subnet:Subnet", engine.Properties{"vpcId": "vpc-1"}, map[string][]any{
			"CreateSubnet": {&ec2.CreateSubnetOutput{Subnet: &ec2types.Subnet{SubnetId: str("subnet-1")}}},
			"DescribeSubnets": {refusal("InvalidSubnetID.NotFound"),
				&ec2.DescribeSubnetsOutput{Subnets: []ec2types.Subnet{{State: ec2types.SubnetStateAvailable}}}},
			"DescribeNetworkInterfaces": {&ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{Status: ec2types.NetworkInterfaceStatusInUse}}}, none},
			"DeleteSubnet":              {&ec2.DeleteSubnetOutput{}},
		}, "subnet-1", "CreateSubnet DescribeSubnets DescribeSubnets", "DescribeNetworkInterfaces DescribeNetworkInterfaces DeleteSubnet"},
		{"aws:ec2/internetGateway:InternetGateway", engine.Properties{"vpcId": "vpc-1"}, map[string][]any{
			"CreateInternetGateway": {&ec2.CreateInternetGatewayOutput{InternetGateway: &ec2types.InternetGateway{InternetGatewayId: str("igw-1")}}},
			"AttachInternetGateway": {&ec2.AttachInternetGatewayOutput{}},
			"DescribeInternetGateways": {&ec2.DescribeInternetGatewaysOutput{InternetGateways: []ec2types.InternetGateway{
				{Attachments: []ec2types.InternetGatewayAttachment{{State: "available"}}}}}},
			"DetachInternetGateway": {&ec2.DetachInternetGatewayOutput{}},
			"DeleteInternetGateway": {&ec2.DeleteInternetGatewayOutput{}},
		}, "igw-1", "CreateInternetGateway AttachInternetGateway DescribeInternetGateways", "DetachInternetGateway DeleteInternetGateway"},
		{"aws:ec2/vpcPeeringConnection:VpcPeeringConnection", engine.Properties{"vpcId": "vpc-1", "peerVpcId": "vpc-2", "autoAccept": true},
			map[string][]any{
				"CreateVpcPeeringConnection":    {&ec2.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: &ec2types.VpcPeeringConnection{VpcPeeringConnectionId: str("pcx-1")}}},
				"DescribeVpcPeeringConnections": {peering("pending-acceptance"), peering("provisioning"), peering("active"), peering("deleting"), peering("deleted")},
				"AcceptVpcPeeringConnection":    {&ec2.AcceptVpcPeeringConnectionOutput{}},
				"DeleteVpcPeeringConnection":    {&ec2.DeleteVpcPeeringConnectionOutput{}},
			}, "pcx-1", "CreateVpcPeeringConnection DescribeVpcPeeringConnections AcceptVpcPeeringConnection DescribeVpcPeeringConnections DescribeVpcPeeringConnections",
			"DeleteVpcPeeringConnection DescribeVpcPeeringConnections DescribeVpcPeeringConnections"},
		{"aws:ec2/peeringConnectionOptions:PeeringConnectionOptions", engine.Properties{"vpcPeeringConnectionId": "pcx-1",
			"accepter": engine.Properties{"allowRemoteVpcDnsResolution": true}, "requester": engine.Properties{"allowRemoteVpcDnsResolution": true}},
			map[string][]any{
				"ModifyVpcPeeringConnectionOptions": {&ec2.ModifyVpcPeeringConnectionOptionsOutput{
					AccepterPeeringConnectionOptions: &ec2types.PeeringConnectionOptions{}, RequesterPeeringConnectionOptions: &ec2types.PeeringConnectionOptions{}}},
				"DescribeVpcPeeringConnections": {peering("active")},
			}, "pcx-1", "ModifyVpcPeeringConnectionOptions DescribeVpcPeeringConnections", ""},
		{"aws:ec2/route:Route", engine.Properties{"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
			map[string][]any{
				"CreateRoute": {&ec2.CreateRouteOutput{}},
				"DescribeRouteTables": {tables(ec2types.RouteTable{}), tables(ec2types.RouteTable{Routes: []ec2types.Route{
					{DestinationCidrBlock: str("0.0.0.0/0"), State: ec2types.RouteStateActive}}}), tables(ec2types.RouteTable{})},
				"DeleteRoute": {&ec2.DeleteRouteOutput{}},
			}, "r-rtb-11080289494", "CreateRoute DescribeRouteTables DescribeRouteTables", "DeleteRoute DescribeRouteTables"},
		{"aws:ec2/routeTableAssociation:RouteTableAssociation", engine.Properties{"routeTableId": "rtb-1", "subnetId": "subnet-1"},
			map[string][]any{
				"AssociateRouteTable": {&ec2.AssociateRouteTableOutput{AssociationId: str("rtbassoc-1")}},
				"DescribeRouteTables": {tables(ec2types.RouteTable{Associations: []ec2types.RouteTableAssociation{
					{RouteTableAssociationId: str("rtbassoc-1")}}}), tables(ec2types.RouteTable{})},
				"DisassociateRouteTable": {refusal("InvalidAssociationID.NotFound")},
			}, "rtbassoc-1", "AssociateRouteTable DescribeRouteTables", "DisassociateRouteTable DescribeRouteTables"},
		{"aws:ec2/securityGroup:SecurityGroup", engine.Properties{"name": "group", "vpcId": "vpc-1",
			"ingress": []any{engine.Properties{"protocol": "-1", "cidrBlocks": []any{"0.0.0.0/0"}, "ipv6CidrBlocks": []any{"::/0"}}},
			"egress":  []any{engine.Properties{"protocol": "tcp", "fromPort": 80.0, "toPort": 81.0, "cidrBlocks": []any{"10.0.0.0/8"}}}},
			map[string][]any{
				"CreateSecurityGroup": {&ec2.CreateSecurityGroupOutput{GroupId: str("sg-1")}},
				"DescribeSecurityGroups": {&ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{}}},
					&ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{}}}, refusal("InvalidGroup.NotFound")},
				"RevokeSecurityGroupEgress":     {&ec2.RevokeSecurityGroupEgressOutput{}, refusal("InvalidPermission.NotFound")},
				"AuthorizeSecurityGroupIngress": {&ec2.AuthorizeSecurityGroupIngressOutput{}},
				"AuthorizeSecurityGroupEgress":  {&ec2.AuthorizeSecurityGroupEgressOutput{}},
				"DescribeNetworkInterfaces":     {none},
				"DeleteSecurityGroup":           {refusal("DependencyViolation"), &ec2.DeleteSecurityGroupOutput{}},
			}, "sg-1", "CreateSecurityGroup DescribeSecurityGroups RevokeSecurityGroupEgress RevokeSecurityGroupEgress " +
				"AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress DescribeSecurityGroups",
			"DescribeNetworkInterfaces DeleteSecurityGroup DeleteSecurityGroup DescribeSecurityGroups"},
	}
}

func services() []scenario {
	balancer := func(state elbtypes.LoadBalancerStateEnum) any {
		return &elbv2.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{{State: &elbtypes.LoadBalancerState{Code: state}}}}
	}
	const balancerARN = "arn:aws:elasticloadbalancing:eu-west-1:333333333333:loadbalancer/app/lb/1"
	function := func(state lambdatypes.State, update lambdatypes.LastUpdateStatus) any {
		return &lambda.GetFunctionOutput{Configuration: &lambdatypes.FunctionConfiguration{State: state, LastUpdateStatus: update,
			VpcConfig: &lambdatypes.VpcConfigResponse{VpcId: str("vpc-1"), SubnetIds: []string{"subnet-1"}}}}
	}
	notAssumed := &lambdatypes.InvalidParameterValueException{Message: str("The role defined for the function cannot be assumed by Lambda.")}
	share := func(status ramtypes.ResourceShareStatus) any {
		return &ram.GetResourceSharesOutput{ResourceShares: []ramtypes.ResourceShare{{Status: status}}}
	}
	association := func(statuses ...ramtypes.ResourceShareAssociationStatus) any {
		out := &ram.GetResourceShareAssociationsOutput{}
		for _, status := range statuses {
			out.ResourceShareAssociations = append(out.ResourceShareAssociations, ramtypes.ResourceShareAssociation{Status: status})
		}
		return out
	}
	return []scenario{
		{"aws:lb/loadBalancer:LoadBalancer", engine.Properties{"internal": true}, map[string][]any{
			"DescribeLoadBalancers":          {refusal("LoadBalancerNotFound"), balancer("provisioning"), balancer("active")},
			"CreateLoadBalancer":             {&elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerArn: str(balancerARN)}}}},
			"ModifyLoadBalancerAttributes":   {&elbv2.ModifyLoadBalancerAttributesOutput{}},
			"DescribeLoadBalancerAttributes": {&elbv2.DescribeLoadBalancerAttributesOutput{}},
			"DescribeTags":                   {&elbv2.DescribeTagsOutput{}},
			"DeleteLoadBalancer":             {&elbv2.DeleteLoadBalancerOutput{}},
			"DescribeNetworkInterfaces": {&ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{}}},
				&ec2.DescribeNetworkInterfacesOutput{}},
		}, balancerARN, "DescribeLoadBalancers CreateLoadBalancer DescribeLoadBalancers DescribeLoadBalancers " +
			"ModifyLoadBalancerAttributes DescribeLoadBalancerAttributes DescribeTags",
			"DeleteLoadBalancer DescribeNetworkInterfaces DescribeNetworkInterfaces"},
		{"aws:lb/targetGroup:TargetGroup", engine.Properties{"targetType": "lambda"}, map[string][]any{
			"DescribeTargetGroups":          {refusal("TargetGroupNotFound"), &elbv2.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{{}}}},
			"CreateTargetGroup":             {&elbv2.CreateTargetGroupOutput{TargetGroups: []elbtypes.TargetGroup{{TargetGroupArn: str("arn")}}}},
			"DescribeTargetGroupAttributes": {&elbv2.DescribeTargetGroupAttributesOutput{}},
			"DescribeTags":                  {&elbv2.DescribeTagsOutput{}},
			"DeleteTargetGroup":             {refusal("ResourceInUse"), refusal("ResourceInUse"), &elbv2.DeleteTargetGroupOutput{}},
		}, "arn", "DescribeTargetGroups CreateTargetGroup DescribeTargetGroups DescribeTargetGroupAttributes DescribeTags",
			"DeleteTargetGroup DeleteTargetGroup DeleteTargetGroup"},
		{"aws:iam/role:Role", engine.Properties{"name": "role"}, map[string][]any{
			"CreateRole":                  {&iam.CreateRoleOutput{}},
			"GetRole":                     {refusal("NoSuchEntity"), &iam.GetRoleOutput{Role: &iamtypes.Role{}}},
			"ListRolePolicies":            {&iam.ListRolePoliciesOutput{}},
			"ListAttachedRolePolicies":    {&iam.ListAttachedRolePoliciesOutput{}},
			"ListInstanceProfilesForRole": {&iam.ListInstanceProfilesForRoleOutput{}},
			"DeleteRole":                  {&iam.DeleteRoleOutput{}},
		}, "role", "CreateRole GetRole GetRole ListRolePolicies ListAttachedRolePolicies",
			"ListInstanceProfilesForRole ListRolePolicies ListAttachedRolePolicies DeleteRole"},
		{"aws:lambda/layerVersion:LayerVersion", engine.Properties{"layerName": "layer", "code": &engine.Archive{Zip: []byte("zip")}}, map[string][]any{
			"PublishLayerVersion": {&lambda.PublishLayerVersionOutput{LayerVersionArn: str("arn:1"), Version: 1}},
			"GetLayerVersion":     {&lambda.GetLayerVersionOutput{}},
			"DeleteLayerVersion":  {&lambda.DeleteLayerVersionOutput{}},
		}, "arn:1", "PublishLayerVersion GetLayerVersion", "DeleteLayerVersion"},
		{"aws:lambda/function:Function", engine.Properties{"name": "function", "code": &engine.Archive{Zip: []byte("zip")}, "replaceSecurityGroupsOnDestroy": true},
			map[string][]any{
				"CreateFunction":               {notAssumed, notAssumed, &lambda.CreateFunctionOutput{}},
				"GetFunction":                  {function("Pending", ""), function("Active", ""), function("Active", ""), function("Active", "InProgress"), function("Active", "Successful")},
				"ListVersionsByFunction":       {&lambda.ListVersionsByFunctionOutput{}},
				"GetFunctionCodeSigningConfig": {&lambda.GetFunctionCodeSigningConfigOutput{}},
				"DescribeSecurityGroups":       {&ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{GroupId: str("sg-0")}}}},
				"UpdateFunctionConfiguration":  {&lambda.UpdateFunctionConfigurationOutput{}},
				"DeleteFunction":               {&lambda.DeleteFunctionOutput{}},
			}, "function", "CreateFunction CreateFunction CreateFunction GetFunction GetFunction ListVersionsByFunction GetFunctionCodeSigningConfig",
			"GetFunction DescribeSecurityGroups UpdateFunctionConfiguration GetFunction GetFunction DeleteFunction"},
		{"aws:ram/resourceShare:ResourceShare", engine.Properties{}, map[string][]any{
			"CreateResourceShare":          {&ram.CreateResourceShareOutput{ResourceShare: &ramtypes.ResourceShare{ResourceShareArn: str("arn")}}},
			"GetResourceShares":            {share("PENDING"), share("ACTIVE"), share("DELETING"), share("DELETED")},
			"ListResourceSharePermissions": {&ram.ListResourceSharePermissionsOutput{}},
			"DeleteResourceShare":          {&ram.DeleteResourceShareOutput{}},
		}, "arn", "CreateResourceShare GetResourceShares GetResourceShares ListResourceSharePermissions",
			"DeleteResourceShare GetResourceShares GetResourceShares"},
		{"aws:ram/principalAssociation:PrincipalAssociation", engine.Properties{"resourceShareArn": "share", "principal": "111111111111"}, map[string][]any{
			"AssociateResourceShare": {&ram.AssociateResourceShareOutput{}},
			"GetResourceShareAssociations": {association("DISASSOCIATED", "ASSOCIATING"), association("DISASSOCIATED", "ASSOCIATED"),
				association("DISASSOCIATING"), association("DISASSOCIATED")},
			"DisassociateResourceShare": {&ram.DisassociateResourceShareOutput{}},
		}, "share,111111111111", "AssociateResourceShare GetResourceShareAssociations GetResourceShareAssociations",
			"DisassociateResourceShare GetResourceShareAssociations GetResourceShareAssociations"},
	}
}

func TestCallsAreTheProviders(t *testing.T) {
	for _, s := range slices.Concat(network(), services()) {
		t.Run(s.typ, func(t *testing.T) {
			c := &cloud{script: s.script}
			p := c.provider()
			made, err := p.Create(t.Context(), s.typ, "Name", s.inputs)
			if err != nil || made.ID != s.id {
				t.Fatalf("made %q, %v; want %q", made.ID, err, s.id)
			}
			if diff := cmp.Diff(strings.Fields(s.create), c.calls); diff != "" {
				t.Errorf("create (-want +got):\n%s", diff)
			}
			c.calls = nil
			if err := p.Delete(t.Context(), engine.Existing{Type: s.typ, Name: "Name", ID: made.ID, Inputs: s.inputs, Outputs: made.Outputs}); err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(strings.Fields(s.delete), " "); want != strings.Join(c.calls, " ") {
				t.Errorf("delete called %q, want %q", c.calls, want)
			}
		})
	}
}

func TestRulesOfASecurityGroup(t *testing.T) {
	for _, s := range network() {
		if s.typ != "aws:ec2/securityGroup:SecurityGroup" {
			continue
		}
		c := &cloud{script: s.script}
		if _, err := c.provider().Create(t.Context(), s.typ, "Name", s.inputs); err != nil {
			t.Fatal(err)
		}
		in := c.inputs["AuthorizeSecurityGroupIngress"].(*ec2.AuthorizeSecurityGroupIngressInput).IpPermissions
		if len(in) != 1 || in[0].FromPort != nil || in[0].ToPort != nil || len(in[0].IpRanges) != 1 || len(in[0].Ipv6Ranges) != 1 {
			t.Errorf("ingress %+v: want one call with both kinds of range and no ports", in)
		}
		out := c.inputs["AuthorizeSecurityGroupEgress"].(*ec2.AuthorizeSecurityGroupEgressInput).IpPermissions
		if len(out) != 1 || awssdk.ToInt32(out[0].FromPort) != 80 || awssdk.ToInt32(out[0].ToPort) != 81 {
			t.Errorf("egress %+v", out)
		}
	}
}

func TestARefusalThatDoesNotPassIsAnError(t *testing.T) {
	invalid := &lambdatypes.InvalidParameterValueException{Message: str("Unzipped size is too large")}
	c := &cloud{script: map[string][]any{"CreateFunction": {invalid}, "CreateRoute": {refusal("RouteAlreadyExists")}}}
	p := c.provider()
	for typ, in := range map[string]engine.Properties{
		"aws:lambda/function:Function": {"code": &engine.Archive{}},
		"aws:ec2/route:Route":          {"routeTableId": "rtb-1"},
	} {
		if made, err := p.Create(t.Context(), typ, "Name", in); err == nil || made.ID != "" {
			t.Errorf("%s: made %q, %v", typ, made.ID, err)
		}
	}
	if len(c.calls) != 2 {
		t.Errorf("called %q", c.calls)
	}
}

func TestCompare(t *testing.T) {
	p := (&cloud{}).provider()
	base := func() engine.Properties {
		return engine.Properties{"cidrBlock": "10.0.0.0/16", "tags": engine.Properties{"a": "b"}, "runtime": "x", "vpcId": "v"}
	}
	for _, test := range []struct {
		typ, input string
		want       engine.Change
	}{
		{"aws:ec2/vpc:Vpc", "tags", engine.Update},
		{"aws:ec2/vpc:Vpc", "cidrBlock", engine.Replace},
		{"aws:lambda/function:Function", "runtime", engine.Update},
		{"aws:lambda/function:Function", "name", engine.Replace},
		{"aws:ec2/subnet:Subnet", "vpcId", engine.Replace},
	} {
		changed := base()
		changed[test.input] = "changed"
		if got := p.Compare(test.typ, base(), changed); got != test.want {
			t.Errorf("%s, %s: %v, want %v", test.typ, test.input, got, test.want)
		}
	}
}

func TestTagsInPlace(t *testing.T) {
	c := &cloud{script: map[string][]any{"DeleteTags": {&ec2.DeleteTagsOutput{}}, "CreateTags": {&ec2.CreateTagsOutput{}}}}
	old := engine.Existing{Type: "aws:ec2/subnet:Subnet", ID: "subnet-1", Inputs: engine.Properties{"tags": engine.Properties{"gone": "1", "kept": "2"}}}
	if _, err := c.provider().Update(t.Context(), old, engine.Properties{"tags": engine.Properties{"kept": "3"}}); err != nil {
		t.Fatal(err)
	}
	gone := c.inputs["DeleteTags"].(*ec2.DeleteTagsInput)
	kept := c.inputs["CreateTags"].(*ec2.CreateTagsInput)
	if len(gone.Tags) != 1 || *gone.Tags[0].Key != "gone" || len(kept.Tags) != 1 || *kept.Tags[0].Value != "3" {
		t.Errorf("deleted %+v, set %+v", gone.Tags, kept.Tags)
	}
}

func TestPolicyByName(t *testing.T) {
	policy := iamtypes.Policy{PolicyName: str("wanted"), Arn: str("arn:wanted"), DefaultVersionId: str("v1")}
	c := &cloud{script: map[string][]any{
		"ListPolicies": {
			&iam.ListPoliciesOutput{Policies: []iamtypes.Policy{{PolicyName: str("other")}}, IsTruncated: true, Marker: str("2")},
			&iam.ListPoliciesOutput{Policies: []iamtypes.Policy{policy}},
		},
		"GetPolicy":        {&iam.GetPolicyOutput{Policy: &policy}},
		"GetPolicyVersion": {&iam.GetPolicyVersionOutput{PolicyVersion: &iamtypes.PolicyVersion{Document: str("{}")}}},
	}}
	got, err := c.provider().Invoke(t.Context(), "aws:iam/getPolicy:getPolicy", engine.Properties{"name": "wanted"})
	if err != nil || got["arn"] != "arn:wanted" {
		t.Errorf("%v, %v", got, err)
	}
	if diff := cmp.Diff(strings.Fields("ListPolicies ListPolicies GetPolicy GetPolicyVersion"), c.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
