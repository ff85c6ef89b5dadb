package test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/smithy-go"
)

const region = "us-east-1"

// Waiters wait so long, and ask so often; by themselves they ask every quarter of a minute. What has no waiter is asked for so many times.
const (
	wait     = 30 * time.Second
	soon     = 50 * time.Millisecond
	attempts = 200
)

// account is a caller's clients, all made from its profile as a user's are.
type account struct {
	id, name string
	server   *server
	config   aws.Config

	ec2           *ec2.Client
	lattice       *vpclattice.Client
	ram           *ram.Client
	elb           *elasticloadbalancingv2.Client
	lambda        *lambda.Client
	iam           *iam.Client
	sts           *sts.Client
	organizations *organizations.Client
	logs          *cloudwatchlogs.Client
	cloudcontrol  *cloudcontrol.Client
}

// profile opens the profile of an account.
func (s *server) profile(t *testing.T, id, name string) *account {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{s.profiles}), config.WithSharedCredentialsFiles(nil),
		config.WithSharedConfigProfile(name))
	if err != nil {
		t.Fatalf("the profile %s: %v", name, err)
	}
	return s.clients(id, name, c)
}

func (s *server) clients(id, name string, c aws.Config) *account {
	return &account{id: id, name: name, server: s, config: c,
		ec2: ec2.NewFromConfig(c), lattice: vpclattice.NewFromConfig(c), ram: ram.NewFromConfig(c), elb: elasticloadbalancingv2.NewFromConfig(c),
		lambda: lambda.NewFromConfig(c), iam: iam.NewFromConfig(c), sts: sts.NewFromConfig(c), organizations: organizations.NewFromConfig(c),
		logs: cloudwatchlogs.NewFromConfig(c), cloudcontrol: cloudcontrol.NewFromConfig(c, watched)}
}

// as is the account's clients with other credentials of the same account.
func (a *account) as(key, secret, token string) *account {
	c := a.config.Copy()
	c.Credentials = credentials.NewStaticCredentialsProvider(key, secret, token)
	return a.server.clients(a.id, a.name, c)
}

// in is the account's clients for another region.
func (a *account) in(region string) *account {
	c := a.config.Copy()
	c.Region = region
	return a.server.clients(a.id, a.name, c)
}

// must calls an operation that is to succeed.
func must[In, Out, Option any](t *testing.T, call func(context.Context, In, ...Option) (Out, error), in In) Out {
	t.Helper()
	out, err := call(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused calls an operation that is to fail with one of the codes.
func refused[In, Out, Option any](t *testing.T, call func(context.Context, In, ...Option) (Out, error), in In, codes ...string) {
	t.Helper()
	_, err := call(t.Context(), in)
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("%T: got %v, want an error with code %q", in, err, codes)
		return
	}
	for _, code := range codes {
		if api.ErrorCode() == code {
			return
		}
	}
	t.Errorf("%T: got code %s (%s), want %q", in, api.ErrorCode(), api.ErrorMessage(), codes)
}

// pager is a paginator of the SDK.
type pager[Out, Option any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...Option) (Out, error)
}

// pages reads a paginator to its end: how many pages there were, and what get takes of each.
func pages[Out, Option, Item any](t *testing.T, p pager[Out, Option], get func(Out) []Item) (items []Item, n int) {
	t.Helper()
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, get(out)...)
		n++
	}
	return items, n
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !settles(done) {
		t.Fatalf("%s did not come to be", what)
	}
}

func settles(done func() bool) bool {
	for range attempts {
		if done() {
			return true
		}
		time.Sleep(soon)
	}
	return false
}
