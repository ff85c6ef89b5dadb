// Package etcd is the Store that Trellis runs on: an etcd cluster, embedded in the process or given by its endpoints.
// Nobody else writes under its prefix.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"trellis/internal/store"
)

const (
	prefix = "trellis/"
	// leaseTTL is how long a host that died is still believed, in seconds.
	leaseTTL = 10
	// pageSize bounds one answer of the initial load.
	pageSize = 2000
)

// Store keeps its keys in etcd. Use Open or Embed.
type Store struct {
	client *clientv3.Client
	stop   func() error
	lease  clientv3.LeaseID
	cancel context.CancelFunc
}

func newStore(ctx context.Context, client *clientv3.Client, stop func() error) (*Store, error) {
	grant, err := client.Grant(ctx, leaseTTL)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("etcd does not answer: %w", err), stop())
	}
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	beats, err := client.KeepAlive(alive, grant.ID)
	if err != nil {
		cancel()
		return nil, errors.Join(err, stop())
	}
	go func() {
		for range beats {
		}
	}()
	return &Store{client: client, stop: stop, lease: grant.ID, cancel: cancel}, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	cmps := make([]clientv3.Cmp, len(reads))
	for i, r := range reads {
		cmps[i] = clientv3.Compare(clientv3.ModRevision(prefix+r.Key), "=", r.Rev)
	}
	ops := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		switch {
		case w.Value == nil:
			ops[i] = clientv3.OpDelete(prefix + w.Key)
		case w.Leased:
			ops[i] = clientv3.OpPut(prefix+w.Key, string(w.Value), clientv3.WithLease(s.lease))
		default:
			ops[i] = clientv3.OpPut(prefix+w.Key, string(w.Value))
		}
	}
	res, err := s.client.Txn(ctx).If(cmps...).Then(ops...).Commit()
	if err != nil {
		return 0, err
	}
	if !res.Succeeded {
		return 0, store.ErrConflict
	}
	return res.Header.Revision, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, fn func(store.Batch) error) error {
	for {
		rev, err := s.load(ctx, fn)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, rev+1, fn); !errors.Is(err, rpctypes.ErrCompacted) {
			return err
		}
	}
}

func (s *Store) load(ctx context.Context, fn func(store.Batch) error) (int64, error) {
	all := store.Batch{Reset: true}
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		opts := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(pageSize)}
		if all.Rev != 0 {
			opts = append(opts, clientv3.WithRev(all.Rev))
		}
		res, err := s.client.Get(ctx, from, opts...)
		if err != nil {
			return 0, err
		}
		if all.Rev == 0 {
			all.Rev = res.Header.Revision
		}
		for _, kv := range res.Kvs {
			all.Events = append(all.Events, written(kv))
		}
		if !res.More {
			return all.Rev, fn(all)
		}
		from = string(res.Kvs[len(res.Kvs)-1].Key) + "\x00"
	}
}

// written is the event of a key that has a value, which may be empty but is not nil.
func written(kv *mvccpb.KeyValue) store.Event {
	return store.Event{Key: strings.TrimPrefix(string(kv.Key), prefix), Value: append([]byte{}, kv.Value...),
		Created: kv.CreateRevision, Modified: kv.ModRevision}
}

func (s *Store) follow(ctx context.Context, from int64, fn func(store.Batch) error) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for res := range s.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if res.CompactRevision != 0 {
			return rpctypes.ErrCompacted
		}
		if err := res.Err(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// A lost leader ends the stream; start over where it stood.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
			return s.follow(ctx, from, fn)
		}
		if len(res.Events) == 0 {
			continue
		}
		batch := store.Batch{Rev: res.Header.Revision}
		for _, ev := range res.Events {
			e := written(ev.Kv)
			if ev.Type == clientv3.EventTypeDelete {
				e.Value = nil
			}
			batch.Events = append(batch.Events, e)
			// The header may be ahead of the events that one response carries.
			batch.Rev = ev.Kv.ModRevision
		}
		if err := fn(batch); err != nil {
			return err
		}
		from = batch.Rev + 1
	}
	return ctx.Err()
}

// Close implements store.Store.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := s.client.Revoke(ctx, s.lease)
	s.cancel()
	return errors.Join(err, s.stop())
}
