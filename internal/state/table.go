package state

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"trellis/internal/store"
)

// Index finds the rows of a table by a value that is part of them. A row may stand under several values.
type Index[T any] struct {
	Name   string
	Values func(*T) []string
}

// Table describes one kind of row: how it is named, keyed and found. Tables are values without state; rows live in
// snapshots. A row is never changed once it is stored: put a new one.
type Table[T any] struct {
	name    string
	key     func(*T) string
	indexes []Index[T]
	sealed  bool
	status  bool
	record  bool
	// scanned says that transactions read what the members of sets by scope and name say, not only which ones there are.
	scanned bool
}

// entry is a row with the revisions of its creation and of its last write.
type entry[T any] struct {
	row               *T
	created, modified int64
}

// rows is a table's content. Its maps are copied in constant time.
type rows[T any] struct {
	table *Table[T]
	byKey btree.Map[string, entry[T]]
	byVal btree.Map[string, entry[T]]
}

// table is a Table of any row type, as the view handles it.
type table interface {
	prefix() string
	isStatus() bool
	isSealed() bool
	isSpec() bool
	empty() content
	guards(tx *Tx, w *pendingWrite, touched, left map[string]bool)
}

// content is the rows of any table.
type content interface {
	snapshot() content
	// apply takes up an event, and notes what it touches unless touched is nil. One that does not tell when its row was
	// created changes the row that is there, or makes it.
	apply(e store.Event, key string, value []byte, touched *Changes) error
	occupied(index, value string) bool
	size() int
}

func (t *Table[T]) prefix() string { return t.name }
func (t *Table[T]) isStatus() bool { return t.status }
func (t *Table[T]) isSealed() bool { return t.sealed }

// isSpec says whether hosts make something real of the rows. Status tells what they made, and a record of what was asked
// or answered is kept like a specification but changes nothing.
func (t *Table[T]) isSpec() bool { return !t.status && !t.record }

func (t *Table[T]) empty() content { return &rows[T]{table: t} }

func (r *rows[T]) size() int { return r.byKey.Len() }

func (r *rows[T]) snapshot() content {
	return &rows[T]{table: r.table, byKey: *r.byKey.Copy(), byVal: *r.byVal.Copy()}
}

func (r *rows[T]) apply(e store.Event, key string, value []byte, touched *Changes) error {
	var row *T
	if value != nil {
		row = new(T)
		if err := json.Unmarshal(value, row); err != nil {
			return fmt.Errorf("state: row %s of %s cannot be read: %w", key, r.table.name, err)
		}
	}
	old, had := r.byKey.Get(key)
	if had {
		for _, ix := range r.table.indexes {
			for _, v := range ix.Values(old.row) {
				r.byVal.Delete(indexKey(ix.Name, v, key))
			}
		}
	}
	if touched != nil {
		r.table.touch(touched, key, old.row, row)
	}
	if row == nil {
		r.byKey.Delete(key)
		return nil
	}
	en := entry[T]{row, e.Created, e.Modified}
	switch {
	case e.Created != 0:
	case had:
		en.created = old.created
	default:
		en.created = e.Modified
	}
	r.byKey.Set(key, en)
	for _, ix := range r.table.indexes {
		for _, v := range ix.Values(row) {
			r.byVal.Set(indexKey(ix.Name, v, key), en)
		}
	}
	return nil
}

func indexKey(index, value, key string) string { return index + "\x00" + value + "\x00" + key }

// Reader is what a row is read from: a *Snapshot, or a *Tx or *Reading which also remember what was read.
type Reader interface {
	content(t table) content
	pending() *Tx
	reading() *Reading
}

// Get returns the row with the key. The row is shared: do not change what its slices and maps hold.
func (t *Table[T]) Get(r Reader, key string) (*T, bool) {
	row, _, ok := t.Lookup(r, key)
	return row, ok
}

