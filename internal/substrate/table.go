package substrate

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Reasons for which packets are dropped, each with a counter of its own name.
const (
	// DropSpoofed is a source address the interface does not have.
	DropSpoofed = "spoofed-source"
	// DropForeign is a packet from a peering or gateway to an address of the VPC's own.
	DropForeign = "foreign-to-local"
	// DropNotAssociated is a client's packet to Lattice in a VPC without association.
	DropNotAssociated = "lattice-not-associated"
	// DropNoPublic is a packet to the internet from an interface without public address.
	DropNoPublic = "no-public-address"
	// DropInvalid is a packet of no known connection.
	DropInvalid = "invalid"
	// DropEgress is what no egress rule of the sender's security groups allows.
	DropEgress = "security-group-egress"
	// DropIngress is what no ingress rule of the receiver's security groups allows.
	DropIngress = "security-group-ingress"
	// DropACL is what a network ACL denies.
	DropACL = "network-acl"
	// DropLattice is what no ingress rule of the association's security groups allows.
	DropLattice = "association-security-group"
	// DropNoHost is a packet to an address nobody holds, or across two peerings.
	DropNoHost = "no-such-host"
	// DropSilenced is an answer of the kernel's own where AWS says nothing.
	DropSilenced = "silenced-error"
)

// Names of chains and sets.
const (
	setExternal = "external"
	setPinned4  = "pinned4"
	setPinned6  = "pinned6"
	setPublic   = "public"
	mapPublic   = "public-of"
	mapPrivate  = "private-of"
	mapEgress   = "egress"
	mapIngress  = "ingress"
	mapACLOut   = "acl-egress"
	mapACLIn    = "acl-ingress"
	chainTo     = "to-destination"
	chainToHost = "to-interface"
	chainToLatt = "to-lattice"
	chainSteer  = "to-resource"
)

// builder collects the table of one VPC.
type builder struct {
	lattice []netip.Prefix
	vx      *vpcIndex
	part    *Part
	table   Table
	sets    map[string]*Set
}

func vpcTable(lattice []netip.Prefix, vx *vpcIndex, part *Part) Table {
	b := &builder{lattice: lattice, vx: vx, part: part, sets: map[string]*Set{}}
	b.table.Counters = []string{
		DropLattice, DropSpoofed, DropForeign, DropInvalid, DropACL, DropNotAssociated,
		DropNoHost, DropNoPublic, DropEgress, DropIngress, DropSilenced,
	}
	slices.Sort(b.table.Counters)
	b.links()
	b.acls()
	b.prerouting()
	b.forward()
	b.input()
	b.output()
	b.destinations()
	b.groups()
	b.public()
	for _, name := range slices.Sorted(maps.Keys(b.sets)) {
		s := b.sets[name]
		sortElements(s.Elements)
		b.table.Sets = append(b.table.Sets, *s)
	}
	return b.table
}

func (b *builder) set(name string, key Key, kind MapKind) *Set {
	if s := b.sets[name]; s != nil {
		return s
	}
	s := &Set{Name: name, Key: key, Maps: kind}
	b.sets[name] = s
	return s
}

func (b *builder) chain(name string, hook Hook, drop bool, rules ...FilterRule) {
	b.table.Chains = append(b.table.Chains, Chain{Name: name, Hook: hook, Drop: drop, Rules: rules})
}

func dropFor(reason string, matches ...Statement) FilterRule {
	return append(append(FilterRule{}, matches...), Count{reason}, Drop{})
}

// links fills the sets that say what comes from where.
func (b *builder) links() {
	external := b.set(setExternal, KeyLink, Plain)
	pinned4 := b.set(setPinned4, KeyLinkAddr4, Plain)
	pinned6 := b.set(setPinned6, KeyLinkAddr6, Plain)
	for id := range b.vx.peers {
		external.Elements = append(external.Elements, Element{Link: peeringLink(id)})
	}
	if b.vx.InternetGateway != "" {
		external.Elements = append(external.Elements, Element{Link: gatewayLink})
	}
	for _, n := range b.vx.interfaces {
		for _, a := range n.Addresses {
			s := pinned4
			if a.Is6() {
				s = pinned6
			}
			s.Elements = append(s.Elements, Element{Link: shortName("i", n.ID), Prefix: host(a)})
		}
	}
}

