package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"trellis/internal/proxy"
)

// fakeNetwork stands for network namespaces on loopback: an address of a namespace is a port of the host's own.
type fakeNetwork struct {
	mu    sync.Mutex
	real  map[proxy.Binding]string
	dials []proxy.Binding
	from  []netip.Addr
	fail  map[proxy.Binding]error
}

func newNetwork() *fakeNetwork {
	return &fakeNetwork{real: make(map[proxy.Binding]string), fail: make(map[proxy.Binding]error)}
}

func (n *fakeNetwork) Listen(_ context.Context, namespace string, addr netip.AddrPort) (net.Listener, error) {
	b := proxy.Binding{Namespace: namespace, Addr: addr}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.fail[b]; err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		n.real[b] = ln.Addr().String()
	}
	return ln, err
}

func (n *fakeNetwork) Dial(ctx context.Context, namespace string, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
	b := proxy.Binding{Namespace: namespace, Addr: to}
	n.mu.Lock()
	n.dials, n.from = append(n.dials, b), append(n.from, source)
	real, err := n.real[b], n.fail[b]
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if real == "" {
		return nil, fmt.Errorf("no host %s in %s", to, namespace)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", real)
}

func (n *fakeNetwork) addr(b proxy.Binding) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.real[b]
}

// target makes a listener answer at an address of a namespace.
func (n *fakeNetwork) target(t testing.TB, namespace, addr string, h func(net.Conn)) proxy.Target {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	ln, err := n.Listen(context.Background(), namespace, at)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
				defer stop()
				h(nc)
				_ = nc.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		running.Wait()
	})
	return proxy.Target{ID: at.Addr().String(), Addr: at, Namespace: namespace, Source: netip.MustParseAddr("169.254.171.9")}
}

// serving answers the requests of a connection with what reply makes of each, raw.
func serving(reply func(r *http.Request, body string) string) func(net.Conn) {
	return func(nc net.Conn) {
		br := bufio.NewReader(nc)
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if _, err := io.WriteString(nc, reply(r, string(body))); err != nil {
				return
			}
		}
	}
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

const (
	blueNS   = "blue"
	serverNS = "common"
	svcHost  = "directory-0abc.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
	svcARN   = "arn:aws:vpc-lattice:us-west-2:111111111111:service/svc-0123456789abcdefg"
	snARN    = "arn:aws:vpc-lattice:us-west-2:111111111111:servicenetwork/sn-0123456789abcdefg"
	tgARN    = "arn:aws:vpc-lattice:us-west-2:111111111111:targetgroup/tg-0123456789abcdefg"
	vpcARN   = "arn:aws:ec2:us-west-2:222222222222:vpc/vpc-0123456789abcdef0"
)

var latticeAddr = netip.MustParseAddrPort("169.254.171.33:80")

// oneService returns a table with one service whose requests go to the targets.
func oneService(targets ...proxy.Target) *proxy.Table {
	tg := &proxy.TargetGroup{ARN: tgARN, VPC: "vpc-0fedcba9876543210", Type: proxy.TargetIP, Protocol: proxy.HTTP, Targets: targets}
	svc := &proxy.Service{ID: "svc-0123456789abcdefg", ARN: svcARN, Account: "111111111111", Hosts: []string{svcHost},
		Auth: proxy.Auth{Type: proxy.AuthNone}, Listeners: []*proxy.Listener{{Port: 80, Protocol: proxy.HTTP,
			Default: proxy.Action{Groups: []proxy.WeightedGroup{{Group: tg, Weight: 100}}}}}}
	sn := &proxy.ServiceNetwork{ID: "sn-0123456789abcdefg", ARN: snARN, Auth: proxy.Auth{Type: proxy.AuthNone}, Services: []*proxy.Service{svc}}
	return &proxy.Table{VPCs: []*proxy.VPC{{Namespace: blueNS, ID: "vpc-0123456789abcdef0", ARN: vpcARN,
		Owner: "222222222222", Network: sn, Bindings: []netip.AddrPort{latticeAddr}}}}
}

func service(t *proxy.Table) *proxy.Service { return t.VPCs[0].Network.Services[0] }
func group(t *proxy.Table) *proxy.TargetGroup {
	return service(t).Listeners[0].Default.Groups[0].Group
}

// fixture is a server over a fake network.
type fixture struct {
	*Server
	net *fakeNetwork
	log *memoryLog
}

type memoryLog struct {
	mu      sync.Mutex
	records []string
	arrived chan struct{}
}

func (l *memoryLog) Write(records []AccessRecord) {
	l.mu.Lock()
	for _, r := range records {
		l.records = append(l.records, strings.Clone(r.JSON))
	}
	l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// wait returns the records once there are n.
func (l *memoryLog) wait(t testing.TB, n int) []string {
	t.Helper()
	for {
		l.mu.Lock()
		if len(l.records) >= n {
			defer l.mu.Unlock()
			return append([]string(nil), l.records...)
		}
		l.mu.Unlock()
		select {
		case <-l.arrived:
		case <-t.Context().Done():
			t.Fatal("records did not arrive")
		case <-time.After(10 * time.Second):
			t.Fatal("records did not arrive")
		}
	}
}

func start(t testing.TB, n *fakeNetwork, edit func(*Config)) *fixture {
	t.Helper()
	log := &memoryLog{arrived: make(chan struct{}, 1)}
	c := Config{Network: n, AccessLog: log}
	if edit != nil {
		edit(&c)
	}
	s := New(c)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &fixture{s, n, log}
}

func (f *fixture) apply(t testing.TB, table *proxy.Table) {
	t.Helper()
	if err := f.Apply(context.Background(), proxy.NewTable(table.VPCs, table.LoadBalancers)); err != nil {
		t.Fatal(err)
	}
}

// client is a raw connection to a binding.
type client struct {
	net.Conn
	br *bufio.Reader
}

func (f *fixture) dial(t testing.TB, namespace string, addr netip.AddrPort) *client {
	t.Helper()
	nc, err := net.Dial("tcp", f.net.addr(proxy.Binding{Namespace: namespace, Addr: addr}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{nc, bufio.NewReader(nc)}
}

// do sends raw bytes and reads one answer to a request of the method.
func (c *client) do(t testing.TB, method, raw string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	return c.read(t, method)
}

func (c *client) read(t testing.TB, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(c.br, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("body after %q: %v", body, err)
	}
	return res, string(body)
}

// ended checks that the connection carries nothing more.
func (c *client) ended(t testing.TB) {
	t.Helper()
	if b, err := c.br.ReadByte(); err == nil {
		rest, _ := io.ReadAll(c.br)
		t.Errorf("more arrived: %q", string(b)+string(rest))
	}
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: " + svcHost + "\r\n\r\n" }

func headerLines(r *http.Request) string {
	var b strings.Builder
	_ = r.Header.Write(&b)
	return b.String()
}
