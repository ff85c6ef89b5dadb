// Package etcd is the Store that Trellis runs on: an etcd cluster, embedded in the process or given by its endpoints.
// Nobody else writes under its prefix.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"trellis/internal/disk"
	"trellis/internal/store"
)

const (
	prefix = "trellis/"
	// maxOps is how many comparisons or operations an etcd that was not told otherwise takes along one path of a transaction.
	maxOps = 128
	// commitTime is how long a commit may take before its outcome counts as unknown. etcd itself gives up at about that time.
	commitTime = 7 * time.Second
	// tryTime is how much of it one member of a cluster has, before another one is asked where that can do no harm.
	tryTime = 2 * time.Second
	// pause is what another member is asked after.
	pause = 20 * time.Millisecond
)

// Store keeps its keys in etcd. Use Open or Embed.
type Store struct {
	client *clientv3.Client
	stop   func() error
	lease  *lease
	cancel context.CancelFunc
	// silence is how long a watch may say nothing; 0 is for ever.
	silence time.Duration
	// seen is the last revision that this process knows of.
	seen atomic.Int64
	// dir is the embedded server's, which ends where it cannot write; empty for a cluster.
	dir string
}

func newStore(ctx context.Context, client *clientv3.Client, stop func() error, l *lease, silence time.Duration) *Store {
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go l.keep(alive)
	return &Store{client: client, stop: stop, lease: l, cancel: cancel, silence: silence}
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	if s.dir != "" && len(writes) > 0 {
		if err := disk.Room(s.dir, disk.ForStore); err != nil {
			return 0, err
		}
	}
	cmps := make([]clientv3.Cmp, len(reads))
	for i, r := range reads {
		cmps[i] = clientv3.Compare(clientv3.ModRevision(prefix+r.Key), "=", r.Rev)
	}
	var id clientv3.LeaseID
	if slices.ContainsFunc(writes, func(w store.Write) bool { return w.Leased && w.Value != nil }) {
		id = s.lease.held(ctx)
	}
	ops := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		switch {
		case w.Value == nil:
			ops[i] = clientv3.OpDelete(prefix + w.Key)
		case w.Leased && id == 0:
			return 0, errNoLease
		case w.Leased:
			ops[i] = clientv3.OpPut(prefix+w.Key, string(w.Value), clientv3.WithLease(id))
		default:
			ops[i] = clientv3.OpPut(prefix+w.Key, string(w.Value))
		}
	}
	ops = nest(len(cmps), ops)
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), commitTime)
	defer cancel()
	after, limit := s.seen.Load(), commitTime
	if s.dir == "" && once(reads, writes) {
		limit = tryTime
	}
	rev, err := s.write(ctx, limit, cmps, ops)
	if limit == tryTime && unknown(err) {
		return s.settle(ctx, err, after, cmps, ops, reads, writes)
	}
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		s.lease.lost(id)
	case errors.Is(err, rpctypes.ErrNoSpace):
		err = fmt.Errorf("%w: %w", store.ErrFull, err)
	case errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrRequestTooLarge):
		err = fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return rev, err
}

// settle finds out what became of a commit whose answer was lost, as the member that was asked is not there any more or hangs.
// Others are asked for the same, which cannot happen twice; where it is refused it may be that it has happened.
func (s *Store) settle(ctx context.Context, lost error, after int64, cmps []clientv3.Cmp, ops []clientv3.Op, reads []store.Read, writes []store.Write) (int64, error) {
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, lost
		}
		rev, err := s.write(ctx, tryTime, cmps, ops)
		if errors.Is(err, store.ErrConflict) {
			rev, err = s.find(ctx, after, reads, writes)
		}
		if err == nil || errors.Is(err, store.ErrConflict) {
			return rev, err
		}
		if !unknown(err) {
			return 0, lost
		}
	}
}

// write asks one member to commit, or another one where that knows no leader: it has passed nothing on.
func (s *Store) write(ctx context.Context, limit time.Duration, cmps []clientv3.Cmp, ops []clientv3.Op) (int64, error) {
	for {
		asking, cancel := context.WithTimeout(ctx, limit)
		res, err := s.client.Txn(asking).If(cmps...).Then(ops...).Commit()
		cancel()
		switch {
		case err == nil && !res.Succeeded:
			s.saw(res.Header.Revision)
			return 0, store.ErrConflict
		case err == nil:
			s.saw(res.Header.Revision)
			return res.Header.Revision, nil
		case !errors.Is(err, rpctypes.ErrNoLeader):
			return 0, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, err
		}
	}
}

// unknown says whether an error leaves open what became of a commit.
func unknown(err error) bool {
	switch err {
	case nil, store.ErrConflict, rpctypes.ErrNoLeader, rpctypes.ErrLeaseNotFound, rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge:
		return false
	}
	return true
}

// once says whether a commit changes a key that it has read at a revision: the key is never at that one again, so the commit
// cannot happen twice, however late. A key that was not there may be absent again.
func once(reads []store.Read, writes []store.Write) bool {
	return slices.ContainsFunc(writes, func(w store.Write) bool {
		return slices.ContainsFunc(reads, func(r store.Read) bool { return r.Key == w.Key && r.Rev != 0 })
	})
}

// saw remembers the last revision of the cluster that this process knows of: what it writes from then on is later.
func (s *Store) saw(rev int64) {
	for {
		last := s.seen.Load()
		if last >= rev || s.seen.CompareAndSwap(last, rev) {
			return
		}
	}
}

// nest spreads operations over transactions inside the transaction, as etcd limits how many stand along one path and not
// how many there are. They still happen in one step, or none of them. More comparisons than that cannot be spread: only an etcd
// that takes more along a path, as the embedded one does, takes them.
func nest(comparisons int, ops []clientv3.Op) []clientv3.Op {
	if comparisons <= maxOps && len(ops) <= maxOps {
		return ops
	}
	for n := 1; n < maxOps && comparisons < maxOps; n++ {
		size := maxOps - max(n, comparisons)
		if n*size < len(ops) {
			continue
		}
		var out []clientv3.Op
		for i := 0; i < len(ops); i += size {
			out = append(out, clientv3.OpTxn(nil, ops[i:min(i+size, len(ops))], nil))
		}
		return out
	}
	return ops
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.cancel()
	return errors.Join(s.lease.end(), s.stop())
}
