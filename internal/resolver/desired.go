// Package resolver holds what the Amazon-provided DNS server of each VPC
// answers: names and addresses as immutable data, and the lookup over them. It
// does no I/O. The plan writes Desired; Compile turns it into Zones, which
// nobody changes afterwards and any number of readers share.
//
// What a VPC is answered, after the AWS documentation (VPC User Guide, "DNS
// attributes for your VPC"; VPC Peering Guide, "Enable DNS resolution for a VPC
// peering connection"; Route 53 Developer Guide, "Autodefined rules"):
//
//   - enableDnsSupport false: nothing at all; a query meets silence.
//   - Public names (Lattice services, load balancers) are the same in every VPC.
//     A Lattice name leads to link-local addresses, an internal load balancer's
//     to private ones, wherever it is asked: whether packets then arrive is
//     routing's affair, not DNS's.
//   - Private EC2 names (ip-10-0-8-5.ec2.internal) and private hosted zones are
//     answered inside their own VPC alone, and only while both of its DNS
//     attributes are true. A peering never carries them.
//   - Public EC2 names exist while both DNS attributes of their VPC are true.
//     They lead to the public address, but to the private one when asked in the
//     VPC itself, or in a peer that AllowDnsResolutionFromRemoteVpc on the
//     owner's side of the peering lets in. Both VPCs need both attributes.
//   - Reverse lookups give private EC2 names, to the VPC itself and to the peers
//     just named: reverse rules cover connected VPCs too.
//
// A name that is none of these does not exist. There is no recursion upstream.
package resolver

import (
	"net/netip"
	"time"
)

// TTL is the lifetime of every record, positive or negative, as AWS gives its
// load balancer and Lattice names.
const TTL = 60 * time.Second

// Desired is all that the resolvers of a host should answer.
//
// Both lists are in the order of their keys. One that is the same pointer as before
// has not changed.
type Desired struct {
	Public []*Host // names the whole internet knows
	VPCs   []*VPC
}

// Key is what hosts are in the order of.
func (h *Host) Key() string { return h.Name }

// Key is what VPCs are in the order of.
func (v *VPC) Key() string { return v.ID }

// Host is a name with its addresses, of either family.
type Host struct {
	Name  string
	Addrs []netip.Addr
}

// Alias is a CNAME.
type Alias struct {
	Name, Target string
}

// VPC is one VPC as its DNS server sees it.
type VPC struct {
	ID     string
	Listen []netip.Addr // where its DNS server answers; see Addresses

	EnableDNSSupport   bool
	EnableDNSHostnames bool

	Interfaces []Interface
	// Aliases and Private are the records of private hosted zones associated with the VPC.
	Aliases []Alias
	Private []Host
	// Public are names known everywhere of what is in the VPC.
	Public []Host
	// Peers are the VPCs whose public names lead to private addresses here: an
	// active peering exists and AllowDnsResolutionFromRemoteVpc is set on their
	// side of it.
	Peers []string
}

// Interface is the names of a network interface. An empty name or the zero
// address means that it has none.
type Interface struct {
	PrivateName string
	Private     netip.Addr
	PublicName  string
	Public      netip.Addr
}

// Addresses are where the DNS server of a VPC with this primary CIDR answers:
// the base of the CIDR plus two, and the same link-local address everywhere.
func Addresses(cidr netip.Prefix) []netip.Addr {
	linkLocal := netip.AddrFrom4([4]byte{169, 254, 169, 253})
	base := cidr.Masked().Addr()
	if !base.IsValid() || !base.Is4() {
		return []netip.Addr{linkLocal}
	}
	if second := base.Next().Next(); cidr.Contains(second) {
		return []netip.Addr{second, linkLocal}
	}
	return []netip.Addr{linkLocal}
}
