package linux

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// Resync reads back the namespaces in which something changed since it did so last,
// and puts right what is not as it was applied; and it tries again what has failed.
// Where nothing was changed, nothing is written. It leaves the rest to the next time
// once enough says that something else is waiting.
func (h *Host) Resync(ctx context.Context, enough func() bool) ([]substrate.Problem, error) {
	h.apply.Lock()
	defer h.apply.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if err := h.watch.heard(func(n *Namespace) { h.stirred[n] = true }); err != nil {
		return nil, err
	}
	var problems []substrate.Problem
	for n := range h.stirred {
		if err := ctx.Err(); err != nil {
			return problems, err
		}
		if enough() {
			break
		}
		delete(h.stirred, n)
		r := h.realms[n.within()]
		if r == nil {
			continue
		}
		h.due[r.part] = true
		if err := h.observe(r); err != nil {
			h.stirred[n] = true
			problems = append(problems, substrate.Problem{ID: r.ns.name, Err: err})
		}
	}
	return h.converge(ctx, problems)
}

// within is the interface or VPC the namespace belongs to: a guest's is behind one.
func (n *Namespace) within() string {
	id, _, _ := strings.Cut(n.name, "/")
	return id
}

// observe replaces what was applied to a namespace by what is there.
func (h *Host) observe(r *realm) error {
	if err := h.observeLinks(r); err != nil {
		return err
	}
	if err := r.observeRoutes(); err != nil {
		return err
	}
	if err := r.observeRules(); err != nil {
		return err
	}
	if err := r.observeNeighbours(); err != nil {
		return err
	}
	if r.ns.nft == nil {
		return nil
	}
	g, err := generation(r.ns)
	if err == nil && g != r.generation {
		r.torn = true
	}
	return err
}

// observeLinks takes away each link of which an end is missing or not as it was made.
func (h *Host) observeLinks(r *realm) error {
	links, err := r.ns.rt.LinkList()
	if err != nil {
		return fmt.Errorf("list links of %s: %w", r.ns.name, err)
	}
	addresses, err := r.ns.rt.AddrList(nil, unix.AF_UNSPEC)
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", r.ns.name, err)
	}
	if err := r.mendLoopback(links, addresses, &h.writes); err != nil {
		return err
	}
	if err := r.ns.Do(func() error { return mendSettings(r.kind, links, &h.writes) }); err != nil {
		return err
	}
	if err := r.guests.mend(links); err != nil {
		return err
	}
	for key := range r.links {
		l := h.links[key]
		for _, end := range []substrate.End{l.A, l.B} {
			if end.Namespace != r.ns.name || r.asMade(end, links, addresses) {
				continue
			}
			// Either end takes the other along; what is not there is not deleted.
			for _, e := range []substrate.End{l.A, l.B} {
				if other := h.realms[e.Namespace]; other != nil {
					if err := delLink(other.ns, other.index[e.Name], &h.writes); err != nil {
						return err
					}
				}
			}
			h.due[key.namespace] = true
			h.forgetLink(key)
			break
		}
	}
	return nil
}

var loopback = netip.MustParsePrefix("127.0.0.1/8")

// mendLoopback brings lo up again, and back to its address.
func (r *realm) mendLoopback(links []netlink.Link, addresses []netlink.Addr, writes *atomic.Int64) error {
	there := slices.ContainsFunc(addresses, func(a netlink.Addr) bool {
		return a.LinkIndex == r.index["lo"] && a.IP.Equal(loopback.Addr().AsSlice())
	})
	if !there {
		writes.Add(1)
		if err := r.ns.rt.AddrReplace(byIndex(r.index["lo"]), &netlink.Addr{IPNet: ipNet(loopback)}); err != nil {
			return fmt.Errorf("add address %s: %w", loopback.Addr(), err)
		}
	}
	up := slices.ContainsFunc(links, func(l netlink.Link) bool { return l.Attrs().Index == r.index["lo"] && l.Attrs().Flags&net.FlagUp != 0 })
	if up {
		return nil
	}
	return r.ns.up("lo", writes)
}

func (r *realm) asMade(end substrate.End, links []netlink.Link, addresses []netlink.Addr) bool {
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == end.Name })
	if i < 0 {
		return false
	}
	a := links[i].Attrs()
	if a.Index != r.index[end.Name] || a.Flags&net.FlagUp == 0 || !bytes.Equal(a.HardwareAddr, end.MAC[:]) || a.MTU != mtu {
		return false
	}
	var have []netip.Addr
	for _, addr := range addresses {
		if ip, ok := netip.AddrFromSlice(addr.IP); ok && addr.LinkIndex == a.Index {
			have = append(have, ip.Unmap())
		}
	}
	slices.SortFunc(have, netip.Addr.Compare)
	return slices.Equal(have, slices.SortedFunc(slices.Values(end.Addresses), netip.Addr.Compare))
}

