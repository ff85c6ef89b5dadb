package state

import (
	"net/netip"

	"trellis/internal/arn"
	"trellis/internal/vpc"
)

// CreateInterface puts a network interface into the subnet. It fills in the id, the address if none is asked for, and
// everything that follows from the subnet; the caller has checked that the subnet and the groups are usable.
func CreateInterface(tx *Tx, subnet *vpc.Subnet, ni vpc.NetworkInterface) (*vpc.NetworkInterface, error) {
	used := map[netip.Addr]bool{}
	for other := range Interfaces.By(tx, BySubnet, subnet.ID) {
		used[other.Addr] = true
	}
	if !ni.Addr.IsValid() {
		addr, err := vpc.Allocate(subnet, func(a netip.Addr) bool { return used[a] })
		if err != nil {
			return nil, err
		}
		ni.Addr = addr
	}
	ni.Owner = subnet.Owner
	ni.ID = arn.MintHex("eni-")
	ni.VPC, ni.Subnet, ni.Zone = subnet.VPC, subnet.ID, subnet.Zone
	ni.MAC = vpc.MAC(ni.Addr)
	Interfaces.Put(tx, &ni)
	return &ni, nil
}
