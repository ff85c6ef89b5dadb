package linux

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i, p := range s {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

func addrs(s ...string) []netip.Addr {
	out := make([]netip.Addr, len(s))
	for i, a := range s {
		out[i] = netip.MustParseAddr(a)
	}
	return out
}

func anyAny(id string) substrate.SecurityGroup {
	all := []substrate.Rule{{ID: "all", Protocol: substrate.AllProtocols, CIDRs: prefixes("0.0.0.0/0", "::/0")}}
	return substrate.SecurityGroup{ID: id, Ingress: all, Egress: all}
}

func tcpFrom(id string, port int, cidrs []netip.Prefix, groups ...string) substrate.SecurityGroup {
	return substrate.SecurityGroup{
		ID:      id,
		Egress:  anyAny("").Egress,
		Ingress: []substrate.Rule{{ID: id + "-in", Protocol: 6, From: port, To: port, CIDRs: cidrs, Groups: groups}},
	}
}

func iface(id, subnet, group string, addresses ...string) substrate.Interface {
	return substrate.Interface{ID: id, Subnet: subnet, Addresses: addrs(addresses...), SecurityGroups: []string{group}}
}

func over(peering, cidr string) substrate.Route {
	return substrate.Route{Destination: netip.MustParsePrefix(cidr), Via: substrate.ViaPeering, Target: peering}
}

var latticePrefixes = prefixes("169.254.171.0/24", "fd00:ec2:80::/64", "129.224.0.0/17")

// oneVPC has two interfaces in two subnets.
func oneVPC() *substrate.VPC {
	return &substrate.VPC{
		ID: "vpc-a", CIDRs: prefixes("10.0.0.0/16"), Resolvers: addrs("10.0.0.2", "169.254.169.253"),
		Subnets: []substrate.Subnet{{ID: "subnet-1", CIDRs: prefixes("10.0.1.0/24")}, {ID: "subnet-2", CIDRs: prefixes("10.0.2.0/24")}},
		Interfaces: []substrate.Interface{
			iface("eni-1", "subnet-1", "sg-client", "10.0.1.10"),
			iface("eni-2", "subnet-2", "sg-server", "10.0.2.10"),
		},
		SecurityGroups: []substrate.SecurityGroup{anyAny("sg-client"), tcpFrom("sg-server", 80, nil, "sg-client")},
	}
}

func TestPrivilegedSecurityGroups(t *testing.T) {
	h := newHost(t)
	cfg := substrate.Config{LatticePrefixes: latticePrefixes, VPCs: []*substrate.VPC{oneVPC()}}
	apply(t, h, cfg)
	server := namespace(t, h, "eni-2")
	serve(t, server, "10.0.2.10:80", "web")
	serve(t, server, "10.0.2.10:81", "admin")
	wantAnswer(t, h, "eni-1", "10.0.2.10:80", "web 10.0.1.10")
	wantAnswer(t, h, "eni-1", "10.0.2.10:81", "timeout")
	// Nobody there, and a port nobody listens on where it is allowed.
	wantAnswer(t, h, "eni-1", "10.0.2.99:80", "timeout")
	wantAnswer(t, h, "eni-1", "192.0.2.1:80", "timeout")
	wantAnswer(t, h, "eni-2", "10.0.1.10:80", "dial tcp 10.0.1.10:80: connect: connection refused")
}

// The state of the world of the landing zone in small: main peers with blue and
// green, whose ranges overlap with nothing, and other has main's range again.
func peered() substrate.Config {
	main := oneVPC()
	main.InternetGateway = "igw-a"
	main.Subnets = []substrate.Subnet{
		{ID: "subnet-1", CIDRs: prefixes("10.0.1.0/24"), Routes: []substrate.Route{over("pcx-blue", "10.1.0.0/16"), over("pcx-green", "10.2.0.0/16")}},
		{ID: "subnet-2", CIDRs: prefixes("10.0.2.0/24"), Routes: []substrate.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: substrate.ViaInternet}}},
	}
	main.SecurityGroups = []substrate.SecurityGroup{anyAny("sg-client"), anyAny("sg-server")}
	side := func(name, cidr, subnet, address string, routes ...substrate.Route) *substrate.VPC {
		return &substrate.VPC{
			ID: "vpc-" + name, CIDRs: prefixes(cidr),
			Subnets:        []substrate.Subnet{{ID: "subnet-" + name, CIDRs: prefixes(subnet), Routes: routes}},
			Interfaces:     []substrate.Interface{iface("eni-"+name, "subnet-"+name, "sg-"+name, address)},
			SecurityGroups: []substrate.SecurityGroup{anyAny("sg-" + name)},
		}
	}
	other := side("other", "10.0.0.0/16", "10.0.1.0/24", "10.0.1.10")
	return substrate.Config{
		LatticePrefixes: latticePrefixes,
		VPCs: []*substrate.VPC{
			main,
			side("blue", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.10", over("pcx-blue", "10.0.0.0/16"), over("pcx-blue", "10.2.0.0/16")),
			side("green", "10.2.0.0/16", "10.2.1.0/24", "10.2.1.10", over("pcx-green", "10.0.0.0/16"), over("pcx-green", "10.1.0.0/16")),
			other,
		},
		Peerings: []*substrate.Peering{
			{ID: "pcx-blue", Requester: "vpc-a", Accepter: "vpc-blue"},
			{ID: "pcx-green", Requester: "vpc-green", Accepter: "vpc-a"},
		},
	}
}

