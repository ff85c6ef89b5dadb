package server

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxQuery is the longest query read from a datagram.
	maxQuery = 4096
	// maxStreams is how many TCP connections one listener serves at a time; one
	// more is closed at once.
	maxStreams = 64
	// idle is how long a TCP connection may be silent, or slow, in one message.
	idle = 10 * time.Second
)

// answerer is the reply to a packet; nil is none.
type answerer func(packet []byte, over transport) []byte

// listener serves one address over UDP and TCP. Datagrams are answered one after
// the other by the goroutine that reads them: an answer costs microseconds, and
// nobody can make the server hold more work than the socket's buffer.
type listener struct {
	answer  answerer
	packets net.PacketConn
	streams net.Listener

	closing atomic.Bool
	broken  atomic.Bool
	// fault is set when the listener breaks.
	fault   *atomic.Bool
	running sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func serve(packets net.PacketConn, streams net.Listener, fault *atomic.Bool, answer answerer) *listener {
	l := &listener{answer: answer, fault: fault, packets: packets, streams: streams, open: make(map[net.Conn]struct{})}
	l.running.Go(l.servePackets)
	l.running.Go(l.serveStreams)
	return l
}

// failed says whether a socket broke while it should have served.
func (l *listener) failed() bool { return l.broken.Load() }

// close ends the listener; wait returns once it has ended.
func (l *listener) close() {
	l.closing.Store(true)
	l.packets.Close()
	l.streams.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
}

func (l *listener) wait() { l.running.Wait() }

func (l *listener) servePackets() {
	buf := make([]byte, maxQuery)
	for {
		n, from, err := l.packets.ReadFrom(buf)
		if err != nil {
			if l.goOn(err) {
				continue
			}
			return
		}
		if reply := l.answer(buf[:n], udp); reply != nil {
			// A client that has gone away is no concern of ours.
			_, _ = l.packets.WriteTo(reply, from)
		}
	}
}

func (l *listener) serveStreams() {
	for {
		conn, err := l.streams.Accept()
		if err != nil {
			if l.goOn(err) {
				continue
			}
			return
		}
		if !l.admit(conn) {
			conn.Close()
			continue
		}
		l.running.Go(func() {
			defer l.dismiss(conn)
			l.serveStream(conn)
		})
	}
}

// goOn says whether a socket's error is one to live with. Errors that clients
// cause come back through the socket; they, and a lack of descriptors, pass.
func (l *listener) goOn(err error) bool {
	if l.closing.Load() {
		return false
	}
	for _, passing := range []error{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EHOSTUNREACH,
		syscall.ENETUNREACH, syscall.EINTR, os.ErrDeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			time.Sleep(50 * time.Millisecond)
			return true
		}
	}
	l.broken.Store(true)
	l.fault.Store(true)
	return false
}

func (l *listener) admit(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Load() || len(l.open) >= maxStreams {
		return false
	}
	l.open[conn] = struct{}{}
	return true
}

func (l *listener) dismiss(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

// serveStream answers the messages of one connection, each behind its length.
func (l *listener) serveStream(conn net.Conn) {
	var length [2]byte
	for {
		if conn.SetDeadline(time.Now().Add(idle)) != nil {
			return
		}
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		packet := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, packet); err != nil {
			return
		}
		reply := l.answer(packet, tcp)
		if reply == nil {
			continue
		}
		framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reply)), uint16(len(reply)))
		if _, err := conn.Write(append(framed, reply...)); err != nil {
			return
		}
	}
}
