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
	return stopped(t)(cluster.Start(t.TempDir(), n, quota))
}

// stopped is a cluster that ends with the test.
func stopped(t *testing.T) func(*cluster.Cluster, error) *cluster.Cluster {
	return func(c *cluster.Cluster, err error) *cluster.Cluster {
		t.Helper()
		must(t, err)
		t.Cleanup(func() { must(t, c.Stop()) })
		return c
	}
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

// The suite on three members, with one of them cut off on the way, and with one of them down.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 0)
	empty := func(t *testing.T) store.Store {
		must(t, c.Clear(t.Context()))
		return openCluster(t, names(c))
	}
	t.Run("three members", func(t *testing.T) { storetest.Run(t, empty) })
	t.Run("one is cut off on the way", func(t *testing.T) {
		leader, err := c.Leader(t.Context())
		must(t, err)
		opened := 0
		storetest.Run(t, func(t *testing.T) store.Store {
			switch opened++; opened {
			case 2:
				c.Cut(leader)
			case 5:
				c.Heal(leader)
			}
			return empty(t)
		})
		if opened < 5 {
			t.Errorf("it was cut off for good: the suite has %d parts", opened)
		}
	})
	leader, err := c.Leader(t.Context())
	must(t, err, c.Kill(leader))
	_, err = c.Leader(t.Context())
	must(t, err)
	t.Run("two members", func(t *testing.T) { storetest.Run(t, empty) })
}

// The suite on a member that speaks without TLS.
func TestPlain(t *testing.T) {
	t.Parallel()
	c := stopped(t)(cluster.Plain(t.TempDir(), 1))
	storetest.Run(t, func(t *testing.T) store.Store {
		must(t, c.Clear(t.Context()))
		return openCluster(t, names(c))
	})
}

// What can happen to a cluster of three while it is used: it is of use while that lasts, and afterwards.
func TestClusterSurvives(t *testing.T) {
	t.Parallel()
	none := func(*cluster.Cluster, int) error { return nil }
	for _, d := range []struct {
		name        string
		leader      bool // it happens to the leader, or else to another
		leave, back func(c *cluster.Cluster, who int) error
	}{
		{"a follower is killed", false, (*cluster.Cluster).Kill, (*cluster.Cluster).Restart},
		{"the leader is killed", true, (*cluster.Cluster).Kill, (*cluster.Cluster).Restart},
		{"a follower is cut off", false, cut((*cluster.Cluster).Cut), cut((*cluster.Cluster).Heal)},
		{"the leader is cut off", true, cut((*cluster.Cluster).Cut), cut((*cluster.Cluster).Heal)},
		{"clients are cut off from the leader", true, cut((*cluster.Cluster).Shut), cut((*cluster.Cluster).Heal)},
		{"a follower that clients reach is cut off from the others", false, cut((*cluster.Cluster).Part), cut((*cluster.Cluster).Heal)},
		{"the leader that clients reach is cut off from the others", true, cut((*cluster.Cluster).Part), cut((*cluster.Cluster).Heal)},
		{"the leader hears nobody", true, cut((*cluster.Cluster).Deafen), cut((*cluster.Cluster).Heal)},
		{"another member leads", true, func(c *cluster.Cluster, _ int) error { return c.MoveLeader(t.Context()) }, none},
		{"the history is compacted", true, func(c *cluster.Cluster, _ int) error {
			for range 20 {
				if err := c.Compact(t.Context()); err != nil {
					return err
				}
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		}, none},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, 3, 0)
			s := openCluster(t, names(c))
			who, err := c.Leader(t.Context())
			must(t, err)
			if !d.leader {
				who = (who + 1) % 3
			}
			storetest.Survive(t, s, func() { must(t, d.leave(c, who)) })
			storetest.Survive(t, s, func() { must(t, d.back(c, who)) })
		})
	}
}

// cut is what happens at once.
func cut(do func(*cluster.Cluster, int)) func(*cluster.Cluster, int) error {
	return func(c *cluster.Cluster, who int) error {
		do(c, who)
		return nil
	}
}

// A member that hangs is no member for who comes, by commits and by watches.
func TestMemberHangs(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 0)
	for i := range 3 {
		must(t, c.Freeze(i))
		s, err := etcd.Open(t.Context(), names(c))
		if err != nil {
			must(t, c.Thaw(i))
			t.Fatalf("while member %d hangs: %v", i, err)
		}
		storetest.Survive(t, s, func() { time.Sleep(time.Second) })
		must(t, c.Thaw(i), s.Close())
	}
}

// A commit whose answer is lost is found, wherever it stands among others, and happens once; one that was refused meanwhile is told so.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 0)
	s, other := openCluster(t, names(c)), openCluster(t, names(c))
	load(t, s)
	made := map[string]int64{}
	for _, key := range []string{"k0", "k1", "k2", "k3", "k4", "contested"} {
		rev, err := s.Commit(t.Context(), nil, []store.Write{{Key: key, Value: []byte("made")}})
		must(t, err)
		made[key] = rev
	}
	change := func(ctx context.Context, s *etcd.Store, key, value string) (int64, error) {
		return s.Commit(ctx, []store.Read{{Key: key, Rev: made[key]}, {Key: "absent", Rev: 0}},
			[]store.Write{{Key: key, Value: []byte(value)}, {Key: "guard", Value: []byte{}}, {Key: "none"}})
	}
	var all sync.WaitGroup
	c.Mute(0)
	for i := range 5 {
		all.Go(func() {
			key := fmt.Sprint("k", i)
			rev, err := change(t.Context(), s, key, "mine")
			got := load(t, other)[key]
			if err != nil || rev != got.Modified || string(got.Value) != "mine" {
				t.Errorf("%s: %d, %v; there is %+v", key, rev, err, got)
			}
		})
	}
	all.Go(func() {
		// All of these reach the member, one of them is first.
		var given []string
		results := make(chan error)
		for _, s := range []*etcd.Store{s, other} {
			go func() { _, err := change(t.Context(), s, "contested", fmt.Sprintf("%p", s)); results <- err }()
		}
		for range 2 {
			if err := <-results; err == nil {
				given = append(given, "given")
			} else if !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		}
		if len(given) != 1 {
			t.Errorf("one key was given to %d", len(given))
		}
	})
	time.Sleep(2500 * time.Millisecond)
	c.Heal(0)
	all.Wait()
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
