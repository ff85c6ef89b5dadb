package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"trellis/internal/substrate"
)

// A list of elements is one attribute, whose length has 16 bits; beyond that it is
// cut without an error.
const (
	elementList     = 60000
	elementOverhead = 96 // all of an element but the name of a chain, at most
	elementsAtMost  = 1000
)

// tableEdit collects what takes a table from one state to another, and sends it in
// one transaction, or in few where the socket has too little room.
type tableEdit struct {
	ns     *Namespace
	table  *nftables.Table
	queue  []func(*nftables.Conn) error
	setIDs uint32
	err    error
}

// editTable is what brings the table of a namespace from old to new.
func editTable(ns *Namespace, old, new substrate.Table) *tableEdit {
	e := newEdit(ns)
	switch {
	case new.Empty() && old.Empty():
		return e
	case new.Empty():
		e.add(func(c *nftables.Conn) error { c.DelTable(e.table); return nil })
		return e
	case old.Empty():
		e.add(func(c *nftables.Conn) error { c.AddTable(e.table); return nil })
	}
	e.create(old, new)
	e.fill(old, new)
	e.remove(old, new)
	return e
}

// replaceTable puts a table in place of whatever is there.
func replaceTable(ns *Namespace, new substrate.Table) *tableEdit {
	e := newEdit(ns)
	e.add(func(c *nftables.Conn) error { c.FlushRuleset(); return nil })
	if !new.Empty() {
		e.add(func(c *nftables.Conn) error { c.AddTable(e.table); return nil })
		e.create(substrate.Table{}, new)
		e.fill(substrate.Table{}, new)
	}
	return e
}

func newEdit(ns *Namespace) *tableEdit {
	return &tableEdit{ns: ns, table: &nftables.Table{Name: substrate.TableName, Family: nftables.TableFamilyINet}}
}

// add queues one message.
func (e *tableEdit) add(f func(*nftables.Conn) error) { e.queue = append(e.queue, f) }

// send sends what is queued, in one transaction if the socket can take it, and
// says how many it took.
func (e *tableEdit) send(writes *atomic.Int64) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n := 0
	for part := range slices.Chunk(e.queue, e.ns.batch) {
		var err error
		for _, f := range part {
			err = errors.Join(err, f(e.ns.nft))
		}
		writes.Add(1)
		// Flush empties the connection's own queue whatever happens.
		if err = errors.Join(err, e.ns.nft.Flush()); err != nil {
			return n, fmt.Errorf("nftables of %s: %w", e.ns.name, err)
		}
		n++
	}
	return n, nil
}

// create makes the counters, sets and empty chains that are new.
func (e *tableEdit) create(old, new substrate.Table) {
	for _, name := range new.Counters {
		if !slices.Contains(old.Counters, name) {
			e.add(func(c *nftables.Conn) error { c.AddObj(e.counter(name)); return nil })
		}
	}
	have := chainsByName(old)
	for _, chain := range new.Chains {
		if o, ok := have[chain.Name]; !ok || o.Hook != chain.Hook || o.Drop != chain.Drop {
			e.add(func(c *nftables.Conn) error { c.AddChain(e.chain(chain)); return nil })
		}
	}
	sets := setsByName(old)
	for _, s := range new.Sets {
		if _, ok := sets[s.Name]; !ok {
			e.add(func(c *nftables.Conn) error { return c.AddSet(e.set(s), nil) })
		}
	}
}

// fill brings elements and rules up to date.
func (e *tableEdit) fill(old, new substrate.Table) {
	sets := setsByName(old)
	for _, s := range new.Sets {
		before := sets[s.Name].Elements
		e.elements(s, missing(s.Elements, before), (*nftables.Conn).SetDeleteElements)
		e.elements(s, missing(before, s.Elements), (*nftables.Conn).SetAddElements)
	}
	have := chainsByName(old)
	for _, chain := range new.Chains {
		o, ok := have[chain.Name]
		if ok && o.Equal(chain) {
			continue
		}
		if ok && len(o.Rules) > 0 {
			e.add(func(c *nftables.Conn) error { c.FlushChain(e.chain(chain)); return nil })
		}
		for _, r := range chain.Rules {
			e.rule(chain, r)
		}
	}
}

// remove takes away what the new table no longer has, users before what they use.
func (e *tableEdit) remove(old, new substrate.Table) {
	keepSets, keepChains := setsByName(new), chainsByName(new)
	for _, s := range old.Sets {
		if _, ok := keepSets[s.Name]; !ok && s.Maps == substrate.Verdicts {
			e.elements(s, s.Elements, (*nftables.Conn).SetDeleteElements)
		}
	}
	for _, chain := range old.Chains {
		if _, ok := keepChains[chain.Name]; !ok && len(chain.Rules) > 0 {
			e.add(func(c *nftables.Conn) error { c.FlushChain(e.chain(chain)); return nil })
		}
	}
	for _, chain := range old.Chains {
		if _, ok := keepChains[chain.Name]; !ok {
			e.add(func(c *nftables.Conn) error { c.DelChain(e.chain(chain)); return nil })
		}
	}
	for _, s := range old.Sets {
		if _, ok := keepSets[s.Name]; !ok {
			e.add(func(c *nftables.Conn) error { c.DelSet(e.set(s)); return nil })
		}
	}
	for _, name := range old.Counters {
		if !slices.Contains(new.Counters, name) {
			e.add(func(c *nftables.Conn) error { c.DeleteObject(e.counter(name)); return nil })
		}
	}
}

