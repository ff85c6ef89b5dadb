package plan

import (
	"fmt"
	"net/netip"

	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/substrate"
)

// resource is a resource configuration as an association leads to it, nil while it cannot be reached.
func (b *builder) resource(association, configuration string) *proxy.Resource {
	c, ok := state.ResourceConfigurations.Get(b, configuration)
	if !ok || c.Deleting || len(c.Ports) == 0 {
		b.problem(association, fmt.Errorf("the resource configuration %s is gone", configuration))
		return nil
	}
	g, ok := state.ResourceGateways.Get(b, c.Gateway)
	if !ok {
		b.problem(association, fmt.Errorf("the resource gateway %s is gone", c.Gateway))
		return nil
	}
	out := &proxy.Resource{ARN: c.ARN(), IP: c.IP, Name: c.Domain}
	if g.DNSResolution == lattice.ResolveInVPC {
		out.NameVPC = g.VPC
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, proxy.PortRange(p))
	}
	for i := range state.Interfaces.By(b, state.ByUser, g.ARN()) {
		for _, addr := range i.Addresses() {
			out.Gateway = append(out.Gateway, proxy.Node{Namespace: i.ID, Address: addr})
		}
	}
	if len(out.Gateway) == 0 {
		b.problem(association, fmt.Errorf("the resource gateway %s has no network interface", g.ID))
		return nil
	}
	return out
}

// entrance is where a resource is reached at the address.
func entrance(id string, addr netip.Addr, r *proxy.Resource) proxy.Entrance {
	return proxy.Entrance{ID: id, AddrPort: substrate.Resource{Address: addr, Ports: portsOf(r)}.Listener(), Resource: r}
}

// steered are the addresses whose ports lead to entrances.
func steered(entrances []proxy.Entrance) []substrate.Resource {
	var out []substrate.Resource
	for _, e := range entrances {
		out = append(out, substrate.Resource{Address: e.Addr(), Ports: portsOf(e.Resource)})
	}
	return out
}

func portsOf(r *proxy.Resource) []substrate.Ports {
	out := make([]substrate.Ports, len(r.Ports))
	for i, p := range r.Ports {
		out[i] = substrate.Ports{From: int(p.From), To: int(p.To)}
	}
	return out
}
