package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"trellis/internal/store"
	"trellis/internal/store/etcd"
	"trellis/internal/store/storetest"
	"trellis/test/cluster"
)

func TestMain(m *testing.M) {
	cluster.Member()
	os.Exit(m.Run())
}

func startCluster(t *testing.T, n int, quota int64) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(t.TempDir(), n, quota)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func names(c *cluster.Cluster) etcd.Cluster {
	return etcd.Cluster{Endpoints: c.Endpoints, CA: c.CA, Cert: c.Cert, Key: c.Key}
}

func openCluster(t *testing.T, c etcd.Cluster) *etcd.Store {
	t.Helper()
	s, err := etcd.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// The suite, and what can happen to a cluster of three while it is used.
func TestCluster(t *testing.T) {
	c := startCluster(t, 3, 0)
	empty := func(t *testing.T) store.Store {
		must(t, c.Clear(t.Context()))
		return openCluster(t, names(c))
	}
	storetest.Run(t, empty)
	leader := func(t *testing.T) int {
		i, err := c.Leader(t.Context())
		must(t, err)
		return i
	}
	away := func(t *testing.T, i int, leave, back func(int) error) {
		must(t, leave(i))
		time.Sleep(2 * time.Second)
		must(t, back(i))
	}
	for _, d := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"a follower is killed", func(t *testing.T) { away(t, (leader(t)+1)%3, c.Kill, c.Restart) }},
		{"the leader is killed", func(t *testing.T) { away(t, leader(t), c.Kill, c.Restart) }},
		{"a follower is cut off", func(t *testing.T) { away(t, (leader(t)+1)%3, c.Freeze, c.Thaw) }},
		{"the leader is cut off", func(t *testing.T) { away(t, leader(t), c.Freeze, c.Thaw) }},
		{"another member leads", func(t *testing.T) { must(t, c.MoveLeader(t.Context())) }},
		{"the history is compacted", func(t *testing.T) {
			for range 20 {
				must(t, c.Compact(t.Context()))
				time.Sleep(10 * time.Millisecond)
			}
		}},
		{"compacted behind a watcher that is cut off", func(t *testing.T) {
			i := (leader(t) + 1) % 3
			must(t, c.Freeze(i))
			time.Sleep(500 * time.Millisecond)
			must(t, c.Compact(t.Context()), c.Thaw(i))
		}},
	} {
		t.Run(d.name, func(t *testing.T) { storetest.Survive(t, empty(t), func() { d.do(t) }) })
	}
}

// A member that is cut off for long is left for another one, by commits and by watches.
func TestMemberStaysCutOff(t *testing.T) {
	c := startCluster(t, 3, 0)
	for i := range 3 {
		must(t, c.Freeze(i))
		s, err := etcd.Open(t.Context(), names(c))
		if err != nil {
			must(t, c.Thaw(i))
			t.Fatalf("with member %d cut off: %v", i, err)
		}
		storetest.Survive(t, s, func() { time.Sleep(time.Second) })
		must(t, c.Thaw(i), s.Close())
	}
}

func TestClientCertificates(t *testing.T) {
	c := startCluster(t, 1, 0)
	other := filepath.Join(t.TempDir(), "other")
	stranger, err := cluster.Start(other, 1, 0)
	must(t, err, stranger.Stop())
	for name, bad := range map[string]etcd.Cluster{
		"no certificate":     {Endpoints: c.Endpoints, CA: c.CA},
		"of another cluster": {Endpoints: c.Endpoints, CA: c.CA, Cert: stranger.Cert, Key: stranger.Key},
		"another authority":  {Endpoints: c.Endpoints, CA: stranger.CA, Cert: c.Cert, Key: c.Key},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if s, err := etcd.Open(ctx, bad); err == nil {
			t.Errorf("%s: the cluster lets it in", name)
			must(t, s.Close())
		}
		cancel()
	}
	if got := load(t, openCluster(t, names(c))); len(got) != 0 {
		t.Errorf("a new cluster holds %v", got)
	}
}

