package vpc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/tag"
)

// Types of VPC endpoints that can be made.
const (
	NetworkEndpoint  = "ServiceNetwork"
	ResourceEndpoint = "Resource"
)

// EndpointInterface is the type of the network interfaces of endpoints.
const EndpointInterface = "vpc_endpoint"

// Endpoint gives a service network or a resource configuration of VPC Lattice addresses in subnets of a VPC.
type Endpoint struct {
	Owner
	ID      string    `json:"id"`
	VPC     string    `json:"vpc"`
	Type    string    `json:"type"`
	Created time.Time `json:"created"`
	// Target is the id of the service network or the resource configuration, TargetOwner its account.
	Target      string   `json:"target"`
	TargetOwner string   `json:"targetOwner"`
	Groups      []string `json:"groups"`
	// Nodes are in the order in which their subnets were asked for.
	Nodes []EndpointNode `json:"nodes,omitempty"`
	// PrivateDNS says that the names the services have of their own lead to the endpoint in its VPC.
	PrivateDNS    bool     `json:"privateDns,omitempty"`
	DNSPreference string   `json:"dnsPreference,omitempty"`
	DNSDomains    []string `json:"dnsDomains,omitempty"`
	// Detached is set when the owner of the resource configuration ended the association.
	Detached bool `json:"detached,omitempty"`
	Deleting bool `json:"deleting,omitempty"`
	// Updating is set when the endpoint was modified and no later change saw that realised.
	Updating bool    `json:"updating,omitempty"`
	Tags     tag.Set `json:"tags,omitempty"`
}

// EndpointNode is an endpoint in one subnet.
type EndpointNode struct {
	Subnet string `json:"subnet"`
	// Services are the addresses of the services of a network.
	Services netip.Prefix `json:"services,omitzero"`
	// Resources are the addresses of resources, by the id of their association with the network or of their configuration.
	Resources map[string]netip.Addr `json:"resources,omitempty"`
}

// ARN returns the endpoint's name.
func (e *Endpoint) ARN() string {
	return arn.New("ec2", e.Region, e.Account, "vpc-endpoint/"+e.ID).String()
}

// Network is the id of the service network, empty for an endpoint of another type.
func (e *Endpoint) Network() string {
	if e.Type == NetworkEndpoint {
		return e.Target
	}
	return ""
}

// Configuration is the id of the resource configuration, empty for an endpoint of another type.
func (e *Endpoint) Configuration() string {
	if e.Type == ResourceEndpoint {
		return e.Target
	}
	return ""
}

// TargetARN returns the name of the service network or the resource configuration.
func (e *Endpoint) TargetARN() string {
	kind := "servicenetwork/"
	if e.Type == ResourceEndpoint {
		kind = "resourceconfiguration/"
	}
	return arn.New("vpc-lattice", e.Region, e.TargetOwner, kind+e.Target).String()
}

// ResourceAssociation is the id of the association of a resource configuration with an endpoint.
func (e *Endpoint) ResourceAssociation() string { return e.Association("rea-", e.Target) }

// Association returns an id of the endpoint's association with a resource, prefix and 17 hexadecimal digits. It is always the same.
func (e *Endpoint) Association(prefix, resource string) string {
	sum := sha256.Sum256([]byte(e.ID + "/" + resource))
	return prefix + hex.EncodeToString(sum[:9])[:17]
}

// Service returns the address of the node that a service with the link-local address has: the one with the same last bits.
func (n *EndpointNode) Service(linkLocal netip.Addr) netip.Addr {
	base, low := n.Services.Addr().As4(), linkLocal.As4()
	base[3] |= low[3] & (1<<(32-ServiceBlock) - 1)
	return netip.AddrFrom4(base)
}

// ServiceBlock is how many bits the addresses of the services of a node have in common.
const ServiceBlock = 28

// MaxEndpointAddresses is how many addresses one network interface of an endpoint can have; for more there is another.
const MaxEndpointAddresses = 63

// AllocateBlock returns the lowest block of the subnet, of as many bits, of which no address is reserved or used.
func AllocateBlock(s *Subnet, bits int, used func(netip.Addr) bool) (netip.Prefix, error) {
	for base := s.CIDR.Masked().Addr(); s.CIDR.Contains(base) && bits > s.CIDR.Bits(); {
		block, free, next := netip.PrefixFrom(base, bits), true, base
		for ; block.Contains(next); next = next.Next() {
			free = free && !Reserved(s.CIDR, next) && !used(next)
		}
		if free {
			return block, nil
		}
		base = next
	}
	return netip.Prefix{}, fault.New(fault.Quota, "InsufficientFreeAddressesInSubnet",
		"There is no free block of %d contiguous addresses in subnet '%s'.", 1<<(32-bits), s.ID)
}
