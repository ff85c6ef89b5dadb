package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// outside is the end of a wire where clients are. Members are counted from 0.
const outside = -1

// wires carry every byte between the members and between them and clients, each direction by itself. A direction that is
// cut holds back what was sent, the end of a connection too, until it is mended, as a network does that drops packets: no
// end is told, and who connects meanwhile waits. Members reach each other by names through a proxy each, which is how it is
// known who calls whom.
type wires struct {
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	cut     map[direction]bool
	mended  chan struct{} // closed at a change of cut
	members []*ends
}

type direction struct{ from, to int }

// ends are a member's listeners for clients and for the other members' names, and where it listens itself while it runs.
type ends struct {
	clients, proxy net.Listener
	client, peer   string
}

func newWires(n int) (*wires, error) {
	ctx, stop := context.WithCancel(context.Background())
	w := &wires{ctx: ctx, stop: stop, cut: map[direction]bool{}, mended: make(chan struct{})}
	for range n {
		clients, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		w.closeAtEnd(clients)
		proxy, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		w.closeAtEnd(proxy)
		w.members = append(w.members, &ends{clients: clients, proxy: proxy})
	}
	for i, e := range w.members {
		w.serve(e.clients, func(conn net.Conn) { w.connect(conn, conn, outside, i, func(e *ends) string { return e.client }) })
		w.serve(e.proxy, func(conn net.Conn) { w.forward(conn, i) })
	}
	return w, nil
}

func (w *wires) closeAtEnd(c io.Closer) { context.AfterFunc(w.ctx, func() { _ = c.Close() }) }

// end cuts everything for good.
func (w *wires) end() {
	w.stop()
	w.all.Wait()
}

// moved says where a member listens from now on.
func (w *wires) moved(i int, client, peer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[i].client, w.members[i].peer = client, peer
}

// set cuts directions, or mends them.
func (w *wires) set(cut bool, ds ...direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range ds {
		w.cut[d] = cut
	}
	close(w.mended)
	w.mended = make(chan struct{})
}

// wait returns once a direction is whole, and false when all has ended.
func (w *wires) wait(d direction) bool {
	for {
		w.mu.Lock()
		cut, mended := w.cut[d], w.mended
		w.mu.Unlock()
		if !cut {
			return w.ctx.Err() == nil
		}
		select {
		case <-mended:
		case <-w.ctx.Done():
			return false
		}
	}
}

// around connects to a member without a wire.
func (w *wires) around(ctx context.Context, clients string) (net.Conn, error) {
	for i := range w.members {
		if w.members[i].clients.Addr().String() == clients {
			w.mu.Lock()
			address := w.members[i].client
			w.mu.Unlock()
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	return nil, fmt.Errorf("no member is at %s", clients)
}

func (w *wires) serve(l net.Listener, handle func(net.Conn)) {
	w.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(w.ctx, func() { _ = conn.Close() })()
				handle(conn)
			})
		}
	})
}

// peerName is what the members know each other by.
func peerName(i int) string { return fmt.Sprintf("m%d.cluster", i) }

// forward carries what a member says to the one that it names to its proxy.
func (w *wires) forward(conn net.Conn, from int) {
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	name, _, _ := strings.Cut(req.URL.Host, ".")
	to, err := strconv.Atoi(strings.TrimPrefix(name, "m"))
	if err != nil || to < 0 || to >= len(w.members) {
		return
	}
	if !w.wait(direction{to, from}) {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	w.connect(conn, in, from, to, func(e *ends) string { return e.peer })
}

// connect carries a connection, of which in is what is read, to where a member listens.
func (w *wires) connect(conn net.Conn, in io.Reader, from, to int, where func(*ends) string) {
	there, back := direction{from, to}, direction{to, from}
	if !w.wait(there) || !w.wait(back) {
		return
	}
	w.mu.Lock()
	address := where(w.members[to])
	w.mu.Unlock()
	far, err := new(net.Dialer).DialContext(w.ctx, "tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(w.ctx, func() { _ = far.Close() })()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.carry(conn, far, back)
	}()
	w.carry(far, in, there)
	<-answered
}

// carry copies one direction of a connection to its end, and ends it on the other side.
func (w *wires) carry(dst net.Conn, src io.Reader, d direction) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if !w.wait(d) {
			return
		}
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if tcp, ok := dst.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
	}
}
