package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"trellis/internal/lattice"
	"trellis/internal/resolver"
	"trellis/internal/state"
	"trellis/internal/substrate"
	"trellis/internal/vpc"
)

// peeringActive is the one status in which packets pass.
const peeringActive = "active"

func (b *builder) peering(id string) *substrate.Peering {
	p, ok := state.Peerings.Get(b, id)
	if !ok || p.Status != peeringActive {
		return nil
	}
	return &substrate.Peering{ID: p.ID, Requester: p.Requester.VPC, Accepter: p.Accepter.VPC}
}

// association returns the live service network association of a VPC, nil if there is none.
func association(r state.Reader, vpcID string) *lattice.NetworkVPC {
	var live *lattice.NetworkVPC
	for a := range state.NetworkVPCs.By(r, state.ByVPC, vpcID) {
		if !a.Deleting {
			live = a
		}
	}
	return live
}

// holdsTargets says whether a target group is in the VPC.
func (b *builder) holdsTargets(vpcID string) bool {
	for g := range state.TargetGroups.By(b, state.ByVPC, vpcID) {
		if !g.Deleting {
			return true
		}
	}
	return false
}

func (b *builder) vpc(id string) *substrate.VPC {
	v, ok := state.VPCs.Get(b, id)
	if !ok {
		return nil
	}
	out := &substrate.VPC{ID: v.ID, CIDRs: blocks(v)}
	if a := association(b, v.ID); a != nil {
		out.Lattice, out.LatticeGroups = substrate.LatticeAssociated, a.SecurityGroups
		if n := use(b, b.c.networks, a.Network); n != nil {
			out.Resources = steered(n.Entrances)
		}
	} else if b.holdsTargets(v.ID) {
		out.Lattice = substrate.LatticeTargets
	}
	if v.DNSSupport {
		out.Resolvers = resolver.Addresses(v.CIDRs[0].Prefix)
	}
	for g := range state.InternetGateways.By(b, state.ByVPC, v.ID) {
		out.InternetGateway = g.ID
	}
	tables, main := b.tables(v)
	for s := range state.Subnets.By(b, state.ByVPC, v.ID) {
		t := tables[s.ID]
		if t == nil {
			t = main
		}
		subnet := substrate.Subnet{ID: s.ID, CIDRs: []netip.Prefix{s.CIDR}, Routes: b.routes(v, t, out.InternetGateway)}
		if t != nil {
			subnet.RouteTable = t.ID
		}
		subnet.ACL = b.acl(s.NetworkACLID)
		out.Subnets = append(out.Subnets, subnet)
	}
	for i := range state.Interfaces.By(b, state.ByVPC, v.ID) {
		if !i.InUse() {
			continue // a reserved address, where nobody answers
		}
		one := substrate.Interface{ID: i.ID, Subnet: i.Subnet, Addresses: i.Addresses(), SecurityGroups: i.Groups, Guests: i.Type == vpc.LambdaInterface}
		if mac, ok := substrate.ParseMAC(i.MAC); ok {
			one.MAC = mac
		}
		if i.Type == vpc.EndpointInterface {
			one.Endpoint = true
			if f := use(b, b.c.fronts, i.ID); f != nil {
				one.Resources = steered(f.Entrances)
			}
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	lists := vpc.ManagedPrefixLists(v.Region)
	for g := range state.SecurityGroups.By(b, state.ByVPC, v.ID) {
		out.SecurityGroups = append(out.SecurityGroups, b.group(g, lists))
	}
	return out
}

func blocks(v *vpc.VPC) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(v.CIDRs)+len(v.IPv6))
	for _, c := range v.CIDRs {
		out = append(out, c.Prefix)
	}
	return append(out, v.IPv6...)
}

// tables returns the route table of each subnet that is associated with one, and the VPC's main table.
func (b *builder) tables(v *vpc.VPC) (bySubnet map[string]*vpc.RouteTable, main *vpc.RouteTable) {
	bySubnet = map[string]*vpc.RouteTable{}
	for t := range state.RouteTables.By(b, state.ByVPC, v.ID) {
		for _, a := range t.Associations {
			switch {
			case a.Main:
				main = t
			case a.Subnet != "":
				bySubnet[a.Subnet] = t
			}
		}
	}
	return bySubnet, main
}

func (b *builder) routes(v *vpc.VPC, t *vpc.RouteTable, gateway string) []substrate.Route {
	var out []substrate.Route
	for _, p := range blocks(v) {
		out = append(out, substrate.Route{Destination: p, Via: substrate.ViaLocal})
	}
	if t == nil {
		return out
	}
	for _, r := range t.Routes {
		if !r.Destination.IsValid() {
			continue // VPC Lattice's own prefix lists, which the VPC intercepts
		}
		route := substrate.Route{Destination: r.Destination, Via: substrate.ViaBlackhole}
		switch {
		case r.Peering != "":
			if p, ok := state.Peerings.Get(b, r.Peering); ok && p.Status == peeringActive {
				route.Via, route.Target = substrate.ViaPeering, p.ID
			}
		case r.Gateway != "" && r.Gateway == gateway:
			route.Via = substrate.ViaInternet
		}
		out = append(out, route)
	}
	return out
}

