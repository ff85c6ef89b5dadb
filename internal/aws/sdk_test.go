package aws_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"trellis/internal/aws"
	"trellis/internal/aws/model/cloudcontrol"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/sts"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/caller"
	"trellis/internal/fault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdkcloudcontrol "github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	sdklogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdkelbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sdkorganizations "github.com/aws/aws-sdk-go-v2/service/organizations"
	sdkram "github.com/aws/aws-sdk-go-v2/service/ram"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	sdkvpclattice "github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	account   = "111111111111"
)

func p[T any](v T) *T { return &v }

// keyring knows one key, and one session key with its token.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, token string) (string, caller.Caller, error) {
	who := caller.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
	switch {
	case key == accessKey && token == "":
		return secretKey, who, nil
	case key == "ASIASESSION" && token == "the-token":
		who.Kind, who.ARN = caller.AssumedRole, "arn:aws:sts::"+account+":assumed-role/r/s"
		return secretKey, who, nil
	case key == "ASIASESSION" && token == "old-token":
		return "", who, fault.New(fault.Unauthenticated, "ExpiredToken", "expired")
	}
	if token != "" {
		return "", who, fault.New(fault.Unauthenticated, "", "not its token")
	}
	return "", who, fault.New(fault.NotFound, "", "no such key")
}

// recorder remembers the last input of each API it stands in for.
type recorder struct{ in any }

type latticeAPI struct{ *recorder }

func (a latticeAPI) CreateRule(_ context.Context, in *vpclattice.CreateRuleInput) (*vpclattice.CreateRuleOutput, error) {
	a.in = in
	return &vpclattice.CreateRuleOutput{Name: in.Name, Priority: in.Priority, Match: in.Match, Action: in.Action}, nil
}

func (a latticeAPI) GetServiceNetwork(ctx context.Context, in *vpclattice.GetServiceNetworkInput) (*vpclattice.GetServiceNetworkOutput, error) {
	if *in.ServiceNetworkIdentifier == "sn-00000000000000000" {
		return nil, fault.New(fault.NotFound, "", "Service network %s not found", *in.ServiceNetworkIdentifier).About("SERVICE_NETWORK", *in.ServiceNetworkIdentifier)
	}
	return &vpclattice.GetServiceNetworkOutput{Id: in.ServiceNetworkIdentifier, Name: p("net"), AuthType: p("AWS_IAM"),
		Arn:                        p("arn:aws:vpc-lattice:us-east-1:" + caller.From(ctx).Account + ":servicenetwork/sn-0123456789abcdef0"),
		CreatedAt:                  p(time.Unix(1700000000, 123000000)),
		NumberOfAssociatedServices: p(int64(2)), NumberOfAssociatedVPCs: p(int64(0))}, nil
}

func (a latticeAPI) GetAuthPolicy(_ context.Context, in *vpclattice.GetAuthPolicyInput) (*vpclattice.GetAuthPolicyOutput, error) {
	return &vpclattice.GetAuthPolicyOutput{Policy: in.ResourceIdentifier}, nil
}

func (a latticeAPI) UntagResource(_ context.Context, in *vpclattice.UntagResourceInput) (*vpclattice.UntagResourceOutput, error) {
	a.in = in
	return nil, nil
}

func (a latticeAPI) ListServices(context.Context, *vpclattice.ListServicesInput) (*vpclattice.ListServicesOutput, error) {
	return &vpclattice.ListServicesOutput{}, nil
}

func (a latticeAPI) DeleteServiceNetwork(context.Context, *vpclattice.DeleteServiceNetworkInput) (*vpclattice.DeleteServiceNetworkOutput, error) {
	panic("secret of the server")
}

func (a latticeAPI) GetService(context.Context, *vpclattice.GetServiceInput) (*vpclattice.GetServiceOutput, error) {
	return nil, errors.New("secret of the server")
}

func (a latticeAPI) CreateService(context.Context, *vpclattice.CreateServiceInput) (*vpclattice.CreateServiceOutput, error) {
	return nil, &fault.Error{Kind: fault.Throttled, Message: "Rate exceeded", RetryAfter: 1500 * time.Millisecond}
}

type ec2API struct{ *recorder }

func (a ec2API) CreateVpc(_ context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	a.in = in
	return &ec2.CreateVpcOutput{Vpc: &ec2.Vpc{VpcId: p("vpc-1"), CidrBlock: in.CidrBlock, Tags: in.TagSpecifications[0].Tags, IsDefault: p(false)}}, nil
}