func TestPrivilegedPeering(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	apply(t, h, cfg)
	serve(t, namespace(t, h, "eni-1"), "10.0.1.10:80", "main")
	serve(t, namespace(t, h, "eni-2"), "10.0.2.10:80", "public")
	serve(t, namespace(t, h, "eni-blue"), "10.1.1.10:80", "blue")
	serve(t, namespace(t, h, "eni-green"), "10.2.1.10:80", "green")
	serve(t, namespace(t, h, "eni-other"), "10.0.1.10:80", "other")

	wantAnswer(t, h, "eni-1", "10.1.1.10:80", "blue 10.0.1.10")
	wantAnswer(t, h, "eni-blue", "10.0.1.10:80", "main 10.1.1.10")
	wantAnswer(t, h, "eni-green", "10.0.1.10:80", "main 10.2.1.10")
	// The same address means something else in a VPC of the same range.
	wantAnswer(t, h, "eni-other", "10.0.1.10:80", "other 10.0.1.10")
	wantAnswer(t, h, "eni-other", "10.1.1.10:80", "timeout")
	// Peering is not transitive, whatever the route tables of blue and green say.
	wantAnswer(t, h, "eni-blue", "10.2.1.10:80", "timeout")
	wantAnswer(t, h, "eni-green", "10.1.1.10:80", "timeout")
	// The public subnet receives, but has no way back.
	wantAnswer(t, h, "eni-blue", "10.0.2.10:80", "timeout")
	// No public address: what goes to the internet vanishes.
	wantAnswer(t, h, "eni-2", "192.0.2.1:80", "timeout")

	cfg.Peerings = cfg.Peerings[1:]
	cfg.VPCs[0].Subnets[0].Routes = cfg.VPCs[0].Subnets[0].Routes[1:]
	apply(t, h, cfg)
	wantAnswer(t, h, "eni-blue", "10.0.1.10:80", "timeout")
	wantAnswer(t, h, "eni-green", "10.0.1.10:80", "main 10.2.1.10")
}

