package plan

import (
	"fmt"

	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/state"
	"trellis/internal/substrate"
)

// resource is a resource configuration in a service network, nil while it cannot be reached.
func (b *builder) resource(a *lattice.NetworkResource) *proxy.Resource {
	c, ok := state.ResourceConfigurations.Get(b, a.Configuration)
	if !ok || c.Deleting || len(c.Ports) == 0 {
		b.problem(a.ID, fmt.Errorf("the resource configuration %s is gone", a.Configuration))
		return nil
	}
	g, ok := state.ResourceGateways.Get(b, c.Gateway)
	if !ok {
		b.problem(a.ID, fmt.Errorf("the resource gateway %s is gone", c.Gateway))
		return nil
	}
	out := &proxy.Resource{ID: a.ID, ARN: c.ARN(), IP: c.IP, Name: c.Domain}
	if g.DNSResolution == lattice.ResolveInVPC {
		out.NameVPC = g.VPC
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, proxy.PortRange(p))
	}
	out.Addr = substrate.Resource{Address: a.Address, Ports: portsOf(out)}.Listener()
	for i := range state.Interfaces.By(b, state.ByUser, g.ARN()) {
		for _, addr := range i.Addresses() {
			out.Gateway = append(out.Gateway, proxy.Node{Namespace: i.ID, Address: addr})
		}
	}
	if len(out.Gateway) == 0 {
		b.problem(a.ID, fmt.Errorf("the resource gateway %s has no network interface", g.ID))
		return nil
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
