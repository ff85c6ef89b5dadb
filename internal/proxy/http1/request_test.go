package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
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

// refused are requests that some party somewhere reads differently from another.
var refused = []struct {
	name, in string
	status   int
}{
	{"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400},
	{"bare LF in headers", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
	{"bare CR in value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
	{"empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
	{"fold at first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
	{"space before colon", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400},
	{"NUL in value", "GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400},
	{"DEL in value", "GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n", 400},
	{"no name", "GET / HTTP/1.1\r\nHost: x\r\n: v\r\n\r\n", 400},
	{"no colon", "GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n", 400},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
	{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
	{"list of hosts", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", 400},
	{"host with path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
	{"host with user", "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", 400},
	{"host with bad port", "GET / HTTP/1.1\r\nHost: x:8a\r\n\r\n", 400},
	{"hosts differ", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"absolute with user", "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"https target", "GET https://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"authority", "GET x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 400},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"connect", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 400},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"space in target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"tab in target", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"bad escape", "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"bad escape in query", "GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"no version", "GET /\r\nHost: x\r\n\r\n", 400},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 505},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
	{"lower-case version", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
	{"both lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
	{"list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
	{"signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400},
	{"negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc", 400},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", 400},
	{"huge length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
	{"empty length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400},
	{"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
	{"coding twice", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"obscured coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
	{"coding in 1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunk size with sign", chunkedHead + "+3\r\nabc\r\n0\r\n\r\n", 400},
	{"chunk size with 0x", chunkedHead + "0x3\r\nabc\r\n0\r\n\r\n", 400},
	{"chunk size with space", chunkedHead + "3 \r\nabc\r\n0\r\n\r\n", 400},
	{"chunk size empty", chunkedHead + "\r\n", 400},
	{"chunk with LF", chunkedHead + "3\nabc\r\n0\r\n\r\n", 400},
	{"chunk too long", chunkedHead + "3\r\nabcd\r\n0\r\n\r\n", 400},
	{"chunk size too large", chunkedHead + "ffffffffffffffff\r\n", 400},
	{"LF in extension", chunkedHead + "3;a\nb\r\nabc\r\n0\r\n\r\n", 400},
	{"trailer without name", chunkedHead + "0\r\n: v\r\n\r\n", 400},
	{"folded trailer", chunkedHead + "0\r\nA: v\r\n b\r\n\r\n", 400},
	{"LF in trailer", chunkedHead + "0\r\nA: v\nB: w\r\n\r\n", 400},
	{"LF at the end", chunkedHead + "0\r\n\n", 400},
	{"forbidden trailer", "POST / HTTP/1.1\r\nHost: x\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"unknown expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417},
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestRefused(t *testing.T) {
	for _, tc := range refused {
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
	for _, tc := range refused {
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
