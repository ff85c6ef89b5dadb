package vpclattice_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"trellis/internal/api/vpclattice"
	model "trellis/internal/aws/model/vpclattice"
	"trellis/internal/balancer"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/share"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

const (
	owner    = "111111111111"
	consumer = "222222222222"
	stranger = "333333333333"
	region   = "eu-west-1"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return bytes.Clone(b) }
func (plain) Open(b []byte) ([]byte, error) { return bytes.Clone(b), nil }

// world is an API over an empty state whose only host applies everything at once, unless told to lag.
type world struct {
	*testing.T
	*vpclattice.API
	view *state.View
	now  time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := mem.New()
	v, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Close()
		_ = s.Close()
	})
	w := &world{T: t, view: v, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.API = vpclattice.New(v, func() time.Time { return w.now })
	w.host(always, nil)
	return w
}

// always is a revision that no test reaches.
const always = 1 << 40

// host says which revision the host has applied, and what failed.
func (w *world) host(applied int64, failures map[string]string) {
	w.Helper()
	w.put(func(tx *state.Tx) {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: applied, Failures: failures})
	})
}

// lag keeps the host at what there is now.
func (w *world) lag() {
	w.Helper()
	w.host(w.view.Snapshot().SpecRev, nil)
}

func (w *world) put(fn func(*state.Tx)) {
	w.Helper()
	if err := w.view.Update(w.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		w.Fatal(err)
	}
}

// sweep ends the second phase of deletions.
func (w *world) sweep() {
	w.Helper()
	s := w.view.Snapshot()
	w.put(func(tx *state.Tx) {
		for row := range state.Services.All(s) {
			if row.Deleting {
				state.Services.Delete(tx, row.ID)
			}
		}
		for row := range state.TargetGroups.All(s) {
			if row.Deleting {
				state.TargetGroups.Delete(tx, row.ID)
			}
		}
		for row := range state.NetworkServices.All(s) {
			if row.Deleting {
				state.NetworkServices.Delete(tx, row.ID)
			}
		}
		for row := range state.NetworkVPCs.All(s) {
			if row.Deleting {
				state.NetworkVPCs.Delete(tx, row.ID)
			}
		}
		for row := range state.NetworkResources.All(s) {
			if row.Deleting {
				state.NetworkResources.Delete(tx, row.ID)
			}
		}
		for row := range state.ResourceConfigurations.All(s) {
			if row.Deleting {
				state.ResourceConfigurations.Delete(tx, row.ID)
			}
		}
		for row := range state.ResourceGateways.All(s) {
			if row.Deleting {
				state.ResourceGateways.Delete(tx, row.ID)
			}
		}
		for row := range state.Targets.All(s) {
			if row.Draining {
				state.Targets.Delete(tx, state.TargetKey(row))
			}
		}
	})
}

// as is the context of a call of the account.
func (w *world) as(account string) context.Context { return w.in(account, region) }

func (w *world) in(account, region string) context.Context {
	return caller.With(w.Context(), &caller.Caller{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root"})
}

// ok fails the test on an error and returns the answer.
func ok[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// refused checks an error's kind and that its message holds the words.
func (w *world) refused(err error, kind fault.Kind, words string) {
	w.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, words) {
		w.Errorf("error %v (%v), want %v with %q", err, fault.KindOf(err), kind, words)
	}
}

func in(account string) vpc.Owner { return vpc.Owner{Account: account, Region: region} }

// network puts a VPC with one security group into the account. The ids end in the digit.
func (w *world) network(account string, n string, cidr string) (vpcID, groupID string) {
	w.Helper()
	vpcID, groupID = "vpc-0000000000000000"+n, "sg-0000000000000000"+n
	w.put(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: in(account), ID: vpcID, CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix(cidr)}}})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: in(account), ID: groupID, VPC: vpcID, Name: "g" + n})
		first := netip.PrefixFrom(netip.MustParsePrefix(cidr).Addr(), 24)
		state.Subnets.Put(tx, &vpc.Subnet{Owner: in(account), ID: subnetOf(vpcID), VPC: vpcID, CIDR: first, Zone: region + "a"})
	})
	return vpcID, groupID
}

// subnetOf is the subnet that network makes, the first 256 addresses of the VPC.
func subnetOf(vpcID string) string { return strings.Replace(vpcID, "vpc-", "subnet-", 1) }

// endpoint puts a VPC endpoint of the account's, which EC2 makes.
func (w *world) endpoint(account, id, kind, target string) *vpc.Endpoint {
	w.Helper()
	e := &vpc.Endpoint{Owner: in(account), ID: id, VPC: "vpc-1", Type: kind, Target: target, TargetOwner: account, Created: w.now}
	w.put(func(tx *state.Tx) { state.Endpoints.Put(tx, e) })
	return e
}

// gateway makes a resource gateway in the subnet of a VPC.
func (w *world) gateway(account, name, vpcID string) *model.CreateResourceGatewayOutput {
	w.Helper()
	return ok(w.CreateResourceGateway(w.as(account), &model.CreateResourceGatewayInput{Name: &name, VpcIdentifier: &vpcID, SubnetIds: []string{subnetOf(vpcID)},
		Ipv4AddressesPerEni: new(int32(2))}))(w.T)
}

