// Package vpc owns the EC2 networking resources: their data, invariants and pure rules. The EC2 API writes them; the ELB
// and Lambda APIs write the network interfaces of their own resources.
package vpc

import (
	"net/netip"
	"time"

	"trellis/internal/tag"
)

// Owner says in which account and region a resource lives.
type Owner struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// Scope is the key under which a region's resources of one account are listed.
func (o Owner) Scope() string { return o.Account + "/" + o.Region }

// VPC is a virtual private cloud.
type VPC struct {
	Owner
	ID      string         `json:"id"`
	Created time.Time      `json:"created"`
	CIDRs   []CIDRBlock    `json:"cidrs"` // the first is the primary one
	IPv6    []netip.Prefix `json:"ipv6,omitempty"`
	Tenancy string         `json:"tenancy"`
	Default bool           `json:"default,omitempty"`
	// The attributes that ModifyVpcAttribute sets.
	DNSSupport                 bool    `json:"dnsSupport"`
	DNSHostnames               bool    `json:"dnsHostnames"`
	NetworkAddressUsageMetrics bool    `json:"networkAddressUsageMetrics,omitempty"`
	DHCPOptionsID              string  `json:"dhcpOptionsId"`
	MainRouteTableID           string  `json:"mainRouteTableId"`
	DefaultSecurityGroupID     string  `json:"defaultSecurityGroupId"`
	DefaultNetworkACLID        string  `json:"defaultNetworkAclId"`
	Tags                       tag.Set `json:"tags,omitempty"`
}

// CIDRBlock is an IPv4 block associated with a VPC.
type CIDRBlock struct {
	AssociationID string       `json:"associationId"`
	Prefix        netip.Prefix `json:"prefix"`
}

// Resolver is the address of the VPC's DNS server: the base of its primary block plus two.
func (v *VPC) Resolver() netip.Addr { return v.CIDRs[0].Prefix.Addr().Next().Next() }

