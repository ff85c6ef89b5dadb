package resolver

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Zones is a compiled Desired. The zero value knows no VPC.
type Zones struct {
	public *zone
	views  map[string]*View
}

// View is what one VPC's DNS server sees.
type View struct {
	listen []netip.Addr
	silent bool
	zones  []*zone // the nearest first; the public one, last, is shared by all
}

// zone is a set of names.
type zone struct {
	nodes map[string]node
}

// node is what stands at one name. One without data is a name above others.
type node struct {
	addrs  []netip.Addr
	cname  string
	ptr    string
	isApex bool
}

func (n node) hasData() bool { return len(n.addrs) > 0 || n.cname != "" || n.ptr != "" }

// Compile builds the zones. Names repeated in one zone pool their addresses. The
// cost is that of d: what is public is not repeated per VPC.
func Compile(d Desired) *Zones {
	z := &Zones{public: newZone(), views: make(map[string]*View, len(d.VPCs))}
	for _, h := range d.Public {
		for _, a := range h.Addrs {
			z.public.addAddr(h.Name, a)
		}
	}
	own := make(map[string]vpcZones, len(d.VPCs))
	for _, v := range d.VPCs {
		if v.named() {
			own[v.ID] = v.compile(z.public)
		}
	}
	for _, v := range d.VPCs {
		view := &View{listen: slices.Clone(v.Listen), silent: !v.EnableDNSSupport}
		if zones, ok := own[v.ID]; ok {
			view.zones = append(view.zones, zones.private, zones.remote)
			for _, peer := range v.Peers {
				if p, ok := own[peer]; ok && peer != v.ID {
					view.zones = append(view.zones, p.remote)
				}
			}
		}
		view.zones = append(view.zones, z.public)
		z.views[v.ID] = view
	}
	return z
}

// named says whether the VPC's interfaces have names at all.
func (v *VPC) named() bool { return v.EnableDNSSupport && v.EnableDNSHostnames }

// vpcZones are the names of one VPC's interfaces: those for itself, and those
// that peers may share.
type vpcZones struct {
	private, remote *zone
}

func (v *VPC) compile(public *zone) vpcZones {
	zones := vpcZones{private: newZone(), remote: newZone()}
	for _, i := range v.Interfaces {
		if i.PrivateName != "" && i.Private.IsValid() {
			zones.private.addAddr(i.PrivateName, i.Private)
			zones.remote.addPointer(i.Private, i.PrivateName)
		}
		if i.PublicName != "" && i.Public.IsValid() {
			public.addAddr(i.PublicName, i.Public)
			if i.Private.IsValid() {
				zones.remote.addAddr(i.PublicName, i.Private)
			}
		}
	}
	for _, a := range v.Aliases {
		zones.private.addAlias(a.Name, a.Target)
	}
	return zones
}

func newZone() *zone { return &zone{nodes: make(map[string]node)} }

func (z *zone) addAddr(name string, addr netip.Addr) {
	addr = addr.Unmap().WithZone("")
	z.put(name, func(n *node) {
		if addr.IsValid() && !slices.Contains(n.addrs, addr) {
			n.addrs = append(n.addrs, addr)
		}
	})
}

func (z *zone) addAlias(name, target string) {
	z.put(name, func(n *node) { n.cname = canonical(target) })
}

func (z *zone) addPointer(addr netip.Addr, name string) {
	z.put(reverseName(addr), func(n *node) { n.ptr = canonical(name) })
}

// put changes the node at name, and sees that the names above it exist. A host's
// zone is taken to begin one label above it, a reverse name's at .arpa's child.
func (z *zone) put(name string, change func(*node)) {
	name = canonical(name)
	n := z.nodes[name]
	change(&n)
	z.nodes[name] = n
	for above, depth := parent(name), 1; above != "."; above, depth = parent(above), depth+1 {
		n, known := z.nodes[above]
		if strings.HasSuffix(name, ".arpa.") {
			n.isApex = parent(above) == "arpa."
		} else {
			n.isApex = n.isApex || depth == 1
		}
		z.nodes[above] = n
		if known && depth > 1 {
			return
		}
	}
}

// View is what the VPC's server answers from, nil if there is no such VPC.
func (z *Zones) View(vpcID string) *View {
	if z == nil {
		return nil
	}
	return z.views[vpcID]
}

// Listen yields every VPC and the addresses its server should answer at.
func (z *Zones) Listen() iter.Seq2[string, []netip.Addr] {
	return func(yield func(string, []netip.Addr) bool) {
		if z == nil {
			return
		}
		for id, view := range z.views {
			if !yield(id, view.listen) {
				return
			}
		}
	}
}

// canonical is a name as the zones spell it: lower case, with its final dot.
func canonical(name string) string {
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			return lower(name)
		}
	}
	return name
}

// lower folds ASCII only, as DNS does.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// parent drops the first label. A dot behind a backslash belongs to its label.
func parent(name string) string {
	for i := 0; i < len(name)-1; i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[i+1:]
		}
	}
	return "."
}

// reverseName is the name that a reverse lookup of addr asks for.
func reverseName(addr netip.Addr) string {
	addr = addr.Unmap()
	var b strings.Builder
	if addr.Is4() {
		a := addr.As4()
		for _, octet := range slices.Backward(a[:]) {
			b.WriteString(strconv.Itoa(int(octet)))
			b.WriteByte('.')
		}
		b.WriteString("in-addr.arpa.")
		return b.String()
	}
	const digits = "0123456789abcdef"
	a := addr.As16()
	for _, octet := range slices.Backward(a[:]) {
		b.WriteByte(digits[octet&0xf])
		b.WriteByte('.')
		b.WriteByte(digits[octet>>4])
		b.WriteByte('.')
	}
	b.WriteString("ip6.arpa.")
	return b.String()
}
