package substrate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// Lower works out the layout that realises a Config, in an order that depends on
// nothing but the Config's contents, and lists what cannot be realised.
func Lower(cfg Config) (Layout, []Problem) {
	x := newIndex(cfg)
	var l Layout
	internet := Namespace{Name: InternetNamespace, Kind: KindInternet}
	uplinks := false
	for _, id := range slices.Sorted(maps.Keys(x.vpcs)) {
		vx := x.vpcs[id]
		l.Namespaces = append(l.Namespaces, x.lowerVPC(vx))
		for _, n := range vx.interfaces {
			l.Namespaces = append(l.Namespaces, lowerInterface(n))
			l.Links = append(l.Links, Link{
				Owner: n.ID,
				A:     End{Namespace: id, Name: shortName("i", n.ID), MAC: gatewayMAC},
				B:     End{Namespace: n.ID, Name: WorkloadLink, MAC: n.mac(), Addresses: n.Addresses},
			})
		}
		if vx.InternetGateway != "" {
			uplinks = true
			name := shortName("v", id)
			l.Links = append(l.Links, Link{
				Owner: vx.InternetGateway,
				A:     End{Namespace: id, Name: gatewayLink, MAC: macOf(vx.InternetGateway)},
				B:     End{Namespace: InternetNamespace, Name: name, MAC: gatewayMAC},
			})
			internet.Neighbours = append(internet.Neighbours, Neighbour{Link: name, Address: gateway4, MAC: macOf(vx.InternetGateway)})
			for _, n := range vx.interfaces {
				if n.Public.IsValid() {
					internet.Routes = append(internet.Routes, Path{
						Owner: n.ID, Table: TableMain, Destination: host(n.Public), Link: name, Gateway: gateway4,
					})
				}
			}
		}
	}
	for _, p := range x.cfg.Peerings {
		if a := x.vpcs[p.Requester]; a == nil || a.peers[p.ID] == nil {
			continue
		}
		name := peeringLink(p.ID)
		l.Links = append(l.Links, Link{
			Owner: p.ID,
			A:     End{Namespace: p.Requester, Name: name, MAC: macOf(p.ID + "/" + p.Requester)},
			B:     End{Namespace: p.Accepter, Name: name, MAC: macOf(p.ID + "/" + p.Accepter)},
		})
	}
	if uplinks {
		internet.Rules = append(hostRules(), endRules()...)
		internet.Table = x.internetTable()
		l.Namespaces = append(l.Namespaces, internet)
	}
	slices.SortFunc(l.Links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.A.Namespace, b.A.Namespace), cmp.Compare(a.A.Name, b.A.Name))
	})
	return l, x.problems
}

// gatewayLink is the name of a VPC's link to the internet.
const gatewayLink = "igw"

func peeringLink(id string) string { return shortName("p", id) }

func lowerInterface(n *Interface) Namespace {
	ns := Namespace{Name: n.ID, Kind: KindInterface}
	for _, v6 := range []bool{false, true} {
		if a := primary(n, v6); a.IsValid() {
			ns.Routes = append(ns.Routes, defaultPath(n.ID, gatewayFor(v6), a))
			ns.Neighbours = append(ns.Neighbours, Neighbour{Link: WorkloadLink, Address: gatewayFor(v6), MAC: gatewayMAC})
		}
	}
	if n.Guests {
		ns.Kind = KindShared
		ns.Table = sharedTable(primary(n, false))
	}
	return ns
}

