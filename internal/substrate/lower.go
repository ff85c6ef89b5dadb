package substrate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"trellis/internal/ordered"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// Lowering works out layouts, one after the other. It keeps the last one with what it
// was made of, so that a part of the next is made anew only if its VPC, a VPC peered
// with it or a peering between them changed.
type Lowering struct {
	cfg      Config
	layout   Layout
	vpcs     map[string]*vpcIndex
	peerings map[string]map[string]*Peering // VPC → by id
	owners   map[string]string              // interface → VPC
	refused  map[string]Problem             // by id of a VPC or peering
}

// Lower is the layout that realises a Config.
func Lower(cfg Config) Layout { return new(Lowering).Lower(cfg) }

// Lower works out the layout that realises a Config. It depends on nothing but the
// Config's contents.
func (l *Lowering) Lower(cfg Config) Layout {
	changed := l.read(cfg)
	parts := make(map[string]*Part, len(changed)+1)
	uplinks := false
	for id := range changed {
		old := ordered.Find(l.layout.Parts, (*Part).Key, id)
		var part *Part
		if vx := l.vpcs[id]; vx != nil {
			part = l.lowerVPC(vx)
		}
		if old == nil && part == nil {
			continue
		}
		parts[id] = part
		uplinks = uplinks || old != nil && old.uplink != nil || part != nil && part.uplink != nil
	}
	l.layout.Parts = ordered.With(l.layout.Parts, (*Part).Key, parts)
	if uplinks {
		internet := map[string]*Part{InternetNamespace: lowerInternet(l.layout.Parts)}
		l.layout.Parts = ordered.With(l.layout.Parts, (*Part).Key, internet)
	}
	if len(changed) > 0 {
		l.layout.refused = nil
		for _, id := range slices.Sorted(maps.Keys(l.refused)) {
			l.layout.refused = append(l.layout.refused, l.refused[id])
		}
	}
	return l.layout
}

// read takes in a Config and tells the VPCs that have to be lowered.
func (l *Lowering) read(cfg Config) map[string]bool {
	cfg.LatticePrefixes = without(cfg.LatticePrefixes, invalid)
	if l.vpcs == nil || !slices.Equal(cfg.LatticePrefixes, l.cfg.LatticePrefixes) {
		*l = Lowering{vpcs: map[string]*vpcIndex{}, peerings: map[string]map[string]*Peering{}, owners: map[string]string{}, refused: map[string]Problem{}}
	}
	var gone, came []*VPC
	for before, after := range ordered.Diff(l.cfg.VPCs, cfg.VPCs, (*VPC).Key) {
		if before != nil {
			gone = append(gone, before)
			l.forget(before.ID)
		}
		if after != nil {
			came = append(came, after)
		}
	}
	for _, v := range came {
		l.add(v, cfg.LatticePrefixes)
	}
	changed := map[string]bool{}
	concerned := func(p *Peering) { changed[p.Requester], changed[p.Accepter] = true, true }
	for before, after := range ordered.Diff(l.cfg.Peerings, cfg.Peerings, (*Peering).Key) {
		if before != nil {
			concerned(before)
			delete(l.refused, before.ID)
			delete(l.peerings[before.Requester], before.ID)
			delete(l.peerings[before.Accepter], before.ID)
		}
		if after != nil {
			concerned(after)
			l.join(after.Requester, after)
			l.join(after.Accepter, after)
		}
	}
	for _, v := range append(gone, came...) {
		changed[v.ID] = true
		for _, p := range l.peerings[v.ID] {
			concerned(p)
		}
	}
	for id := range changed {
		l.peer(id)
	}
	l.cfg = cfg
	return changed
}

func (l *Lowering) add(v *VPC, lattice []netip.Prefix) {
	if v.ID == "" || v.ID == InternetNamespace || l.vpcs[v.ID] != nil {
		l.refused[v.ID] = problemf(v.ID, "VPC id %q is empty or used twice", v.ID)
		return
	}
	l.vpcs[v.ID] = indexVPC(v, lattice, func(id string) bool {
		if id == "" || id == InternetNamespace || l.owners[id] != "" {
			return false
		}
		l.owners[id] = v.ID
		return true
	})
}

func (l *Lowering) forget(id string) {
	delete(l.refused, id)
	if vx := l.vpcs[id]; vx != nil {
		for _, n := range vx.interfaces {
			delete(l.owners, n.ID)
		}
		delete(l.vpcs, id)
	}
}

func (l *Lowering) join(vpc string, p *Peering) {
	if l.peerings[vpc] == nil {
		l.peerings[vpc] = map[string]*Peering{}
	}
	l.peerings[vpc][p.ID] = p
}

// peer finds the VPCs that one is peered with.
func (l *Lowering) peer(id string) {
	if len(l.peerings[id]) == 0 {
		delete(l.peerings, id)
	}
	vx := l.vpcs[id]
	if vx != nil {
		vx.peers = map[string]*vpcIndex{}
	}
	for _, p := range l.peerings[id] {
		a, b := l.vpcs[p.Requester], l.vpcs[p.Accepter]
		if a == nil || b == nil || a == b {
			l.refused[p.ID] = problemf(p.ID, "peering needs two VPCs, has %q and %q", p.Requester, p.Accepter)
			continue
		}
		if err := a.overlap(b); err != nil {
			l.refused[p.ID] = Problem{p.ID, err}
			continue
		}
		delete(l.refused, p.ID)
		if vx.peers[p.ID] = b; vx == b {
			vx.peers[p.ID] = a
		}
	}
}

