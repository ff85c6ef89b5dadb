package http1

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestResponse(t *testing.T) {
	for _, tc := range []struct {
		name, method, in string
		status           int
		length, declared int64
		close            bool
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 5, 5, false},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, 0, 0, false},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, Chunked, -1, false},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\n", 200, UntilClose, -1, true},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", 200, 1, 1, true},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 0, 5, false},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, -1, false},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, 0, 9, false},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 5, 5, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Response
			if err := r.Parse([]byte(tc.in), tc.method, Limits{}); err != nil {
				t.Fatal(err)
			}
			if r.Status != tc.status || r.Length != tc.length || r.Declared != tc.declared || r.Close != tc.close {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestResponseRefused(t *testing.T) {
	for _, in := range []string{
		"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1200 OK\r\n\r\n", "garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 600 X\r\n\r\n",
	} {
		var r Response
		if err := r.Parse([]byte(in), "GET", Limits{}); err == nil {
			t.Errorf("accepted %q", in)
		}
	}
}

// FuzzResponse holds that whatever this parser accepts of a response, net/http reads alike.
func FuzzResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false)
	f.Add("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false)
	f.Add("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true)
	f.Fuzz(func(t *testing.T, in string, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		var find Finder
		n, err := find.Find([]byte(in))
		if err != nil || n == 0 {
			return
		}
		var r Response
		if r.Parse([]byte(in[:n]), method, Limits{}) != nil {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v\n%q", err, in)
		}
		if r.Status != want.StatusCode {
			t.Errorf("%q: status %d, want %d", in, r.Status, want.StatusCode)
		}
		if r.Length >= 0 && int64(len(in)-n) >= r.Length {
			body, err := io.ReadAll(want.Body)
			if err != nil || int64(len(body)) != r.Length {
				t.Errorf("%q: length %d, net/http reads %d, %v", in, r.Length, len(body), err)
			}
		}
	})
}

// FuzzChunks holds that a body decodes alike however it arrives.
func FuzzChunks(f *testing.F) {
	f.Add("3\r\nabc\r\n0\r\n\r\n", 1)
	f.Add("a;x\r\n0123456789\r\n0\r\nA: b\r\n\r\n", 3)
	f.Fuzz(func(t *testing.T, in string, step int) {
		whole, n, err := decodeIn(in, len(in)+1)
		parts, m, err2 := decodeIn(in, max(step, 1))
		if whole != parts || n != m || (err == nil) != (err2 == nil) {
			t.Errorf("%q in steps of %d: %q %d %v, at once: %q %d %v", in, step, parts, m, err2, whole, n, err)
		}
	})
}

func decodeIn(in string, step int) (out string, n int, err error) {
	var c Chunks
	for n < len(in) && !c.Done() {
		data, k, err := c.Decode([]byte(in[n:min(n+step, len(in))]))
		out += string(data)
		n += k
		if err != nil {
			return out, n, err
		}
		if k == 0 && !c.Done() {
			return out, n, io.ErrNoProgress
		}
	}
	return out, n, nil
}