// Contains reports whether addr is inside one of the VPC's blocks.
func (v *VPC) Contains(addr netip.Addr) bool {
	for _, b := range v.CIDRs {
		if b.Prefix.Contains(addr) {
			return true
		}
	}
	for _, p := range v.IPv6 {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Subnet is a range of a VPC's addresses in one zone.
type Subnet struct {
	Owner
	ID           string       `json:"id"`
	VPC          string       `json:"vpc"`
	Zone         string       `json:"zone"`
	CIDR         netip.Prefix `json:"cidr"`
	DefaultForAZ bool         `json:"defaultForAz,omitempty"`
	MapPublicIP  bool         `json:"mapPublicIp,omitempty"`
	NetworkACLID string       `json:"networkAclId"`
	ACLAssocID   string       `json:"aclAssocId"`
	HostnameType string       `json:"hostnameType,omitempty"` // PrivateDnsNameOptionsOnLaunch
	RecordA      bool         `json:"recordA,omitempty"`
	RecordAAAA   bool         `json:"recordAaaa,omitempty"`
	Tags         tag.Set      `json:"tags,omitempty"`
}

// RouteTable is a set of routes and the subnets that use them.
type RouteTable struct {
	Owner
	ID           string             `json:"id"`
	VPC          string             `json:"vpc"`
	Routes       []Route            `json:"routes,omitempty"` // without the local ones, which every table has
	Associations []TableAssociation `json:"associations,omitempty"`
	Tags         tag.Set            `json:"tags,omitempty"`
}

// TableAssociation binds a table to a subnet, or to its VPC as the main table when Subnet is empty.
type TableAssociation struct {
	ID     string `json:"id"`
	Subnet string `json:"subnet,omitempty"`
	Main   bool   `json:"main,omitempty"`
}

// Route leads one destination to exactly one of the targets.
type Route struct {
	// Destination is a CIDR; DestinationPrefixList is set instead where a prefix list is the destination.
	Destination           netip.Prefix `json:"destination,omitzero"`
	DestinationPrefixList string       `json:"destinationPrefixList,omitempty"`
	Gateway               string       `json:"gateway,omitempty"` // igw-… or VpcLattice
	Peering               string       `json:"peering,omitempty"` // pcx-…
	Interface             string       `json:"interface,omitempty"`
	Instance              string       `json:"instance,omitempty"`
	NATGateway            string       `json:"natGateway,omitempty"`
	Origin                string       `json:"origin"` // CreateRoute or CreateRouteTable
}

// InternetGateway leads a VPC to the internet.
type InternetGateway struct {
	Owner
	ID   string  `json:"id"`
	VPC  string  `json:"vpc,omitempty"` // empty while detached
	Tags tag.Set `json:"tags,omitempty"`
}

// Peering connects two VPCs.
type Peering struct {
	Owner              // the requester's
	ID        string   `json:"id"`
	Requester PeerSide `json:"requester"`
	Accepter  PeerSide `json:"accepter"`
	Status    string   `json:"status"` // pending-acceptance, active, deleted, rejected or failed; see StatusAt
	Message   string   `json:"message,omitempty"`
	// Provisioning is set when the peering was accepted and no later change saw it realised.
	Provisioning bool      `json:"provisioning,omitempty"`
	Created      time.Time `json:"created"`
	Expires      time.Time `json:"expires,omitzero"`
	Ended        time.Time `json:"ended,omitzero"`
}

// PeerSide is one end of a peering.
type PeerSide struct {
	Owner
	VPC string `json:"vpc"`
	// RemoteDNS is AllowDnsResolutionFromRemoteVpc.
	RemoteDNS bool `json:"remoteDns,omitempty"`
	// Tags are those that the side's owner gave the peering and alone sees.
	Tags tag.Set `json:"tags,omitempty"`
}

// SecurityGroup filters what enters and leaves the interfaces that carry it.
type SecurityGroup struct {
	Owner
	ID          string  `json:"id"`
	VPC         string  `json:"vpc"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Rules       []Rule  `json:"rules,omitempty"`
	Tags        tag.Set `json:"tags,omitempty"`
}

// Rule is one permission of a security group with exactly one peer.
type Rule struct {
	ID     string `json:"id"` // sgr-…
	Egress bool   `json:"egress,omitempty"`
	// Protocol is "-1" for all, "tcp", "udp", "icmp", "icmpv6" or a number.
	Protocol string `json:"protocol"`
	// FromPort and ToPort bound ports, or are ICMP type and code; -1 is any. Unused for protocol -1.
	FromPort    int32        `json:"fromPort"`
	ToPort      int32        `json:"toPort"`
	CIDR        netip.Prefix `json:"cidr,omitzero"`
	Group       string       `json:"group,omitempty"`
	GroupOwner  string       `json:"groupOwner,omitempty"`
	PeeringID   string       `json:"peeringId,omitempty"`
	PrefixList  string       `json:"prefixList,omitempty"`
	Description string       `json:"description,omitempty"`
	Tags        tag.Set      `json:"tags,omitempty"`
}

// Types of network interfaces.
const (
	PlainInterface  = "interface"
	LambdaInterface = "lambda"
)

// NetworkInterface is an address in a subnet.
type NetworkInterface struct {
	Owner
	ID     string     `json:"id"`
	VPC    string     `json:"vpc"`
	Subnet string     `json:"subnet"`
	Zone   string     `json:"zone"`
	Addr   netip.Addr `json:"addr"`
	// Secondary are the addresses that the interface has besides.
	Secondary []netip.Addr `json:"secondary,omitempty"`
	MAC       string       `json:"mac"`
	Groups    []string     `json:"groups"`
	// Description, Type (interface, lambda, network_load_balancer, …), Requester and RequesterManaged are what the owning
	// service writes: "ELB app/NAME/ID" by amazon-elb, "AWS Lambda VPC ENI-…" by Lambda.
	Description      string `json:"description,omitempty"`
	Type             string `json:"type"`
	Requester        string `json:"requester,omitempty"`
	RequesterManaged bool   `json:"requesterManaged,omitempty"`
	// User is the ARN of the load balancer or function, or the id of the exec session, that lives behind the interface.
	User            string    `json:"user,omitempty"`
	AttachmentID    string    `json:"attachmentId,omitempty"`
	Attached        time.Time `json:"attached,omitzero"`
	InstanceOwner   string    `json:"instanceOwner,omitempty"` // amazon-elb, amazon-aws, …
	SourceDestCheck bool      `json:"sourceDestCheck"`
	Tags            tag.Set   `json:"tags,omitempty"`
}

// Addresses returns all addresses of the interface, the first one first.
func (i *NetworkInterface) Addresses() []netip.Addr {
	return append([]netip.Addr{i.Addr}, i.Secondary...)
}

// InUse reports whether the interface is attached to something that uses it.
func (i *NetworkInterface) InUse() bool { return i.AttachmentID != "" || i.User != "" }
