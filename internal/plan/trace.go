package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"trellis/internal/lattice"
	"trellis/internal/resolver"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// Origin is where a connection starts: an interface in the subnet with the security groups, the VPC's default group where
// there are none.
type Origin struct {
	Subnet string
	Groups []string
}

// Path is how far the first packet of a TCP connection, and the answer to it, would come.
type Path struct {
	// Reaches says that an answer comes back, be it a refusal of the port.
	Reaches bool
	// Steps tell what was passed on the way, Reason what ended it.
	Steps  []string
	Reason string
}

func (p Path) String() string { return p.Reason }

// Trace follows a TCP connection from an origin to a host, an address or a name, and a port.
func Trace(s *state.Snapshot, from Origin, host string, port uint16) Path {
	t := &tracer{builder: &builder{Snapshot: s}, port: port}
	t.indexLattice()
	subnet, ok := state.Subnets.Get(s, from.Subnet)
	if !ok {
		return t.end("subnet %s does not exist", from.Subnet)
	}
	v, ok := state.VPCs.Get(s, subnet.VPC)
	if !ok {
		return t.end("VPC %s does not exist", subnet.VPC)
	}
	t.groups = from.Groups
	if len(t.groups) == 0 {
		t.groups = []string{v.DefaultSecurityGroupID}
	}
	t.vpc, t.subnet = v, subnet
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if addr, ok = t.resolve(host); !ok {
			return t.path
		}
	}
	return t.follow(addr)
}

type tracer struct {
	*builder
	vpc    *vpc.VPC
	subnet *vpc.Subnet
	groups []string
	port   uint16
	path   Path
}

func (t *tracer) end(format string, args ...any) Path {
	t.path.Reason = fmt.Sprintf(format, args...)
	return t.path
}

func (t *tracer) step(format string, args ...any) {
	t.path.Steps = append(t.path.Steps, fmt.Sprintf(format, args...))
}

func (t *tracer) resolve(name string) (netip.Addr, bool) {
	if !t.vpc.DNSSupport {
		t.end("enableDnsSupport is off in %s, so nothing answers for %s", t.vpc.ID, name)
		return netip.Addr{}, false
	}
	answer := resolver.Compile(t.names()).View(t.vpc.ID).Lookup(strings.ToLower(name), resolver.A)
	for _, r := range answer.Records {
		if r.Addr.IsValid() {
			t.step("%s is %s", name, r.Addr)
			return r.Addr, true
		}
	}
	t.end("the resolver of %s knows no address for %s", t.vpc.ID, name)
	return netip.Addr{}, false
}

func (t *tracer) follow(to netip.Addr) Path {
	if !t.allowed(t.vpc, t.groups, true, netip.PrefixFrom(to, to.BitLen()), t.port, nil) {
		return t.end("no egress rule of %s allows %s:%d", list("security group", t.groups), to, t.port)
	}
	t.step("%s lets it out", list("security group", t.groups))
	if lattice.RangeV4.Contains(to) || lattice.RangeV6.Contains(to) {
		return t.toLattice(to)
	}
	tables, main := t.tables(t.vpc)
	table := tables[t.subnet.ID]
	if table == nil {
		table = main
	}
	route, ok := longest(t.vpc, table, to)
	if !ok {
		return t.end("route table %s of %s has no route to %s", table.ID, t.subnet.ID, to)
	}
	switch {
	case route.Origin == localOrigin:
		t.step("route table %s leads inside %s", table.ID, t.vpc.ID)
		return t.arrive(t.vpc, to)
	case route.Peering != "":
		return t.overPeering(table, route, to)
	case route.Gateway != "":
		if _, ok := state.InternetGateways.Get(t, route.Gateway); !ok {
			return t.end("route table %s leads to %s, which is gone", table.ID, route.Gateway)
		}
		return t.end("route table %s leads to %s, and the sender has no public address", table.ID, route.Gateway)
	}
	return t.end("route table %s leads to a target that is gone", table.ID)
}

func (t *tracer) toLattice(to netip.Addr) Path {
	id, ok := t.associations[t.vpc.ID]
	if !ok {
		return t.end("%s is not associated with a service network", t.vpc.ID)
	}
	a, _ := state.NetworkVPCs.Get(t, id)
	if len(a.SecurityGroups) > 0 && !t.allowed(t.vpc, a.SecurityGroups, false, t.subnet.CIDR, t.port, t.groups) {
		return t.end("no ingress rule of %s on association %s allows port %d from %s", list("security group", a.SecurityGroups), a.ID, t.port, t.subnet.CIDR)
	}
	t.path.Reaches = true
	return t.end("%s reaches VPC Lattice at %s:%d through association %s with %s", t.vpc.ID, to, t.port, a.ID, a.Network)
}