func (a ec2API) DescribeVpcs(_ context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	a.in = in
	if len(in.VpcIds) > 0 && in.VpcIds[0] == "vpc-none" {
		return nil, fault.New(fault.NotFound, "InvalidVpcID.NotFound", "The vpc ID 'vpc-none' does not exist")
	}
	return &ec2.DescribeVpcsOutput{}, nil
}

func (a ec2API) DeleteVpc(context.Context, *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	return nil, nil
}

func (a ec2API) AuthorizeSecurityGroupIngress(_ context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	a.in = in
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: p(true), SecurityGroupRules: []ec2.SecurityGroupRule{{SecurityGroupRuleId: p("sgr-1"), FromPort: p(int32(80))}}}, nil
}

type elbAPI struct{ *recorder }

func (a elbAPI) CreateLoadBalancer(_ context.Context, in *elbv2.CreateLoadBalancerInput) (*elbv2.CreateLoadBalancerOutput, error) {
	a.in = in
	return &elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbv2.LoadBalancer{{LoadBalancerName: in.Name, State: &elbv2.LoadBalancerState{Code: p("active")},
		SecurityGroups: in.SecurityGroups, CreatedTime: p(time.Unix(1700000000, 0).UTC())}}}, nil
}

func (a elbAPI) DescribeLoadBalancers(context.Context, *elbv2.DescribeLoadBalancersInput) (*elbv2.DescribeLoadBalancersOutput, error) {
	return nil, fault.New(fault.NotFound, "LoadBalancerNotFound", "One or more load balancers not found")
}

type iamAPI struct{ *recorder }

func (a iamAPI) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	if *in.RoleName == "none" {
		return nil, fault.New(fault.NotFound, "", "The role with name none cannot be found.")
	}
	return &iam.GetRoleOutput{Role: &iam.Role{RoleName: in.RoleName, Path: p("/"), AssumeRolePolicyDocument: p(`%7B"a": "<&>"%7D`)}}, nil
}

func (a iamAPI) GetAccountSummary(context.Context, *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	return &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{"Users": 3, "Roles": 1}}, nil
}

func (a iamAPI) CreateRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	a.in = in
	return nil, fault.New(fault.Exists, "", "Role with name %s already exists.", *in.RoleName)
}

type stsAPI struct{}

func (stsAPI) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := caller.From(ctx)
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

type lambdaAPI struct{ *recorder }

func (a lambdaAPI) Invoke(_ context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	a.in = in
	return &lambda.InvokeOutput{StatusCode: p(int32(200)), FunctionError: p("Unhandled"), LogResult: p("bG9n"), ExecutedVersion: p("$LATEST"), Payload: append([]byte("re:"), in.Payload...)}, nil
}

func (a lambdaAPI) CreateFunction(_ context.Context, in *lambda.CreateFunctionInput) (*lambda.CreateFunctionOutput, error) {
	a.in = in
	return &lambda.CreateFunctionOutput{FunctionName: in.FunctionName, Environment: &lambda.EnvironmentResponse{Variables: in.Environment.Variables}, State: p("Pending")}, nil
}

func (a lambdaAPI) GetFunction(context.Context, *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	return nil, fault.New(fault.NotFound, "", "Function not found: f")
}

func (a lambdaAPI) GetLayerVersionByArn(_ context.Context, in *lambda.GetLayerVersionByArnInput) (*lambda.GetLayerVersionByArnOutput, error) {
	return &lambda.GetLayerVersionByArnOutput{LayerVersionArn: in.Arn, Version: p(int64(7))}, nil
}

func (a lambdaAPI) DeleteFunction(context.Context, *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	return &lambda.DeleteFunctionOutput{StatusCode: p(int32(204))}, nil
}

type ramAPI struct{ *recorder }

func (a ramAPI) GetResourceShares(_ context.Context, in *ram.GetResourceSharesInput) (*ram.GetResourceSharesOutput, error) {
	a.in = in
	return &ram.GetResourceSharesOutput{ResourceShares: []ram.ResourceShare{{Name: p("s"), CreationTime: p(time.Unix(1700000000, 500000000).UTC())}}}, nil
}

type organizationsAPI struct{}

