package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"trellis/internal/resolver"
)

// loopback is a Network whose VPCs all live on 127.0.0.1: each address wanted in
// a VPC stands for a pair of ports here. It counts what is open.
type loopback struct {
	mu      sync.Mutex
	refused map[string]error // by "vpc network"
	at      map[string]string
	opened  int
	open    map[io.Closer]string
}

func newLoopback() *loopback {
	return &loopback{refused: map[string]error{}, at: map[string]string{}, open: map[io.Closer]string{}}
}

func (l *loopback) refuse(vpc, network string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[vpc+" "+network] = err
}

func (l *loopback) note(vpc, network, addr string, real net.Addr, c io.Closer) {
	l.at[vpc+" "+network+" "+addr] = real.String()
	l.open[c] = vpc + " " + network + " " + addr
	l.opened++
}

func (l *loopback) closed(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// places are the sockets open now, and how many were ever opened.
func (l *loopback) places() ([]string, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Values(l.open)), l.opened
}

func (l *loopback) address(vpc, network string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[vpc+" "+network+" 10.0.0.2:53"]
}

// breakAll closes every socket behind the server's back.
func (l *loopback) breakAll() {
	l.mu.Lock()
	open := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}

type packetConn struct {
	net.PacketConn
	from *loopback
}

func (c *packetConn) Close() error { c.from.closed(c); return c.PacketConn.Close() }

type streamListener struct {
	net.Listener
	from *loopback
}

func (c *streamListener) Close() error { c.from.closed(c); return c.Listener.Close() }

func (l *loopback) ListenPacket(vpc, network, addr string) (net.PacketConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refused[vpc+" "+network]; err != nil {
		return nil, err
	}
	real, err := net.ListenPacket(network, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &packetConn{real, l}
	l.note(vpc, network, addr, real.LocalAddr(), c)
	return c, nil
}

func (l *loopback) Listen(vpc, network, addr string) (net.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refused[vpc+" "+network]; err != nil {
		return nil, err
	}
	real, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &streamListener{real, l}
	l.note(vpc, network, addr, real.Addr(), c)
	return c, nil
}

func vpcs(ids ...string) *resolver.Zones {
	d := resolver.Desired{Public: []*resolver.Host{{Name: service, Addrs: []netip.Addr{netip.MustParseAddr("169.254.171.33")}}}}
	for _, id := range ids {
		d.VPCs = append(d.VPCs, &resolver.VPC{
			ID: id, EnableDNSSupport: true,
			Listen: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("169.254.169.253")},
		})
	}
	return resolver.Compile(d)
}

func sockets(ids ...string) []string {
	var out []string
	for _, id := range ids {
		for _, network := range []string{"tcp", "udp"} {
			for _, addr := range []string{"10.0.0.2:53", "169.254.169.253:53"} {
				out = append(out, fmt.Sprintf("%s %s %s", id, network, addr))
			}
		}
	}
	slices.Sort(out)
	return out
}

func start(t *testing.T) (*Server, *loopback) {
	t.Helper()
	network := newLoopback()
	server := New(network)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if open, _ := network.places(); len(open) > 0 {
			t.Errorf("open after Close: %v", open)
		}
	})
	return server, network
}

func apply(t *testing.T, s *Server, z *resolver.Zones) {
	t.Helper()
	if err := s.Apply(t.Context(), z); err != nil {
		t.Fatal(err)
	}
}

func TestApplyOpensKeepsAndCloses(t *testing.T) {
	server, network := start(t)
	steps := []struct {
		why    string
		zones  *resolver.Zones
		open   []string
		opened int
	}{
		{"two VPCs", vpcs("a", "b"), sockets("a", "b"), 8},
		{"the same again", vpcs("a", "b"), sockets("a", "b"), 8},
		{"one goes, one comes", vpcs("b", "c"), sockets("b", "c"), 12},
		{"all go", vpcs(), nil, 12},
		{"no zones", nil, nil, 12},
		{"one comes back", vpcs("a"), sockets("a"), 16},
	}
	for _, step := range steps {
		apply(t, server, step.zones)
		open, opened := network.places()
		if diff := cmp.Diff(step.open, open); diff != "" {
			t.Errorf("%s: %s", step.why, diff)
		}
		if opened != step.opened {
			t.Errorf("%s: %d sockets opened so far, want %d", step.why, opened, step.opened)
		}
	}
}

