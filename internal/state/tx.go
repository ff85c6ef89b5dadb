package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"trellis/internal/store"
)

// Tx is a transaction: it reads a snapshot overlaid with its own writes, and commits only if everything it read is still
// so. The function that gets a Tx may run more than once and must have no other effects.
type Tx struct {
	snap   *Snapshot
	reads  map[string]int64
	writes map[string]*pendingWrite
	order  []string
}

type pendingWrite struct {
	table table
	key   string
	row   any
}

func newTx(s *Snapshot) *Tx {
	return &Tx{snap: s, reads: map[string]int64{}, writes: map[string]*pendingWrite{}}
}

func (tx *Tx) content(t table) content { return tx.snap.content(t) }
func (tx *Tx) pending() *Tx            { return tx }
func (tx *Tx) reading() *Reading       { return nil }

// Snapshot returns what the transaction started from. Reading it makes the commit depend on nothing.
func (tx *Tx) Snapshot() *Snapshot { return tx.snap }

func (tx *Tx) write(key string, w *pendingWrite) {
	if _, ok := tx.writes[key]; !ok {
		tx.order = append(tx.order, key)
	}
	tx.writes[key] = w
}

// dependOnSet makes the commit depend on the guard of a set.
func (tx *Tx) dependOnSet(table, index, value string) {
	g := guardKey(table, index, value)
	tx.reads[g] = tx.snap.guards.rev(g)
}

// compile returns what the store must check and write.
func (tx *Tx) compile(seal Sealer) ([]store.Read, []store.Write, error) {
	writes := make([]store.Write, 0, 2*len(tx.writes))
	touched, left := map[string]bool{}, map[string]bool{}
	for _, k := range tx.order {
		w := tx.writes[k]
		out := store.Write{Key: k, Leased: w.table.isStatus()}
		if w.row != nil {
			value, err := json.Marshal(w.row)
			if err != nil {
				return nil, nil, fmt.Errorf("state: %s cannot be stored: %w", k, err)
			}
			if w.table.isSealed() {
				value = seal.Seal(value)
			}
			out.Value = value
		}
		writes = append(writes, out)
		w.table.guards(tx, w, touched, left)
	}
	for _, g := range sortedKeys(touched) {
		writes = append(writes, store.Write{Key: g, Value: []byte{}})
	}
	// The guard of a set that becomes empty goes with the last member: whoever read it as it was meets a conflict, and
	// whoever finds none reads an empty set. That it was the last one must still be so when it goes.
	for _, g := range sortedKeys(left) {
		tx.reads[g] = tx.snap.guards.rev(g)
		writes = append(writes, store.Write{Key: g})
	}
	reads := make([]store.Read, 0, len(tx.reads))
	for _, k := range sortedKeys(tx.reads) {
		reads = append(reads, store.Read{Key: k, Rev: tx.reads[k]})
	}
	return reads, writes, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
