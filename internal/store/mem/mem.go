// Package mem is a Store that lives in memory, for tests and throwaway servers. It forgets everything when it is closed.
package mem

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"trellis/internal/store"
)

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("mem: store is closed")

// history is how many commits are kept for watchers that are behind.
const history = 10_000

// Store keeps its keys in a map. Use New.
type Store struct {
	mu     sync.Mutex
	rev    int64
	keys   map[string]store.Event
	leased map[string]bool
	log    []store.Batch
	base   int64
	wake   chan struct{}
	closed bool
}

// New returns an empty store at revision 1, as etcd's is.
func New() *Store {
	return &Store{rev: 1, base: 1, keys: map[string]store.Event{}, leased: map[string]bool{}, wake: make(chan struct{})}
}

// Clone returns a store of its own with what this one holds now, without the history.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{rev: s.rev, base: s.rev, keys: maps.Clone(s.keys), leased: maps.Clone(s.leased), wake: make(chan struct{})}
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	for _, r := range reads {
		if s.keys[r.Key].Modified != r.Rev {
			return 0, store.ErrConflict
		}
	}
	if len(writes) == 0 {
		return s.rev, nil
	}
	s.rev++
	batch := store.Batch{Rev: s.rev}
	for _, w := range writes {
		old, had := s.keys[w.Key]
		if w.Value == nil {
			if had {
				delete(s.keys, w.Key)
				delete(s.leased, w.Key)
				batch.Events = append(batch.Events, store.Event{Key: w.Key, Modified: s.rev})
			}
			continue
		}
		e := store.Event{Key: w.Key, Value: slices.Clone(w.Value), Created: old.Created, Modified: s.rev}
		if !had {
			e.Created = s.rev
		}
		s.keys[w.Key] = e
		if w.Leased {
			s.leased[w.Key] = true
		}
		batch.Events = append(batch.Events, e)
	}
	s.log = append(s.log, batch)
	if len(s.log) > history {
		s.log = slices.Clone(s.log[history/2:])
		s.base = s.log[0].Rev - 1
	}
	close(s.wake)
	s.wake = make(chan struct{})
	return s.rev, nil
}

// Compact forgets the history, so that watchers which are behind start over with a Reset batch.
func (s *Store) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.base = nil, s.rev
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, fn func(store.Batch) error) error {
	seen := int64(-1)
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return ErrClosed
		}
		var todo []store.Batch
		if seen < s.base {
			all := store.Batch{Rev: s.rev, Reset: true}
			for _, e := range s.keys {
				all.Events = append(all.Events, e)
			}
			todo = []store.Batch{all}
		} else {
			for i, b := range s.log {
				if b.Rev > seen {
					todo = slices.Clone(s.log[i:])
					break
				}
			}
		}
		wake := s.wake
		s.mu.Unlock()
		for _, b := range todo {
			if err := fn(b); err != nil {
				return err
			}
			seen = b.Rev
		}
		if len(todo) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.wake)
	}
	return nil
}