func (organizationsAPI) DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	return nil, fault.New(fault.NotFound, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

func (organizationsAPI) ListAccounts(context.Context, *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	return &organizations.ListAccountsOutput{}, nil
}

type logsAPI struct{ *recorder }

func (a logsAPI) PutLogEvents(_ context.Context, in *logs.PutLogEventsInput) (*logs.PutLogEventsOutput, error) {
	a.in = in
	return &logs.PutLogEventsOutput{NextSequenceToken: p("1")}, nil
}

func (a logsAPI) DeleteLogGroup(context.Context, *logs.DeleteLogGroupInput) (*logs.DeleteLogGroupOutput, error) {
	return nil, nil
}

type cloudcontrolAPI struct{ *recorder }

func (a cloudcontrolAPI) CreateResource(_ context.Context, in *cloudcontrol.CreateResourceInput) (*cloudcontrol.CreateResourceOutput, error) {
	a.in = in
	return &cloudcontrol.CreateResourceOutput{ProgressEvent: &cloudcontrol.ProgressEvent{TypeName: in.TypeName, OperationStatus: p("IN_PROGRESS"), EventTime: p(time.Unix(1700000000, 0).UTC())}}, nil
}

func services(r *recorder) []aws.Service {
	return []aws.Service{
		{Model: vpclattice.Model, API: latticeAPI{r}}, {Model: ec2.Model, API: ec2API{r}}, {Model: elbv2.Model, API: elbAPI{r}},
		{Model: iam.Model, API: iamAPI{r}}, {Model: sts.Model, API: stsAPI{}}, {Model: lambda.Model, API: lambdaAPI{r}},
		{Model: ram.Model, API: ramAPI{r}}, {Model: organizations.Model, API: organizationsAPI{}}, {Model: logs.Model, API: logsAPI{r}},
		{Model: cloudcontrol.Model, API: cloudcontrolAPI{r}},
	}
}

func start(t testing.TB, change func(*aws.Config)) (string, *recorder) {
	t.Helper()
	r := &recorder{}
	config := aws.Config{Services: services(r), Credentials: keyring{}}
	if change != nil {
		change(&config)
	}
	h, err := aws.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, r
}

func sdkConfig(url string) sdk.Config {
	return sdk.Config{Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		})}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got error %v, want code %s", err, code)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected (-want +got):\n%s", diff)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSDKLattice(t *testing.T) {
	url, r := start(t, nil)
	c := sdkvpclattice.NewFromConfig(sdkConfig(url))
	ctx := t.Context()
	rule := must[*sdkvpclattice.CreateRuleOutput](t)(c.CreateRule(ctx, &sdkvpclattice.CreateRuleInput{
		ServiceIdentifier: p("svc-0123456789abcdefg"), ListenerIdentifier: p("listener-0123456789abcdefg"), Name: p("only-get"), Priority: p(int32(10)),
		Match: &latticetypes.RuleMatchMemberHttpMatch{Value: latticetypes.HttpMatch{Method: p("GET"),
			PathMatch: &latticetypes.PathMatch{Match: &latticetypes.PathMatchTypeMemberPrefix{Value: "/a"}, CaseSensitive: p(false)}}},
		Action: &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{
			{TargetGroupIdentifier: p("tg-0123456789abcdefg"), Weight: p(int32(0))}}}},
	}))
	same(t, *rule.Name, "only-get")
	if _, ok := rule.Action.(*latticetypes.RuleActionMemberForward); !ok {
		t.Errorf("action came back as %T", rule.Action)
	}
	in := r.in.(*vpclattice.CreateRuleInput)
	same(t, *in.Match.HttpMatch.PathMatch.Match.Prefix, "/a")
	same(t, *in.Match.HttpMatch.PathMatch.CaseSensitive, false)
	same(t, *in.Action.Forward.TargetGroups[0].Weight, int32(0))

	network := must[*sdkvpclattice.GetServiceNetworkOutput](t)(c.GetServiceNetwork(ctx, &sdkvpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: p("sn-0123456789abcdef0")}))
	same(t, network.CreatedAt.UTC(), time.Unix(1700000000, 123000000).UTC())
	same(t, *network.NumberOfAssociatedVPCs, int64(0))

	arn := "arn:aws:vpc-lattice:eu-west-1:111111111111:servicenetwork/sn-0123456789abcdef0"
	policy := must[*sdkvpclattice.GetAuthPolicyOutput](t)(c.GetAuthPolicy(ctx, &sdkvpclattice.GetAuthPolicyInput{ResourceIdentifier: &arn}))
	same(t, *policy.Policy, arn)
	must[*sdkvpclattice.UntagResourceOutput](t)(c.UntagResource(ctx, &sdkvpclattice.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a b", "c/d"}}))
	same(t, r.in, any(&vpclattice.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a b", "c/d"}}))
	list := must[*sdkvpclattice.ListServicesOutput](t)(c.ListServices(ctx, &sdkvpclattice.ListServicesInput{}))
	if list.Items == nil {
		t.Error("an empty list was left out")
	}

	_, err := c.GetServiceNetwork(ctx, &sdkvpclattice.GetServiceNetworkInput{ServiceNetworkIdentifier: p("sn-00000000000000000")})
	var missing *latticetypes.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.ResourceId != "sn-00000000000000000" || *missing.ResourceType != "SERVICE_NETWORK" {
		t.Errorf("got %v", err)
	}
	_, err = c.CreateService(ctx, &sdkvpclattice.CreateServiceInput{Name: p("svc-x")})
	var bad *latticetypes.ValidationException
	if !errors.As(err, &bad) || bad.Reason != latticetypes.ValidationExceptionReasonFieldValidationFailed || len(bad.FieldList) != 1 || *bad.FieldList[0].Name != "name" {
		t.Errorf("got %v", err)
	}
	_, err = c.CreateService(ctx, &sdkvpclattice.CreateServiceInput{Name: p("fine")})
	var slow *latticetypes.ThrottlingException
	if !errors.As(err, &slow) || *slow.RetryAfterSeconds != 2 {
		t.Errorf("got %v", err)
	}
	_, err = c.ListResourceGateways(ctx, &sdkvpclattice.ListResourceGatewaysInput{})
	wantCode(t, err, "NotImplementedException")
	_, err = c.ListListeners(ctx, &sdkvpclattice.ListListenersInput{ServiceIdentifier: p("svc-0123456789abcdefg")})
	wantCode(t, err, "NotImplementedException")
}

func TestSDKEC2(t *testing.T) {
	url, r := start(t, nil)
	c := sdkec2.NewFromConfig(sdkConfig(url))
	ctx := t.Context()
	vpc := must[*sdkec2.CreateVpcOutput](t)(c.CreateVpc(ctx, &sdkec2.CreateVpcInput{CidrBlock: p("10.0.0.0/16"), InstanceTenancy: ec2types.TenancyDefault,
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeVpc, Tags: []ec2types.Tag{{Key: p("Name"), Value: p("a & <b>")}}}}}))
	same(t, *vpc.Vpc.Tags[0].Value, "a & <b>")
	same(t, *vpc.Vpc.IsDefault, false)
	list := must[*sdkec2.DescribeVpcsOutput](t)(c.DescribeVpcs(ctx, &sdkec2.DescribeVpcsInput{Filters: []ec2types.Filter{{Name: p("vpc-id"), Values: []string{"x", "y"}}}}))
	if list.Vpcs == nil {
		t.Error("an empty list was left out")
	}
	same(t, r.in.(*ec2.DescribeVpcsInput).Filters, []ec2.Filter{{Name: p("vpc-id"), Values: []string{"x", "y"}}})
	must[*sdkec2.DeleteVpcOutput](t)(c.DeleteVpc(ctx, &sdkec2.DeleteVpcInput{VpcId: p("vpc-1")}))
	rules := must[*sdkec2.AuthorizeSecurityGroupIngressOutput](t)(c.AuthorizeSecurityGroupIngress(ctx, &sdkec2.AuthorizeSecurityGroupIngressInput{GroupId: p("sg-1"),
		IpPermissions: []ec2types.IpPermission{{IpProtocol: p("tcp"), FromPort: p(int32(80)), ToPort: p(int32(80)), IpRanges: []ec2types.IpRange{{CidrIp: p("10.0.0.0/8")}},
			Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: p("::/0")}}, UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: p("sg-2")}}, PrefixListIds: []ec2types.PrefixListId{{PrefixListId: p("pl-1")}}}}}))
	same(t, *rules.SecurityGroupRules[0].FromPort, int32(80))
	in := r.in.(*ec2.AuthorizeSecurityGroupIngressInput)
	same(t, in.IpPermissions, []ec2.IpPermission{{IpProtocol: p("tcp"), FromPort: p(int32(80)), ToPort: p(int32(80)), IpRanges: []ec2.IpRange{{CidrIp: p("10.0.0.0/8")}},
		Ipv6Ranges: []ec2.Ipv6Range{{CidrIpv6: p("::/0")}}, UserIdGroupPairs: []ec2.UserIdGroupPair{{GroupId: p("sg-2")}}, PrefixListIds: []ec2.PrefixListId{{PrefixListId: p("pl-1")}}}})

	_, err := c.DescribeVpcs(ctx, &sdkec2.DescribeVpcsInput{VpcIds: []string{"vpc-none"}})
	wantCode(t, err, "InvalidVpcID.NotFound")
	_, err = c.DescribeVpcs(ctx, &sdkec2.DescribeVpcsInput{MaxResults: p(int32(1))})
	wantCode(t, err, "InvalidParameterValue")
	_, err = c.DeleteVpc(ctx, &sdkec2.DeleteVpcInput{VpcId: p("vpc-1"), DryRun: p(true)})
	wantCode(t, err, "DryRunOperation")
	_, err = c.DescribeVolumes(ctx, &sdkec2.DescribeVolumesInput{})
	wantCode(t, err, "UnsupportedOperation")
}

