package linux

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"trellis/internal/substrate"
)

func resync(t *testing.T, h *Host) int64 {
	t.Helper()
	before := h.Writes()
	problems, err := h.Resync(context.Background(), func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Fatalf("resync: %s", p)
	}
	return h.Writes() - before
}

// What is changed by hand is put right; what is as applied is left alone.
func TestPrivilegedResync(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	cfg.VPCs[0].Lattice = substrate.LatticeAssociated
	cfg.VPCs[0].Interfaces[1].Guests = true
	cfg.VPCs[0].Interfaces[1].Public = netip.MustParseAddr("203.0.113.5")
	vpc := cfg.VPCs[1]
	vpc.CIDRs = append(vpc.CIDRs, prefixes("2001:db8::/56")...)
	vpc.Subnets[0].CIDRs = append(vpc.Subnets[0].CIDRs, prefixes("2001:db8::/64")...)
	vpc.Interfaces[0].Addresses = append(vpc.Interfaces[0].Addresses, addrs("2001:db8::10")...)
	apply(t, h, cfg)
	if _, err := h.AddGuest("eni-2"); err != nil {
		t.Fatal(err)
	}
	if n := resync(t, h); n != 0 {
		t.Fatalf("resync of an untouched network wrote %d times", n)
	}
	router, workload := namespace(t, h, "vpc-a"), namespace(t, h, "eni-1")
	find := func(n *Namespace, name string) netlink.Link {
		t.Helper()
		l, err := n.rt.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	inVPC := ""
	for _, l := range links(cfg) {
		if l.Owner == "eni-1" {
			inVPC = l.A.Name
		}
	}
	harms := []struct {
		name string
		harm func() error
	}{
		{"link deleted", func() error { return router.rt.LinkDel(find(router, inVPC)) }},
		{"link down", func() error { return workload.rt.LinkSetDown(find(workload, "eth0")) }},
		{"address deleted", func() error {
			return workload.rt.AddrDel(find(workload, "eth0"), &netlink.Addr{IPNet: hostNet(netip.MustParseAddr("10.0.1.10"))})
		}},
		{"host route deleted", func() error {
			return router.rt.RouteDel(&netlink.Route{Dst: hostNet(netip.MustParseAddr("10.0.1.10")), LinkIndex: find(router, inVPC).Attrs().Index, Scope: netlink.SCOPE_LINK})
		}},
		{"host route added", func() error {
			return router.rt.RouteReplace(&netlink.Route{Dst: hostNet(netip.MustParseAddr("10.1.1.10")), LinkIndex: find(router, inVPC).Attrs().Index, Scope: netlink.SCOPE_LINK})
		}},
		{"rule deleted", func() error {
			return router.rt.RuleDel(ruleOf(substrate.PolicyRule{Priority: 100, Table: substrate.TableMain, HostsOnly: true}))
		}},
		{"rule added", func() error {
			return router.rt.RuleAdd(ruleOf(substrate.PolicyRule{Priority: 50}))
		}},
		{"neighbour deleted", func() error {
			return router.rt.NeighDel(&netlink.Neigh{LinkIndex: find(router, inVPC).Attrs().Index, IP: netip.MustParseAddr("10.0.1.10").AsSlice()})
		}},
		{"table deleted", func() error {
			router.nft.DelTable(&nftables.Table{Name: substrate.TableName, Family: nftables.TableFamilyINet})
			return router.nft.Flush()
		}},
	}
	serve(t, namespace(t, h, "eni-blue"), "10.1.1.10:80", "blue")
	for _, harm := range harms {
		t.Run(harm.name, func(t *testing.T) {
			if err := harm.harm(); err != nil {
				t.Fatal(err)
			}
			if n := resync(t, h); n == 0 {
				t.Error("nothing was repaired")
			}
			wantAnswer(t, h, "eni-1", "10.1.1.10:80", "blue 10.0.1.10")
			if n := resync(t, h); n != 0 {
				t.Errorf("the next resync wrote %d times", n)
			}
		})
	}
}
