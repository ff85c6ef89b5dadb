package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"trellis/internal/resolver"
)

const service = "directory-0123456789abcdefg.7d67968.vpc-lattice-svcs.us-east-1.on.aws."

// testZones has a VPC "a" with every kind of name, "b" with only the public ones,
// and "mute" without DNS.
func testZones() *resolver.Zones {
	many := &resolver.Host{Name: "many.us-east-1.elb.amazonaws.com"}
	for i := range 200 {
		many.Addrs = append(many.Addrs, netip.AddrFrom4([4]byte{10, 0, 9, byte(i)}))
	}
	listen := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("169.254.169.253")}
	return resolver.Compile(resolver.Desired{
		Public: []*resolver.Host{
			{Name: service, Addrs: []netip.Addr{netip.MustParseAddr("169.254.171.33"), netip.MustParseAddr("fd00:ec2:80::a9fe:ab21")}},
			many,
		},
		VPCs: []*resolver.VPC{
			{
				ID: "a", Listen: listen, EnableDNSSupport: true, EnableDNSHostnames: true,
				Interfaces: []resolver.Interface{{PrivateName: "ip-10-0-8-5.ec2.internal", Private: netip.MustParseAddr("10.0.8.5")}},
				Aliases: []resolver.Alias{
					{Name: "www.corp.example", Target: service},
					{Name: "dangling.corp.example", Target: "nowhere.example"},
					{Name: "loop.corp.example", Target: "loop.corp.example"},
					{Name: "broken.corp.example", Target: strings.Repeat("x", 70) + ".example"},
				},
			},
			{ID: "b", Listen: listen, EnableDNSSupport: true},
			{ID: "mute", Listen: listen},
		},
	})
}

// ask packs a query, asks it, and unpacks the reply; nil is none.
func ask(t *testing.T, vpc string, over transport, query *dns.Msg) *dns.Msg {
	t.Helper()
	packet, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, respond(testZones().View(vpc), packet, over))
}

func unpack(t *testing.T, packet []byte) *dns.Msg {
	t.Helper()
	if packet == nil {
		return nil
	}
	var reply dns.Msg
	if err := reply.Unpack(packet); err != nil {
		t.Fatalf("reply does not parse: %v", err)
	}
	return &reply
}

func query(name string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.Id = 0x1234
	for _, c := range change {
		c(q)
	}
	return q
}

func withEDNS(size uint16) func(*dns.Msg) {
	return func(q *dns.Msg) { q.SetEdns0(size, true) }
}

