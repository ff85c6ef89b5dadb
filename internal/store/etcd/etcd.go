// Package etcd is the Store that Trellis runs on: an etcd cluster, embedded in the process or given by its endpoints.
// Nobody else writes under its prefix.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// leaderless is the pause after an answer that there is no leader.
	leaderless = 20 * time.Millisecond
)

// Store keeps its keys in etcd. Use Open or Embed.
type Store struct {
	client *clientv3.Client
	stop   func() error
	lease  *lease
	cancel context.CancelFunc
	// silence is how long a watch may say nothing; 0 is for ever.
	silence time.Duration
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
	ops, err := nest(len(cmps), ops)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	res, err := s.write(clientv3.WithRequireLeader(ctx), cmps, ops)
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		s.lease.lost(id)
		return 0, err
	case errors.Is(err, rpctypes.ErrNoSpace):
		return 0, fmt.Errorf("%w: %w", store.ErrFull, err)
	case errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrRequestTooLarge):
		return 0, fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	case err != nil:
		return 0, err
	case !res.Succeeded:
		return 0, store.ErrConflict
	}
	return res.Header.Revision, nil
}

// write commits, by another member where the one that was asked knows no leader: it has passed nothing on.
func (s *Store) write(ctx context.Context, cmps []clientv3.Cmp, ops []clientv3.Op) (*clientv3.TxnResponse, error) {
	for {
		res, err := s.client.Txn(ctx).If(cmps...).Then(ops...).Commit()
		if !errors.Is(err, rpctypes.ErrNoLeader) {
			return res, err
		}
		select {
		case <-time.After(leaderless):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// nest spreads operations over transactions inside the transaction, as etcd limits how many stand along one path and not
// how many there are. They still happen in one step, or none of them.
func nest(comparisons int, ops []clientv3.Op) ([]clientv3.Op, error) {
	if comparisons <= maxOps && len(ops) <= maxOps {
		return ops, nil
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
		return out, nil
	}
	return nil, fmt.Errorf("%w: %d comparisons, %d operations", store.ErrTooLarge, comparisons, len(ops))
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.cancel()
	return errors.Join(s.lease.end(), s.stop())
}
