package load

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func request(path string) [][]byte {
	return [][]byte{[]byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\n\r\n")}
}

// own is a loop that asks its own target.
func own(t *testing.T) (*Loop, netip.AddrPort) {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.Target()
	if err != nil {
		t.Fatal(err)
	}
	return l, at
}

func TestJobs(t *testing.T) {
	l, at := own(t)
	for _, tc := range []struct {
		name string
		job  Job
		want int
	}{
		{"small", Job{Requests: request("/"), Conns: 4, Count: 1000, Body: Small}, 1000},
		{"large", Job{Requests: request("/large"), Conns: 3, Count: 30, Body: Large}, 30},
		{"fewer than connections", Job{Requests: request("/"), Conns: 8, Count: 3, Body: Small}, 3},
		{"at a rate", Job{Requests: request("/"), Conns: 4, Count: 200, Rate: 20000, Body: Small}, 200},
	} {
		j := tc.job
		j.Addr, j.Status, j.Time = at, 200, 20*time.Second
		r, err := l.Do(j)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if r.Answered != tc.want || r.Wrong != 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 {
			t.Errorf("%s: %+v", tc.name, r)
		}
	}
}

func TestTimeEndsAJob(t *testing.T) {
	l, at := own(t)
	r, err := l.Do(Job{Addr: at, Requests: request("/"), Conns: 2, Count: 1 << 22, Time: 20 * time.Millisecond, Status: 200})
	if err != nil || r.Answered == 0 || r.Answered == 1<<22 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestWrongAnswersAreCounted(t *testing.T) {
	l, at := own(t)
	for _, j := range []Job{{Status: 403}, {Status: 200, Body: 7}} {
		j.Addr, j.Requests, j.Conns, j.Count, j.Time = at, request("/"), 1, 10, 10*time.Second
		if r, err := l.Do(j); err != nil || r.Wrong != 10 || !strings.Contains(r.Example, "status 200 with 1024 bytes") {
			t.Errorf("%+v %v", r, err)
		}
	}
}

func TestThrottledRequestsAreRepeated(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
		if n.Add(1) <= 2 {
			w.WriteHeader(429)
		}
	}))
	defer s.Close()
	l, _ := own(t)
	r, err := l.Do(Job{Addr: netip.MustParseAddrPort(s.Listener.Addr().String()), Requests: request("/"), Conns: 1, Count: 3, Time: 10 * time.Second, Status: 200, Throttled: 429})
	if err != nil || r.Answered != 3 || r.Wrong != 0 || r.Repeated != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestConnectionsThatCloseAreOpenedAnew(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = w.Write([]byte("hello"))
	}))
	defer s.Close()
	l, _ := own(t)
	r, err := l.Do(Job{Addr: netip.MustParseAddrPort(s.Listener.Addr().String()), Requests: request("/"), Conns: 2, Count: 20, Time: 10 * time.Second, Status: 200, Body: 5})
	if err != nil || r.Answered != 20 || r.Wrong != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestRefusesWhatItCannotMeasure(t *testing.T) {
	l, at := own(t)
	good := Job{Addr: at, Requests: request("/"), Conns: 1, Count: 1, Time: time.Second, Status: 200}
	for name, edit := range map[string]func(*Job){
		"another machine": func(j *Job) { j.Addr = netip.MustParseAddrPort("192.0.2.1:80") },
		"no requests":     func(j *Job) { j.Requests = nil },
		"no bound":        func(j *Job) { j.Count = 0 },
		"no time":         func(j *Job) { j.Time = 0 },
	} {
		j := good
		edit(&j)
		if _, err := l.Do(j); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	}()
	good.Addr = netip.MustParseAddrPort(ln.Addr().String())
	if _, err := l.Do(good); err == nil {
		t.Error("a chunked answer was taken")
	}
}