func lines(rrs []dns.RR) []string {
	var out []string
	for _, rr := range rrs {
		out = append(out, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return out
}

func TestRespond(t *testing.T) {
	const rootSOA = ". 60 IN SOA . nobody.invalid. 1 3600 1200 604800 60"
	latticeSOA := "7d67968.vpc-lattice-svcs.us-east-1.on.aws. 60 IN SOA 7d67968.vpc-lattice-svcs.us-east-1.on.aws. nobody.invalid. 1 3600 1200 604800 60"
	mixed := "DirecTory-0123456789abcdefG.7d67968.vpc-lattice-svcs.us-east-1.ON.aws."
	tests := []struct {
		why    string
		vpc    string
		query  *dns.Msg
		rcode  int
		answer []string
		ns     []string
	}{
		{"a Lattice name", "b", query(service, dns.TypeA), dns.RcodeSuccess, []string{service + " 60 IN A 169.254.171.33"}, nil},
		{"in IPv6", "b", query(service, dns.TypeAAAA), dns.RcodeSuccess, []string{service + " 60 IN AAAA fd00:ec2:80::a9fe:ab21"}, nil},
		{"in the asker's letter case", "b", query(mixed, dns.TypeA), dns.RcodeSuccess, []string{mixed + " 60 IN A 169.254.171.33"}, nil},
		{"no such type", "b", query(service, dns.TypeTXT), dns.RcodeSuccess, nil, []string{latticeSOA}},
		{"no such name", "b", query("x."+service, dns.TypeA), dns.RcodeNameError, nil, []string{latticeSOA}},
		{"an unknown world", "b", query("www.example.com.", dns.TypeA), dns.RcodeNameError, nil, []string{rootSOA}},
		{"the root", "b", query(".", dns.TypeNS), dns.RcodeSuccess, nil, []string{rootSOA}},
		{"the SOA itself", "b", query("7d67968.vpc-lattice-svcs.us-east-1.on.aws.", dns.TypeSOA), dns.RcodeSuccess, []string{latticeSOA}, nil},
		{"a chain", "a", query("www.corp.example.", dns.TypeA), dns.RcodeSuccess,
			[]string{"www.corp.example. 60 IN CNAME " + service, service + " 60 IN A 169.254.171.33"}, nil},
		{"a chain to no such type", "a", query("www.corp.example.", dns.TypeTXT), dns.RcodeSuccess,
			[]string{"www.corp.example. 60 IN CNAME " + service}, []string{latticeSOA}},
		{"a chain to nowhere", "a", query("dangling.corp.example.", dns.TypeA), dns.RcodeNameError,
			[]string{"dangling.corp.example. 60 IN CNAME nowhere.example."}, []string{rootSOA}},
		{"a circle", "a", query("loop.corp.example.", dns.TypeA), dns.RcodeServerFailure, nil, nil},
		{"a target that is no name", "a", query("broken.corp.example.", dns.TypeCNAME), dns.RcodeServerFailure, nil, nil},
		{"a reverse name", "a", query("5.8.0.10.in-addr.arpa.", dns.TypePTR), dns.RcodeSuccess,
			[]string{"5.8.0.10.in-addr.arpa. 60 IN PTR ip-10-0-8-5.ec2.internal."}, nil},
		{"ANY", "a", query(service, dns.TypeANY), dns.RcodeRefused, nil, nil},
		{"a zone transfer", "a", query(service, dns.TypeAXFR), dns.RcodeRefused, nil, nil},
		{"another class", "a", query("version.bind.", dns.TypeTXT, func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused, nil, nil},
		{"another opcode", "a", query(service, dns.TypeA, func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented, nil, nil},
		{"two questions", "a", query(service, dns.TypeA, func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }), dns.RcodeFormatError, nil, nil},
		{"no question", "a", query(service, dns.TypeA, func(q *dns.Msg) { q.Question = nil }), dns.RcodeFormatError, nil, nil},
		{"an answer in the question", "a", query(service, dns.TypeA, func(q *dns.Msg) {
			q.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: service, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{1, 2, 3, 4}}}
		}), dns.RcodeFormatError, nil, nil},
		{"two OPT records", "a", query(service, dns.TypeA, withEDNS(4096), withEDNS(4096)), dns.RcodeFormatError, nil, nil},
		{"a later EDNS", "a", query(service, dns.TypeA, withEDNS(4096), func(q *dns.Msg) { q.IsEdns0().SetVersion(1) }), dns.RcodeBadVers, nil, nil},
	}
	for _, test := range tests {
		for _, over := range []transport{udp, tcp} {
			t.Run(fmt.Sprintf("%s/tcp=%v", test.why, over), func(t *testing.T) {
				reply := ask(t, test.vpc, over, test.query)
				if reply == nil {
					t.Fatal("no reply")
				}
				if reply.Id != 0x1234 || !reply.Response || !reply.RecursionAvailable || !reply.RecursionDesired || reply.Authoritative || reply.Truncated {
					t.Errorf("header %+v", reply.MsgHdr)
				}
				if reply.Rcode != test.rcode {
					t.Errorf("rcode %s, want %s", dns.RcodeToString[reply.Rcode], dns.RcodeToString[test.rcode])
				}
				if diff := cmp.Diff(test.answer, lines(reply.Answer)); diff != "" {
					t.Errorf("answer %s", diff)
				}
				if diff := cmp.Diff(test.ns, lines(reply.Ns)); diff != "" {
					t.Errorf("authority %s", diff)
				}
				if had, has := test.query.IsEdns0() != nil, reply.IsEdns0() != nil; had != has {
					t.Errorf("EDNS in the query %v, in the reply %v", had, has)
				}
			})
		}
	}
}

func TestNoReply(t *testing.T) {
	pack := func(q *dns.Msg) []byte {
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return packet
	}
	good := pack(query(service, dns.TypeA))
	tests := map[string]struct {
		vpc    string
		packet []byte
	}{
		"a VPC without DNS":           {"mute", good},
		"a VPC unknown":               {"gone", good},
		"malformed, in a silent VPC":  {"mute", good[:20]},
		"an answer":                   {"a", pack(query(service, dns.TypeA, func(q *dns.Msg) { q.Response = true }))},
		"less than a header":          {"a", good[:11]},
		"nothing":                     {"a", nil},
		"a malformed answer is worse": {"a", append(pack(query(service, dns.TypeA, func(q *dns.Msg) { q.Response = true })), 0)},
	}
	for name, test := range tests {
		if reply := respond(testZones().View(test.vpc), test.packet, udp); reply != nil {
			t.Errorf("%s: answered %x", name, reply)
		}
	}
}

func TestMalformedIsAFormatError(t *testing.T) {
	good, err := query(service, dns.TypeA, withEDNS(1232)).Pack()
	if err != nil {
		t.Fatal(err)
	}
	selfPointer := slices.Concat(good[:12], []byte{0xc0, 12, 0, 1, 0, 1})
	tests := map[string][]byte{
		"a bare header":       good[:12],
		"cut in the name":     good[:20],
		"cut in the question": good[:len(good)-13],
		"cut in the OPT":      good[:len(good)-3],
		"a pointer to itself": selfPointer,
	}
	for name, packet := range tests {
		reply := unpack(t, respond(testZones().View("a"), packet, udp))
		if reply == nil || reply.Rcode != dns.RcodeFormatError || reply.Id != 0x1234 {
			t.Errorf("%s: reply %v", name, reply)
		}
	}
}

func TestTruncation(t *testing.T) {
	const many = "many.us-east-1.elb.amazonaws.com."
	tests := map[string]struct {
		over      transport
		query     *dns.Msg
		limit     int
		truncated bool
	}{
		"plain UDP":                {udp, query(many, dns.TypeA), 512, true},
		"EDNS, a small buffer":     {udp, query(many, dns.TypeA, withEDNS(100)), 512, true},
		"EDNS, between":            {udp, query(many, dns.TypeA, withEDNS(1000)), 1000, true},
		"EDNS, more than we send":  {udp, query(many, dns.TypeA, withEDNS(65000)), maxUDP, true},
		"TCP":                      {tcp, query(many, dns.TypeA), maxTCP, false},
		"TCP, a small EDNS buffer": {tcp, query(many, dns.TypeA, withEDNS(512)), maxTCP, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			packet, err := test.query.Pack()
			if err != nil {
				t.Fatal(err)
			}
			raw := respond(testZones().View("a"), packet, test.over)
			reply := unpack(t, raw)
			if len(raw) > test.limit {
				t.Errorf("%d bytes, want at most %d", len(raw), test.limit)
			}
			if reply.Truncated != test.truncated {
				t.Errorf("truncated %v, want %v", reply.Truncated, test.truncated)
			}
			if test.truncated && len(raw) < test.limit-32 {
				t.Errorf("%d bytes: room for more records in %d", len(raw), test.limit)
			}
			if !test.truncated && len(reply.Answer) != 200 {
				t.Errorf("%d records, want all 200", len(reply.Answer))
			}
		})
	}
}

