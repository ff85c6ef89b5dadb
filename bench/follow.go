package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	"github.com/aws/smithy-go"

	"trellis/bench/probe"
	"trellis/bench/process"
	"trellis/bench/report"
	"trellis/bench/stand"
)

// site is a VPC with a service that it may ask.
type site struct {
	server  *stand.Server
	account *stand.Account

	subnet, group string
	service       string // id
	host          string
}

// A service that answers by itself: what follows a change is then the packets' way and the policy alone.
const (
	fixedStatus  = 404
	deniedStatus = 403
)

// settled repeats a call while what it needs is still being made.
func settled[In, Out, Option any](ctx context.Context, call func(context.Context, In, ...Option) (Out, error), in In) (Out, error) {
	begin := time.Now()
	for {
		out, err := call(ctx, in)
		var refused smithy.APIError
		if err == nil || !errors.As(err, &refused) || refused.ErrorCode() != "ConflictException" || time.Since(begin) > 20*time.Second {
			return out, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// vpc makes a VPC with one subnet.
func vpc(ctx context.Context, a *stand.Account) (id, subnet string, err error) {
	v, err := a.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		return "", "", err
	}
	s, err := a.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: v.Vpc.VpcId, CidrBlock: aws.String("10.0.0.0/24")})
	if err != nil {
		return "", "", err
	}
	return *v.Vpc.VpcId, *s.Subnet.SubnetId, nil
}

// service makes a service that answers by itself, in a service network.
func service(ctx context.Context, a *stand.Account, name, network string, auth types.AuthType) (*vpclattice.CreateServiceOutput, error) {
	s, err := a.Lattice.CreateService(ctx, &vpclattice.CreateServiceInput{Name: &name, AuthType: auth})
	if err != nil {
		return nil, err
	}
	if _, err := settled(ctx, a.Lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: s.Id, Name: aws.String("http"), Protocol: types.ListenerProtocolHttp,
		DefaultAction: &types.RuleActionMemberFixedResponse{Value: types.FixedResponseAction{StatusCode: aws.Int32(fixedStatus)}}}); err != nil {
		return nil, err
	}
	_, err = settled(ctx, a.Lattice.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{ServiceIdentifier: s.Id, ServiceNetworkIdentifier: &network})
	return s, err
}

// site makes a site in a new account.
func (b *bench) site(ctx context.Context, s *stand.Server) (*site, error) {
	if s.Plane != "" {
		return nil, fmt.Errorf("no packet moves here: %s", s.Plane)
	}
	a, err := s.Account(ctx, "bench-site")
	if err != nil {
		return nil, err
	}
	v, subnet, err := vpc(ctx, a)
	if err != nil {
		return nil, err
	}
	g, err := a.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("lattice"), Description: aws.String("bench"), VpcId: &v})
	if err != nil {
		return nil, err
	}
	t := &site{server: s, account: a, subnet: subnet, group: *g.GroupId}
	if err := t.open(ctx, true); err != nil {
		return nil, err
	}
	network, err := a.Lattice.CreateServiceNetwork(ctx, &vpclattice.CreateServiceNetworkInput{Name: aws.String("bench")})
	if err != nil {
		return nil, err
	}
	made, err := service(ctx, a, "bench", *network.Id, types.AuthTypeAwsIam)
	if err != nil {
		return nil, err
	}
	t.service = *made.Id
	if err := t.allow(ctx, true); err != nil {
		return nil, err
	}
	if _, err := settled(ctx, a.Lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: network.Id, VpcIdentifier: &v,
		SecurityGroupIds: []string{t.group}}); err != nil {
		return nil, err
	}
	got, err := a.Lattice.GetService(ctx, &vpclattice.GetServiceInput{ServiceIdentifier: made.Id})
	if err != nil {
		return nil, err
	}
	if got.DnsEntry == nil || got.DnsEntry.DomainName == nil {
		return nil, errors.New("the service has no name")
	}
	t.host = *got.DnsEntry.DomainName
	return t, s.Settle(ctx)
}

// open puts the rule that lets clients in, or takes it away.
func (t *site) open(ctx context.Context, yes bool) error {
	rule := []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	var err error
	if yes {
		_, err = t.account.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &t.group, IpPermissions: rule})
	} else {
		_, err = t.account.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &t.group, IpPermissions: rule})
	}
	return err
}