func TestSDKQuery(t *testing.T) {
	url, r := start(t, nil)
	ctx := t.Context()
	lb := sdkelbv2.NewFromConfig(sdkConfig(url))
	made := must[*sdkelbv2.CreateLoadBalancerOutput](t)(lb.CreateLoadBalancer(ctx, &sdkelbv2.CreateLoadBalancerInput{Name: p("alb"), Scheme: elbv2types.LoadBalancerSchemeEnumInternal,
		Subnets: []string{"subnet-1", "subnet-2"}, SecurityGroups: []string{"sg-1"}, Tags: []elbv2types.Tag{{Key: p("k"), Value: p("v")}}}))
	same(t, made.LoadBalancers[0].SecurityGroups, []string{"sg-1"})
	same(t, made.LoadBalancers[0].CreatedTime.Unix(), int64(1700000000))
	in := r.in.(*elbv2.CreateLoadBalancerInput)
	same(t, in.Subnets, []string{"subnet-1", "subnet-2"})
	same(t, in.Tags, []elbv2.Tag{{Key: p("k"), Value: p("v")}})
	_, err := lb.DescribeLoadBalancers(ctx, &sdkelbv2.DescribeLoadBalancersInput{Names: []string{"x"}})
	var missing *elbv2types.LoadBalancerNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}

	roles := sdkiam.NewFromConfig(sdkConfig(url))
	role := must[*sdkiam.GetRoleOutput](t)(roles.GetRole(ctx, &sdkiam.GetRoleInput{RoleName: p("r")}))
	same(t, *role.Role.AssumeRolePolicyDocument, `%7B"a": "<&>"%7D`)
	summary := must[*sdkiam.GetAccountSummaryOutput](t)(roles.GetAccountSummary(ctx, &sdkiam.GetAccountSummaryInput{}))
	same(t, summary.SummaryMap, map[string]int32{"Users": 3, "Roles": 1})
	_, err = roles.GetRole(ctx, &sdkiam.GetRoleInput{RoleName: p("none")})
	var nothing *iamtypes.NoSuchEntityException
	if !errors.As(err, &nothing) {
		t.Errorf("got %v", err)
	}
	_, err = roles.CreateRole(ctx, &sdkiam.CreateRoleInput{RoleName: p("r"), AssumeRolePolicyDocument: p("{}"), Tags: []iamtypes.Tag{{Key: p("k"), Value: p("")}}})
	wantCode(t, err, "EntityAlreadyExists")
	same(t, *r.in.(*iam.CreateRoleInput).Tags[0].Value, "")
	_, err = roles.CreateRole(ctx, &sdkiam.CreateRoleInput{RoleName: p("r!"), AssumeRolePolicyDocument: p("{}")})
	wantCode(t, err, "ValidationError")

	who := must[*sdksts.GetCallerIdentityOutput](t)(sdksts.NewFromConfig(sdkConfig(url)).GetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{}))
	same(t, *who.Arn, "arn:aws:iam::111111111111:root")
	presigned := must[*v4.PresignedHTTPRequest](t)(sdksts.NewPresignClient(sdksts.NewFromConfig(sdkConfig(url))).PresignGetCallerIdentity(ctx, &sdksts.GetCallerIdentityInput{}))
	req := must[*http.Request](t)(http.NewRequest(presigned.Method, presigned.URL, nil))
	res := must[*http.Response](t)(http.DefaultClient.Do(req))
	res.Body.Close()
	same(t, res.StatusCode, http.StatusOK)
}

