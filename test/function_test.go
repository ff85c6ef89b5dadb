package test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

const lambdaTrust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`

// archive builds the function of the tests into a zip archive.
func archive(t *testing.T) []byte {
	t.Helper()
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bootstrap, "./testdata/function")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the function does not build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// function makes the function in a network, and waits until it can be invoked.
func (n *network) function(t *testing.T, name string) string {
	t.Helper()
	r := must(t, n.iam.CreateRole, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(lambdaTrust)}).Role
	must(t, n.iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")})
	group := n.group(t, name, 80)
	f := must(t, n.lambda.CreateFunction, &lambda.CreateFunctionInput{FunctionName: &name, Role: r.Arn, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: archive(t)}, VpcConfig: &lambdatypes.VpcConfig{SubnetIds: []string{n.subnet}, SecurityGroupIds: []string{group}},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"WORD": "first"}}, Timeout: aws.Int32(10)})
	if err := lambda.NewFunctionActiveV2Waiter(n.lambda, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: &name}, wait); err != nil {
		t.Fatal(err)
	}
	return *f.FunctionArn
}

func (a *account) invoke(t *testing.T, name, event string) *lambda.InvokeOutput {
	t.Helper()
	return must(t, a.lambda.Invoke, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(event), LogType: lambdatypes.LogTypeTail})
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	n := s.account(t, "functions").network(t, "10.0.0.0/16", "10.0.0.0/24")
	second := *must(t, n.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZone: aws.String("us-east-1b")}).Subnet.SubnetId
	function := n.function(t, "f")

	who := n.invoke(t, "f", `{"do":"whoami"}`)
	if want := `{"arn":"arn:aws:sts::` + n.id + `:assumed-role/f/f","word":"first"}`; who.FunctionError != nil || string(who.Payload) != want {
		t.Errorf("the function is %s, want %s", who.Payload, want)
	}
	if tail, err := base64.StdEncoding.DecodeString(aws.ToString(who.LogResult)); err != nil || !strings.Contains(string(tail), "asked") || !strings.Contains(string(tail), "REPORT RequestId: ") {
		t.Errorf("the end of the log is %q, %v", tail, err)
	}
	must(t, n.lambda.UpdateFunctionConfiguration, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), Environment: &lambdatypes.Environment{Variables: map[string]string{"WORD": "second"}}})
	if err := lambda.NewFunctionUpdatedV2Waiter(n.lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")}, wait); err != nil {
		t.Error(err)
	}
	if who := n.invoke(t, "f", `{"do":"whoami"}`); !strings.Contains(string(who.Payload), "second") {
		t.Errorf("after its environment was edited the function is %s", who.Payload)
	}
	failed := n.invoke(t, "f", `{"do":"fail"}`)
	if aws.ToString(failed.FunctionError) != "Unhandled" || string(failed.Payload) != `{"errorMessage":"told to fail","errorType":"Refused"}` {
		t.Errorf("the failure is %s: %s", aws.ToString(failed.FunctionError), failed.Payload)
	}
	eventually(t, "the function's log", func() bool {
		found, _ := pages(t, cloudwatchlogs.NewFilterLogEventsPaginator(n.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/f"), FilterPattern: aws.String("fail")}),
			func(out *cloudwatchlogs.FilterLogEventsOutput) []string {
				var lines []string
				for _, e := range out.Events {
					lines = append(lines, *e.Message)
				}
				return lines
			})
		return len(found) > 0
	})
	refused(t, s.account(t, "functions-other").lambda.Invoke, &lambda.InvokeInput{FunctionName: &function}, "AccessDeniedException", "ResourceNotFoundException")

	group := n.group(t, "balancer", 80)
	b := must(t, n.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("b"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: []string{n.subnet, second}, SecurityGroups: []string{group}}).LoadBalancers[0]
	only := &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*b.LoadBalancerArn}}
	if err := elb.NewLoadBalancerAvailableWaiter(n.elb, func(o *elb.LoadBalancerAvailableWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), only, wait); err != nil {
		t.Fatal(err)
	}
	g := must(t, n.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: aws.String("g"), TargetType: elbtypes.TargetTypeEnumLambda}).TargetGroups[0].TargetGroupArn
	must(t, n.lambda.AddPermission, &lambda.AddPermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("b"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("elasticloadbalancing.amazonaws.com"), SourceArn: g})
	must(t, n.elb.RegisterTargets, &elb.RegisterTargetsInput{TargetGroupArn: g, Targets: []elbtypes.TargetDescription{{Id: &function}}})
	must(t, n.elb.CreateListener, &elb.CreateListenerInput{LoadBalancerArn: b.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: g}}})
	got := n.place().get(t, "http://"+*b.DNSName+"/a/b?q=blue&r=1")
	var event struct {
		RequestContext struct {
			ELB struct{ TargetGroupArn string }
		}
		HTTPMethod, Path      string
		QueryStringParameters map[string]string
		Headers               map[string]string
	}
	if err := json.Unmarshal([]byte(got.Body), &event); !got.is(200) || err != nil || event.RequestContext.ELB.TargetGroupArn != *g || event.HTTPMethod != "GET" || event.Path != "/a/b" ||
		event.QueryStringParameters["q"] != "blue" || event.Headers["host"] != *b.DNSName || event.Headers["x-forwarded-for"] == "" {
		t.Errorf("by the load balancer: %s, %v", got, err)
	}
	must(t, n.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: from(80)})
	if got := n.place().get(t, "http://"+*b.DNSName+"/"); !got.is(0) {
		t.Errorf("with the load balancer's group closed: %s, want a timeout", got)
	}

	// Interfaces of load balancers and functions are what keeps a subnet from going.
	refused(t, n.ec2.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: &n.subnet}, "DependencyViolation")
	must(t, n.elb.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: b.LoadBalancerArn})
	if err := elb.NewLoadBalancersDeletedWaiter(n.elb, func(o *elb.LoadBalancersDeletedWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), only, wait); err != nil {
		t.Error(err)
	}
	must(t, n.lambda.DeleteFunction, &lambda.DeleteFunctionInput{FunctionName: aws.String("f")})
	eventually(t, "the end of the subnet's interfaces", func() bool {
		_, err := n.ec2.DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
		return err == nil
	})
}

func TestCloudControl(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "control")
	const kind = "AWS::VpcLattice::Service"
	done := func(token *string) string {
		t.Helper()
		w := cloudcontrol.NewResourceRequestSuccessWaiter(a.cloudcontrol, func(o *cloudcontrol.ResourceRequestSuccessWaiterOptions) { o.MinDelay = soon })
		out, err := w.WaitForOutput(t.Context(), &cloudcontrol.GetResourceRequestStatusInput{RequestToken: token}, wait)
		if err != nil {
			t.Fatal(err)
		}
		return *out.ProgressEvent.Identifier
	}
	id := done(must(t, a.cloudcontrol.CreateResource, &cloudcontrol.CreateResourceInput{TypeName: aws.String(kind), DesiredState: aws.String(`{"Name":"made","AuthType":"NONE","Tags":[{"Key":"a","Value":"b"}]}`)}).ProgressEvent.RequestToken)
	done(must(t, a.cloudcontrol.UpdateResource, &cloudcontrol.UpdateResourceInput{TypeName: aws.String(kind), Identifier: &id, PatchDocument: aws.String(`[{"op":"replace","path":"/AuthType","value":"AWS_IAM"}]`)}).ProgressEvent.RequestToken)
	if got := must(t, a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &id}); *got.Name != "made" || got.AuthType != "AWS_IAM" || got.Status != "ACTIVE" {
		t.Errorf("the service is %s, %s, %s", *got.Name, got.AuthType, got.Status)
	}
	found, _ := pages(t, cloudcontrol.NewListResourcesPaginator(a.cloudcontrol, &cloudcontrol.ListResourcesInput{TypeName: aws.String(kind)}), func(out *cloudcontrol.ListResourcesOutput) []string {
		var ids []string
		for _, r := range out.ResourceDescriptions {
			ids = append(ids, *r.Identifier)
		}
		return ids
	})
	if len(found) != 1 || found[0] != id {
		t.Errorf("the services are %q, want %q", found, id)
	}
	refused(t, a.cloudcontrol.UpdateResource, &cloudcontrol.UpdateResourceInput{TypeName: aws.String(kind), Identifier: &id, PatchDocument: aws.String(`[{"op":"replace","path":"/Name","value":"other"}]`)},
		"NotUpdatableException", "ValidationException", "InvalidRequestException")
	done(must(t, a.cloudcontrol.DeleteResource, &cloudcontrol.DeleteResourceInput{TypeName: aws.String(kind), Identifier: &id}).ProgressEvent.RequestToken)
	refused(t, a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &id}, "ResourceNotFoundException")
}
