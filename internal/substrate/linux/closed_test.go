package linux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// segment is a TCP segment that carries a text, as if it belonged to a connection.
func segment(from, to netip.AddrPort, seq, ack uint32, text string) []byte {
	p := make([]byte, 40, 40+len(text))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[2:], uint16(40+len(text)))
	copy(p[12:], from.Addr().AsSlice())
	copy(p[16:], to.Addr().AsSlice())
	t := p[20:]
	binary.BigEndian.PutUint16(t, from.Port())
	binary.BigEndian.PutUint16(t[2:], to.Port())
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], ack)
	t[12], t[13] = 5<<4, 0x18
	binary.BigEndian.PutUint16(t[14:], 64240)
	p = append(p, text...)
	var all uint32
	for _, part := range [][]byte{p[12:20], {0, unix.IPPROTO_TCP, 0, byte(len(p) - 20)}, p[20:]} {
		for i := 0; i < len(part); i += 2 {
			all += uint32(part[i]) << 8
			if i+1 < len(part) {
				all += uint32(part[i+1])
			}
		}
	}
	for all>>16 > 0 {
		all = all&0xffff + all>>16
	}
	binary.BigEndian.PutUint16(p[36:], ^uint16(all))
	return p
}

// socketIn makes a socket of the kernel's in a namespace.
func socketIn(t *testing.T, n *Namespace, family, kind, protocol int) int {
	t.Helper()
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// tap sees every packet that leaves a namespace, whatever becomes of it, and every one that comes to it, whoever would take it.
type tap struct{ fd int }

func tapIn(t *testing.T, n *Namespace) tap {
	t.Helper()
	return tap{socketIn(t, n, unix.AF_PACKET, unix.SOCK_DGRAM, unix.ETH_P_ALL<<8)}
}

// packets are of IPv4, each of which carries a text.
type packets [][]byte

// seen is what left and what came since it was asked last. It gets a moment to arrive.
func (p tap) seen(t *testing.T) (left, came packets) {
	t.Helper()
	time.Sleep(silence)
	for {
		b := make([]byte, 2048)
		size, from, err := unix.Recvfrom(p.fd, b, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return left, came
		case err != nil:
			t.Fatal(err)
		case from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING:
			left = append(left, b[:size])
		default:
			came = append(came, b[:size])
		}
	}
}

// with are those that end in a text.
func (p packets) with(text string) (out packets) {
	for _, b := range p {
		if bytes.HasSuffix(b, []byte(text)) {
			out = append(out, b)
		}
	}
	return out
}

// A client whose group takes nothing gets the answers of connections it opened, and nothing that claims to belong to one that is
// over: what the server sends is counted where it leaves and where it would arrive.
func TestPrivilegedClosedFlows(t *testing.T) {
	h := newHost(t)
	cfg := substrate.Config{VPCs: []*substrate.VPC{oneVPC()}}
	out := anyAny("sg-client")
	out.Ingress = nil
	cfg.VPCs[0].SecurityGroups[0] = out
	apply(t, h, cfg)
	err := namespace(t, h, "vpc-a").Do(func() error {
		return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close", []byte("1"), 0)
	})
	if err != nil {
		t.Skip("how long a closed connection is remembered cannot be set here:", err)
	}
	server, client := namespace(t, h, "eni-2"), namespace(t, h, "eni-1")
	l, err := server.Listen("tcp", netip.MustParseAddrPort("10.0.2.10:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, here := tapIn(t, server), tapIn(t, client)
	raw := socketIn(t, server, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	from := netip.MustParseAddrPort("10.0.2.10:80")
	// send counts what it sends where it leaves, and tells how many arrive.
	send := func(to netip.AddrPort) int {
		t.Helper()
		for range 10 {
			if err := unix.Sendto(raw, segment(from, to, 1, 1, "late"), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()}); err != nil {
				t.Fatal(err)
			}
		}
		if left, _ := there.seen(t); len(left.with("late")) != 10 {
			t.Fatalf("%d of 10 segments leave the server", len(left.with("late")))
		}
		_, came := here.seen(t)
		return len(came.with("late"))
	}

	conn := dial(t, client, "10.0.2.10:80")
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	to := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	// As long as the connection is open an answer passes.
	if _, err := peer.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	left, _ := there.seen(t)
	if _, came := here.seen(t); len(left.with("late")) == 0 || len(came.with("late")) == 0 {
		t.Fatal("what goes over an open connection is not seen")
	}
	// It ends at once, for both.
	if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
		t.Fatal(err)
	}
	_ = peer.Close()
	time.Sleep(2 * time.Second)
	if n := send(to); n != 0 {
		t.Errorf("%d of 10 segments of a closed connection arrive", n)
	}
	if n := send(netip.AddrPortFrom(to.Addr(), to.Port()+1)); n != 0 {
		t.Errorf("%d of 10 segments of a connection that never was arrive", n)
	}
	// They are as good as others where the group takes all and a connection may be taken up in its midst.
	cfg.VPCs[0].SecurityGroups[0] = anyAny("sg-client")
	apply(t, h, cfg)
	err = namespace(t, h, "vpc-a").Do(func() error {
		return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", []byte("1"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := send(to); n != 10 {
		t.Errorf("%d of 10 segments arrive where all may", n)
	}
}