func (t *tracer) overPeering(table *vpc.RouteTable, route vpc.Route, to netip.Addr) Path {
	p, ok := state.Peerings.Get(t, route.Peering)
	if !ok || p.Status != peeringActive {
		return t.end("route table %s leads to peering %s, which is not active", table.ID, route.Peering)
	}
	other := p.Accepter.VPC
	if other == t.vpc.ID {
		other = p.Requester.VPC
	}
	peer, ok := state.VPCs.Get(t, other)
	if !ok {
		return t.end("peering %s leads to %s, which is gone", p.ID, other)
	}
	t.step("route table %s leads over peering %s to %s", table.ID, p.ID, peer.ID)
	if !peer.Contains(to) {
		return t.end("peering %s leads to %s, which does not hold %s: a peering is not transitive", p.ID, peer.ID, to)
	}
	return t.arrive(peer, to)
}

// arrive follows a packet that was delivered to a VPC, and its answer back.
func (t *tracer) arrive(v *vpc.VPC, to netip.Addr) Path {
	var at *vpc.NetworkInterface
	for i := range state.Interfaces.By(t, state.ByVPC, v.ID) {
		if i.Addr == to {
			at = i
		}
	}
	if at == nil {
		if s := t.holder(v, to); s != nil && v.ID != t.vpc.ID {
			if back, ok := t.noWayBack(v, s.ID); ok {
				return back
			}
		}
		return t.end("no interface in %s has the address %s", v.ID, to)
	}
	if at.Type == vpc.LambdaInterface {
		return t.end("%s is the interface of a function, which accepts no connections", at.ID)
	}
	if !t.allowed(v, at.Groups, false, t.subnet.CIDR, t.port, t.groups) {
		return t.end("no ingress rule of %s of %s allows port %d from %s", list("security group", at.Groups), at.ID, t.port, t.subnet.CIDR)
	}
	t.step("%s lets it in to %s", list("security group", at.Groups), at.ID)
	if v.ID != t.vpc.ID {
		if back, ok := t.noWayBack(v, at.Subnet); ok {
			return back
		}
	}
	t.path.Reaches = true
	return t.end("%s is reached at %s:%d", at.ID, to, t.port)
}

func (t *tracer) holder(v *vpc.VPC, addr netip.Addr) *vpc.Subnet {
	for s := range state.Subnets.By(t, state.ByVPC, v.ID) {
		if s.CIDR.Contains(addr) {
			return s
		}
	}
	return nil
}

// noWayBack reports that a subnet's route table has no route over a peering to where the connection came from.
func (t *tracer) noWayBack(v *vpc.VPC, subnet string) (Path, bool) {
	tables, main := t.tables(v)
	table := tables[subnet]
	if table == nil {
		table = main
	}
	route, ok := longest(v, table, t.subnet.CIDR.Addr())
	if ok && route.Peering != "" {
		return Path{}, false
	}
	return t.end("route table %s of %s has no route back to %s", table.ID, subnet, t.subnet.CIDR), true
}

// localOrigin marks the route every table has to its own VPC.
const localOrigin = "local"

// longest returns the route of the longest prefix that holds addr.
func longest(v *vpc.VPC, table *vpc.RouteTable, addr netip.Addr) (vpc.Route, bool) {
	var best vpc.Route
	found := false
	consider := func(r vpc.Route) {
		if r.Destination.IsValid() && r.Destination.Contains(addr) && (!found || r.Destination.Bits() > best.Destination.Bits()) {
			best, found = r, true
		}
	}
	for _, p := range blocks(v) {
		consider(vpc.Route{Destination: p, Origin: localOrigin})
	}
	for _, r := range table.Routes {
		consider(r)
	}
	return best, found
}

// allowed reports whether a rule of the groups allows TCP on the port with every address of the peer prefix, or with the
// peer's own groups.
func (t *tracer) allowed(v *vpc.VPC, groups []string, egress bool, peer netip.Prefix, port uint16, peerGroups []string) bool {
	lists := vpc.ManagedPrefixLists(v.Region)
	for _, id := range groups {
		g, ok := state.SecurityGroups.Get(t, id)
		if !ok {
			continue
		}
		for _, r := range g.Rules {
			if r.Egress != egress || !tcp(r, port) {
				continue
			}
			switch {
			case r.CIDR.IsValid():
				if covers(r.CIDR, peer) {
					return true
				}
			case r.Group != "":
				if slices.Contains(peerGroups, r.Group) || egress && t.carries(peer.Addr(), r.Group) {
					return true
				}
			case r.PrefixList != "":
				for _, l := range lists {
					if l.ID == r.PrefixList && slices.ContainsFunc(l.Entries, func(p netip.Prefix) bool { return covers(p, peer) }) {
						return true
					}
				}
			}
		}
	}
	return false
}

// carries reports whether an interface with the address carries the group.
func (t *tracer) carries(addr netip.Addr, group string) bool {
	for i := range state.Interfaces.By(t, state.ByGroup, group) {
		if i.Addr == addr {
			return true
		}
	}
	return false
}

func covers(outer, inner netip.Prefix) bool {
	return outer.Addr().Is4() == inner.Addr().Is4() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func tcp(r vpc.Rule, port uint16) bool {
	switch r.Protocol {
	case "-1":
		return true
	case "tcp", "6":
		return r.FromPort == -1 || int32(port) >= r.FromPort && int32(port) <= r.ToPort
	}
	return false
}

func list(what string, ids []string) string {
	if len(ids) == 1 {
		return what + " " + ids[0]
	}
	return what + "s " + strings.Join(ids, ", ")
}