// Revisions of a stored row.
type Revisions struct{ Created, Modified int64 }

// Lookup is Get with the row's revisions. A row that the transaction itself has put has no revisions yet.
func (t *Table[T]) Lookup(r Reader, key string) (*T, Revisions, bool) {
	tx := r.pending()
	if tx != nil {
		if w, ok := tx.writes[rowKey(t.name, key)]; ok {
			if w.row == nil {
				return nil, Revisions{}, false
			}
			row := *w.row.(*T)
			return &row, Revisions{}, true
		}
	}
	en, ok := r.content(t).(*rows[T]).byKey.Get(key)
	if reading := r.reading(); reading != nil {
		reading.Marks = append(reading.Marks, rowMark(t.name, key))
	}
	if tx != nil {
		tx.reads[rowKey(t.name, key)] = en.modified
	}
	if !ok {
		return nil, Revisions{}, false
	}
	row := *en.row
	return &row, Revisions{en.created, en.modified}, true
}

// lists reports whether the guards of the index tell only who is in a set. By scope and name rows are counted and looked for,
// and few changes move them there, so most changes need not touch these guards.
func (t *Table[T]) lists(index string) bool {
	return !t.scanned && (index == ByScope || index == ByName)
}

// Count returns how many rows stand under value in the index. Inside a transaction it makes the commit depend on that.
func (t *Table[T]) Count(r Reader, index, value string) int {
	tx := r.pending()
	if tx == nil {
		n := 0
		for range t.By(r, index, value) {
			n++
		}
		return n
	}
	tx.dependOnSet(t.name, index, value)
	n := t.Count(tx.snap, index, value)
	ix, rows := t.index(index), tx.content(t).(*rows[T])
	for _, w := range tx.writes {
		if w.table != table(t) {
			continue
		}
		if old, had := rows.byKey.Get(w.key); had && slices.Contains(ix.Values(old.row), value) {
			n--
		}
		if row, put := w.row.(*T); put && slices.Contains(ix.Values(row), value) {
			n++
		}
	}
	return n
}

// By yields the rows that stand under value in the index, in order of their keys. Inside a transaction it makes the
// commit depend on the whole set: a row that joins or leaves it, or one seen that changes, is a conflict.
func (t *Table[T]) By(r Reader, index, value string) iter.Seq[*T] {
	prefix := indexKey(index, value, "")
	tx := r.pending()
	if tx != nil {
		tx.dependOnSet(t.name, index, value)
		found := t.overlaid(tx, index, value)
		return func(yield func(*T) bool) {
			for _, k := range sortedKeys(found) {
				if t.lists(index) && found[k].modified != 0 {
					tx.reads[rowKey(t.name, k)] = found[k].modified
				}
				if !yield(found[k].row) {
					return
				}
			}
		}
	}
	if reading := r.reading(); reading != nil {
		reading.Marks = append(reading.Marks, setMark(t.name, index, value))
	}
	return func(yield func(*T) bool) {
		r.content(t).(*rows[T]).byVal.Ascend(prefix, func(k string, en entry[T]) bool {
			return strings.HasPrefix(k, prefix) && yield(en.row)
		})
	}
}

// overlaid is a set as a transaction sees it, by the keys of the rows. Those it wrote itself have no revisions yet.
func (t *Table[T]) overlaid(tx *Tx, index, value string) map[string]entry[T] {
	ix, prefix := t.index(index), indexKey(index, value, "")
	found := map[string]entry[T]{}
	tx.content(t).(*rows[T]).byVal.Ascend(prefix, func(k string, en entry[T]) bool {
		if !strings.HasPrefix(k, prefix) {
			return false
		}
		found[k[len(prefix):]] = en
		return true
	})
	for _, k := range tx.order {
		key, ok := strings.CutPrefix(k, rowKey(t.name, ""))
		if !ok {
			continue
		}
		delete(found, key)
		if row, ok := tx.writes[k].row.(*T); ok && slices.Contains(ix.Values(row), value) {
			found[key] = entry[T]{row: row}
		}
	}
	return found
}

