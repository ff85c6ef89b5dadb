package lattice

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/vpc"
)

// ResourceGateway is where connections to resources enter a VPC: a network interface in each of its subnets, from whose
// addresses the resources see them come.
type ResourceGateway struct {
	Meta
	VPC            string   `json:"vpc"`
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups"`
	IPAddressType  string   `json:"ipAddressType"`
	AddressesPer   int32    `json:"addressesPer"`  // IPv4 addresses of each interface
	DNSResolution  string   `json:"dnsResolution"` // ResolvePublicly or ResolveInVPC
	// Updating is set when the gateway was changed and no later change saw that realised.
	Updating bool `json:"updating,omitempty"`
}

// ARN returns the gateway's name.
func (g *ResourceGateway) ARN() string { return g.arn("resourcegateway/" + g.ID) }

// Status returns the gateway's status.
func (g *ResourceGateway) Status(r Realisation) string { return g.Meta.changing(r, g.Updating) }

// Where the domain names of resources are looked up.
const (
	ResolvePublicly = "PUBLIC"
	ResolveInVPC    = "IN_VPC"
)

// Types of resource configurations.
const (
	TypeSingle = "SINGLE"
	TypeGroup  = "GROUP"
	TypeChild  = "CHILD"
)

// ResourceConfiguration says what of a VPC others may connect to. It has an address or a domain name, a group neither.
type ResourceConfiguration struct {
	Meta
	Type    string `json:"type"`
	Gateway string `json:"gateway"`
	// Group is the group of a CHILD.
	Group    string      `json:"group,omitempty"`
	IP       netip.Addr  `json:"ip,omitzero"`
	Domain   string      `json:"domain,omitempty"`
	Ports    []PortRange `json:"ports,omitempty"`
	Protocol string      `json:"protocol,omitempty"`
	// Shareable says whether it can be associated with a service network that others share.
	Shareable bool `json:"shareable,omitempty"`
	// Updating is set when the configuration was changed and no later change saw that realised.
	Updating bool `json:"updating,omitempty"`
}

// ARN returns the configuration's name.
func (c *ResourceConfiguration) ARN() string { return c.arn("resourceconfiguration/" + c.ID) }

// Status returns the configuration's status.
func (c *ResourceConfiguration) Status(r Realisation) string { return c.Meta.changing(r, c.Updating) }

// PortRange is a range of ports, both ends included.
type PortRange struct {
	From uint16 `json:"from"`
	To   uint16 `json:"to"`
}

// String is the range as it is asked for: one port, or the first and the last with a hyphen between them.
func (p PortRange) String() string {
	if p.From == p.To {
		return strconv.Itoa(int(p.From))
	}
	return fmt.Sprintf("%d-%d", p.From, p.To)
}

// maxPortRanges bounds what one configuration makes hosts filter by.
const maxPortRanges = 100

// ParsePorts reads port ranges such as 80 and 8000-8080.
func ParsePorts(ranges []string) ([]PortRange, error) {
	const field = "portRanges"
	if len(ranges) > maxPortRanges {
		return nil, Invalid(field, "A resource configuration can have at most %d port ranges.", maxPortRanges)
	}
	var out []PortRange
	for _, text := range ranges {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || from < 1 || from > to {
			return nil, Invalid(field, "'%.32s' is not a port between 1 and 65535 or a range of such ports, such as 8000-8080.", text)
		}
		next := PortRange{uint16(from), uint16(to)}
		for _, other := range out {
			if next.From <= other.To && other.From <= next.To {
				return nil, Invalid(field, "The port ranges %s and %s overlap.", other, next)
			}
		}
		out = append(out, next)
	}
	return out, nil
}

// NetworkResource is the association of a resource configuration with a service network.
type NetworkResource struct {
	Meta                 // the creator's
	Network       string `json:"network"`
	Configuration string `json:"configuration"`
	// NetworkOwner and ConfigurationOwner are accounts; either sees the association under an ARN of its own.
	NetworkOwner       string `json:"networkOwner"`
	ConfigurationOwner string `json:"configurationOwner"`
	CreatedBy          string `json:"createdBy"` // an account
	PrivateDNS         bool   `json:"privateDns,omitempty"`
	// Address is where the VPCs of the network reach the resource. No other resource of the network has it.
	Address netip.Addr `json:"address"`
}

// ARN returns the association's name as the account sees it.
func (a *NetworkResource) ARN(account string) string {
	return arn.New("vpc-lattice", a.Region, account, "servicenetworkresourceassociation/"+a.ID).String()
}

// ConfigurationARN returns the name of the resource configuration.
func (a *NetworkResource) ConfigurationARN() string {
	return arn.New("vpc-lattice", a.Region, a.ConfigurationOwner, "resourceconfiguration/"+a.Configuration).String()
}

// NetworkARN returns the name of the service network.
func (a *NetworkResource) NetworkARN() string {
	return arn.New("vpc-lattice", a.Region, a.NetworkOwner, "servicenetwork/"+a.Network).String()
}

// Domain is the generated DNS name of the resource in the network.
func (a *NetworkResource) Domain() string {
	return a.ID + "." + a.Configuration + resourcesOf(a.Region)
}

// EndpointDomain is the generated DNS name of the resource at a VPC endpoint of the network.
func (a *NetworkResource) EndpointDomain(endpoint string) string { return endpoint + "-" + a.Domain() }

// EndpointDomain is the generated DNS name of the resource at a VPC endpoint of its own.
func (c *ResourceConfiguration) EndpointDomain(endpoint string) string {
	return endpoint + "." + c.ID + resourcesOf(c.Region)
}

// resourcesOf is what the generated DNS names of the resources of a region end in.
func resourcesOf(region string) string { return ".4232ccc.vpc-lattice-rsc." + region + ".on.aws" }

