package linux

import (
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
	// The client's end of the link sees what comes to it, whoever would take it.
	seen := socketIn(t, client, unix.AF_PACKET, unix.SOCK_DGRAM, unix.ETH_P_IP>>8)
	arrived := func() (n int) {
		b := make([]byte, 2048)
		for {
			size, _, err := unix.Recvfrom(seen, b, 0)
			if errors.Is(err, unix.EAGAIN) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			if size > 40 && string(b[size-4:size]) == "late" {
				n++
			}
		}
	}
	raw := socketIn(t, server, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	from := netip.MustParseAddrPort("10.0.2.10:80")
	send := func(to netip.AddrPort, seq, ack uint32) {
		t.Helper()
		for range 10 {
			if err := unix.Sendto(raw, segment(from, to, seq, ack, "late"), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(silence)
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
	time.Sleep(silence)
	if n := arrived(); n == 0 {
		t.Fatal("what comes over an open connection is not seen")
	}
	// It ends at once, for both.
	if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
		t.Fatal(err)
	}
	_ = peer.Close()
	time.Sleep(2 * time.Second)
	send(to, 1, 1)
	if n := arrived(); n != 0 {
		t.Errorf("%d of 10 segments of a closed connection arrive", n)
	}
	send(netip.AddrPortFrom(to.Addr(), to.Port()+1), 1, 1)
	if n := arrived(); n != 0 {
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
	send(to, 1, 1)
	if n := arrived(); n != 10 {
		t.Errorf("%d of 10 segments arrive where all may", n)
	}
}
