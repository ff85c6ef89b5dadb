package soak

import (
	"context"
	"errors"
	"fmt"
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

	"github.com/aws/smithy-go"
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
	steps  []step
	// made and dropped are what was acknowledged, by the name of the step.
	made, dropped map[string]bool
	// seen is how often the server had failed when what was acknowledged was last looked at.
	seen   int
	failed int // calls that ended in an error and were repeated
	// asked counts the rounds of requests through the zone.
	asked atomic.Int64
	// lived counts what was made, asked and removed in the lives.
	lived atomic.Int64
	// calling is held, shared, while a call is under way, and alone by who wants that there is none.
	calling sync.RWMutex
	// whole is called when everything of a zone is there.
	whole func()
}

func newDriver(t *testing.T, s *server, by disturbance) *driver {
	t.Helper()
	steps, err := readSteps()
	if err != nil {
		t.Fatal(err)
	}
	return &driver{t: t, server: s, by: by, steps: steps, zone: &zone{accounts: s.organization(t)}, whole: func() {}}
}

// retriable says whether an error is one that clients try again after: no answer, or one that says so.
func retriable(err error) bool {
	var res *smithyhttp.ResponseError
	var sent *smithyhttp.RequestSendError
	var said *smithy.GenericAPIError
	var exit *exec.ExitError
	switch {
	case errors.As(err, &sent), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return true
	case errors.As(err, &res):
		return res.HTTPStatusCode() >= 500
	case errors.As(err, &said):
		return said.Fault == smithy.FaultServer
	case errors.As(err, &exit):
		return strings.HasSuffix(strings.TrimSpace(string(exit.Stderr)), "Try again.")
	}
	return false
}

// settling says whether an error is AWS's word that something must come to its end first.
func settling(err error) bool {
	return errors.Is(err, errComing) || isCode(err, "ConflictException", "DependencyViolation", "ResourceInUseException", "ResourceInUse", "DeleteConflict")
}

// until repeats a call until it is answered. An answer that is neither success nor to be tried again fails the test.
func (d *driver) until(what string, call func(ctx context.Context) error) {
	d.t.Helper()
	ctx := d.t.Context()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		d.calling.RLock()
		err := call(ctx)
		d.calling.RUnlock()
		switch {
		case err == nil:
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
		for _, s := range d.steps {
			if d.made[s.name] {
				d.until(s.name+" was made and is looked for", func(ctx context.Context) error {
					_, err := d.zone.call(ctx, s, s.find)
					return err
				})
				if rand.IntN(3) == 0 {
					d.make(s)
				}
			}
			if d.dropped[s.name] {
				d.until(s.name+" was removed and is looked for", func(ctx context.Context) error {
					_, err := d.zone.call(ctx, s, s.find)
					if isGone(err) {
						return nil
					}
					if err == nil {
						d.t.Fatalf("%s was removed and is there", s.name)
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
	d.until("making "+s.name, func(ctx context.Context) error { return s.build(ctx, d.zone) })
	d.made[s.name] = true
}

func (d *driver) drop(s step) {
	d.t.Helper()
	// Whether it is there is not known from now until the removal is acknowledged.
	delete(d.made, s.name)
	if s.drop.name == "" {
		return // It goes with another.
	}
	d.until("removing "+s.name, func(ctx context.Context) error { return s.remove(ctx, d.zone) })
	d.dropped[s.name] = true
}

// live takes one zone through its life.
func (d *driver) live(life int) {
	d.t.Helper()
	if err := d.zone.begin(life); err != nil {
		d.t.Fatal(err)
	}
	d.made, d.dropped = map[string]bool{}, map[string]bool{}
	for _, s := range d.steps {
		d.make(s)
		d.lived.Add(1)
		d.check()
	}
	for i := range 3 {
		d.ask()
		d.lived.Add(1)
		if i == 0 {
			d.whole()
		}
		d.check()
	}
	for _, s := range slices.Backward(d.steps) {
		d.drop(s)
		d.lived.Add(1)
		d.check()
	}
}

// ask makes requests through the zone, which is up.
func (d *driver) ask() {
	d.t.Helper()
	for _, s := range d.steps {
		d.until("the status of "+s.name, func(ctx context.Context) error {
			r, err := d.zone.call(ctx, s, s.find)
			if err == nil && r.coming() {
				return errComing
			}
			return err
		})
	}
	name, balancer := "http://"+d.zone.known["service.name"], "http://"+d.zone.known["balancer.name"]
	const answered, denied = "200 from the function", "403 "
	for place, wants := range map[string]map[string]string{
		"blue":       {name + "/?q=blue": answered, name + "/?q=green": denied, name + "/missing?q=blue": "404 "},
		"green":      {name + "/?q=green": answered, name + "/?q=blue": denied},
		"blue-peer":  {name + "/?q=blue": denied, balancer + "/?q=blue": answered, balancer + "/closed": "410 "},
		"green-peer": {name + "/?q=green": denied, balancer + "/": answered},
	} {
		if !d.askFrom(place, wants) {
			return // What a crash cut off says nothing.
		}
	}
	d.asked.Add(1)
}

// askFrom asks for URLs from a place of the zone, unless the server is killed meanwhile.
func (d *driver) askFrom(place string, wants map[string]string) bool {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	urls := slices.Sorted(maps.Keys(wants))
	var out []byte
	cut := false
	d.until("a program at "+place, func(ctx context.Context) error {
		before := d.by.kills()
		if err := d.by.wait(ctx); err != nil {
			return err
		}
		var err error
		out, err = d.server.run(ctx, append([]string{"exec", "--subnet", d.zone.known[place+"-subnet"], "--security-group", d.zone.known[place+"-group"], "--", self, probeArgument}, urls...)...)
		if cut = d.by.kills() != before; cut {
			return nil
		}
		return err
	})
	if cut {
		return false
	}
	answers := strings.Split(string(out), "\n")
	for i, url := range urls {
		if !strings.HasPrefix(answers[min(i, len(answers)-1)], wants[url]) {
			d.t.Errorf("from %s in life %d after %d failures: %s is answered\n%s, want %s\n%s", place, d.zone.life, d.by.count(), url, out, wants[url], d.server.tail())
		}
	}
	return true
}

// String says where the driver is.
func (d *driver) String() string {
	return fmt.Sprintf("life %d, with %d things made and %d removed", d.zone.life, len(d.made), len(d.dropped))
}
