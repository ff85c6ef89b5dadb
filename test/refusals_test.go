package test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
)

// refusal is a call that AWS refuses: with which code, and what its message names.
type refusal struct {
	what string
	call func(context.Context) error
	code string // or one of several
	says string
}

// failing makes a call of a client's method.
func failing[In, Out, Option any](call func(context.Context, In, ...Option) (Out, error), in In) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := call(ctx, in)
		return err
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "refusals")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	group := n.group(t, "there", 80)
	svc := must(t, a.lattice.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("there")}).Id
	role := must(t, a.iam.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("there"), AssumeRolePolicyDocument: aws.String(lambdaTrust)}).Role.Arn
	before := a.inventory(t)

	p := aws.String
	const none = "0123456789abcdef0"
	cidr := func(c string) func(context.Context) error {
		return failing(a.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: &c})
	}
	subnet := func(c string) func(context.Context) error {
		return failing(a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: &c})
	}
	ingress := func(protocol string, from, to int32, cidr string) func(context.Context) error {
		return failing(a.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []ec2types.IpPermission{
			{IpProtocol: &protocol, FromPort: &from, ToPort: &to, IpRanges: []ec2types.IpRange{{CidrIp: &cidr}}}}})
	}
	policy := func(text string) func(context.Context) error {
		return failing(a.lattice.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: svc, Policy: &text})
	}
	targets := func(port int32) func(context.Context) error {
		return failing(a.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: p("targets"), Type: latticetypes.TargetGroupTypeIp,
			Config: &latticetypes.TargetGroupConfig{Port: &port, Protocol: latticetypes.TargetGroupProtocolHttp, VpcIdentifier: &n.vpc}})
	}
	function := func(change func(*lambda.CreateFunctionInput)) func(context.Context) error {
		in := &lambda.CreateFunctionInput{FunctionName: p("f"), Role: role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: p("h"), Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK")}}
		change(in)
		return failing(a.lambda.CreateFunction, in)
	}
	fixed := &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(404)}}

	tests := []refusal{
		{"a VPC's CIDR that is none", cidr("10.0.0.0/33"), "InvalidParameterValue", "10.0.0.0/33"},
		{"a VPC's CIDR without a length", cidr("10.0.0.0"), "InvalidParameterValue", "10.0.0.0"},
		{"a VPC's CIDR of IPv6", cidr("fd00::/16"), "InvalidParameterValue InvalidVpc.Range", "fd00::/16"},
		{"a VPC too large", cidr("10.0.0.0/8"), "InvalidVpc.Range", "10.0.0.0/8"},
		{"a VPC too small", cidr("10.0.0.0/29"), "InvalidVpc.Range", "10.0.0.0/29"},
		{"a subnet outside its VPC", subnet("10.1.0.0/24"), "InvalidSubnet.Range", "10.1.0.0/24"},
		{"a subnet over another", subnet("10.0.0.128/25"), "InvalidSubnet.Conflict", "10.0.0.128/25"},
		{"a subnet's CIDR that is none", subnet("ten"), "InvalidParameterValue", "ten"},
		{"a subnet in a VPC that is none", failing(a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: p("vpc-" + none), CidrBlock: p("10.0.1.0/24")}), "InvalidVpcID.NotFound", "vpc-" + none},
		{"a subnet in a zone that is none", failing(a.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: p("10.0.1.0/24"), AvailabilityZone: p("us-east-1z")}), "InvalidParameterValue", "us-east-1z"},
		{"ports that are none", ingress("tcp", 70000, 70000, "0.0.0.0/0"), "InvalidParameterValue", "70000"},
		{"ports that go down", ingress("tcp", 90, 80, "0.0.0.0/0"), "InvalidParameterValue", "80"},
		{"a rule's CIDR that is none", ingress("tcp", 443, 443, "300.0.0.0/8"), "InvalidParameterValue", "300.0.0.0/8"},
		{"a protocol that is none", ingress("carrier-pigeon", 443, 443, "0.0.0.0/0"), "InvalidParameterValue", "carrier-pigeon"},
		{"a rule twice", ingress("tcp", 80, 80, "0.0.0.0/0"), "InvalidPermission.Duplicate", "80"},
		{"a group of the same name", failing(a.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: p("there"), Description: p("d"), VpcId: &n.vpc}), "InvalidGroup.Duplicate", "there"},
		{"a route to nowhere", failing(a.ec2.CreateRoute, &ec2.CreateRouteInput{RouteTableId: p("rtb-" + none), DestinationCidrBlock: p("0.0.0.0/0"), GatewayId: p("igw-" + none)}), "InvalidRouteTableID.NotFound", "rtb-" + none},
		{"a peering with oneself", failing(a.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &n.vpc, PeerVpcId: &n.vpc}), "InvalidParameterValue OperationNotPermitted InvalidVpcPeeringConnection", ""},
		{"a filter that is none", failing(a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: p("colour"), Values: []string{"blue"}}}}), "InvalidParameterValue", "colour"},
		{"a next token that is none", failing(a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{NextToken: p("x")}), "InvalidNextToken InvalidParameterValue InvalidPaginationToken", ""},

		{"a service's name", failing(a.lattice.CreateService, &vpclattice.CreateServiceInput{Name: p("Not-Lower")}), "ValidationException", "name"},
		{"a service's name again", failing(a.lattice.CreateService, &vpclattice.CreateServiceInput{Name: p("there")}), "ConflictException", "there"},
		{"a service that is none", failing(a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: p("svc-" + none)}), "ResourceNotFoundException", "svc-" + none},
		{"a service's id that is none", failing(a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: p("svc-1")}), "ValidationException", "serviceIdentifier"},
		{"an ARN of another kind", failing(a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: p("arn:aws:vpc-lattice:us-east-1:" + a.id + ":servicenetwork/sn-" + none)}), "ValidationException ResourceNotFoundException", ""},
		{"a policy that is no JSON", policy("{"), "ValidationException", ""},
		{"a policy that is none", policy(`{"Version":"2012-10-17"}`), "ValidationException", "Statement"},
		{"a policy without principal", policy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), "ValidationException", "Principal"},
		{"a policy with an operator that is none", policy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringSounds":{"a:b":"c"}}}]}`), "ValidationException", "StringSounds"},
		{"a target group's port", targets(0), "ValidationException", "port"},
		{"a target group's port", targets(65536), "ValidationException", "port"},
		{"a listener of no service", failing(a.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: p("svc-" + none), Name: p("http"), Protocol: "HTTP", DefaultAction: fixed}), "ResourceNotFoundException", "svc-" + none},
		{"a listener's port", failing(a.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: svc, Name: p("http"), Protocol: "HTTP", Port: aws.Int32(70000), DefaultAction: fixed}), "ValidationException", "port"},
		{"a VPC that is none", failing(a.lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: p("sn-" + none), VpcIdentifier: p("vpc-" + none)}), "ResourceNotFoundException ValidationException", none},

		{"an ARN to share that is none", failing(a.ram.CreateResourceShare, &ram.CreateResourceShareInput{Name: p("s"), ResourceArns: []string{"arn:nothing"}}), "MalformedArnException", "arn:nothing"},
		{"a resource to share that is none", failing(a.ram.CreateResourceShare, &ram.CreateResourceShareInput{Name: p("s"), ResourceArns: []string{"arn:aws:vpc-lattice:us-east-1:" + a.id + ":service/svc-" + none}}), "UnknownResourceException", "svc-" + none},
		{"a principal that is none", failing(a.ram.CreateResourceShare, &ram.CreateResourceShareInput{Name: p("s"), Principals: []string{"somebody"}}), "InvalidParameterException MalformedArnException", "somebody"},

		{"a trust policy that is none", failing(a.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("r"), AssumeRolePolicyDocument: p("{")}), "MalformedPolicyDocument", ""},
		{"a role's name", failing(a.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("a role"), AssumeRolePolicyDocument: p(lambdaTrust)}), "ValidationError", "roleName"},
		{"a role's name again", failing(a.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("there"), AssumeRolePolicyDocument: p(lambdaTrust)}), "EntityAlreadyExists", "there"},
		{"a policy to attach that is none", failing(a.iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: p("there"), PolicyArn: p("arn:aws:iam::aws:policy/Everything")}), "NoSuchEntity", "Everything"},
		{"a role for root", failing(a.sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: p("arn:aws:iam::" + a.id + ":role/none"), RoleSessionName: p("session")}), "AccessDenied", "root"},
		{"a session too short", failing(a.sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: p("session"), DurationSeconds: aws.Int32(10)}), "ValidationError", "durationSeconds"},

		{"no organization", failing(a.organizations.ListAccounts, &organizations.ListAccountsInput{}), "AWSOrganizationsNotInUseException", "organization"},
		{"an account to invite that is none", failing(a.organizations.InviteAccountToOrganization, &organizations.InviteAccountToOrganizationInput{
			Target: &orgtypes.HandshakeParty{Type: orgtypes.HandshakePartyTypeAccount, Id: p("none")}}), "InvalidInputException AWSOrganizationsNotInUseException", ""},

		{"an archive that is none", function(func(*lambda.CreateFunctionInput) {}), "InvalidParameterValueException", "zip"},
		{"a role that is no ARN", function(func(in *lambda.CreateFunctionInput) { in.Role = p("there") }), "ValidationException", "role"},
		{"a role that is none", function(func(in *lambda.CreateFunctionInput) { in.Role = p("arn:aws:iam::" + a.id + ":role/none") }), "InvalidParameterValueException", "role"},
		{"too little memory", function(func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(1) }), "ValidationException", "memorySize"},
		{"a function that is none", failing(a.lambda.Invoke, &lambda.InvokeInput{FunctionName: p("none")}), "ResourceNotFoundException", "none"},

		{"a load balancer's name", failing(a.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: p("under_score"), Subnets: []string{n.subnet}}), "ValidationError", "name"},
		{"a load balancer in one zone", failing(a.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: p("one"), Subnets: []string{n.subnet}, Scheme: elbtypes.LoadBalancerSchemeEnumInternal}), "ValidationError InvalidConfigurationRequest InvalidSubnet", "two"},
		{"a load balancer that is none", failing(a.elb.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{Names: []string{"none"}}), "LoadBalancerNotFound", ""},
		{"a target group's port", failing(a.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: p("g"), TargetType: elbtypes.TargetTypeEnumIp, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(70000), VpcId: &n.vpc}), "ValidationError", "port"},
		{"a target group's ARN", failing(a.elb.DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: p("arn")}), "ValidationError", "arn"},

		{"a log group's name", failing(a.logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: p("a:b")}), "InvalidParameterException", "logGroupName"},
		{"a log group that is none", failing(a.logs.DescribeLogStreams, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: p("none")}), "ResourceNotFoundException", "log group"},

		{"a type that is none", failing(a.cloudcontrol.ListResources, &cloudcontrol.ListResourcesInput{TypeName: p("AWS::Coffee::Cup")}), "TypeNotFoundException UnsupportedActionException", "AWS::Coffee::Cup"},
		{"a desired state that is no JSON", failing(a.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: p("AWS::VpcLattice::Service"), DesiredState: p("{")}), "ValidationException InvalidRequestException", ""},
		{"a property that is none", failing(a.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: p("AWS::VpcLattice::Service"), DesiredState: p(`{"Colour":"blue"}`)}), "ValidationException InvalidRequestException", "Colour"},
	}
	for _, test := range tests {
		err := test.call(t.Context())
		var api smithy.APIError
		switch {
		case !errors.As(err, &api):
			t.Errorf("%s: got %v, want %s", test.what, err, test.code)
		case !slices.Contains(strings.Fields(test.code), api.ErrorCode()):
			t.Errorf("%s: got %s (%s), want %s", test.what, api.ErrorCode(), api.ErrorMessage(), test.code)
		case len(api.ErrorMessage()) < 10 || !strings.Contains(strings.ToLower(api.ErrorMessage()), strings.ToLower(test.says)):
			t.Errorf("%s: the message is %q, want %q in it", test.what, api.ErrorMessage(), test.says)
		}
	}
	if after := a.inventory(t); !slices.Equal(before, after) {
		t.Errorf("calls that failed changed what there is:\nbefore %q\nafter  %q", before, after)
	}
}
