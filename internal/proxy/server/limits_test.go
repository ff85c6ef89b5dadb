package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trellis/internal/guard"
	"trellis/internal/iam"
	"trellis/internal/journal"
	"trellis/internal/proxy"
)

// failure waits for n records and returns why the request of the last one failed.
func (f *fixture) failure(t *testing.T, n int) string {
	t.Helper()
	var record struct{ FailureReason string }
	if err := json.Unmarshal([]byte(f.log.wait(t, n)[n-1]), &record); err != nil {
		t.Fatal(err)
	}
	return record.FailureReason
}

// endless answers with a body that never ends.
func endless(nc net.Conn) {
	buf := make([]byte, 64<<10)
	if _, err := nc.Read(buf); err != nil {
		return
	}
	_, err := io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
	for err == nil {
		_, err = nc.Write(buf)
	}
}

// stuck answers with a body that never ends, and tells of each connection once nobody takes any of it.
func stuck(told chan<- struct{}) func(net.Conn) {
	part := make([]byte, 64<<10)
	return func(nc net.Conn) {
		if _, err := nc.Read(make([]byte, 4<<10)); err != nil {
			return
		}
		_, err := io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			_ = nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, err = nc.Write(part)
		}
		told <- struct{}{}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		_ = nc.SetWriteDeadline(time.Time{})
		for err = nil; err == nil; {
			_, err = nc.Write(part)
		}
	}
}

// heap is what is allocated and in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools keep goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Clients that stop reading cost no more than their buffers while they are there: what the target would send stays with the
// target. After the idle time they are let go, and their memory is given back.
func TestClientThatDoesNotRead(t *testing.T) {
	// Where the machine is too busy to measure before the first is let go, they are given longer.
	for idle := 500 * time.Millisecond; !clientsThatDoNotRead(t, idle); idle *= 2 {
		if idle > time.Minute {
			t.Fatal("the clients are never there together")
		}
	}
}

// clientsThatDoNotRead reports whether all clients were there while it measured.
func clientsThatDoNotRead(t *testing.T, idle time.Duration) bool {
	const clients = 20
	n := newNetwork()
	told := make(chan struct{}, clients)
	f := start(t, n, func(c *Config) { c.Timeouts.Idle = idle })
	f.apply(t, oneService(n.target(t, serverNS, "10.0.0.5:80", stuck(told))))
	// The queue of records takes its memory with the first.
	first := f.dial(t, blueNS, latticeAddr)
	first.do(t, "GET", "GET / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n")
	f.log.wait(t, 1)
	for f.Stats().Open > 0 {
		time.Sleep(time.Millisecond)
	}
	before := heap()
	for range clients {
		c := f.dial(t, blueNS, latticeAddr)
		if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, get("/")); err != nil {
			t.Fatal(err)
		}
	}
	for range clients {
		<-told
	}
	during := heap() - before
	together := f.Stats().Open == clients
	for f.Stats().Open > 0 {
		time.Sleep(time.Millisecond)
	}
	if got := f.failure(t, 1+clients); got != "ClientConnectionClosed" {
		t.Errorf("the record says %s", got)
	}
	after := heap() - before
	t.Logf("%d clients that do not read take %d KiB, and %d once they were let go; together: %v", clients, during>>10, after>>10, together)
	if together && during > clients*256<<10 {
		t.Errorf("%d clients that do not read take %d KiB", clients, during>>10)
	}
	if after > clients*32<<10 {
		t.Errorf("%d KiB are kept for %d clients that are gone", after>>10, clients)
	}
	return together
}

// No connection outlasts its time, even while its answer streams.
func TestConnectionDuration(t *testing.T) {
	n := newNetwork()
	f := start(t, n, func(c *Config) { c.Timeouts.Connection = 100 * time.Millisecond })
	f.apply(t, oneService(n.target(t, serverNS, "10.0.0.5:80", endless)))
	c := f.dial(t, blueNS, latticeAddr)
	if _, err := io.WriteString(c, get("/")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c.br); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	if got := f.failure(t, 1); got != "ConnectionDurationExceeded" {
		t.Errorf("the record says %s", got)
	}
}

