package elbv2_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	api "trellis/internal/api/elbv2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

const (
	red    = "111111111111"
	black  = "222222222222"
	region = "us-east-1"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// env is the API over a memory store. Each account has a VPC vpc-ACCOUNT with subnets subnet-ACCOUNT-a, -b and -c in three
// zones, -a2 in the first one again, and -small with hardly any address, and groups sg-ACCOUNT-default and sg-ACCOUNT.
type env struct {
	*api.API
	*testing.T
	view *state.View
	now  time.Time
}

func newEnv(t *testing.T) *env {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	e := &env{T: t, view: view, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	e.API = api.New(view, func() time.Time { return e.now })
	e.put(func(tx *state.Tx) {
		for _, account := range []string{red, black} {
			o := vpc.Owner{Account: account, Region: region}
			state.VPCs.Put(tx, &vpc.VPC{Owner: o, ID: "vpc-" + account, CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}},
				DefaultSecurityGroupID: "sg-" + account + "-default"})
			for name, cidr := range map[string]string{"a": "10.0.0.0/24", "b": "10.0.1.0/24", "c": "10.0.2.0/24", "a2": "10.0.3.0/24", "small": "10.0.4.0/28"} {
				zone := region + strings.TrimSuffix(strings.Replace(name, "small", "c", 1), "2")
				state.Subnets.Put(tx, &vpc.Subnet{Owner: o, ID: "subnet-" + account + "-" + name, VPC: "vpc-" + account, Zone: zone, CIDR: netip.MustParsePrefix(cidr)})
			}
			for _, g := range []string{"sg-" + account, "sg-" + account + "-default"} {
				state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: o, ID: g, VPC: "vpc-" + account, Name: g})
			}
		}
	})
	return e
}

func (e *env) put(fn func(tx *state.Tx)) {
	e.Helper()
	if err := e.view.Update(e.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		e.Fatal(err)
	}
}

func (e *env) as(account string) context.Context {
	return caller.With(e.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root"})
}

// host says that one host has applied everything until now, with the failures given.
func (e *env) host(failures map[string]string) {
	e.Helper()
	e.put(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: e.view.Snapshot().SpecRev, Failures: failures})
	})
}

// must calls the operation as red and fails the test when it is refused.
func must[I, O any](e *env, op func(context.Context, *I) (*O, error), in *I) *O {
	e.Helper()
	out, err := op(e.as(red), in)
	if err != nil {
		e.Fatal(err)
	}
	return out
}

// refused calls the operation and fails the test unless it is refused with the code.
func refused[I, O any](e *env, account string, op func(context.Context, *I) (*O, error), in *I, code string) {
	e.Helper()
	_, err := op(e.as(account), in)
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		e.Errorf("got %v, want %s", err, code)
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func subnets(names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, "subnet-"+red+"-"+n)
	}
	return out
}

// balancer makes an internal load balancer in two subnets and returns its ARN.
func (e *env) balancer(name string) string {
	e.Helper()
	return *must(e, e.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: &name, Scheme: new("internal"), Subnets: subnets("a", "b")}).LoadBalancers[0].LoadBalancerArn
}

// group makes a target group, of addresses if it has a port.
func (e *env) group(name, kind string) string {
	e.Helper()
	in := &elbv2.CreateTargetGroupInput{Name: &name, TargetType: &kind}
	if kind != "lambda" {
		in.Protocol, in.Port, in.VpcId = new("HTTP"), new(int32(80)), new("vpc-"+red)
	}
	return *must(e, e.CreateTargetGroup, in).TargetGroups[0].TargetGroupArn
}

func forward(groups ...string) []elbv2.Action {
	if len(groups) == 1 {
		return []elbv2.Action{{Type: new("forward"), TargetGroupArn: &groups[0]}}
	}
	c := &elbv2.ForwardActionConfig{}
	for i := range groups {
		c.TargetGroups = append(c.TargetGroups, elbv2.TargetGroupTuple{TargetGroupArn: &groups[i], Weight: new(int32(i + 1))})
	}
	return []elbv2.Action{{Type: new("forward"), ForwardConfig: c}}
}

func fixed(status string) []elbv2.Action {
	return []elbv2.Action{{Type: new("fixed-response"), FixedResponseConfig: &elbv2.FixedResponseActionConfig{StatusCode: &status}}}
}

