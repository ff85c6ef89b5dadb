package substrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Layout is what the kernel should hold: the realisation of a Config, by VPC. It never changes.
type Layout struct {
	// Parts are in the order of their ids. One that is the same pointer as in the layout before has not changed.
	Parts []*Part
	// refused are the problems of what belongs to no part.
	refused []Problem
}

// Part is what realises one VPC, under its id, or what lies behind the internet gateways, as InternetNamespace.
type Part struct {
	ID string
	// Namespaces are the VPC's own and those of its interfaces.
	Namespaces []Namespace
	// Links are those whose first end is in the VPC's namespace.
	Links []Link
	// Problems says what of the VPC cannot be realised.
	Problems []Problem
	uplink   *uplink
}

// Key is what parts are in the order of.
func (p *Part) Key() string { return p.ID }

// Problems lists what cannot be realised.
func (l Layout) Problems() []Problem {
	out := slices.Clone(l.refused)
	for _, p := range l.Parts {
		out = append(out, p.Problems...)
	}
	return out
}

// NamespaceKind says what a namespace is for, which settles its kernel settings.
type NamespaceKind int

const (
	// KindVPC is the router of a VPC.
	KindVPC NamespaceKind = iota
	// KindInterface is where the workload of one interface runs.
	KindInterface
	// KindShared is an interface that forwards for guests behind it.
	KindShared
	// KindInternet is what lies behind the internet gateways.
	KindInternet
	// KindEndpoint is an interface at whose addresses listeners stand for many ports.
	KindEndpoint
)

func (k NamespaceKind) String() string {
	return [...]string{"vpc", "interface", "shared", "internet", "endpoint"}[k]
}

// Forwards says whether namespaces of the kind route packets of others.
func (k NamespaceKind) Forwards() bool { return k != KindInterface && k != KindEndpoint }

// InternetNamespace is the name of the namespace behind every internet gateway.
const InternetNamespace = "internet"

// Namespace is one network namespace and all in it but its links.
type Namespace struct {
	Name       string // the id of the VPC or interface
	Kind       NamespaceKind
	Routes     []Path
	Rules      []PolicyRule
	Neighbours []Neighbour
	Table      Table
}

// Link is a veth pair.
type Link struct {
	Owner string // the resource it realises
	A, B  End
}

// End is one side of a link.
type End struct {
	Namespace string
	Name      string
	MAC       MAC
	Addresses []netip.Addr
}

// MAC is an Ethernet address.
type MAC [6]byte

// ParseMAC reads an address written as six hexadecimal pairs with colons between them.
func ParseMAC(s string) (MAC, bool) {
	var m MAC
	raw, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(raw) != len(m) {
		return MAC{}, false
	}
	copy(m[:], raw)
	return m, m.String() == strings.ToLower(s)
}

func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// Routing tables of the kernel, and the one that ends packets from the Lattice
// prefixes to addresses nobody holds.
const (
	TableLattice uint32 = 1
	TableMain    uint32 = 254
	TableLocal   uint32 = 255
)

// PathKind is what a kernel route does with a packet.
type PathKind int

const (
	// Unicast sends it to a link.
	Unicast PathKind = iota
	// Local delivers it here.
	Local
	// Blackhole drops it without a word.
	Blackhole
)

// Path is a kernel route.
type Path struct {
	Owner       string
	Table       uint32
	Destination netip.Prefix
	Kind        PathKind
	Link        string
	Gateway     netip.Addr
	Source      netip.Addr
}

// PolicyRule selects a routing table.
type PolicyRule struct {
	Priority int
	IPv6     bool
	From     netip.Prefix // zero for any
	Table    uint32       // zero drops
	// HostsOnly ignores routes to anything wider than one address.
	HostsOnly bool
}

// Priorities of policy rules, after the kernel's own for local addresses at 0.
const (
	priorityHosts   = 100
	prioritySubnet  = 200
	priorityLattice = 300
	priorityEnd     = 30000
)

// Neighbour is a permanent entry, so that nothing is ever asked on a link.
type Neighbour struct {
	Link    string
	Address netip.Addr
	MAC     MAC
}

