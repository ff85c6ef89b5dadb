package server

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"trellis/internal/proxy"
)

const (
	// maxLogWaiting bounds the text of the records that wait for the sink.
	maxLogWaiting = 4 << 20
	// logBatchSize is that of the text of a batch: little enough to stay in a processor's cache until it is written.
	logBatchSize = 256 << 10
	logPause     = 10 * time.Millisecond
	// logGrace is how long the sink may take for the last records.
	logGrace = 2 * time.Second
)

// logQueue gathers access records from connections for the one goroutine that hands them to the sink.
type logQueue struct {
	sink    AccessLog
	dropped *atomic.Int64
	some    chan struct{} // holds something while there are records
	full    chan struct{} // and while there is a full batch
	quit    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	filling *logBatch
	waiting []*logBatch // full ones, the oldest first
	size    int         // of the text of both
	spare   *logBatch   // without records; or nil
}

// logBatch is records and their texts, one after the other.
type logBatch struct {
	records []AccessRecord
	text    []byte
	ends    []int // of each record in text
}

func newLogBatch() *logBatch { return &logBatch{text: make([]byte, 0, logBatchSize)} }

func newLogQueue(sink AccessLog, dropped *atomic.Int64) *logQueue {
	return &logQueue{sink: sink, dropped: dropped, some: make(chan struct{}, 1), full: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}), filling: newLogBatch()}
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
	if q.size+len(text) > maxLogWaiting {
		q.mu.Unlock()
		q.dropped.Add(1)
		return
	}
	full := len(q.filling.text)+len(text) > logBatchSize && len(q.filling.records) > 0
	if full {
		q.waiting = append(q.waiting, q.filling)
		if q.filling, q.spare = q.spare, nil; q.filling == nil {
			q.filling = newLogBatch()
		}
	}
	b := q.filling
	b.text = append(b.text, text...)
	b.records, b.ends = append(b.records, r), append(b.ends, len(b.text))
	first := q.size == 0
	q.size += len(text)
	q.mu.Unlock()
	if first {
		signal(q.some)
	}
	if full {
		signal(q.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run hands records over as they come. After that it pauses until a batch is full, so that it is not woken at every request.
func (q *logQueue) run() {
	defer close(q.done)
	pause := time.NewTimer(logPause)
	defer pause.Stop()
	for {
		select {
		case <-q.some:
			q.flush()
			pause.Reset(logPause)
			select {
			case <-pause.C:
			case <-q.full:
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
	for b := q.next(nil); b != nil; b = q.next(b) {
		from := 0
		for i, end := range b.ends {
			b.records[i].JSON = unsafe.String(&b.text[from], end-from)
			from = end
		}
		q.sink.Write(b.records)
		clear(b.records)
		b.records, b.text, b.ends = b.records[:0], b.text[:0], b.ends[:0]
	}
}

// next takes back a batch that was handed over and returns the oldest one, or nil if there are no records.
func (q *logQueue) next(used *logBatch) *logBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if used != nil && cap(used.text) == logBatchSize {
		q.spare = used
	}
	var b *logBatch
	switch {
	case len(q.waiting) > 0:
		b = q.waiting[0]
		q.waiting = append(q.waiting[:0], q.waiting[1:]...)
	case q.size > 0:
		b = q.filling
		if q.filling, q.spare = q.spare, nil; q.filling == nil {
			q.filling = newLogBatch()
		}
	default:
		return nil
	}
	q.size -= len(b.text)
	return b
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
