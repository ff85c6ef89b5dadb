// Package state holds everything Trellis knows, decoded and indexed, as immutable snapshots that readers never lock. One
// watch on the store feeds them. APIs write specifications and the loops that realise them write status, in tables of
// their own; both go through Update, which answers only when the view has caught up, so callers read their own writes.
package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"trellis/internal/fault"
	"trellis/internal/store"
)

// Sealer encrypts the rows of tables that hold secrets.
type Sealer interface {
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Snapshot is all state at one revision. It never changes.
type Snapshot struct {
	// Rev is the store's revision. SpecRev is the last one at which anything changed that hosts make real.
	Rev, SpecRev int64

	contents map[table]content
	changed  map[table]int64
	guards   guardSet
	// touched is what the commits after the snapshot before touched. next is closed once there is a following one.
	touched   Changes
	following atomic.Pointer[Snapshot]
	next      chan struct{}
}

func (s *Snapshot) content(t table) content { return s.contents[t] }
func (s *Snapshot) pending() *Tx            { return nil }
func (s *Snapshot) reading() *Reading       { return nil }

// View follows the store. Use Open.
type View struct {
	store  store.Store
	seal   Sealer
	log    *slog.Logger
	latest atomic.Pointer[Snapshot]
	stop   context.CancelFunc
	done   chan struct{}
	// background is what keeps the store tidy.
	background sync.WaitGroup
	// retries lets transactions that met a conflict run one after another.
	retries sync.Mutex

	byPrefix map[string]table

	// folding lets one snapshot be made at a time: by the goroutine that follows the store, or by one whose commit is the
	// next revision, which need not wait for its own words to come back. It guards what follows.
	folding sync.Mutex
	master  map[table]content
	guards  guardSet
	// early are commits of this process that others have to be folded before.
	early map[int64][]store.Write
}

// Open loads everything from s and follows it until Close. Rows that cannot be read are an error.
func Open(ctx context.Context, s store.Store, seal Sealer, log *slog.Logger) (*View, error) {
	v := &View{store: s, seal: seal, log: log, done: make(chan struct{}), byPrefix: map[string]table{}, early: map[int64][]store.Write{}}
	for _, t := range allTables() {
		if _, ok := v.byPrefix[t.prefix()]; ok {
			return nil, fmt.Errorf("state: two tables are named %s", t.prefix())
		}
		v.byPrefix[t.prefix()] = t
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	v.stop = stop
	loaded := make(chan error, 1)
	go v.follow(run, loaded)
	select {
	case err := <-loaded:
		if err != nil {
			v.Close()
			return nil, err
		}
		v.background.Go(func() { v.tidy(run) })
		return v, nil
	case <-ctx.Done():
		v.Close()
		return nil, ctx.Err()
	}
}

// Close stops following. The last snapshot stays readable.
func (v *View) Close() {
	v.stop()
	<-v.done
	v.background.Wait()
}

// Snapshot returns the newest state.
func (v *View) Snapshot() *Snapshot { return v.latest.Load() }

// After waits for a snapshot newer than rev.
func (v *View) After(ctx context.Context, rev int64) (*Snapshot, error) {
	for {
		s := v.latest.Load()
		if s.Rev > rev {
			return s, nil
		}
		select {
		case <-s.next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Update runs fn in a transaction and commits what it wrote, again if something it read changed meanwhile. An error of
// fn is returned as it is, and nothing is written. When Update returns nil, every later Snapshot has the writes.
func (v *View) Update(ctx context.Context, fn func(*Tx) error) error {
	for attempt := 0; ; attempt++ {
		if attempt == 1 {
			v.retries.Lock()
			defer v.retries.Unlock()
		}
		snap := v.Snapshot()
		tx := newTx(snap)
		if err := fn(tx); err != nil {
			return err
		}
		if len(tx.order) == 0 {
			return nil
		}
		reads, writes, err := tx.compile(v.seal)
		if err != nil {
			return err
		}
		rev, err := v.store.Commit(ctx, reads, writes)
		switch {
		case err == nil:
			v.committed(rev, writes)
			return v.reach(ctx, rev)
		case !errors.Is(err, store.ErrConflict):
			return unwritten(err)
		}
		// A conflict means that a newer revision exists; wait until it is here, but not for ever: another writer may have
		// put things back as they were.
		wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		_, _ = v.After(wait, snap.Rev)
		cancel()
		if ctx.Err() != nil {
			return &fault.Error{Kind: fault.Unavailable, Message: "The state could not be written in time. Try again.", Cause: ctx.Err()}
		}
	}
}

// committed folds a commit of this process, or keeps it until the revisions before it are here.
func (v *View) committed(rev int64, writes []store.Write) {
	// Deletions of what is not there make no revision: the one that was answered may be another commit's.
	if !slices.ContainsFunc(writes, func(w store.Write) bool { return w.Value != nil }) {
		return
	}
	v.folding.Lock()
	defer v.folding.Unlock()
	if rev <= v.Snapshot().Rev {
		return
	}
	v.early[rev] = writes
	v.advance()
}

// advance folds the commits that came early, up to the first revision that is missing. The caller holds v.folding.
func (v *View) advance() {
	from := v.Snapshot().Rev
	b := store.Batch{Rev: from}
	for {
		writes, ok := v.early[b.Rev+1]
		if !ok {
			break
		}
		b.Rev++
		delete(v.early, b.Rev)
		for _, w := range writes {
			b.Events = append(b.Events, store.Event{Key: w.Key, Value: w.Value, Modified: b.Rev})
		}
	}
	if b.Rev > from {
		v.passOver(v.fold(b))
	}
}

// take folds what is new to the view in a batch of the store.
func (v *View) take(b store.Batch) error {
	v.folding.Lock()
	defer v.folding.Unlock()
	if now := v.Snapshot(); now != nil {
		if b.Rev <= now.Rev {
			return nil
		}
		if !b.Reset {
			b.Events = slices.DeleteFunc(b.Events, func(e store.Event) bool { return e.Modified <= now.Rev })
		}
	}
	err := v.fold(b)
	maps.DeleteFunc(v.early, func(rev int64, _ []store.Write) bool { return rev <= b.Rev })
	v.advance()
	return err
}

// passOver says what of the store is left out of the view.
func (v *View) passOver(err error) {
	if err != nil {
		v.log.Error("a stored row was passed over", "error", err)
	}
}

// settle is how long a commit may take to come back through the watch.
const settle = 15 * time.Second

// reach waits until the view has what was committed at rev.
func (v *View) reach(ctx context.Context, rev int64) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	if _, err := v.After(ctx, rev-1); err != nil {
		return &fault.Error{Kind: fault.Unavailable, Message: "The state was written and cannot be read yet. Try again.", Cause: err}
	}
	return nil
}

// unwritten is what callers are told of a commit that failed.
func unwritten(err error) error {
	switch {
	case errors.Is(err, store.ErrFull):
		return &fault.Error{Kind: fault.Unavailable, Message: "The database that keeps the state has no space left: nothing can be changed until its operator has made some.", Cause: err}
	case errors.Is(err, store.ErrTooLarge):
		return &fault.Error{Kind: fault.TooLarge, Message: "The request changes more at once than the database that keeps the state takes in one step.", Cause: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Message: "The state could not be written. Try again.", Cause: err}
}

func (v *View) follow(ctx context.Context, loaded chan<- error) {
	defer close(v.done)
	for {
		err := v.store.Watch(ctx, func(b store.Batch) error {
			err := v.take(b)
			if loaded != nil {
				loaded <- err
				loaded = nil
				return err
			}
			v.passOver(err)
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		if loaded != nil {
			loaded <- err
			return
		}
		v.log.Error("the store stopped answering; following it again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// fold makes the next snapshot out of a batch. The caller holds v.folding. It returns the first error of the rows it had to pass over.
func (v *View) fold(b store.Batch) error {
	prev := v.latest.Load()
	next := &Snapshot{Rev: b.Rev, next: make(chan struct{})}
	if b.Reset {
		v.master = map[table]content{}
		v.guards = guardSet{}
		next.contents, next.changed = map[table]content{}, map[table]int64{}
		next.SpecRev = b.Rev
		next.touched.Everything = true
		for _, t := range v.byPrefix {
			v.master[t] = t.empty()
			next.changed[t] = b.Rev
		}
	} else {
		next.contents, next.changed, next.SpecRev = maps.Clone(prev.contents), maps.Clone(prev.changed), prev.SpecRev
	}
	var first error
	touched := map[table]bool{}
	for _, e := range b.Events {
		if guard, ok := strings.CutPrefix(e.Key, guardPrefix); ok {
			v.guards.set(guard, e)
			continue
		}
		t, key, err := v.locate(e.Key)
		if err == nil {
			value := e.Value
			if value != nil && t.isSealed() {
				value, err = v.seal.Open(value)
			}
			if err == nil {
				note := &next.touched
				if b.Reset || !t.isSpec() {
					note = nil
				}
				err = v.master[t].apply(e, key, value, note)
			}
		}
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		touched[t] = true
		if t.isSpec() {
			next.SpecRev = b.Rev
		}
	}
	for t, c := range v.master {
		if b.Reset || touched[t] {
			next.contents[t] = c.snapshot()
			next.changed[t] = b.Rev
		}
	}
	next.guards = v.guards.snapshot()
	if prev != nil {
		prev.following.Store(next)
	}
	v.latest.Store(next)
	if prev != nil {
		close(prev.next)
	}
	return first
}

func (v *View) locate(key string) (table, string, error) {
	name, rest, ok := strings.Cut(key, "|")
	t := v.byPrefix[name]
	if !ok || t == nil {
		return nil, "", fmt.Errorf("state: the store holds %q, which this version does not know", key)
	}
	return t, rest, nil
}

// Count returns how many rows each table has that has any.
func Count(s *Snapshot) map[string]int {
	out := map[string]int{}
	for t, c := range s.contents {
		if n := c.size(); n > 0 && !t.isStatus() {
			out[t.prefix()] = n
		}
	}
	return out
}
