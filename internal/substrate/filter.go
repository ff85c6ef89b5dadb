package substrate

import (
	"fmt"
	"net/netip"
	"strings"
)

// Table is the one nftables table of a namespace, of the inet family. The zero
// Table is none.
type Table struct {
	Counters []string
	Sets     []Set
	Chains   []Chain
}

// TableName is the name of the table in each namespace.
const TableName = "trellis"

// Key is what the elements of a set consist of.
type Key int

const (
	// KeyLink is an interface name.
	KeyLink Key = iota
	// KeyAddr4 is an IPv4 address or, in an interval set, prefix.
	KeyAddr4
	// KeyAddr6 is the same for IPv6.
	KeyAddr6
	// KeyLinkAddr4 is an interface name with an IPv4 address.
	KeyLinkAddr4
	// KeyLinkAddr6 is an interface name with an IPv6 address.
	KeyLinkAddr6
)

func (k Key) String() string {
	return [...]string{"ifname", "ipv4_addr", "ipv6_addr", "ifname . ipv4_addr", "ifname . ipv6_addr"}[k]
}

// MapKind says what the elements of a set lead to.
type MapKind int

const (
	// Plain is a set: its elements are members and no more.
	Plain MapKind = iota
	// Verdicts maps to chains.
	Verdicts
	// Addresses4 maps to IPv4 addresses.
	Addresses4
)

// Set is a named set or map.
type Set struct {
	Name     string
	Key      Key
	Maps     MapKind
	Interval bool
	Elements []Element
}

// Element is a member of a set.
type Element struct {
	Link   string
	Prefix netip.Prefix
	Chain  string     // for Verdicts: jump there
	To     netip.Addr // for Addresses4
}

// Hook is where the kernel enters a chain.
type Hook int

const (
	// NoHook is a chain only others lead to.
	NoHook Hook = iota
	// HookPrerouting sees what arrives, before connection tracking.
	HookPrerouting
	// HookInput sees what is delivered here.
	HookInput
	// HookForward sees what is routed through.
	HookForward
	// HookOutput sees what is sent from here.
	HookOutput
	// HookDNAT rewrites destinations of what arrives.
	HookDNAT
	// HookSNAT rewrites sources of what leaves.
	HookSNAT
)

// Chain is a list of rules.
type Chain struct {
	Name  string
	Hook  Hook
	Drop  bool // the policy of a hooked chain
	Rules []FilterRule
}

// FilterRule is a list of statements, each evaluated while the one before matched.
type FilterRule []Statement

// Statement is one match, side effect or verdict, with its nftables text.
type Statement interface{ String() string }

// The statements.
type (
	// MatchLink holds for packets of one link; Prefix compares the beginning of the name.
	MatchLink struct {
		Out    bool
		Name   string
		Prefix bool
	}
	// MatchLinkSet holds for packets of the links in a set.
	MatchLinkSet struct {
		Out bool
		Set string
	}
	// MatchPinned holds if link and source address together are in a set.
	MatchPinned struct {
		IPv6 bool
		Set  string
	}
	// MatchFamily holds for one IP version.
	MatchFamily struct{ IPv6 bool }
	// MatchAddress holds for a prefix.
	MatchAddress struct {
		Destination bool
		Prefix      netip.Prefix
	}
	// MatchAddressSet holds for the addresses of a set, or of none in it if Not.
	MatchAddressSet struct {
		Destination bool
		IPv6        bool
		Not         bool
		Set         string
	}
	// MatchProtocol holds for one IP protocol.
	MatchProtocol struct{ Number int }
	// MatchPorts holds for a range of destination ports, after MatchProtocol.
	MatchPorts struct{ From, To int }
	// MatchICMP holds for a type and, unless negative, a code, after MatchProtocol.
	MatchICMP struct{ Type, Code int }
	// MatchEstablished holds for packets of accepted connections.
	MatchEstablished struct{}
	// MatchInvalid holds for packets of no possible connection.
	MatchInvalid struct{}
	// MatchOriginal holds for packets from the side that opened the connection.
	MatchOriginal struct{}
	// MatchLocal holds if the destination is delivered here.
	MatchLocal struct{}
	// MatchRefusal holds for a TCP reset that answers a connection request.
	MatchRefusal struct{}
	// MatchICMPTypes holds for a range of ICMP types.
	MatchICMPTypes struct {
		IPv6     bool
		From, To int
	}
	// Count adds to a named counter.
	Count struct{ Counter string }
	// Dispatch jumps where a verdict map says; no element, no effect.
	Dispatch struct {
		Out bool
		Map string
	}
	// Steer hands a TCP packet over IPv4 to the connection it belongs to, or to the listener; without either it does not
	// match.
	Steer struct{ To netip.AddrPort }
	// Accept ends with acceptance.
	Accept struct{}
	// Drop ends with a silent drop.
	Drop struct{}
	// Return goes back to where the chain was jumped to from.
	Return struct{}
	// Jump goes to a chain and comes back.
	Jump struct{ Chain string }
	// Goto goes to a chain for good.
	Goto struct{ Chain string }
	// SNAT replaces the source address.
	SNAT struct{ To netip.Addr }
	// MapSNAT replaces the source address by what a map says.
	MapSNAT struct{ Map string }
	// MapDNAT replaces the destination address by what a map says.
	MapDNAT struct{ Map string }
)

