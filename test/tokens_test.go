package test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// tokened is a creation that takes a client token, and how many there are of the name.
type tokened struct {
	make  func(ctx context.Context, name, token string) (id string, err error)
	count func(ctx context.Context, name string) (int, error)
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

func (c crowd) tokened() map[string]tokened {
	l := c.lattice
	id := func(s *string, err error) (string, error) { return aws.ToString(s), err }
	return map[string]tokened{
		"service network": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListServiceNetworksPaginator(l, &vpclattice.ListServiceNetworksInput{}), func(out *vpclattice.ListServiceNetworksOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"service": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateService(ctx, &vpclattice.CreateServiceInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListServicesPaginator(l, &vpclattice.ListServicesInput{}), func(out *vpclattice.ListServicesOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"target group": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := l.CreateTargetGroup(ctx, &vpclattice.CreateTargetGroupInput{Name: &name, ClientToken: &token, Type: latticetypes.TargetGroupTypeIp,
					Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(80), Protocol: "HTTP", VpcIdentifier: &c.vpc}})
				if err != nil {
					return "", err
				}
				return id(out.Id, nil)
			},
			func(ctx context.Context, name string) (int, error) {
				return count(ctx, vpclattice.NewListTargetGroupsPaginator(l, &vpclattice.ListTargetGroupsInput{}), func(out *vpclattice.ListTargetGroupsOutput) (n int) {
					for _, i := range out.Items {
						n += one(*i.Name == name)
					}
					return n
				})
			},
		},
		"route table": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := c.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &c.vpc, ClientToken: &token,
					TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeRouteTable, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: &name}}}}})
				if err != nil {
					return "", err
				}
				return id(out.RouteTable.RouteTableId, nil)
			},
			func(ctx context.Context, name string) (int, error) {
				out, err := c.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("tag:Name"), Values: []string{name}}}})
				if err != nil {
					return 0, err
				}
				return len(out.RouteTables), nil
			},
		},
		"resource share": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := c.ram.CreateResourceShare(ctx, &ram.CreateResourceShareInput{Name: &name, ClientToken: &token})
				if err != nil {
					return "", err
				}
				return id(out.ResourceShare.ResourceShareArn, nil)
			},
			func(ctx context.Context, name string) (int, error) {
				out, err := c.ram.GetResourceShares(ctx, &ram.GetResourceSharesInput{ResourceOwner: "SELF", Name: &name})
				if err != nil {
					return 0, err
				}
				return len(out.ResourceShares), nil
			},
		},
		"request of Cloud Control": {
			func(ctx context.Context, name, token string) (string, error) {
				out, err := c.cloudcontrol.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: aws.String("AWS::Logs::LogGroup"), ClientToken: &token,
					DesiredState: aws.String(`{"LogGroupName":"` + name + `"}`)})
				if err != nil {
					return "", err
				}
				return id(out.ProgressEvent.RequestToken, nil)
			},
			nil,
		},
	}
}

// TestTokens makes each resource by four clients at once who have one token: they get the same answer, and there is one resource.
func TestTokens(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, "tokens")
	all := c.tokened()
	names := slices.Sorted(maps.Keys(all))
	const each, clients = 8, 4
	ids := make([]string, len(names)*each*clients)
	atOnce(t, len(ids), func(i int) (err error) {
		name := names[i/clients%len(names)]
		if ids[i], err = all[name].make(t.Context(), fmt.Sprintf("token-%d", i/clients), fmt.Sprintf("the-token-of-number-%d", i/clients)); err != nil {
			return fmt.Errorf("a %s: %w", name, err)
		}
		return nil
	})
	for i := 0; i < len(ids); i += clients {
		k := all[names[i/clients%len(names)]]
		if same := ids[i : i+clients]; len(slices.Compact(slices.Clone(same))) != 1 {
			t.Errorf("a %s has %q", names[i/clients%len(names)], same)
		}
		if k.count == nil {
			continue
		}
		if n, err := k.count(t.Context(), fmt.Sprintf("token-%d", i/clients)); err != nil || n != 1 {
			t.Errorf("there are %d of %s: %v", n, names[i/clients%len(names)], err)
		}
	}
}

// TestClientsThatGiveUp closes the connection under a call, at any moment of it: the resource is whole or not there, and who asks again
// with the same token has it, once.
func TestClientsThatGiveUp(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, "quitters")
	all := c.tokened()
	names := slices.Sorted(maps.Keys(all))
	const turns = 40
	var gaveUp, made atomic.Int64
	for turn := range turns {
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
			gaveUp.Add(int64(one(err != nil)))
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
			return nil
		})
	}
	t.Logf("%d of %d gave up; %d of theirs had been made all the same", gaveUp.Load(), turns*len(names), made.Load())
	if gaveUp.Load() == 0 {
		t.Error("nobody gave up")
	}
}
