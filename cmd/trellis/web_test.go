package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A client that is slow in any way is let go, and one that waits long for its answer is not.
func TestSlowClients(t *testing.T) {
	const short = 400 * time.Millisecond
	handled := make(chan error, 10)
	web := newWeb(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/long" {
			select {
			case <-r.Context().Done():
				err = r.Context().Err()
			case <-time.After(3 * short):
			}
		}
		part := bytes.Repeat([]byte("x"), 1<<20)
		for n := 0; err == nil && (r.URL.Path == "/much" && n < 64 || n == 0); n++ {
			_, err = w.Write(part)
		}
		handled <- err
	}), allowance{header: short, request: 2 * short, answer: short, next: short}, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { web.Close() })
	dial := func(t *testing.T, send string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, send); err != nil {
			t.Fatal(err)
		}
		return c
	}
	// cut waits for the server to close.
	cut := func(t *testing.T, c net.Conn) {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection stays")
		}
	}
	// trickle sends a byte now and then until it cannot.
	trickle := func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, "a"); err != nil {
				return
			}
			time.Sleep(short / 10)
		}
	}
	t.Run("no header", func(t *testing.T) { cut(t, dial(t, "")) })
	t.Run("slow header", func(t *testing.T) {
		c := dial(t, "GET / HTTP/1.1\r\nHost: x\r\nA: ")
		go trickle(c)
		cut(t, c)
	})
	t.Run("long header", func(t *testing.T) {
		c := dial(t, "GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", 2*maxHeader))
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v, %v", res, err)
		}
	})
	t.Run("slow body", func(t *testing.T) {
		c := dial(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
		go trickle(c)
		cut(t, c)
		if err := <-handled; err == nil {
			t.Error("the body has an end")
		}
	})
	t.Run("endless body", func(t *testing.T) {
		c := dial(t, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		go func() {
			for {
				if _, err := io.WriteString(c, "1\r\na\r\n"); err != nil {
					return
				}
				time.Sleep(short / 10)
			}
		}()
		cut(t, c)
		if err := <-handled; err == nil {
			t.Error("the body has an end")
		}
	})
	t.Run("slow reader", func(t *testing.T) {
		dial(t, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-handled; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer was taken: %v", err)
		}
	})
	t.Run("idle, and a long call after an answer", func(t *testing.T) {
		c := dial(t, "")
		r := bufio.NewReader(c)
		for _, path := range []string{"/", "/long", "/"} {
			if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", path); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, res.Body); n != 1<<20 || err != nil {
				t.Errorf("%s: %d bytes, %v", path, n, err)
			}
			if err := <-handled; err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		cut(t, c)
	})
}
