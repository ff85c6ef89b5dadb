package substrate

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func sortElements(es []Element) {
	slices.SortFunc(es, func(a, b Element) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), comparePrefix(a.Prefix, b.Prefix))
	})
}

// String is the layout as text, in the notation of ip and nft.
func (l Layout) String() string {
	var b strings.Builder
	for _, p := range l.Parts {
		for _, ns := range p.Namespaces {
			ns.write(&b)
		}
		for _, k := range p.Links {
			fmt.Fprintf(&b, "link %s %s\n", k.Owner, k.A)
			fmt.Fprintf(&b, "  to %s\n", k.B)
		}
	}
	return b.String()
}

func (e End) String() string {
	s := fmt.Sprintf("%s:%s %s", e.Namespace, e.Name, e.MAC)
	for _, a := range e.Addresses {
		s += " " + host(a).String()
	}
	return s
}

func (p Path) String() string {
	var w []string
	switch p.Kind {
	case Local:
		w = append(w, "local")
	case Blackhole:
		w = append(w, "blackhole")
	}
	w = append(w, p.Destination.String())
	if p.Gateway.IsValid() {
		w = append(w, "via", p.Gateway.String())
	}
	if p.Link != "" {
		w = append(w, "dev", p.Link)
	}
	if p.Source.IsValid() {
		w = append(w, "src", p.Source.String())
	}
	return strings.Join(append(w, "table", tableName(p.Table)), " ")
}

func tableName(t uint32) string {
	switch t {
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	case TableLattice:
		return "lattice"
	}
	return netip.AddrFrom4([4]byte{byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t)}).String()
}

func (r PolicyRule) String() string {
	from := "all"
	if r.From.IsValid() {
		from = r.From.String()
	}
	action := "blackhole"
	if r.Table != 0 {
		action = "lookup " + tableName(r.Table)
	}
	if r.HostsOnly {
		action += " hosts only"
	}
	family := ""
	if r.IPv6 {
		family = " ipv6"
	}
	return fmt.Sprintf("%d:%s from %s %s", r.Priority, family, from, action)
}

func (n Neighbour) String() string {
	return fmt.Sprintf("%s lladdr %s dev %s", n.Address, n.MAC, n.Link)
}

func (ns Namespace) write(w io.Writer) {
	fmt.Fprintf(w, "namespace %s (%s)\n", ns.Name, ns.Kind)
	for _, r := range ns.Rules {
		fmt.Fprintf(w, "  rule %s\n", r)
	}
	for _, r := range ns.Routes {
		fmt.Fprintf(w, "  route %s\n", r)
	}
	for _, n := range ns.Neighbours {
		fmt.Fprintf(w, "  neigh %s\n", n)
	}
	for _, line := range strings.Split(strings.TrimSuffix(ns.Table.String(), "\n"), "\n") {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// Empty says whether there is no table.
func (t Table) Empty() bool { return len(t.Chains) == 0 }

func (t Table) String() string {
	if t.Empty() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", TableName)
	for _, c := range t.Counters {
		fmt.Fprintf(&b, "  counter %s\n", c)
	}
	for _, s := range t.Sets {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	for _, c := range t.Chains {
		head := ""
		if c.Hook != NoHook {
			policy := "accept"
			if c.Drop {
				policy = "drop"
			}
			head = fmt.Sprintf(" (%s, policy %s)", c.Hook, policy)
		}
		fmt.Fprintf(&b, "  chain %s%s\n", c.Name, head)
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "    %s\n", r)
		}
	}
	return b.String() + "}\n"
}

func (h Hook) String() string {
	return [...]string{"", "prerouting raw", "input", "forward", "output", "prerouting dstnat", "postrouting srcnat"}[h]
}

func (s Set) String() string {
	head := fmt.Sprintf("set %s { type %s", s.Name, s.Key)
	switch s.Maps {
	case Verdicts:
		head = fmt.Sprintf("map %s { type %s : verdict", s.Name, s.Key)
	case Addresses4:
		head = fmt.Sprintf("map %s { type %s : ipv4_addr", s.Name, s.Key)
	}
	if s.Interval {
		head += "; flags interval"
	}
	if len(s.Elements) == 0 {
		return head + " }"
	}
	es := make([]string, len(s.Elements))
	for i, e := range s.Elements {
		es[i] = e.text(s.Interval)
	}
	return head + "; elements = { " + strings.Join(es, ", ") + " } }"
}

func (e Element) text(interval bool) string {
	var parts []string
	if e.Link != "" {
		parts = append(parts, e.Link)
	}
	if e.Prefix.IsValid() && interval {
		parts = append(parts, e.Prefix.String())
	} else if e.Prefix.IsValid() {
		parts = append(parts, e.Prefix.Addr().String())
	}
	s := strings.Join(parts, " . ")
	if e.Chain != "" {
		s += " : jump " + e.Chain
	}
	if e.To.IsValid() {
		s += " : " + e.To.String()
	}
	return s
}