func (e *env) listener(lb string, port int32, actions []elbv2.Action) string {
	e.Helper()
	return *must(e, e.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: &lb, Protocol: new("HTTP"), Port: &port, DefaultActions: actions}).Listeners[0].ListenerArn
}

// function makes a function of red's, with permissions, and returns its ARN.
func (e *env) function(name string, permissions ...function.Permission) string {
	e.Helper()
	f := &function.Function{Owner: vpc.Owner{Account: red, Region: region}, Name: name, Permissions: permissions}
	e.put(func(tx *state.Tx) { state.Functions.Put(tx, f) })
	return f.ARN()
}

func (e *env) state(lb string) string {
	e.Helper()
	return *must(e, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}}).LoadBalancers[0].State.Code
}

func (e *env) health(group string) (state, reason string) {
	e.Helper()
	h := must(e, e.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions
	if len(h) != 1 {
		e.Fatalf("got %d targets, want 1", len(h))
	}
	if h[0].TargetHealth.Reason != nil {
		reason = *h[0].TargetHealth.Reason
	}
	return *h[0].TargetHealth.State, reason
}

func TestLandingZone(t *testing.T) {
	e := newEnv(t)
	refused(e, red, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Names: []string{"directory"}}, "LoadBalancerNotFound")
	made := must(e, e.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: new("directory"), Scheme: new("internal"), Type: new("application"),
		Subnets: subnets("a", "b"), SecurityGroups: []string{"sg-" + red}, Tags: []elbv2.Tag{{Key: new("Name"), Value: new("DirectoryServiceLb")}}}).LoadBalancers[0]
	lb := *made.LoadBalancerArn
	want(t, "state at first", *made.State.Code, "provisioning")
	want(t, "VPC", *made.VpcId, "vpc-"+red)
	if !strings.HasPrefix(*made.DNSName, "internal-directory-") {
		t.Errorf("DNS name %s", *made.DNSName)
	}
	nodes := 0
	for ni := range state.Interfaces.By(e.view.Snapshot(), state.ByUser, lb) {
		nodes++
		if ni.Description != "ELB "+strings.SplitN(lb, "loadbalancer/", 2)[1] || ni.Requester != "amazon-elb" || !ni.RequesterManaged || ni.Groups[0] != "sg-"+red {
			t.Errorf("node %+v", ni)
		}
	}
	want(t, "nodes", nodes, 2)
	e.host(nil)
	want(t, "state when applied", e.state(lb), "active")

	refused(e, red, e.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{Names: []string{"tg"}}, "TargetGroupNotFound")
	group := e.group("tg", "lambda")
	all := must(e, e.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb}).Attributes
	must(e, e.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: all})
	l := e.listener(lb, 80, []elbv2.Action{{Type: new("forward"), TargetGroupArn: &group, Order: new(int32(1))}})

	name := e.function("directory")
	register := &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &name}}}
	refused(e, red, e.RegisterTargets, register, "AccessDenied")
	e.function("directory", function.Permission{StatementID: "s", Action: "lambda:InvokeFunction", Principal: "elasticloadbalancing.amazonaws.com", SourceARN: group})
	must(e, e.RegisterTargets, register)
	got, reason := e.health(group)
	want(t, "health", got+" "+reason, "unavailable Target.HealthCheckDisabled")
	tags := must(e, e.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{lb, group, l}}).TagDescriptions
	if len(tags) != 3 || *tags[0].Tags[0].Value != "DirectoryServiceLb" {
		t.Errorf("tags %+v", tags)
	}

	must(e, e.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: register.Targets})
	refused(e, red, e.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group}, "ResourceInUse")
	must(e, e.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &l})
	must(e, e.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group})
	must(e, e.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	refused(e, red, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{lb}}, "LoadBalancerNotFound")
	want(t, "rows left", len(state.Count(e.view.Snapshot())), 4) // VPCs, subnets, groups, the function
}

func TestStateOfALoadBalancer(t *testing.T) {
	e := newEnv(t)
	lb := e.balancer("lb")
	want(t, "without a host", e.state(lb), "provisioning")
	e.host(map[string]string{lb: "the node has no listener"})
	out := must(e, e.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{}).LoadBalancers[0].State
	want(t, "failed", *out.Code+": "+*out.Reason, "failed: the node has no listener")
	e.host(nil)
	want(t, "applied", e.state(lb), "active")
}
