package elbv2_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"trellis/internal/aws"
	model "trellis/internal/aws/model/elbv2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
)

// keyring gives every account the access key that is its id.
type keyring struct{}

func (keyring) Lookup(_ context.Context, key, _ string) (string, caller.Caller, error) {
	if key != red && key != black {
		return "", caller.Caller{}, fault.New(fault.NotFound, "", "no such key")
	}
	return "secret", caller.Caller{Account: key, ARN: "arn:aws:iam::" + key + ":root", UserID: key}, nil
}

// client serves the API over HTTP and returns red's client of it.
func (e *env) client() *elb.Client {
	e.Helper()
	h, err := aws.New(aws.Config{Services: []aws.Service{{Model: model.Model, API: e.API}}, Credentials: keyring{}})
	if err != nil {
		e.Fatal(err)
	}
	srv := httptest.NewServer(h)
	e.Cleanup(srv.Close)
	return elb.New(elb.Options{Region: region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
		Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: red, SecretAccessKey: "secret"}, nil
		})})
}

func ok[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// The calls of the landing zone, by the SDK and over HTTP.
func TestWithTheSDK(t *testing.T) {
	e := newEnv(t)
	c, ctx := e.client(), t.Context()
	_, err := c.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"directory"}})
	var absent *types.LoadBalancerNotFoundException
	if !errors.As(err, &absent) {
		t.Errorf("got %v, want LoadBalancerNotFound", err)
	}
	made := ok[*elb.CreateLoadBalancerOutput](t)(c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new("directory"), Scheme: types.LoadBalancerSchemeEnumInternal,
		Type: types.LoadBalancerTypeEnumApplication, Subnets: subnets("a", "b"), Tags: []types.Tag{{Key: new("Name"), Value: new("a = b")}}})).LoadBalancers[0]
	if made.State.Code != types.LoadBalancerStateEnumProvisioning || !made.CreatedTime.Equal(e.now) || len(made.AvailabilityZones) != 2 {
		t.Errorf("load balancer %+v", made)
	}
	e.host(nil)
	if err := elb.NewLoadBalancerAvailableWaiter(c).Wait(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*made.LoadBalancerArn}}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	attributes := ok[*elb.DescribeLoadBalancerAttributesOutput](t)(c.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: made.LoadBalancerArn})).Attributes
	ok[*elb.ModifyLoadBalancerAttributesOutput](t)(c.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: made.LoadBalancerArn, Attributes: attributes[:20]}))
	group := ok[*elb.CreateTargetGroupOutput](t)(c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: new("tg"), TargetType: types.TargetTypeEnumLambda})).TargetGroups[0].TargetGroupArn
	l := ok[*elb.CreateListenerOutput](t)(c.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: made.LoadBalancerArn, Port: new(int32(80)), Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group, Order: new(int32(1))}}})).Listeners[0]
	rule := ok[*elb.CreateRuleOutput](t)(c.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: new(int32(7)),
		Conditions: []types.RuleCondition{{Field: new("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{
			Values: []types.QueryStringKeyValuePair{{Key: new("q"), Value: new("blue")}}}}},
		Actions: []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{Path: new("/x"), StatusCode: types.RedirectActionStatusCodeEnumHttp301}}}})).Rules[0]
	if *rule.Priority != "7" || *rule.Actions[0].RedirectConfig.Query != "#{query}" || *rule.Conditions[0].QueryStringConfig.Values[0].Value != "blue" {
		t.Errorf("rule %+v", rule)
	}
	name := e.function("f")
	target := []types.TargetDescription{{Id: &name}}
	_, err = c.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: target})
	var denied smithy.APIError
	if !errors.As(err, &denied) || denied.ErrorCode() != "AccessDenied" {
		t.Errorf("got %v, want AccessDenied", err)
	}
	e.function("f", function.Permission{Action: "lambda:InvokeFunction", Principal: "elasticloadbalancing.amazonaws.com", SourceARN: *group})
	ok[*elb.RegisterTargetsOutput](t)(c.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: target}))
	health := ok[*elb.DescribeTargetHealthOutput](t)(c.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: group, Targets: target})).TargetHealthDescriptions
	if len(health) != 1 || health[0].TargetHealth.State != types.TargetHealthStateEnumUnavailable {
		t.Errorf("health %+v", health)
	}
	tags := ok[*elb.DescribeTagsOutput](t)(c.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{*made.LoadBalancerArn}})).TagDescriptions
	if *tags[0].Tags[0].Value != "a = b" {
		t.Errorf("tags %+v", tags)
	}
	_, err = c.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: new(int32(7)), Conditions: rule.Conditions, Actions: rule.Actions})
	var taken *types.PriorityInUseException
	if !errors.As(err, &taken) {
		t.Errorf("got %v, want PriorityInUse", err)
	}
	ok[*elb.DeleteLoadBalancerOutput](t)(c.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: made.LoadBalancerArn}))
	if err := elb.NewLoadBalancersDeletedWaiter(c).Wait(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*made.LoadBalancerArn}}, 5*time.Second); err != nil {
		t.Error(err)
	}
}
