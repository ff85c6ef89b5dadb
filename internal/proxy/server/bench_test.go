package server

import (
	"bytes"
	"io"
	"net"
	"testing"

	"trellis/internal/proxy"
)

// allowAll is a policy that reads what the article's policy reads.
type allowAll struct{}

func (allowAll) Decide(r *proxy.AuthRequest) proxy.Verdict {
	if v := r.Values("vpc-lattice-svcs:requestmethod", ""); len(v) == 1 && v[0] == "GET" {
		if v := r.Values("vpc-lattice-svcs:requestquerystring", "q"); len(v) == 1 && v[0] == "blue" {
			if v := r.Values("vpc-lattice-svcs:sourcevpcowneraccount", ""); len(v) == 1 && v[0] == "222222222222" {
				return proxy.Allowed
			}
		}
	}
	return proxy.NoAllow
}

func (allowAll) Explain(*proxy.AuthRequest) proxy.Finding { return proxy.Finding{} }

// noLog is a sink that costs nothing itself.
type noLog struct{}

func (noLog) Write([]AccessRecord) {}

func quietly(c *Config) { c.AccessLog = noLog{} }

// rawTarget answers every read with the same bytes.
func rawTarget(response []byte) func(net.Conn) {
	return func(nc net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := nc.Read(buf); err != nil {
				return
			}
			if _, err := nc.Write(response); err != nil {
				return
			}
		}
	}
}

func exchange(b *testing.B, nc net.Conn, request []byte) {
	buf := make([]byte, 8192)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(request); err != nil {
			b.Fatal(err)
		}
		n := 0
		for !bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
			m, err := nc.Read(buf[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
	}
}

var benchRequest = []byte("GET /directory?q=blue HTTP/1.1\r\nHost: " + svcHost + "\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n")

// BenchmarkForward measures a whole request through the proxy over loopback: policy, access record, kept connections.
func BenchmarkForward(b *testing.B) {
	n := newNetwork()
	f := start(b, n, quietly)
	table := oneService(n.target(b, serverNS, "10.0.0.5:80", rawTarget([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))))
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: allowAll{}}
	f.apply(b, table)
	exchange(b, f.dial(b, blueNS, latticeAddr), benchRequest)
}

// BenchmarkDenied measures a request that a policy refuses.
func BenchmarkDenied(b *testing.B) {
	n := newNetwork()
	f := start(b, n, quietly)
	table := oneService()
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: allowAll{}}
	f.apply(b, table)
	exchange(b, f.dial(b, blueNS, latticeAddr), bytes.Replace(benchRequest, []byte("blue"), []byte("green"), 1))
}

// BenchmarkRelay measures the floor: a relay of bytes between the same two ends.
func BenchmarkRelay(b *testing.B) {
	n := newNetwork()
	target := n.target(b, serverNS, "10.0.0.5:80", rawTarget([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")))
	relay := n.target(b, blueNS, "169.254.171.33:80", func(nc net.Conn) {
		up, err := n.Dial(b.Context(), serverNS, target.Source, target.Addr)
		if err != nil {
			return
		}
		defer func() { _ = up.Close() }()
		buf := make([]byte, 8192)
		for from, to := nc, up; ; from, to = to, from {
			k, err := from.Read(buf)
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
		}
	})
	nc, err := n.Dial(b.Context(), blueNS, relay.Source, relay.Addr)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	exchange(b, nc, benchRequest)
}

// BenchmarkLargeResponse measures how fast a body of 1 MiB passes.
func BenchmarkLargeResponse(b *testing.B) {
	n := newNetwork()
	f := start(b, n, quietly)
	const size = 1 << 20
	response := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"), make([]byte, size)...)
	f.apply(b, oneService(n.target(b, serverNS, "10.0.0.5:80", rawTarget(response))))
	c := f.dial(b, blueNS, latticeAddr)
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		if _, err := c.Write(benchRequest); err != nil {
			b.Fatal(err)
		}
		head, err := c.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		i := bytes.Index(buf[:head], []byte("\r\n\r\n"))
		if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c.Conn, int64(size-(head-i-4)))}, buf); err != nil {
			b.Fatal(err)
		}
	}
}
