package linux

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// mtu is that of every link, the one of EC2 interfaces.
const mtu = 9001

// ownProtocol marks the routes this package made.
const ownProtocol = 84

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func hostNet(a netip.Addr) *net.IPNet { return ipNet(netip.PrefixFrom(a, a.BitLen())) }

// routeOf translates a path; index numbers the links of the namespace.
func routeOf(p substrate.Path, index int) *netlink.Route {
	r := &netlink.Route{Table: int(p.Table), Dst: ipNet(p.Destination), LinkIndex: index, Protocol: ownProtocol}
	switch p.Kind {
	case substrate.Local:
		r.Type, r.Scope = unix.RTN_LOCAL, netlink.SCOPE_HOST
	case substrate.Blackhole:
		r.Type = unix.RTN_BLACKHOLE
	case substrate.Unicast:
		r.Scope = netlink.SCOPE_LINK
		if p.Gateway.IsValid() {
			r.Gw, r.Scope, r.Flags = p.Gateway.AsSlice(), netlink.SCOPE_UNIVERSE, int(netlink.FLAG_ONLINK)
		}
	}
	if p.Source.IsValid() {
		r.Src = p.Source.AsSlice()
	}
	return r
}

func ruleOf(p substrate.PolicyRule) *netlink.Rule {
	r := netlink.NewRule()
	r.Priority, r.Table, r.Family = p.Priority, int(p.Table), familyOf(p.IPv6)
	if p.From.IsValid() {
		r.Src = ipNet(p.From)
	}
	if p.Table == 0 {
		r.Type = nl.FR_ACT_BLACKHOLE
	}
	if p.HostsOnly {
		r.SuppressPrefixlen = 31
		if p.IPv6 {
			r.SuppressPrefixlen = 127
		}
	}
	return r
}

func familyOf(v6 bool) int {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func neighbourOf(n substrate.Neighbour, index int) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: index, Family: familyOf(n.Address.Is6()), State: netlink.NUD_PERMANENT,
		IP: n.Address.AsSlice(), HardwareAddr: n.MAC[:],
	}
}

// addLink makes a veth pair with its addresses, up at both ends, and says what
// numbers the ends have.
func addLink(l substrate.Link, a, b *Namespace, writes *atomic.Int64) (ia, ib int, err error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.MTU = l.A.Name, l.A.MAC[:], mtu
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerHardwareAddr, veth.PeerMTU = l.B.Name, l.B.MAC[:], mtu
	veth.PeerNamespace = netlink.NsFd(int(b.fd.Fd()))
	writes.Add(1)
	if err := a.rt.LinkAdd(veth); err != nil {
		return 0, 0, fmt.Errorf("add link %s: %w", l.A.Name, err)
	}
	defer func() {
		if err != nil {
			writes.Add(1)
			_ = a.rt.LinkDel(veth)
		}
	}()
	peer, err := b.rt.LinkByName(l.B.Name)
	if err != nil {
		return 0, 0, fmt.Errorf("find link %s: %w", l.B.Name, err)
	}
	ia, ib = veth.Attrs().Index, peer.Attrs().Index
	for _, end := range []struct {
		ns    *Namespace
		link  netlink.Link
		addrs []netip.Addr
	}{{a, veth, l.A.Addresses}, {b, peer, l.B.Addresses}} {
		for _, addr := range end.addrs {
			if err := addAddress(end.ns, end.link.Attrs().Index, addr, writes); err != nil {
				return 0, 0, err
			}
		}
		writes.Add(1)
		if err := end.ns.rt.LinkSetUp(end.link); err != nil {
			return 0, 0, fmt.Errorf("bring up %s: %w", end.link.Attrs().Name, err)
		}
	}
	return ia, ib, active(a, veth)
}

// active waits until the end of a link that came up first can send: it has had a
// carrier since the other end came up, but sends only when the kernel has followed
// that up, and drops packets meanwhile. Asking makes current kernels follow up.
func active(ns *Namespace, link netlink.Link) error {
	for range 1000 {
		l, err := ns.rt.LinkByIndex(link.Attrs().Index)
		if err != nil {
			return fmt.Errorf("find link %s: %w", link.Attrs().Name, err)
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("link %s has no carrier", link.Attrs().Name)
}

func byIndex(index int) netlink.Link {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func delLink(ns *Namespace, index int, writes *atomic.Int64) error {
	writes.Add(1)
	if err := ns.rt.LinkDel(byIndex(index)); err != nil && !gone(err) {
		return fmt.Errorf("delete link: %w", err)
	}
	return nil
}

// doomedGroup is the device group of links about to be deleted.
const doomedGroup = 84

// delLinks deletes links of a namespace together: the kernel waits for its other
// processors once, not once for each.
func delLinks(ns *Namespace, indexes []int, writes *atomic.Int64) error {
	if len(indexes) == 1 {
		return delLink(ns, indexes[0], writes)
	}
	for _, i := range indexes {
		writes.Add(1)
		if err := ns.rt.LinkSetGroup(byIndex(i), doomedGroup); err != nil && !gone(err) {
			return fmt.Errorf("delete links: %w", err)
		}
	}
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(doomedGroup)))
	writes.Add(1)
	return ns.Do(func() error {
		if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil && !gone(err) {
			return fmt.Errorf("delete links: %w", err)
		}
		return nil
	})
}

func addAddress(ns *Namespace, index int, a netip.Addr, writes *atomic.Int64) error {
	addr := &netlink.Addr{IPNet: hostNet(a)}
	if a.Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	writes.Add(1)
	if err := ns.rt.AddrReplace(byIndex(index), addr); err != nil {
		return fmt.Errorf("add address %s: %w", a, err)
	}
	return nil
}

func delAddress(ns *Namespace, index int, a netip.Addr, writes *atomic.Int64) error {
	writes.Add(1)
	if err := ns.rt.AddrDel(byIndex(index), &netlink.Addr{IPNet: hostNet(a)}); err != nil && !gone(err) {
		return fmt.Errorf("delete address %s: %w", a, err)
	}
	return nil
}

// addressFilter picks connections in which one of the addresses takes part.
type addressFilter map[netip.Addr]bool

func (f addressFilter) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, ip := range []net.IP{flow.Forward.SrcIP, flow.Forward.DstIP, flow.Reverse.SrcIP, flow.Reverse.DstIP} {
		if a, ok := netip.AddrFromSlice(ip); ok && f[a.Unmap()] {
			return true
		}
	}
	return false
}

// forget deletes the namespace's memory of connections with these addresses.
func forget(ns *Namespace, addresses addressFilter, writes *atomic.Int64) error {
	v4, v6 := false, false
	for a := range addresses {
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	for family, want := range map[netlink.InetFamily]bool{unix.AF_INET: v4, unix.AF_INET6: v6} {
		if !want {
			continue
		}
		n, err := ns.rt.ConntrackDeleteFilters(netlink.ConntrackTable, family, addresses)
		writes.Add(int64(n))
		if err != nil {
			return fmt.Errorf("forget connections in %s: %w", ns.name, err)
		}
	}
	return nil
}
