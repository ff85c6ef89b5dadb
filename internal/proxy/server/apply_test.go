package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trellis/internal/proxy"
)

// TestVPCsAreToldApart has two VPCs call the same address, each seeing only its own network's services.
func TestVPCsAreToldApart(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	blue := oneService(n.target(t, serverNS, "10.0.0.5:80", rawTarget([]byte(ok("blue")))))
	green := oneService(n.target(t, "other", "10.0.0.5:80", rawTarget([]byte(ok("green")))))
	green.VPCs[0].Namespace = "green"
	for _, arn := range []*string{&group(green).ARN, &service(green).ARN, &green.VPCs[0].Network.ARN} {
		*arn += "g"
	}
	lonely := &proxy.VPC{Namespace: "lonely", Bindings: []netip.AddrPort{latticeAddr}}
	f.apply(t, &proxy.Table{VPCs: []*proxy.VPC{blue.VPCs[0], green.VPCs[0], lonely}})
	for ns, want := range map[string]string{blueNS: "blue", "green": "green", "lonely": "Not Found"} {
		if _, body := f.dial(t, ns, latticeAddr).do(t, "GET", get("/")); body != want {
			t.Errorf("%s got %q", ns, body)
		}
	}
}

// TestApply holds that a request ends by the table it began with, that idle connections end with their socket, and that
// nothing of the namespace is open after Drain.
func TestApply(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := n.target(t, serverNS, "10.0.0.5:80", serving(func(r *http.Request, _ string) string {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		return ok("old")
	}))
	f.apply(t, oneService(slow))
	idle, busy := f.dial(t, blueNS, latticeAddr), f.dial(t, blueNS, latticeAddr)
	idle.do(t, "GET", get("/"))
	if _, err := io.WriteString(busy, get("/slow")); err != nil {
		t.Fatal(err)
	}
	<-arrived
	real := n.addr(proxy.Binding{Namespace: blueNS, Addr: latticeAddr})
	f.apply(t, &proxy.Table{})
	if nc, err := net.Dial("tcp", real); err == nil {
		_ = nc.Close()
		t.Error("the socket is still open after Apply")
	}
	idle.ended(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Drain(context.WithoutCancel(ctx), blueNS) }()
	select {
	case <-done:
		t.Error("Drain returned while a request was under way")
	case <-ctx.Done():
	}
	close(release)
	if res, body := busy.read(t, "GET"); body != "old" || !res.Close {
		t.Errorf("%q close %v", body, res.Close)
	}
	busy.ended(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := f.Drain(t.Context(), serverNS); err != nil {
		t.Error(err)
	}
	if s := f.Stats(); s.Open != 0 {
		t.Errorf("%d connections are open", s.Open)
	}
}

// TestDrainByForce has a target that never answers.
func TestDrainByForce(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	arrived := make(chan struct{})
	f.apply(t, oneService(n.target(t, serverNS, "10.0.0.5:80", func(nc net.Conn) {
		close(arrived)
		<-t.Context().Done()
	})))
	c := f.dial(t, blueNS, latticeAddr)
	_, _ = io.WriteString(c, get("/"))
	<-arrived
	f.apply(t, &proxy.Table{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for _, ns := range []string{blueNS, serverNS} {
		if err := f.Drain(ctx, ns); !errors.Is(err, context.DeadlineExceeded) && err != nil {
			t.Error(err)
		}
	}
	c.ended(t)
}

// TestApplyTwice holds that applying an equal table changes nothing.
func TestApplyTwice(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	target := n.target(t, serverNS, "10.0.0.5:80", rawTarget([]byte(ok("x"))))
	f.apply(t, oneService(target))
	c := f.dial(t, blueNS, latticeAddr)
	c.do(t, "GET", get("/"))
	before := n.addr(proxy.Binding{Namespace: blueNS, Addr: latticeAddr})
	f.apply(t, oneService(target))
	c.do(t, "GET", get("/"))
	if s := f.Stats(); s.Dials != 1 || s.Reused != 1 || s.Connections != 1 || n.addr(proxy.Binding{Namespace: blueNS, Addr: latticeAddr}) != before {
		t.Errorf("%+v", s)
	}
}

func TestBindFailure(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	b := proxy.Binding{Namespace: blueNS, Addr: latticeAddr}
	n.fail[b] = errors.New("no such address")
	table := oneService()
	other := netip.MustParseAddrPort("169.254.171.34:80")
	table.VPCs[0].Bindings = append(table.VPCs[0].Bindings, other)
	var one *BindError
	var all BindErrors
	err := f.Apply(t.Context(), proxy.NewTable(table.VPCs, nil))
	if !errors.As(err, &one) || one.Binding != b || !errors.As(err, &all) || len(all) != 1 || !errors.Is(err, n.fail[b]) {
		t.Fatalf("got %v", err)
	}
	if res, _ := f.dial(t, blueNS, other).do(t, "GET", get("/")); res.StatusCode != 503 {
		t.Errorf("the other socket answers %d", res.StatusCode)
	}
	n.mu.Lock()
	delete(n.fail, b)
	n.mu.Unlock()
	f.apply(t, table)
	if res, _ := f.dial(t, blueNS, latticeAddr).do(t, "GET", get("/")); res.StatusCode != 503 {
		t.Errorf("the socket answers %d", res.StatusCode)
	}
}

// TestPoolsClose holds that connections to a target that left are closed.
func TestPoolsClose(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	closed := make(chan struct{})
	first := n.target(t, serverNS, "10.0.0.5:80", func(nc net.Conn) {
		rawTarget([]byte(ok("first")))(nc)
		close(closed)
	})
	f.apply(t, oneService(first))
	c := f.dial(t, blueNS, latticeAddr)
	c.do(t, "GET", get("/"))
	f.apply(t, oneService(n.target(t, serverNS, "10.0.0.6:80", rawTarget([]byte(ok("second"))))))
	<-closed
	if _, body := c.do(t, "GET", get("/")); body != "second" {
		t.Error(body)
	}
}

func TestHealthChecks(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	var mu sync.Mutex
	sick := false
	checks := make(chan string, 100)
	answer := func(name string, mayBeSick bool) func(*http.Request, string) string {
		return func(r *http.Request, _ string) string {
			if r.URL.Path != "/health" {
				return ok(name)
			}
			select {
			case checks <- r.UserAgent():
			default:
			}
			mu.Lock()
			defer mu.Unlock()
			if sick && mayBeSick {
				return "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
			}
			return "HTTP/1.1 204 OK\r\n\r\n"
		}
	}
	table := oneService(n.target(t, serverNS, "10.0.0.5:80", serving(answer("a", true))), n.target(t, serverNS, "10.0.0.6:80", serving(answer("b", false))))
	group(table).Check = proxy.HealthCheck{Enabled: true, Path: "/health", Interval: 5 * time.Millisecond, Timeout: time.Second, Healthy: 2, Unhealthy: 2, Matcher: "200-299"}
	f.apply(t, table)
	status := func(want ...proxy.Status) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			h := f.Health()
			if h[0].Status == want[0] && h[1].Status == want[1] {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("health is %+v, want %v", h, want)
			}
		}
	}
	seen := func() map[string]int {
		c := f.dial(t, blueNS, latticeAddr)
		got := map[string]int{}
		for range 10 {
			_, body := c.do(t, "GET", get("/"))
			got[body]++
		}
		return got
	}
	status(proxy.Healthy, proxy.Healthy)
	if got := seen(); got["a"] != 5 || got["b"] != 5 {
		t.Errorf("both healthy: %v", got)
	}
	mu.Lock()
	sick = true
	mu.Unlock()
	status(proxy.Unhealthy, proxy.Healthy)
	if got := seen(); got["b"] != 10 {
		t.Errorf("one unhealthy: %v", got)
	}
	if h := f.Health()[0]; h.HTTPStatus != 500 || h.Reason == "" || h.Port != 80 {
		t.Errorf("%+v", h)
	}
	// A new table with the same targets keeps what is known of them.
	again := oneService(group(table).Targets...)
	group(again).Check = group(table).Check
	f.apply(t, again)
	if h := f.Health()[0]; h.Status != proxy.Unhealthy {
		t.Errorf("after Apply: %+v", h)
	}
	mu.Lock()
	sick = false
	mu.Unlock()
	status(proxy.Healthy, proxy.Healthy)
	if agent := <-checks; agent == "" {
		t.Error("health checks do not say who they are")
	}
}
