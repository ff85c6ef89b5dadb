package state

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/vpc"
)

// Endpoints are the VPC endpoints.
var Endpoints = &Table[vpc.Endpoint]{name: "vpc-endpoint", key: func(e *vpc.Endpoint) string { return e.ID },
	indexes: []Index[vpc.Endpoint]{{ByScope, one(func(e *vpc.Endpoint) string { return e.Scope() })},
		{ByVPC, one(func(e *vpc.Endpoint) string { return e.VPC })},
		{ByGroup, func(e *vpc.Endpoint) []string {
			if e.Deleting {
				return nil
			}
			return e.Groups
		}},
		{ByAssociation, func(e *vpc.Endpoint) []string {
			if e.Type != vpc.ResourceEndpoint || e.Deleting || e.Detached {
				return nil
			}
			return []string{e.ResourceAssociation()}
		}},
		{ByNetwork, one((*vpc.Endpoint).Network)},
		{ByResource, one((*vpc.Endpoint).Configuration)}}}

// PlaceEndpoint gives an endpoint its addresses in a subnet: at once those that it cannot be without, the one that is asked
// for among them. The endpoint's row is the caller's to put.
func PlaceEndpoint(tx *Tx, e *vpc.Endpoint, subnet *vpc.Subnet, asked netip.Addr, now time.Time) error {
	n := vpc.EndpointNode{Subnet: subnet.ID, Resources: map[string]netip.Addr{}}
	var addrs []netip.Addr
	if e.Type == vpc.NetworkEndpoint {
		used := UsedAddresses(tx, subnet.ID)
		block, err := vpc.AllocateBlock(subnet, vpc.ServiceBlock, func(a netip.Addr) bool { return used[a] })
		if err != nil {
			return err
		}
		n.Services = block
		for a := block.Addr(); block.Contains(a); a = a.Next() {
			addrs = append(addrs, a)
		}
	} else {
		addrs = []netip.Addr{asked}
	}
	ni, err := endpointInterface(tx, e, subnet, addrs, now)
	if err != nil {
		return err
	}
	if e.Type == vpc.ResourceEndpoint {
		n.Resources[e.Target] = ni.Addr
	}
	e.Nodes = append(e.Nodes, n)
	return nil
}

func endpointInterface(tx *Tx, e *vpc.Endpoint, subnet *vpc.Subnet, addrs []netip.Addr, now time.Time) (*vpc.NetworkInterface, error) {
	return CreateInterface(tx, subnet, vpc.NetworkInterface{Addr: addrs[0], Secondary: addrs[1:], Groups: e.Groups,
		Description: "VPC Endpoint Interface " + e.ID, Type: vpc.EndpointInterface, Requester: "vpc-lattice", RequesterManaged: true, User: e.ARN(),
		AttachmentID: arn.MintHex("ela-attach-"), Attached: now, InstanceOwner: "amazon-aws"})
}

// RemoveEndpoint takes an endpoint's addresses in a subnet away.
func RemoveEndpoint(tx *Tx, e *vpc.Endpoint, subnet string) {
	for i := range Interfaces.By(tx, ByUser, e.ARN()) {
		if i.Subnet == subnet {
			Interfaces.Delete(tx, i.ID)
		}
	}
	e.Nodes = slices.DeleteFunc(slices.Clone(e.Nodes), func(n vpc.EndpointNode) bool { return n.Subnet == subnet })
}

// SettleEndpoint gives the resources of an endpoint's network addresses in each of its subnets, where there is one left, and
// takes away those of resources that are in the network no longer. The endpoint's row is the caller's to put.
func SettleEndpoint(tx *Tx, e *vpc.Endpoint, now time.Time) error {
	_, err := settleEndpoint(tx, e, now)
	return err
}

func settleEndpoint(tx *Tx, e *vpc.Endpoint, now time.Time) (changed bool, err error) {
	if e.Type != vpc.NetworkEndpoint {
		return false, nil
	}
	there := map[string]bool{}
	for a := range NetworkResources.By(tx, ByNetwork, e.Target) {
		there[a.ID] = !a.Deleting
	}
	e.Nodes = slices.Clone(e.Nodes)
	for k := range e.Nodes {
		n := &e.Nodes[k]
		if n.Resources = maps.Clone(n.Resources); n.Resources == nil {
			n.Resources = map[string]netip.Addr{}
		}
		for id, addr := range n.Resources {
			if !there[id] {
				releaseAddress(tx, e, n.Subnet, addr)
				delete(n.Resources, id)
				changed = true
			}
		}
		for _, id := range slices.Sorted(maps.Keys(there)) {
			if _, has := n.Resources[id]; has || !there[id] {
				continue
			}
			addr, err := addAddress(tx, e, n.Subnet, now)
			if fault.Is(err, fault.Quota) {
				break
			}
			if err != nil {
				return changed, err
			}
			n.Resources[id], changed = addr, true
		}
	}
	return changed, nil
}

// SettleNetwork settles the endpoints of a service network, of which a resource came or went.
func SettleNetwork(tx *Tx, network string, now time.Time) error {
	for row := range Endpoints.By(tx, ByNetwork, network) {
		if row.Deleting {
			continue
		}
		e := *row
		changed, err := settleEndpoint(tx, &e, now)
		if err != nil {
			return err
		}
		if changed {
			Endpoints.Put(tx, &e)
		}
	}
	return nil
}

func addAddress(tx *Tx, e *vpc.Endpoint, subnetID string, now time.Time) (netip.Addr, error) {
	subnet, ok := Subnets.Get(tx, subnetID)
	if !ok {
		return netip.Addr{}, fault.New(fault.NotFound, "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", subnetID)
	}
	used := UsedAddresses(tx, subnetID)
	addr, err := vpc.Allocate(subnet, func(a netip.Addr) bool { return used[a] })
	if err != nil {
		return addr, err
	}
	for i := range Interfaces.By(tx, ByUser, e.ARN()) {
		if i.Subnet == subnetID && len(i.Addresses()) < vpc.MaxEndpointAddresses {
			next := *i
			next.Secondary = append(slices.Clone(i.Secondary), addr)
			Interfaces.Put(tx, &next)
			return addr, nil
		}
	}
	_, err = endpointInterface(tx, e, subnet, []netip.Addr{addr}, now)
	return addr, err
}

// releaseAddress takes an address away from the interface that has it, and the interface if it has no other.
func releaseAddress(tx *Tx, e *vpc.Endpoint, subnet string, addr netip.Addr) {
	for i := range Interfaces.By(tx, ByUser, e.ARN()) {
		rest := slices.DeleteFunc(i.Addresses(), func(a netip.Addr) bool { return a == addr })
		switch {
		case i.Subnet != subnet || len(rest) == len(i.Secondary)+1:
			continue
		case len(rest) == 0:
			Interfaces.Delete(tx, i.ID)
		default:
			next := *i
			next.Addr, next.Secondary = rest[0], rest[1:]
			Interfaces.Put(tx, &next)
		}
		return
	}
}
