package substrate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// index is a Config checked and made easy to look things up in. What is wrong with
// it has become problems, and is left out.
type index struct {
	cfg      Config
	vpcs     map[string]*vpcIndex
	groupVPC map[string]string // security group → VPC
	problems []Problem
}

type vpcIndex struct {
	VPC
	subnets    map[string]*Subnet
	interfaces []*Interface // the sound ones, by id
	groups     map[string]*SecurityGroup
	peers      map[string]*Peering // by id
	peerVPCs   map[string]bool
	holders    map[netip.Addr]string
	members    map[string][]netip.Addr // security group → addresses of its interfaces
}

func (x *index) problem(id, format string, args ...any) {
	x.problems = append(x.problems, Problem{id, fmt.Errorf(format, args...)})
}

func newIndex(cfg Config) *index {
	x := &index{cfg: cfg, vpcs: map[string]*vpcIndex{}, groupVPC: map[string]string{}}
	x.cfg.LatticePrefixes = without(cfg.LatticePrefixes, invalid)
	names := map[string]bool{InternetNamespace: true}
	for _, v := range cfg.VPCs {
		if v.ID == "" || names[v.ID] {
			x.problem(v.ID, "VPC id %q is empty or used twice", v.ID)
			continue
		}
		names[v.ID] = true
		x.vpcs[v.ID] = x.indexVPC(v, names)
	}
	for i := range cfg.Peerings {
		x.indexPeering(&x.cfg.Peerings[i])
	}
	return x
}

func (x *index) indexVPC(v VPC, names map[string]bool) *vpcIndex {
	vx := &vpcIndex{
		VPC: v, subnets: map[string]*Subnet{}, groups: map[string]*SecurityGroup{},
		peers: map[string]*Peering{}, peerVPCs: map[string]bool{},
		holders: map[netip.Addr]string{}, members: map[string][]netip.Addr{},
	}
	vx.CIDRs = x.valid(v.ID, v.CIDRs)
	vx.Subnets = slices.Clone(v.Subnets)
	bases := map[uint32]string{}
	for i := range v.Subnets {
		s := &vx.Subnets[i]
		s.CIDRs = x.valid(s.ID, s.CIDRs)
		table, ok := subnetTable(*s)
		other, taken := bases[table]
		switch {
		case vx.subnets[s.ID] != nil:
			x.problem(s.ID, "subnet is there twice")
		case !ok:
			x.problem(s.ID, "subnet has no range of its own")
		case taken:
			x.problem(s.ID, "subnet begins where %s does", other)
		default:
			vx.subnets[s.ID], bases[table] = s, s.ID
			x.checkACL(s.ACL)
		}
	}
	for i := range v.SecurityGroups {
		g := &v.SecurityGroups[i]
		vx.groups[g.ID] = g
		x.groupVPC[g.ID] = v.ID
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			if err := r.check(); err != nil {
				x.problem(g.ID, "rule %s: %w", r.ID, err)
			}
		}
	}
	vx.Resolvers = without(v.Resolvers, func(a netip.Addr) bool { return !a.IsValid() })
	for _, a := range vx.Resolvers {
		vx.holders[a] = "the resolver"
	}
	for i := range v.Interfaces {
		n := &v.Interfaces[i]
		if n.ID == "" || names[n.ID] {
			x.problem(n.ID, "interface id %q is empty or used twice", n.ID)
			continue
		}
		if err := vx.check(n, x.cfg.LatticePrefixes); err != nil {
			x.problem(n.ID, "interface: %w", err)
			continue
		}
		names[n.ID] = true
		vx.interfaces = append(vx.interfaces, n)
		for _, a := range n.Addresses {
			vx.holders[a] = n.ID
		}
		for _, g := range n.SecurityGroups {
			vx.members[g] = append(vx.members[g], n.Addresses...)
			if vx.groups[g] == nil {
				x.problem(n.ID, "interface has unknown security group %s", g)
			}
		}
	}
	slices.SortFunc(vx.interfaces, func(a, b *Interface) int { return compare(a.ID, b.ID) })
	return vx
}

func invalid(p netip.Prefix) bool { return !p.IsValid() }

// valid is a list of ranges without those that are none.
func (x *index) valid(id string, prefixes []netip.Prefix) []netip.Prefix {
	if slices.ContainsFunc(prefixes, invalid) {
		x.problem(id, "a range is not valid")
	}
	return without(prefixes, invalid)
}

func (x *index) checkACL(acl *NetworkACL) {
	if acl == nil {
		return
	}
	for _, e := range slices.Concat(acl.Ingress, acl.Egress) {
		if err := e.check(); err != nil {
			x.problem(acl.ID, "entry %d: %w", e.Number, err)
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

func (x *index) indexPeering(p *Peering) {
	a, b := x.vpcs[p.Requester], x.vpcs[p.Accepter]
	if a == nil || b == nil || a == b {
		x.problem(p.ID, "peering needs two VPCs, has %q and %q", p.Requester, p.Accepter)
		return
	}
	for _, c := range a.CIDRs {
		for _, d := range b.CIDRs {
			if c.Overlaps(d) {
				x.problem(p.ID, "peering of overlapping ranges %s and %s", c, d)
				return
			}
		}
	}
	if a.peers[p.ID] != nil {
		x.problem(p.ID, "peering is there twice")
		return
	}
	a.peers[p.ID], b.peers[p.ID] = p, p
	a.peerVPCs[b.ID], b.peerVPCs[a.ID] = true, true
}

// membersOf lists the addresses a group stands for in the rules of a VPC: its own
// groups and those of its peers. A group of any other VPC stands for nothing, as a
// stale rule does on AWS.
func (x *index) membersOf(vx *vpcIndex, group string) []netip.Addr {
	owner := x.groupVPC[group]
	if owner != vx.ID && !vx.peerVPCs[owner] {
		return nil
	}
	return x.vpcs[owner].members[group]
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