// resource makes a resource configuration for an address behind the gateway.
func (w *world) resource(account, name string, gateway *string, addr string) *model.CreateResourceConfigurationOutput {
	w.Helper()
	return ok(w.CreateResourceConfiguration(w.as(account), &model.CreateResourceConfigurationInput{Name: &name, Type: new("SINGLE"), ResourceGatewayIdentifier: gateway,
		PortRanges: []string{"5432"}, ResourceConfigurationDefinition: ipResource(addr)}))(w.T)
}

func ipResource(addr string) *model.ResourceConfigurationDefinition {
	return &model.ResourceConfigurationDefinition{IpResource: &model.IpResource{IpAddress: &addr}}
}

// place puts a resource configuration into a network.
func (w *world) place(account string, network, resource *string) *model.CreateServiceNetworkResourceAssociationOutput {
	w.Helper()
	return ok(w.CreateServiceNetworkResourceAssociation(w.as(account), &model.CreateServiceNetworkResourceAssociationInput{ServiceNetworkIdentifier: network,
		ResourceConfigurationIdentifier: resource}))(w.T)
}

// share shares the resources of the owner's with the principals, as RAM does.
func (w *world) share(id string, resources []string, principals ...string) {
	w.Helper()
	row := &share.Share{Owner: in(owner), ID: id, Name: id, Status: "ACTIVE"}
	for _, t := range share.Types() {
		row.Permit(t.DefaultPermission())
	}
	for _, r := range resources {
		row.Resources = append(row.Resources, share.Association{Entity: r, Status: share.Associated})
	}
	for _, p := range principals {
		row.Principals = append(row.Principals, share.Association{Entity: p, Status: share.Associated})
	}
	w.put(func(tx *state.Tx) { state.Shares.Put(tx, row) })
}

func (w *world) unshare(id string) {
	w.Helper()
	row := &share.Share{Owner: in(owner), ID: id, Name: id, Status: "DELETED"}
	w.put(func(tx *state.Tx) { state.Shares.Put(tx, row) })
}

// balancer puts an ALB with an HTTP listener on port 80 into the VPC and returns its ARN.
func (w *world) balancer(account, name, vpcID, scheme string) string {
	w.Helper()
	lb := &balancer.LoadBalancer{Owner: in(account), Name: name, ID: "0123456789abcdef", Scheme: scheme, Type: "application", VPC: vpcID}
	w.put(func(tx *state.Tx) {
		state.LoadBalancers.Put(tx, lb)
		state.BalancerListeners.Put(tx, &balancer.Listener{Owner: in(account), LoadBalancer: lb.ARN(), ARN: lb.ARN() + "/listener", Protocol: "HTTP", Port: 80})
	})
	return lb.ARN()
}

func (w *world) function(account, name string) string {
	w.Helper()
	f := &function.Function{Owner: in(account), Name: name, Versions: []string{"1"}, Aliases: []function.Alias{{Name: "live", Version: "1"}}}
	w.put(func(tx *state.Tx) { state.Functions.Put(tx, f) })
	return f.ARN()
}

func (w *world) newService(account, name string) *model.CreateServiceOutput {
	w.Helper()
	return ok(w.CreateService(w.as(account), &model.CreateServiceInput{Name: &name}))(w.T)
}

func (w *world) newNetwork(account, name string) *model.CreateServiceNetworkOutput {
	w.Helper()
	return ok(w.CreateServiceNetwork(w.as(account), &model.CreateServiceNetworkInput{Name: &name}))(w.T)
}

func (w *world) newGroup(account, name, kind string, config *model.TargetGroupConfig) *model.CreateTargetGroupOutput {
	w.Helper()
	return ok(w.CreateTargetGroup(w.as(account), &model.CreateTargetGroupInput{Name: &name, Type: &kind, Config: config}))(w.T)
}

func (w *world) newListener(account string, service *string, name string, port int32, action *model.RuleAction) *model.CreateListenerOutput {
	w.Helper()
	return ok(w.CreateListener(w.as(account), &model.CreateListenerInput{ServiceIdentifier: service, Name: &name, Protocol: new("HTTP"), Port: &port, DefaultAction: action}))(w.T)
}

func (w *world) join(account string, network, service *string) *model.CreateServiceNetworkServiceAssociationOutput {
	w.Helper()
	return ok(w.CreateServiceNetworkServiceAssociation(w.as(account), &model.CreateServiceNetworkServiceAssociationInput{ServiceNetworkIdentifier: network, ServiceIdentifier: service}))(w.T)
}

func (w *world) attach(account string, network *string, vpcID string, groups ...string) *model.CreateServiceNetworkVpcAssociationOutput {
	w.Helper()
	return ok(w.CreateServiceNetworkVpcAssociation(w.as(account), &model.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: network, VpcIdentifier: &vpcID, SecurityGroupIds: groups}))(w.T)
}

func fixed(status int32) *model.RuleAction {
	return &model.RuleAction{FixedResponse: &model.FixedResponseAction{StatusCode: &status}}
}

func forward(groups ...*string) *model.RuleAction {
	f := &model.ForwardAction{}
	for _, g := range groups {
		w := model.WeightedTargetGroup{TargetGroupIdentifier: g}
		if len(groups) > 1 {
			w.Weight = new(int32(1))
		}
		f.TargetGroups = append(f.TargetGroups, w)
	}
	return &model.RuleAction{Forward: f}
}

func path(prefix string) *model.RuleMatch {
	return &model.RuleMatch{HttpMatch: &model.HttpMatch{PathMatch: &model.PathMatch{Match: &model.PathMatchType{Prefix: &prefix}}}}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not contain %q", text, part)
	}
}