// A deadline that an earlier write had to set does not end a later one.
func TestWriteAfterAnEarlierDeadline(t *testing.T) {
	n := newNetwork()
	target := n.target(t, serverNS, "10.0.0.5:80", func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	nc, err := n.Dial(t.Context(), serverNS, target.Source, target.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	l, err := newLink(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := l.write([]byte("later"), time.Minute, time.Time{}); n != 5 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// stored keeps access records in a log, as the server does.
type stored struct {
	t     *testing.T
	logs  *journal.Store
	wrote atomic.Int64
}

const storedGroup, storedStream = "group", "stream"

func (s *stored) Write(records []AccessRecord) {
	events := make([]journal.Event, 0, len(records))
	for _, r := range records {
		events = append(events, journal.Event{Time: r.Time.UnixMilli(), Message: r.JSON})
	}
	if err := s.logs.Append(storedGroup, storedStream, events); err != nil {
		s.t.Error(err)
	}
	s.wrote.Add(int64(len(records)))
}

// A request that is allowed, and one that is denied, allocate nothing once their connection is warm, with the article's policy and
// access records that are written to a log. What is counted is all that the process allocates, the log's batches among it.
func TestNoAllocation(t *testing.T) {
	const requests, most = 1000, 0.05
	logs, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Create(storedGroup, storedStream, 0); err != nil {
		t.Fatal(err)
	}
	kept := &stored{t: t, logs: logs}
	n := newNetwork()
	f := start(t, n, func(c *Config) { c.AccessLog = kept })
	table := oneService(n.target(t, serverNS, "10.0.0.5:80", rawTarget([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))))
	policy, err := iam.Parse(iam.ResourcePolicy, `{"Version":"2012-10-17","Statement":[`+teams("green", "333333333333")+","+teams("blue", "222222222222")+"]}")
	if err != nil {
		t.Fatal(err)
	}
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: guard.Auth(policy)}
	f.apply(t, table)
	asked := int64(0)
	for _, tc := range []struct {
		request []byte
		answer  string
	}{{benchRequest, "HTTP/1.1 200"}, {bytes.Replace(benchRequest, []byte("blue"), []byte("green"), 1), "HTTP/1.1 403"}} {
		c := f.dial(t, blueNS, latticeAddr)
		buf := make([]byte, 8<<10)
		ask := func() {
			for range requests {
				if _, err := c.Write(tc.request); err != nil {
					t.Fatal(err)
				}
				if got, err := c.Conn.Read(buf); err != nil || string(buf[:len(tc.answer)]) != tc.answer {
					t.Fatalf("%q, %v", buf[:got], err)
				}
			}
			asked += requests
			for kept.wrote.Load() != asked {
				time.Sleep(time.Millisecond)
			}
		}
		ask()
		// Something else in the process may allocate meanwhile.
		least := math.Inf(1)
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ask()
			runtime.ReadMemStats(&after)
			least = min(least, float64(after.Mallocs-before.Mallocs)/requests)
		}
		t.Logf("%s: %.3f allocations for a request", tc.answer, least)
		if least > most {
			t.Errorf("%s: %.3f allocations for a request, want %g at most", tc.answer, least, most)
		}
	}
}

// teams is the statement of the article's policy for a team.
func teams(colour, account string) string {
	return `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{"vpc-lattice-svcs:RequestMethod":"GET",` +
		`"vpc-lattice-svcs:RequestQueryString/q":"` + colour + `","vpc-lattice-svcs:SourceVpcOwnerAccount":"` + account + `"}}}`
}

// Requests under way while tables come and go are neither cut nor split: each answer is whole and the one asked for.
func TestRequestsDuringChanges(t *testing.T) {
	n := newNetwork()
	echo := serving(func(r *http.Request, body string) string { return ok(r.URL.Path + body) })
	first, second := n.target(t, serverNS, "10.0.0.5:80", echo), n.target(t, serverNS, "10.0.0.6:80", echo)
	f := start(t, n, quietly)
	f.apply(t, oneService(first))
	stop := make(chan struct{})
	var running sync.WaitGroup
	for i := range 8 {
		c := f.dial(t, blueNS, latticeAddr)
		running.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-stop:
					return
				default:
				}
				path, body := fmt.Sprintf("/%d/%d", i, j), strings.Repeat("b", j%3*20<<10)
				raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", path, svcHost, len(body), body)
				if _, err := io.WriteString(c, raw); err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				res, err := http.ReadResponse(c.br, nil)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				got, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 200 || string(got) != path+body {
					t.Errorf("%s: %d, %d bytes, %v", path, res.StatusCode, len(got), err)
					return
				}
				if res.Close {
					// The answer was here before the proxy knew that the request was all sent.
					c = f.dial(t, blueNS, latticeAddr)
				}
			}
		})
	}
	for i := range 100 {
		f.apply(t, oneService([][]proxy.Target{{second}, {first, second}, {first}}[i%3]...))
		time.Sleep(time.Millisecond)
	}
	close(stop)
	running.Wait()
}
