//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"trellis/internal/fault"
	"trellis/internal/sandbox"
)

func TestPrivilegedInvoke(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f := h.function("one", func(f *sandbox.Function) { f.Environment = map[string]string{"COLOUR": "blue"} })
	h.ready()

	res, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(`{"Do":"print","Text":"hello\nworld"}`), RequestID: "r-1", Tail: true})
	if err != nil {
		t.Fatal(err)
	}
	if res.RequestID != "r-1" || res.StatusCode != 200 || res.Version != sandbox.Latest || !res.Cold || string(res.Payload) != "null" || res.FunctionError != "" {
		t.Errorf("%+v", res)
	}
	lines := strings.Split(string(res.LogTail), "\n")
	for i, want := range []string{"START RequestId: r-1 Version: $LATEST", "hello", "world", "END RequestId: r-1", "REPORT RequestId: r-1\tDuration: "} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d of %q is not %q", i, lines, want)
		}
	}
	for _, tc := range []struct {
		e    ev
		want string
	}{
		{ev{Do: "echo", Text: "hi"}, "hi"},
		{ev{Do: "self"}, "1 1000 1000localhost"},
		{ev{Do: "env", Text: "COLOUR"}, "blue"},
		{ev{Do: "env", Text: "AWS_ACCESS_KEY_ID"}, "ASIATEST"},
		{ev{Do: "env", Text: "AWS_SESSION_TOKEN"}, f.Role},
		{ev{Do: "header", Text: "Lambda-Runtime-Invoked-Function-Arn"}, f.ARN},
		{ev{Do: "get", Text: "http://127.0.0.1:4566/x"}, "the API"},
		{ev{Do: "read", Text: "data.txt"}, "code"},
		{ev{Do: "fail", Text: "oh"}, "!oh"},
		{ev{Do: "calls"}, "11"},
	} {
		if got := h.get(f, tc.e); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.e, got, tc.want)
		}
	}
	if n := h.log.streams(); n != 1 {
		t.Errorf("%d streams, want the one of the instance that was used again and again", n)
	}
	if _, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Version: "7"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("another version: %v", err)
	}
}

func TestPrivilegedFailures(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	env := func(v string) func(*sandbox.Function) {
		return func(f *sandbox.Function) {
			f.Environment = map[string]string{"INIT": v}
		}
	}
	normal := h.function("normal", env(""))
	hasty := h.function("hasty", func(f *sandbox.Function) { f.Timeout = time.Second })
	nothing := h.function("nothing", func(f *sandbox.Function) { f.Code = h.put(zipped{"readme": "no bootstrap"}) })
	garbage := h.function("garbage", func(f *sandbox.Function) { f.Code = h.put(zipped{"bootstrap": "no program"}) })
	initFail, initExit := h.function("init-fail", env("fail")), h.function("init-exit", env("exit"))
	h.ready()
	for _, tc := range []struct {
		name      string
		f         *sandbox.Function
		e         ev
		errorType string
		message   string
		log       string
	}{
		{"timeout", hasty, ev{Do: "sleep", N: 60000}, "Sandbox.Timedout", "Task timed out after 1.00 seconds", "Status: timeout"},
		{"exit", normal, ev{Do: "exit", N: 3}, "Runtime.ExitError", "Runtime exited with error: exit status 3", "Error Type: Runtime.ExitError"},
		{"exit 0", normal, ev{Do: "exit"}, "Runtime.ExitError", "Runtime exited without providing a reason", "Status: error"},
		{"panic", normal, ev{Do: "panic"}, "Runtime.ExitError", "exit status 2", "panic: as told"},
		{"too large", normal, ev{Do: "big", N: sandbox.MaxPayload}, "Function.ResponseSizeTooLarge", "payload size", "REPORT"},
		{"out of memory", normal, ev{Do: "alloc", N: 400}, "Runtime.OutOfMemory", "signal: killed", "Max Memory Used: 128 MB"},
		{"init error", initFail, ev{}, "Bad.Init", "as told", "START"},
		{"init exit", initExit, ev{}, "Runtime.ExitError", "exit status 7", "START"},
		{"no bootstrap", nothing, ev{}, "Runtime.InvalidEntrypoint", "/var/task/bootstrap: no such file", "START"},
		{"bad bootstrap", garbage, ev{}, "Runtime.InvalidEntrypoint", "exec format error", "START"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := h.invoke(tc.f, tc.e)
			var report struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal(res.Payload, &report); err != nil {
				t.Fatalf("%s: %v", res.Payload, err)
			}
			if res.StatusCode != 200 || res.FunctionError != "Unhandled" || report.ErrorType != tc.errorType || !strings.Contains(report.ErrorMessage, tc.message) {
				t.Errorf("%d %s %s, want %s %q", res.StatusCode, res.FunctionError, res.Payload, tc.errorType, tc.message)
			}
			if !strings.Contains(string(res.LogTail), tc.log) {
				t.Errorf("the log does not say %q:\n%s", tc.log, res.LogTail)
			}
			if tc.f == normal || tc.f == hasty {
				if got := h.get(tc.f, ev{Do: "echo", Text: "on"}); got != "on" {
					t.Errorf("afterwards the function answers %q", got)
				}
			}
		})
	}
}