func TestSDKLambda(t *testing.T) {
	url, r := start(t, nil)
	c := sdklambda.NewFromConfig(sdkConfig(url))
	ctx := t.Context()
	out := must[*sdklambda.InvokeOutput](t)(c.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: p("f:live"), Payload: []byte(`{"q":1}`), LogType: lambdatypes.LogTypeTail, Qualifier: p("live")}))
	same(t, string(out.Payload), `re:{"q":1}`)
	same(t, *out.FunctionError, "Unhandled")
	same(t, out.StatusCode, int32(200))
	in := r.in.(*lambda.InvokeInput)
	same(t, *in.FunctionName, "f:live")
	same(t, *in.LogType, "Tail")
	same(t, *in.Qualifier, "live")
	made := must[*sdklambda.CreateFunctionOutput](t)(c.CreateFunction(ctx, &sdklambda.CreateFunctionInput{FunctionName: p("f"), Role: p("arn:aws:iam::111111111111:role/r"),
		Code: &lambdatypes.FunctionCode{ZipFile: []byte{1, 2, 255}}, Environment: &lambdatypes.Environment{Variables: map[string]string{"AB": "c"}}}))
	same(t, made.Environment.Variables, map[string]string{"AB": "c"})
	same(t, r.in.(*lambda.CreateFunctionInput).Code.ZipFile, []byte{1, 2, 255})
	_, err := c.GetFunction(ctx, &sdklambda.GetFunctionInput{FunctionName: p("f")})
	var missing *lambdatypes.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.Message != "Function not found: f" {
		t.Errorf("got %v", err)
	}
	layer := must[*sdklambda.GetLayerVersionByArnOutput](t)(c.GetLayerVersionByArn(ctx, &sdklambda.GetLayerVersionByArnInput{Arn: p("arn:aws:lambda:eu-west-1:111111111111:layer:l:7")}))
	same(t, layer.Version, int64(7))
	must[*sdklambda.DeleteFunctionOutput](t)(c.DeleteFunction(ctx, &sdklambda.DeleteFunctionInput{FunctionName: p("f")}))
}

