package substrate

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// vpcIndex is a VPC checked and made easy to look things up in. What is wrong with
// it has become problems, and is left out.
type vpcIndex struct {
	VPC
	problems   []Problem
	subnets    map[string]*Subnet
	interfaces []*Interface // the sound ones, by id
	groups     map[string]*SecurityGroup
	holders    map[netip.Addr]string
	members    map[string][]netip.Addr // security group → addresses of its interfaces
	// peers are the peerings that can be realised, by id, with the VPC at the other end.
	peers map[string]*vpcIndex
}

func problemf(id, format string, args ...any) Problem {
	return Problem{id, fmt.Errorf(format, args...)}
}

func (vx *vpcIndex) problem(id, format string, args ...any) {
	vx.problems = append(vx.problems, problemf(id, format, args...))
}

// indexVPC indexes a VPC. claim says whether an id can name an interface's namespace.
func indexVPC(v *VPC, lattice []netip.Prefix, claim func(id string) bool) *vpcIndex {
	vx := &vpcIndex{
		VPC: *v, subnets: map[string]*Subnet{}, groups: map[string]*SecurityGroup{},
		holders: map[netip.Addr]string{}, members: map[string][]netip.Addr{},
	}
	vx.CIDRs = vx.valid(v.ID, v.CIDRs)
	vx.Subnets = slices.Clone(v.Subnets)
	bases := map[uint32]string{}
	for i := range v.Subnets {
		s := &vx.Subnets[i]
		s.CIDRs = vx.valid(s.ID, s.CIDRs)
		table, ok := subnetTable(*s)
		other, taken := bases[table]
		switch {
		case vx.subnets[s.ID] != nil:
			vx.problem(s.ID, "subnet is there twice")
		case !ok:
			vx.problem(s.ID, "subnet has no range of its own")
		case taken:
			vx.problem(s.ID, "subnet begins where %s does", other)
		default:
			vx.subnets[s.ID], bases[table] = s, s.ID
			vx.checkACL(s.ACL)
		}
	}
	for i := range v.SecurityGroups {
		g := &v.SecurityGroups[i]
		vx.groups[g.ID] = g
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			if err := r.check(); err != nil {
				vx.problem(g.ID, "rule %s: %w", r.ID, err)
			}
		}
	}
	vx.Resolvers = without(v.Resolvers, func(a netip.Addr) bool { return !a.IsValid() })
	for _, a := range vx.Resolvers {
		vx.holders[a] = "the resolver"
	}
	for i := range v.Interfaces {
		n := &v.Interfaces[i]
		if err := vx.check(n, lattice); err != nil {
			vx.problem(n.ID, "interface: %w", err)
			continue
		}
		if !claim(n.ID) {
			vx.problem(n.ID, "interface id %q is empty or used twice", n.ID)
			continue
		}
		vx.interfaces = append(vx.interfaces, n)
		for _, a := range n.Addresses {
			vx.holders[a] = n.ID
		}
		for _, g := range n.SecurityGroups {
			vx.members[g] = append(vx.members[g], n.Addresses...)
			if vx.groups[g] == nil {
				vx.problem(n.ID, "interface has unknown security group %s", g)
			}
		}
	}
	slices.SortFunc(vx.interfaces, func(a, b *Interface) int { return compare(a.ID, b.ID) })
	return vx
}

func invalid(p netip.Prefix) bool { return !p.IsValid() }

// valid is a list of ranges without those that are none.
func (vx *vpcIndex) valid(id string, prefixes []netip.Prefix) []netip.Prefix {
	if slices.ContainsFunc(prefixes, invalid) {
		vx.problem(id, "a range is not valid")
	}
	return without(prefixes, invalid)
}

func (vx *vpcIndex) checkACL(acl *NetworkACL) {
	if acl == nil {
		return
	}
	for _, e := range slices.Concat(acl.Ingress, acl.Egress) {
		if err := e.check(); err != nil {
			vx.problem(acl.ID, "entry %d: %w", e.Number, err)
		}
	}
}

func (vx *vpcIndex) check(n *Interface, lattice []netip.Prefix) error {
	s := vx.subnets[n.Subnet]
	if s == nil {
		return fmt.Errorf("no subnet %s in %s", n.Subnet, vx.ID)
	}
	if len(n.Addresses) == 0 {
		return fmt.Errorf("it has no address")
	}
	for i, a := range n.Addresses {
		if !slices.ContainsFunc(s.CIDRs, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return fmt.Errorf("address %s is outside %s", a, n.Subnet)
		}
		if slices.ContainsFunc(lattice, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return fmt.Errorf("address %s belongs to VPC Lattice", a)
		}
		if by := vx.holders[a]; by != "" || slices.Contains(n.Addresses[:i], a) {
			return fmt.Errorf("address %s is taken by %s", a, by)
		}
	}
	if n.Public.IsValid() && (!n.Public.Is4() || !primary(n, false).IsValid()) {
		return fmt.Errorf("public address %s needs IPv4 on both sides", n.Public)
	}
	return nil
}

// overlap says why two VPCs cannot be peered.
func (vx *vpcIndex) overlap(other *vpcIndex) error {
	for _, c := range vx.CIDRs {
		for _, d := range other.CIDRs {
			if c.Overlaps(d) {
				return fmt.Errorf("peering of overlapping ranges %s and %s", c, d)
			}
		}
	}
	return nil
}

// membersOf lists the addresses a group stands for in the rules of a VPC: its own
// groups and those of its peers. A group of any other VPC stands for nothing, as a
// stale rule does on AWS.
func (vx *vpcIndex) membersOf(group string) []netip.Addr {
	if vx.groups[group] != nil {
		return vx.members[group]
	}
	for _, id := range slices.Sorted(maps.Keys(vx.peers)) {
		if peer := vx.peers[id]; peer.groups[group] != nil {
			return peer.members[group]
		}
	}
	return nil
}

// check says why a rule cannot be applied.
func (r Rule) check() error {
	if r.Protocol < AllProtocols || r.Protocol > 255 {
		return fmt.Errorf("protocol %d", r.Protocol)
	}
	switch r.Protocol {
	case 6, 17:
		if r.From < 0 || r.To > 65535 || r.From > r.To {
			return fmt.Errorf("ports %d-%d", r.From, r.To)
		}
	case 1, 58:
		if r.From < -1 || r.From > 255 || r.To < -1 || r.To > 255 {
			return fmt.Errorf("ICMP type %d code %d", r.From, r.To)
		}
	}
	return nil
}

// subnetTable numbers the routing table of a subnet by its first address, which no
// other subnet of the VPC shares and which keeps clear of the kernel's own tables.
func subnetTable(s Subnet) (uint32, bool) {
	for _, c := range s.CIDRs {
		if c.IsValid() && c.Addr().Is4() {
			b := c.Masked().Addr().As4()
			t := binary.BigEndian.Uint32(b[:])
			return t, t > TableLocal
		}
	}
	for _, c := range s.CIDRs {
		if c.IsValid() {
			b := c.Masked().Addr().As16()
			t := binary.BigEndian.Uint32(b[4:8]) | 1<<31
			return t, true
		}
	}
	return 0, false
}

// primary is the first address of a family.
func primary(n *Interface, v6 bool) netip.Addr {
	for _, a := range n.Addresses {
		if a.Is6() == v6 {
			return a
		}
	}
	return netip.Addr{}
}