func lattice(mode substrate.LatticeMode, groups ...string) substrate.Config {
	vpc := oneVPC()
	vpc.Lattice, vpc.LatticeGroups = mode, groups
	fromLattice := tcpFrom("sg-server", 80, latticePrefixes)
	toLattice := tcpFrom("sg-lattice", 80, nil, "sg-client")
	vpc.SecurityGroups = []substrate.SecurityGroup{anyAny("sg-client"), fromLattice, toLattice}
	return substrate.Config{LatticePrefixes: latticePrefixes, VPCs: []*substrate.VPC{vpc}}
}

// The proxy's side of Lattice: a listener on a Lattice address, and a dial to a
// target from there.
func TestPrivilegedLattice(t *testing.T) {
	const address = "169.254.171.33"
	h := newHost(t)
	apply(t, h, lattice(substrate.LatticeAssociated))
	serve(t, namespace(t, h, "vpc-a"), address+":80", "lattice")
	serve(t, namespace(t, h, "eni-2"), "10.0.2.10:80", "target")
	serve(t, namespace(t, h, "eni-2"), "10.0.2.10:81", "shut")
	serve(t, namespace(t, h, "eni-1"), "10.0.1.10:80", "client")

	steps := []struct {
		name   string
		mode   substrate.LatticeMode
		groups []string
		from1  string // eni-1, whom sg-lattice lets in
		from2  string // eni-2, whom it does not
	}{
		{"associated", substrate.LatticeAssociated, nil, "lattice 10.0.1.10", "lattice 10.0.2.10"},
		{"associated with a group", substrate.LatticeAssociated, []string{"sg-lattice"}, "lattice 10.0.1.10", "timeout"},
		{"targets only", substrate.LatticeTargets, nil, "timeout", "timeout"},
		{"not at all", substrate.LatticeNone, nil, "timeout", "timeout"},
		{"associated again", substrate.LatticeAssociated, nil, "lattice 10.0.1.10", "lattice 10.0.2.10"},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			apply(t, h, lattice(s.mode, s.groups...))
			wantAnswer(t, h, "eni-1", address+":80", s.from1)
			wantAnswer(t, h, "eni-2", address+":80", s.from2)
			// A port nobody serves is silence too, not a refusal.
			wantAnswer(t, h, "eni-1", address+":81", "timeout")
			wantAnswer(t, h, "eni-1", "169.254.171.99:80", "timeout")
			if s.mode == substrate.LatticeNone {
				return // nobody dials from there
			}
			wantAnswerFrom(t, h, "vpc-a", address, "10.0.2.10:80", "target "+address)
			for _, to := range []string{"10.0.2.10:81", "10.0.2.99:80", "192.0.2.1:80"} {
				wantAnswerFrom(t, h, "vpc-a", address, to, "timeout")
			}
		})
	}
}

func TestPrivilegedLatticeIPv6(t *testing.T) {
	const address = "fd00:ec2:80::a9fe:ab21"
	h := newHost(t)
	cfg := lattice(substrate.LatticeAssociated, "sg-lattice")
	vpc := cfg.VPCs[0]
	vpc.CIDRs = append(vpc.CIDRs, prefixes("2001:db8::/56")...)
	vpc.Subnets[0].CIDRs = append(vpc.Subnets[0].CIDRs, prefixes("2001:db8:0:1::/64")...)
	vpc.Subnets[1].CIDRs = append(vpc.Subnets[1].CIDRs, prefixes("2001:db8:0:2::/64")...)
	vpc.Interfaces[0].Addresses = addrs("10.0.1.10", "2001:db8:0:1::10")
	vpc.Interfaces[1].Addresses = addrs("10.0.2.10", "2001:db8:0:2::10")
	apply(t, h, cfg)
	serve(t, namespace(t, h, "vpc-a"), "["+address+"]:80", "lattice")
	serve(t, namespace(t, h, "eni-2"), "[2001:db8:0:2::10]:80", "target")
	wantAnswer(t, h, "eni-1", "["+address+"]:80", "lattice 2001:db8:0:1::10")
	wantAnswer(t, h, "eni-2", "["+address+"]:80", "timeout")
	wantAnswer(t, h, "eni-1", "["+address+"]:81", "timeout")
	wantAnswer(t, h, "eni-1", "[2001:db8:0:2::10]:80", "timeout")
	wantAnswer(t, h, "eni-1", "[2001:db8:0:2::99]:80", "timeout")
	wantAnswer(t, h, "eni-1", "[2001:db8:ffff::1]:80", "timeout")
	wantAnswerFrom(t, h, "vpc-a", address, "[2001:db8:0:2::10]:80", "target "+address)
	cfg.VPCs[0].Lattice = substrate.LatticeNone
	apply(t, h, cfg)
	wantAnswer(t, h, "eni-1", "["+address+"]:80", "timeout")
}