func TestAddressesTakeTurns(t *testing.T) {
	const many = "many.us-east-1.elb.amazonaws.com."
	first := make(map[string]bool)
	for range 50 {
		first[ask(t, "a", tcp, query(many, dns.TypeA)).Answer[0].String()] = true
	}
	if len(first) < 2 {
		t.Errorf("the same one of 200 addresses came first 50 times: %v", first)
	}
}

func FuzzRespond(f *testing.F) {
	for _, q := range []*dns.Msg{
		query(service, dns.TypeA), query("www.corp.example.", dns.TypeAAAA, withEDNS(1232)),
		query("many.us-east-1.elb.amazonaws.com.", dns.TypeA, withEDNS(600)), query("5.8.0.10.in-addr.arpa.", dns.TypePTR),
		query(".", dns.TypeANY), query(service, dns.TypeSOA, func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }),
	} {
		packet, err := q.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, false)
		f.Add(packet, true)
		f.Add(packet[:len(packet)/2], false)
	}
	view := testZones().View("a")
	f.Fuzz(func(t *testing.T, packet []byte, stream bool) {
		raw := respond(view, packet, transport(stream))
		isQuery := len(packet) >= headerLen && packet[2]&0x80 == 0
		if (raw != nil) != isQuery {
			t.Fatalf("query %v, answered %v", isQuery, raw != nil)
		}
		if raw == nil {
			return
		}
		if limit := map[bool]int{false: maxUDP, true: maxTCP}[stream]; len(raw) > limit {
			t.Fatalf("%d bytes, limit %d", len(raw), limit)
		}
		reply := unpack(t, raw)
		if !reply.Response || raw[0] != packet[0] || raw[1] != packet[1] || reply.Opcode != int(packet[2]>>3)&0xf {
			t.Fatalf("header %+v does not belong to %x", reply.MsgHdr, packet[:headerLen])
		}
		var asked dns.Msg
		if asked.Unpack(packet) != nil {
			if reply.Rcode != dns.RcodeFormatError {
				t.Fatalf("malformed query: rcode %d", reply.Rcode)
			}
			return
		}
		if reply.Rcode == dns.RcodeSuccess && (len(asked.Question) != 1 || !slices.Equal(reply.Question, asked.Question)) {
			t.Fatalf("question %v became %v", asked.Question, reply.Question)
		}
	})
}
