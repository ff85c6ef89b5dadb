package faults

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"trellis/test/kernel"
)

// wire is a socket that sends and sees packets on one link, before any rule has.
type wire struct {
	fd, link int
	mac      net.HardwareAddr
}

func (p place) wire(t *testing.T, link netlink.Link) wire {
	t.Helper()
	w := wire{-1, link.Attrs().Index, link.Attrs().HardwareAddr}
	ended := make(chan error)
	go func() {
		// The thread ends with what it is in.
		runtime.LockOSThread()
		err := netns.Set(p.ns)
		if err == nil {
			w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		}
		if err == nil {
			err = unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: everyProtocol, Ifindex: w.link})
		}
		ended <- err
	}()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

// Numbers of protocols as the network has them. What goes out is seen by who listens to all.
const (
	ip4           = unix.ETH_P_IP<<8&0xff00 | unix.ETH_P_IP>>8
	everyProtocol = unix.ETH_P_ALL << 8
)

// send puts a packet on the link, for the other end.
func (w wire) send(packet []byte, other wire) error {
	to := unix.SockaddrLinklayer{Protocol: ip4, Ifindex: w.link, Halen: 6}
	copy(to.Addr[:], other.mac)
	return unix.Sendto(w.fd, packet, 0, &to)
}

// packets are those of IPv4 that came in over the link, and that went out, since it was asked last.
func (w wire) packets(t *testing.T) (in, out [][]byte) {
	t.Helper()
	for {
		b := make([]byte, 2048)
		n, from, err := unix.Recvfrom(w.fd, b, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return in, out
		case err != nil:
			t.Fatal(err)
		case n < 28 || b[0]>>4 != 4:
		case from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING:
			out = append(out, b[:n])
		default:
			in = append(in, b[:n])
		}
	}
}

// seen counts the openings and questions that came in over the link from an address, and all that went out to it, since it was
// asked last.
func (w wire) seen(t *testing.T, address netip.Addr) (in, out int) {
	t.Helper()
	came, went := w.packets(t)
	for _, b := range came {
		if netip.AddrFrom4([4]byte(b[12:])) == address && (b[9] == unix.IPPROTO_UDP || b[9] == unix.IPPROTO_TCP && b[33] == syn) {
			in++
		}
	}
	for _, b := range went {
		if netip.AddrFrom4([4]byte(b[16:])) == address {
			out++
		}
	}
	return in, out
}

// datagrams counts those that the kernel has delivered in a namespace, whether or not somebody listens: what its filter drops is not
// among them.
func (p place) datagrams(t *testing.T) (n int) {
	t.Helper()
	var text []byte
	if err := kernel.Within(p.ns, func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case f[0] != "Udp:":
		case names == nil:
			names = f
		default:
			for i, name := range names {
				if name == "InDatagrams" || name == "NoPorts" {
					count, err := strconv.Atoi(f[i])
					if err != nil {
						t.Fatal(err)
					}
					n += count
				}
			}
			return n
		}
	}
	t.Fatalf("no counts of UDP: %s", text)
	return 0
}

// traffic is what became of packets: how many were sent, how many came to the other end of the link, and how many answers went back.
type traffic struct{ sent, arrived, answered int }

// cross opens connections from an address, and asks a name of what may be a resolver, over the one veth of a namespace that
// leads to the end, in another, that fits.
func cross(t *testing.T, from place, address string, to place, fits func(netlink.Link) bool, goals []netip.AddrPort) (got traffic) {
	t.Helper()
	var far, near wire
	source := netip.MustParseAddr(address)
	links, err := to.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if !fits(l) {
			continue
		}
		far = to.wire(t, l)
		mine, err := from.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mine {
			if m.Type() == "veth" && m.Attrs().ParentIndex == l.Attrs().Index && m.Attrs().Index == l.Attrs().ParentIndex {
				near = from.wire(t, m)
			}
		}
	}
	if far.link == 0 || near.link == 0 {
		t.Fatal("there is no link between them")
	}
	far.seen(t, source)
	for _, goal := range goals {
		for i := range 5 {
			for _, packet := range [][]byte{opening(netip.AddrPortFrom(source, uint16(40000+i)), goal), question(source, goal)} {
				if err := near.send(packet, far); err != nil {
					t.Fatal(err)
				}
				got.sent++
			}
		}
	}
	time.Sleep(300 * time.Millisecond)
	got.arrived, got.answered = far.seen(t, source)
	return got
}

// leads says whether a VPC's packets to an address go over a link.
func leads(t *testing.T, p place, l netlink.Link, address string) bool {
	t.Helper()
	routes, err := p.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN, LinkIndex: l.Attrs().Index}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Dst != nil && r.Dst.String() == address+"/32" {
			return true
		}
	}
	return false
}

// shared is the name of the link that two VPCs have.
func shared(t *testing.T, a, b place) string {
	t.Helper()
	there := map[string]bool{}
	for _, p := range []place{a, b} {
		links, err := p.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			if name := l.Attrs().Name; l.Type() == "veth" && there[name] {
				return name
			}
			there[l.Attrs().Name] = true
		}
	}
	t.Fatal("they share no link")
	return ""
}

func sum(parts ...[]byte) uint16 {
	var all uint32
	for _, p := range parts {
		for i := 0; i+1 < len(p); i += 2 {
			all += uint32(binary.BigEndian.Uint16(p[i:]))
		}
	}
	for all>>16 > 0 {
		all = all&0xffff + all>>16
	}
	return ^uint16(all)
}

// header is an IPv4 header for so many bytes.
func header(from, to netip.Addr, protocol byte, size int) []byte {
	h := make([]byte, 20, 20+size)
	h[0], h[8], h[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(h[2:], uint16(20+size))
	copy(h[12:], from.AsSlice())
	copy(h[16:], to.AsSlice())
	binary.BigEndian.PutUint16(h[10:], sum(h))
	return h
}

const syn = 2

// opening is the first packet of a TCP connection.
func opening(from, to netip.AddrPort) []byte {
	p := make([]byte, 20)
	binary.BigEndian.PutUint16(p, from.Port())
	binary.BigEndian.PutUint16(p[2:], to.Port())
	binary.BigEndian.PutUint32(p[4:], 1000)
	p[12], p[13] = 5<<4, syn
	binary.BigEndian.PutUint16(p[14:], 64240)
	h := header(from.Addr(), to.Addr(), unix.IPPROTO_TCP, len(p))
	binary.BigEndian.PutUint16(p[16:], sum(h[12:20], []byte{0, unix.IPPROTO_TCP, 0, byte(len(p))}, p))
	return append(h, p...)
}

// question is a packet with a question for a resolver.
func question(from netip.Addr, to netip.AddrPort) []byte {
	ask := "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
	p := make([]byte, 8, 8+len(ask))
	binary.BigEndian.PutUint16(p, 40053)
	binary.BigEndian.PutUint16(p[2:], to.Port())
	binary.BigEndian.PutUint16(p[4:], uint16(8+len(ask)))
	return append(header(from, to.Addr(), unix.IPPROTO_UDP, 8+len(ask)), append(p, ask...)...)
}
