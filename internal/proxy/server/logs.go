package server

import (
	"sync"
	"sync/atomic"
	"time"

	"trellis/internal/proxy"
)

const (
	logQueueLength = 4096
	logPause       = 10 * time.Millisecond
	// logGrace is how long the sink may take for the last records.
	logGrace = 2 * time.Second
)

// logQueue carries access records from connections to the one goroutine that encodes them. Records are reused.
type logQueue struct {
	sink    AccessLog
	queue   chan *proxy.Record
	quit    chan struct{}
	done    chan struct{}
	records sync.Pool
	dropped *atomic.Int64
}

func newLogQueue(sink AccessLog, dropped *atomic.Int64) *logQueue {
	return &logQueue{sink: sink, queue: make(chan *proxy.Record, logQueueLength), quit: make(chan struct{}), done: make(chan struct{}), dropped: dropped,
		records: sync.Pool{New: func() any { return new(proxy.Record) }}}
}

func (q *logQueue) get() *proxy.Record { return q.records.Get().(*proxy.Record) }

// discard takes back a record that tells of no request.
func (q *logQueue) discard(c *proxy.Record) { q.records.Put(c) }

// add takes the record over. It never waits: when the queue is full the record is dropped and counted.
func (q *logQueue) add(c *proxy.Record) {
	if q.sink == nil || c.VPC == nil {
		q.records.Put(c)
		return
	}
	select {
	case q.queue <- c:
	default:
		q.dropped.Add(1)
		q.records.Put(c)
	}
}

// run writes records as they come. After each batch it pauses, so that a busy server wakes it a hundred times a second
// and not at every request.
func (q *logQueue) run() {
	defer close(q.done)
	var buf []byte
	pause := time.NewTimer(logPause)
	defer pause.Stop()
	for {
		select {
		case c := <-q.queue:
			buf = q.drain(q.write(c, buf))
			pause.Reset(logPause)
			select {
			case <-pause.C:
			case <-q.quit:
			}
		case <-q.quit:
			q.drain(buf)
			return
		}
	}
}

// drain writes the records that are in the queue.
func (q *logQueue) drain(buf []byte) []byte {
	for {
		select {
		case c := <-q.queue:
			buf = q.write(c, buf)
		default:
			return buf
		}
	}
}

func (q *logQueue) write(c *proxy.Record, buf []byte) []byte {
	buf = c.AppendJSON(buf[:0])
	network, service := "", ""
	if c.VPC.Network != nil {
		network = c.VPC.Network.ARN
	}
	if c.Service != nil {
		service = c.Service.ARN
	}
	q.sink.Write(network, service, c.Start, buf)
	q.records.Put(c)
	return buf
}

// stop lets run return once the queue is empty. Nothing may be added afterwards.
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