func TestSDKJSON(t *testing.T) {
	url, r := start(t, nil)
	ctx := t.Context()
	shares := must[*sdkram.GetResourceSharesOutput](t)(sdkram.NewFromConfig(sdkConfig(url)).GetResourceShares(ctx, &sdkram.GetResourceSharesInput{ResourceOwner: "SELF"}))
	same(t, shares.ResourceShares[0].CreationTime.UTC(), time.Unix(1700000000, 500000000).UTC())
	same(t, *r.in.(*ram.GetResourceSharesInput).ResourceOwner, "SELF")

	orgs := sdkorganizations.NewFromConfig(sdkConfig(url))
	_, err := orgs.DescribeOrganization(ctx, &sdkorganizations.DescribeOrganizationInput{})
	wantCode(t, err, "AWSOrganizationsNotInUseException")
	accounts := must[*sdkorganizations.ListAccountsOutput](t)(orgs.ListAccounts(ctx, &sdkorganizations.ListAccountsInput{}))
	if accounts.Accounts == nil {
		t.Error("an empty list was left out")
	}

	groups := sdklogs.NewFromConfig(sdkConfig(url))
	must[*sdklogs.PutLogEventsOutput](t)(groups.PutLogEvents(ctx, &sdklogs.PutLogEventsInput{LogGroupName: p("/aws/lambda/f"), LogStreamName: p("s"),
		LogEvents: []logstypes.InputLogEvent{{Message: p("tab\t\"quoted\" ü \u2028"), Timestamp: p(int64(1700000000000))}}}))
	same(t, r.in.(*logs.PutLogEventsInput).LogEvents, []logs.InputLogEvent{{Message: p("tab\t\"quoted\" ü \u2028"), Timestamp: p(int64(1700000000000))}})
	must[*sdklogs.DeleteLogGroupOutput](t)(groups.DeleteLogGroup(ctx, &sdklogs.DeleteLogGroupInput{LogGroupName: p("g")}))
	_, err = groups.DeleteLogGroup(ctx, &sdklogs.DeleteLogGroupInput{LogGroupName: p("no spaces")})
	wantCode(t, err, "InvalidParameterException")

	event := must[*sdkcloudcontrol.CreateResourceOutput](t)(sdkcloudcontrol.NewFromConfig(sdkConfig(url)).CreateResource(ctx, &sdkcloudcontrol.CreateResourceInput{
		TypeName: p("AWS::VpcLattice::Service"), DesiredState: p(`{"Name":"x"}`)}))
	same(t, string(event.ProgressEvent.OperationStatus), "IN_PROGRESS")
	if token := r.in.(*cloudcontrol.CreateResourceInput).ClientToken; token == nil || *token == "" {
		t.Error("the client token did not arrive")
	}
}
