package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"trellis/internal/proxy"
)

// Names looks names up for resources that have one.
type Names interface {
	// Resolve returns an IPv4 address of the name, as the resolver of the VPC knows it, or as everyone does where the VPC is empty.
	Resolve(vpc, name string) (netip.Addr, bool)
}

// resourceIdle is how long a connection to a resource may carry nothing, as VPC Lattice has it.
const resourceIdle = 350 * time.Second

// tunnelBuffer is how much is read at once.
const tunnelBuffer = 32 << 10

// tunnel is a connection to a resource: what one side sends is written to the other as it comes.
type tunnel struct {
	sides [2]net.Conn
	// quiet ends the connection when nothing came for long.
	quiet *time.Timer
}

var errNotThere = errors.New("the resource has no such port, or its name no address")

// carry leads a client's connection on to the resource until both sides have ended, one has failed or the socket closes. A
// resource that cannot be reached is told by a reset.
func (k *socket) carry(client net.Conn, r *proxy.Resource) {
	k.track(client)
	k.srv.count.connections.Add(1)
	k.srv.count.open.Add(1)
	k.srv.running.Go(func() {
		defer k.srv.count.open.Add(-1)
		defer k.untrack(client)
		upstream, done, err := k.srv.reachResource(client, r)
		if err != nil {
			k.srv.Log.Debug("a resource cannot be reached", "resource", r.ARN, "client", client.RemoteAddr(), "error", err)
			reset(client)
			return
		}
		defer done()
		t := &tunnel{sides: [2]net.Conn{client, upstream}}
		t.quiet = time.AfterFunc(resourceIdle, t.cut)
		defer t.quiet.Stop()
		var other sync.WaitGroup
		other.Go(func() { t.copy(client, upstream, &k.srv.chunks) })
		t.copy(upstream, client, &k.srv.chunks)
		other.Wait()
		_ = client.Close()
	})
}

// track lists a connection, which ends at once if the socket is closing.
func (k *socket) track(client net.Conn) {
	k.space.add(client)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tunnels[client] = struct{}{}
	if k.closing.Load() {
		_ = client.Close()
	}
}

func (k *socket) untrack(client net.Conn) {
	k.mu.Lock()
	delete(k.tunnels, client)
	k.mu.Unlock()
	k.space.remove(client)
}

// reachResource connects to the port of the resource that the client wanted. The connection is to be ended by done.
func (s *Server) reachResource(client net.Conn, r *proxy.Resource) (_ net.Conn, done func(), err error) {
	port := addrPort(client.LocalAddr()).Port()
	ip := r.IP
	if !ip.IsValid() && s.Names != nil {
		ip, _ = s.Names.Resolve(r.NameVPC, r.Name)
	}
	if !r.Has(port) || !ip.IsValid() {
		return nil, nil, errNotThere
	}
	from := r.Source()
	ctx, cancel := context.WithTimeout(s.ctx, s.Timeouts.Connect)
	defer cancel()
	conn, err := s.Network.Dial(ctx, from.Namespace, from.Address, netip.AddrPortFrom(ip, port))
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	p := s.space(from.Namespace)
	s.mu.Unlock()
	p.add(conn)
	return conn, func() {
		_ = conn.Close()
		p.remove(conn)
	}, nil
}

// copy writes to one side what the other sends. Its end is passed on, and so is its failure.
func (t *tunnel) copy(to, from net.Conn, buffers *sync.Pool) {
	b := buffers.Get().(*[tunnelBuffer]byte)
	defer buffers.Put(b)
	for {
		n, err := from.Read(b[:])
		if n > 0 {
			t.quiet.Reset(resourceIdle)
			if _, err := to.Write(b[:n]); err != nil {
				t.cut()
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				t.cut()
			}
			return
		default:
			t.cut()
			return
		}
	}
}

// cut ends both sides with a reset.
func (t *tunnel) cut() {
	for _, c := range t.sides {
		reset(c)
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