func TestOneVPCsFaultIsItsOwn(t *testing.T) {
	server, network := start(t)
	taken := errors.New("address in use")
	network.refuse("b", "tcp", taken)
	err := server.Apply(t.Context(), vpcs("a", "b", "c"))
	var faults Errors
	if !errors.As(err, &faults) || !errors.Is(err, taken) {
		t.Fatalf("error %v, want one by VPC that wraps %v", err, taken)
	}
	if len(faults) != 1 || faults["b"] == nil || !strings.Contains(err.Error(), "dns server of b: address in use") {
		t.Fatalf("faults %v, want one of b", faults)
	}
	open, _ := network.places()
	if diff := cmp.Diff(sockets("a", "c"), open); diff != "" {
		t.Fatalf("others: %s", diff)
	}
	network.refuse("b", "tcp", nil)
	apply(t, server, vpcs("a", "b", "c"))
	open, _ = network.places()
	if diff := cmp.Diff(sockets("a", "b", "c"), open); diff != "" {
		t.Fatalf("once the fault has gone: %s", diff)
	}
}

func TestABrokenSocketIsOpenedAnew(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	network.breakAll()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		apply(t, server, vpcs("a"))
		if open, _ := network.places(); slices.Equal(open, sockets("a")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the sockets never came back")
		}
	}
	exchange(t, network, "a", "udp")
}

func TestApplyStopsWithItsContext(t *testing.T) {
	server, network := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Apply(ctx, vpcs("a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want %v", err, context.Canceled)
	}
	if _, opened := network.places(); opened != 0 {
		t.Errorf("%d sockets opened", opened)
	}
}

func TestApplyAfterCloseIsRefused(t *testing.T) {
	server, _ := start(t)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Apply(t.Context(), vpcs("a")); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("error %v, want %v", err, net.ErrClosed)
	}
}

func exchange(t *testing.T, network *loopback, vpc, transport string) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: transport, Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(query(service, dns.TypeA), network.address(vpc, transport))
	if err != nil {
		t.Fatalf("%s in %s: %v", transport, vpc, err)
	}
	return reply
}

func TestAnswersOverBothTransports(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	for _, transport := range []string{"udp", "tcp"} {
		reply := exchange(t, network, "a", transport)
		if diff := cmp.Diff([]string{service + " 60 IN A 169.254.171.33"}, lines(reply.Answer)); diff != "" {
			t.Errorf("%s: %s", transport, diff)
		}
	}
}

func TestNewZonesAnswerThroughOldSockets(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	at := network.address("a", "udp")
	d := resolver.Desired{VPCs: []*resolver.VPC{{
		ID: "a", EnableDNSSupport: true,
		Listen: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("169.254.169.253")},
	}}}
	apply(t, server, resolver.Compile(d))
	if now := network.address("a", "udp"); now != at {
		t.Errorf("the socket moved from %s to %s", at, now)
	}
	if reply := exchange(t, network, "a", "udp"); reply.Rcode != dns.RcodeNameError {
		t.Errorf("rcode %s after the name went", dns.RcodeToString[reply.Rcode])
	}
}

func TestGoResolvesThroughIt(t *testing.T) {
	server, network := start(t)
	apply(t, server, testZones())
	client := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, transport, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, transport, network.address("a", transport))
	}}
	got, err := client.LookupNetIP(t.Context(), "ip", "www.corp.example.")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, netip.Addr.Compare)
	if s := fmt.Sprint(got); s != "[169.254.171.33 fd00:ec2:80::a9fe:ab21]" {
		t.Errorf("addresses %s", s)
	}
	got, err = client.LookupNetIP(t.Context(), "ip4", "many.us-east-1.elb.amazonaws.com.")
	if err != nil || len(got) != 200 {
		t.Errorf("%d addresses by way of truncation and TCP, want 200 (%v)", len(got), err)
	}
	names, err := client.LookupAddr(t.Context(), "10.0.8.5")
	if err != nil || !slices.Equal(names, []string{"ip-10-0-8-5.ec2.internal."}) {
		t.Errorf("names %q, %v", names, err)
	}
	_, err = client.LookupNetIP(t.Context(), "ip4", "nobody.example.")
	var dnsErr *net.DNSError
	if !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", network.address("a", "tcp"))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		return c
	}
	ask := func(c net.Conn) error {
		conn := &dns.Conn{Conn: c}
		if err := conn.WriteMsg(query(service, dns.TypeA)); err != nil {
			return err
		}
		_, err := conn.ReadMsg()
		return err
	}
	for range maxStreams {
		if err := ask(dial()); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(dial()); err == nil {
		t.Fatalf("connection %d was served, want it closed", maxStreams+1)
	}
	if err := ask(conns[0]); err != nil {
		t.Fatalf("a second query on the first connection: %v", err)
	}
	if err := server.Close(); err != nil { // ends them all, though they are idle
		t.Fatal(err)
	}
	if _, err := conns[1].Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived the server")
	}
}