// RangeResources holds the addresses that resources have in the VPCs of their service networks.
var RangeResources = netip.MustParsePrefix("129.224.0.0/17")

// ResourceAddress returns an address for the resource with the id that is not taken. Which one it is depends on the id.
func ResourceAddress(id string, taken func(netip.Addr) bool) netip.Addr {
	const n = 1<<15 - 2 // without the first and the last
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	base := RangeResources.Addr().As4()
	for i := range uint32(n) {
		k := (h.Sum32()+i)%n + 1
		a := base
		a[2] |= byte(k >> 8)
		a[3] = byte(k)
		if addr := netip.AddrFrom4(a); !taken(addr) {
			return addr
		}
	}
	return netip.Addr{}
}

// Definition is what a resource configuration is asked to stand for; nil members are not asked for.
type Definition struct {
	IP, Domain, DomainType, ARN *string
	CIDRs                       bool
}

// Define sets what the configuration stands for, which lies in the VPC.
func (c *ResourceConfiguration) Define(d Definition, v *vpc.VPC) error {
	const field = "resourceConfigurationDefinition"
	switch {
	case d.ARN != nil:
		return notServed(field+".arnResource", "resource configurations of ARNs", "a domain name or an IP address")
	case d.CIDRs:
		return notServed(field+".cidrResource", "resource configurations of CIDR blocks", "a domain name or an IP address")
	case (d.IP != nil) == (d.Domain != nil):
		return Invalid(field, "Exactly one of ipResource and dnsResource must be given.")
	case d.IP != nil:
		addr, err := netip.ParseAddr(*d.IP)
		if err != nil || addr.Zone() != "" || addr.Is4In6() {
			return Invalid(field+".ipResource.ipAddress", "'%.64s' is not an IP address.", *d.IP)
		}
		if !addr.Is4() || !v.Contains(addr) {
			return Invalid(field+".ipResource.ipAddress", "The IP address %s is not within the CIDR blocks of the resource gateway's VPC %s.", addr, v.ID)
		}
		c.IP, c.Domain = addr, ""
		return nil
	}
	if err := CheckDomain(*d.Domain); err != nil {
		return Invalid(field+".dnsResource.domainName", "'%.255s' is not a domain name such as database.example.com.", *d.Domain)
	}
	if t := d.DomainType; t != nil && *t != "IPV4" {
		return Invalid(field+".dnsResource.ipAddressType", "The IP address type %.16s is not that of the resource gateway, IPV4.", *t)
	}
	c.IP, c.Domain = netip.Addr{}, *d.Domain
	return nil
}

// SetPorts sets the ports at which the resource can be reached.
func (c *ResourceConfiguration) SetPorts(ranges []string) error {
	ports, err := ParsePorts(ranges)
	if err == nil && len(ports) == 0 {
		err = Invalid("portRanges", "A resource configuration of type %s must have a port range.", c.Type)
	}
	c.Ports = ports
	return err
}

// CheckResource checks the type and protocol of a resource configuration. The only protocol there is here is the default.
func CheckResource(kind, protocol string) error {
	switch kind {
	case TypeSingle:
	case TypeGroup, TypeChild, "ARN", "CIDR":
		return notServed("type", "resource configurations of type "+kind, TypeSingle)
	default:
		return Invalid("type", "The type of a resource configuration must be SINGLE, GROUP, CHILD, ARN or CIDR.")
	}
	switch protocol {
	case "", ProtocolTCP:
		return nil
	case "TCP_UDP":
		return Invalid("protocol", "The protocol TCP_UDP is for resource configurations of type CIDR.")
	}
	return Invalid("protocol", "The protocol of a resource configuration must be TCP.")
}

// ProtocolTCP is the protocol of resources.
const ProtocolTCP = "TCP"

// Limits and default of the IPv4 addresses of each of a resource gateway's interfaces.
const (
	DefaultAddressesPer = 16
	maxAddressesPer     = 62
)

// Configure sets how a new gateway is asked to be; empty and nil mean the defaults.
func (g *ResourceGateway) Configure(addressType, resolution string, addressesPer *int32) error {
	switch g.IPAddressType = addressType; addressType {
	case "":
		g.IPAddressType = "IPV4"
	case "IPV4":
	case "IPV6", "DUALSTACK":
		return Invalid("ipAddressType", "The subnets have no IPv6 addresses, which a resource gateway of IP address type %s needs.", addressType)
	default:
		return Invalid("ipAddressType", "The IP address type must be IPV4, IPV6 or DUALSTACK.")
	}
	g.AddressesPer = DefaultAddressesPer
	if addressesPer != nil {
		g.AddressesPer = *addressesPer
	}
	if g.AddressesPer < 1 || g.AddressesPer > maxAddressesPer {
		return Invalid("ipv4AddressesPerEni", "ipv4AddressesPerEni must be between 1 and %d.", maxAddressesPer)
	}
	if resolution == "" {
		resolution = ResolvePublicly
	}
	return g.Resolve(resolution)
}

// Resolve sets where the domain names of the gateway's resources are looked up.
func (g *ResourceGateway) Resolve(resolution string) error {
	if resolution != ResolvePublicly && resolution != ResolveInVPC {
		return Invalid("resourceConfigDnsResolution", "resourceConfigDnsResolution must be %s or %s.", ResolvePublicly, ResolveInVPC)
	}
	g.DNSResolution = resolution
	return nil
}

// UnservedDomains refuses the members of a resource configuration that give it a domain name of its owner's.
func UnservedDomains(custom, group, verification *string) error {
	if custom == nil && group == nil && verification == nil {
		return nil
	}
	return notServed("customDomainName", "custom domain names of resource configurations", "the generated names")
}
