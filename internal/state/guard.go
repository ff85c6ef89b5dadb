package state

import (
	"github.com/tidwall/btree"

	"trellis/internal/store"
)

// A guard is a key without a value that every write of a member of an indexed set touches; in sets by scope and name, which
// have many members and whose members seldom move, only one that adds or removes it. A transaction that read the set compares
// the guard's revision, which is how it notices rows that were added to the set or taken from it: the store can compare keys
// that are there, not keys that are not. What it saw of the members of a set by scope or name it compares itself. The last
// member to leave takes the guard along; what two that left at once leave behind, or a member whose lease ended, tidy finds.
type guardSet struct{ revs btree.Map[string, int64] }

const guardPrefix = "!"

func guardKey(table, index, value string) string {
	return guardPrefix + table + "|" + index + "|" + value
}

func rowKey(table, key string) string { return table + "|" + key }

func (g *guardSet) set(name string, e store.Event) {
	if e.Value == nil {
		g.revs.Delete(name)
		return
	}
	g.revs.Set(name, e.Modified)
}

// rev returns the revision of the guard with the key, 0 if it was never touched.
func (g *guardSet) rev(key string) int64 {
	rev, _ := g.revs.Get(key[len(guardPrefix):])
	return rev
}

func (g *guardSet) snapshot() guardSet { return guardSet{*g.revs.Copy()} }
