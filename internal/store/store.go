// Package store is the contract between Trellis and the database that keeps its state: a map of keys to values with
// revisions, transactions that commit only if what they read is unchanged, and a watch that yields every commit in order.
// Package state is the only user of a Store; mem and etcd implement it, and storetest holds what both must do.
package store

import (
	"context"
	"errors"
)

// ErrConflict is returned by Commit when a read no longer holds. Nothing was written.
var ErrConflict = errors.New("store: a key changed since it was read")

// ErrFull is returned by Commit when the database takes no more data. Nothing was written; what is stored can be read.
var ErrFull = errors.New("store: the database has no space left")

// ErrTooLarge is returned by Commit for more than the database takes in one step. Nothing was written.
var ErrTooLarge = errors.New("store: more than the database takes in one step")

// Read is one thing a transaction depends on: the revision at which Key was last written, 0 if it did not exist.
type Read struct {
	Key string
	Rev int64
}

// Write sets Key to Value, or deletes it when Value is nil.
type Write struct {
	Key   string
	Value []byte
	// Leased ties the key to this process: it is deleted when the process stops or is not heard of any more.
	Leased bool
}

// Event is one key's new value. A deleted key has a nil Value.
type Event struct {
	Key   string
	Value []byte
	// Created and Modified are the revisions of the key's creation and of this write.
	Created, Modified int64
}

// Batch is what one or more whole commits did, never part of one. It has no Events where other users of the database
// moved its revision on.
type Batch struct {
	// Rev is the revision that holds once the batch is applied.
	Rev int64
	// Reset says that Events are all there is: whatever is not among them does not exist.
	Reset  bool
	Events []Event
}

// Store keeps keys and values durably.
type Store interface {
	// Commit writes all of writes in one step, if every read still holds, and returns the new revision. On ErrConflict
	// nothing was written; on any other error the outcome may be unknown.
	Commit(ctx context.Context, reads []Read, writes []Write) (int64, error)
	// Watch calls fn with a Reset batch of all that is stored and then with every later batch in order, until ctx ends or
	// fn fails. When it cannot continue where it was (compaction) it calls fn with a new Reset batch.
	Watch(ctx context.Context, fn func(Batch) error) error
	// Close releases everything. Leased keys of this process are deleted.
	Close() error
}
