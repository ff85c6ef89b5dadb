package resolver

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/btree"

	"trellis/internal/ordered"
)

// Zones is a compiled Desired. The zero value knows no VPC.
type Zones struct {
	desired Desired
	public  zone
	views   btree.Map[string, *view]
}

// View is what one VPC's DNS server sees.
type View struct {
	*view
	all *Zones
}

// view is one VPC.
type view struct {
	listen []netip.Addr
	silent bool
	// own are the zones of the VPC's interfaces, if they have names: those for itself,
	// and, the last one, those that peers may share.
	own   []*zone
	peers []string
}

// zone is a set of names.
type zone struct {
	nodes btree.Map[string, node]
}

// node is what stands at one name. One without data is a name above others.
type node struct {
	addrs []counted
	cname string
	ptr   string
	// below is how many names with data are below, hosts how many of them by one label.
	below, hosts int
}

// counted is an address with how often it was added.
type counted struct {
	netip.Addr
	times int
}

func (n *node) hasData() bool { return len(n.addrs) > 0 || n.cname != "" || n.ptr != "" }

// isApex says whether a zone begins at the name. A host's zone is taken to begin one
// label above it, a reverse name's at .arpa's child.
func (n *node) isApex(name string) bool {
	if strings.HasSuffix(name, ".arpa.") {
		return n.below > 0 && parent(name) == "arpa."
	}
	return n.hosts > 0
}

// Compiler compiles what is desired, again and again: what did not change from one
// time to the next is shared by the Zones.
type Compiler struct{ latest Zones }

// Compile builds the zones.
func Compile(d Desired) *Zones { return new(Compiler).Compile(d) }

// Compile builds the zones. Names repeated in one zone pool their addresses. What is
// public is not repeated per VPC. The cost is that of what changed.
func (c *Compiler) Compile(d Desired) *Zones {
	z := &c.latest
	for before, after := range ordered.Diff(z.desired.Public, d.Public, (*Host).Key) {
		if before != nil {
			z.public.change(before.Name, before.Addrs, -1)
		}
		if after != nil {
			z.public.change(after.Name, after.Addrs, +1)
		}
	}
	for before, after := range ordered.Diff(z.desired.VPCs, d.VPCs, (*VPC).Key) {
		if before != nil {
			z.views.Delete(before.ID)
			before.publish(&z.public, -1)
		}
		if after != nil {
			z.views.Set(after.ID, after.compile())
			after.publish(&z.public, +1)
		}
	}
	z.desired = d
	return &Zones{desired: d, public: zone{*z.public.nodes.Copy()}, views: *z.views.Copy()}
}

// named says whether the VPC's interfaces have names at all.
func (v *VPC) named() bool { return v.EnableDNSSupport && v.EnableDNSHostnames }

// publish adds the public names of the VPC and its interfaces to a zone, or takes them away.
func (v *VPC) publish(public *zone, times int) {
	for _, h := range v.Public {
		public.change(h.Name, h.Addrs, times)
	}
	if !v.named() {
		return
	}
	for _, i := range v.Interfaces {
		if i.PublicName != "" && i.Public.IsValid() {
			public.change(i.PublicName, []netip.Addr{i.Public}, times)
		}
	}
}

func (v *VPC) compile() *view {
	out := &view{listen: slices.Clone(v.Listen), silent: !v.EnableDNSSupport}
	if !v.named() {
		return out
	}
	private, remote := &zone{}, &zone{}
	for _, i := range v.Interfaces {
		if i.PrivateName != "" && i.Private.IsValid() {
			private.change(i.PrivateName, []netip.Addr{i.Private}, 1)
			remote.put(reverseName(i.Private), func(n *node) { n.ptr = canonical(i.PrivateName) })
		}
		if i.PublicName != "" && i.Public.IsValid() && i.Private.IsValid() {
			remote.change(i.PublicName, []netip.Addr{i.Private}, 1)
		}
	}
	for _, h := range v.Private {
		private.change(h.Name, h.Addrs, 1)
	}
	for _, a := range v.Aliases {
		private.put(a.Name, func(n *node) { n.cname = canonical(a.Target) })
	}
	out.own, out.peers = []*zone{private, remote}, slices.Clone(v.Peers)
	return out
}

// change adds addresses to a name, or takes them away where times is negative.
func (z *zone) change(name string, addrs []netip.Addr, times int) {
	z.put(name, func(n *node) {
		held := slices.Clone(n.addrs) // others may read the node as it was
		for _, a := range addrs {
			if a = a.Unmap().WithZone(""); !a.IsValid() {
				continue
			}
			i := slices.IndexFunc(held, func(c counted) bool { return c.Addr == a })
			if i < 0 {
				i, held = len(held), append(held, counted{Addr: a})
			}
			held[i].times += times
		}
		n.addrs = slices.DeleteFunc(held, func(c counted) bool { return c.times <= 0 })
	})
}

// put changes the node at name, and sees that the names above it exist for as long as
// it does.
func (z *zone) put(name string, change func(*node)) {
	name = canonical(name)
	n, _ := z.nodes.Get(name)
	had := n.hasData()
	change(&n)
	z.set(name, n)
	step := 0
	switch has := n.hasData(); {
	case has && !had:
		step = 1
	case had && !has:
		step = -1
	default:
		return
	}
	for above, hosts := parent(name), step; above != "."; above, hosts = parent(above), 0 {
		n, _ := z.nodes.Get(above)
		n.below += step
		n.hosts += hosts
		z.set(above, n)
	}
}

func (z *zone) set(name string, n node) {
	if n.hasData() || n.below > 0 {
		z.nodes.Set(name, n)
	} else {
		z.nodes.Delete(name)
	}
}

// View is what the VPC's server answers from. One of no VPC is silent.
func (z *Zones) View(vpcID string) View {
	if z == nil {
		return View{}
	}
	v, _ := z.views.Get(vpcID)
	return View{v, z}
}

// Internet is what everyone sees: the public names alone.
func (z *Zones) Internet() View {
	if z == nil {
		return View{}
	}
	return View{&view{}, z}
}

// zones yields the zones that are seen, the nearest first; the public one, last, is
// shared by all.
func (v View) zones() iter.Seq[*zone] {
	return func(yield func(*zone) bool) {
		for _, z := range v.own {
			if !yield(z) {
				return
			}
		}
		for _, id := range v.peers {
			peer, _ := v.all.views.Get(id)
			if peer == nil || peer == v.view || len(peer.own) == 0 {
				continue
			}
			if !yield(peer.own[len(peer.own)-1]) {
				return
			}
		}
		yield(&v.all.public)
	}
}

// Listens are the addresses that a VPC's server should answer at, none for a VPC that
// is gone.
type Listens struct {
	VPC   string
	Addrs []netip.Addr
}

// Since yields the VPCs that are not as they were in earlier zones, nil for none.
func (z *Zones) Since(old *Zones) iter.Seq[Listens] {
	return func(yield func(Listens) bool) {
		var before, after []*VPC
		if old != nil {
			before = old.desired.VPCs
		}
		if z != nil {
			after = z.desired.VPCs
		}
		for b, a := range ordered.Diff(before, after, (*VPC).Key) {
			v := b
			if a != nil {
				v = a
			}
			if !yield(z.Listens(v.ID)) {
				return
			}
		}
	}
}

// Listens are the addresses of one VPC.
func (z *Zones) Listens(vpcID string) Listens {
	out := Listens{VPC: vpcID}
	if v := z.View(vpcID); v.view != nil {
		out.Addrs = v.listen
	}
	return out
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
