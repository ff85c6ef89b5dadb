package test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	cctypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"
)

// ground is what workloads stand on.
type ground struct {
	vpc, role               string
	subnets                 []string
	balancer, door, targets string // of Elastic Load Balancing
	network                 string // of VPC Lattice
	doors                   []door
	code                    []byte
}

// door is a listener of VPC Lattice, which has ten rules at most, and a target group for its service.
type door struct{ service, listener, group string }

// script is an archive of a function that is a few lines.
func script(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write([]byte("#!/bin/sh\nexit 1\n"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (c crowd) ground(t *testing.T) ground {
	t.Helper()
	p := aws.String
	n := c.account.network(t, "10.1.0.0/16", "10.1.0.0/24")
	second := *must(t, c.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: p("10.1.1.0/24"), AvailabilityZone: p("us-east-1b")}).Subnet.SubnetId
	g := ground{vpc: n.vpc, subnets: []string{n.subnet, second}, code: script(t)}
	g.role = *must(t, c.iam.CreateRole, &iam.CreateRoleInput{RoleName: p("workload"), AssumeRolePolicyDocument: p(lambdaTrust)}).Role.Arn
	g.balancer = *must(t, c.elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: p("ground"), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: g.subnets}).LoadBalancers[0].LoadBalancerArn
	if err := elb.NewLoadBalancerAvailableWaiter(c.elb, func(o *elb.LoadBalancerAvailableWaiterOptions) { o.MinDelay = soon }).Wait(t.Context(), &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{g.balancer}}, wait); err != nil {
		t.Fatal(err)
	}
	g.door = *must(t, c.elb.CreateListener, &elb.CreateListenerInput{LoadBalancerArn: &g.balancer, Protocol: "HTTP", Port: aws.Int32(80), DefaultActions: answering("404")}).Listeners[0].ListenerArn
	g.targets = *must(t, c.elb.CreateTargetGroup, &elb.CreateTargetGroupInput{Name: p("ground"), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: &n.vpc}).TargetGroups[0].TargetGroupArn
	g.network = *must(t, c.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: p("ground")}).Arn
	for i := range 4 {
		d := door{service: *must(t, c.lattice.CreateService, &vpclattice.CreateServiceInput{Name: p(fmt.Sprintf("ground-%d", i))}).Id}
		eventually(t, "the service", func() bool {
			return must(t, c.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &d.service}).Status == latticetypes.ServiceStatusActive
		})
		d.listener = *must(t, c.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: &d.service, Name: p("http"), Protocol: "HTTP",
			DefaultAction: &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(404)}}}).Id
		d.group = *must(t, c.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: p(fmt.Sprintf("ground-%d", i)), Type: "IP", Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(80), Protocol: "HTTP", VpcIdentifier: &n.vpc}}).Id
		g.doors = append(g.doors, d)
	}
	return g
}

// answering are actions that answer with a status.
func answering(status string) []elbtypes.Action {
	return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: &status}}}
}

func under(path string) []elbtypes.RuleCondition {
	return []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{path}}}
}

// through waits for the end of a request of Cloud Control, and answers whom it was about.
func (c crowd) through(ctx context.Context, event *cctypes.ProgressEvent, err error) (id string, _ error) {
	for err == nil && (event.OperationStatus == cctypes.OperationStatusPending || event.OperationStatus == cctypes.OperationStatusInProgress) {
		out, asked := c.cloudcontrol.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err = asked; err == nil {
			event = out.ProgressEvent
		}
	}
	if err != nil {
		return "", err
	}
	if event.OperationStatus != cctypes.OperationStatusSuccess {
		return "", &smithy.GenericAPIError{Code: string(event.ErrorCode), Message: aws.ToString(event.StatusMessage)}
	}
	return aws.ToString(event.Identifier), nil
}

// patch changes a resource of Cloud Control, after those who are at it.
func (c crowd) patch(ctx context.Context, typ, id, document string) error {
	for {
		out, err := c.cloudcontrol.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{TypeName: &typ, Identifier: &id, PatchDocument: &document})
		if code(err) == "ConcurrentOperationException" {
			continue
		}
		if err != nil {
			return err
		}
		_, err = c.through(ctx, out.ProgressEvent, nil)
		return err
	}
}

