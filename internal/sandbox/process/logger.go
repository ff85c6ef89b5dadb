//go:build linux

package process

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/sandbox"
)

const (
	// maxLine is what CloudWatch Logs takes as one event.
	maxLine = 256 << 10
	// maxWaiting is how much a stream may hold for a slow sink.
	maxWaiting = 1 << 20
)

// logger turns what one instance prints into log events, adds the platform's own lines, and hands them to the sink in order.
// It stops reading the function's output while too much waits, so that in the end the function's writes block.
type logger struct {
	sink   LogSink
	fn     *sandbox.Function
	stream string

	mu      sync.Mutex
	space   *sync.Cond // waiting < maxWaiting, or closed
	work    *sync.Cond // lines to write, or closed
	lines   []LogLine
	waiting int
	closed  bool
	tail    *sandbox.Tail
	dropped int

	// read guards the pipe and the unfinished line.
	read    sync.Mutex
	partial []byte
	buf     []byte
	pipe    *os.File

	reading, writing chan struct{}
}

// newLogger reads pipe, a non-blocking one, until its other end is closed or stop is called.
func newLogger(ctx context.Context, sink LogSink, fn *sandbox.Function, stream string, pipe *os.File) *logger {
	l := &logger{sink: sink, fn: fn, stream: stream, pipe: pipe, buf: make([]byte, 16<<10),
		reading: make(chan struct{}), writing: make(chan struct{})}
	l.space, l.work = sync.NewCond(&l.mu), sync.NewCond(&l.mu)
	go l.readAll()
	go l.writeAll(ctx)
	return l
}

func (l *logger) readAll() {
	defer close(l.reading)
	raw, err := l.pipe.SyscallConn()
	if err != nil {
		return
	}
	for more := true; more; {
		err := raw.Read(func(fd uintptr) bool {
			l.read.Lock()
			defer l.read.Unlock()
			n, err := l.chunk(int(fd))
			more = n > 0
			return err != unix.EAGAIN
		})
		if err != nil {
			return
		}
		l.waitForSpace()
	}
}

// chunk reads once. The caller holds l.read.
func (l *logger) chunk(fd int) (int, error) {
	n, err := unix.Read(fd, l.buf)
	if err == unix.EINTR {
		err = unix.EAGAIN
	}
	if n <= 0 {
		return 0, err
	}
	data := l.buf[:n]
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			break
		}
		l.partial = append(l.partial, data[:i]...)
		l.finishLine()
		data = data[i+1:]
	}
	l.partial = append(l.partial, data...)
	if len(l.partial) >= maxLine {
		l.finishLine()
	}
	return n, nil
}

func (l *logger) finishLine() {
	for rest := l.partial; len(rest) > 0; {
		n := min(len(rest), maxLine)
		l.line(rest[:n])
		rest = rest[n:]
	}
	l.partial = l.partial[:0]
}

// flush takes in what the function printed up to now, an unfinished line too.
func (l *logger) flush() {
	raw, err := l.pipe.SyscallConn()
	if err != nil {
		return
	}
	l.read.Lock()
	defer l.read.Unlock()
	_ = raw.Control(func(fd uintptr) {
		// A function that never stops printing must not hold its own end up.
		for range maxWaiting / len(l.buf) {
			if n, _ := l.chunk(int(fd)); n == 0 {
				return
			}
		}
	})
	l.finishLine()
}

// line adds one event.
func (l *logger) line(s []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail != nil {
		l.tail.Line(s)
	}
	if l.closed || l.waiting > 2*maxWaiting {
		l.dropped++
		return
	}
	l.lines = append(l.lines, LogLine{time.Now(), string(s)})
	l.waiting += len(s)
	l.work.Signal()
}

// say adds one event of the platform itself.
func (l *logger) say(s string) { l.line([]byte(s)) }

// capture starts a new tail.
func (l *logger) capture() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = new(sandbox.Tail)
}

// captured ends the tail and returns it.
func (l *logger) captured() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail == nil {
		return nil
	}
	t := l.tail
	l.tail = nil
	return t.Bytes()
}

func (l *logger) waitForSpace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.waiting > maxWaiting && !l.closed {
		l.space.Wait()
	}
}

func (l *logger) writeAll(ctx context.Context) {
	defer close(l.writing)
	for {
		l.mu.Lock()
		for len(l.lines) == 0 && !l.closed {
			l.work.Wait()
		}
		lines, dropped := l.lines, l.dropped
		l.lines, l.dropped = nil, 0
		done := l.closed && len(lines) == 0
		l.mu.Unlock()
		if done {
			return
		}
		lost := dropped + len(lines)
		if dropped > 0 {
			lines = append(lines, LogLine{time.Now(), "[trellis] lines lost because the log did not take them: " + strconv.Itoa(dropped)})
		}
		size := 0
		for _, line := range lines {
			size += len(line.Message)
		}
		err := l.sink.Write(ctx, l.fn, l.stream, lines)
		l.mu.Lock()
		if err != nil {
			l.dropped += lost
		}
		l.waiting = max(0, l.waiting-size)
		l.space.Broadcast()
		l.mu.Unlock()
	}
}

// stop takes in what is left, and returns when the sink has it. The process has ended by then.
func (l *logger) stop() {
	l.flush()
	l.mu.Lock()
	l.closed = true
	l.work.Broadcast()
	l.space.Broadcast()
	l.mu.Unlock()
	l.pipe.Close()
	<-l.reading
	<-l.writing
}
