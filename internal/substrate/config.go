// Package substrate says what the network of one host should be: VPCs, subnets,
// interfaces, peerings and security groups (Config), and the namespaces, links,
// addresses, routes, rules and nftables tables that realise them (Layout, by Lower).
// It is pure: plan writes the Config, substrate/linux makes the Layout true and
// reports on each resource.
package substrate

import (
	"net/netip"
	"slices"
)

// Config is everything the network of one host should be.
type Config struct {
	// LatticePrefixes are the prefixes VPC Lattice serves on, of either family: on AWS
	// the link-local 169.254.171.0/24 and fd00:ec2:80::/64 for services, and
	// 129.224.0.0/17 for resources.
	LatticePrefixes []netip.Prefix
	// VPCs and Peerings are in the order of their ids. A VPC that is the same pointer as before has not changed.
	VPCs     []*VPC
	Peerings []*Peering
}

// LatticeMode says what the Lattice prefixes are in a VPC.
type LatticeMode int

const (
	// LatticeNone drops packets to the prefixes: a client sees a timeout.
	LatticeNone LatticeMode = iota
	// LatticeTargets lets the proxy dial targets from the prefixes; clients may not enter.
	LatticeTargets
	// LatticeAssociated lets clients in too.
	LatticeAssociated
)

// VPC is one address space with its own namespace. Its CIDRs may overlap those
// of any other VPC it is not peered with.
type VPC struct {
	ID      string
	CIDRs   []netip.Prefix
	Lattice LatticeMode
	// LatticeGroups are the security groups of the service-network association;
	// their ingress rules say which clients may enter. None lets every interface in.
	LatticeGroups []string
	// Resources are what the VPC reaches of the service network besides services.
	Resources []Resource
	// Resolvers are the addresses on which the VPC answers DNS. Security groups do
	// not apply to them.
	Resolvers []netip.Addr
	// InternetGateway is the id of the attached gateway, or empty.
	InternetGateway string
	Subnets         []Subnet
	Interfaces      []Interface
	SecurityGroups  []SecurityGroup
}

// Resource is an address of a Lattice prefix or of an interface with the ports that lead on from there over TCP. Connections to any of them are
// handed, with the destination they have, to the one listener at the address and the first port. Without ports, or of IPv6,
// it leads nowhere.
type Resource struct {
	Address netip.Addr
	Ports   []Ports
}

// Ports is a range of ports, both ends included.
type Ports struct{ From, To int }

// Listener is where connections to the resource are accepted.
func (r Resource) Listener() netip.AddrPort {
	return netip.AddrPortFrom(r.Address, uint16(r.Ports[0].From))
}

func (r Resource) has(port int) bool {
	return slices.ContainsFunc(r.Ports, func(p Ports) bool { return p.From <= port && port <= p.To })
}

// Key is what VPCs are in the order of.
func (v *VPC) Key() string { return v.ID }

// Subnet is a range of a VPC together with the route table in force there.
type Subnet struct {
	ID    string
	CIDRs []netip.Prefix
	// RouteTable is the id of the table the routes are from.
	RouteTable string
	Routes     []Route
	// ACL filters what enters and leaves the subnet, packet by packet; nil lets all pass.
	ACL *NetworkACL
}

// NetworkACL is a stateless filter at the edge of subnets. In each direction the
// entry of the lowest number that matches decides; without any the packet is dropped.
type NetworkACL struct {
	ID      string
	Ingress []ACLEntry
	Egress  []ACLEntry
}

// ACLEntry allows or denies traffic by its far end. Protocol, From and To are as in
// Rule; the ports are those of the destination.
type ACLEntry struct {
	Number   int
	Allow    bool
	Protocol int
	From, To int
	CIDR     netip.Prefix
}

// Via says how a route goes on.
type Via int

const (
	// ViaLocal stays in the VPC.
	ViaLocal Via = iota
	// ViaPeering crosses the peering named by the target.
	ViaPeering
	// ViaInternet leaves by the VPC's internet gateway.
	ViaInternet
	// ViaBlackhole drops, as a route does whose target is gone.
	ViaBlackhole
)

// Route is one entry of a route table.
type Route struct {
	Destination netip.Prefix
	Via         Via
	// Target is the peering id for ViaPeering.
	Target string
}

// Interface is an elastic network interface, with a namespace in which its
// workload runs.
type Interface struct {
	ID        string
	Subnet    string
	Addresses []netip.Addr
	// MAC is made from the ID where it is zero.
	MAC MAC
	// Public is the public IPv4 address mapped to the first IPv4 address, or zero.
	Public         netip.Addr
	SecurityGroups []string
	// Endpoint says that the interface is a VPC endpoint's. Resources are those of its addresses of which only the ports given
	// lead on, from the interface's namespace.
	Endpoint  bool
	Resources []Resource
	// Guests says that the interface is shared by namespaces that come and go behind
	// it, as a function's instances do: it forwards for them under its own address
	// and accepts no connection from outside.
	Guests bool
}

// SecurityGroup is a set of allow rules; what no group of an interface allows is dropped.
type SecurityGroup struct {
	ID      string
	Ingress []Rule
	Egress  []Rule
}

// AllProtocols is the protocol number of a rule for any traffic.
const AllProtocols = -1

// Rule allows traffic of one protocol with the given peers: sources for ingress,
// destinations for egress. A rule without peers allows nothing.
type Rule struct {
	ID string
	// Protocol is an IP protocol number or AllProtocols.
	Protocol int
	// From and To are the port range for TCP and UDP, type and code for ICMP and
	// ICMPv6 (-1 is any). They mean nothing to other protocols.
	From, To int
	CIDRs    []netip.Prefix
	// Groups stand for the addresses of the interfaces that carry them, in the same
	// VPC or in one peered with it.
	Groups []string
}

// Peering connects two VPCs. What is routed over it is up to their route tables.
type Peering struct {
	ID        string
	Requester string // VPC id
	Accepter  string // VPC id
}

// Key is what peerings are in the order of.
func (p *Peering) Key() string { return p.ID }

// Problem is a resource that cannot be, or is not yet, as wanted.
type Problem struct {
	ID  string
	Err error
}
