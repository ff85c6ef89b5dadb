package proxy

import (
	"cmp"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"trellis/internal/proxy/http1"
)

const (
	RequestIDHeader = "x-amzn-requestid"
	sourceVPCHeader = "x-amzn-source-vpc"
	traceHeader     = "x-amzn-trace-id"
	maxRequestID    = 512
)

// reserved reports whether a header is for VPC Lattice alone to set towards a target, so that a client's copy is dropped.
// "_" counts as "-": targets that turn headers into variables cannot tell them apart.
func reserved(name string) bool {
	if len(name) < 13 || name[0]|0x20 != 'x' {
		return false
	}
	return hasPrefixDashed(name, "x-forwarded-") || hasPrefixDashed(name, "x-amzn-lattice-") ||
		len(name) == len(RequestIDHeader) && hasPrefixDashed(name, RequestIDHeader) ||
		len(name) == len(sourceVPCHeader) && hasPrefixDashed(name, sourceVPCHeader)
}

func hasPrefixDashed(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := s[i]
		if c == '_' {
			c = '-'
		}
		if lowerByte(c) != prefix[i] {
			return false
		}
	}
	return true
}

// RequestID returns the client's own request id if it sent a usable one, else a new UUID kept in buf.
func RequestID(r *Request, buf *[36]byte) string {
	if id, ok := r.Get(RequestIDHeader); ok && id != "" && len(id) <= maxRequestID {
		return id
	}
	var raw [16]byte
	for i, v := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			raw[i*8+j] = byte(v >> (8 * j))
		}
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	hex.Encode(buf[:8], raw[:4])
	hex.Encode(buf[9:13], raw[4:6])
	hex.Encode(buf[14:18], raw[6:8])
	hex.Encode(buf[19:23], raw[8:10])
	hex.Encode(buf[24:], raw[10:])
	buf[8], buf[13], buf[18], buf[23] = '-', '-', '-', '-'
	return view(buf[:])
}

// Hop is what the proxy adds to a request on its way to a target, and to the answer on its way back.
type Hop struct {
	Front     *Front
	Service   *Service // nil at a load balancer
	Listener  *Listener
	Group     *TargetGroup
	Member    *Member
	Principal *Principal
	RequestID string
	Client    netip.AddrPort
	Local     netip.AddrPort // the address the client connected to
	Now       time.Time
}

// replyID is the request's id as answers carry it: load balancers send none.
func (h *Hop) replyID() string {
	if h.Front.VPC == nil {
		return ""
	}
	return h.RequestID
}

// AppendRequest appends the head of the request a target receives.
func AppendRequest(dst []byte, r *Request, h *Hop) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.Path...)
	if r.HasQuery {
		dst = append(dst, '?')
		dst = append(dst, r.Query...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	if r.Host != "" {
		dst = append(dst, r.Host...)
	} else {
		dst = h.Local.AppendTo(dst)
	}
	lattice, lb := h.Front.VPC != nil, h.Front.Balancer
	if lb != nil && !lb.PreserveHost && h.Front.Port != 80 && r.Host != "" && !hasPort(r.Host) {
		dst = strconv.AppendUint(append(dst, ':'), uint64(h.Front.Port), 10)
	}
	dst = append(dst, "\r\n"...)
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Hop || lattice && reserved(f.Name) || lb != nil && lb.keeps(f.Name) {
			continue
		}
		dst = appendField(dst, f.Name, f.Value)
	}
	if lattice {
		dst = appendLattice(dst, r, h)
	} else {
		dst = appendBalancer(dst, r, h)
	}
	switch {
	case r.Length == http1.Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case r.Length > 0 || r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH":
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, r.Length, 10)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

func appendLattice(dst []byte, r *Request, h *Hop) []byte {
	dst = append(dst, "x-forwarded-for: "...)
	dst = r.Source.AppendTo(dst)
	dst = append(dst, "\r\nx-forwarded-port: "...)
	dst = strconv.AppendUint(dst, uint64(h.Front.Port), 10)
	dst = append(dst, "\r\nx-forwarded-proto: http\r\nx-amzn-lattice-network: SourceVpcArn="...)
	dst = append(dst, h.Front.VPC.ARN...)
	dst = append(dst, "\r\nx-amzn-lattice-target: ServiceArn="...)
	dst = append(dst, h.Service.ARN...)
	dst = append(dst, "; ServiceNetworkArn="...)
	dst = append(dst, h.Front.VPC.Network.ARN...)
	dst = append(dst, "; TargetGroupArn="...)
	dst = append(dst, h.Group.ARN...)
	if p := h.Principal; p != nil {
		dst = append(dst, "\r\nx-amzn-lattice-identity: Principal="...)
		dst = append(dst, p.ARN...)
		dst = appendPart(dst, "; PrincipalOrgID=", p.OrgID)
		dst = appendPart(dst, "; SessionName=", p.Session)
		dst = append(dst, "; Type=AWS_IAM"...)
		lead := "\r\nx-amzn-lattice-identity-tags: "
		for _, t := range p.Tags {
			if !plainTag(t.Key) || !plainTag(t.Value) {
				continue
			}
			dst = append(append(append(append(dst, lead...), t.Key...), '='), t.Value...)
			lead = "; "
		}
	}
	dst = append(dst, "\r\n"...)
	return appendField(dst, RequestIDHeader, h.RequestID)
}

// plainTag reports whether a tag's key or value fits a header without being taken for another tag.
func plainTag(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f || s[i] == ';' || s[i] == ',' {
			return false
		}
	}
	return true
}

func appendPart(dst []byte, label, value string) []byte {
	if value == "" {
		return dst
	}
	return append(append(dst, label...), value...)
}