// toLattice makes one rule for each Lattice prefix.
func (b *builder) toLattice(rest ...Statement) []FilterRule {
	var rules []FilterRule
	for _, p := range b.lattice {
		rules = append(rules, append(FilterRule{MatchAddress{Destination: true, Prefix: p.Masked()}}, rest...))
	}
	return rules
}

func (b *builder) prerouting() {
	rules := []FilterRule{{MatchLink{Name: "lo"}, Accept{}}}
	rules = append(rules, dropFor(DropForeign, MatchLinkSet{Set: setExternal}, MatchLocal{}))
	if b.vx.Lattice == LatticeNone {
		rules = append(rules, b.toLattice(Count{DropNotAssociated}, Drop{})...)
	}
	var pass Statement = Accept{}
	if b.vx.Lattice == LatticeAssociated && len(b.vx.Resources) > 0 {
		pass = Goto{chainSteer}
		b.resources()
	}
	rules = append(rules,
		FilterRule{MatchLinkSet{Set: setExternal}, Accept{}},
		FilterRule{MatchPinned{Set: setPinned4}, pass},
		FilterRule{MatchPinned{IPv6: true, Set: setPinned6}, Accept{}},
		dropFor(DropSpoofed),
	)
	b.chain("prerouting", HookPrerouting, true, rules...)
}

// resources sends what is for a resource to its listener.
func (b *builder) resources() {
	b.chain(chainSteer, NoHook, false, append(steer(b.vx.Resources), FilterRule{Accept{}})...)
}

// steer hands connections for resources to their listeners. A destination that is none of their ports is nowhere.
func steer(resources []Resource) []FilterRule {
	var rules []FilterRule
	for _, r := range resources {
		if !r.Address.Is4() || len(r.Ports) == 0 {
			continue
		}
		to := MatchAddress{Destination: true, Prefix: host(r.Address)}
		for _, p := range r.Ports {
			rules = append(rules, FilterRule{to, MatchProtocol{6}, MatchPorts(p), Steer{r.Listener()}, Accept{}})
		}
		rules = append(rules, dropFor(DropNoHost, to))
	}
	return rules
}

func (b *builder) forward() {
	var rules []FilterRule
	if b.vx.InternetGateway != "" {
		rules = append(rules,
			dropFor(DropNoPublic, MatchLink{Out: true, Name: gatewayLink}, MatchAddressSet{Not: true, Set: setPublic}),
			dropFor(DropNoPublic, MatchLink{Out: true, Name: gatewayLink}, MatchFamily{IPv6: true}))
	}
	rules = append(rules, b.askACL(mapACLOut, false)...)
	rules = append(rules, b.askACL(mapACLIn, true)...)
	rules = append(rules,
		FilterRule{MatchEstablished{}, Accept{}},
		dropFor(DropInvalid, MatchInvalid{}),
		FilterRule{MatchLinkSet{Set: setExternal}, Goto{chainToHost}},
		FilterRule{Dispatch{Map: mapEgress}},
		dropFor(DropSpoofed),
	)
	b.chain("forward", HookForward, true, rules...)
}

func (b *builder) input() {
	var rules []FilterRule
	rules = append(rules, FilterRule{MatchLink{Name: "lo"}, Accept{}})
	for _, a := range b.vx.Resolvers {
		for _, proto := range []int{17, 6} {
			rules = append(rules, FilterRule{
				MatchAddress{Destination: true, Prefix: host(a)}, MatchProtocol{proto}, MatchPorts{53, 53}, Accept{},
			})
		}
	}
	rules = append(rules, b.askACL(mapACLOut, false)...)
	if b.vx.Lattice == LatticeTargets {
		rules = append(rules, b.toLattice(MatchOriginal{}, Count{DropNotAssociated}, Drop{})...)
	}
	rules = append(rules,
		FilterRule{MatchEstablished{}, Accept{}},
		dropFor(DropInvalid, MatchInvalid{}),
		FilterRule{Dispatch{Map: mapEgress}},
		dropFor(DropSpoofed))
	b.chain("input", HookInput, true, rules...)
}

