package faults

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostilePort is where what should not arrive would.
const hostilePort = 9999

// datagram is an IPv4 packet with a UDP datagram in it.
func datagram(from, to netip.Addr, text string) []byte {
	p := make([]byte, 28, 28+len(text))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(text)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[20:], hostilePort)
	binary.BigEndian.PutUint16(p[22:], hostilePort)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(text)))
	return append(p, text...)
}

// inject sends packets as their header says, whoever they claim to be from.
func inject(from, to netip.Addr, text string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for range 10 {
		if err := unix.Sendto(fd, datagram(from, to, text), 0, &unix.SockaddrInet4{Addr: to.As4()}); err != nil {
			return err
		}
	}
	return nil
}

// A program that forges its source, or sends to a peer VPC's own addresses or through it, reaches nobody: what arrives is counted
// where it would, and what is honest arrives.
func TestPrivilegedHostilePackets(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	victim := z.start(t, "listen", fmt.Sprint(hostilePort))
	address := victim.line(t)

	// A peer VPC, and one behind it.
	vpc := func(cidr string) *zone {
		v := &zone{server: s, ec2: z.ec2, lattice: z.lattice, account: z.account}
		v.vpc = *must(t, z.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: aws.String(cidr + "0.0/16")}).Vpc.VpcId
		v.subnet = *must(t, z.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &v.vpc, CidrBlock: aws.String(cidr + "0.0/24")}).Subnet.SubnetId
		v.group = *must(t, z.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: aws.String("all"), Description: aws.String("all"), VpcId: &v.vpc}).GroupId
		must(t, z.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &v.group, IpProtocol: aws.String("-1"), CidrIp: aws.String("0.0.0.0/0")})
		return v
	}
	peer, beyond := vpc("10.1."), vpc("10.2.")
	route := func(v *zone, to, peering string) {
		tables := must(t, z.ec2.DescribeRouteTables, &ec2.DescribeRouteTablesInput{}).RouteTables
		for _, table := range tables {
			if *table.VpcId == v.vpc {
				must(t, z.ec2.CreateRoute, &ec2.CreateRouteInput{RouteTableId: table.RouteTableId, DestinationCidrBlock: &to, VpcPeeringConnectionId: &peering})
			}
		}
	}
	connect := func(a, b *zone) string {
		id := must(t, z.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &a.vpc, PeerVpcId: &b.vpc}).VpcPeeringConnection.VpcPeeringConnectionId
		must(t, z.ec2.AcceptVpcPeeringConnection, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
		return *id
	}
	near, far := connect(z, peer), connect(peer, beyond)
	route(z, "10.1.0.0/16", near)
	route(z, "10.2.0.0/16", near)
	route(peer, "10.0.0.0/16", near)
	route(peer, "10.2.0.0/16", far)
	route(beyond, "10.1.0.0/16", far)
	route(beyond, "10.0.0.0/16", far)

	neighbour, stranger := peer.start(t, "send"), beyond.start(t, "send")
	same := z.start(t, "send")
	inSame, inPeer, inBeyond := same.line(t), neighbour.line(t), stranger.line(t)
	count := func(t *testing.T, want string) {
		t.Helper()
		time.Sleep(200 * time.Millisecond)
		if got := victim.get(t, ""); got != want {
			t.Errorf("the victim got %s, want %s", got, want)
		}
	}
	for _, c := range []struct {
		name, from, to string
		by             *inner
	}{
		{"spoofed source of the same VPC", z.address, address, same},
		{"spoofed source of nowhere", "192.0.2.1", address, same},
		{"spoofed source through a peering", inBeyond, address, neighbour},
		{"transit through the peer", inBeyond, address, stranger},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.by.get(t, fmt.Sprintf("%s %s hostile", c.from, c.to)); got != "sent" {
				t.Error(got)
			}
			count(t, "honest 0 hostile 0")
		})
	}
	t.Run("honest", func(t *testing.T) {
		for from, by := range map[string]*inner{inSame: same, inPeer: neighbour} {
			if got := by.get(t, fmt.Sprintf("%s %s honest", from, address)); got != "sent" {
				t.Error(got)
			}
		}
		count(t, "honest 20 hostile 0")
	})

	// The peer's own namespace would not send these: they are put on its side of the peering as if it did.
	router, workload := s.find(t, inSame)
	across, _ := s.find(t, inPeer)
	for name, to := range map[string][]netip.AddrPort{
		"a peer's packets to the link-local range": {
			netip.MustParseAddrPort("169.254.171.32:80"), netip.MustParseAddrPort("169.254.171.33:80"), netip.MustParseAddrPort("169.254.171.34:80"), netip.MustParseAddrPort("169.254.171.35:80")},
		"a peer's packets to the resolver": {netip.MustParseAddrPort("10.0.0.2:53"), netip.MustParseAddrPort("169.254.169.253:53")},
	} {
		t.Run(name, func(t *testing.T) {
			before := router.datagrams(t)
			own := cross(t, workload, inSame, router, func(l netlink.Link) bool { return leads(t, router, l, inSame) }, to)
			if own.sent != own.arrived || own.answered == 0 {
				t.Errorf("of the VPC's own packets %+v", own)
			}
			between := router.datagrams(t)
			if delivered := between - before; delivered != own.sent/2 {
				t.Errorf("%d of the VPC's own %d datagrams were delivered", delivered, own.sent/2)
			}
			theirs := cross(t, across, inPeer, router, func(l netlink.Link) bool { return l.Attrs().Name == shared(t, across, router) }, to)
			if theirs.sent != theirs.arrived || theirs.sent == 0 || theirs.answered != 0 {
				t.Errorf("of the peer's packets %+v, want none answered", theirs)
			}
			if delivered := router.datagrams(t) - between; delivered != 0 {
				t.Errorf("%d of the peer's %d datagrams were delivered", delivered, theirs.sent/2)
			}
		})
	}
	if got := z.start(t, "ask").get(t, "10.0.0.2:53"); got != "connected" {
		t.Errorf("the resolver to its own VPC: %s", got)
	}
	if got := peer.start(t, "ask").get(t, "10.0.0.2:53"); !strings.Contains(got, "timeout") {
		t.Errorf("the resolver to a peer: %s, want a timeout", got)
	}
}

