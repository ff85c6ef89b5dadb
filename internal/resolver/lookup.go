package resolver

import "net/netip"

// Type is a DNS record type, by its number on the wire.
type Type uint16

// The types that can have an answer. Any other is asked in vain.
const (
	A     Type = 1
	CNAME Type = 5
	PTR   Type = 12
	AAAA  Type = 28
)

// maxChain is how many CNAMEs are followed.
const maxChain = 8

// Status is the outcome of a lookup.
type Status uint8

const (
	// Found means that the name exists; with no records of the type asked, that
	// it has none of that type.
	Found Status = iota
	// NoSuchName means that neither the name nor any below it exists.
	NoSuchName
	// Silent means that the VPC has no DNS server: there is no answer.
	Silent
	// Loop means that the name's CNAMEs lead nowhere.
	Loop
)

// Record is one record of an answer. Addr is set for A and AAAA, Target for
// CNAME and PTR. Names end in a dot.
type Record struct {
	Name   string
	Type   Type
	Addr   netip.Addr
	Target string
}

// Answer is what a question comes to.
type Answer struct {
	Status  Status
	Records []Record
	// Zone is the closest enclosing zone of the last name looked at, "." at
	// worst: whose SOA a negative answer carries.
	Zone string
}

// Silent says that the VPC has no DNS server: no packet is answered. So it is
// with the View of no VPC.
func (v View) Silent() bool { return v.view == nil || v.silent }

// Lookup answers a question. The first record bears the name as asked, so that
// clients which mix letter case find their own spelling.
func (v View) Lookup(name string, typ Type) Answer {
	if v.Silent() {
		return Answer{Status: Silent}
	}
	if name == "" || name[len(name)-1] != '.' {
		name += "."
	}
	var ans Answer
	for range maxChain {
		key := canonical(name)
		n, exists := v.find(key)
		switch {
		case n.cname != "" && typ != CNAME:
			ans.Records = append(ans.Records, Record{Name: name, Type: CNAME, Target: n.cname})
			name = n.cname
			continue
		case n.cname != "":
			ans.Records = append(ans.Records, Record{Name: name, Type: CNAME, Target: n.cname})
		case typ == A || typ == AAAA:
			for _, a := range n.addrs {
				if a.Is4() == (typ == A) {
					ans.Records = append(ans.Records, Record{Name: name, Type: typ, Addr: a.Addr})
				}
			}
		case typ == PTR && n.ptr != "":
			ans.Records = append(ans.Records, Record{Name: name, Type: PTR, Target: n.ptr})
		}
		if !exists {
			ans.Status = NoSuchName
		}
		ans.Zone = v.apex(key)
		return ans
	}
	return Answer{Status: Loop, Zone: v.apex(canonical(name))}
}

// find is the node at name in the nearest zone that has data there, and whether
// the name exists in any.
func (v View) find(name string) (node, bool) {
	exists := name == "."
	for z := range v.zones() {
		if n, ok := z.nodes.Get(name); ok {
			if n.hasData() {
				return n, true
			}
			exists = true
		}
	}
	return node{}, exists
}

// apex is the closest zone at or above name.
func (v View) apex(name string) string {
	for ; name != "."; name = parent(name) {
		for z := range v.zones() {
			if n, ok := z.nodes.Get(name); ok && n.isApex(name) {
				return name
			}
		}
	}
	return "."
}