func (b *builder) output() {
	rules := []FilterRule{{MatchLink{Out: true, Name: "lo"}, MatchLocal{}, Accept{}}}
	rules = append(rules, silence()...)
	rules = append(rules, dropFor(DropSilenced, MatchRefusal{}))
	if acl := b.askACL(mapACLIn, true); acl != nil {
		for _, a := range b.vx.Resolvers {
			rules = append(rules, FilterRule{MatchAddress{Prefix: host(a)}, Accept{}})
		}
		rules = append(rules, acl...)
	}
	rules = append(rules,
		FilterRule{MatchEstablished{}, Accept{}},
		dropFor(DropInvalid, MatchInvalid{}))
	for _, p := range b.lattice {
		rules = append(rules, FilterRule{MatchAddress{Prefix: p.Masked()}, Goto{chainToHost}})
	}
	rules = append(rules, dropFor(DropNoHost))
	b.chain("output", HookOutput, true, rules...)
}

// silence drops the errors a router would report.
func silence() []FilterRule {
	return []FilterRule{
		dropFor(DropSilenced, MatchICMPTypes{From: 3, To: 5}),
		dropFor(DropSilenced, MatchICMPTypes{From: 11, To: 12}),
		dropFor(DropSilenced, MatchICMPTypes{IPv6: true, From: 1, To: 4}),
	}
}

// destinations is where a packet goes once its sender may send it.
func (b *builder) destinations() {
	rules := []FilterRule{{MatchLinkSet{Out: true, Set: setExternal}, Accept{}}}
	rules = append(rules, b.toLattice(Goto{chainToLatt})...)
	rules = append(rules, FilterRule{Goto{chainToHost}})
	b.chain(chainTo, NoHook, false, rules...)
	b.chain(chainToHost, NoHook, false, FilterRule{Dispatch{Out: true, Map: mapIngress}}, dropFor(DropNoHost))
	if len(b.vx.LatticeGroups) == 0 {
		b.chain(chainToLatt, NoHook, false, FilterRule{Accept{}})
		return
	}
	b.chain(chainToLatt, NoHook, false, b.tryGroups("in-", b.vx.LatticeGroups, DropLattice)...)
}

// tryGroups asks each group of a combination, then drops.
func (b *builder) tryGroups(prefix string, groups []string, reason string) []FilterRule {
	var rules []FilterRule
	for _, g := range slices.Compact(slices.Sorted(slices.Values(groups))) {
		if b.vx.groups[g] != nil {
			rules = append(rules, FilterRule{Jump{prefix + g}})
		}
	}
	return append(rules, dropFor(reason))
}