func direction(out bool) string {
	if out {
		return "oifname"
	}
	return "iifname"
}

func addressOf(v6, destination bool) string {
	s := "ip "
	if v6 {
		s = "ip6 "
	}
	if destination {
		return s + "daddr"
	}
	return s + "saddr"
}

func (s MatchLink) String() string {
	name := s.Name
	if s.Prefix {
		name += "*"
	}
	return fmt.Sprintf("%s %q", direction(s.Out), name)
}
func (s MatchLinkSet) String() string { return direction(s.Out) + " @" + s.Set }
func (s MatchPinned) String() string  { return "iifname . " + addressOf(s.IPv6, false) + " @" + s.Set }
func (s MatchFamily) String() string {
	if s.IPv6 {
		return "meta nfproto ipv6"
	}
	return "meta nfproto ipv4"
}
func (s MatchAddress) String() string {
	p := s.Prefix.String()
	if s.Prefix.IsSingleIP() {
		p = s.Prefix.Addr().String()
	}
	return addressOf(s.Prefix.Addr().Is6(), s.Destination) + " " + p
}
func (s MatchAddressSet) String() string {
	not := ""
	if s.Not {
		not = "!= "
	}
	return addressOf(s.IPv6, s.Destination) + " " + not + "@" + s.Set
}
func (s MatchProtocol) String() string { return "meta l4proto " + protocolName(s.Number) }
func (s MatchPorts) String() string {
	if s.From == s.To {
		return fmt.Sprintf("th dport %d", s.From)
	}
	return fmt.Sprintf("th dport %d-%d", s.From, s.To)
}
func (s MatchICMP) String() string {
	if s.Code < 0 {
		return fmt.Sprintf("icmp type %d", s.Type)
	}
	return fmt.Sprintf("icmp type %d code %d", s.Type, s.Code)
}
func (MatchEstablished) String() string { return "ct state established,related" }
func (MatchInvalid) String() string     { return "ct state invalid" }
func (MatchOriginal) String() string    { return "ct direction original" }
func (MatchLocal) String() string       { return "fib daddr type local" }
func (MatchRefusal) String() string     { return "tcp flags & rst == rst tcp sequence 0" }
func (s MatchICMPTypes) String() string {
	if s.IPv6 {
		return fmt.Sprintf("icmpv6 type %d-%d", s.From, s.To)
	}
	return fmt.Sprintf("icmp type %d-%d", s.From, s.To)
}
func (s Count) String() string    { return fmt.Sprintf("counter name %q", s.Counter) }
func (s Dispatch) String() string { return direction(s.Out) + " vmap @" + s.Map }
func (s Steer) String() string    { return "tproxy ip to " + s.To.String() }
func (Accept) String() string     { return "accept" }
func (Drop) String() string       { return "drop" }
func (Return) String() string     { return "return" }
func (s Jump) String() string     { return "jump " + s.Chain }
func (s Goto) String() string     { return "goto " + s.Chain }
func (s SNAT) String() string     { return "snat ip to " + s.To.String() }
func (s MapSNAT) String() string  { return "snat ip to ip saddr map @" + s.Map }
func (s MapDNAT) String() string  { return "dnat ip to ip daddr map @" + s.Map }

func protocolName(n int) string {
	switch n {
	case 1:
		return "icmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 58:
		return "icmpv6"
	}
	return fmt.Sprint(n)
}

func (r FilterRule) String() string {
	words := make([]string, len(r))
	for i, s := range r {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// Equal says whether two chains do the same.
func (c Chain) Equal(d Chain) bool {
	if c.Name != d.Name || c.Hook != d.Hook || c.Drop != d.Drop || len(c.Rules) != len(d.Rules) {
		return false
	}
	for i, r := range c.Rules {
		if len(r) != len(d.Rules[i]) {
			return false
		}
		for j, s := range r {
			if s != d.Rules[i][j] {
				return false
			}
		}
	}
	return true
}
