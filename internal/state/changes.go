package state

import "iter"

// Mark stands for a row, or for the rows under one value of an index. It is a hash: two may share one, and then what
// concerns the one seems to concern the other.
type Mark uint64

func (m Mark) with(s string) Mark {
	for i := range len(s) {
		m = (m ^ Mark(s[i])) * 1099511628211
	}
	return m * 1099511628211 // what was joined to it can be told from what follows
}

const noMark Mark = 14695981039346656037

func rowMark(table, key string) Mark { return noMark.with(table).with(key) }

func setMark(table, index, value string) Mark { return noMark.with(table).with(index).with(value) }

// Reading is a Reader that remembers what was read.
type Reading struct {
	*Snapshot
	// Marks are the rows and sets that were looked for, found or not; some more than once.
	Marks []Mark
}

func (r *Reading) reading() *Reading { return r }

// Changes is what was touched between two snapshots, of the tables that hosts make something real of.
type Changes struct {
	// Everything says that anything may have changed: there is no telling what.
	Everything bool
	// Marks are the rows that came, changed or went, and the sets they were or are in.
	Marks []Mark
	rows  []touch
}

type touch struct {
	table table
	key   string
}

// Touched yields the keys of the rows of the table that came, changed or went; some more than once.
func (t *Table[T]) Touched(c Changes) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, one := range c.rows {
			if one.table == table(t) && !yield(one.key) {
				return
			}
		}
	}
}

// Since returns what was touched after an earlier snapshot of the same view, nil for none. The cost is that of what was
// touched. Who holds a snapshot holds all later ones, so keep the latest.
func (s *Snapshot) Since(old *Snapshot) Changes {
	var out Changes
	for at := old; at != s; {
		if at == nil {
			return Changes{Everything: true}
		}
		if at = at.following.Load(); at == nil || at.touched.Everything {
			return Changes{Everything: true}
		}
		out.Marks = append(out.Marks, at.touched.Marks...)
		out.rows = append(out.rows, at.touched.rows...)
	}
	return out
}

// touch takes note of a row, and of the sets it was in before and is in now.
func (t *Table[T]) touch(c *Changes, key string, rows ...*T) {
	c.rows = append(c.rows, touch{t, key})
	c.Marks = append(c.Marks, rowMark(t.name, key))
	for _, row := range rows {
		if row == nil {
			continue
		}
		for _, ix := range t.indexes {
			for _, v := range ix.Values(row) {
				c.Marks = append(c.Marks, setMark(t.name, ix.Name, v))
			}
		}
	}
}
