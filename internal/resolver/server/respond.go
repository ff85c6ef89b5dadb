package server

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/miekg/dns"

	"trellis/internal/resolver"
)

const (
	// maxUDP is the largest answer sent in one datagram, whatever the client
	// offers: it passes any link unfragmented.
	maxUDP = 1232
	// maxTCP is the longest message that TCP's length prefix can tell.
	maxTCP = dns.MaxMsgSize
	// headerLen is the length of the part every message has.
	headerLen = 12
)

// transport is how a query came.
type transport bool

const (
	udp transport = false
	tcp transport = true
)

// respond is the reply to one packet as seen from view, or nil where there
// should be none. It is a function of its arguments but for the order of
// addresses, which is drawn anew to spread clients.
func respond(view resolver.View, packet []byte, over transport) []byte {
	if view.Silent() || len(packet) < headerLen || packet[2]&0x80 != 0 {
		return nil // to answer an answer would start a ping-pong
	}
	reply := &dns.Msg{Compress: true}
	reply.Id = binary.BigEndian.Uint16(packet)
	reply.Response = true
	reply.Opcode = int(packet[2]>>3) & 0xf
	reply.RecursionDesired = packet[2]&1 != 0
	reply.RecursionAvailable = true
	var query dns.Msg
	if query.Unpack(packet) != nil || cutShort(&query, packet) {
		reply.Rcode = dns.RcodeFormatError
		return pack(reply, dns.MinMsgSize)
	}
	reply.CheckingDisabled = query.CheckingDisabled
	if len(query.Question) == 1 {
		reply.Question = query.Question
	}
	opt, options := edns(&query)
	limit := dns.MinMsgSize
	if opt != nil {
		reply.SetEdns0(maxUDP, opt.Do())
		limit = min(max(limit, int(opt.UDPSize())), maxUDP)
	}
	if over == tcp {
		limit = maxTCP
	}
	reply.Rcode = verdict(&query, opt, options)
	if reply.Rcode == dns.RcodeSuccess {
		q := query.Question[0]
		fill(reply, q, view.Lookup(q.Name, resolver.Type(q.Qtype)))
	}
	return pack(reply, limit)
}

// cutShort says whether packet ended before all that its header counts; the
// parser takes what is there, and a missing type or class for zero.
func cutShort(query *dns.Msg, packet []byte) bool {
	for i, n := range []int{len(query.Question), len(query.Answer), len(query.Ns), len(query.Extra)} {
		if int(binary.BigEndian.Uint16(packet[4+2*i:])) != n {
			return true
		}
	}
	for _, q := range query.Question {
		if q.Qtype == 0 || q.Qclass == 0 {
			return true
		}
	}
	return false
}

// edns is the query's OPT record and how many it carries.
func edns(query *dns.Msg) (*dns.OPT, int) {
	var first *dns.OPT
	n := 0
	for _, rr := range query.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			if n++; first == nil {
				first = opt
			}
		}
	}
	return first, n
}

// verdict is the error that the form of a query calls for.
func verdict(query *dns.Msg, opt *dns.OPT, options int) int {
	switch {
	case query.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case len(query.Question) != 1 || len(query.Answer) > 0 || len(query.Ns) > 0 || options > 1:
		return dns.RcodeFormatError
	case opt != nil && opt.Version() != 0:
		return dns.RcodeBadVers
	}
	q := query.Question[0]
	if q.Qclass != dns.ClassINET {
		return dns.RcodeRefused
	}
	switch q.Qtype {
	case dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}

// fill writes answer into reply.
func fill(reply *dns.Msg, q dns.Question, answer resolver.Answer) {
	switch answer.Status {
	case resolver.NoSuchName:
		reply.Rcode = dns.RcodeNameError
	case resolver.Loop:
		reply.Rcode = dns.RcodeServerFailure
		return
	}
	complete := false
	firstAddr := len(answer.Records)
	for i, r := range answer.Records {
		rr := record(r)
		complete = complete || rr.Header().Rrtype == q.Qtype
		if r.Addr.IsValid() {
			firstAddr = min(firstAddr, i)
		}
		reply.Answer = append(reply.Answer, rr)
	}
	addrs := reply.Answer[firstAddr:]
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	if complete {
		return
	}
	soa := startOfAuthority(answer.Zone)
	if q.Qtype == dns.TypeSOA && answer.Zone != "." && dns.CanonicalName(q.Name) == answer.Zone {
		soa.Hdr.Name = q.Name
		reply.Answer = append(reply.Answer, soa)
		return
	}
	reply.Ns = append(reply.Ns, soa)
}

func record(r resolver.Record) dns.RR {
	hdr := dns.RR_Header{Name: r.Name, Rrtype: uint16(r.Type), Class: dns.ClassINET, Ttl: uint32(resolver.TTL.Seconds())}
	switch r.Type {
	case resolver.A:
		return &dns.A{Hdr: hdr, A: r.Addr.AsSlice()}
	case resolver.AAAA:
		return &dns.AAAA{Hdr: hdr, AAAA: r.Addr.AsSlice()}
	case resolver.CNAME:
		return &dns.CNAME{Hdr: hdr, Target: r.Target}
	default:
		return &dns.PTR{Hdr: hdr, Ptr: r.Target}
	}
}

// startOfAuthority is the SOA of a zone served locally, after RFC 6303: it names
// no server and nobody to write to.
func startOfAuthority(zone string) *dns.SOA {
	ttl := uint32(resolver.TTL.Seconds())
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:      zone,
		Mbox:    "nobody.invalid.",
		Serial:  1,
		Refresh: 3600,
		Retry:   1200,
		Expire:  604800,
		Minttl:  ttl,
	}
}

// pack writes the reply in at most limit bytes. One that cannot be written is a
// failure of ours, and said to be one.
func pack(reply *dns.Msg, limit int) []byte {
	reply.Truncate(limit)
	packed, err := reply.Pack()
	if err == nil && len(packed) <= limit {
		return packed
	}
	failed := &dns.Msg{MsgHdr: reply.MsgHdr}
	failed.Rcode = dns.RcodeServerFailure
	packed, err = failed.Pack()
	if err != nil {
		return nil
	}
	return packed
}
