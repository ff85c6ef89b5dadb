package soak

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trellis/test/kernel"
)

// killer kills the server at random moments and starts it again.
type killer struct {
	t      *testing.T
	server *server
	// gently has every second end be that of a service manager.
	gently bool
	// answered counts what whoever calls the server got done.
	answered *atomic.Int64
	// calling is the driver's, where what the kernel holds is compared.
	calling *sync.RWMutex

	mu       sync.Mutex
	killed   int
	ready    chan struct{}
	err      error
	starts   []time.Duration
	compared int
}

func (k *killer) count() int { return k.kills() }

func (k *killer) kills() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.killed
}

func (k *killer) wait(ctx context.Context) error {
	k.mu.Lock()
	ready, err := k.ready, k.err
	k.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-ready:
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(k.err, ctx.Err())
}

// once kills the server and starts it again, killing it sometimes while it starts.
func (k *killer) once() error {
	ready := make(chan struct{})
	k.mu.Lock()
	k.killed++
	k.ready = ready
	k.mu.Unlock()
	defer close(ready)
	end := k.server.kill
	if k.gently && k.killed%2 == 0 {
		end = k.server.terminate
	}
	if err := end(); err != nil {
		return err
	}
	if rand.IntN(5) == 0 {
		ready, err := k.server.spawn()
		if err != nil {
			return err
		}
		started := make(chan error, 1)
		go func() { started <- ready() }()
		select {
		case err := <-started:
			if err != nil {
				return err
			}
		case <-time.After(rand.N(400 * time.Millisecond)):
		}
		if err := k.server.kill(); err != nil {
			return err
		}
	}
	began := time.Now()
	err := k.server.start()
	k.starts = append(k.starts, time.Since(began))
	return err
}

// run kills at random moments, most of them after something was got done: a machine may take longer to get a server to where
// it changes anything, or who looks at all there is to the end of it, than there is until the next kill.
func (k *killer) run(n int) {
	for i := range n {
		if rand.IntN(3) > 0 {
			before := k.answered.Load()
			for deadline := time.Now().Add(time.Minute); k.answered.Load() == before && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(rand.N(600 * time.Millisecond))
		kill := k.once
		if k.calling != nil && i%5 == 0 {
			kill = k.compare
		}
		if err := kill(); err != nil {
			k.mu.Lock()
			k.err = err
			k.mu.Unlock()
			return
		}
		if i%100 == 99 {
			k.t.Logf("%d kills, %d with the kernel compared", k.kills(), k.compared)
		}
	}
}

// compare kills the server while nobody calls it, and holds what the kernel has once it is back against what it had before: it got
// there change by change, and over however many crashes, and now from what is stored alone.
func (k *killer) compare() error {
	k.calling.Lock()
	defer k.calling.Unlock()
	before, err := k.server.settled()
	if err != nil {
		return err
	}
	if err := k.once(); err != nil {
		return err
	}
	var difference string
	for range 100 {
		after, err := k.server.settled()
		if err != nil {
			return err
		}
		if difference = kernel.Difference(before, after); difference == "" {
			k.compared++
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the kernel differs from what it was before the server was killed:\n%s", difference)
}

// A server that is killed at any moment has afterwards what it acknowledged, makes it real again, and takes repeated calls.
func TestKilled(t *testing.T) {
	s := newServer(t)
	// As one that was killed may have left it.
	must(t, os.MkdirAll(s.data, 0o700), os.WriteFile(filepath.Join(s.data, "resolv-1.conf"), nil, 0o600), os.WriteFile(filepath.Join(s.data, ".aws-config.new"), nil, 0o600))
	serving(t, s)
	if st := s.status(t); !st.DataPlane {
		t.Skipf("there is no data plane here: %s", st.Why)
	}
	ready := make(chan struct{})
	close(ready)
	k := &killer{t: t, server: s, ready: ready}
	d := newDriver(t, s, k)
	k.answered = &d.lived
	if os.Getuid() == 0 {
		k.calling = &d.calling
		d.whole = func() {
			if err := k.compare(); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		t.Log("what the kernel holds is not compared: only root may reach into the server's namespaces")
	}
	d.live(0)
	d.whole = func() {}
	before, first := s.namespaces(), s.rest(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(*points)
	}()
	lives := 1
	for over := false; !over; lives++ {
		select {
		case <-done:
			over = true
		default:
		}
		d.live(lives)
	}
	<-done
	if k.err != nil {
		t.Fatal(k.err)
	}
	// What was acknowledged is real once the host has applied it, and the kernel holds nothing beside.
	st := s.rest(t)
	if after := s.namespaces(); after > before || len(st.Failures) > 0 {
		t.Errorf("with nothing there the server holds %d namespaces, %d before, and says of failures %v", after, before, st.Failures)
	}
	var archives []string
	for _, name := range []string{"layer.zip", "function.zip"} {
		text, err := base64.StdEncoding.DecodeString(d.zone.known[name])
		must(t, err)
		sum := sha256.Sum256(text)
		archives = append(archives, hex.EncodeToString(sum[:]))
	}
	var left []string
	for range 100 {
		var err error
		left, err = s.litter(archives, st.Resources["log-group"])
		must(t, err)
		if len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("with nothing there the disk holds %q", left)
	}
	// Each life leaves records: the number of a layer's last version, client tokens, and deleted shares and peerings, which are told of
	// for an hour or two. Its function has a log group only if a request came through.
	for _, table := range []string{"layer", "token"} {
		first.Resources[table] *= lives
	}
	for _, table := range []string{"share", "peering"} {
		if n, one := st.Resources[table], first.Resources[table]; n > one*lives {
			t.Errorf("%d rows of %s are stored after %d lives, each of which leaves %d", n, table, lives, one)
		}
		delete(first.Resources, table)
		delete(st.Resources, table)
	}
	delete(first.Resources, "log-group")
	delete(st.Resources, "log-group")
	if !maps.Equal(st.Resources, first.Resources) {
		t.Errorf("%v is stored with nothing there, want %v", st.Resources, first.Resources)
	}
	slices.Sort(k.starts)
	t.Logf("%d kills in %d lives, %d of them with the kernel compared; %d calls ended in an error and were repeated; %d rounds of requests; started in %v (median), %v (longest); stored at the end: %v",
		k.killed, lives, k.compared, d.failed, d.asked.Load(), k.starts[len(k.starts)/2].Round(time.Millisecond), k.starts[len(k.starts)-1].Round(time.Millisecond), st.Resources)
}
