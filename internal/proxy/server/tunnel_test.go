package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"trellis/internal/proxy"
)

type names map[string]netip.Addr

func (n names) Resolve(vpc, name string) (netip.Addr, bool) {
	a, ok := n[vpc+"/"+name]
	return a, ok
}

const gatewayNS = "eni-gateway"

// entrance is where the resource is reached.
var entrance = netip.MustParseAddrPort("129.224.0.7:5432")

// resource is a table with one VPC and a resource, reached at the port that the fake network gives its listener.
func resource(r *proxy.Resource) *proxy.Table {
	r.ARN, r.Ports = "arn:rcfg", []proxy.PortRange{{From: 1, To: 65535}}
	r.Gateway = []proxy.Node{{Namespace: gatewayNS, Address: netip.MustParseAddr("10.0.0.4")}, {Namespace: gatewayNS, Address: netip.MustParseAddr("10.0.0.5")}}
	return &proxy.Table{VPCs: []*proxy.VPC{{Namespace: blueNS, Entrances: []proxy.Entrance{{ID: "snra-1", AddrPort: entrance, Resource: r}}}}}
}

// behind makes an echo answer at the port the client will ask for.
func (f *fixture) behind(t *testing.T, ip string) {
	t.Helper()
	port := netip.MustParseAddrPort(f.net.addr(proxy.Binding{Namespace: blueNS, Addr: entrance})).Port()
	f.net.target(t, gatewayNS, netip.AddrPortFrom(netip.MustParseAddr(ip), port).String(), func(nc net.Conn) { _, _ = io.Copy(nc, nc) })
}

// Bytes go both ways, each side's end is passed on, and the gateway's addresses take turns.
func TestTunnel(t *testing.T) {
	for name, r := range map[string]*proxy.Resource{
		"an address":        {IP: netip.MustParseAddr("10.0.0.9")},
		"a name":            {Name: "db.example.com"},
		"a name of a VPC's": {Name: "db.internal", NameVPC: "vpc-1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, newNetwork(), func(c *Config) {
				c.Names = names{"/db.example.com": netip.MustParseAddr("10.0.0.9"), "vpc-1/db.internal": netip.MustParseAddr("10.0.0.9")}
			})
			f.apply(t, resource(r))
			f.behind(t, "10.0.0.9")
			for range 2 {
				c := f.dial(t, blueNS, entrance)
				if _, err := io.WriteString(c, "hello"); err != nil {
					t.Fatal(err)
				}
				if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
					t.Errorf("%q, %v", got, err)
				}
			}
			if f.net.from[0] == f.net.from[1] {
				t.Errorf("both connections came from %s", f.net.from[0])
			}
		})
	}
}

// What cannot be reached is told by a reset, and nothing of it is left.
func TestTunnelToNowhere(t *testing.T) {
	for name, r := range map[string]*proxy.Resource{
		"nobody there":   {IP: netip.MustParseAddr("10.0.0.9")},
		"no such name":   {Name: "db.example.com"},
		"another's name": {Name: "db.internal"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, newNetwork(), func(c *Config) { c.Names = names{"vpc-1/db.internal": netip.MustParseAddr("10.0.0.9")} })
			f.apply(t, resource(r))
			c, err := net.Dial("tcp", f.net.addr(proxy.Binding{Namespace: blueNS, Addr: entrance}))
			if err != nil {
				return // the reset was faster
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%q and %v, want a reset", got, err)
			}
		})
	}
}

// A connection ends when its resource is taken away, and holds up neither namespace.
func TestTunnelEndsWithItsResource(t *testing.T) {
	f := start(t, newNetwork(), nil)
	r := &proxy.Resource{IP: netip.MustParseAddr("10.0.0.9")}
	f.apply(t, resource(r))
	f.behind(t, "10.0.0.9")
	c := f.dial(t, blueNS, entrance)
	b := make([]byte, 5)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	f.apply(t, &proxy.Table{})
	_, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection goes on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, ns := range []string{blueNS, gatewayNS} {
		if err := f.Drain(ctx, ns); err != nil {
			t.Errorf("%s: %v", ns, err)
		}
	}
}