func (r *realm) linkName(index int) string {
	for name, i := range r.index {
		if i == index {
			return name
		}
	}
	return ""
}

func (r *realm) observeRoutes() error {
	routes, err := r.ns.rt.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes of %s: %w", r.ns.name, err)
	}
	have := make(map[routeKey]substrate.Path, len(r.routes))
	for _, route := range routes {
		p, ours := r.pathOf(route)
		if !ours {
			continue
		}
		key := routeKey{p.Table, p.Destination}
		if applied, ok := r.routes[key]; ok {
			p.Owner = applied.Owner
		}
		have[key] = p
	}
	r.routes = have
	return nil
}

// pathOf reads a kernel route back. The kernel's own, and those to guests, which
// come and go by themselves, are not ours to judge.
func (r *realm) pathOf(route netlink.Route) (substrate.Path, bool) {
	if route.Protocol == unix.RTPROT_KERNEL || route.Dst == nil {
		return substrate.Path{}, false
	}
	dst, _ := netip.AddrFromSlice(route.Dst.IP)
	ones, _ := route.Dst.Mask.Size()
	p := substrate.Path{Owner: r.ns.name, Table: uint32(route.Table), Destination: netip.PrefixFrom(dst.Unmap(), ones)}
	if p.Destination.IsSingleIP() && r.guests.holds(p.Destination.Addr()) {
		return p, false
	}
	switch route.Type {
	case unix.RTN_LOCAL:
		p.Kind = substrate.Local
	case unix.RTN_BLACKHOLE:
		p.Kind = substrate.Blackhole
	}
	if p.Kind != substrate.Blackhole {
		p.Link = r.linkName(route.LinkIndex)
	}
	if a, ok := netip.AddrFromSlice(route.Gw); ok {
		p.Gateway = a.Unmap()
	}
	if a, ok := netip.AddrFromSlice(route.Src); ok {
		p.Source = a.Unmap()
	}
	return p, true
}

// kernelRules are the priorities of the rules every namespace is born with.
var kernelRules = []int{0, 32766, 32767}

func (r *realm) observeRules() error {
	r.rules = map[substrate.PolicyRule]bool{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		rules, err := r.ns.rt.RuleList(family)
		if err != nil {
			return fmt.Errorf("list rules of %s: %w", r.ns.name, err)
		}
		for _, rule := range rules {
			if slices.Contains(kernelRules, rule.Priority) {
				continue
			}
			p := substrate.PolicyRule{Priority: rule.Priority, IPv6: family == unix.AF_INET6, Table: uint32(rule.Table), HostsOnly: rule.SuppressPrefixlen > 0}
			if rule.Src != nil {
				a, _ := netip.AddrFromSlice(rule.Src.IP)
				ones, _ := rule.Src.Mask.Size()
				p.From = netip.PrefixFrom(a.Unmap(), ones)
			}
			r.rules[p] = true
		}
	}
	return nil
}

func (r *realm) observeNeighbours() error {
	neighbours, err := r.ns.rt.NeighList(0, 0)
	if err != nil {
		return fmt.Errorf("list neighbours of %s: %w", r.ns.name, err)
	}
	r.neighbours = map[neighbourKey]substrate.MAC{}
	for _, n := range neighbours {
		a, ok := netip.AddrFromSlice(n.IP)
		name := r.linkName(n.LinkIndex)
		if !ok || n.State != netlink.NUD_PERMANENT || name == "" || len(n.HardwareAddr) != 6 {
			continue
		}
		r.neighbours[neighbourKey{name, a.Unmap()}] = substrate.MAC(n.HardwareAddr)
	}
	return nil
}

// generation is the number of the namespace's latest nftables transaction.
func generation(ns *Namespace) (uint32, error) {
	var g uint32
	err := ns.Do(func() error {
		c, err := mdnetlink.Dial(unix.NETLINK_NETFILTER, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		reply, err := c.Execute(mdnetlink.Message{
			Header: mdnetlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: mdnetlink.Request},
			Data:   make([]byte, 4),
		})
		if err != nil {
			return err
		}
		for _, m := range reply {
			if len(m.Data) < 4 {
				continue
			}
			ad, err := mdnetlink.NewAttributeDecoder(m.Data[4:])
			if err != nil {
				return err
			}
			for ad.Next() {
				if ad.Type() == unix.NFTA_GEN_ID {
					b := ad.Bytes()
					for _, x := range b {
						g = g<<8 | uint32(x)
					}
				}
			}
			if err := ad.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("nftables generation of %s: %w", ns.name, err)
	}
	return g, nil
}
