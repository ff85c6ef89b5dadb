package faults

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// held opens the network namespaces that the server holds.
func (s *server) held(t *testing.T) []netns.NsHandle {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if own, err := os.Readlink("/proc/self/ns/net"); err == nil {
		seen[own] = true
	}
	var out []netns.NsHandle
	for _, l := range links {
		to, err := os.Readlink(l)
		if err != nil || !strings.HasPrefix(to, "net:[") || seen[to] {
			continue
		}
		seen[to] = true
		if h, err := netns.GetFromPath(l); err == nil {
			t.Cleanup(func() { h.Close() })
			out = append(out, h)
		}
	}
	return out
}

// place is a namespace of the server as somebody else reaches it.
type place struct {
	ns netns.NsHandle
	*netlink.Handle
}

// find opens the namespace of the VPC and that of the interface with the address.
func (s *server) find(t *testing.T, address string) (router, workload place) {
	t.Helper()
	for _, ns := range s.held(t) {
		h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		routes, err := h.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Dst != nil && r.Dst.String() == address+"/32" }) {
			router = place{ns, h}
		}
		addrs, err := h.AddrList(nil, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IP.String() == address }) {
			workload = place{ns, h}
		}
	}
	if router.Handle == nil || workload.Handle == nil {
		t.Fatalf("the namespaces of %s are not to be found", address)
	}
	return router, workload
}

func (p place) each(kind string, do func(netlink.Link) error) error {
	links, err := p.LinkList()
	for _, l := range links {
		if l.Type() == kind {
			err = errors.Join(err, do(l))
		}
	}
	return err
}

// What somebody takes away under a running server is put back, and packets flow again.
func TestPrivilegedThingsDeletedByHand(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	if got := p.get(t, z.url("/")); got != fine {
		t.Fatalf("before: %s", got)
	}
	router, workload := s.find(t, z.address)
	loopback, err := router.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	var routers, workloads string
	eventually(t, "rest", func() bool {
		before := routers + workloads
		routers, workloads = router.shape(t), workload.shape(t)
		return before == routers+workloads
	})
	t.Logf("the VPC: %s; the target: %s", routers, workloads)
	for _, harm := range []struct {
		name string
		do   func() error
	}{
		{"every link of the VPC", func() error { return router.each("veth", router.LinkDel) }},
		{"the link of the target", func() error { return workload.each("veth", workload.LinkDel) }},
		{"links down", func() error { return router.each("veth", router.LinkSetDown) }},
		{"loopback down", func() error { return router.LinkSetDown(loopback) }},
		{"addresses of the target", func() error {
			return workload.each("veth", func(l netlink.Link) error {
				addrs, err := workload.AddrList(l, netlink.FAMILY_V4)
				for _, a := range addrs {
					err = errors.Join(err, workload.AddrDel(l, &a))
				}
				return err
			})
		}},
		{"every route", func() error {
			routes, err := router.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
			for _, r := range routes {
				if r.Protocol != unix.RTPROT_KERNEL {
					err = errors.Join(err, router.RouteDel(&r))
				}
			}
			return err
		}},
		{"every policy rule", func() error {
			rules, err := router.RuleList(netlink.FAMILY_V4)
			for _, r := range rules {
				if r.Priority != 0 && r.Priority < 32766 {
					err = errors.Join(err, router.RuleDel(&r))
				}
			}
			return err
		}},
		{"neighbours", func() error {
			all, err := router.NeighList(0, 0)
			for _, n := range all {
				if n.State == netlink.NUD_PERMANENT {
					err = errors.Join(err, router.NeighDel(&n))
				}
			}
			return err
		}},
		{"the nft table", func() error {
			c, err := nftables.New(nftables.WithNetNSFd(int(router.ns)))
			if err != nil {
				return err
			}
			c.FlushRuleset()
			return c.Flush()
		}},
	} {
		t.Run(harm.name, func(t *testing.T) {
			if err := harm.do(); err != nil {
				t.Fatal(err)
			}
			var r, w string
			took := eventually(t, "the whole network", func() bool {
				r, w = router.shape(t), workload.shape(t)
				return r == routers && w == workloads
			})
			t.Logf("whole after %v", took.Round(time.Millisecond))
			if got := p.get(t, z.url("/")); got != fine {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
	s.alive(t)
}

// shape counts what is in a namespace, but for what it remembers of packets.
func (p place) shape(t *testing.T) string {
	t.Helper()
	links, err := p.LinkList()
	up := 0
	for _, l := range links {
		if l.Attrs().Flags&net.FlagUp != 0 {
			up++
		}
	}
	addrs, err1 := p.AddrList(nil, netlink.FAMILY_ALL)
	all, err2 := p.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	routes := slices.DeleteFunc(all, func(r netlink.Route) bool { return r.Protocol == unix.RTPROT_KERNEL })
	rules, err3 := p.RuleList(netlink.FAMILY_ALL)
	near, err4 := p.NeighList(0, 0)
	near = slices.DeleteFunc(near, func(n netlink.Neigh) bool { return n.State != netlink.NUD_PERMANENT })
	c, err5 := nftables.New(nftables.WithNetNSFd(int(p.ns)))
	if err := errors.Join(err, err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	chains, err := c.ListChains()
	if err != nil {
		t.Fatal(err)
	}
	filters := 0
	for _, chain := range chains {
		found, err := c.GetRules(chain.Table, chain)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			t.Fatal(err)
		}
		filters += len(found)
	}
	return fmt.Sprintf("%d links up, %d addresses, %d routes, %d policy rules, %d neighbours, %d chains with %d rules",
		up, len(addrs), len(routes), len(rules), len(near), len(chains), filters)
}