func (t *Table[T]) index(name string) Index[T] {
	for _, ix := range t.indexes {
		if ix.Name == name {
			return ix
		}
	}
	panic("state: table " + t.name + " has no index " + name)
}

// All yields every row in order of the keys. It reads a snapshot: a transaction cannot depend on a whole table.
func (t *Table[T]) All(s *Snapshot) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		s.content(t).(*rows[T]).byKey.Scan(func(_ string, en entry[T]) bool { return yield(en.row) })
	}
}

// Rows is All with each row's revisions.
func (t *Table[T]) Rows(s *Snapshot) iter.Seq2[*T, Revisions] {
	return func(yield func(*T, Revisions) bool) {
		s.content(t).(*rows[T]).byKey.Scan(func(_ string, en entry[T]) bool {
			return yield(en.row, Revisions{en.created, en.modified})
		})
	}
}

// Len returns how many rows there are.
func (t *Table[T]) Len(s *Snapshot) int { return s.content(t).(*rows[T]).byKey.Len() }

// Changed returns the revision at which any row of the table last changed.
func (t *Table[T]) Changed(s *Snapshot) int64 { return s.changed[t] }

// Put stores row when the transaction commits. The row must not be changed afterwards.
func (t *Table[T]) Put(tx *Tx, row *T) {
	key := t.key(row)
	tx.write(rowKey(t.name, key), &pendingWrite{table: t, key: key, row: row})
}

// Delete removes the row with the key when the transaction commits, if it is there.
func (t *Table[T]) Delete(tx *Tx, key string) {
	tx.write(rowKey(t.name, key), &pendingWrite{table: t, key: key})
}

// guards adds the guard keys of every set that a write joins, leaves or changes: to touched, or to left where the set
// will have no member. Where nothing is touched since the row stays in the set, it must still be the row that was there.
func (t *Table[T]) guards(tx *Tx, w *pendingWrite, touched, left map[string]bool) {
	rows := tx.content(t).(*rows[T])
	old, had := rows.byKey.Get(w.key)
	for _, ix := range t.indexes {
		row, put := w.row.(*T)
		if had && put && t.lists(ix.Name) && slices.Equal(ix.Values(row), ix.Values(old.row)) {
			tx.reads[rowKey(t.name, w.key)] = old.modified
			continue
		}
		if put {
			for _, v := range ix.Values(row) {
				g := guardKey(t.name, ix.Name, v)
				touched[g] = true
				delete(left, g)
			}
		}
		if !had {
			continue
		}
		for _, v := range ix.Values(old.row) {
			g := guardKey(t.name, ix.Name, v)
			switch {
			case touched[g] || left[g]:
			case rows.hasOther(tx, ix.Name, v):
				touched[g] = true
			default:
				left[g] = true
			}
		}
	}
}

// hasOther says whether the set has a member that the transaction does not write.
func (r *rows[T]) hasOther(tx *Tx, index, value string) bool {
	prefix, found := indexKey(index, value, ""), false
	r.byVal.Ascend(prefix, func(k string, _ entry[T]) bool {
		if !strings.HasPrefix(k, prefix) {
			return false
		}
		_, written := tx.writes[rowKey(r.table.name, k[len(prefix):])]
		found = !written
		return written
	})
	return found
}

// occupied says whether the set has members. A set of an index that this version does not know may have some.
func (r *rows[T]) occupied(index, value string) bool {
	if !slices.ContainsFunc(r.table.indexes, func(ix Index[T]) bool { return ix.Name == index }) {
		return true
	}
	prefix, found := indexKey(index, value, ""), false
	r.byVal.Ascend(prefix, func(k string, _ entry[T]) bool {
		found = strings.HasPrefix(k, prefix)
		return false
	})
	return found
}
