package state

import (
	"context"
	"errors"
	"strings"
	"time"

	"trellis/internal/store"
)

const (
	// tidyEvery is how often what nobody needs any more is looked for.
	tidyEvery = time.Hour
	// tidyStep bounds what one commit removes.
	tidyStep = 50
)

// Unhurried is a clock for what is removed when its time is over: a clock that somebody sets forward, perhaps to set it back, does
// not hurry it. It tells the earlier of what clock says and of what it said at first and has passed since.
func Unhurried(clock func() time.Time) func() time.Time {
	first := clock()
	return func() time.Time {
		now := clock()
		if passed := first.Add(now.Sub(first)).Round(0); passed.Before(now.Round(0)) {
			return passed
		}
		return now.Round(0)
	}
}

// tidy removes, now and then, what nobody needs any more. It leaves a start alone: that has more urgent work.
func (v *View) tidy(ctx context.Context) {
	now := Unhurried(time.Now)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
		if err := v.Tidy(ctx, now()); err != nil && ctx.Err() == nil {
			v.log.Warn("old rows could not be removed; they are tried again", "error", err)
		}
	}
}

// Tidy removes client tokens whose time is over and the guards of sets that have no members.
func (v *View) Tidy(ctx context.Context, now time.Time) error {
	for more := true; more; {
		err := v.Update(ctx, func(tx *Tx) error {
			n := 0
			more = false
			for t := range Tokens.All(tx.Snapshot()) {
				if now.Sub(t.Made) <= tokenLife {
					continue
				}
				if n++; n > tidyStep {
					more = true
					break
				}
				// Reading it makes the removal depend on its being as it was seen.
				if _, ok := Tokens.Get(tx, tokenKey(t)); ok {
					Tokens.Delete(tx, tokenKey(t))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return v.dropGuards(ctx)
}

func (v *View) dropGuards(ctx context.Context) error {
	s := v.Snapshot()
	var reads []store.Read
	var writes []store.Write
	commit := func() error {
		if len(writes) == 0 {
			return nil
		}
		_, err := v.store.Commit(ctx, reads, writes)
		reads, writes = nil, nil
		if errors.Is(err, store.ErrConflict) {
			// Somebody uses them: they are for another time.
			return nil
		}
		return err
	}
	var failed error
	s.guards.revs.Scan(func(name string, rev int64) bool {
		if v.guarded(s, name) {
			return true
		}
		reads = append(reads, store.Read{Key: guardPrefix + name, Rev: rev})
		writes = append(writes, store.Write{Key: guardPrefix + name})
		if len(writes) == tidyStep {
			failed = commit()
		}
		return failed == nil
	})
	return errors.Join(failed, commit())
}

// guarded says whether the set that a guard stands for has members, or is none that this version knows.
func (v *View) guarded(s *Snapshot, name string) bool {
	parts := strings.SplitN(name, "|", 3)
	t := v.byPrefix[parts[0]]
	return t == nil || len(parts) != 3 || s.content(t).occupied(parts[1], parts[2])
}
