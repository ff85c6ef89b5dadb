package plan

import (
	"net/netip"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/resolver"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// endpointInterface is the id of an interface of a VPC endpoint, empty for any other.
func endpointInterface(i *vpc.NetworkInterface) string {
	if i.Type == vpc.EndpointInterface {
		return i.ID
	}
	return ""
}

// endpoint is what a network interface of a VPC endpoint leads to, nil for one of anything else.
func (b *builder) endpoint(i *vpc.NetworkInterface) *proxy.VPC {
	if i.Type != vpc.EndpointInterface {
		return nil
	}
	name, err := arn.Parse(i.User)
	if err != nil {
		return nil
	}
	e, ok := state.Endpoints.Get(b, name.Last())
	if !ok || e.Deleting || e.Detached {
		return nil
	}
	at := slices.IndexFunc(e.Nodes, func(n vpc.EndpointNode) bool { return n.Subnet == i.Subnet })
	v, ok := state.VPCs.Get(b, e.VPC)
	if !ok || at < 0 {
		return nil
	}
	out, node := callers(i.ID, v), &e.Nodes[at]
	out.Endpoint = e.ID
	enter := func(id string, r *proxy.Resource) {
		if addr := node.Resources[id]; r != nil && slices.Contains(i.Addresses(), addr) {
			out.Entrances = append(out.Entrances, entrance(id, addr, r))
		}
	}
	if e.Type == vpc.ResourceEndpoint {
		enter(e.Target, b.resource(e.ID, e.Target))
		return out
	}
	if out.Network = use(b, b.c.networks, e.Target); out.Network == nil {
		return out
	}
	if node.Services.Contains(i.Addr) {
		out.Bindings = bindings(out.Network.Services, func(s *proxy.Service) []netip.Addr { return []netip.Addr{serviceAt(node, s.ID)} })
	}
	for _, r := range out.Network.Entrances {
		enter(r.ID, r.Resource)
	}
	return out
}

// serviceAt is where a service is reached in a subnet of an endpoint.
func serviceAt(n *vpc.EndpointNode, service string) netip.Addr {
	v4, _ := lattice.Addresses(service)
	return n.Service(v4)
}

// endpointNames adds the names that lead to an endpoint to those of its VPC: everyone knows those with the endpoint's id in
// them, and with private DNS the VPC knows the services by their own.
func (b *builder) endpointNames(e *vpc.Endpoint, out *resolver.VPC) {
	if e.Deleting || e.Detached || len(e.Nodes) == 0 {
		return
	}
	addresses := func(at func(*vpc.EndpointNode) netip.Addr) []netip.Addr {
		var all []netip.Addr
		for k := range e.Nodes {
			if a := at(&e.Nodes[k]); a.IsValid() {
				all = append(all, a)
			}
		}
		return all
	}
	resource := func(id string) []netip.Addr {
		return addresses(func(n *vpc.EndpointNode) netip.Addr { return n.Resources[id] })
	}
	if c, ok := state.ResourceConfigurations.Get(b, e.Configuration()); ok {
		out.Public = append(out.Public, resolver.Host{Name: c.EndpointDomain(e.ID), Addrs: resource(c.ID)})
	}
	if e.Type != vpc.NetworkEndpoint {
		return
	}
	for a := range state.NetworkServices.By(b, state.ByNetwork, e.Target) {
		s, ok := state.Services.Get(b, a.Service)
		if !ok || a.Deleting {
			continue
		}
		addrs := addresses(func(n *vpc.EndpointNode) netip.Addr { return serviceAt(n, s.ID) })
		out.Public = append(out.Public, resolver.Host{Name: a.EndpointDomain(e.ID), Addrs: addrs})
		if e.PrivateDNS {
			out.Private = append(out.Private, resolver.Host{Name: s.Domain(), Addrs: addrs})
		}
	}
	for a := range state.NetworkResources.By(b, state.ByNetwork, e.Target) {
		if !a.Deleting {
			out.Public = append(out.Public, resolver.Host{Name: a.EndpointDomain(e.ID), Addrs: resource(a.ID)})
		}
	}
}
