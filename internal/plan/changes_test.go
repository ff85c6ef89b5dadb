package plan_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/balancer"
	"trellis/internal/function"
	"trellis/internal/lattice"
	"trellis/internal/ordered"
	"trellis/internal/plan"
	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
	"trellis/internal/resolver"
	"trellis/internal/sandbox"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/substrate"
	"trellis/internal/vpc"
)

// places is how many places there are in the estate that is changed at random. Everything in a place has the place's name
// in its id and in its account.
const places = 4

func place(i int) string { return fmt.Sprintf("p%d", i) }

// alter changes something in a place, and tells which places that may matter to.
func alter(tx *state.Tx, r *rand.Rand, i int) []int {
	p := place(i)
	o := owner(p)
	// One step in three takes away what another puts.
	gone := r.IntN(3) == 0
	meta := func(kind string, n int) lattice.Meta {
		id := fmt.Sprintf("%s-%s-%d", kind, p, n)
		return lattice.Meta{Owner: o, ID: id, Name: id, Deleting: gone}
	}
	coin := func() bool { return r.IntN(2) == 0 }
	arn := func(kind string, n int) string {
		return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:%s/%s-%d", region, p, kind, p, n)
	}
	target := func() string { return meta("tg", r.IntN(2)).ID }
	lb := &balancer.LoadBalancer{Owner: o, Name: p, ID: strings.Repeat(p, 8), VPC: "vpc-" + p, Interfaces: []string{fmt.Sprintf("eni-%s-%d", p, r.IntN(3)), "eni-" + p + "-0"}}
	switch r.IntN(19) {
	case 0:
		if gone {
			state.VPCs.Delete(tx, "vpc-"+p)
			break
		}
		state.VPCs.Put(tx, &vpc.VPC{Owner: o, ID: "vpc-" + p, CIDRs: []vpc.CIDRBlock{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}, DNSSupport: coin(), DNSHostnames: coin()})
	case 1:
		if gone {
			state.Subnets.Delete(tx, "subnet-"+p)
			break
		}
		state.Subnets.Put(tx, &vpc.Subnet{Owner: o, ID: "subnet-" + p, VPC: "vpc-" + p, CIDR: netip.MustParsePrefix("10.0.0.0/24"), NetworkACLID: "acl-" + p})
	case 2:
		table := &vpc.RouteTable{Owner: o, ID: "rtb-" + p, VPC: "vpc-" + p, Associations: []vpc.TableAssociation{{Main: coin(), Subnet: "subnet-" + p}},
			Routes: []vpc.Route{{Destination: netip.MustParsePrefix("10.9.0.0/16"), Peering: fmt.Sprintf("pcx-%s-%s", p, place((i+1)%places))}}}
		state.RouteTables.Put(tx, table)
	case 3:
		protocol := "tcp"
		if gone {
			protocol = "nonsense"
		}
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: o, ID: "sg-" + p, VPC: "vpc-" + p, Rules: []vpc.Rule{{ID: "sgr", Protocol: protocol, FromPort: int32(r.IntN(9)), ToPort: 80, CIDR: netip.MustParsePrefix("0.0.0.0/0")}}})
	case 4:
		n := r.IntN(3)
		id := fmt.Sprintf("eni-%s-%d", p, n)
		if gone {
			state.Interfaces.Delete(tx, id)
			break
		}
		state.Interfaces.Put(tx, &vpc.NetworkInterface{Owner: o, ID: id, VPC: "vpc-" + p, Subnet: "subnet-" + p, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + n)}),
			Groups: []string{"sg-" + p}, Type: vpc.PlainInterface, User: lb.ARN()})
	case 5:
		acl := vpc.NewDefaultACL(o, "vpc-"+p)
		acl.ID = "acl-" + p
		if coin() {
			acl.Entries = append(acl.Entries, vpc.ACLEntry{Number: 50, Protocol: "tcp", FromPort: 80, ToPort: 81, CIDR: netip.MustParsePrefix("10.0.0.0/8")})
		}
		state.NetworkACLs.Put(tx, acl)
	case 6:
		other := (i + 1) % places
		id := fmt.Sprintf("pcx-%s-%s", p, place(other))
		status := "active"
		if gone {
			status = "deleted"
		}
		state.Peerings.Put(tx, &vpc.Peering{Owner: o, ID: id, Status: status, Requester: vpc.PeerSide{Owner: o, VPC: "vpc-" + p, RemoteDNS: coin()},
			Accepter: vpc.PeerSide{Owner: owner(place(other)), VPC: "vpc-" + place(other), RemoteDNS: coin()}})
		return []int{i, other}
	case 7:
		state.Services.Put(tx, &lattice.Service{Meta: meta("svc", r.IntN(2)), AuthType: lattice.AuthIAM, IdleTimeout: int32(r.IntN(3))})
	case 8:
		if gone {
			state.Services.Delete(tx, meta("svc", 0).ID)
			break
		}
		state.AuthPolicies.Put(tx, &lattice.AuthPolicy{Resource: meta("svc", r.IntN(2)).ID,
			Document: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
				`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`, "nonsense"}[r.IntN(3)]})
	case 9:
		state.Listeners.Put(tx, &lattice.Listener{Meta: meta("listener", r.IntN(2)), Service: meta("svc", r.IntN(2)).ID, Protocol: "HTTP", Port: int32(80 + r.IntN(3)),
			Default: lattice.Action{Forward: []lattice.Weighted{{TargetGroup: target(), Weight: 1}, {TargetGroup: arn("targetgroup", 0), Weight: 1}}}})
	case 10:
		if gone {
			state.Listeners.Delete(tx, meta("listener", 0).ID)
			break
		}
		state.Rules.Put(tx, &lattice.Rule{Meta: meta("rule", r.IntN(2)), Service: meta("svc", 0).ID, Listener: meta("listener", r.IntN(2)).ID, Priority: int32(r.IntN(9)),
			Action: lattice.Action{Forward: []lattice.Weighted{{TargetGroup: target(), Weight: 1}}}})
	case 11:
		state.TargetGroups.Put(tx, &lattice.TargetGroup{Meta: meta("tg", r.IntN(2)), Type: []string{lattice.TypeALB, lattice.TypeIP}[r.IntN(2)], VPC: "vpc-" + p, Port: 80, Protocol: "HTTP"})
	case 12:
		t := &lattice.Target{Owner: o, TargetGroup: target(), ID: []string{lb.ARN(), "10.0.0.7", "nonsense"}[r.IntN(3)], Port: 80, Draining: coin()}
		if gone {
			state.Targets.Delete(tx, state.TargetKey(t))
			break
		}
		state.Targets.Put(tx, t)
	case 13:
		state.Networks.Put(tx, &lattice.Network{Meta: meta("sn", 0), AuthType: lattice.AuthNone})
	case 14:
		state.NetworkServices.Put(tx, &lattice.NetworkService{Meta: meta("snsa", r.IntN(2)), Network: meta("sn", 0).ID, Service: meta("svc", r.IntN(2)).ID})
	case 15:
		state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: meta("snva", r.IntN(2)), Network: meta("sn", 0).ID, VPC: "vpc-" + p})
	case 16:
		if gone {
			state.LoadBalancers.Delete(tx, lb.ARN())
			break
		}
		state.LoadBalancers.Put(tx, lb)
	case 17:
		forward := []balancer.Action{{Type: "forward", Forward: []balancer.Weighted{{TargetGroup: arn("targetgroup", r.IntN(2)), Weight: 1}}}}
		switch r.IntN(3) {
		case 0:
			state.BalancerListeners.Put(tx, &balancer.Listener{Owner: o, ARN: arn("listener", 0), LoadBalancer: lb.ARN(), Port: 80, Protocol: "HTTP", Default: forward})
		case 1:
			state.BalancerRules.Put(tx, &balancer.Rule{Owner: o, ARN: arn("rule", 0), Listener: arn("listener", 0), Priority: 1, Actions: forward,
				Conditions: []balancer.Condition{{Field: []string{"path-pattern", "nonsense"}[r.IntN(2)], Values: []string{"/a"}}}})
		default:
			state.BalancerTargetGroups.Put(tx, &balancer.TargetGroup{Owner: o, ARN: arn("targetgroup", r.IntN(2)), VPC: "vpc-" + p, Type: "ip", Protocol: "HTTP", Targets: []balancer.Target{{ID: "10.0.0.8", Port: 80}}})
		}
	case 18:
		f := &function.Function{Owner: o, Name: p}
		c := &function.Config{Function: f.ARN(), Version: "$LATEST", CodeSHA256: []string{"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "nonsense"}[r.IntN(2)], Memory: int32(r.IntN(3))}
		state.Functions.Put(tx, f)
		if gone {
			state.FunctionConfigs.Delete(tx, c.Qualified())
			break
		}
		state.FunctionConfigs.Put(tx, c)
	}
	return []int{i}
}

