package vpc

import (
	"fmt"
	"net/netip"

	"trellis/internal/fault"
)

// Reserved reports whether AWS keeps addr of the subnet for itself: the first four addresses and the last one.
func Reserved(subnet netip.Prefix, addr netip.Addr) bool {
	a := subnet.Masked().Addr()
	for range 4 {
		if a == addr {
			return true
		}
		a = a.Next()
	}
	return !subnet.Contains(addr.Next()) || !subnet.Contains(addr)
}

// Allocate returns the lowest address of the subnet that is neither reserved nor used.
func Allocate(s *Subnet, used func(netip.Addr) bool) (netip.Addr, error) {
	a := s.CIDR.Masked().Addr().Next().Next().Next().Next()
	for ; s.CIDR.Contains(a.Next()); a = a.Next() {
		if !used(a) {
			return a, nil
		}
	}
	return netip.Addr{}, fault.New(fault.Quota, "InsufficientFreeAddressesInSubnet",
		"There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", s.ID)
}

// MAC returns the hardware address shown for an interface with the address.
func MAC(addr netip.Addr) string {
	b := addr.As4()
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", b[0]^b[2], b[0], b[1], b[2], b[3])
}

// Name returns the private host name of an address: ip-10-0-0-5.ec2.internal in us-east-1, ….REGION.compute.internal
// elsewhere.
func Name(addr netip.Addr, region string) string {
	b := addr.As4()
	return fmt.Sprintf("ip-%d-%d-%d-%d.%s", b[0], b[1], b[2], b[3], Domain(region))
}

// Domain is the domain of private host names in the region.
func Domain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// Zones returns the names and ids of a region's availability zones, of which there are three.
func Zones(region string) []Zone {
	out := make([]Zone, 3)
	for i := range out {
		out[i] = Zone{Name: region + string(rune('a'+i)), ID: fmt.Sprintf("%s-az%d", ShortRegion(region), i+1)}
	}
	return out
}

// Zone is an availability zone.
type Zone struct{ Name, ID string }

// ShortRegion abbreviates a region as zone ids do: us-east-1 is use1.
func ShortRegion(region string) string {
	short := []byte{}
	start, part := true, 0
	for i := range len(region) {
		c := region[i]
		if c == '-' {
			start = true
			part++
			continue
		}
		if part == 0 || start {
			short = append(short, c)
			// Two-word directions such as southeast keep a letter of both words.
			if part == 1 {
				switch region[i:min(len(region), i+5)] {
				case "south", "north":
					if rest := region[i+5:]; len(rest) > 0 && rest[0] != '-' {
						short = append(short, rest[0])
					}
				}
			}
		}
		start = false
	}
	return string(short)
}

// Prefix lists that AWS manages, by the part of their name after com.amazonaws.REGION.
var (
	latticeV4 = []netip.Prefix{netip.MustParsePrefix("169.254.171.0/24"), netip.MustParsePrefix("129.224.0.0/17")}
	latticeV6 = []netip.Prefix{netip.MustParsePrefix("fd00:ec2:80::/64")}
)

// ManagedPrefixList is a prefix list that AWS owns.
type ManagedPrefixList struct {
	ID, Name, Family string
	Entries          []netip.Prefix
}

// ManagedPrefixLists returns those of a region. Their ids are the same in every account.
func ManagedPrefixLists(region string) []ManagedPrefixList {
	return []ManagedPrefixList{
		{ID: "pl-" + stableID(region+"/v4"), Name: "com.amazonaws." + region + ".vpc-lattice", Family: "IPv4", Entries: latticeV4},
		{ID: "pl-" + stableID(region+"/v6"), Name: "com.amazonaws." + region + ".ipv6.vpc-lattice", Family: "IPv6", Entries: latticeV6},
	}
}
