package aws

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"trellis/internal/caller"
	"trellis/internal/fault"
)

// Rate is how often an operation may be called: so many times a second for long,
// so many at once after a pause. The zero Rate is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Set reads a rate from "5/s", or from "5/s,20" where the burst is not what a
// second allows.
func (r *Rate) Set(text string) error {
	steady, burst, apart := strings.Cut(text, ",")
	number, ok := strings.CutSuffix(steady, "/s")
	perSecond, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(perSecond > 0 && perSecond <= 1e6) {
		return fmt.Errorf("%q is not a rate such as 5/s or 5/s,20", text)
	}
	at := int(math.Ceil(perSecond))
	if apart {
		if at, err = strconv.Atoi(burst); err != nil || at < 1 || at > 1e6 {
			return fmt.Errorf("%q is not a number of calls at once", burst)
		}
	}
	r.PerSecond, r.Burst = perSecond, at
	return nil
}

func (r *Rate) String() string {
	if r.Burst == 0 {
		return ""
	}
	return strconv.FormatFloat(r.PerSecond, 'f', -1, 64) + "/s," + strconv.Itoa(r.Burst)
}

// Type is how help texts call a rate.
func (*Rate) Type() string { return "rate" }

// throttle is a bucket of tokens for each account, region and operation, as
// EC2 documents its own: full at first, filled at a steady rate, and a call that
// finds it empty is refused.
type throttle struct {
	limit Rate
	now   func() time.Time

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
	sweep   int // size at which buckets that are full again go
}

type bucketKey struct{ account, region, action string }

const fewBuckets = 1024

func newThrottle(limit Rate, now func() time.Time) *throttle {
	return &throttle{limit: limit, now: now, buckets: map[bucketKey]*rate.Limiter{}, sweep: fewBuckets}
}

// take takes a token for a call. The error is the API's own word for too many.
func (t *throttle) take(who *caller.Caller, service, action string) error {
	if t.limit.Burst == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	key := bucketKey{who.Account, who.Region, action}
	b, ok := t.buckets[key]
	if !ok {
		if len(t.buckets) >= t.sweep {
			t.forget(now)
		}
		b = rate.NewLimiter(rate.Limit(t.limit.PerSecond), t.limit.Burst)
		t.buckets[key] = b
	}
	switch {
	case b.AllowN(now, 1):
		return nil
	case service == "ec2":
		return fault.New(fault.Throttled, "", "Request limit exceeded.")
	}
	e := fault.New(fault.Throttled, "", "Rate exceeded")
	if service == "vpclattice" || service == "lambda" {
		// Their models have a header for it.
		e.RetryAfter = time.Duration(float64(time.Second) / t.limit.PerSecond)
	}
	return e
}

// forget drops the buckets that are full: they are as if they had never been.
func (t *throttle) forget(now time.Time) {
	for key, b := range t.buckets {
		if b.TokensAt(now) >= float64(t.limit.Burst) {
			delete(t.buckets, key)
		}
	}
	t.sweep = max(fewBuckets, 2*len(t.buckets))
}
