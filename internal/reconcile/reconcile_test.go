package reconcile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is an apply function with a journal. fail decides each attempt.
type recorder struct {
	start time.Time
	takes time.Duration
	fail  func(attempt int, value string) error

	mu       sync.Mutex // held while the journal below changes
	values   []string
	at       []time.Duration
	outcomes []Outcome
}

func (r *recorder) apply(ctx context.Context, value string) error {
	r.mu.Lock()
	r.values = append(r.values, value)
	r.at = append(r.at, time.Since(r.start))
	attempt := len(r.values)
	r.mu.Unlock()
	if r.takes > 0 {
		select {
		case <-time.After(r.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.fail != nil {
		return r.fail(attempt, value)
	}
	return nil
}

func (r *recorder) report(o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, o)
}

// reported is how many attempts have ended; while the loop runs it is the only
// way to look at the journal.
func (r *recorder) reported() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.outcomes)
}

// waitFor lets time pass until n attempts have been reported, and not a
// millisecond more.
func (r *recorder) waitFor(n int) {
	for synctest.Wait(); r.reported() < n; synctest.Wait() {
		time.Sleep(time.Millisecond)
	}
}

// run starts a loop over r in a bubble, lets script drive it, then stops it and
// waits for its end.
func run(t *testing.T, r *recorder, pacing Pacing, script func(*Loop[string])) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r.start = time.Now()
		loop := New(r.apply, r.report, pacing)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); loop.Run(ctx) }()
		synctest.Wait()
		script(loop)
		cancel()
		<-ended
	})
}

func TestNothingIsAppliedBeforeAValueIsSet(t *testing.T) {
	r := &recorder{}
	run(t, r, Pacing{Resync: time.Second}, func(*Loop[string]) { time.Sleep(time.Hour) })
	if len(r.values) != 0 {
		t.Fatalf("applied %q, want nothing", r.values)
	}
}

func TestValuesCoalesceToTheNewest(t *testing.T) {
	r := &recorder{takes: time.Second}
	run(t, r, Pacing{}, func(l *Loop[string]) {
		l.Set(1, "a")
		synctest.Wait() // "a" is being applied
		l.Set(2, "b")
		l.Set(3, "c")
		l.Set(4, "d")
		time.Sleep(time.Minute)
	})
	if want := []string{"a", "d"}; !slices.Equal(r.values, want) {
		t.Fatalf("applied %q, want %q", r.values, want)
	}
	var got []int64
	for _, o := range r.outcomes {
		if o.Err != nil || o.Took != time.Second || o.Attempt != 1 {
			t.Errorf("outcome %+v: want a first attempt of one second without error", o)
		}
		got = append(got, o.Revision)
	}
	if want := []int64{1, 4}; !slices.Equal(got, want) {
		t.Fatalf("reported revisions %v, want %v", got, want)
	}
}

func TestAnOlderRevisionIsIgnored(t *testing.T) {
	r := &recorder{}
	run(t, r, Pacing{}, func(l *Loop[string]) {
		l.Set(7, "new")
		synctest.Wait()
		l.Set(6, "old")
		synctest.Wait()
		l.Set(7, "same revision, said again")
		synctest.Wait()
	})
	if want := []string{"new", "same revision, said again"}; !slices.Equal(r.values, want) {
		t.Fatalf("applied %q, want %q", r.values, want)
	}
}

func TestFailuresBackOffAndSuccessResets(t *testing.T) {
	broken := errors.New("broken")
	r := &recorder{fail: func(attempt int, _ string) error {
		if attempt == 7 || attempt == 8 {
			return nil
		}
		return broken
	}}
	pacing := Pacing{MinBackoff: time.Second, MaxBackoff: 8 * time.Second, Resync: time.Minute}
	run(t, r, pacing, func(l *Loop[string]) {
		l.Set(1, "a")
		r.waitFor(9)
	})
	spans := []time.Duration{1, 2, 4, 8, 8, 8, 0, 0, 1}
	for i, o := range r.outcomes[:9] {
		span := spans[i] * time.Second
		if (span == 0) != (o.Err == nil) {
			t.Fatalf("attempt %d: error %v", i+1, o.Err)
		}
		if o.RetryIn < span/2 || o.RetryIn > span {
			t.Errorf("attempt %d: retry in %v, want between %v and %v", i+1, o.RetryIn, span/2, span)
		}
		if i > 0 && span != 0 && spans[i-1] != 0 {
			if gap := r.at[i] - r.at[i-1]; gap != r.outcomes[i-1].RetryIn {
				t.Errorf("attempt %d came %v after the one before, which announced %v", i+1, gap, r.outcomes[i-1].RetryIn)
			}
		}
	}
	attempts := []int{1, 2, 3, 4, 5, 6, 7, 1, 1}
	for i, o := range r.outcomes[:9] {
		if o.Attempt != attempts[i] {
			t.Errorf("outcome %d says attempt %d, want %d", i, o.Attempt, attempts[i])
		}
	}
	if gap := r.at[7] - r.at[6]; gap != time.Minute {
		t.Errorf("resync after %v, want %v", gap, time.Minute)
	}
}