func (x *index) lowerVPC(vx *vpcIndex) Namespace {
	ns := Namespace{Name: vx.ID, Kind: KindVPC}
	for _, p := range x.cfg.LatticePrefixes {
		kind, link := Local, "lo"
		if vx.Lattice == LatticeNone {
			kind, link = Blackhole, ""
		}
		ns.Routes = append(ns.Routes, Path{Owner: vx.ID, Table: TableLocal, Destination: p.Masked(), Kind: kind, Link: link})
		if vx.Lattice != LatticeNone {
			ns.Rules = append(ns.Rules, PolicyRule{Priority: priorityLattice, IPv6: p.Addr().Is6(), From: p.Masked(), Table: TableLattice})
		}
	}
	for _, a := range vx.Resolvers {
		ns.Routes = append(ns.Routes, Path{Owner: vx.ID, Table: TableLocal, Destination: host(a), Kind: Local, Link: "lo"})
	}
	for _, n := range vx.interfaces {
		for _, a := range n.Addresses {
			link := shortName("i", n.ID)
			ns.Routes = append(ns.Routes, Path{Owner: n.ID, Table: TableMain, Destination: host(a), Link: link})
			ns.Neighbours = append(ns.Neighbours, Neighbour{Link: link, Address: a, MAC: n.mac()})
		}
	}
	if vx.Lattice != LatticeNone {
		for _, v6 := range []bool{false, true} {
			// Nothing holds the address: the packet ends in the output hook, and the
			// dialler waits as for any silent host.
			ns.Routes = append(ns.Routes, Path{Owner: vx.ID, Table: TableLattice, Destination: everywhere(v6), Link: "lo"})
		}
	}
	ns.Rules = append(append(ns.Rules, hostRules()...), endRules()...)
	for _, id := range slices.Sorted(maps.Keys(vx.subnets)) {
		x.lowerSubnet(vx, vx.subnets[id], &ns)
	}
	for _, id := range slices.Sorted(maps.Keys(vx.peers)) {
		p := vx.peers[id]
		other := p.Accepter
		if other == vx.ID {
			other = p.Requester
		}
		for _, v6 := range []bool{false, true} {
			ns.Neighbours = append(ns.Neighbours, Neighbour{Link: peeringLink(id), Address: gatewayFor(v6), MAC: macOf(id + "/" + other)})
		}
	}
	if vx.InternetGateway != "" {
		ns.Neighbours = append(ns.Neighbours, Neighbour{Link: gatewayLink, Address: gateway4, MAC: gatewayMAC})
	}
	ns.Table = x.vpcTable(vx)
	return ns
}

// hostRules find the interfaces, which main has and nothing else.
func hostRules() []PolicyRule {
	return []PolicyRule{
		{Priority: priorityHosts, Table: TableMain, HostsOnly: true},
		{Priority: priorityHosts, IPv6: true, Table: TableMain, HostsOnly: true},
	}
}

// endRules drop what no table had a route for, where the kernel would answer.
func endRules() []PolicyRule {
	return []PolicyRule{{Priority: priorityEnd}, {Priority: priorityEnd, IPv6: true}}
}

func (x *index) lowerSubnet(vx *vpcIndex, s *Subnet, ns *Namespace) {
	table, _ := subnetTable(*s)
	for _, c := range s.CIDRs {
		ns.Rules = append(ns.Rules, PolicyRule{Priority: prioritySubnet, IPv6: c.Addr().Is6(), From: c.Masked(), Table: table})
	}
	seen := map[netip.Prefix]bool{}
	for _, r := range s.Routes {
		if !r.Destination.IsValid() {
			x.problem(s.ID, "route without a destination")
			continue
		}
		p := Path{Owner: s.ID, Table: table, Destination: r.Destination.Masked(), Kind: Blackhole}
		if seen[p.Destination] {
			x.problem(s.ID, "two routes to %s", p.Destination)
			continue
		}
		seen[p.Destination] = true
		v6 := p.Destination.Addr().Is6()
		switch {
		case r.Via == ViaPeering && vx.peers[r.Target] != nil:
			p.Kind, p.Link, p.Gateway = Unicast, peeringLink(r.Target), gatewayFor(v6)
		case r.Via == ViaInternet && vx.InternetGateway != "" && !v6:
			p.Kind, p.Link, p.Gateway = Unicast, gatewayLink, gateway4
		}
		ns.Routes = append(ns.Routes, p)
	}
	// Routes to hosts are found before; the rest of a local range is silence.
	for _, c := range append(slices.Clone(vx.CIDRs), everywhere(false), everywhere(true)) {
		if c = c.Masked(); !seen[c] {
			seen[c] = true
			ns.Routes = append(ns.Routes, Path{Owner: s.ID, Table: table, Destination: c, Kind: Blackhole})
		}
	}
}

// String names the resource and what is wrong with it.
func (p Problem) String() string { return fmt.Sprintf("%s: %v", p.ID, p.Err) }