// What is meant for a program that has ended does not reach the one that has its address now, by whose group nobody may: not what
// goes on over connections that the old one took. Both ends are counted.
func TestPrivilegedAddressGivenAgain(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	// A subnet with room for one more.
	narrow := *z
	narrow.subnet = *must(t, z.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &z.vpc, CidrBlock: aws.String("10.0.1.0/28")}).Subnet.SubnetId
	for range 10 {
		must(t, z.ec2.CreateNetworkInterface, &ec2.CreateNetworkInterfaceInput{SubnetId: &narrow.subnet})
	}
	old := narrow.start(t, "sink")
	address := old.line(t)
	sender := z.start(t, "insist", address)
	from := sender.line(t)

	// link is the one of whoever holds an address.
	link := func(address string) (w wire) {
		t.Helper()
		_, at := s.find(t, address)
		if err := at.each("veth", func(l netlink.Link) error { w = at.wire(t, l); return nil }); err != nil {
			t.Fatal(err)
		}
		return w
	}
	here := link(from)
	// send tells how many packets left for the address, and how many came to it of those that are not answers to what it sent itself.
	send := func(there wire) (left, came map[byte]int) {
		t.Helper()
		here.packets(t)
		there.packets(t)
		if got := sender.get(t, ""); got != "sent" {
			t.Fatal(got)
		}
		time.Sleep(300 * time.Millisecond)
		left, came = map[byte]int{}, map[byte]int{}
		_, went := here.packets(t)
		for _, b := range went {
			if netip.AddrFrom4([4]byte(b[16:])).String() == address {
				left[b[9]]++
			}
		}
		arrived, _ := there.packets(t)
		for _, b := range arrived {
			if netip.AddrFrom4([4]byte(b[12:])).String() == from {
				came[b[9]]++
			}
		}
		return left, came
	}
	left, came := send(link(address))
	if got := old.get(t, ""); got != "udp 10 tcp 10" || left[unix.IPPROTO_UDP] != 10 || came[unix.IPPROTO_UDP] != 10 || came[unix.IPPROTO_TCP] == 0 {
		t.Fatalf("the program got %s; by protocols %v packets left for it and %v came", got, left, came)
	}
	if err := old.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := old.cmd.Wait(); err != nil {
		t.Fatal(err)
	}

	shut := must(t, z.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: aws.String("shut"), Description: aws.String("nobody"), VpcId: &z.vpc}).GroupId
	narrow.group = *shut
	heir := narrow.start(t, "sink")
	if got := heir.line(t); got != address {
		t.Fatalf("the next one has %s, want %s", got, address)
	}
	there := link(address)
	left, came = send(there)
	if got := heir.get(t, ""); got != "udp 0 tcp 0" || left[unix.IPPROTO_UDP] != 10 || left[unix.IPPROTO_TCP] == 0 || len(came) != 0 {
		t.Errorf("the next one got %s; by protocols %v packets left for the old one and %v came to the next", got, left, came)
	}
	// Where its group takes them they come.
	must(t, z.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: shut, IpProtocol: aws.String("-1"), CidrIp: aws.String("0.0.0.0/0")})
	eventually(t, "packets to the next one", func() bool {
		left, came = send(there)
		return came[unix.IPPROTO_UDP] == 10
	})
	if fresh := z.start(t, "insist", address); fresh.line(t) == "" || fresh.get(t, "") != "sent" {
		t.Error("the next one takes no connection")
	}
	eventually(t, "bytes of a new connection", func() bool { return strings.HasSuffix(heir.get(t, ""), " tcp 10") })
}
