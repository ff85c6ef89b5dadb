package test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// tokened is a creation that takes a client token, or knows its own by the name, and how many there are of the name.
type tokened struct {
	make  func(ctx context.Context, name, token string) (id string, err error)
	count func(ctx context.Context, name string) (int, error)
	// remove, where there may be only so many, deletes it.
	remove func(ctx context.Context, id string) error
	// few says that one takes a hundredfold of what a row takes.
	few bool
}

// count counts what there is on all pages.
func count[Out, Option any](ctx context.Context, p pager[Out, Option], on func(Out) int) (n int, err error) {
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return n, err
		}
		n += on(out)
	}
	return n, nil
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c crowd) tokened(g ground) map[string]tokened {
	l := c.lattice
	p := aws.String
	var rules atomic.Int32
	var priorities sync.Map
	id := func(s *string, err error) (string, error) { return aws.ToString(s), err }
	return map[string]tokened{
		"service network": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListServiceNetworksPaginator(l, &vpclattice.ListServiceNetworksInput{}), func(out *vpclattice.ListServiceNetworksOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"service": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateService(ctx, &vpclattice.CreateServiceInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListServicesPaginator(l, &vpclattice.ListServicesInput{}), func(out *vpclattice.ListServicesOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"target group": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateTargetGroup(ctx, &vpclattice.CreateTargetGroupInput{Name: &name, ClientToken: &token, Type: latticetypes.TargetGroupTypeIp,
					Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(80), Protocol: "HTTP", VpcIdentifier: &c.vpc}})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListTargetGroupsPaginator(l, &vpclattice.ListTargetGroupsInput{}), func(out *vpclattice.ListTargetGroupsOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"route table": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := c.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &c.vpc, ClientToken: &token,
					TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeRouteTable, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: &name}}}}})
				if err != nil {
					return "", err
				}
				return id(out.RouteTable.RouteTableId, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				out, err := c.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("tag:Name"), Values: []string{name}}}})
				if err != nil {
					return 0, err
				}
				return len(out.RouteTables), nil
			},
		},
		"resource share": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := c.ram.CreateResourceShare(ctx, &ram.CreateResourceShareInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.ResourceShare.ResourceShareArn, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				out, err := c.ram.GetResourceShares(ctx, &ram.GetResourceSharesInput{ResourceOwner: "SELF", Name: &name})
				if err != nil {
					return 0, err
				}
				return len(out.ResourceShares), nil
			},
		},
		"request of Cloud Control": {
			make: func(ctx context.Context, name, token string) (string, error) {
				out, err := c.cloudcontrol.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::Logs::LogGroup"), ClientToken: &token,
					DesiredState: aws.String(`{"LogGroupName":"` + name + `"}`)})
				if err != nil {
					return "", err
				}
				return id(out.ProgressEvent.RequestToken, nil)
			},
		},
		"patch of Cloud Control": {
			make: func(ctx context.Context, name, token string) (string, error) {
				_, err := c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: p("patched-" + name), Tags: map[string]string{"first": "v"}})
				if err != nil && code(err) != "ResourceAlreadyExistsException" {
					return "", err
				}
				out, err := c.cloudcontrol.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{TypeName: p("AWS::Logs::LogGroup"), Identifier: p("patched-" + name), ClientToken: &token,
					PatchDocument: p(`[{"op":"add","path":"/Tags/-","value":{"Key":"second","Value":"v"}}]`)})
				if err != nil {
					return "", err
				}
				_, err = c.through(ctx, out.ProgressEvent, nil)
				return *out.ProgressEvent.RequestToken, err
			},
			count: func(ctx context.Context, name string) (int, error) {
				out, err := c.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: p("arn:aws:logs:" + region + ":" + c.id + ":log-group:patched-" + name)})
				if code(err) == "ResourceNotFoundException" {
					return 0, nil
				}
				if err != nil {
					return 0, err
				}
				return len(out.Tags) - 1, nil
			},
		},
		"rule": {
			make: func(ctx context.Context, name, token string) (string, error) {
				priority, _ := priorities.LoadOrStore(name, rules.Add(1))
				out, err := l.CreateRule(ctx, &vpclattice.CreateRuleInput{ServiceIdentifier: &g.doors[0].service, ListenerIdentifier: &g.doors[0].listener, Name: &name, ClientToken: &token,
					Priority: aws.Int32(priority.(int32)), Match: matching("/a"), Action: &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(404)}}})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListRulesPaginator(l, &vpclattice.ListRulesInput{ServiceIdentifier: &g.doors[0].service, ListenerIdentifier: &g.doors[0].listener}), func(out *vpclattice.ListRulesOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
			remove: func(ctx context.Context, id string) error {
				return ok(l.DeleteRule(ctx, &vpclattice.DeleteRuleInput{ServiceIdentifier: &g.doors[0].service, ListenerIdentifier: &g.doors[0].listener, RuleIdentifier: &id}))
			},
		},
		"target": {
			make: func(ctx context.Context, name, _ string) (string, error) {
				return name, ok(l.RegisterTargets(ctx, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: &g.doors[0].group, Targets: []latticetypes.Target{{Id: p("10.1.0.8"), Port: port(name)}}}))
			},
			count: func(ctx context.Context, name string) (int, error) {
				out, err := l.ListTargets(ctx, &vpclattice.ListTargetsInput{TargetGroupIdentifier: &g.doors[0].group, Targets: []latticetypes.Target{{Id: p("10.1.0.8"), Port: port(name)}}})
				if err != nil {
					return 0, err
				}
				return len(out.Items), nil
			},
		},
		"function": {
			make: func(ctx context.Context, name, _ string) (string, error) {
				// Whoever comes second is told that it is there.
				_, err := c.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &name, Role: &g.role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: p("bootstrap"),
					Code: &lambdatypes.FunctionCode{ZipFile: g.code}})
				if err != nil && code(err) != "ResourceConflictException" {
					return "", err
				}
				return name, nil
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{}), func(out *lambda.ListFunctionsOutput) (n int) {
					for _, f := range out.Functions {
						n += one(*f.FunctionName == name)
					}
					return n
				})
			},
		},
		"load balancer": {
			few: true,
			make: func(ctx context.Context, name, _ string) (string, error) {
				out, err := c.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &name, Scheme: elbtypes.LoadBalancerSchemeEnumInternal, Subnets: g.subnets})
				if err != nil {
					return "", err
				}
				return id(out.LoadBalancers[0].LoadBalancerArn, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, elb.NewDescribeLoadBalancersPaginator(c.elb, &elb.DescribeLoadBalancersInput{}), func(out *elb.DescribeLoadBalancersOutput) (n int) {
					for _, b := range out.LoadBalancers {
						n += one(*b.LoadBalancerName == name)
					}
					return n
				})
			},
			remove: func(ctx context.Context, id string) error {
				return ok(c.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &id}))
			},
		},
		"load balancer's target group": {
			make: func(ctx context.Context, name, _ string) (string, error) {
				out, err := c.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: &g.vpc})
				if err != nil {
					return "", err
				}
				return id(out.TargetGroups[0].TargetGroupArn, nil)
			},
			count: func(ctx context.Context, name string) (int, error) {
				return count(ctx, elb.NewDescribeTargetGroupsPaginator(c.elb, &elb.DescribeTargetGroupsInput{}), func(out *elb.DescribeTargetGroupsOutput) (n int) {
					for _, g := range out.TargetGroups {
						n += one(*g.TargetGroupName == name)
					}
					return n
				})
			},
		},
	}
}