func (e *tableEdit) rule(chain substrate.Chain, r substrate.FilterRule) {
	var exprs []expr.Any
	for _, s := range r {
		x, err := expressions(s)
		if err != nil {
			e.err = err
			return
		}
		exprs = append(exprs, x...)
	}
	e.add(func(c *nftables.Conn) error {
		c.AddRule(&nftables.Rule{Table: e.table, Chain: e.chain(chain), Exprs: exprs})
		return nil
	})
}

func (e *tableEdit) counter(name string) *nftables.NamedObj {
	return &nftables.NamedObj{Table: e.table, Name: name, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}}
}

func (e *tableEdit) chain(chain substrate.Chain) *nftables.Chain {
	c := &nftables.Chain{Table: e.table, Name: chain.Name}
	if chain.Hook == substrate.NoHook {
		return c
	}
	policy := nftables.ChainPolicyAccept
	if chain.Drop {
		policy = nftables.ChainPolicyDrop
	}
	c.Type, c.Policy = nftables.ChainTypeFilter, &policy
	switch chain.Hook {
	case substrate.HookPrerouting:
		c.Hooknum, c.Priority = nftables.ChainHookPrerouting, nftables.ChainPriorityRaw
	case substrate.HookInput:
		c.Hooknum, c.Priority = nftables.ChainHookInput, nftables.ChainPriorityFilter
	case substrate.HookForward:
		c.Hooknum, c.Priority = nftables.ChainHookForward, nftables.ChainPriorityFilter
	case substrate.HookOutput:
		c.Hooknum, c.Priority = nftables.ChainHookOutput, nftables.ChainPriorityFilter
	case substrate.HookDNAT:
		c.Type, c.Hooknum, c.Priority = nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest
	case substrate.HookSNAT:
		c.Type, c.Hooknum, c.Priority = nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource
	}
	return c
}

func (e *tableEdit) set(s substrate.Set) *nftables.Set {
	e.setIDs++
	out := &nftables.Set{Table: e.table, ID: e.setIDs, Name: s.Name, Interval: s.Interval, IsMap: s.Maps != substrate.Plain}
	switch s.Key {
	case substrate.KeyLink:
		out.KeyType = nftables.TypeIFName
	case substrate.KeyAddr4:
		out.KeyType = nftables.TypeIPAddr
	case substrate.KeyAddr6:
		out.KeyType = nftables.TypeIP6Addr
	case substrate.KeyLinkAddr4:
		out.KeyType, out.Concatenation = concatenated(nftables.TypeIPAddr), true
	case substrate.KeyLinkAddr6:
		out.KeyType, out.Concatenation = concatenated(nftables.TypeIP6Addr), true
	}
	switch s.Maps {
	case substrate.Verdicts:
		out.DataType = nftables.TypeVerdict
	case substrate.Addresses4:
		out.DataType = nftables.TypeIPAddr
	}
	return out
}

func concatenated(second nftables.SetDatatype) nftables.SetDatatype {
	// Two types always fit.
	t, _ := nftables.ConcatSetType(nftables.TypeIFName, second)
	return t
}

type elementOp func(*nftables.Conn, *nftables.Set, []nftables.SetElement) error

func (e *tableEdit) elements(s substrate.Set, elements []substrate.Element, op elementOp) {
	set := e.set(s)
	size := elementOverhead
	for _, el := range elements {
		size = max(size, elementOverhead+len(el.Chain))
	}
	for part := range slices.Chunk(setElements(s, elements), min(elementList/size, elementsAtMost)) {
		e.add(func(c *nftables.Conn) error { return op(c, set, part) })
	}
}

// setElements encodes elements. An interval is two: where it begins and the first
// key after it.
func setElements(s substrate.Set, elements []substrate.Element) []nftables.SetElement {
	out := make([]nftables.SetElement, 0, len(elements))
	for _, el := range elements {
		var key []byte
		if el.Link != "" {
			key = ifname(el.Link)
		}
		if el.Prefix.IsValid() {
			key = append(key, el.Prefix.Addr().AsSlice()...)
		}
		ne := nftables.SetElement{Key: key}
		switch s.Maps {
		case substrate.Verdicts:
			ne.VerdictData = &expr.Verdict{Kind: expr.VerdictJump, Chain: el.Chain}
		case substrate.Addresses4:
			ne.Val = el.To.AsSlice()
		}
		if !s.Interval {
			out = append(out, ne)
			continue
		}
		if n := len(out); n > 0 && slices.Equal(out[n-1].Key, key) {
			out = out[:n-1] // they touch
		} else {
			out = append(out, ne)
		}
		if end := after(el.Prefix); end.IsValid() {
			out = append(out, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return out
}

// after is the first address beyond a prefix, invalid if there is none.
func after(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last.Next()
}

// missing lists what is in b and not in a.
func missing(a, b []substrate.Element) []substrate.Element {
	if slices.Equal(a, b) {
		return nil
	}
	have := make(map[substrate.Element]bool, len(a))
	for _, e := range a {
		have[e] = true
	}
	var out []substrate.Element
	for _, e := range b {
		if !have[e] {
			out = append(out, e)
			have[e] = true
		}
	}
	return out
}

func chainsByName(t substrate.Table) map[string]substrate.Chain {
	m := make(map[string]substrate.Chain, len(t.Chains))
	for _, c := range t.Chains {
		m[c.Name] = c
	}
	return m
}

func setsByName(t substrate.Table) map[string]substrate.Set {
	m := make(map[string]substrate.Set, len(t.Sets))
	for _, s := range t.Sets {
		m[s.Name] = s
	}
	return m
}