// Whatever is sent over a stream is answered or ends that stream, and no other.
func TestHostileStreams(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	good, err := query(service, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	framed := func(packet []byte) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	}
	reversed := slices.Clone(good)
	reversed[2] |= 0x80
	for name, test := range map[string]struct {
		sent    []byte
		answers int
	}{
		"nothing":                        {nil, 0},
		"a message of no length":         {slices.Concat(framed(nil), framed(good)), 1},
		"less than a header":             {slices.Concat(framed(good[:5]), framed(good)), 1},
		"an answer":                      {slices.Concat(framed(reversed), framed(good)), 1},
		"cut in the name":                {slices.Concat(framed(good[:15]), framed(good)), 2},
		"a length longer than what came": {append([]byte{0xff, 0xff}, good...), 0},
		"a length shorter than it":       {append([]byte{0, 20}, good...), 1},
		"the longest message":            {slices.Concat(framed(append(slices.Clone(good), make([]byte, 0xffff-len(good))...)), framed(good)), 2},
		"HTTP":                           {[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0},
		"many at once":                   {bytes.Repeat(framed(good), 2000), 2000},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", network.address("a", "tcp"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			go func() {
				_, _ = c.Write(test.sent)
				_ = c.(*net.TCPConn).CloseWrite()
			}()
			answers := 0
			for conn := (&dns.Conn{Conn: c}); ; answers++ {
				if _, err := conn.ReadMsg(); err != nil {
					break
				}
			}
			if answers != test.answers {
				t.Errorf("%d answers, want %d", answers, test.answers)
			}
		})
	}
}

// A stream that stands still holds nobody up.
func TestStreamsThatStandStill(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	for range maxStreams - 1 {
		c, err := net.Dial("tcp", network.address("a", "tcp"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{0xff}); err != nil {
			t.Fatal(err)
		}
	}
	for _, transport := range []string{"tcp", "udp"} {
		client := dns.Client{Net: transport, Timeout: 10 * time.Second}
		if _, _, err := client.Exchange(query(service, dns.TypeA), network.address("a", transport)); err != nil {
			t.Errorf("over %s, while others stand still: %v", transport, err)
		}
	}
}

// Datagrams that mean nothing are answered with an error or not at all, and what is right is answered after them.
func TestHostileDatagrams(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a"))
	c, err := net.Dial("udp", network.address("a", "udp"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	good, err := query(service, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, packet := range [][]byte{{}, {0}, good[:11], good[:20], bytes.Repeat([]byte{0xc0, 12}, 300), bytes.Repeat([]byte{0xff}, 9000), append(slices.Clone(good), make([]byte, 2*maxQuery)...)} {
		if _, err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(good); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	for conn := (&dns.Conn{Conn: c}); ; {
		reply, err := conn.ReadMsg()
		if err != nil {
			t.Fatalf("what is right is not answered: %v", err)
		}
		if reply.Rcode == dns.RcodeSuccess {
			return
		}
	}
}

func TestApplyWhileAsked(t *testing.T) {
	server, network := start(t)
	apply(t, server, vpcs("a", "b"))
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			client := dns.Client{Timeout: 5 * time.Second}
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, _, err := client.Exchange(query(service, dns.TypeA), network.address("a", "udp")); err != nil {
					t.Errorf("while zones change: %v", err)
					return
				}
			}
		})
	}
	for i := range 50 {
		apply(t, server, vpcs("a", fmt.Sprint("other-", i)))
	}
	close(done)
	asking.Wait()
}
