package substrate

import (
	"fmt"
	"net/netip"
	"slices"
)

// Flow is the attempt to open a connection.
type Flow struct {
	// From is the interface that opens it or, for the proxy's own dials, the VPC.
	From string
	// Source is needed from a VPC: the Lattice address dialled from. From an
	// interface the zero value stands for its own address.
	Source      netip.Addr
	Destination netip.Addr
	Protocol    int // IP protocol number
	Port        int // destination port for TCP and UDP, type for ICMP
}

// Explanation says whether a flow can open, and what decides.
type Explanation struct {
	Open bool
	// Reason is why not: one of the Drop constants, DropNoRoute or DropNoReturn.
	Reason string
	// Resource is the id of what decides: a route table, security group,
	// network ACL, VPC, interface or subnet. Empty if nothing stands in the way.
	Resource string
	// Text is a sentence for people.
	Text string
}

// More reasons for which packets are dropped; the kernel drops them by a blackhole
// route and counts nothing.
const (
	// DropNoRoute is a destination the sender's route table has no live route to.
	DropNoRoute = "no-route"
	// DropNoReturn is a sender the receiver's route table has no live route to.
	DropNoReturn = "no-return-route"
	// DropUnknown is a flow from nowhere.
	DropUnknown = "unknown-source"
)

// ephemeral is a port as clients use them, to judge the way back by.
const ephemeral = 49152

func blocked(reason, resource, format string, args ...any) Explanation {
	return Explanation{Reason: reason, Resource: resource, Text: fmt.Sprintf(format, args...)}
}

// Explain follows a flow through a Config as its packets go through the kernel: both
// are made from the same data, and a test holds them against each other.
func Explain(cfg Config, f Flow) Explanation {
	x := new(Lowering)
	x.read(cfg)
	e := &explainer{x: x, f: f}
	if vx := x.vpcs[f.From]; vx != nil {
		return e.fromLattice(vx)
	}
	for _, vx := range x.vpcs {
		for _, n := range vx.interfaces {
			if n.ID == f.From {
				return e.fromInterface(vx, n)
			}
		}
	}
	return blocked(DropUnknown, f.From, "%s has no interface on the network", f.From)
}

type explainer struct {
	x *Lowering
	f Flow
}