// port is a target's by its name, which ends with numbers.
func port(name string) *int32 {
	n := int32(1)
	for _, digit := range name {
		if digit >= '0' && digit <= '9' {
			n = n*10%60000 + digit - '0'
		}
	}
	return &n
}

// TestTokens makes each resource by four clients at once who have one token: they get the same answer, and there is one resource.
func TestTokens(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, "tokens")
	all := c.tokened(c.ground(t))
	var jobs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		jobs = append(jobs, name)
		for range 7 * one(!all[name].few) {
			jobs = append(jobs, name)
		}
	}
	const clients = 4
	ids := make([]string, len(jobs)*clients)
	atOnce(t, len(ids), func(i int) (err error) {
		name := jobs[i/clients]
		if ids[i], err = all[name].make(t.Context(), fmt.Sprintf("token-%d", i/clients), fmt.Sprintf("the-token-of-number-%d", i/clients)); err != nil {
			return fmt.Errorf("a %s: %w", name, err)
		}
		return nil
	})
	for i := 0; i < len(ids); i += clients {
		k := all[jobs[i/clients]]
		if same := ids[i : i+clients]; len(slices.Compact(slices.Clone(same))) != 1 {
			t.Errorf("a %s has %q", jobs[i/clients], same)
		}
		if k.count == nil {
			continue
		}
		if n, err := k.count(t.Context(), fmt.Sprintf("token-%d", i/clients)); err != nil || n != 1 {
			t.Errorf("there are %d of %s: %v", n, jobs[i/clients], err)
		}
	}
}

// TestClientsThatGiveUp closes the connection under a call, at any moment of it: the resource is whole or not there, and who asks again
// with the same token has it, once.
func TestClientsThatGiveUp(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, "quitters")
	all := c.tokened(c.ground(t))
	const turns = 40
	gaveUp := map[string]*atomic.Int64{}
	for what := range all {
		gaveUp[what] = new(atomic.Int64)
	}
	var made atomic.Int64
	tried := 0
	for turn := range turns {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !all[name].few || turn%10 == 5 {
				names = append(names, name)
			}
		}
		tried += len(names)
		atOnce(t, len(names), func(i int) error {
			what := names[i]
			k, name, token := all[what], fmt.Sprintf("quit-%d-%d", turn, i), rand.Text()
			// Some while they connect, the others so long after the request is sent.
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			patience := time.Duration(turn) * time.Millisecond / 4
			if turn%4 == 0 {
				time.AfterFunc(patience, stop)
			} else {
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { time.AfterFunc(patience, stop) }})
			}
			first, err := k.make(ctx, name, token)
			if code(err) != "" {
				return fmt.Errorf("a %s: %w", what, err)
			}
			gaveUp[what].Add(int64(one(err != nil)))
			if k.count != nil && err != nil {
				n, err := k.count(t.Context(), name)
				if err != nil || n > 1 {
					return fmt.Errorf("there are %d of a %s: %v", n, what, err)
				}
				made.Add(int64(n))
			}
			second, err := k.make(t.Context(), name, token)
			if err != nil || first != "" && first != second {
				return fmt.Errorf("a %s, asked for again: %q, %q, %v", what, first, second, err)
			}
			if k.count == nil {
				return nil
			}
			if n, err := k.count(t.Context(), name); err != nil || n != 1 {
				return fmt.Errorf("there are %d of a %s: %v", n, what, err)
			}
			if k.remove == nil {
				return nil
			}
			return k.remove(t.Context(), second)
		})
	}
	quit := int64(0)
	for what, n := range gaveUp {
		quit += n.Load()
		if n.Load() == 0 && !all[what].few {
			t.Errorf("nobody gave up on a %s", what)
		}
	}
	t.Logf("%d of %d gave up; %d of theirs had been made all the same", quit, tried, made.Load())
}
