package linux

import (
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// What a namespace was born with, and the links of guests, are put right too.
func TestPrivilegedMend(t *testing.T) {
	h := newHost(t)
	apply(t, h, shared())
	g, err := h.AddGuest("eni-1")
	if err != nil {
		t.Fatal(err)
	}
	router, interfaces := namespace(t, h, "vpc-a"), namespace(t, h, "eni-1")
	serve(t, router, "169.254.171.1:80", "lattice")
	serve(t, router, "127.0.0.1:80", "loopback")
	link := func(n *Namespace, name string) netlink.Link {
		t.Helper()
		l, err := n.rt.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	set := func(n *Namespace, path, value string) error {
		return n.Do(func() error { return writeSetting(path, value) })
	}
	links, err := router.rt.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	toInterface := links[slices.IndexFunc(links, func(l netlink.Link) bool { return l.Type() == "veth" })].Attrs().Name
	for _, harm := range []struct {
		name string
		harm func() error
	}{
		{"loopback down", func() error { return router.rt.LinkSetDown(link(router, "lo")) }},
		{"loopback without its address", func() error {
			return router.rt.AddrDel(link(router, "lo"), &netlink.Addr{IPNet: ipNet(loopback)})
		}},
		{"guest's link deleted", func() error { return interfaces.rt.LinkDel(link(interfaces, g.plan.Link.A.Name)) }},
		{"guest's link deleted inside", func() error { return g.rt.LinkDel(link(g.Namespace, g.plan.Link.B.Name)) }},
		{"guest's link down", func() error { return g.rt.LinkSetDown(link(g.Namespace, g.plan.Link.B.Name)) }},
		{"forwarding off", func() error { return set(router, "ipv4/ip_forward", "0") }},
		{"a link's forwarding off", func() error { return set(router, "ipv4/conf/"+toInterface+"/forwarding", "0") }},
		{"reverse paths filtered", func() error { return set(router, "ipv4/conf/all/rp_filter", "1") }},
		{"an interface forwards no more", func() error { return set(interfaces, "ipv4/ip_forward", "0") }},
		{"a table of somebody's own", func() error {
			drop := nftables.ChainPolicyDrop
			t := router.nft.AddTable(&nftables.Table{Name: "foreign", Family: nftables.TableFamilyINet})
			router.nft.AddChain(&nftables.Chain{Name: "input", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &drop})
			return router.nft.Flush()
		}},
		{"interface's link down", func() error { return interfaces.rt.LinkSetDown(link(interfaces, "eth0")) }},
	} {
		t.Run(harm.name, func(t *testing.T) {
			if err := harm.harm(); err != nil {
				t.Fatal(err)
			}
			if n := resync(t, h); n == 0 {
				t.Error("nothing was repaired")
			}
			if got := ask(g.Namespace, "", "169.254.171.1:80", 10*time.Second); got != "lattice 10.0.1.10" {
				t.Errorf("the guest is answered %q", got)
			}
			if got := ask(router, "", "127.0.0.1:80", 10*time.Second); got != "loopback 127.0.0.1" {
				t.Errorf("loopback answers %q", got)
			}
			if n := resync(t, h); n != 0 {
				t.Errorf("the next resync wrote %d times", n)
			}
		})
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if n := resync(t, h); n != 0 {
		t.Errorf("the resync after a guest left wrote %d times", n)
	}
}