func (e *explainer) isLattice(a netip.Addr) bool {
	return slices.ContainsFunc(e.x.cfg.LatticePrefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (e *explainer) fromLattice(vx *vpcIndex) Explanation {
	if vx.Lattice == LatticeNone || !e.isLattice(e.f.Source) {
		return blocked(DropNotAssociated, vx.ID, "VPC Lattice has no part in %s", vx.ID)
	}
	to := vx.holder(e.f.Destination)
	if to == nil {
		return noHost(vx, e.f.Destination)
	}
	return e.arrive(vx, to, e.f.Source)
}

func noHost(vx *vpcIndex, a netip.Addr) Explanation {
	return blocked(DropNoHost, vx.ID, "nobody in %s has the address %s", vx.ID, a)
}

// holder is the interface with an address.
func (vx *vpcIndex) holder(a netip.Addr) *Interface {
	for _, n := range vx.interfaces {
		if slices.Contains(n.Addresses, a) {
			return n
		}
	}
	return nil
}

func (e *explainer) fromInterface(vx *vpcIndex, n *Interface) Explanation {
	to := e.f.Destination
	source := e.f.Source
	if !source.IsValid() {
		source = primary(n, to.Is6())
	}
	if !slices.Contains(n.Addresses, source) {
		return blocked(DropSpoofed, n.ID, "%s does not have the source address %s", n.ID, source)
	}
	if slices.Contains(n.Addresses, to) {
		return Explanation{Open: true, Text: fmt.Sprintf("%s is %s's own address", to, n.ID)}
	}
	if slices.Contains(vx.Resolvers, to) && (e.f.Protocol == 17 || e.f.Protocol == 6) && e.f.Port == 53 {
		return Explanation{Open: true, Text: fmt.Sprintf("the resolver of %s answers", vx.ID)}
	}
	if e.isLattice(to) {
		return e.toLattice(vx, n, source)
	}
	if there := vx.holder(to); there != nil {
		if out := e.leave(vx, n, source, to); !out.Open {
			return out
		}
		if in := e.arrive(vx, there, source); !in.Open {
			return in
		}
		if acl := e.crossing(vx, n, to, false, true); acl != "" {
			return blocked(DropACL, acl, "network ACL %s denies the answer from %s", acl, to)
		}
		return Explanation{Open: true, Text: fmt.Sprintf("%s lets %s from %s in", there.ID, e.what(), source)}
	}
	return e.away(vx, n, source)
}

func (e *explainer) toLattice(vx *vpcIndex, n *Interface, source netip.Addr) Explanation {
	if vx.Lattice != LatticeAssociated {
		return blocked(DropNotAssociated, vx.ID, "%s is not associated with a service network", vx.ID)
	}
	to := e.f.Destination
	if e.beside(vx.Resources, to) {
		return blocked(DropNoHost, vx.ID, "the resource at %s cannot be reached at %s", to, e.what())
	}
	if out := e.leave(vx, n, source, to); !out.Open {
		return out
	}
	if len(vx.LatticeGroups) > 0 && !e.admitted(vx, vx.LatticeGroups, source, false) {
		return blocked(DropLattice, vx.LatticeGroups[0], "no ingress rule of the association's security groups %v allows %s from %s", vx.LatticeGroups, e.what(), source)
	}
	if acl := e.crossing(vx, n, e.f.Destination, false, true); acl != "" {
		return blocked(DropACL, acl, "network ACL %s denies the answer to %s", acl, source)
	}
	return Explanation{Open: true, Text: fmt.Sprintf("%s is associated with a service network", vx.ID)}
}

// beside says whether the destination is a resource's address and none of its ports.
func (e *explainer) beside(resources []Resource, to netip.Addr) bool {
	i := slices.IndexFunc(resources, func(r Resource) bool { return r.Address == to })
	return i >= 0 && (e.f.Protocol != 6 || !resources[i].has(e.f.Port))
}

// leave is what the sender's own network ACL and security groups say.
func (e *explainer) leave(vx *vpcIndex, n *Interface, source, to netip.Addr) Explanation {
	if acl := e.crossing(vx, n, to, true, false); acl != "" {
		return blocked(DropACL, acl, "network ACL %s denies %s to %s", acl, e.what(), to)
	}
	if !e.admitted(vx, n.SecurityGroups, to, true) {
		return blocked(DropEgress, first(n.SecurityGroups), "no egress rule of %s's security groups %v allows %s to %s", n.ID, n.SecurityGroups, e.what(), to)
	}
	return Explanation{Open: true}
}

// arrive is what the receiver's network ACL and security groups say, and whether
// the answer gets back over the ACLs of the receiver.
func (e *explainer) arrive(vx *vpcIndex, to *Interface, source netip.Addr) Explanation {
	if acl := e.crossing(vx, to, source, false, false); acl != "" {
		return blocked(DropACL, acl, "network ACL %s denies %s from %s", acl, e.what(), source)
	}
	if !e.admitted(vx, to.SecurityGroups, source, false) {
		return blocked(DropIngress, first(to.SecurityGroups), "no ingress rule of %s's security groups %v allows %s from %s", to.ID, to.SecurityGroups, e.what(), source)
	}
	if to.Guests {
		return blocked(DropIngress, to.ID, "%s accepts no connections: functions are invoked, not connected to", to.ID)
	}
	if e.beside(to.Resources, e.f.Destination) {
		return blocked(DropNoHost, to.ID, "the resource at %s cannot be reached at %s", e.f.Destination, e.what())
	}
	if acl := e.crossing(vx, to, source, true, true); acl != "" {
		return blocked(DropACL, acl, "network ACL %s denies the answer to %s", acl, source)
	}
	return Explanation{Open: true, Text: fmt.Sprintf("%s lets %s from %s in", to.ID, e.what(), source)}
}

func first(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	return groups[0]
}

func (e *explainer) what() string {
	switch e.f.Protocol {
	case 6, 17:
		return fmt.Sprintf("%s port %d", protocolName(e.f.Protocol), e.f.Port)
	case 1, 58:
		return fmt.Sprintf("%s type %d", protocolName(e.f.Protocol), e.f.Port)
	}
	return "protocol " + protocolName(e.f.Protocol)
}

// admitted says whether a rule of one of the groups allows the flow.
func (e *explainer) admitted(vx *vpcIndex, groups []string, far netip.Addr, egress bool) bool {
	for _, id := range groups {
		g := vx.groups[id]
		if g == nil {
			continue
		}
		rules := g.Ingress
		if egress {
			rules = g.Egress
		}
		for _, r := range rules {
			if r.check() == nil && covers(r.Protocol, r.From, r.To, e.f.Protocol, e.f.Port, far.Is6()) && e.peers(vx, r, far) {
				return true
			}
		}
	}
	return false
}

func (e *explainer) peers(vx *vpcIndex, r Rule, far netip.Addr) bool {
	if slices.ContainsFunc(r.CIDRs, func(p netip.Prefix) bool { return p.Contains(far) }) {
		return true
	}
	return slices.ContainsFunc(r.Groups, func(g string) bool { return slices.Contains(vx.membersOf(g), far) })
}

// covers says whether a protocol and range of a rule cover a packet's.
func covers(protocol, from, to, p, port int, v6 bool) bool {
	if protocol == AllProtocols {
		return true
	}
	if protocol != p || p == 1 && v6 || p == 58 && !v6 {
		return false
	}
	switch p {
	case 6, 17:
		return from <= port && port <= to
	case 1, 58:
		return from < 0 || from == port && to <= 0
	}
	return true
}

// crossing is the id of the network ACL that stops a packet at the edge of the
// interface's subnet, or empty. An answer goes to a port of the asker's choice.
func (e *explainer) crossing(vx *vpcIndex, n *Interface, far netip.Addr, out, answer bool) string {
	s := vx.subnets[n.Subnet]
	if s.ACL == nil || slices.ContainsFunc(s.CIDRs, func(p netip.Prefix) bool { return p.Contains(far) }) {
		return ""
	}
	entries := s.ACL.Ingress
	if out {
		entries = s.ACL.Egress
	}
	port := e.f.Port
	if answer && (e.f.Protocol == 6 || e.f.Protocol == 17) {
		port = ephemeral
	}
	for _, entry := range inOrder(entries) {
		if entry.check() == nil && entry.CIDR.Contains(far) && covers(entry.Protocol, entry.From, entry.To, e.f.Protocol, port, far.Is6()) {
			if entry.Allow {
				return ""
			}
			return s.ACL.ID
		}
	}
	return s.ACL.ID
}

// lookup finds the route of a subnet to an address: the longest prefix.
func (vx *vpcIndex) lookup(s *Subnet, a netip.Addr) (Route, bool) {
	best := Route{Destination: netip.PrefixFrom(a, 0)}
	found := false
	for _, r := range s.Routes {
		if r.Destination.IsValid() && r.Destination.Contains(a) && (!found || r.Destination.Bits() > best.Destination.Bits()) {
			best, found = r, true
		}
	}
	for _, c := range vx.CIDRs {
		if c.Contains(a) && (!found || c.Bits() > best.Destination.Bits()) {
			best, found = Route{Destination: c, Via: ViaLocal}, true
		}
	}
	return best, found
}

func tableOf(s *Subnet) string {
	if s.RouteTable != "" {
		return s.RouteTable
	}
	return s.ID
}

// away follows a flow out of its VPC.
func (e *explainer) away(vx *vpcIndex, n *Interface, source netip.Addr) Explanation {
	to, s := e.f.Destination, vx.subnets[n.Subnet]
	route, ok := vx.lookup(s, to)
	switch {
	case !ok:
		return blocked(DropNoRoute, tableOf(s), "route table %s of %s has no route to %s", tableOf(s), s.ID, to)
	case route.Via == ViaLocal:
		return noHost(vx, to)
	case route.Via == ViaPeering && vx.peers[route.Target] != nil:
		return e.acrossPeering(vx, n, source, route.Target)
	case route.Via == ViaInternet && vx.InternetGateway != "" && to.Is4():
		return e.acrossInternet(vx, n, source)
	}
	return blocked(DropNoRoute, tableOf(s), "the route of %s to %s leads nowhere", tableOf(s), route.Destination)
}

func (e *explainer) acrossPeering(vx *vpcIndex, n *Interface, source netip.Addr, peering string) Explanation {
	to := e.f.Destination
	if out := e.leave(vx, n, source, to); !out.Open {
		return out
	}
	there := vx.peers[peering]
	host := there.holder(to)
	if host == nil {
		if !slices.ContainsFunc(there.CIDRs, func(c netip.Prefix) bool { return c.Contains(to) }) {
			return blocked(DropNoHost, peering, "%s leads to %s and no further: peering is not transitive", peering, there.ID)
		}
		return noHost(there, to)
	}
	if in := e.arrive(there, host, source); !in.Open {
		return in
	}
	s := there.subnets[host.Subnet]
	if back, ok := there.lookup(s, source); !ok || back.Via != ViaPeering || back.Target != peering {
		return blocked(DropNoReturn, tableOf(s), "route table %s of %s has no route back to %s over %s", tableOf(s), s.ID, source, peering)
	}
	if acl := e.crossing(vx, n, to, false, true); acl != "" {
		return blocked(DropACL, acl, "network ACL %s denies the answer from %s", acl, to)
	}
	return Explanation{Open: true, Text: fmt.Sprintf("%s leads to %s, which lets %s in", peering, there.ID, e.what())}
}

func (e *explainer) acrossInternet(vx *vpcIndex, n *Interface, source netip.Addr) Explanation {
	to := e.f.Destination
	if !n.Public.IsValid() || source != primary(n, false) {
		return blocked(DropNoPublic, n.ID, "%s has no public address, so %s does not carry its packets", n.ID, vx.InternetGateway)
	}
	if out := e.leave(vx, n, source, to); !out.Open {
		return out
	}
	for _, there := range e.x.vpcs {
		for _, host := range there.interfaces {
			if host.Public != to || there.InternetGateway == "" {
				continue
			}
			if in := e.arrive(there, host, n.Public); !in.Open {
				return in
			}
			s := there.subnets[host.Subnet]
			if back, ok := there.lookup(s, n.Public); !ok || back.Via != ViaInternet {
				return blocked(DropNoReturn, tableOf(s), "route table %s of %s has no route back to the internet", tableOf(s), s.ID)
			}
			if acl := e.crossing(vx, n, to, false, true); acl != "" {
				return blocked(DropACL, acl, "network ACL %s denies the answer from %s", acl, to)
			}
			return Explanation{Open: true, Text: fmt.Sprintf("%s has the public address %s", host.ID, to)}
		}
	}
	return blocked(DropNoHost, vx.InternetGateway, "nobody has the public address %s", to)
}
