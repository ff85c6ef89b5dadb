package etcd

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"trellis/internal/disk"
)

// Embed starts an etcd server inside this process, with its data in dir, and returns a Store on it. It listens on unix
// sockets in dir only. Two processes cannot share dir.
func Embed(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "member")); errors.Is(err, fs.ErrNotExist) {
		// etcd panics where it finds no room for its first files.
		if err := disk.Room(dir, disk.ForStore); err != nil {
			return nil, err
		}
	}
	// A socket's path may have about 100 bytes, a data directory's may have more: it is named by its descriptor.
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	sockets := fmt.Sprintf("/proc/self/fd/%d", folder.Fd())
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.Name = "trellis"
	peer := url.URL{Scheme: "unix", Host: "", Path: filepath.Join(sockets, "peer")}
	client := url.URL{Scheme: "unix", Host: "", Path: filepath.Join(sockets, "client")}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	log, err := newLog(filepath.Join(dir, "etcd.log"))
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(log)
	cfg.MaxTxnOps = 10_000
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModeRevision, "10000"
	cfg.QuotaBackendBytes = 8 << 30
	cfg.UnsafeNoFsync = false
	// etcd keeps the newest entries of its log in memory, for members that are behind, and a start reads those after the last
	// snapshot. This one is alone.
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = 1000, 100
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start etcd in %s: %w", dir, err), folder.Close())
	}
	reserving, enough := context.WithCancel(context.WithoutCancel(ctx))
	var reserver sync.WaitGroup
	reserver.Go(func() { reserve(reserving, filepath.Join(dir, "member", "snap", "db")) })
	stop := func() error {
		enough()
		reserver.Wait()
		server.Close()
		return folder.Close()
	}
	if err := lead(ctx, server); err != nil {
		return nil, errors.Join(err, stop())
	}
	cli := v3client.New(server.Server)
	end := func() error {
		// The in-process client answers its own cancellation here; there is no connection to fail.
		_ = cli.Close()
		return stop()
	}
	if err := revokeAll(ctx, cli); err != nil {
		return nil, errors.Join(err, end())
	}
	// The lease is taken while the first reader loads what there is.
	opened := newStore(ctx, cli, end, newLease(cli, ""), 0)
	opened.dir = dir
	return opened, nil
}

// lead waits until the server is ready. It is the only member, so nobody else can lead, and it need not wait for an election
// timeout to find that out: it is told to stand as a leader that steps down tells its successor.
func lead(ctx context.Context, server *embed.Etcd) error {
	id := uint64(server.Server.MemberID())
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.After(time.Minute)
	for {
		if caughtUp() {
			// A message that is lost leaves the timeout.
			_ = server.Server.Process(ctx, &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), From: &id, To: &id})
		}
		select {
		case <-server.Server.ReadyNotify():
			return nil
		case err := <-server.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return errors.New("etcd was not ready within a minute")
		case <-again.C:
		}
	}
}

// caughtUp reports whether raft knows that what its log holds is applied. Until then it looks, before it stands, for members
// that the log adds, and panics where etcd has compacted what it looks through; a member whose own addition is not applied
// does not listen at all. etcd tells what raft knows nowhere else.
func caughtUp() bool {
	published, ok := expvar.Get("raft.status").(expvar.Func)
	if !ok {
		return false
	}
	status, ok := published().(raft.Status)
	return ok && status.Applied > 0 && status.Applied == status.GetCommit()
}

// newLog returns the log of errors in the file. Where etcd cannot go on it ends the process: what it says then goes to the
// process's errors too, as the file may be on the disk that is full.
func newLog(file string) (*zap.Logger, error) {
	c := zap.NewProductionConfig()
	c.Level, c.Sampling = zap.NewAtomicLevelAt(zap.ErrorLevel), nil
	c.OutputPaths, c.ErrorOutputPaths = []string{file}, nil
	return c.Build(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		last := zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(os.Stderr), zap.FatalLevel)
		return zapcore.NewTee(core, last)
	}))
}

// revokeAll ends the leases of processes that had the data before: this one has it to itself, so they are dead, and etcd
// would believe them for a while yet.
func revokeAll(ctx context.Context, cli *clientv3.Client) error {
	old, err := cli.Leases(ctx)
	if err != nil {
		return err
	}
	for _, l := range old.Leases {
		if _, err := cli.Revoke(ctx, l.ID); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return err
		}
	}
	return nil
}