const (
	forwardedFor   = "x-forwarded-for"
	forwardedProto = "x-forwarded-proto"
	forwardedPort  = "x-forwarded-port"
)

// keeps reports whether a client's header does not go on to targets as it is.
func (lb *LoadBalancer) keeps(name string) bool {
	return lb.ForwardedFor != ForwardedPreserve && http1.EqualFold(name, forwardedFor) || http1.EqualFold(name, forwardedProto) ||
		http1.EqualFold(name, forwardedPort) || http1.EqualFold(name, traceHeader) || lb.DropInvalid && !plainName(name)
}

// plainName reports whether a header's name has letters, digits and hyphens alone.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// hasPort reports whether a Host value has a port.
func hasPort(host string) bool {
	for i := len(host) - 1; i >= 0; i-- {
		switch c := host[i]; {
		case c == ':':
			return true
		case c < '0' || c > '9':
			return false
		}
	}
	return false
}

func appendBalancer(dst []byte, r *Request, h *Hop) []byte {
	if lb := h.Front.Balancer; lb.ForwardedFor == ForwardedAppend {
		dst = append(dst, "X-Forwarded-For: "...)
		for i := range r.Fields {
			if f := &r.Fields[i]; !f.Hop && http1.EqualFold(f.Name, forwardedFor) && f.Value != "" {
				dst = append(append(dst, f.Value...), ", "...)
			}
		}
		if lb.ClientPort {
			dst = netip.AddrPortFrom(r.Source, h.Client.Port()).AppendTo(dst)
		} else {
			dst = r.Source.AppendTo(dst)
		}
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "X-Forwarded-Proto: http\r\nX-Forwarded-Port: "...)
	dst = strconv.AppendUint(dst, uint64(h.Front.Port), 10)
	dst = append(dst, "\r\nX-Amzn-Trace-Id: "...)
	theirs, _ := r.Get(traceHeader)
	if hasRoot(theirs) {
		dst = append(dst, "Self="...)
		dst = appendTrace(dst, h.Now)
		dst = append(append(dst, ';'), theirs...)
	} else {
		dst = append(dst, "Root="...)
		dst = appendTrace(dst, h.Now)
		if theirs != "" {
			dst = append(append(dst, ';'), theirs...)
		}
	}
	return append(dst, "\r\n"...)
}

func hasRoot(trace string) bool {
	for i := 0; i+5 <= len(trace); i++ {
		if trace[i:i+5] == "Root=" && (i == 0 || trace[i-1] == ';' || trace[i-1] == ' ') {
			return true
		}
	}
	return false
}

// appendTrace appends a new trace id: 1-TIME-RANDOM in hexadecimal.
func appendTrace(dst []byte, now time.Time) []byte {
	dst = append(dst, "1-"...)
	dst = appendHex(dst, uint64(uint32(now.Unix())), 8)
	dst = append(dst, '-')
	dst = appendHex(dst, rand.Uint64(), 16)
	return appendHex(dst, rand.Uint64(), 8)
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, "0123456789abcdef"[v>>(4*i)&15])
	}
	return dst
}

// AppendResponse appends the head of the answer a client receives for a target's. Length is that of the body as it is
// sent on.
func AppendResponse(dst []byte, in *http1.Response, h *Hop, length int64, minor uint8, closing bool) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(in.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, in.Reason...)
	dst = append(dst, "\r\n"...)
	lattice := h.Front.VPC != nil
	for i := range in.Fields {
		f := &in.Fields[i]
		if f.Hop || lattice && http1.EqualFold(f.Name, RequestIDHeader) || !lattice && h.Listener.says(f.Name) {
			continue
		}
		dst = appendField(dst, f.Name, f.Value)
	}
	if h.Group.Sticky != nil {
		dst = appendBinding(dst, in, h)
	}
	switch {
	case length == http1.Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case length >= 0:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, length, 10)
		dst = append(dst, "\r\n"...)
	}
	return AppendEnd(dst, h, minor, closing)
}

// says reports whether a target's header is not for it to send here.
func (l *Listener) says(name string) bool {
	if l.HideServer && http1.EqualFold(name, "server") {
		return true
	}
	for i := range l.Headers {
		if http1.EqualFold(name, l.Headers[i].Name) {
			return true
		}
	}
	return false
}

// AppendEnd appends the last header lines of an answer and the empty line.
func AppendEnd(dst []byte, h *Hop, minor uint8, closing bool) []byte {
	if id := h.replyID(); id != "" {
		dst = appendField(dst, RequestIDHeader, id)
	}
	if h.Listener != nil {
		for i := range h.Listener.Headers {
			dst = appendField(dst, h.Listener.Headers[i].Name, h.Listener.Headers[i].Value)
		}
	}
	switch {
	case closing:
		dst = append(dst, "Connection: close\r\n"...)
	case minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// For returns the URL that a request at the port is redirected to.
func (l *Location) For(r *Request, port uint16) string {
	own := strings.NewReplacer("#{protocol}", "http", "#{host}", hostName(r.Host), "#{port}", strconv.Itoa(int(port)),
		"#{path}", strings.TrimPrefix(r.Path, "/"), "#{query}", r.Query)
	part := func(s, otherwise string) string { return own.Replace(cmp.Or(s, otherwise)) }
	protocol := strings.ToLower(part(l.Protocol, "#{protocol}"))
	to := protocol + "://" + part(l.Host, "#{host}")
	if p := part(l.Port, "#{port}"); !(protocol == "http" && p == "80" || protocol == "https" && p == "443") {
		to += ":" + p
	}
	to += part(l.Path, "/#{path}")
	if q := part(l.Query, "#{query}"); q != "" {
		to += "?" + q
	}
	return to
}