// Whatever changes, a plan compiled from the one before is what it would be from scratch, and nothing of a place that the
// change has nothing to do with is compiled again.
func TestCompileFollowsChanges(t *testing.T) {
	store := mem.New()
	v, err := state.Open(t.Context(), store, open{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Close()
		_ = store.Close()
	})
	r := rand.New(rand.NewPCG(5, 6))
	c := plan.New()
	before := c.Compile(v.Snapshot())
	compiled := map[string]int{}
	for step := range 1200 {
		concerned := map[string]bool{}
		for range 1 + r.IntN(3) {
			err := v.Update(t.Context(), func(tx *state.Tx) error {
				for range 1 + r.IntN(2) {
					for _, i := range alter(tx, r, r.IntN(places)) {
						concerned[place(i)] = true
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		got := c.Compile(v.Snapshot())
		if step%7 == 0 {
			want := plan.New().Compile(v.Snapshot())
			if diff := cmp.Diff(want, got, comparePlans()...); diff != "" {
				t.Fatalf("step %d: not what it is from scratch (-want +got):\n%s", step, diff)
			}
		}
		changed := changedKeys(before, got)
		for kind, keys := range changed {
			for _, key := range keys {
				compiled[kind]++
				known := false
				for p := range concerned {
					known = known || strings.Contains(key, p)
				}
				if !known {
					t.Fatalf("step %d: %s %s was compiled again although only %v changed", step, kind, key, concerned)
				}
			}
		}
		before = got
	}
	for kind := range changedKeys(before, before) {
		if compiled[kind] < 20 {
			t.Errorf("%s changed %d times: the changes say little of them", kind, compiled[kind])
		}
	}
}

func changedKeys(before, after plan.Host) map[string][]string {
	return map[string][]string{
		"VPC":             differing(before.Network.VPCs, after.Network.VPCs, (*substrate.VPC).Key),
		"peering":         differing(before.Network.Peerings, after.Network.Peerings, (*substrate.Peering).Key),
		"name":            differing(before.Names.Public, after.Names.Public, (*resolver.Host).Key),
		"resolver":        differing(before.Names.VPCs, after.Names.VPCs, (*resolver.VPC).Key),
		"front":           differing(before.Proxy.VPCs, after.Proxy.VPCs, (*proxy.VPC).Key),
		"load balancer":   differing(before.Proxy.LoadBalancers, after.Proxy.LoadBalancers, (*proxy.LoadBalancer).Key),
		"service network": differing(before.Proxy.Networks, after.Proxy.Networks, (*proxy.ServiceNetwork).Key),
		"service":         differing(before.Proxy.Services, after.Proxy.Services, (*proxy.Service).Key),
		"target group":    differing(before.Proxy.Groups, after.Proxy.Groups, (*proxy.TargetGroup).Key),
		"function":        differing(before.Functions, after.Functions, (*sandbox.Function).Qualified),
	}
}

func differing[T any](before, after []*T, key func(*T) string) []string {
	var out []string
	for old, now := range ordered.Diff(before, after, key) {
		if now == nil {
			now = old
		}
		out = append(out, key(now))
	}
	return out
}

// comparePlans compares policies by what they say of a request, and errors by their words.
func comparePlans() []cmp.Option {
	says := func(p proxy.Policy) string {
		if p == nil {
			return "nothing"
		}
		var r proxy.AuthRequest
		r.Reset(&proxy.Request{Request: http1.Request{Method: "GET"}}, &proxy.VPC{}, &proxy.Service{}, 80, nil)
		return p.Decide(&r).String()
	}
	return []cmp.Option{
		cmp.Comparer(func(a, b proxy.Policy) bool { return says(a) == says(b) }),
		cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	}
}
