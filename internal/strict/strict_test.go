package strict

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	good = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length:  4 \r\nX: y\r\n\r\na\nb\n"
	head = "GET /b HTTP/1.1\r\nHost: x\r\n"
	last = head + "Connection: close\r\n\r\n"
)

// served are the status codes that a server of net/http answers to what comes in parts of a size.
func served(t *testing.T, raw string, size int) []int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A body that was not whole is not a request's.
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})}
	go func() { _ = server.Serve(Listen(l)) }()
	defer server.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		for part := range slices.Chunk([]byte(raw), size) {
			if _, err := c.Write(part); err != nil {
				return
			}
		}
	}()
	var codes []int
	for r := bufio.NewReader(c); ; {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return codes
		}
		_, _ = io.Copy(io.Discard, res.Body)
		codes = append(codes, res.StatusCode)
	}
}

func TestServed(t *testing.T) {
	coded := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\n\n\r\n0\r\n\r\n"
	for name, tc := range map[string]struct {
		raw  string
		want []int
	}{
		"what is right":                {good + good + last, []int{200, 200, 200}},
		"a coding":                     {good + coded, []int{200, 200}},
		"an empty value":               {head + "A:\r\n\r\n" + last, []int{200, 200}},
		"no length":                    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + last, []int{200, 200}},
		"a bare LF after the request":  {good + "GET / HTTP/1.1\nHost: x\r\n\r\n" + last, []int{200, 400}},
		"a bare LF after a header":     {good + head + "A: b\n\r\n" + last, []int{200, 400}},
		"a bare LF at the end":         {good + head + "\n" + last, []int{200, 400}},
		"a bare LF in a name":          {head + "A\n: b\r\n\r\n" + last, []int{400}},
		"a bare CR":                    {head + "A: b\rc\r\n\r\n" + last, []int{400}},
		"a folded line":                {good + head + "A: b\r\n c\r\n\r\n" + last, []int{200, 400}},
		"a line folded with a tab":     {head + "A: b\r\n\tc\r\n\r\n" + last, []int{400}},
		"the same length twice":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na" + last, []int{400}},
		"a length of nothing":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n" + last, []int{400}},
		"a length of two":              {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\na" + last, []int{400}},
		"a length of letters":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na" + last, []int{400}},
		"a long length":                {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0000000000000000001\r\n\r\na" + last, []int{400}},
		"a coding of HTTP/1.0":         {"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + last, []int{400}},
		"an empty line first":          {"\r\n" + last, []int{400}},
		"a name like it, and a length": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Lengths: 9\r\nContent-Length: 1\r\n\r\na" + last, []int{200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 7, len(tc.raw)} {
				if got := served(t, tc.raw, size); !slices.Equal(got, tc.want) {
					t.Errorf("in parts of %d: %v, want %v", size, got, tc.want)
				}
			}
		})
	}
}

// What is passed on is the same however it is cut, and whatever it is, net/http finds no line feed without a carriage return in a head.
func FuzzScanner(f *testing.F) {
	for _, raw := range []string{good + last, head + "A: b\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n a: b\r\n\r\n"} {
		f.Add(raw, 3)
	}
	f.Fuzz(func(t *testing.T, raw string, size int) {
		var whole scanner
		n := whole.accept([]byte(raw))
		var parts scanner
		passed := 0
		for part := range slices.Chunk([]byte(raw), max(1, size)) {
			got := parts.accept(part)
			if passed += got; got < len(part) {
				break
			}
		}
		if passed != n {
			t.Fatalf("%d bytes pass at once, %d in parts of %d", n, passed, size)
		}
		first, _, _ := strings.Cut(raw[:n], "\r\n\r\n")
		for i := range len(first) {
			if first[i] == '\n' && (i == 0 || first[i-1] != '\r') {
				t.Fatalf("a bare line feed passes in %q", first)
			}
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	raw := []byte(head + "Authorization: " + strings.Repeat("a", 400) + "\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("b", 100))
	var s scanner
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if s.accept(raw) != len(raw) {
			b.Fatal("refused")
		}
	}
}
