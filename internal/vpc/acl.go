package vpc

import (
	"net/netip"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/tag"
)

// NetworkACL filters the packets that enter and leave subnets, without regard to connections. In each direction the entry
// with the lowest number that matches decides; where none does, the packet is dropped.
type NetworkACL struct {
	Owner
	ID      string     `json:"id"`
	VPC     string     `json:"vpc"`
	Default bool       `json:"default"`
	Entries []ACLEntry `json:"entries,omitempty"`
	Tags    tag.Set    `json:"tags,omitempty"`
}

// ACLEntry allows or denies traffic by its far end.
type ACLEntry struct {
	Number int32 `json:"number"`
	Egress bool  `json:"egress,omitempty"`
	Allow  bool  `json:"allow,omitempty"`
	// Protocol, FromPort and ToPort are as in Rule.
	Protocol string       `json:"protocol"`
	FromPort int32        `json:"fromPort"`
	ToPort   int32        `json:"toPort"`
	CIDR     netip.Prefix `json:"cidr"`
}

// NewDefaultACL returns the network ACL that a VPC comes with: everything passes.
func NewDefaultACL(o Owner, vpcID string) *NetworkACL {
	acl := &NetworkACL{Owner: o, ID: arn.MintHex("acl-"), VPC: vpcID, Default: true}
	for _, egress := range []bool{true, false} {
		acl.Entries = append(acl.Entries, ACLEntry{Number: 100, Egress: egress, Allow: true, Protocol: AllProtocols, FromPort: -1, ToPort: -1,
			CIDR: netip.PrefixFrom(netip.IPv4Unspecified(), 0)})
	}
	return acl
}

// Open reports whether the ACL lets all IPv4 traffic pass: the first entry of each direction allows everything.
func (a *NetworkACL) Open() bool {
	for _, egress := range []bool{true, false} {
		first := a.Sorted(egress)
		if len(first) == 0 || !first[0].Allow || first[0].Protocol != AllProtocols || first[0].CIDR.Bits() != 0 || !first[0].CIDR.Addr().Is4() {
			return false
		}
	}
	return true
}

// Sorted returns the entries of one direction in the order in which they are tried.
func (a *NetworkACL) Sorted(egress bool) []ACLEntry {
	var out []ACLEntry
	for _, e := range a.Entries {
		if e.Egress == egress {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(x, y ACLEntry) int { return int(x.Number - y.Number) })
	return out
}