func TestFullCluster(t *testing.T) {
	c := startCluster(t, 1, 4<<20)
	s := openCluster(t, names(c))
	rev, err := s.Commit(t.Context(), nil, []store.Write{{Key: "before", Value: []byte("1")}})
	must(t, err)
	for i := 0; ; i++ {
		if _, err := c.Client().Put(t.Context(), "other", string(bytes.Repeat([]byte("x"), 500_000))); err != nil {
			break
		}
		if i == 100 {
			t.Fatal("the cluster does not fill")
		}
	}
	if _, err := s.Commit(t.Context(), nil, []store.Write{{Key: "full", Value: []byte("1")}}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a commit to a full cluster: %v, want %v", err, store.ErrFull)
	}
	if got := load(t, s); len(got) != 1 || got["before"].Modified != rev {
		t.Errorf("a full cluster holds %v", got)
	}
	second := openCluster(t, names(c))
	if got := load(t, second); len(got) != 1 {
		t.Errorf("a server that starts on a full cluster reads %v", got)
	}
	_, err = c.Client().Delete(t.Context(), "other")
	must(t, err, c.MakeSpace(t.Context()))
	for _, w := range []struct {
		s     *etcd.Store
		write store.Write
	}{{s, store.Write{Key: "after", Value: []byte("1")}}, {second, store.Write{Key: "host", Value: []byte("1"), Leased: true}}} {
		for range 100 {
			if _, err = w.s.Commit(t.Context(), nil, []store.Write{w.write}); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		must(t, err)
	}
	if got := load(t, s); len(got) != 3 {
		t.Errorf("afterwards there is %v", got)
	}
}

// load is what there is.
func load(t *testing.T, s store.Store) map[string]store.Event {
	t.Helper()
	got, enough := map[string]store.Event{}, errors.New("enough")
	err := s.Watch(t.Context(), func(b store.Batch) error {
		for _, e := range b.Events {
			got[e.Key] = e
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return got
}

// A process's word goes with it, and comes back with it when etcd has forgotten it.
func TestLeases(t *testing.T) {
	c := startCluster(t, 1, 0)
	file := filepath.Join(t.TempDir(), "lease")
	remembered := names(c)
	remembered.Lease = file
	s, err := etcd.Open(t.Context(), remembered)
	must(t, err)
	var closing sync.Once
	t.Cleanup(func() { closing.Do(func() { _ = s.Close() }) })
	say := func(s *etcd.Store) error {
		_, err := s.Commit(t.Context(), nil, []store.Write{{Key: "host", Value: []byte("1"), Leased: true}})
		return err
	}
	must(t, say(s))
	all, err := c.Client().Leases(t.Context())
	must(t, err)
	if len(all.Leases) != 1 {
		t.Fatalf("there are %d leases", len(all.Leases))
	}
	_, err = c.Client().Revoke(t.Context(), all.Leases[0].ID)
	must(t, err)
	if got := load(t, s); len(got) != 0 {
		t.Errorf("without a lease there is %v", got)
	}
	for range 200 {
		if err = say(s); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, err)

	// As after a crash: the successor has the file and ends what its predecessor said.
	successor := openCluster(t, remembered)
	if got := load(t, successor); len(got) != 0 {
		t.Errorf("the word of the process before is believed: %v", got)
	}
	must(t, say(successor))
	closing.Do(func() { _ = s.Close() })
	if got := load(t, successor); len(got) != 1 {
		t.Errorf("the successor's word went with its predecessor's lease: %v", got)
	}
}

// Other users of the cluster move its revision on; a commit that changes nothing answers with theirs.
func TestForeignRevisionsReachWatchers(t *testing.T) {
	c := startCluster(t, 1, 0)
	s := openCluster(t, names(c))
	for i := range 5 {
		_, err := c.Client().Put(t.Context(), fmt.Sprint("other", i), "x")
		must(t, err)
	}
	rev, err := s.Commit(t.Context(), nil, []store.Write{{Key: "none"}})
	must(t, err)
	_, err = c.Client().Put(t.Context(), "other", "x")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	reached, first := errors.New("reached"), true
	err = s.Watch(ctx, func(b store.Batch) error {
		if !first && b.Rev > rev && len(b.Events) == 0 {
			return reached
		}
		if first {
			_, err := c.Client().Put(ctx, "other", "y")
			must(t, err)
		}
		first = false
		return nil
	})
	if !errors.Is(err, reached) {
		t.Errorf("the watch ended with %v before it told of the revision", err)
	}
}