// What a workload sends under another's name leaves it and arrives nowhere.
func TestPrivilegedSpoofedSource(t *testing.T) {
	h := newHost(t)
	cfg := substrate.Config{LatticePrefixes: latticePrefixes, VPCs: []*substrate.VPC{oneVPC()}}
	cfg.VPCs[0].SecurityGroups[1] = anyAny("sg-server")
	apply(t, h, cfg)
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.2.10:9"))
	client := namespace(t, h, "eni-1")
	here, there := tapIn(t, client), tapIn(t, namespace(t, h, "eni-2"))
	for _, source := range []string{"10.0.1.99", "10.0.2.99", "169.254.171.5", "192.0.2.7", "10.0.1.10"} {
		if err := addAddress(client, 2, netip.MustParseAddr(source), &h.writes); err != nil {
			t.Fatal(err)
		}
		c, err := client.ListenPacket("udp", netip.AddrPortFrom(netip.MustParseAddr(source), 1000))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ten(t, c, source, to)
		want := 0
		if source == "10.0.1.10" {
			want = 10
		}
		wantPassed(t, here, there, source, want)
	}
}

// wantPassed holds that of a text ten packets left one place since its tap was asked last, and so many came to another.
func wantPassed(t *testing.T, from, to tap, text string, want int) {
	t.Helper()
	left, _ := from.seen(t)
	if _, came := to.seen(t); len(left.with(text)) != 10 || len(came.with(text)) != want {
		t.Errorf("of 10 packets %q %d left and %d arrived, want %d", text, len(left.with(text)), len(came.with(text)), want)
	}
}

// anotherOf is a segment without options as the one that was seen.
func anotherOf(packet []byte) []byte {
	tcp := packet[20:]
	at := func(ip, port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[ip:])), binary.BigEndian.Uint16(tcp[port:]))
	}
	return segment(at(12, 0), at(16, 2), binary.BigEndian.Uint32(tcp[4:]), binary.BigEndian.Uint32(tcp[8:]), string(tcp[tcp[12]>>4*4:]))
}

