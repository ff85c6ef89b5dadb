package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// refusals are the hostile requests that the parser's own tests refuse, and what only a connection can see.
func refusals(t *testing.T) (all []refusal) {
	t.Helper()
	text, err := os.ReadFile("../http1/testdata/refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r refusal
		if _, err := fmt.Sscanf(line, "%d %q %q", &r.status, &r.name, &r.raw); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	const head = "GET / HTTP/1.1\r\nHost: x\r\n"
	return append(all,
		refusal{400, "flood of headers", head + strings.Repeat("A: b\r\n", 5000) + "\r\n"},
		refusal{400, "flood of different headers", head + flood(200) + "\r\n"},
		refusal{400, "flood of hosts", "GET / HTTP/1.1\r\n" + strings.Repeat("Host: x\r\n", 90) + "\r\n"},
		refusal{400, "large header", head + "A: " + strings.Repeat("b", 61<<10) + "\r\n\r\n"},
		refusal{400, "headers without end", head + strings.Repeat("A: b\r\n", 100<<10)},
		refusal{400, "line without end", "GET /" + strings.Repeat("a", 1<<20)},
		refusal{400, "large target", "GET /" + strings.Repeat("a", headBuffer) + " HTTP/1.1\r\nHost: x\r\n\r\n"},
		refusal{400, "large host", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 61<<10) + "\r\n\r\n"},
		refusal{400, "NUL host", "GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n"},
		refusal{400, "host with a space", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"},
		refusal{408, "slow method", "GE"},
		refusal{408, "slow headers", head + "A: b"},
		refusal{408, "headers without their end", head},
		refusal{408, "slow body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"},
		refusal{408, "no body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"},
		refusal{408, "slow chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
		refusal{408, "slow trailer", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b"},
	)
}

type refusal struct {
	status    int
	name, raw string
}

func flood(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "A-%d: b\r\n", i)
	}
	return b.String()
}

// Hostile requests over connections, whole and a byte at a time: each is answered once, its connection is closed, and what follows
// it is never heard. No target gets a whole request of them, even where the name is that of a service.
func TestRefusedOnConnections(t *testing.T) {
	var target recorder
	begin := func(edit func(*Config)) *fixture {
		n := newNetwork()
		f := start(t, n, func(c *Config) { quietly(c); edit(c) })
		table := oneService(n.target(t, serverNS, "10.0.0.5:80", serving(target.answer)))
		service(table).Hosts = append(service(table).Hosts, "x", "y")
		f.apply(t, table)
		return f
	}
	patient := begin(func(*Config) {})
	hasty := begin(func(c *Config) { c.Timeouts.Head, c.Timeouts.Idle = time.Second, time.Second })
	const evil = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tc := range refusals(t) {
		for _, way := range []string{"whole", "by bytes"} {
			if way == "by bytes" && len(tc.raw) > 1<<10 {
				continue
			}
			t.Run(tc.name+" "+way, func(t *testing.T) {
				t.Parallel()
				f, raw := patient, tc.raw+evil
				if tc.status == 408 {
					f, raw = hasty, tc.raw
				}
				c := f.dial(t, blueNS, latticeAddr)
				go func() {
					// A server that has refused need not take the rest.
					if way == "whole" {
						_, _ = io.WriteString(c, raw)
						return
					}
					for i := range len(raw) {
						if _, err := io.WriteString(c, raw[i:i+1]); err != nil {
							return
						}
					}
				}()
				all, _ := io.ReadAll(c.br)
				answer := bufio.NewReader(strings.NewReader(string(all)))
				res, err := http.ReadResponse(answer, nil)
				if err != nil {
					t.Fatalf("%q: %v", all, err)
				}
				_, err = io.Copy(io.Discard, res.Body)
				if rest, _ := io.ReadAll(answer); err != nil || res.StatusCode != tc.status || !res.Close || len(rest) != 0 {
					t.Errorf("%q, want one %d and the end: %v", all, tc.status, err)
				}
			})
		}
	}
	t.Cleanup(func() {
		for _, r := range target.take() {
			t.Errorf("the target got %s %.100s", r.Method, r.RequestURI)
		}
	})
}