// allow puts a policy that allows all, or none.
func (t *site) allow(ctx context.Context, yes bool) error {
	effect := "Deny"
	if yes {
		effect = "Allow"
	}
	_, err := t.account.Lattice.PutAuthPolicy(ctx, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: &t.service,
		Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":"*","Action":"*","Resource":"*"}]}`)})
	return err
}

// change is something that is done and undone, and what is seen of it inside the VPC.
type change struct {
	name     string
	role     string
	do       func(context.Context, bool) error
	yes, no  int
	location string
}

func (t *site) changes() []change {
	return []change{
		{"auth policy", "requests", t.allow, fixedStatus, deniedStatus, "requests"},
		{"security group rule", "connections", t.open, 1, 0, "packets"},
	}
}

// watch starts a probe inside the VPC that tells of what changes there.
func (b *bench) watch(t *site, role string) (*actor, error) {
	line := t.server.Command("exec", "--subnet", t.subnet, "--", b.self, roleArgument, "probe", role, t.host)
	p, err := process.Start(process.Program{Path: line[0], Args: line[1:], Core: process.Any, Talk: true, Log: filepath.Join(b.dir, "probe.log"), Env: []string{"GODEBUG=netdns=go"}})
	if err != nil {
		return nil, err
	}
	return newActor(p), nil
}

// lags makes a change by turns and tells how long after its acknowledgement the first to see it was begun, in milliseconds.
func (b *bench) lags(ctx context.Context, t *site, c change, times int) (_ []float64, err error) {
	a, err := b.watch(t, c.role)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	var seen probe.Seen
	if err := a.listen(&seen); err != nil {
		return nil, err
	}
	if seen.Status != c.yes {
		return nil, fmt.Errorf("the first thing seen inside the VPC is %d, not %d", seen.Status, c.yes)
	}
	var out []float64
	yes := false
	for range times {
		if err := c.do(ctx, yes); err != nil {
			return nil, err
		}
		acknowledged := time.Now()
		if err := a.listen(&seen); err != nil {
			return nil, err
		}
		want := c.no
		if yes {
			want = c.yes
		}
		if seen.Status != want {
			return nil, fmt.Errorf("after a change %d is seen inside the VPC, not %d", seen.Status, want)
		}
		out = append(out, max(0, millis(time.Unix(0, seen.At).Sub(acknowledged))))
		yes = !yes
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if !yes {
		return out, nil
	}
	return out, c.do(ctx, true)
}

// cost tells what processor time of the server one change takes, in milliseconds, beyond what it uses at rest.
func (b *bench) cost(ctx context.Context, t *site, c change, times int) (float64, error) {
	const pause = 20 * time.Millisecond
	spend := func(do func(i int) error) (time.Duration, time.Duration, error) {
		before, err := t.server.Usage()
		if err != nil {
			return 0, 0, err
		}
		begin := time.Now()
		for i := range times {
			if err := do(i); err != nil {
				return 0, 0, err
			}
			time.Sleep(pause)
		}
		took := time.Since(begin)
		after, err := t.server.Usage()
		return after.Sub(before).CPU(), took, err
	}
	if err := t.server.Settle(ctx); err != nil {
		return 0, err
	}
	nothing := func(int) error { return ctx.Err() }
	before, first, err := spend(nothing)
	if err != nil {
		return 0, err
	}
	busy, took, err := spend(func(i int) error { return c.do(ctx, i%2 == 1) })
	if err != nil {
		return 0, err
	}
	after, last, err := spend(nothing)
	if err != nil {
		return 0, err
	}
	rest := time.Duration(float64(before+after) * float64(took) / float64(first+last))
	return max(0, millis(busy-rest)/float64(times)), nil
}

// followed is what was measured of changes.
type followed struct {
	lags, costs map[string][]float64
}

func (b *bench) follow(ctx context.Context, s *stand.Server) (*followed, error) {
	t, err := b.site(ctx, s)
	if err != nil {
		return nil, err
	}
	times := 200
	if b.quick {
		times = 12
	}
	f := &followed{lags: map[string][]float64{}}
	for _, c := range t.changes() {
		if f.lags[c.name], err = b.lags(ctx, t, c, times); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	f.costs, err = b.costs(ctx, t)
	return f, err
}

// costs tells what processor time of the server one change of each kind takes, in milliseconds, in rounds that take turns.
func (b *bench) costs(ctx context.Context, t *site) (map[string][]float64, error) {
	times, rounds := 40, 5
	if b.quick {
		times, rounds = 6, 1
	}
	out := map[string][]float64{}
	for range rounds {
		for _, c := range t.changes() {
			n, err := b.cost(ctx, t, c, times)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			out[c.name] = append(out[c.name], n)
		}
	}
	return out, nil
}

// quantile of values.
func quantile(values []float64, q float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

// What limits the figures of changes.
const (
	followLimit = "the parts of the plan that the change concerns compiled anew and applied. The probe tries every 0.2 to 0.4 ms, and shares both cores with the server."
	changeLimit = "the call, the write and the plan; read in ticks of 10 ms over all changes of a run."
)

// tellFollowed makes figures, beside those of another run if there is one.
func (b *bench) tellFollowed(group string, t *followed, beside *followed, name string) {
	for _, c := range (&site{}).changes() {
		add := func(figure string, unit report.Unit, get func(*followed) []float64, aim *report.Aim, limit string) {
			f := report.Figure{Group: group, Name: figure, Unit: unit, Aim: aim, Limit: limit, Ours: report.Sample{Subject: trellis, Values: get(t)}}
			if beside != nil {
				f.Beside = []report.Sample{{Subject: name, Values: get(beside)}}
			}
			b.add(f)
		}
		at := func(q float64) func(*followed) []float64 {
			return func(f *followed) []float64 { return []float64{quantile(f.lags[c.name], q)} }
		}
		add(c.name+" acknowledged → "+c.location+" follow, p50", report.Millis, at(0.5), nil, followLimit)
		add(c.name+" acknowledged → "+c.location+" follow, p99", report.Millis, at(0.99), &report.Aim{Value: 10}, followLimit)
		var follows *report.Aim
		if beside != nil {
			follows = &report.Aim{Value: 1.3, Of: name}
		}
		add("CPU of one change: "+c.name, report.Millis, func(f *followed) []float64 { return f.costs[c.name] }, follows, changeLimit)
	}
}

func (b *bench) follows(ctx context.Context) error {
	s, err := b.server(ctx, "follow", process.Any)
	if err != nil {
		return err
	}
	f, err := b.follow(ctx, s)
	if err != nil {
		return err
	}
	b.followed = f
	b.tellFollowed("Following", f, nil, "")
	return nil
}
