package substrate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trellis/internal/ordered"
)

// Whatever changes in whatever order, the next layout is what it would be from scratch, and the parts of VPCs that have
// nothing to do with the change are the same pointers.
func TestLoweringAgreesWithLower(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	vpc := func(id string) *VPC {
		n := r.IntN(3)
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16)
		v := &VPC{
			ID: id, CIDRs: []netip.Prefix{cidr}, Lattice: LatticeMode(r.IntN(3)),
			Subnets: []Subnet{{ID: "subnet-" + id, CIDRs: []netip.Prefix{netip.PrefixFrom(cidr.Addr(), 24)}, Routes: []Route{
				{Destination: netip.MustParsePrefix("10.0.0.0/8"), Via: ViaPeering, Target: fmt.Sprintf("pcx-%d", r.IntN(4))}}}},
			SecurityGroups: []SecurityGroup{{ID: "sg-" + id, Egress: anyAny(), Ingress: []Rule{{ID: "sgr", Protocol: 6, To: 80, Groups: []string{fmt.Sprintf("sg-vpc-%d", r.IntN(6))}}}}},
		}
		for i := range r.IntN(3) {
			v.Interfaces = append(v.Interfaces, Interface{ID: fmt.Sprintf("eni-%s-%d", id, i), Subnet: "subnet-" + id,
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n), 0, byte(10 + i)})}, SecurityGroups: []string{"sg-" + id}})
		}
		if r.IntN(3) == 0 {
			v.InternetGateway = "igw-" + id
			if len(v.Interfaces) > 0 {
				v.Interfaces[0].Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(250))})
			}
		}
		return v
	}
	var l Lowering
	cfg := Config{LatticePrefixes: example().LatticePrefixes}
	var before Layout
	for range 400 {
		vpcs, peerings := map[string]*VPC{}, map[string]*Peering{}
		concerned := map[string]bool{InternetNamespace: true}
		for range r.IntN(3) {
			id := fmt.Sprintf("vpc-%d", r.IntN(6))
			if vpcs[id] = nil; r.IntN(3) > 0 {
				vpcs[id] = vpc(id)
			}
		}
		if r.IntN(2) == 0 {
			id := fmt.Sprintf("pcx-%d", r.IntN(4))
			if peerings[id] = nil; r.IntN(2) == 0 {
				peerings[id] = &Peering{ID: id, Requester: fmt.Sprintf("vpc-%d", r.IntN(6)), Accepter: fmt.Sprintf("vpc-%d", r.IntN(6))}
			}
		}
		next := cfg
		next.VPCs = ordered.With(cfg.VPCs, (*VPC).Key, vpcs)
		next.Peerings = ordered.With(cfg.Peerings, (*Peering).Key, peerings)
		for id := range vpcs {
			concerned[id] = true
		}
		for _, p := range slices.Concat(cfg.Peerings, next.Peerings) {
			_, changed := peerings[p.ID]
			_, a := vpcs[p.Requester]
			_, b := vpcs[p.Accepter]
			if changed || a || b {
				concerned[p.Requester], concerned[p.Accepter] = true, true
			}
		}
		cfg = next
		got, want := l.Lower(cfg), Lower(cfg)
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Fatalf("not what it is from scratch (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(fmt.Sprint(want.Problems()), fmt.Sprint(got.Problems())); diff != "" {
			t.Fatalf("problems (-want +got):\n%s", diff)
		}
		for old, now := range ordered.Diff(before.Parts, got.Parts, (*Part).Key) {
			id := ""
			if old != nil {
				id = old.ID
			} else {
				id = now.ID
			}
			if !concerned[id] {
				t.Fatalf("%s was lowered again although nothing of it changed", id)
			}
		}
		before = got
	}
}
