package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"trellis/internal/lattice"
	"trellis/internal/ordered"
	"trellis/internal/resolver"
	"trellis/internal/state"
	"trellis/internal/substrate"
	"trellis/internal/vpc"
)

// Origin is where a connection starts: an interface in the subnet with the security groups, the VPC's default group where
// there are none.
type Origin struct {
	Subnet string
	Groups []string
}

// Path says whether a TCP connection opens.
type Path struct {
	Open bool
	// Address is what the host's name resolved to.
	Address netip.Addr
	// Resource is what decides, where something stands in the way, and Text a sentence for people.
	Resource, Text string
}

// trial is the id of the interface that a traced connection starts from.
const trial = "the caller"

// Trace says whether a TCP connection from an origin to a host, an address or a name, opens on a port.
func Trace(s *state.Snapshot, from Origin, host string, port uint16) Path {
	subnet, ok := state.Subnets.Get(s, from.Subnet)
	if !ok {
		return Path{Text: fmt.Sprintf("subnet %s does not exist", from.Subnet)}
	}
	v, ok := state.VPCs.Get(s, subnet.VPC)
	if !ok {
		return Path{Text: fmt.Sprintf("VPC %s does not exist", subnet.VPC)}
	}
	h := New().Compile(s)
	to, err := netip.ParseAddr(host)
	if err != nil {
		if !v.DNSSupport {
			return Path{Resource: v.ID, Text: fmt.Sprintf("enableDnsSupport is off in %s, so nobody answers for %s", v.ID, host)}
		}
		if to, ok = resolve(h.Names, v.ID, host); !ok {
			return Path{Resource: v.ID, Text: fmt.Sprintf("the resolver of %s knows no address for %s", v.ID, host)}
		}
	}
	cfg, ok := place(s, h.Network, v, subnet, from.Groups)
	if !ok {
		return Path{Resource: subnet.ID, Text: fmt.Sprintf("subnet %s has no free address", subnet.ID)}
	}
	e := substrate.Explain(cfg, substrate.Flow{From: trial, Destination: to, Protocol: 6, Port: int(port)})
	out := Path{Open: e.Open, Address: to, Resource: e.Resource, Text: e.Text}
	if !e.Open {
		return out
	}
	if lattice.RangeV4.Contains(to) || lattice.RangeV6.Contains(to) || lattice.RangeResources.Contains(to) {
		a := association(s, v.ID)
		out.Resource, out.Text = a.ID, fmt.Sprintf("VPC Lattice is reached through %s, the association of %s with %s", a.ID, v.ID, a.Network)
	}
	return out
}

func resolve(names resolver.Desired, vpcID, name string) (netip.Addr, bool) {
	for _, r := range resolver.Compile(names).View(vpcID).Lookup(name, resolver.A).Records {
		if r.Addr.IsValid() {
			return r.Addr, true
		}
	}
	return netip.Addr{}, false
}

// place adds the interface that the connection starts from.
func place(s *state.Snapshot, cfg substrate.Config, v *vpc.VPC, subnet *vpc.Subnet, groups []string) (substrate.Config, bool) {
	used := state.UsedAddresses(s, subnet.ID)
	addr, err := vpc.Allocate(subnet, func(a netip.Addr) bool { return used[a] })
	if err != nil {
		return cfg, false
	}
	if len(groups) == 0 {
		groups = []string{v.DefaultSecurityGroupID}
	}
	with := *ordered.Find(cfg.VPCs, (*substrate.VPC).Key, v.ID)
	with.Interfaces = append(slices.Clone(with.Interfaces), substrate.Interface{ID: trial, Subnet: subnet.ID, Addresses: []netip.Addr{addr}, SecurityGroups: groups})
	cfg.VPCs = ordered.With(cfg.VPCs, (*substrate.VPC).Key, map[string]*substrate.VPC{v.ID: &with})
	return cfg, true
}
