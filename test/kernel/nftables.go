package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// nftables reads tables with their chains, rules, sets and objects.
func (r *reader) nftables() error {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return err
	}
	defer c.CloseLasting() //nolint:errcheck // Nothing was written.
	tables, err := c.ListTables()
	if err != nil {
		return err
	}
	chains, err := c.ListChains()
	if err != nil {
		return err
	}
	slices.SortFunc(chains, func(a, b *nftables.Chain) int { return strings.Compare(a.Name, b.Name) })
	for _, table := range tables {
		r.lines = append(r.lines, fmt.Sprintf("table %s family %d flags %d", table.Name, table.Family, table.Flags))
		for _, read := range []func(*nftables.Conn, *nftables.Table) error{r.objects, r.sets} {
			if err := read(c, table); err != nil {
				return err
			}
		}
		for _, chain := range chains {
			if chain.Table.Name != table.Name {
				continue
			}
			if err := r.chain(c, table, chain); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) objects(c *nftables.Conn, table *nftables.Table) error {
	objects, err := c.GetObjects(table)
	var lines []string
	for _, o := range objects {
		switch o := o.(type) {
		case *nftables.CounterObj:
			lines = append(lines, "counter "+o.Name)
		case *nftables.NamedObj:
			lines = append(lines, fmt.Sprintf("object %d %s", o.Type, o.Name))
		default:
			lines = append(lines, fmt.Sprintf("object %T", o))
		}
	}
	r.add(lines)
	return err
}

func (r *reader) sets(c *nftables.Conn, table *nftables.Table) error {
	sets, err := c.GetSets(table)
	if err != nil {
		return err
	}
	var lines []string
	for _, s := range sets {
		lines = append(lines, fmt.Sprintf("set %s key %s data %s map %t interval %t constant %t", s.Name, s.KeyType.Name, s.DataType.Name, s.IsMap, s.Interval, s.Constant))
		elements, err := c.GetSetElements(s)
		if err != nil {
			return err
		}
		for _, e := range elements {
			to := ""
			if e.VerdictData != nil {
				to = fmt.Sprintf(" verdict %d %s", e.VerdictData.Kind, e.VerdictData.Chain)
			}
			lines = append(lines, fmt.Sprintf("set %s element %x to %x end %t value %x%s", s.Name, e.Key, e.KeyEnd, e.IntervalEnd, e.Val, to))
		}
	}
	r.add(lines)
	return nil
}

func (r *reader) chain(c *nftables.Conn, table *nftables.Table, chain *nftables.Chain) error {
	head := "chain " + chain.Name
	if chain.Hooknum != nil {
		head += fmt.Sprintf(" %s hook %d priority %d policy %d", chain.Type, *chain.Hooknum, *chain.Priority, *chain.Policy)
	}
	r.lines = append(r.lines, head)
	rules, err := c.GetRules(table, chain)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	for i, rule := range rules {
		var words []string
		for _, e := range rule.Exprs {
			word, err := json.Marshal(plain(e))
			if err != nil {
				return err
			}
			words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr.")+string(word))
		}
		r.lines = append(r.lines, fmt.Sprintf("chain %s rule %d %s", chain.Name, i, strings.Join(words, " ")))
	}
	return err
}

// plain is an expression without what the kernel counts and numbers.
func plain(e expr.Any) expr.Any {
	switch e := e.(type) {
	case *expr.Counter:
		return &expr.Counter{}
	case *expr.Lookup:
		e.SetID = 0
	case *expr.Dynset:
		e.SetID = 0
	}
	return e
}
