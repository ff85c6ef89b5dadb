package vpc

import (
	"net/netip"

	"trellis/internal/arn"
)

// NewGroup returns a security group as it comes: nothing may enter, everything may leave.
func NewGroup(o Owner, vpcID, name, description string) *SecurityGroup {
	return &SecurityGroup{Owner: o, ID: arn.MintHex("sg-"), VPC: vpcID, Name: name, Description: description,
		Rules: []Rule{{ID: arn.MintHex("sgr-"), Egress: true, Protocol: AllProtocols, FromPort: -1, ToPort: -1,
			CIDR: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}}}
}