// Gateway4 and Gateway6 are the next hops on every link.
var (
	gateway4   = netip.AddrFrom4([4]byte{169, 254, 1, 1})
	gateway6   = netip.MustParseAddr("fe80::1")
	guests4    = netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, 64, 0}), 18)
	gatewayMAC = MAC{2, 0, 0, 0, 0, 1}
)

// WorkloadLink is the name of the only link of a workload's namespace.
const WorkloadLink = "eth0"

// guestLinks is how the names of links to guests begin.
const guestLinks = "g-"

// shortName makes a link name out of an id; the kernel allows 15 bytes.
func shortName(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

func macOf(id string) MAC {
	sum := sha256.Sum256([]byte("mac:" + id))
	m := MAC{2}
	copy(m[1:], sum[:5])
	if m == gatewayMAC {
		m[5]++
	}
	return m
}

func (n *Interface) mac() MAC {
	if n.MAC != (MAC{}) {
		return n.MAC
	}
	return macOf(n.ID)
}

// MaxGuests is how many guests one interface can have.
const MaxGuests = 1 << 12

// WithoutIPv6 is the part for a kernel that has no IPv6.
func (p *Part) WithoutIPv6() *Part {
	out := &Part{ID: p.ID, Namespaces: slices.Clone(p.Namespaces), Links: slices.Clone(p.Links), Problems: p.Problems}
	for i, ns := range out.Namespaces {
		ns.Routes = without(ns.Routes, func(p Path) bool { return p.Destination.Addr().Is6() })
		ns.Rules = without(ns.Rules, func(r PolicyRule) bool { return r.IPv6 })
		ns.Neighbours = without(ns.Neighbours, func(n Neighbour) bool { return n.Address.Is6() })
		out.Namespaces[i] = ns
	}
	for i := range out.Links {
		for _, e := range []*End{&out.Links[i].A, &out.Links[i].B} {
			e.Addresses = without(e.Addresses, netip.Addr.Is6)
		}
	}
	return out
}

func without[T any](s []T, unwanted func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(s), unwanted)
}

// GuestPlan is what one guest of a shared interface needs: its link and, on both
// ends, the routes and neighbours.
type GuestPlan struct {
	Link       Link
	Routes     []Path      // in the guest
	Neighbours []Neighbour // in the guest
	HostRoute  Path        // in the interface's namespace
	HostEntry  Neighbour   // likewise
}

// Guest plans the n-th guest of a shared interface.
func Guest(iface string, n int) (GuestPlan, error) {
	if n < 0 || n >= MaxGuests {
		return GuestPlan{}, fmt.Errorf("guest %d of %s: an interface has room for %d", n, iface, MaxGuests)
	}
	b := guests4.Addr().As4()
	b[2] += byte(n >> 8)
	b[3] = byte(n)
	addr := netip.AddrFrom4(b)
	name := fmt.Sprintf("%s%d", guestLinks, n)
	mac := macOf(fmt.Sprintf("%s/%d", iface, n))
	return GuestPlan{
		Link: Link{
			Owner: iface,
			A:     End{Namespace: iface, Name: name, MAC: gatewayMAC},
			B:     End{Namespace: iface + "/" + name, Name: WorkloadLink, MAC: mac, Addresses: []netip.Addr{addr}},
		},
		Routes:     []Path{defaultPath(iface, gateway4, addr)},
		Neighbours: []Neighbour{{Link: WorkloadLink, Address: gateway4, MAC: gatewayMAC}},
		HostRoute:  Path{Owner: iface, Table: TableMain, Destination: host(addr), Link: name},
		HostEntry:  Neighbour{Link: name, Address: addr, MAC: mac},
	}, nil
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func everywhere(v6 bool) netip.Prefix {
	if v6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

func gatewayFor(v6 bool) netip.Addr {
	if v6 {
		return gateway6
	}
	return gateway4
}

func defaultPath(owner string, via, source netip.Addr) Path {
	return Path{Owner: owner, Table: TableMain, Destination: everywhere(via.Is6()), Link: WorkloadLink, Gateway: via, Source: source}
}