func TestPrivilegedFailedFunctions(t *testing.T) {
	privileged(t)
	h := newHost(t, func(o *Options) { o.Interpreters = func(context.Context) []sandbox.Interpreter { return nil } })
	python := h.function("python", func(f *sandbox.Function) { f.Runtime = "python3.12" })
	missing := h.function("missing", func(f *sandbox.Function) { f.Code = strings.Repeat("0", 64) })
	wrong := h.function("wrong", func(f *sandbox.Function) { f.MemoryMB = 1 })
	inVPC := h.function("vpc", func(f *sandbox.Function) { f.Interface = "eni-1" })
	noRole := h.function("role", func(f *sandbox.Function) { f.Role = "arn:aws:iam::111111111111:role/forbidden" })
	for i, s := range h.apply() {
		if (s.State == sandbox.Active) != (i == 4) {
			t.Errorf("%+v", s)
		}
	}
	for _, tc := range []struct {
		f      *sandbox.Function
		code   string
		reason string
	}{
		{python, "InvalidRuntimeException", "needs python 3.7 or later"},
		{missing, "InvalidZipFileException", "not in the store"},
		{wrong, "ServiceException", "memory size 1"},
		{inVPC, "ServiceException", "no networks"},
		{noRole, "ServiceException", "could not be started"},
	} {
		_, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: tc.f.ARN})
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Gateway || e.Code != tc.code || !strings.Contains(e.Message, tc.reason) {
			t.Errorf("%s: %v, want %s %q", tc.f.Name(), err, tc.code, tc.reason)
		}
	}
	// A failed function is prepared again by the next Apply.
	python.Runtime, h.fns[0].Runtime = "provided.al2023", "provided.al2023"
	if s := h.apply()[0]; s.State != sandbox.Active {
		t.Errorf("%+v", s)
	}
}

func TestPrivilegedConcurrency(t *testing.T) {
	privileged(t)
	h := newHost(t, func(o *Options) { o.MaxInstances = 4 })
	three, zero := 3, 0
	f := h.function("many", func(f *sandbox.Function) { f.Reserved = &three })
	none := h.function("none", func(f *sandbox.Function) { f.Reserved = &zero })
	other := h.function("other", nil)
	h.ready()

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if res := h.invoke(f, ev{Do: "sleep", N: 1000}); string(res.Payload) != `"slept"` || !res.Cold {
				t.Errorf("%s, cold %v", res.Payload, res.Cold)
			}
		})
	}
	eventually(t, "three instances at work", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return h.m.busy[f.ARN] == 3 && h.m.starting == 0
	})
	for _, tc := range []struct {
		f      *sandbox.Function
		reason string
	}{
		{f, "ReservedFunctionConcurrentInvocationLimitExceeded"},
		{none, "ReservedFunctionConcurrentInvocationLimitExceeded"},
	} {
		_, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: tc.f.ARN})
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Throttled || e.Code != "TooManyRequestsException" || e.Reason != tc.reason {
			t.Errorf("%s: %v", tc.f.Name(), err)
		}
	}
	wg.Wait()

	// The host is full once other has an instance; a fourth function takes the place of one that is idle.
	if got := h.get(other, ev{Do: "calls"}); got != "1" {
		t.Error(got)
	}
	fourth := h.function("fourth", nil)
	h.ready()
	if got := h.get(fourth, ev{Do: "calls"}); got != "1" {
		t.Error(got)
	}
	if s := h.m.Stats(); s.Instances > 4 || s.Instances < 2 || s.Busy != 0 {
		t.Errorf("%+v, and 4 instances are allowed", s)
	}
}

