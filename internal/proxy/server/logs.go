package server

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"trellis/internal/proxy"
)

const (
	// A batch is as many records, or as much text of their heads, as stay in a processor's cache until they are written.
	logBatchRecords = 4 << 10
	logBatchText    = 1 << 20
	// logEnough is how many records end a pause. What is written at once keeps requests from a core: a few chunks are as much as
	// the slowest of them can bear.
	logEnough = 256
	// maxLogWaiting bounds how many full batches wait for the sink.
	maxLogWaiting = 2
	// logChunk is how much text the sink is handed at once.
	logChunk = 64 << 10
	// logBreath leaves requests time between chunks of a batch that is not full. It is a few times what a chunk takes.
	logBreath = 250 * time.Microsecond
	logPause  = 50 * time.Millisecond
	// logGrace is how long the sink may take for the last records.
	logGrace = 2 * time.Second
)

// logQueue gathers access records from connections for the one goroutine that writes them and hands them to the sink, after a
// pause each time: the system calls of a sink that is never at rest would keep the runtime's monitor awake.
type logQueue struct {
	sink    AccessLog
	dropped *atomic.Int64
	some    chan struct{} // holds something while there are records
	enough  chan struct{} // and while there are enough of them
	quit    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	filling *logBatch
	waiting []*logBatch // full ones, the oldest first
	spare   *logBatch   // without records; or nil

	// What follows is the goroutine's own.
	writer proxy.RecordWriter
	chunk  []AccessRecord
	text   []byte // of the chunk's records, one after the other
	ends   []int  // of each in text
}

// logBatch is records and what they tell of their requests' heads.
type logBatch struct {
	records []proxy.Record
	text    []byte
	full    bool
}

func newLogBatch() *logBatch { return &logBatch{text: make([]byte, 0, logBatchText)} }

// room reports whether the batch takes a record with so much text.
func (b *logBatch) room(text int) bool {
	return len(b.records) < logBatchRecords && len(b.text)+text <= cap(b.text)
}

func newLogQueue(sink AccessLog, dropped *atomic.Int64) *logQueue {
	return &logQueue{sink: sink, dropped: dropped, some: make(chan struct{}, 1), enough: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}), filling: newLogBatch()}
}

// add takes a record. It never waits for the sink: where that has fallen far behind the record is dropped and counted.
func (q *logQueue) add(c *proxy.Record) {
	text := c.Length()
	q.mu.Lock()
	full := !q.filling.room(text)
	if full {
		if len(q.waiting) == maxLogWaiting {
			q.mu.Unlock()
			q.dropped.Add(1)
			return
		}
		q.filling.full = true
		q.waiting = append(q.waiting, q.filling)
		q.refill()
	}
	b := q.filling
	first := len(b.records) == 0 && len(q.waiting) == 0
	b.records = append(b.records, *c)
	b.text = b.records[len(b.records)-1].Keep(b.text)
	enough := full || len(b.records) == logEnough
	q.mu.Unlock()
	if first {
		signal(q.some)
	}
	if enough {
		signal(q.enough)
	}
}

// refill has an empty batch be filled. The caller holds mu.
func (q *logQueue) refill() {
	if q.filling, q.spare = q.spare, nil; q.filling == nil {
		q.filling = newLogBatch()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run hands records over as they come. After that it pauses until there are enough, so that it is not woken at every request.
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
			case <-q.enough:
			case <-q.quit:
			}
		case <-q.quit:
			q.flush()
			return
		}
	}
}

// flush hands over what waits. What comes meanwhile is for the next time.
func (q *logQueue) flush() {
	for more := true; more; {
		b := q.next()
		if b == nil {
			return
		}
		for i := range b.records {
			q.write(&b.records[i])
			if len(q.text) >= logChunk {
				q.hand()
				b.pause()
			}
		}
		q.hand()
		more = b.full
		q.reuse(b)
	}
}

// pause lets requests go first, a while where there is time: the network is not looked at before nobody else is ready.
func (b *logBatch) pause() {
	if b.full {
		runtime.Gosched()
	} else {
		time.Sleep(logBreath)
	}
}

// write adds a record to the chunk.
func (q *logQueue) write(c *proxy.Record) {
	r := AccessRecord{Time: c.Start}
	if c.VPC.Network != nil {
		r.Network = c.VPC.Network.ARN
	}
	if c.Service != nil {
		r.Service = c.Service.ARN
	}
	q.text = q.writer.Append(q.text, c)
	q.chunk, q.ends = append(q.chunk, r), append(q.ends, len(q.text))
}

// hand gives the chunk to the sink.
func (q *logQueue) hand() {
	if len(q.chunk) == 0 {
		return
	}
	from := 0
	for i, end := range q.ends {
		q.chunk[i].JSON = unsafe.String(&q.text[from], end-from)
		from = end
	}
	q.sink.Write(q.chunk)
	clear(q.chunk)
	q.chunk, q.text, q.ends = q.chunk[:0], q.text[:0], q.ends[:0]
}

// next returns the oldest batch, or nil if there are no records.
func (q *logQueue) next() *logBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	var b *logBatch
	switch {
	case len(q.waiting) > 0:
		b = q.waiting[0]
		q.waiting = append(q.waiting[:0], q.waiting[1:]...)
	case len(q.filling.records) > 0:
		b = q.filling
		q.refill()
	}
	return b
}

// reuse empties a batch that was handed over.
func (q *logQueue) reuse(b *logBatch) {
	clear(b.records)
	b.records, b.text, b.full = b.records[:0], b.text[:0], false
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = b
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
