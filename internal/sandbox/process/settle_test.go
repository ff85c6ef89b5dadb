//go:build linux

package process

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"trellis/internal/fault"
	"trellis/internal/sandbox"
)

// bare invokes a function as callers do who do not ask for its log.
func (h *host) bare(f *sandbox.Function, payload string) sandbox.Result {
	h.t.Helper()
	res, err := h.m.Invoke(h.t.Context(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(payload), RequestID: "r-bare"})
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

func TestPrivilegedSettling(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	one := 1
	f := h.function("one", func(f *sandbox.Function) { f.Reserved = &one })
	h.ready()
	// A caller who comes back at once is neither throttled nor given a new instance, but for one that does not settle in time.
	cold := 0
	const times = 300
	for range times {
		if h.bare(f, `{"Do":"calls"}`).Cold {
			cold++
		}
	}
	if cold > times/10 {
		t.Errorf("%d of %d invocations one after another had an instance of their own", cold, times)
	}
	if res := h.bare(f, `{"Do":"print","Text":"after all"}`); res.LogTail != nil {
		t.Errorf("a log that nobody asked for: %q", res.LogTail)
	}
	eventually(t, "the report of an invocation that was answered before", func() bool {
		_, rest, ok := strings.Cut(h.log.all(), "after all\n")
		return ok && strings.Contains(rest, "END RequestId: r-bare\nREPORT RequestId: r-bare\tDuration: ")
	})

	// A function that goes on after its answer has its answer delivered, and others do not wait for it.
	slow := h.function("slow", nil)
	h.ready()
	if res := h.bare(slow, `{"Do":"linger","N":60000}`); string(res.Payload) != "1" {
		t.Errorf("%s", res.Payload)
	}
	if res := h.bare(slow, `{"Do":"calls"}`); string(res.Payload) != "1" || !res.Cold {
		t.Errorf("while another instance lingers: %s, cold %v", res.Payload, res.Cold)
	}
	// It is still killed when its time is over, and the one that waited is used again.
	if res := h.bare(slow, `{"Do":"calls"}`); string(res.Payload) == "1" && !res.Cold {
		t.Errorf("%s of an instance that is not new", res.Payload)
	}
}

func TestPrivilegedNoMemory(t *testing.T) {
	privileged(t)
	free := 1 << 30
	h := newHost(t, func(o *Options) { o.Memory = func() int { return free } })
	small := h.function("small", nil)
	large := h.function("large", func(f *sandbox.Function) { f.MemoryMB = 1024 })
	h.ready()
	if got := h.get(small, ev{Do: "calls"}); got != "1" {
		t.Error(got)
	}
	for range 2 {
		// The first gives up the instance that is idle, which is of no use either.
		_, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: large.ARN})
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Throttled || e.Code != "TooManyRequestsException" || e.Reason != "ConcurrentInvocationLimitExceeded" {
			t.Fatal(err)
		}
	}
	free = 2 << 30
	if got := h.get(large, ev{Do: "calls"}); got != "1" {
		t.Error(got)
	}
	if got := h.get(large, ev{Do: "read", Text: "/proc/self/oom_score_adj"}); got != "1000\n" {
		t.Errorf("the kernel ends it with priority %q", got)
	}
}

func TestAvailableMemory(t *testing.T) {
	if n := available(); n < 1<<20 || n > 1<<50 {
		t.Errorf("%d bytes", n)
	}
}

func TestLine(t *testing.T) {
	p := new(pool)
	if p.hand(new(instance)) {
		t.Error("handed to nobody")
	}
	p.settling = 2
	a, b := p.queue(), p.queue()
	in := new(instance)
	if !p.hand(in) || <-a != in {
		t.Error("the first in the line has no instance")
	}
	p.settling = 1
	p.turnAway()
	if len(b) != 0 {
		t.Error("turned away although an instance settles")
	}
	p.settling = 0
	p.turnAway()
	if <-b != nil || len(p.waiting) != 0 {
		t.Error("left waiting for nothing")
	}
}

// A hundred callers at once have a hundred instances, none of which ends before the last has begun.
func TestPrivilegedHundredAtOnce(t *testing.T) {
	privileged(t)
	const many = 100
	var begun sync.WaitGroup
	begun.Add(many)
	h := newHost(t, func(o *Options) {
		o.API = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			begun.Done()
			begun.Wait()
			fmt.Fprint(w, "all are here")
		})
	})
	f := h.function("many", func(f *sandbox.Function) { f.Timeout = 2 * time.Minute })
	h.ready()
	var callers sync.WaitGroup
	for range many {
		callers.Go(func() {
			res, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(`{"Do":"get","Text":"http://127.0.0.1:4566/"}`)})
			if err != nil || !res.Cold || string(res.Payload) != `"all are here"` {
				t.Errorf("%s, cold %v: %v", res.Payload, res.Cold, err)
			}
		})
	}
	callers.Wait()
}