func (b *builder) group(g *vpc.SecurityGroup, lists []vpc.ManagedPrefixList) substrate.SecurityGroup {
	out := substrate.SecurityGroup{ID: g.ID}
	for _, r := range g.Rules {
		protocol, err := protocolNumber(r.Protocol)
		if err != nil {
			b.problem(g.ID, err)
			continue
		}
		rule := substrate.Rule{ID: r.ID, Protocol: protocol}
		rule.From, rule.To = ports(protocol, r.FromPort, r.ToPort)
		switch {
		case r.CIDR.IsValid():
			rule.CIDRs = []netip.Prefix{r.CIDR}
		case r.Group != "":
			rule.Groups = []string{r.Group}
		case r.PrefixList != "":
			i := slices.IndexFunc(lists, func(l vpc.ManagedPrefixList) bool { return l.ID == r.PrefixList })
			if i < 0 {
				b.problem(g.ID, fmt.Errorf("rule %s names the unknown prefix list %s", r.ID, r.PrefixList))
				continue
			}
			rule.CIDRs = lists[i].Entries
		}
		if r.Egress {
			out.Egress = append(out.Egress, rule)
		} else {
			out.Ingress = append(out.Ingress, rule)
		}
	}
	return out
}

// acl returns a network ACL, nil for one that lets everything pass.
func (b *builder) acl(id string) *substrate.NetworkACL {
	row, ok := state.NetworkACLs.Get(b, id)
	if !ok || row.Open() {
		return nil
	}
	entries := func(egress bool) []substrate.ACLEntry {
		var out []substrate.ACLEntry
		for _, e := range row.Sorted(egress) {
			protocol, err := protocolNumber(e.Protocol)
			if err != nil {
				b.problem(id, err)
				continue
			}
			one := substrate.ACLEntry{Number: int(e.Number), Allow: e.Allow, Protocol: protocol, CIDR: e.CIDR}
			one.From, one.To = ports(protocol, e.FromPort, e.ToPort)
			out = append(out, one)
		}
		return out
	}
	return &substrate.NetworkACL{ID: id, Ingress: entries(false), Egress: entries(true)}
}

// ports returns a range of ports, all of them where a rule for TCP or UDP has none.
func ports(protocol int, from, to int32) (int, int) {
	if (protocol == 6 || protocol == 17) && (from == -1 || to == -1) {
		return 0, 65535
	}
	return int(from), int(to)
}

func protocolNumber(name string) (int, error) {
	switch name {
	case "-1":
		return substrate.AllProtocols, nil
	case "tcp":
		return 6, nil
	case "udp":
		return 17, nil
	case "icmp":
		return 1, nil
	case "icmpv6":
		return 58, nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 || n > 255 {
		return 0, fmt.Errorf("%q is not an IP protocol", name)
	}
	return n, nil
}

// publicName is the name of a service, a resource or a load balancer.
func (b *builder) publicName(key string) *resolver.Host {
	if s, ok := state.Services.Get(b, key); ok && !s.Deleting {
		v4, v6 := lattice.Addresses(s.ID)
		return &resolver.Host{Name: s.Domain(), Addrs: []netip.Addr{v4, v6}}
	}
	if a, ok := state.NetworkResources.Get(b, key); ok && !a.Deleting {
		return &resolver.Host{Name: a.Domain(), Addrs: []netip.Addr{a.Address}}
	}
	if lb, ok := state.LoadBalancers.Get(b, key); ok {
		return &resolver.Host{Name: lb.DNSName(), Addrs: b.addresses(lb.Interfaces)}
	}
	return nil
}

// names says what the resolver of a VPC answers.
func (b *builder) names(id string) *resolver.VPC {
	v, ok := state.VPCs.Get(b, id)
	if !ok {
		return nil
	}
	out := &resolver.VPC{ID: v.ID, EnableDNSSupport: v.DNSSupport, EnableDNSHostnames: v.DNSHostnames}
	for p := range state.Peerings.By(b, state.ByVPC, v.ID) {
		if p.Status != peeringActive {
			continue
		}
		if p.Requester.RemoteDNS && p.Accepter.VPC == v.ID {
			out.Peers = append(out.Peers, p.Requester.VPC)
		}
		if p.Accepter.RemoteDNS && p.Requester.VPC == v.ID {
			out.Peers = append(out.Peers, p.Accepter.VPC)
		}
	}
	if v.DNSSupport {
		out.Listen = resolver.Addresses(v.CIDRs[0].Prefix)
	}
	for i := range state.Interfaces.By(b, state.ByVPC, v.ID) {
		for _, a := range i.Addresses() {
			out.Interfaces = append(out.Interfaces, resolver.Interface{PrivateName: vpc.Name(a, v.Region), Private: a})
		}
	}
	for e := range state.Endpoints.By(b, state.ByVPC, v.ID) {
		b.endpointNames(e, out)
	}
	return out
}

func (b *builder) addresses(interfaces []string) []netip.Addr {
	var out []netip.Addr
	for _, id := range interfaces {
		if i, ok := state.Interfaces.Get(b, id); ok {
			out = append(out, i.Addr)
		}
	}
	return out
}
