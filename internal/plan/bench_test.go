package plan_test

import (
	"fmt"
	"log/slog"
	"testing"

	"trellis/internal/lattice"
	"trellis/internal/plan"
	"trellis/internal/proxy"
	"trellis/internal/resolver"
	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/substrate"
)

// BenchmarkOneChange is what one more security group rule, and one service that changes, cost from the commit to what differs
// for the kernel, the proxy and the resolvers, with estates of three sizes: it should be the same. Each VPC has a network of
// four services.
func BenchmarkOneChange(b *testing.B) {
	for _, vpcs := range []int{50, 200, 500} {
		b.Run(fmt.Sprintf("VPCs=%d", vpcs), func(b *testing.B) {
			store := mem.New()
			v, err := state.Open(b.Context(), store, open{}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			update := func(change func(*state.Tx)) {
				if err := v.Update(b.Context(), func(tx *state.Tx) error { change(tx); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			for i := range vpcs {
				update(func(tx *state.Tx) {
					name := fmt.Sprintf("%03d", i)
					addVPC(tx, "111111111111", name, "10.0.0.0/16")
					meta := func(id string) lattice.Meta { return lattice.Meta{Owner: owner("111111111111"), ID: id, Name: id} }
					state.Networks.Put(tx, &lattice.Network{Meta: meta("sn-" + name), AuthType: lattice.AuthNone})
					state.NetworkVPCs.Put(tx, &lattice.NetworkVPC{Meta: meta("snva-" + name), Network: "sn-" + name, VPC: "vpc-" + name})
					for k := range 4 {
						id := fmt.Sprintf("svc-%s-%d", name, k)
						state.Services.Put(tx, &lattice.Service{Meta: meta(id), AuthType: lattice.AuthNone})
						state.Listeners.Put(tx, &lattice.Listener{Meta: meta("listener-" + id), Service: id, Protocol: "HTTP", Port: 80, Default: lattice.Action{FixedStatus: 404}})
						state.NetworkServices.Put(tx, &lattice.NetworkService{Meta: meta("snsa-" + id), Network: "sn-" + name, Service: id})
					}
				})
			}
			compiler, lowering, router, names := plan.New(), &substrate.Lowering{}, proxy.NewRouter(nil), &resolver.Compiler{}
			follow := func() {
				h := compiler.Compile(v.Snapshot())
				lowering.Lower(h.Network)
				router.Update(h.Proxy)
				names.Compile(h.Names)
			}
			follow()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				update(func(tx *state.Tx) {
					g, _ := state.SecurityGroups.Get(tx, "sg-007")
					g.Rules = append(g.Rules[:1:1], g.Rules[1])
					g.Rules[0].FromPort = int32(i % 1000)
					state.SecurityGroups.Put(tx, g)
					s, _ := state.Services.Get(tx, "svc-007-1")
					s.IdleTimeout = int32(i % 100)
					state.Services.Put(tx, s)
				})
				follow()
			}
		})
	}
}
