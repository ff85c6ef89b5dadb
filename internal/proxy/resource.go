package proxy

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// Resource is a resource configuration of VPC Lattice in a service network. What connects to it is led on, byte by byte, from
// one of its gateway's addresses to the same port of the resource.
type Resource struct {
	ARN   string // of the configuration
	Ports []PortRange
	// IP is the resource's address, or Name its name, which NameVPC, or everyone where that is empty, can look up.
	IP            netip.Addr
	Name, NameVPC string
	// Gateway are the addresses that connections to the resource come from.
	Gateway []Node

	next atomic.Uint32
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ From, To uint16 }

// Has reports whether the resource can be reached at the port.
func (r *Resource) Has(port uint16) bool {
	return slices.ContainsFunc(r.Ports, func(p PortRange) bool { return p.From <= port && port <= p.To })
}

// Source is where the next connection to the resource comes from: the gateway's addresses take turns.
func (r *Resource) Source() Node {
	return r.Gateway[int(r.next.Add(1)-1)%len(r.Gateway)]
}

// Entrance is where a resource is listened for: connections to each of its ports are accepted there, with the destination they
// had.
type Entrance struct {
	ID string // of the association with the network, snra-…, or of the resource configuration
	netip.AddrPort
	*Resource
}
