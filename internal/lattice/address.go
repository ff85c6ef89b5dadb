package lattice

import (
	"crypto/sha256"
	"encoding/base32"
	"hash/fnv"
	"net/netip"
)

// The link-local ranges that associated VPCs intercept.
var (
	RangeV4 = netip.MustParsePrefix("169.254.171.0/24")
	RangeV6 = netip.MustParsePrefix("fd00:ec2:80::/64")
)

// addresses is how many addresses services share: a request's Host says which service it is for, so few sockets serve many.
const addresses = 4

// Addresses returns the addresses a service's name resolves to. They depend on the service's id alone, and the IPv6 one
// embeds the other, as fd00:ec2:80::a9fe:ab21 does 169.254.171.33.
func Addresses(serviceID string) (v4, v6 netip.Addr) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(serviceID))
	n := byte(32 + h.Sum32()%addresses)
	a4, a6 := RangeV4.Addr().As4(), RangeV6.Addr().As16()
	a4[3] = n
	copy(a6[12:], a4[:])
	return netip.AddrFrom4(a4), netip.AddrFrom16(a6)
}

// Source returns the addresses from which targets see the requests of Lattice come. They are in the prefix lists that
// target security groups admit.
func Source() (v4, v6 netip.Addr) {
	a4, a6 := RangeV4.Addr().As4(), RangeV6.Addr().As16()
	a4[3] = 1
	copy(a6[12:], a4[:])
	return netip.AddrFrom4(a4), netip.AddrFrom16(a6)
}

// HostedZone returns the id of the DNS zone that the generated names of a region are in.
func HostedZone(region string) string {
	return zone("vpc-lattice " + region)
}

// ResourceZone returns the id of the DNS zone that the generated names of the resources of a region are in.
func ResourceZone(region string) string { return zone("vpc-lattice-rsc " + region) }

func zone(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "Z" + base32.StdEncoding.EncodeToString(sum[:])[:20]
}
