package soak

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	lattice "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// disturbance is who makes the server fail while a zone lives: it tells how often something happened, how often of these the
// server was killed, and waits until the server works.
type disturbance interface {
	count() int
	kills() int
	wait(ctx context.Context) error
}

// driver takes zones through their lives and holds what the server said against what is.
type driver struct {
	t      *testing.T
	server *server
	by     disturbance
	zone   *zone
	// made and dropped are what was acknowledged, by the name of the step.
	made, dropped map[string]string
	// seen is how often the server had failed when what was acknowledged was last looked at.
	seen   int
	failed int // calls that ended in an error and were repeated
	// asked counts the rounds of requests through the zone.
	asked atomic.Int64
	// answered counts the calls that succeeded.
	answered atomic.Int64
}

// retriable says whether an error is one that clients try again after: no answer, or one that says so.
func retriable(err error) bool {
	var res *smithyhttp.ResponseError
	var sent *smithyhttp.RequestSendError
	var exit *exec.ExitError
	switch {
	case errors.As(err, &sent), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return true
	case errors.As(err, &res):
		return res.HTTPStatusCode() >= 500
	case errors.As(err, &exit):
		return strings.HasSuffix(strings.TrimSpace(string(exit.Stderr)), "Try again.")
	}
	return false
}

// settling says whether an error is AWS's word that something else must end first.
func settling(err error) bool {
	return isCode(err, "ConflictException", "DependencyViolation", "ResourceInUseException")
}

// until repeats a call until it is answered. An answer that is neither success nor to be tried again fails the test.
func (d *driver) until(what string, call func(ctx context.Context) error) {
	d.t.Helper()
	ctx := d.t.Context()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		err := call(ctx)
		switch {
		case err == nil:
			d.answered.Add(1)
			return
		case retriable(err):
			d.failed++
		case settling(err):
			time.Sleep(20 * time.Millisecond)
		default:
			d.t.Fatalf("%s in life %d, after %d failures of the server: %v\n%s", what, d.zone.life, d.by.count(), err, d.server.tail())
		}
		if err := d.by.wait(ctx); err != nil {
			d.t.Fatal(err)
		}
	}
	d.t.Fatalf("%s is not answered\n%s", what, d.server.tail())
}

// check looks, after the server failed, at everything that was acknowledged.
func (d *driver) check() {
	d.t.Helper()
	for n := d.by.count(); n != d.seen; n = d.by.count() {
		d.seen = n
		for _, s := range steps() {
			if id, ok := d.made[s.name]; ok {
				d.until(s.name+" was made and is looked for", func(ctx context.Context) error { return s.find(ctx, d.zone, id) })
				if rand.IntN(3) == 0 {
					d.make(s)
				}
			}
			if id, ok := d.dropped[s.name]; ok {
				d.until(s.name+" was removed and is looked for", func(ctx context.Context) error {
					err := s.find(ctx, d.zone, id)
					if isGone(err) {
						return nil
					}
					if err == nil {
						d.t.Fatalf("%s %s was removed and is there", s.name, id)
					}
					return err
				})
			}
		}
	}
}

// make makes what a step makes, or makes it again, which must change nothing.
func (d *driver) make(s step) {
	d.t.Helper()
	d.until("making "+s.name, func(ctx context.Context) error {
		id, err := s.make(ctx, d.zone)
		if err != nil {
			return err
		}
		if old, ok := d.made[s.name]; ok && old != id {
			d.t.Fatalf("%s made again is %s, was %s", s.name, id, old)
		}
		d.made[s.name], d.zone.ids[s.name] = id, id
		return nil
	})
}

func (d *driver) drop(s step) {
	d.t.Helper()
	id := d.made[s.name]
	// Whether it is there is not known from now until the removal is acknowledged.
	delete(d.made, s.name)
	d.until("removing "+s.name, func(ctx context.Context) error {
		err := s.drop(ctx, d.zone, id)
		if isGone(err) {
			return nil
		}
		return err
	})
	d.dropped[s.name] = id
}

// live takes one zone through its life.
func (d *driver) live(life int) {
	d.t.Helper()
	d.zone.life, d.zone.ids, d.made, d.dropped = life, map[string]string{}, map[string]string{}, map[string]string{}
	all := steps()
	for _, s := range all {
		d.make(s)
		d.check()
	}
	for range 3 {
		d.ask()
		d.check()
	}
	for _, s := range slices.Backward(all) {
		d.drop(s)
		d.check()
	}
}

