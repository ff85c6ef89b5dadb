package proxy

import (
	"net/netip"
	"strconv"
	"time"
)

// Failure is the failureReason of an access record.
type Failure string

const (
	NoFailure              Failure = ""
	TargetConnectionError  Failure = "TargetConnectionError"
	TargetProtocolError    Failure = "TargetProtocolError"
	TargetDataTimeout      Failure = "TargetDataTimeout"
	TargetConnectionClosed Failure = "TargetConnectionClosed"
	ClientConnectionClosed Failure = "ClientConnectionClosed"
	ClientAccessDenied     Failure = "ClientAccessDenied"
	ClientProtocolError    Failure = "ClientProtocolError"
	DurationExceeded       Failure = "ConnectionDurationExceeded"
	InternalError          Failure = "InternalError"
)

// Record is what is remembered of a request. It is reused by Begin; what Describe told it is valid as long as the request, or
// as long as what it was kept in.
type Record struct {
	Parties
	Target *Target
	Client netip.AddrPort
	Start  time.Time
	Status int
	// Received and Sent are bytes.
	Received, Sent int64
	// Duration is the whole request's, ToTarget what passed until the target had it all, FromTarget what passed from then
	// to the end of its answer's head.
	Duration, ToTarget, FromTarget time.Duration

	method, path, host, agent, requestID string
	minor                                uint8
}

// Parties are who a request was between and what was decided of it, which is the same for many requests.
type Parties struct {
	VPC       *VPC
	Service   *Service
	Group     *TargetGroup
	Principal *Principal
	Failure   Failure
	// Guarded is set when an auth policy was in force, Unverified when a signature was refused.
	Guarded, Unverified bool
	DeniedBy            Layer
}

// Begin makes the record about another request.
func (c *Record) Begin(front *Front, client netip.AddrPort, start time.Time) {
	*c = Record{Parties: Parties{VPC: front.VPC}, Client: client, Start: start}
}

// Describe notes what the record tells of the request's head.
func (c *Record) Describe(r *Request, requestID string) {
	c.method, c.path, c.host, c.requestID, c.minor = r.Method, r.Path, r.Host, requestID, r.Minor
	c.agent, _ = r.Get("user-agent")
}

// Length is how much memory Keep needs.
func (c *Record) Length() int {
	return len(c.method) + len(c.path) + len(c.host) + len(c.agent) + len(c.requestID)
}

// Keep appends what Describe told the record to memory that has room for it, and has the record be valid as long as that.
func (c *Record) Keep(mem []byte) []byte {
	for _, s := range []*string{&c.method, &c.path, &c.host, &c.agent, &c.requestID} {
		from := len(mem)
		mem = append(mem, *s...)
		*s = view(mem[from:])
	}
	return mem
}

// RecordWriter writes records as VPC Lattice does to access logs. The zero RecordWriter is ready. It remembers what it wrote
// last of the parties.
type RecordWriter struct {
	stamp Stamp
	about Parties
	// The parts of the text about the parties: before the client, between the target and the time, and before the request's id.
	first, second, third []byte
}

// Append appends a record, a JSON object. What is not known is "-".
func (w *RecordWriter) Append(dst []byte, c *Record) []byte {
	if w.first == nil || w.about != c.Parties {
		w.introduce(&c.Parties)
	}
	dst = c.Client.AppendTo(append(dst, w.first...))
	dst = append(dst, `","targetIpPort":"`...)
	if c.Target != nil && c.Target.Addr.IsValid() {
		dst = c.Target.Addr.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(append(dst, w.second...), w.stamp.At(c.Start, time.RFC3339)...)
	dst = appendKnown(dst, `","requestMethod":"`, c.method)
	dst = appendKnown(dst, `","requestPath":"`, c.path)
	dst = append(dst, `","protocol":"HTTP/1.`...)
	dst = append(dst, '0'+c.minor)
	dst = appendNumber(dst, `","responseCode":`, int64(c.Status))
	dst = appendNumber(dst, `,"bytesReceived":`, c.Received)
	dst = appendNumber(dst, `,"bytesSent":`, c.Sent)
	dst = appendNumber(dst, `,"duration":`, c.Duration.Milliseconds())
	dst = appendKnown(dst, `,"userAgent":"`, c.agent)
	dst = appendKnown(dst, `","hostHeader":"`, c.host)
	dst = appendNumber(dst, `","serverNameIndication":"-","requestToTargetDuration":`, c.ToTarget.Milliseconds())
	dst = appendNumber(dst, `,"responseFromTargetDuration":`, c.FromTarget.Milliseconds())
	dst = appendKnown(append(dst, w.third...), `","requestId":"`, c.requestID)
	return append(dst, `"}`...)
}

// introduce writes what records tell of the parties.
func (w *RecordWriter) introduce(p *Parties) {
	w.about = *p
	var network, vpc, vpcID, service, group, destination, user, principal, org string
	if p.VPC != nil {
		vpc, vpcID = p.VPC.ARN, p.VPC.ID
		if p.VPC.Network != nil {
			network = p.VPC.Network.ARN
		}
	}
	if p.Service != nil {
		service = p.Service.ARN
	}
	if p.Group != nil {
		group, destination = p.Group.ARN, p.Group.VPC
	}
	switch {
	case p.Principal != nil:
		user, principal, org = p.Principal.ARN, p.Principal.ARN, p.Principal.OrgID
	case p.Unverified:
		user = "Unknown"
	case p.Guarded:
		user = "Anonymous"
	}
	b := appendKnown(w.first[:0], `{"serviceNetworkArn":"`, network)
	b = appendKnown(b, `","resolvedUser":"`, user)
	b = appendKnown(b, `","listenerType":"-","listenerId":"-","authDeniedReason":"`, p.DeniedBy.String())
	b = appendKnown(b, `","targetGroupArn":"`, group)
	b = appendKnown(b, `","sourceVpcArn":"`, vpc)
	b = appendKnown(b, `","sourceVpcId":"`, vpcID)
	b = appendKnown(b, `","destinationVpcId":"`, destination)
	w.first = append(b, `","sourceIpPort":"`...)
	b = appendKnown(w.second[:0], `","failureReason":"`, string(p.Failure))
	b = appendKnown(b, `","serviceArn":"`, service)
	w.second = append(b, `","startTime":"`...)
	b = appendKnown(w.third[:0], `,"sslCipher":"-","tlsVersion":"-","callerPrincipal":"`, principal)
	b = appendKnown(b, `","callerPrincipalOrgID":"`, org)
	w.third = append(b, `","callerX509IssuerOU":"-","callerX509SubjectCN":"-","callerX509SANNameCN":"-","callerX509SANDNS":"-","callerX509SANURI":"-`...)
}

// appendKnown appends a lead and the text of a JSON string, without its quotes.
func appendKnown(dst []byte, lead, text string) []byte {
	dst = append(dst, lead...)
	if text == "" {
		return append(dst, '-')
	}
	return appendText(dst, text)
}

func appendNumber(dst []byte, lead string, v int64) []byte {
	return strconv.AppendInt(append(dst, lead...), v, 10)
}

// Stamp writes times, and remembers what it wrote last for as long as the second lasts. Each is for one layout of up to 32 bytes
// that tells no fractions.
type Stamp struct {
	second int64
	length int
	text   [32]byte
}

// At returns the time in UTC; the text is valid until the next call.
func (s *Stamp) At(t time.Time, layout string) []byte {
	if second := t.Unix(); second != s.second || s.length == 0 {
		s.second = second
		s.length = len(t.UTC().AppendFormat(s.text[:0], layout))
	}
	return s.text[:s.length]
}