func TestANewValueEndsALongWaitButNotTheShortest(t *testing.T) {
	r := &recorder{fail: func(_ int, value string) error {
		if value == "good" {
			return nil
		}
		return errors.New("no")
	}}
	run(t, r, Pacing{MinBackoff: time.Second, MaxBackoff: time.Hour}, func(l *Loop[string]) {
		l.Set(1, "bad")
		r.waitFor(8) // the wait that follows is at least 64 s
		l.Set(2, "good")
		synctest.Wait()
		if n := r.reported(); n != 8 {
			t.Errorf("applied %d times before the shortest wait was over, want 8", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
	if len(r.values) != 9 || r.values[8] != "good" {
		t.Fatalf("applied %q, want the good value ninth", r.values)
	}
	if gap := r.at[8] - r.at[7]; gap != time.Second {
		t.Errorf("the new value was tried %v after the failure, want 1s", gap)
	}
}

func TestAStreamOfValuesDoesNotSpinAFailingApply(t *testing.T) {
	r := &recorder{fail: func(int, string) error { return errors.New("no") }}
	run(t, r, Pacing{MinBackoff: time.Second, MaxBackoff: time.Hour}, func(l *Loop[string]) {
		for rev := range int64(10_000) {
			l.Set(rev, "v")
			time.Sleep(time.Millisecond)
		}
	})
	if n := len(r.values); n > 21 { // ten seconds, no wait under half a second
		t.Fatalf("applied %d times in ten seconds, want at most 21", n)
	}
}

func TestResyncAppliesTheSameValueAgain(t *testing.T) {
	r := &recorder{}
	run(t, r, Pacing{Resync: 10 * time.Second}, func(l *Loop[string]) {
		l.Set(1, "a")
		time.Sleep(35 * time.Second)
	})
	if want := []string{"a", "a", "a", "a"}; !slices.Equal(r.values, want) {
		t.Fatalf("applied %q, want %q", r.values, want)
	}
}

func TestWithoutResyncAnAppliedValueStands(t *testing.T) {
	r := &recorder{}
	run(t, r, Pacing{}, func(l *Loop[string]) {
		l.Set(1, "a")
		time.Sleep(24 * time.Hour)
	})
	if len(r.values) != 1 {
		t.Fatalf("applied %d times, want once", len(r.values))
	}
}

func TestStopEndsARunningApplyAndReportsNothing(t *testing.T) {
	r := &recorder{takes: time.Hour}
	run(t, r, Pacing{}, func(l *Loop[string]) {
		l.Set(1, "a")
		time.Sleep(time.Minute)
	})
	if len(r.values) != 1 || len(r.outcomes) != 0 {
		t.Fatalf("%d applied, %d reported; want 1 and 0", len(r.values), len(r.outcomes))
	}
}

func TestStopEndsAWait(t *testing.T) {
	tests := map[string]struct {
		err error
		at  time.Duration
	}{
		"within the shortest wait": {errors.New("no"), time.Second},
		"within a longer wait":     {errors.New("no"), 9 * time.Minute},
		"waiting for a resync":     {nil, time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &recorder{fail: func(int, string) error { return test.err }}
			run(t, r, Pacing{MinBackoff: time.Minute, MaxBackoff: time.Hour, Resync: time.Hour}, func(l *Loop[string]) {
				l.Set(1, "a")
				time.Sleep(test.at)
			})
			if len(r.values) == 0 {
				t.Fatal("never applied")
			}
		})
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	l := New(func(context.Context, int) error { return nil }, nil, Pacing{MinBackoff: 3, MaxBackoff: 1<<63 - 1})
	for failures := 1; failures < 200; failures++ {
		if d := l.backoff(failures); d <= 0 {
			t.Fatalf("after %d failures: %d", failures, d)
		}
	}
}
