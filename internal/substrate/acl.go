package substrate

import (
	"cmp"
	"fmt"
	"slices"
)

// acls makes a pair of chains for every subnet with a network ACL, and leads the
// links of its interfaces there.
func (b *builder) acls() {
	for _, n := range b.vx.interfaces {
		s := b.vx.subnets[n.Subnet]
		if s.ACL == nil {
			continue
		}
		link := shortName("i", n.ID)
		for _, d := range []struct {
			name    string
			entries []ACLEntry
			out     bool
		}{{mapACLOut, s.ACL.Egress, true}, {mapACLIn, s.ACL.Ingress, false}} {
			chain := d.name + "-" + s.ID
			m := b.set(d.name, KeyLink, Verdicts)
			if !slices.ContainsFunc(m.Elements, func(e Element) bool { return e.Chain == chain }) {
				b.chain(chain, NoHook, false, aclRules(s, d.entries, d.out)...)
			}
			m.Elements = append(m.Elements, Element{Link: link, Chain: chain})
		}
	}
}

// askACL consults the ACLs of a direction, if there is any.
func (b *builder) askACL(name string, out bool) []FilterRule {
	if b.sets[name] == nil {
		return nil
	}
	return []FilterRule{{Dispatch{Out: out, Map: name}}}
}

// aclRules decide on packets from a subnet, or to it, by their far end. What stays
// within the subnet does not cross its edge.
func aclRules(s *Subnet, entries []ACLEntry, out bool) []FilterRule {
	var rules []FilterRule
	for _, c := range s.CIDRs {
		rules = append(rules, FilterRule{MatchAddress{Destination: out, Prefix: c.Masked()}, Return{}})
	}
	for _, e := range inOrder(entries) {
		if e.check() != nil {
			continue
		}
		match := Statement(MatchAddress{Destination: out, Prefix: e.CIDR.Masked()})
		if e.CIDR.Bits() == 0 {
			match = MatchFamily{e.CIDR.Addr().Is6()}
		}
		rule := append(FilterRule{match}, protocolMatches(e.Protocol, e.From, e.To)...)
		if e.Allow {
			rule = append(rule, Return{})
		} else {
			rule = append(rule, Count{DropACL}, Drop{})
		}
		rules = append(rules, rule)
	}
	return append(rules, dropFor(DropACL))
}

func inOrder(entries []ACLEntry) []ACLEntry {
	return slices.SortedStableFunc(slices.Values(entries), func(a, b ACLEntry) int { return cmp.Compare(a.Number, b.Number) })
}

// check says why an entry cannot be applied.
func (e ACLEntry) check() error {
	if !e.CIDR.IsValid() {
		return fmt.Errorf("no CIDR")
	}
	return Rule{Protocol: e.Protocol, From: e.From, To: e.To}.check()
}