// groups makes a pair of chains for every combination of groups that interfaces
// have, and for every group in use.
func (b *builder) groups() {
	egress := b.set(mapEgress, KeyLink, Verdicts)
	ingress := b.set(mapIngress, KeyLink, Verdicts)
	combos := map[string][]string{}
	used := map[string]bool{}
	for _, n := range b.vx.interfaces {
		c := combination(n.SecurityGroups)
		combos[c] = n.SecurityGroups
		link := shortName("i", n.ID)
		egress.Elements = append(egress.Elements, Element{Link: link, Chain: "from-" + c})
		ingress.Elements = append(ingress.Elements, Element{Link: link, Chain: "into-" + c})
		for _, g := range n.SecurityGroups {
			used[g] = true
		}
	}
	for _, g := range b.vx.LatticeGroups {
		used[g] = true
		if b.vx.groups[g] == nil {
			b.part.problem(b.vx.ID, "association has unknown security group %s", g)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(combos)) {
		b.chain("from-"+c, NoHook, false, b.tryGroups("out-", combos[c], DropEgress)...)
		b.chain("into-"+c, NoHook, false, b.tryGroups("in-", combos[c], DropIngress)...)
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if g := b.vx.groups[id]; g != nil {
			b.chain("out-"+id, NoHook, false, b.groupRules(g.Egress, true, Goto{chainTo})...)
			b.chain("in-"+id, NoHook, false, b.groupRules(g.Ingress, false, Accept{})...)
		}
	}
}

func combination(groups []string) string {
	return digest(strings.Join(slices.Compact(slices.Sorted(slices.Values(groups))), " "))
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// groupRules turns the rules of a group into filter rules. Egress rules look at the
// destination and lead on to it, ingress rules look at the source.
func (b *builder) groupRules(rules []Rule, destination bool, verdict Statement) []FilterRule {
	var out []FilterRule
	for _, r := range rules {
		if r.check() != nil {
			continue
		}
		for _, v6 := range []bool{false, true} {
			if r.Protocol == 1 && v6 || r.Protocol == 58 && !v6 {
				continue
			}
			for _, peers := range b.peerMatches(r, v6, destination) {
				rule := append(FilterRule{peers}, protocolMatches(r.Protocol, r.From, r.To)...)
				out = append(out, append(rule, verdict))
			}
		}
	}
	return out
}

func protocolMatches(protocol, from, to int) []Statement {
	if protocol == AllProtocols {
		return nil
	}
	out := []Statement{MatchProtocol{protocol}}
	switch protocol {
	case 6, 17:
		if from > 0 || to < 65535 {
			out = append(out, MatchPorts{from, to})
		}
	case 1, 58:
		if from >= 0 {
			out = append(out, MatchICMP{from, to})
		}
	}
	return out
}

func (b *builder) peerMatches(r Rule, v6, destination bool) []Statement {
	var out []Statement
	cidrs := merged(r.CIDRs, v6)
	switch {
	case len(cidrs) == 0:
	case cidrs[0].Bits() == 0:
		return []Statement{MatchFamily{v6}}
	case len(cidrs) == 1:
		out = append(out, MatchAddress{destination, cidrs[0]})
	default:
		out = append(out, MatchAddressSet{Destination: destination, IPv6: v6, Set: b.rangeSet(cidrs, v6)})
	}
	key, prefix := KeyAddr4, "members4-"
	if v6 {
		key, prefix = KeyAddr6, "members6-"
	}
	for _, g := range r.Groups {
		s := b.sets[prefix+g]
		if s == nil {
			s = b.set(prefix+g, key, Plain)
			for _, a := range b.vx.membersOf(g) {
				if a.Is6() == v6 {
					s.Elements = append(s.Elements, Element{Prefix: host(a)})
				}
			}
		}
		out = append(out, MatchAddressSet{Destination: destination, IPv6: v6, Set: s.Name})
	}
	return out
}

// rangeSet makes an interval set named by its contents, so that it never changes.
func (b *builder) rangeSet(cidrs []netip.Prefix, v6 bool) string {
	var text strings.Builder
	for _, c := range cidrs {
		text.WriteString(c.String() + " ")
	}
	key := KeyAddr4
	if v6 {
		key = KeyAddr6
	}
	s := b.set("ranges-"+digest(text.String()), key, Plain)
	if !s.Interval {
		s.Interval = true
		for _, c := range cidrs {
			s.Elements = append(s.Elements, Element{Prefix: c})
		}
	}
	return s.Name
}

// merged is the prefixes of one family, in order, without those inside another.
func merged(prefixes []netip.Prefix, v6 bool) []netip.Prefix {
	var own []netip.Prefix
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Is6() == v6 {
			own = append(own, p.Masked())
		}
	}
	slices.SortFunc(own, comparePrefix)
	var out []netip.Prefix
	for _, p := range own {
		if len(out) == 0 || !out[len(out)-1].Overlaps(p) {
			out = append(out, p)
		}
	}
	return out
}
