package aws

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"trellis/internal/caller"
	"trellis/internal/fault"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"5/s": {5, 5}, "0.5/s": {0.5, 1}, "2/s,20": {2, 20}} {
		var r Rate
		if err := r.Set(text); err != nil || r != want {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "5", "5/m", "-1/s", "0/s", "NaN/s", "Inf/s", "5/s,", "5/s,0", "5/s,x"} {
		var r Rate
		if err := r.Set(text); err == nil {
			t.Errorf("%q is %+v", text, r)
		}
	}
}

func TestThrottle(t *testing.T) {
	clock := time.Unix(1700000000, 0)
	limit := newThrottle(Rate{PerSecond: 2, Burst: 3}, func() time.Time { return clock })
	blue, green := &caller.Caller{Account: "111111111111", Region: "eu-west-1"}, &caller.Caller{Account: "222222222222", Region: "eu-west-1"}
	taken := func(who *caller.Caller, action string, calls int) int {
		t.Helper()
		n := 0
		for range calls {
			switch err := limit.take(who, "ec2", action); {
			case err == nil:
				n++
			case !fault.Is(err, fault.Throttled):
				t.Fatal(err)
			}
		}
		return n
	}
	for _, step := range []struct {
		what   string
		who    *caller.Caller
		action string
		want   int
	}{
		{"a full bucket", blue, "ec2:CreateVpc", 3},
		{"an empty one", blue, "ec2:CreateVpc", 0},
		{"another operation", blue, "ec2:DescribeVpcs", 3},
		{"another account", green, "ec2:CreateVpc", 3},
	} {
		if got := taken(step.who, step.action, 10); got != step.want {
			t.Errorf("%s let %d through, not %d", step.what, got, step.want)
		}
	}
	clock = clock.Add(time.Second)
	if got := taken(blue, "ec2:CreateVpc", 10); got != 2 {
		t.Errorf("after a second %d, not 2", got)
	}
	clock = clock.Add(time.Hour)
	if got := taken(blue, "ec2:CreateVpc", 10); got != 3 {
		t.Errorf("after an hour %d, not the burst", got)
	}
	for i := range 10 * fewBuckets {
		clock = clock.Add(time.Minute)
		taken(blue, fmt.Sprint(i), 1)
	}
	if len(limit.buckets) > fewBuckets {
		t.Errorf("%d buckets are kept, nearly all of them full", len(limit.buckets))
	}
	var refused *fault.Error
	for range 4 {
		if err := limit.take(blue, "vpclattice", "vpc-lattice:GetService"); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	if refused == nil || refused.RetryAfter != 500*time.Millisecond {
		t.Errorf("%+v, want the time until the next call", refused)
	}
	if unlimited := newThrottle(Rate{}, time.Now); unlimited.take(blue, "ec2", "ec2:CreateVpc") != nil || len(unlimited.buckets) > 0 {
		t.Error("no limit was asked for")
	}
}
