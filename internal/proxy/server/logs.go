package server

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"trellis/internal/proxy"
)

const (
	// maxLogBatch bounds the text of the records that wait for the sink, and as much again those that it is writing.
	maxLogBatch = 4 << 20
	// keptLogBatch is how much memory a batch keeps whatever was in it.
	keptLogBatch = 64 << 10
	logPause     = 10 * time.Millisecond
	// logGrace is how long the sink may take for the last records.
	logGrace = 2 * time.Second
)

// logQueue gathers access records from connections for the one goroutine that hands them to the sink.
type logQueue struct {
	sink    AccessLog
	dropped *atomic.Int64
	filled  chan struct{} // holds something while there are records
	quit    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	waiting logBatch

	spare logBatch // without records, of run alone
}

// logBatch is records and their texts, one after the other.
type logBatch struct {
	records []AccessRecord
	text    []byte
	ends    []int // of each record in text
}

func newLogQueue(sink AccessLog, dropped *atomic.Int64) *logQueue {
	return &logQueue{sink: sink, dropped: dropped, filled: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
}

// add takes a record with its text. It never waits for the sink: where that has fallen far behind the record is dropped and counted.
func (q *logQueue) add(c *proxy.Record, text []byte) {
	r := AccessRecord{Time: c.Start}
	if c.VPC.Network != nil {
		r.Network = c.VPC.Network.ARN
	}
	if c.Service != nil {
		r.Service = c.Service.ARN
	}
	q.mu.Lock()
	b := &q.waiting
	if len(b.text)+len(text) > maxLogBatch {
		q.mu.Unlock()
		q.dropped.Add(1)
		return
	}
	b.text = append(b.text, text...)
	b.records, b.ends = append(b.records, r), append(b.ends, len(b.text))
	first := len(b.records) == 1
	q.mu.Unlock()
	if first {
		select {
		case q.filled <- struct{}{}:
		default:
		}
	}
}

// run hands records over as they come. After each batch it pauses, so that a busy server wakes it a hundred times a second
// and not at every request.
func (q *logQueue) run() {
	defer close(q.done)
	pause := time.NewTimer(logPause)
	defer pause.Stop()
	for {
		select {
		case <-q.filled:
			q.flush()
			pause.Reset(logPause)
			select {
			case <-pause.C:
			case <-q.quit:
			}
		case <-q.quit:
			q.flush()
			return
		}
	}
}

// flush hands over what waits.
func (q *logQueue) flush() {
	q.mu.Lock()
	b := q.waiting
	q.waiting = q.spare
	q.mu.Unlock()
	if len(b.records) > 0 {
		from := 0
		for i, end := range b.ends {
			b.records[i].JSON = unsafe.String(&b.text[from], end-from)
			from = end
		}
		q.sink.Write(b.records)
	}
	if cap(b.text) > max(keptLogBatch, 4*len(b.text)) {
		b = logBatch{}
	}
	clear(b.records)
	q.spare = logBatch{b.records[:0], b.text[:0], b.ends[:0]}
}

// stop lets run return once all is handed over. Nothing may be added afterwards.
func (q *logQueue) stop() { close(q.quit) }

// ended waits for run to return, and says if it did in time.
func (q *logQueue) ended(limit time.Duration) bool {
	select {
	case <-q.done:
		return true
	case <-time.After(limit):
		return false
	}
}
