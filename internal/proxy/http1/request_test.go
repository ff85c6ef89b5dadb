package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// parse reads one request the way a connection does: head, then body.
func parse(in string) (r *Request, body string, rest string, err error) {
	buf := []byte(in)
	var f Finder
	n, err := f.Find(buf)
	if err != nil {
		return nil, "", "", err
	}
	if n == 0 {
		return nil, "", "", io.ErrUnexpectedEOF
	}
	r = new(Request)
	if err := r.Parse(buf[:n], Limits{}); err != nil {
		return nil, "", "", err
	}
	rest = in[n:]
	switch {
	case r.Length == Chunked:
		var c Chunks
		src := []byte(rest)
		for !c.Done() {
			data, n, err := c.Decode(src)
			if err != nil {
				return r, body, "", err
			}
			if n == 0 {
				return r, body, "", io.ErrUnexpectedEOF
			}
			body += string(data)
			src = src[n:]
		}
		rest = string(src)
	default:
		if int64(len(rest)) < r.Length {
			return r, "", "", io.ErrUnexpectedEOF
		}
		body, rest = rest[:r.Length], rest[r.Length:]
	}
	return r, body, rest, nil
}

func TestRequest(t *testing.T) {
	for _, tc := range []struct {
		name, in                        string
		method, path, query, host, body string
		close                           bool
	}{
		{"plain", "GET /a?q=blue HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/a", "q=blue", "x", "", false},
		{"empty query", "GET /a? HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/a", "", "x", "", false},
		{"port", "GET / HTTP/1.1\r\nHost: x.y:8080\r\n\r\n", "GET", "/", "", "x.y:8080", "", false},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n", "GET", "/", "", "[fd00::1]:80", "", false},
		{"absolute", "GET http://X:80/p?a HTTP/1.1\r\nHost: x:80\r\n\r\n", "GET", "/p", "a", "X:80", "", false},
		{"absolute without path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", "", "x", "", false},
		{"length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST", "/", "", "x", "hello", false},
		{"chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nT: v\r\n\r\n", "POST", "/", "", "x", "hello", false},
		{"close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", "GET", "/", "", "x", "", true},
		{"old", "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", "", true},
		{"old kept", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", "", "", false},
		{"value with spaces", "GET / HTTP/1.1\r\nHost:\t x \t\r\n\r\n", "GET", "/", "", "x", "", false},
		{"escape", "GET /%41?b=%2f HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/%41", "b=%2f", "x", "", false},
		{"own method", "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", "FROB", "/", "", "x", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, body, rest, err := parse(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if r.Method != tc.method || r.Path != tc.path || r.Query != tc.query || r.Host != tc.host || body != tc.body || r.Close != tc.close || rest != "" {
				t.Errorf("got %q %q %q %q body %q close %v rest %q", r.Method, r.Path, r.Query, r.Host, body, r.Close, rest)
			}
		})
	}
}

// refused are the requests of testdata/refused.txt, which some party somewhere reads differently from another: the status that
// answers each, a name and the request. The server's tests send them over connections.
func refused(t testing.TB) (all []refusal) {
	t.Helper()
	text, err := os.ReadFile("testdata/refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r refusal
		if _, err := fmt.Sscanf(line, "%d %q %q", &r.status, &r.name, &r.in); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

type refusal struct {
	status   int
	name, in string
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestRefused(t *testing.T) {
	for _, tc := range refused(t) {
		t.Run(tc.name, func(t *testing.T) {
			_, _, _, err := parse(tc.in)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Status != tc.status {
				t.Errorf("got %v, want a syntax error with status %d", err, tc.status)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	head := func(fields int, value string) []byte {
		return []byte("GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: "+value+"\r\n", fields) + "\r\n")
	}
	lim := Limits{Fields: 100, Bytes: 1000}
	var r Request
	if err := r.Parse(head(99, "b"), lim); err != nil {
		t.Errorf("100 lines: %v", err)
	}
	if err := r.Parse(head(100, "b"), lim); err == nil {
		t.Error("101 lines were accepted")
	}
	if err := r.Parse(head(1, strings.Repeat("b", 980)), lim); err != nil {
		t.Errorf("almost 1000 bytes: %v", err)
	}
	if err := r.Parse(head(1, strings.Repeat("b", 990)), lim); err == nil {
		t.Error("more than 1000 bytes were accepted")
	}
}

func TestHopByHop(t *testing.T) {
	r, _, _, err := parse("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nConnection: a, upgrade\r\nUpgrade: h2c\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nproxy-authorization: y\r\na: 3\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, f := range r.Fields {
		if !f.Hop {
			left = append(left, f.Name)
		}
	}
	if got := strings.Join(left, " "); got != "B" {
		t.Errorf("passed on: %s", got)
	}
	if r.Upgrade != "h2c" {
		t.Errorf("upgrade to %q", r.Upgrade)
	}
}

// TestFinderInSteps feeds heads byte by byte.
func TestFinderInSteps(t *testing.T) {
	const in = "GET / HTTP/1.1\r\nHost: x\r\n\r\nrest"
	var f Finder
	for i := range len(in) {
		n, err := f.Find([]byte(in[:i+1]))
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Index(in, "rest"); n != 0 {
			if i+1 != want || n != want {
				t.Errorf("found %d after %d bytes", n, i+1)
			}
			return
		}
	}
	t.Error("not found")
}

// FuzzRequest holds that whatever this parser accepts, net/http accepts and reads alike.
func FuzzRequest(f *testing.F) {
	for _, tc := range refused(f) {
		f.Add(tc.in)
	}
	f.Add("GET /a?q=blue HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n")
	f.Add("POST http://x/p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET")
	f.Add(chunkedHead + "3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nT: v\r\n\r\nnext")
	f.Fuzz(func(t *testing.T, in string) {
		r, body, rest, err := parse(in)
		if err != nil {
			return
		}
		br := bufio.NewReaderSize(strings.NewReader(in), len(in)+16)
		want, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v\n%q", err, in)
		}
		wantBody, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatalf("net/http refuses the body: %v\n%q", err, in)
		}
		wantRest, _ := io.ReadAll(br)
		path := want.URL.Path
		if path == "" {
			path = "/"
		}
		decoded := unescaped(r.Path)
		if r.Method != want.Method || decoded != path || r.Query != want.URL.RawQuery || string(wantBody) != body || string(wantRest) != rest {
			t.Errorf("%q:\ngot  %q %q %q body %q rest %q\nwant %q %q %q body %q rest %q", in,
				r.Method, decoded, r.Query, body, rest, want.Method, path, want.URL.RawQuery, wantBody, wantRest)
		}
		if r.Host != want.Host {
			t.Errorf("%q: host %q, want %q", in, r.Host, want.Host)
		}
		for _, f := range r.Fields {
			if !f.Hop && !contains(want.Header.Values(f.Name), f.Value) {
				t.Errorf("%q: header %q: %q is not among %q", in, f.Name, f.Value, want.Header.Values(f.Name))
			}
		}
	})
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func unescaped(s string) string {
	var b strings.Builder
	hex := func(c byte) byte {
		if c <= '9' {
			return c - '0'
		}
		return c | 0x20 - 'a' + 10
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b.WriteByte(hex(s[i+1])<<4 | hex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	in := []byte("GET /directory?q=blue HTTP/1.1\r\nHost: directory-0abc.7d67968.vpc-lattice-svcs.us-west-2.on.aws\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nX-Request: 12345\r\n\r\n")
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		var f Finder
		n, err := f.Find(in)
		if err != nil || r.Parse(in[:n], Limits{100, 60 << 10}) != nil {
			b.Fatal(err)
		}
	}
}
