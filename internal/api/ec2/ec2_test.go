package ec2_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	api "trellis/internal/api/ec2"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/store/mem"
)

const (
	red   = "111111111111"
	black = "222222222222"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// env is the API over a memory store, with a clock of its own.
type env struct {
	*api.API
	t    *testing.T
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
	e := &env{t: t, view: view, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	e.API = api.New(view, func() time.Time { return e.now })
	return e
}

// as returns a context in which the account calls us-east-1.
func (e *env) as(account string) context.Context { return e.in(account, "us-east-1") }

func (e *env) in(account, region string) context.Context {
	return caller.With(e.t.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root", UserID: account})
}

// applied makes everything real that is there now.
func (e *env) applied() {
	e.t.Helper()
	e.update(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: e.view.Snapshot().SpecRev})
	})
}

func (e *env) update(fn func(tx *state.Tx)) {
	e.t.Helper()
	if err := e.view.Update(e.t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		e.t.Fatal(err)
	}
}

// must returns out, failing the test when the call failed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// wants fails the test unless err carries the code.
func wants(t *testing.T, err error, code string) {
	t.Helper()
	got := ""
	var f *fault.Error
	if errors.As(err, &f) {
		got = f.Code
	} else if err != nil {
		got = err.Error()
	}
	if got != code {
		t.Errorf("got error %q (%v), want %q", got, err, code)
	}
}

func (e *env) vpc(account, cidr string) string {
	e.t.Helper()
	return *must[*ec2.CreateVpcOutput](e.t)(e.CreateVpc(e.as(account), &ec2.CreateVpcInput{CidrBlock: &cidr})).Vpc.VpcId
}

func (e *env) subnet(account, vpcID, cidr string) string {
	e.t.Helper()
	return *must[*ec2.CreateSubnetOutput](e.t)(e.CreateSubnet(e.as(account), &ec2.CreateSubnetInput{VpcId: &vpcID, CidrBlock: &cidr})).Subnet.SubnetId
}

func (e *env) group(account, vpcID, name string) string {
	e.t.Helper()
	return *must[*ec2.CreateSecurityGroupOutput](e.t)(e.CreateSecurityGroup(e.as(account),
		&ec2.CreateSecurityGroupInput{VpcId: &vpcID, GroupName: &name, Description: new("test")})).GroupId
}

func (e *env) table(account, vpcID string) string {
	e.t.Helper()
	return *must[*ec2.CreateRouteTableOutput](e.t)(e.CreateRouteTable(e.as(account), &ec2.CreateRouteTableInput{VpcId: &vpcID})).RouteTable.RouteTableId
}

func (e *env) gateway(account string) string {
	e.t.Helper()
	return *must[*ec2.CreateInternetGatewayOutput](e.t)(e.CreateInternetGateway(e.as(account), &ec2.CreateInternetGatewayInput{})).InternetGateway.InternetGatewayId
}

func (e *env) peering(from, to, vpcID, peer string) string {
	e.t.Helper()
	return *must[*ec2.CreateVpcPeeringConnectionOutput](e.t)(e.CreateVpcPeeringConnection(e.as(from),
		&ec2.CreateVpcPeeringConnectionInput{VpcId: &vpcID, PeerVpcId: &peer, PeerOwnerId: &to})).VpcPeeringConnection.VpcPeeringConnectionId
}

func (e *env) accept(account, id string) {
	e.t.Helper()
	must[*ec2.AcceptVpcPeeringConnectionOutput](e.t)(e.AcceptVpcPeeringConnection(e.as(account), &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: &id}))
}

func filters(pairs ...string) []ec2.Filter {
	var out []ec2.Filter
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, ec2.Filter{Name: &pairs[i], Values: []string{pairs[i+1]}})
	}
	return out
}