func TestPrivilegedChange(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	colour := func(c string) func(*sandbox.Function) {
		return func(f *sandbox.Function) { f.Environment = map[string]string{"COLOUR": c} }
	}
	f := h.function("change", colour("blue"))
	h.ready()
	if got := h.get(f, ev{Do: "env", Text: "COLOUR"}); got != "blue" {
		t.Fatal(got)
	}
	before := h.m.Status()
	h.ready()
	ten := 10
	h.fns[0].Reserved = &ten
	h.ready()
	if got := h.get(f, ev{Do: "calls"}); got != "2" {
		t.Errorf("after two applies that changed no revision an instance had %s calls, want 2", got)
	}
	if after := h.m.Status(); len(after) != 1 || after[0] != before[0] {
		t.Errorf("status %+v became %+v", before, after)
	}

	var wg sync.WaitGroup
	wg.Go(func() {
		if got := h.get(f, ev{Do: "sleep", N: 500}); got != "slept" {
			t.Errorf("an invocation during a change: %q", got)
		}
	})
	eventually(t, "an invocation at work", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return h.m.busy[f.ARN] == 1
	})
	f = h.function("change", colour("green"))
	h.ready()
	if got := h.get(f, ev{Do: "env", Text: "COLOUR"}); got != "green" {
		t.Errorf("after the change: %q", got)
	}
	wg.Wait()
	eventually(t, "only the new instance", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return len(h.m.all) == 1
	})

	h.fns = nil
	h.ready()
	if _, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a removed function: %v", err)
	}
	eventually(t, "no instance", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return len(h.m.all) == 0 && len(h.m.pools) == 0
	})
}

func TestPrivilegedVersions(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	latest := h.function("v", func(f *sandbox.Function) { f.Environment = map[string]string{"COLOUR": "new"} })
	one := h.function("v", func(f *sandbox.Function) { f.Version, f.Environment = "1", map[string]string{"COLOUR": "old"} })
	h.ready()
	for f, want := range map[*sandbox.Function]string{latest: "new", one: "old"} {
		if got := h.get(f, ev{Do: "env", Text: "COLOUR"}); got != want {
			t.Errorf("%s: %s", f.Version, got)
		}
		if got := h.get(f, ev{Do: "env", Text: "AWS_LAMBDA_FUNCTION_VERSION"}); got != f.Version {
			t.Errorf("%s runs as %s", f.Version, got)
		}
	}
}

func TestPrivilegedLayers(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	text, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	first := h.put(zipped{"bootstrap": string(text), "conf/a": "first", "conf/b": "first"})
	second := h.put(zipped{"conf/b": "second"})
	f := h.function("layers", func(f *sandbox.Function) {
		f.Code = h.put(zipped{"readme": "the bootstrap comes in a layer"})
		f.Layers = []string{first, second}
	})
	h.ready()
	for path, want := range map[string]string{"/opt/conf/a": "first", "/opt/conf/b": "second", "/var/task/readme": "the bootstrap comes in a layer"} {
		if got := h.get(f, ev{Do: "read", Text: path}); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := h.get(f, ev{Do: "write", Text: "/opt/conf/c", N: 1}); !strings.Contains(got, "read-only") && !strings.Contains(got, "permission denied") {
		t.Errorf("writing to a layer: %s", got)
	}
}

func TestPrivilegedEvents(t *testing.T) {
	privileged(t)
	h := newHost(t, func(o *Options) { o.RetryDelays = []time.Duration{time.Millisecond, time.Millisecond}; o.MaxEvents = 2 })
	one := 1
	f := h.function("events", nil)
	once := h.function("once", func(f *sandbox.Function) { f.Retries = &one })
	h.ready()
	send := func(f *sandbox.Function, id string, e ev) error {
		payload, _ := json.Marshal(e)
		res, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Payload: payload, RequestID: id, Event: true})
		if err == nil && (res.StatusCode != 202 || len(res.Payload) != 0) {
			t.Errorf("%+v", res)
		}
		return err
	}
	waitFor := func(id string, starts int) {
		t.Helper()
		eventually(t, id, func() bool {
			h.m.mu.Lock()
			idle := h.m.events == 0
			h.m.mu.Unlock()
			return idle && strings.Count(h.log.all(), "END RequestId: "+id) == starts
		})
	}
	for _, tc := range []struct {
		f      *sandbox.Function
		id     string
		e      ev
		starts int
	}{
		{f, "good", ev{Do: "echo"}, 1},
		{f, "bad", ev{Do: "fail", Text: "x"}, 3},
		{once, "bad-once", ev{Do: "fail", Text: "x"}, 2},
	} {
		if err := send(tc.f, tc.id, tc.e); err != nil {
			t.Fatal(err)
		}
		waitFor(tc.id, tc.starts)
	}
	for i := range 2 {
		if err := send(f, fmt.Sprint("slow-", i), ev{Do: "sleep", N: 300}); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(f, "over", ev{Do: "echo"}); !fault.Is(err, fault.Throttled) {
		t.Errorf("a third event: %v", err)
	}
	waitFor("slow-0", 1)
	if _, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN + "x", Event: true}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an event for no function: %v", err)
	}
	for event, limit := range map[bool]int{true: sandbox.MaxEventPayload, false: sandbox.MaxPayload} {
		_, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Event: event, Payload: make([]byte, limit+1)})
		if !fault.Is(err, fault.TooLarge) {
			t.Errorf("a payload over the limit, event %v: %v", event, err)
		}
	}
}

