package etcd

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"trellis/internal/store"
)

const (
	// pageSize bounds one answer of the initial load.
	pageSize = 2000
	// pageTime is how long one such answer may take.
	pageTime = 10 * time.Second
	// silence is how long a watch on a cluster may say nothing, asked every second, before another member is asked.
	silence = 5 * time.Second
	// again is the pause before a watch that broke is resumed.
	again = 100 * time.Millisecond
)

// errBroken ends a stream that can be resumed where it stood.
var errBroken = errors.New("etcd: the watch broke off")

// errOpen says that a commit has not happened and may yet.
var errOpen = errors.New("etcd: what was lost may still happen")

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, fn func(store.Batch) error) error {
	for {
		rev, err := s.load(ctx, fn)
		for err == nil || errors.Is(err, errBroken) {
			if err != nil {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(again):
				}
			}
			rev, err = s.follow(ctx, rev, fn)
		}
		if !errors.Is(err, rpctypes.ErrCompacted) {
			return err
		}
	}
}

// load yields everything there is and returns its revision.
func (s *Store) load(ctx context.Context, fn func(store.Batch) error) (int64, error) {
	all := store.Batch{Reset: true}
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		res, err := s.page(ctx, from, end, all.Rev)
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

func (s *Store) page(ctx context.Context, from, end string, rev int64) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), pageTime)
	defer cancel()
	opts := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(pageSize)}
	if rev != 0 {
		opts = append(opts, clientv3.WithRev(rev))
	}
	res, err := s.client.Get(ctx, from, opts...)
	if err == nil {
		s.saw(res.Header.Revision)
	}
	return res, err
}

// find returns the revision after another at which exactly these writes happened, store.ErrConflict if they did not and never
// will, and another error if they may yet: what was lost may have stayed with a member that is cut off.
func (s *Store) find(ctx context.Context, after int64, reads []store.Read, writes []store.Write) (int64, error) {
	var lasting []clientv3.Cmp
	for _, r := range reads {
		if r.Rev != 0 {
			lasting = append(lasting, clientv3.Compare(clientv3.ModRevision(prefix+r.Key), "=", r.Rev))
		}
	}
	// Without a read a transaction is answered by what one member knows.
	nothing := clientv3.OpGet(prefix)
	now, err := s.client.Txn(ctx).If(lasting...).Then(nothing).Else(nothing).Commit()
	if err != nil {
		return 0, err
	}
	gone := errOpen
	if !now.Succeeded {
		gone = store.ErrConflict
	}
	if now.Header.Revision <= after {
		return 0, gone
	}
	want := make(map[string][]byte, len(writes))
	for _, w := range writes {
		want[w.Key] = w.Value
	}
	var rev int64
	over := errors.New("over")
	_, err = s.follow(ctx, after, func(b store.Batch) error {
		for from, to := 0, 0; from < len(b.Events); from = to {
			at := b.Events[from].Modified
			for to = from; to < len(b.Events) && b.Events[to].Modified == at; to++ {
			}
			if same(b.Events[from:to], want) {
				rev = at
				return over
			}
		}
		if b.Rev >= now.Header.Revision {
			return over
		}
		return nil
	})
	switch {
	case !errors.Is(err, over):
		return 0, err
	case rev == 0:
		return 0, gone
	}
	return rev, nil
}

// same says whether the events of a revision are these writes, of which deletions of what is not there make none.
func same(events []store.Event, want map[string][]byte) bool {
	puts := 0
	for _, value := range want {
		if value != nil {
			puts++
		}
	}
	for _, e := range events {
		value, ok := want[e.Key]
		if !ok || (value == nil) != (e.Value == nil) || !bytes.Equal(value, e.Value) {
			return false
		}
		if value != nil {
			puts--
		}
	}
	return puts == 0
}

// written is the event of a key that has a value, which may be empty but is not nil.
func written(kv *mvccpb.KeyValue) store.Event {
	return store.Event{Key: strings.TrimPrefix(string(kv.Key), prefix), Value: append([]byte{}, kv.Value...),
		Created: kv.CreateRevision, Modified: kv.ModRevision}
}

// follow yields what comes after rev until the stream ends, and returns the revision up to which it got.
func (s *Store) follow(outer context.Context, rev int64, fn func(store.Batch) error) (int64, error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(outer))
	defer cancel()
	// A member that is cut off neither answers nor closes the connection.
	var ask <-chan time.Time
	heard := func() {}
	if s.silence > 0 {
		tick := time.NewTicker(s.silence / 5)
		defer tick.Stop()
		ask = tick.C
		dead := time.AfterFunc(s.silence, cancel)
		defer dead.Stop()
		heard = func() { dead.Reset(s.silence) }
	}
	stream := s.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(rev+1), clientv3.WithFragment())
	for {
		select {
		case res, ok := <-stream:
			switch {
			case outer.Err() != nil:
				return rev, outer.Err()
			case !ok:
				return rev, errBroken
			case res.CompactRevision != 0:
				return rev, rpctypes.ErrCompacted
			case res.Err() != nil:
				return rev, errBroken
			}
			heard()
			batch := store.Batch{Rev: rev}
			if res.IsProgressNotify() {
				batch.Rev = res.Header.Revision
			}
			for _, ev := range res.Events {
				e := written(ev.Kv)
				if ev.Type == clientv3.EventTypeDelete {
					e.Value = nil
				}
				batch.Events = append(batch.Events, e)
				// The header may be ahead of the events that one response carries.
				batch.Rev = ev.Kv.ModRevision
			}
			if batch.Rev <= rev {
				continue
			}
			if err := fn(batch); err != nil {
				return rev, err
			}
			rev = batch.Rev
			heard()
		case <-ask:
			// Where it cannot be asked nothing will be heard, which ends the stream.
			_ = s.client.RequestProgress(ctx)
		case <-outer.Done():
			return rev, outer.Err()
		}
	}
}
