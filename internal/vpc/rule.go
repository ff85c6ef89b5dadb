package vpc

import (
	"net/netip"
	"strconv"
	"strings"

	"trellis/internal/fault"
)

// AllProtocols is the protocol of a rule that holds for every one.
const AllProtocols = "-1"

var protocolNumbers = [...]struct{ name, number string }{{"tcp", "6"}, {"udp", "17"}, {"icmp", "1"}, {"icmpv6", "58"}}

// NormalProtocol returns the form in which a rule keeps a protocol: "-1", "tcp", "udp", "icmp", "icmpv6" or a number.
func NormalProtocol(s string) (string, error) {
	lower := strings.ToLower(s)
	if lower == AllProtocols || lower == "all" {
		return AllProtocols, nil
	}
	for _, p := range protocolNumbers {
		if lower == p.name || lower == p.number {
			return p.name, nil
		}
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return strconv.FormatUint(n, 10), nil
	}
	return "", fault.New(fault.Invalid, "InvalidParameterValue", "Invalid value '%.64s' for IP protocol. Unknown protocol.", s)
}

// ProtocolNumber returns the number of a protocol in normal form, as network ACLs show it.
func ProtocolNumber(normal string) string {
	for _, p := range protocolNumbers {
		if normal == p.name {
			return p.number
		}
	}
	return normal
}

// SetPorts checks the ports, or the ICMP type and code, against the rule's protocol and sets them.
func (r *Rule) SetPorts(from, to *int32) error {
	switch r.Protocol {
	case "tcp", "udp":
		if from == nil || to == nil {
			return fault.New(fault.Invalid, "InvalidParameterValue",
				"Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		for _, p := range []int32{*from, *to} {
			if p < 0 || p > 65535 {
				return fault.New(fault.Invalid, "InvalidParameterValue", "TCP/UDP port (%d) out of range", p)
			}
		}
		if *from > *to {
			return fault.New(fault.Invalid, "InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", *from, *to)
		}
		r.FromPort, r.ToPort = *from, *to
	case "icmp", "icmpv6":
		r.FromPort, r.ToPort = -1, -1
		if from != nil {
			r.FromPort = *from
		}
		if to != nil {
			r.ToPort = *to
		}
		if r.FromPort < -1 || r.FromPort > 255 {
			return fault.New(fault.Invalid, "InvalidParameterValue", "ICMP type (%d) out of range", r.FromPort)
		}
		if r.ToPort < -1 || r.ToPort > 255 || r.FromPort == -1 && r.ToPort != -1 {
			return fault.New(fault.Invalid, "InvalidParameterValue", "ICMP code (%d) out of range", r.ToPort)
		}
	default:
		r.FromPort, r.ToPort = -1, -1
	}
	return nil
}

// HasPorts reports whether ports, or an ICMP type and code, are part of the rule.
func (r *Rule) HasPorts() bool {
	switch r.Protocol {
	case "tcp", "udp", "icmp", "icmpv6":
		return true
	}
	return false
}

// ParsePeerBlock reads the CIDR of a rule; bits after the prefix are dropped.
func ParsePeerBlock(s string, v6 bool) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4() == v6 || p.Addr().Is4In6() {
		return netip.Prefix{}, fault.New(fault.Invalid, "InvalidParameterValue", "CIDR block %.64s is malformed", s)
	}
	return p.Masked(), nil
}

// Same reports whether two rules permit the same, whatever they are called and however they are described.
func (r *Rule) Same(o *Rule) bool {
	return r.Egress == o.Egress && r.Protocol == o.Protocol && r.FromPort == o.FromPort && r.ToPort == o.ToPort &&
		r.CIDR == o.CIDR && r.Group == o.Group && r.PrefixList == o.PrefixList
}

// Peer names what the rule is about: a CIDR, a group or a prefix list.
func (r *Rule) Peer() string {
	switch {
	case r.Group != "":
		return r.Group
	case r.PrefixList != "":
		return r.PrefixList
	}
	return r.CIDR.String()
}

// V6 reports whether the rule is about IPv6 alone.
func (r *Rule) V6() bool { return r.CIDR.IsValid() && r.CIDR.Addr().Is6() }

const groupText = " ._-:/()#,@[]+=&;{}!$*"

// CheckGroupText reports whether s may be a security group's name, its description or that of a rule.
func CheckGroupText(s, parameter string, required bool) error {
	if required && strings.TrimSpace(s) == "" {
		return fault.New(fault.Invalid, "MissingParameter", "The request must contain the parameter %s", parameter)
	}
	if len(s) > 255 {
		return fault.New(fault.Invalid, "InvalidParameterValue",
			"Invalid value for parameter %s. It has more than 255 characters.", parameter)
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte(groupText, c) < 0 {
			return fault.New(fault.Invalid, "InvalidParameterValue",
				"Invalid value for parameter %s. Valid characters are a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*.", parameter)
		}
	}
	return nil
}

// CheckGroupName reports whether a user may give a security group the name.
func CheckGroupName(name string) error {
	if err := CheckGroupText(name, "GroupName", true); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(name, "sg-"):
		return fault.New(fault.Invalid, "InvalidParameterValue", "Invalid value for parameter GroupName. Group names may not start with sg-.")
	case name == "default":
		return fault.New(fault.Invalid, "InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	}
	return nil
}