// workloads are kinds of resources that take more to make than a row.
func (c crowd) workloads(g ground) map[string]resourceKind {
	p := aws.String
	type change = func(context.Context, string) error
	mark := func(ctx context.Context, id string) error {
		return ok(c.elb.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{id}, Tags: []elbtypes.Tag{{Key: p("one"), Value: p("v")}}}))
	}
	marked := func(ctx context.Context, id string) (bool, error) {
		out, err := c.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{id}})
		return err == nil && len(out.TagDescriptions[0].Tags) == 1, err
	}
	register := func(address string) change {
		return func(ctx context.Context, id string) error {
			return ok(c.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &id, Targets: []elbtypes.TargetDescription{{Id: &address}}}))
		}
	}
	part := func(arn, of string) *string {
		parts := strings.FieldsFunc(arn, func(r rune) bool { return r == '/' || r == ':' })
		return &parts[slices.Index(parts, of)+1]
	}
	const typ = "AWS::Logs::LogGroup"
	return map[string]resourceKind{
		"function": {
			make: func(ctx context.Context, i int) (string, error) {
				name := fmt.Sprintf("crowd-%d", i)
				_, err := c.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &name, Role: &g.role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: p("bootstrap"),
					Code: &lambdatypes.FunctionCode{ZipFile: g.code}})
				if err == nil {
					err = lambda.NewFunctionActiveV2Waiter(c.lambda, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay = soon }).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, wait)
				}
				return name, err
			},
			change: [2]change{
				func(ctx context.Context, id string) error {
					return ok(c.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &id, Timeout: aws.Int32(7)}))
				},
				func(ctx context.Context, id string) error {
					return ok(c.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: &id, ReservedConcurrentExecutions: aws.Int32(1)}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &id})
				return err == nil && *out.Configuration.Timeout == 7 && out.Concurrency != nil, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &id}))
			},
			gone: "ResourceNotFoundException",
		},
		"load balancer": {
			few: true,
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: p(fmt.Sprintf("crowd-%d", i)), Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: g.subnets})
				if err != nil {
					return "", err
				}
				return *out.LoadBalancers[0].LoadBalancerArn, nil
			},
			change: [2]change{mark, func(ctx context.Context, id string) error {
				return ok(c.elb.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &id, Attributes: []elbtypes.LoadBalancerAttribute{{Key: p("idle_timeout.timeout_seconds"), Value: p("61")}}}))
			}},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.elb.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &id})
				if err != nil || !slices.ContainsFunc(out.Attributes, func(a elbtypes.LoadBalancerAttribute) bool { return *a.Value == "61" }) {
					return false, err
				}
				return marked(ctx, id)
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &id}))
			},
			gone: "LoadBalancerNotFound",
		},
		"load balancer's rule": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.elb.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: &g.door, Priority: aws.Int32(int32(i + 1)), Conditions: under("/a"), Actions: answering("403")})
				if err != nil {
					return "", err
				}
				return *out.Rules[0].RuleArn, nil
			},
			change: [2]change{
				func(ctx context.Context, id string) error {
					return ok(c.elb.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: &id, Conditions: under("/b")}))
				},
				func(ctx context.Context, id string) error {
					return ok(c.elb.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: &id, Actions: answering("410")}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.elb.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{id}})
				return err == nil && out.Rules[0].Conditions[0].Values[0] == "/b" && *out.Rules[0].Actions[0].FixedResponseConfig.StatusCode == "410", err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.elb.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: &id}))
			},
			gone: "RuleNotFound",
		},
		"load balancer's target group": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: p(fmt.Sprintf("crowd-%d", i)), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: &g.vpc})
				if err != nil {
					return "", err
				}
				return *out.TargetGroups[0].TargetGroupArn, nil
			},
			change: [2]change{register("10.1.0.8"), register("10.1.0.9")},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &id})
				return err == nil && len(out.TargetHealthDescriptions) == 2, err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &id}))
			},
			gone: "TargetGroupNotFound",
		},
		"rule": {
			make: func(ctx context.Context, i int) (string, error) {
				d := g.doors[i/128]
				out, err := c.lattice.CreateRule(ctx, &vpclattice.CreateRuleInput{ServiceIdentifier: &d.service, ListenerIdentifier: &d.listener, Name: p(fmt.Sprintf("crowd-%d", i)), Priority: aws.Int32(int32(i%128/2 + 1)),
					Match: matching("/a"), Action: &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(404)}}})
				if err != nil {
					return "", err
				}
				return *out.Arn, nil
			},
			change: [2]change{
				func(ctx context.Context, id string) error {
					return ok(c.lattice.UpdateRule(ctx, &vpclattice.UpdateRuleInput{ServiceIdentifier: part(id, "service"), ListenerIdentifier: part(id, "listener"), RuleIdentifier: part(id, "rule"), Match: matching("/b")}))
				},
				func(ctx context.Context, id string) error {
					d := g.doors[slices.IndexFunc(g.doors, func(d door) bool { return d.service == *part(id, "service") })]
					return ok(c.lattice.UpdateRule(ctx, &vpclattice.UpdateRuleInput{ServiceIdentifier: &d.service, ListenerIdentifier: &d.listener, RuleIdentifier: part(id, "rule"),
						Action: &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: &d.group}}}}}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.lattice.GetRule(ctx, &vpclattice.GetRuleInput{ServiceIdentifier: part(id, "service"), ListenerIdentifier: part(id, "listener"), RuleIdentifier: part(id, "rule")})
				if err != nil {
					return false, err
				}
				path, _ := out.Match.(*latticetypes.RuleMatchMemberHttpMatch).Value.PathMatch.Match.(*latticetypes.PathMatchTypeMemberExact)
				_, forwards := out.Action.(*latticetypes.RuleActionMemberForward)
				return path != nil && path.Value == "/b" && forwards, nil
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.lattice.DeleteRule(ctx, &vpclattice.DeleteRuleInput{ServiceIdentifier: part(id, "service"), ListenerIdentifier: part(id, "listener"), RuleIdentifier: part(id, "rule")}))
			},
			gone: "ResourceNotFoundException",
		},
		"resource share": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.ram.CreateResourceShare(ctx, &ram.CreateResourceShareInput{Name: p(fmt.Sprintf("crowd-%d", i))})
				if err != nil {
					return "", err
				}
				return *out.ResourceShare.ResourceShareArn, nil
			},
			change: [2]change{
				func(ctx context.Context, id string) error {
					return ok(c.ram.UpdateResourceShare(ctx, &ram.UpdateResourceShareInput{ResourceShareArn: &id, Name: p("changed")}))
				},
				func(ctx context.Context, id string) error {
					return ok(c.ram.AssociateResourceShare(ctx, &ram.AssociateResourceShareInput{ResourceShareArn: &id, ResourceArns: []string{g.network}}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.ram.GetResourceShareAssociations(ctx, &ram.GetResourceShareAssociationsInput{AssociationType: ramtypes.ResourceShareAssociationTypeResource, ResourceShareArns: []string{id}})
				return err == nil && len(out.ResourceShareAssociations) == 1 && *out.ResourceShareAssociations[0].ResourceShareName == "changed", err
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.ram.DeleteResourceShare(ctx, &ram.DeleteResourceShareInput{ResourceShareArn: &id}))
			},
			gone: "UnknownResourceException",
		},
		"log group of Cloud Control": {
			make: func(ctx context.Context, i int) (string, error) {
				out, err := c.cloudcontrol.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: p(typ), DesiredState: p(fmt.Sprintf(`{"LogGroupName":"control-%d"}`, i))})
				if err != nil {
					return "", err
				}
				return c.through(ctx, out.ProgressEvent, nil)
			},
			change: [2]change{
				func(ctx context.Context, id string) error {
					return c.patch(ctx, typ, id, `[{"op":"add","path":"/RetentionInDays","value":7}]`)
				},
				func(ctx context.Context, id string) error {
					return ok(c.logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &id, LogStreamName: p("s")}))
				},
			},
			both: func(ctx context.Context, id string) (bool, error) {
				out, err := c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &id})
				if err != nil || aws.ToInt32(out.LogGroups[0].RetentionInDays) != 7 {
					return false, err
				}
				has, err := c.logs.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &id})
				return err == nil && len(has.LogStreams) == 1, err
			},
			remove: func(ctx context.Context, id string) error {
				out, err := c.cloudcontrol.DeleteResource(ctx, &cloudcontrol.DeleteResourceInput{TypeName: p(typ), Identifier: &id})
				if err == nil {
					_, err = c.through(ctx, out.ProgressEvent, nil)
				}
				return err
			},
			gone: "ResourceNotFoundException NotFound ConcurrentOperationException",
		},
	}
}

func matching(path string) latticetypes.RuleMatch {
	return &latticetypes.RuleMatchMemberHttpMatch{Value: latticetypes.HttpMatch{PathMatch: &latticetypes.PathMatch{Match: &latticetypes.PathMatchTypeMemberExact{Value: path}}}}
}
