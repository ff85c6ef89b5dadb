package state

import (
	"net/netip"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/vpc"
)

// CreateInterface puts a network interface into the subnet. It fills in the id, the addresses that are not asked for, and
// everything that follows from the subnet; the caller has checked that the subnet and the groups are usable.
func CreateInterface(tx *Tx, subnet *vpc.Subnet, ni vpc.NetworkInterface) (*vpc.NetworkInterface, error) {
	used := UsedAddresses(tx, subnet.ID)
	fill := func(to *netip.Addr) (err error) {
		if !to.IsValid() {
			*to, err = vpc.Allocate(subnet, func(a netip.Addr) bool { return used[a] })
		}
		used[*to] = true
		return err
	}
	ni.Secondary = slices.Clone(ni.Secondary)
	if err := fill(&ni.Addr); err != nil {
		return nil, err
	}
	for i := range ni.Secondary {
		if err := fill(&ni.Secondary[i]); err != nil {
			return nil, err
		}
	}
	ni.Owner = subnet.Owner
	ni.ID = arn.MintHex("eni-")
	ni.VPC, ni.Subnet, ni.Zone = subnet.VPC, subnet.ID, subnet.Zone
	ni.MAC = vpc.MAC(ni.Addr)
	Interfaces.Put(tx, &ni)
	return &ni, nil
}

// UsedAddresses are the addresses that the interfaces of a subnet have.
func UsedAddresses(r Reader, subnet string) map[netip.Addr]bool {
	used := map[netip.Addr]bool{}
	for i := range Interfaces.By(r, BySubnet, subnet) {
		for _, a := range i.Addresses() {
			used[a] = true
		}
	}
	return used
}
