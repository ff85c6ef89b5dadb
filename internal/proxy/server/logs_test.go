package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stuckLog takes nothing until it is let go.
type stuckLog struct {
	memoryLog
	entered chan struct{}
	free    chan struct{}
}

func (l *stuckLog) Write(records []AccessRecord) {
	select {
	case l.entered <- struct{}{}:
	default:
	}
	<-l.free
	l.memoryLog.Write(records)
}

// While the sink stalls requests are answered, a bounded number of records wait, and the rest is dropped and counted; once it
// goes on, what waited is written in order.
func TestStalledLog(t *testing.T) {
	n := newNetwork()
	log := &stuckLog{memoryLog: memoryLog{arrived: make(chan struct{}, 1)}, entered: make(chan struct{}, 1), free: make(chan struct{})}
	f := start(t, n, func(c *Config) { c.AccessLog = log })
	f.apply(t, oneService(n.target(t, serverNS, "10.0.0.5:80", serving(func(*http.Request, string) string { return ok("fine") }))))
	c := f.dial(t, blueNS, latticeAddr)
	filler := strings.Repeat("x", 50<<10)
	asked := 0
	ask := func() {
		t.Helper()
		if res, body := c.do(t, "GET", get("/"+strconv.Itoa(asked)+"/"+filler)); res.StatusCode != 200 || body != "fine" {
			t.Fatalf("request %d: %d %s", asked, res.StatusCode, body)
		}
		asked++
	}
	ask()
	<-log.entered
	for f.Stats().LogDropped < 10 {
		ask()
		if asked > 2*maxLogWaiting*logBatchText/len(filler) {
			t.Fatal("records are not bounded")
		}
	}
	_ = c.Close()
	for f.Stats().Open > 0 {
		time.Sleep(time.Millisecond)
	}
	dropped := int(f.Stats().LogDropped)
	close(log.free)
	for i, raw := range log.wait(t, asked-dropped) {
		var record struct{ RequestPath string }
		if err := json.Unmarshal([]byte(raw), &record); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(record.RequestPath, fmt.Sprintf("/%d/", i)) {
			t.Fatalf("record %d is of %.20s", i, record.RequestPath)
		}
	}
	c = f.dial(t, blueNS, latticeAddr)
	ask()
	log.wait(t, asked-dropped)
	if got := int(f.Stats().LogDropped); got != dropped {
		t.Errorf("%d more were dropped after the sink went on", got-dropped)
	}
}

// Nothing that was answered is missing from the log once the server has closed, even where its sink was behind.
func TestCloseWritesTheLastRecords(t *testing.T) {
	n := newNetwork()
	log := &memoryLog{arrived: make(chan struct{}, 1)}
	s := New(Config{Network: n, AccessLog: log})
	f := &fixture{s, n, log}
	f.apply(t, oneService())
	c := f.dial(t, blueNS, latticeAddr)
	for range 100 {
		c.do(t, "GET", get("/"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(log.wait(t, 0)); got != 100 {
		t.Errorf("%d records of 100 requests", got)
	}
}

func TestCloseBeforeAStalledLog(t *testing.T) {
	t.Parallel() // it waits for the sink
	n := newNetwork()
	log := &stuckLog{memoryLog: memoryLog{arrived: make(chan struct{}, 1)}, entered: make(chan struct{}, 1), free: make(chan struct{})}
	s := New(Config{Network: n, AccessLog: log})
	f := &fixture{s, n, nil}
	f.apply(t, oneService())
	f.dial(t, blueNS, latticeAddr).do(t, "GET", get("/"))
	<-log.entered
	if err := s.Close(t.Context()); err == nil {
		t.Error("the last records are said to be written")
	}
	close(log.free)
}