// ten sends a text ten times.
func ten(t *testing.T, c net.PacketConn, text string, to net.Addr) {
	t.Helper()
	for range 10 {
		if _, err := c.WriteTo([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrivilegedRevokeAndRestore(t *testing.T) {
	h := newHost(t)
	open := substrate.Config{VPCs: []*substrate.VPC{oneVPC()}}
	shut := substrate.Config{VPCs: []*substrate.VPC{oneVPC()}}
	shut.VPCs[0].SecurityGroups[1].Ingress = nil
	apply(t, h, open)
	echo(t, namespace(t, h, "eni-2"), "10.0.2.10:80")
	first := dial(t, namespace(t, h, "eni-1"), "10.0.2.10:80")
	wantEcho(t, first)
	apply(t, h, shut)
	wantAnswer(t, h, "eni-1", "10.0.2.10:80", "timeout")
	wantEcho(t, first) // an established flow stays, as on AWS
	apply(t, h, open)
	second := dial(t, namespace(t, h, "eni-1"), "10.0.2.10:80")
	wantEcho(t, second)
}

// Whoever gets an address next does not inherit the connections of who had it, over TCP or UDP: what either end sends leaves it and
// does not arrive, until a group lets it.
func TestPrivilegedAddressReuse(t *testing.T) {
	h := newHost(t)
	vpc := oneVPC()
	cfg := substrate.Config{VPCs: []*substrate.VPC{vpc}}
	vpc.SecurityGroups[1].Ingress = append(vpc.SecurityGroups[1].Ingress, substrate.Rule{ID: "udp", Protocol: 17, From: 80, To: 80, Groups: []string{"sg-client"}})
	apply(t, h, cfg)
	server := namespace(t, h, "eni-2")
	listen := func(n *Namespace, at string) net.PacketConn {
		t.Helper()
		c, err := n.ListenPacket("udp", netip.MustParseAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	datagrams, old := listen(server, "10.0.2.10:80"), listen(namespace(t, h, "eni-1"), "10.0.1.10:1000")
	there, here := tapIn(t, server), tapIn(t, namespace(t, h, "eni-1"))
	ten(t, old, "question", datagrams.LocalAddr())
	wantPassed(t, here, there, "question", 10)
	ten(t, datagrams, "answer", old.LocalAddr())
	wantPassed(t, there, here, "answer", 10)
	echo(t, server, "10.0.2.10:80")
	conn := dial(t, namespace(t, h, "eni-1"), "10.0.2.10:80")
	if _, err := conn.Write([]byte("segment")); err != nil {
		t.Fatal(err)
	}
	asked, answered := here.seen(t)
	asked, answered = asked.with("segment"), answered.with("segment")
	if len(asked) == 0 || len(answered) == 0 {
		t.Fatalf("over an open connection %d segments left and %d came back", len(asked), len(answered))
	}
	// Whoever sends them anew sends what the connection would take.
	again := func(n *Namespace, packet []byte) {
		t.Helper()
		raw := socketIn(t, n, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		for range 10 {
			if err := unix.Sendto(raw, anotherOf(packet), 0, &unix.SockaddrInet4{Addr: [4]byte(packet[16:20])}); err != nil {
				t.Fatal(err)
			}
		}
	}
	there.seen(t)
	again(namespace(t, h, "eni-1"), asked[0])
	wantPassed(t, here, there, "segment", 10)
	here.seen(t)
	again(server, answered[0])
	wantPassed(t, there, here, "segment", 10)

	// A stranger who may reach nothing takes the address of the client.
	vpc.Interfaces[0] = iface("eni-3", "subnet-1", "sg-none", "10.0.1.10")
	vpc.SecurityGroups = append(vpc.SecurityGroups, substrate.SecurityGroup{ID: "sg-none"})
	apply(t, h, cfg)
	stranger := namespace(t, h, "eni-3")
	late := listen(stranger, "10.0.1.10:1000")
	here = tapIn(t, stranger)
	there.seen(t)
	ten(t, late, "question", datagrams.LocalAddr())
	wantPassed(t, here, there, "question", 0)
	ten(t, datagrams, "answer", old.LocalAddr())
	wantPassed(t, there, here, "answer", 0)
	again(stranger, asked[0])
	wantPassed(t, here, there, "segment", 0)
	again(server, answered[0])
	wantPassed(t, there, here, "segment", 0)

	// The address is as good as before for one whose group may.
	vpc.Interfaces[0] = iface("eni-3", "subnet-1", "sg-client", "10.0.1.10")
	apply(t, h, cfg)
	ten(t, late, "question", datagrams.LocalAddr())
	wantPassed(t, here, there, "question", 10)
	ten(t, datagrams, "answer", old.LocalAddr())
	wantPassed(t, there, here, "answer", 10)
	wantEcho(t, dial(t, stranger, "10.0.2.10:80"))
}

// Packets from a peering reach interfaces only: not what is local in the VPC, and not
// the next VPC.
func TestPrivilegedPeeringEndsAtInterfaces(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	apply(t, h, cfg)
	main := namespace(t, h, "vpc-a")
	// Something local where blue's route table leads.
	if err := main.rt.RouteAdd(routeOf(substrate.Path{Table: substrate.TableLocal, Destination: netip.MustParsePrefix("10.0.5.0/24"), Kind: substrate.Local}, 1)); err != nil {
		t.Fatal(err)
	}
	green := ""
	for _, l := range links(cfg) {
		if l.Owner == "pcx-green" {
			green = l.B.Name
		}
	}
	link, err := main.rt.LinkByName(green)
	if err != nil {
		t.Fatal(err)
	}
	// Even with a route through main in place, its filter stops transit.
	through := substrate.Path{Table: substrate.TableMain, Destination: netip.MustParsePrefix("10.2.1.10/32"), Link: green, Gateway: netip.MustParseAddr("169.254.1.1")}
	if err := main.rt.RouteReplace(routeOf(through, link.Attrs().Index)); err != nil {
		t.Fatal(err)
	}
	serve(t, main, "10.0.5.1:80", "local")
	serve(t, namespace(t, h, "eni-green"), "10.2.1.10:80", "green")
	wantAnswer(t, h, "eni-blue", "10.0.5.1:80", "timeout")
	wantAnswer(t, h, "eni-blue", "10.2.1.10:80", "timeout")
	// Nor do questions come to the resolver, whether or not it would answer them.
	resolver, err := main.ListenPacket("udp", netip.MustParseAddrPort("10.0.0.2:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	blue := namespace(t, h, "eni-blue")
	asker, err := blue.ListenPacket("udp", netip.MustParseAddrPort("10.1.1.10:1000"))
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	here := tapIn(t, blue)
	ten(t, asker, "question", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:53")))
	if left, _ := here.seen(t); len(left.with("question")) != 10 {
		t.Errorf("%d of 10 questions left", len(left.with("question")))
	}
	if err := resolver.SetReadDeadline(time.Now().Add(silence)); err != nil {
		t.Fatal(err)
	}
	if _, from, err := resolver.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("a question of %v came to the resolver", from)
	}
	drops, err := h.Drops("vpc-a")
	if err != nil {
		t.Fatal(err)
	}
	if drops[substrate.DropForeign] < 2 || drops[substrate.DropNoHost] == 0 {
		t.Errorf("drops %v", drops)
	}
}

func TestPrivilegedPreflight(t *testing.T) {
	newHost(t)
	if err := Preflight(t.Context()); err != nil {
		t.Error(err)
	}
}

// ping sends an echo request as any user may, and says whether an answer came.
func ping(t *testing.T, n *Namespace, to string, patience time.Duration) bool {
	t.Helper()
	var fd int
	if err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		t.Fatal(err)
	}
	request := []byte{8, 0, 0, 0, 0, 0, 0, 1}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(to).As4()}); err != nil {
		t.Fatal(err)
	}
	_, _, err := unix.Recvfrom(fd, make([]byte, 100), 0)
	return err == nil
}

func TestPrivilegedPing(t *testing.T) {
	h := newHost(t)
	cfg := substrate.Config{LatticePrefixes: latticePrefixes, VPCs: []*substrate.VPC{oneVPC()}}
	apply(t, h, cfg)
	client := namespace(t, h, "eni-1")
	if ping(t, client, "10.0.2.10", silence) {
		t.Error("an answer without a rule for it")
	}
	rules := &cfg.VPCs[0].SecurityGroups[1].Ingress
	*rules = append(*rules, substrate.Rule{ID: "echo", Protocol: 1, From: 8, To: -1, Groups: []string{"sg-client"}})
	apply(t, h, cfg)
	if !ping(t, client, "10.0.2.10", 10*time.Second) {
		t.Error("no answer, with a rule for it")
	}
	if ping(t, namespace(t, h, "eni-2"), "10.0.0.2", silence) {
		t.Error("the resolver answers a ping")
	}
}