// ask makes requests through the zone, which is up.
func (d *driver) ask() {
	d.t.Helper()
	var name string
	d.until("the zone's status", func(ctx context.Context) error {
		a, err := d.zone.guest.lattice.GetServiceNetworkVpcAssociation(ctx, &vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: d.zone.id("vpc-association")})
		if err != nil {
			return err
		}
		b, err := d.zone.owner.lattice.GetServiceNetworkServiceAssociation(ctx, &vpclattice.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: d.zone.id("service-association")})
		if err != nil {
			return err
		}
		name = *b.DnsEntry.DomainName
		if a.Status != lattice.ServiceNetworkVpcAssociationStatusActive || b.Status != lattice.ServiceNetworkServiceAssociationStatusActive {
			time.Sleep(20 * time.Millisecond)
			return context.DeadlineExceeded
		}
		return nil
	})
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	for q, want := range map[string]string{"blue": "200 from the function", "green": "403"} {
		var out []byte
		cut := false
		d.until("a program in the guest's VPC", func(ctx context.Context) error {
			before := d.by.kills()
			if err := d.by.wait(ctx); err != nil {
				return err
			}
			var err error
			out, err = d.server.run(ctx, "exec", "--subnet", *d.zone.id("guest-subnet"), "--security-group", *d.zone.id("guest-group"), "--", self, probeArgument, "http://"+name+"/?q="+q)
			if cut = d.by.kills() != before; cut {
				return nil
			}
			return err
		})
		if cut {
			return // What a crash cut off says nothing.
		}
		if !strings.HasPrefix(string(out), want) {
			d.t.Errorf("?q=%s in life %d after %d failures: %q, want %s\n%s", q, d.zone.life, d.by.count(), out, want, d.server.tail())
		}
	}
	d.asked.Add(1)
}

// killer kills the server at random moments and starts it again.
type killer struct {
	t      *testing.T
	server *server
	// answered is the driver's.
	answered *atomic.Int64

	mu     sync.Mutex
	killed int
	ready  chan struct{}
	err    error
	starts []time.Duration
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
	if err := k.server.kill(); err != nil {
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

// run kills at random moments, most of them after something was answered: a machine may take longer to get a server to where
// it changes anything than the server has until the next kill.
func (k *killer) run(n int) {
	for range n {
		if rand.IntN(3) > 0 {
			before := k.answered.Load()
			for deadline := time.Now().Add(10 * time.Second); k.answered.Load() == before && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(rand.N(600 * time.Millisecond))
		if err := k.once(); err != nil {
			k.mu.Lock()
			k.err = err
			k.mu.Unlock()
			return
		}
	}
}

// A server that is killed at any moment has afterwards what it acknowledged, makes it real again, and takes repeated calls.
func TestKilled(t *testing.T) {
	s := newServer(t)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	if st := s.status(t); !st.DataPlane {
		t.Skipf("there is no data plane here: %s", st.Why)
	}
	owner, guest := s.account(t, "owner"), s.account(t, "guest")
	ready := make(chan struct{})
	close(ready)
	k := &killer{t: t, server: s, ready: ready}
	d := &driver{t: t, server: s, by: k, zone: &zone{owner: owner, guest: guest}}
	k.answered = &d.answered
	d.live(0)
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
	// Each life leaves records: a deleted share, which is told of for a while, and its client tokens. Its function has a log group
	// only if a request came through.
	first.Resources["share"] *= lives
	first.Resources["token"] *= lives
	delete(first.Resources, "log-group")
	delete(st.Resources, "log-group")
	if !maps.Equal(st.Resources, first.Resources) {
		t.Errorf("%v is stored with nothing there, want %v", st.Resources, first.Resources)
	}
	slices.Sort(k.starts)
	t.Logf("%d kills in %d lives; %d calls ended in an error and were repeated; %d rounds of requests; started in %v (median), %v (longest); stored at the end: %v",
		k.killed, lives, d.failed, d.asked.Load(), k.starts[len(k.starts)/2].Round(time.Millisecond), k.starts[len(k.starts)-1].Round(time.Millisecond), st.Resources)
}