// uplink is what a VPC with an internet gateway adds to what lies behind.
type uplink struct {
	routes    []Path
	neighbour Neighbour
	pinned    []Element
}

// lowerInternet lowers what lies behind the internet gateways, nil without any.
func lowerInternet(parts []*Part) *Part {
	ns := Namespace{Name: InternetNamespace, Kind: KindInternet, Rules: append(hostRules(), endRules()...)}
	var pinned []Element
	uplinks := 0
	for _, p := range parts {
		if p.uplink == nil {
			continue
		}
		uplinks++
		ns.Routes = append(ns.Routes, p.uplink.routes...)
		ns.Neighbours = append(ns.Neighbours, p.uplink.neighbour)
		pinned = append(pinned, p.uplink.pinned...)
	}
	if uplinks == 0 {
		return nil
	}
	ns.Table = internetTable(pinned)
	return &Part{ID: InternetNamespace, Namespaces: []Namespace{ns}}
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
	if n.Endpoint {
		ns.Kind = KindEndpoint
		ns.Table = Table{Counters: []string{DropNoHost}, Chains: []Chain{
			{Name: "prerouting", Hook: HookPrerouting, Rules: append(steer(n.Resources), FilterRule{Accept{}})}}}
	}
	return ns
}

func (l *Lowering) lowerVPC(vx *vpcIndex) *Part {
	part := &Part{ID: vx.ID, Problems: slices.Clone(vx.problems)}
	part.Namespaces = append(part.Namespaces, l.lowerRouter(vx, part))
	for _, n := range vx.interfaces {
		part.Namespaces = append(part.Namespaces, lowerInterface(n))
		part.Links = append(part.Links, Link{
			Owner: n.ID,
			A:     End{Namespace: vx.ID, Name: shortName("i", n.ID), MAC: gatewayMAC},
			B:     End{Namespace: n.ID, Name: WorkloadLink, MAC: n.mac(), Addresses: n.Addresses},
		})
	}
	if vx.InternetGateway != "" {
		name := shortName("v", vx.ID)
		part.Links = append(part.Links, Link{
			Owner: vx.InternetGateway,
			A:     End{Namespace: vx.ID, Name: gatewayLink, MAC: macOf(vx.InternetGateway)},
			B:     End{Namespace: InternetNamespace, Name: name, MAC: gatewayMAC},
		})
		part.uplink = &uplink{neighbour: Neighbour{Link: name, Address: gateway4, MAC: macOf(vx.InternetGateway)}}
		for _, n := range vx.interfaces {
			if n.Public.IsValid() {
				part.uplink.routes = append(part.uplink.routes, Path{
					Owner: n.ID, Table: TableMain, Destination: host(n.Public), Link: name, Gateway: gateway4,
				})
				part.uplink.pinned = append(part.uplink.pinned, Element{Link: name, Prefix: host(n.Public)})
			}
		}
	}
	for id, other := range vx.peers {
		if l.peerings[vx.ID][id].Requester != vx.ID {
			continue
		}
		name := peeringLink(id)
		part.Links = append(part.Links, Link{
			Owner: id,
			A:     End{Namespace: vx.ID, Name: name, MAC: macOf(id + "/" + vx.ID)},
			B:     End{Namespace: other.ID, Name: name, MAC: macOf(id + "/" + other.ID)},
		})
	}
	slices.SortFunc(part.Links, func(a, b Link) int { return compare(a.A.Name, b.A.Name) })
	return part
}

// lowerRouter lowers a VPC's own namespace.
func (l *Lowering) lowerRouter(vx *vpcIndex, part *Part) Namespace {
	ns := Namespace{Name: vx.ID, Kind: KindVPC}
	for _, p := range l.cfg.LatticePrefixes {
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
		vx.lowerSubnet(vx.subnets[id], &ns, part)
	}
	for _, id := range slices.Sorted(maps.Keys(vx.peers)) {
		for _, v6 := range []bool{false, true} {
			ns.Neighbours = append(ns.Neighbours, Neighbour{Link: peeringLink(id), Address: gatewayFor(v6), MAC: macOf(id + "/" + vx.peers[id].ID)})
		}
	}
	if vx.InternetGateway != "" {
		ns.Neighbours = append(ns.Neighbours, Neighbour{Link: gatewayLink, Address: gateway4, MAC: gatewayMAC})
	}
	ns.Table = vpcTable(l.cfg.LatticePrefixes, vx, part)
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

func (vx *vpcIndex) lowerSubnet(s *Subnet, ns *Namespace, part *Part) {
	table, _ := subnetTable(*s)
	for _, c := range s.CIDRs {
		ns.Rules = append(ns.Rules, PolicyRule{Priority: prioritySubnet, IPv6: c.Addr().Is6(), From: c.Masked(), Table: table})
	}
	seen := map[netip.Prefix]bool{}
	for _, r := range s.Routes {
		if !r.Destination.IsValid() {
			part.problem(s.ID, "route without a destination")
			continue
		}
		p := Path{Owner: s.ID, Table: table, Destination: r.Destination.Masked(), Kind: Blackhole}
		if seen[p.Destination] {
			part.problem(s.ID, "two routes to %s", p.Destination)
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

func (p *Part) problem(id, format string, args ...any) {
	p.Problems = append(p.Problems, problemf(id, format, args...))
}

// String names the resource and what is wrong with it.
func (p Problem) String() string { return fmt.Sprintf("%s: %v", p.ID, p.Err) }