func TestPrivilegedIdle(t *testing.T) {
	privileged(t)
	h := newHost(t, func(o *Options) { o.FreezeAfter = time.Millisecond })
	f := h.function("idle", nil)
	h.ready()
	h.get(f, ev{Do: "bomb", N: 3})
	state := func(want string) bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		for in := range h.m.all {
			pids := family(in.process.Pid)
			for _, pid := range pids {
				if processState(pid) != want && processState(pid) != "Z" {
					return false
				}
			}
			return len(pids) == 4
		}
		return false
	}
	eventually(t, "all four processes stopped", func() bool { return state("T") })
	if got := h.get(f, ev{Do: "calls"}); got != "2" {
		t.Errorf("a frozen instance had %s calls, want 2", got)
	}
	eventually(t, "all four processes stopped again", func() bool { return state("T") })
	h.m.mu.Lock()
	for in := range h.m.all {
		in.idleAt = in.idleAt.Add(-time.Hour)
		in.timer.Reset(0)
	}
	h.m.mu.Unlock()
	eventually(t, "the instance reaped", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return len(h.m.all) == 0
	})
	if got := h.get(f, ev{Do: "calls"}); got != "1" {
		t.Errorf("after the reaping an instance had %s calls, want 1", got)
	}
}

func TestPrivilegedExpiry(t *testing.T) {
	privileged(t)
	h := newHost(t, func(o *Options) { o.Credentials = fixedCredentials{time.Now().Add(30 * time.Second)} })
	f := h.function("expiry", nil)
	h.ready()
	for range 2 {
		if got := h.get(f, ev{Do: "calls"}); got != "1" {
			t.Errorf("an instance whose credentials expire was used again: %s", got)
		}
	}
}

func TestPrivilegedSlowLog(t *testing.T) {
	privileged(t)
	unblock := make(chan struct{})
	h := newHost(t, nil)
	h.log.block = unblock
	f := h.function("flood", nil)
	h.ready()
	const lines = 8000
	done := make(chan sandbox.Result)
	go func() { done <- h.invoke(f, ev{Do: "flood", N: lines}) }()
	eventually(t, "a full log", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		for in := range h.m.all {
			in.log.mu.Lock()
			defer in.log.mu.Unlock()
			return in.log.waiting > maxWaiting
		}
		return false
	})
	select {
	case <-done:
		t.Error("a function printed more than may wait, and ended")
	case <-time.After(50 * time.Millisecond):
	}
	close(unblock)
	if res := <-done; res.FunctionError != "" {
		t.Errorf("%s %s", res.FunctionError, res.Payload)
	}
	eventually(t, "all lines", func() bool { return strings.Count(h.log.all(), "\nline ") == lines })
}

// recorder is a Network that tells which interfaces are held.
type recorder struct {
	mu   sync.Mutex
	held map[string]int
}

type recorded struct {
	Namespace
	close func()
}

func (r recorded) Close() error {
	defer r.close()
	return r.Namespace.Close()
}

func (r *recorder) Attach(ctx context.Context, id string) (Namespace, error) {
	if id == "eni-bad" {
		return nil, errors.New("no such interface")
	}
	ns, err := Isolated{}.Attach(ctx, id)
	if err != nil {
		return nil, err
	}
	count := func(n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held[id] += n
	}
	count(1)
	return recorded{ns, func() { count(-1) }}, nil
}

func TestPrivilegedInterfaces(t *testing.T) {
	privileged(t)
	r := &recorder{held: make(map[string]int)}
	h := newHost(t, func(o *Options) { o.Network = r })
	at := func(name, id string) *sandbox.Function {
		return h.function(name, func(f *sandbox.Function) { f.Interface = id })
	}
	f, bad, none := at("f", "eni-1"), at("bad", "eni-bad"), at("none", "")
	h.ready()
	h.get(f, ev{Do: "echo"})
	h.get(none, ev{Do: "echo"})
	if _, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: bad.ARN}); !fault.Is(err, fault.Gateway) {
		t.Errorf("a function whose interface is missing: %v", err)
	}
	if got := h.m.Attached(); len(got) != 1 || got["eni-1"] != 1 {
		t.Errorf("attached %v", got)
	}
	h.fns = nil
	h.ready()
	eventually(t, "no interface held", func() bool { return len(h.m.Attached()) == 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) != 1 || r.held["eni-1"] != 0 {
		t.Errorf("namespaces held after their interfaces were said to be free: %v", r.held)
	}
}
