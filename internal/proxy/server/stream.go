package server

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"trellis/internal/proxy/http1"
)

const (
	firstBuffer = 8 << 10
	bodyBuffer  = 32 << 10
	headBuffer  = 72 << 10 // more than any head that is within the limits
	outBuffer   = 16 << 10
)

var errHeadTooLarge = &http1.SyntaxError{Status: 400, Text: "the headers are too large"}

// reader reads a connection into a buffer. The head of the message being read stays at the buffer's start while its body
// passes behind it.
type reader struct {
	*link
	buf   []byte
	head  int // length of the current head
	r, w  int // unread bytes
	total int64
	end   time.Time // no deadline is later
}

// next prepares for another message: what was read ahead moves to the buffer's start.
func (r *reader) next() {
	r.w = copy(r.buf, r.buf[r.r:r.w])
	r.r, r.head = 0, 0
}

// readHead reads a head and returns it. The deadline for its first byte is the caller's; once it has begun, all of it must
// arrive within the timeout, unless that is 0.
func (r *reader) readHead(timeout time.Duration) ([]byte, error) {
	var f http1.Finder
	armed := false
	for {
		if r.w > 0 {
			n, err := f.Find(r.buf[:r.w])
			if err != nil {
				return nil, err
			}
			if n > 0 {
				r.head, r.r = n, n
				return r.buf[:n:n], nil
			}
			if !armed && timeout > 0 {
				r.link.in = deadline{}
				r.await(time.Now(), timeout, r.end)
				armed = true
			}
		}
		if r.w == len(r.buf) {
			if len(r.buf) >= headBuffer {
				return nil, errHeadTooLarge
			}
			r.grow(min(len(r.buf)*2, headBuffer))
		}
		n, err := r.Read(r.buf[r.w:])
		r.w += n
		r.total += int64(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// grow gives the reader a larger buffer; views of the old one stay valid.
func (r *reader) grow(size int) {
	if size > len(r.buf) {
		buf := make([]byte, size)
		copy(buf, r.buf[:r.w])
		r.buf = buf
	}
}

// fill reads more of a body, at most max bytes.
func (r *reader) fill(max int64, timeout time.Duration) error {
	if r.r == r.w {
		r.r, r.w = r.head, r.head
	}
	if len(r.buf)-r.head < bodyBuffer/2 {
		r.grow(r.head + bodyBuffer)
	}
	r.await(time.Now(), timeout, r.end)
	to := r.buf[r.w:]
	if int64(len(to)) > max {
		to = to[:max]
	}
	n, err := r.Read(to)
	r.w += n
	r.total += int64(n)
	if n > 0 {
		return nil
	}
	return err
}

// body is a message body as it is read.
type body struct {
	length int64 // left, or http1.Chunked or http1.UntilClose
	chunks http1.Chunks
	done   bool
}

func newBody(length int64) body { return body{length: length, done: length == 0} }

// buffered reports whether next will not wait for the network.
func (b *body) buffered(r *reader) bool { return b.done || r.r < r.w }

// next returns more of the body, valid until it is called again; it may return nothing without being done.
func (b *body) next(r *reader, timeout time.Duration) ([]byte, error) {
	if b.done {
		return nil, nil
	}
	if r.r == r.w {
		max := int64(len(r.buf))
		if b.length > 0 {
			max = b.length
		}
		if err := r.fill(max, timeout); err != nil {
			if b.length == http1.UntilClose && errors.Is(err, io.EOF) {
				b.done = true
				return nil, nil
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	data := r.buf[r.r:r.w]
	switch b.length {
	case http1.UntilClose:
		r.r = r.w
		return data, nil
	case http1.Chunked:
		data, n, err := b.chunks.Decode(data)
		r.r += n
		b.done = b.chunks.Done()
		return data, err
	}
	if int64(len(data)) > b.length {
		data = data[:b.length]
	}
	r.r += len(data)
	b.length -= int64(len(data))
	b.done = b.length == 0
	return data, nil
}

// writer gathers what is sent on a connection.
type writer struct {
	link    *link
	buf     []byte
	total   int64
	timeout time.Duration
	end     time.Time
}

func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// over reports whether the time of the connection is over.
func (w *writer) over() bool { return !w.end.IsZero() && !time.Now().Before(w.end) }

func (w *writer) write(p []byte) error {
	n, err := w.link.write(p, w.timeout, w.end)
	w.total += int64(n)
	return err
}

// lastChunk ends a chunked body.
const lastChunk = "0\r\n\r\n"

// framing is more than what a chunk needs around it.
const framing = 24

// gather keeps a part of a body to be sent, as a chunk if chunked is set.
func (w *writer) gather(p []byte, chunked bool) {
	if len(p) == 0 {
		return
	}
	if chunked {
		w.buf = append(strconv.AppendInt(w.buf, int64(len(p)), 16), "\r\n"...)
	}
	w.buf = append(w.buf, p...)
	if chunked {
		w.buf = append(w.buf, "\r\n"...)
	}
}

// data sends a part of a body, as a chunk if chunked is set.
func (w *writer) data(p []byte, chunked bool) error {
	if len(p) == 0 {
		return nil
	}
	if len(w.buf)+len(p)+framing <= cap(w.buf) {
		w.gather(p, chunked)
		return nil
	}
	if chunked {
		w.buf = append(strconv.AppendInt(w.buf, int64(len(p)), 16), "\r\n"...)
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.write(p); err != nil {
		return err
	}
	if chunked {
		w.buf = append(w.buf, "\r\n"...)
	}
	return nil
}

// send copies a body from r to w, and sends what was gathered whenever it would have to wait for more.
func send(w *writer, r *reader, b *body, chunked bool, timeout time.Duration) (readErr, writeErr error) {
	for !b.done {
		if !b.buffered(r) {
			if err := w.flush(); err != nil {
				return nil, err
			}
			if w.over() {
				return nil, os.ErrDeadlineExceeded
			}
		}
		data, err := b.next(r, timeout)
		if err != nil {
			return err, w.flush()
		}
		if err := w.data(data, chunked); err != nil {
			return nil, err
		}
	}
	if chunked {
		w.buf = append(w.buf, lastChunk...)
	}
	return nil, w.flush()
}
