package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// leaseTTL is how long a host that died is still believed.
const leaseTTL = 10 * time.Second

// errNoLease is returned for leased writes while a lost lease has not been replaced.
var errNoLease = errors.New("etcd: this process has no lease at present")

// lease is kept alive while the process lives, and taken anew where it was lost: when etcd was away for longer than it
// lasts. What was written under the lost one is then gone, as for any other host that is not heard of.
type lease struct {
	client *clientv3.Client
	file   string
	id     atomic.Int64 // 0 while there is none
	wake   chan struct{}
	done   chan struct{}
	// tried is closed once a lease was asked for.
	tried chan struct{}
}

// newLease returns a lease that is taken when it is kept.
func newLease(client *clientv3.Client, file string) *lease {
	return &lease{client: client, file: file, wake: make(chan struct{}, 1), done: make(chan struct{}), tried: make(chan struct{})}
}

// take takes the first lease, after ending that of the process's predecessor. A full database grants none yet.
func (l *lease) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTTL)
	defer cancel()
	if err := l.endPredecessor(ctx); err != nil {
		return err
	}
	if err := l.grant(ctx); err != nil && !errors.Is(err, rpctypes.ErrNoSpace) {
		return fmt.Errorf("etcd does not answer: %w", err)
	}
	return nil
}

// held returns the lease, which may be under way at the start, and 0 where there is none.
func (l *lease) held(ctx context.Context) clientv3.LeaseID {
	if id := l.id.Load(); id != 0 {
		return clientv3.LeaseID(id)
	}
	select {
	case <-l.tried:
	case <-ctx.Done():
	}
	return clientv3.LeaseID(l.id.Load())
}

func (l *lease) endPredecessor(ctx context.Context) error {
	if l.file == "" {
		return nil
	}
	text, err := os.ReadFile(l.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(text)), 16, 64)
	if err != nil {
		// A file cut short by a crash names nobody; the lease it meant ends by itself.
		return nil
	}
	if _, err := l.client.Revoke(ctx, clientv3.LeaseID(id)); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("etcd does not answer: %w", err)
	}
	return nil
}

func (l *lease) grant(ctx context.Context) error {
	res, err := l.client.Grant(ctx, int64(leaseTTL/time.Second))
	if err != nil {
		return err
	}
	l.id.Store(int64(res.ID))
	if l.file == "" {
		return nil
	}
	return os.WriteFile(l.file, []byte(strconv.FormatInt(int64(res.ID), 16)+"\n"), 0o600)
}

// lost says that etcd does not know the lease any more.
func (l *lease) lost(id clientv3.LeaseID) {
	if l.id.CompareAndSwap(int64(id), 0) {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// keep renews the lease until ctx ends.
func (l *lease) keep(ctx context.Context) {
	defer close(l.done)
	for tried := false; ; {
		pause := leaseTTL / 4
		if err := l.beat(ctx); err != nil {
			pause = leaseTTL / 40
		}
		if !tried {
			close(l.tried)
			tried = true
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-time.After(pause):
		}
	}
}

func (l *lease) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTTL/4)
	defer cancel()
	id := clientv3.LeaseID(l.id.Load())
	if id == 0 {
		return l.grant(ctx)
	}
	_, err := l.client.KeepAliveOnce(ctx, id)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		l.id.CompareAndSwap(int64(id), 0)
		return l.grant(ctx)
	}
	return err
}

// end gives the lease back. It asks twice, since a member that was cut off until now holds on to what it is asked.
func (l *lease) end() error {
	<-l.done
	id := clientv3.LeaseID(l.id.Load())
	if id == 0 {
		return nil
	}
	var err error
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, err = l.client.Revoke(ctx, id)
		cancel()
		if err == nil || errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return nil
		}
	}
	return err
}
