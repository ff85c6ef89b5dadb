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

// Record is what is remembered of a request. It is reused by Begin; what Describe told it is valid as long as the request.
type Record struct {
	VPC       *VPC
	Service   *Service
	Group     *TargetGroup
	Target    *Target
	Principal *Principal
	Start     time.Time
	Client    netip.AddrPort
	// Guarded is set when an auth policy was in force, Unverified when a signature was refused.
	Guarded, Unverified bool
	DeniedBy            Layer
	Failure             Failure
	Status              int
	Received, Sent      int64
	// Duration is the whole request's, ToTarget what passed until the target had it all, FromTarget what passed from then
	// to the end of its answer's head.
	Duration, ToTarget, FromTarget time.Duration

	method, path, host, agent, requestID string
	minor                                uint8
	stamp                                Stamp
}

// Begin makes the record about another request.
func (c *Record) Begin(front *Front, client netip.AddrPort, start time.Time) {
	*c = Record{VPC: front.VPC, Client: client, Start: start, stamp: c.stamp}
}

// Describe notes what the record tells of the request's head.
func (c *Record) Describe(r *Request, requestID string) {
	c.method, c.path, c.host, c.requestID, c.minor = r.Method, r.Path, r.Host, requestID, r.Minor
	c.agent, _ = r.Get("user-agent")
}

// AppendJSON appends the record as VPC Lattice writes it to access logs. What is not known is "-".
func (c *Record) AppendJSON(dst []byte) []byte {
	var network, vpc, vpcID, service, group, destination, user, principal, org string
	if c.VPC != nil {
		vpc, vpcID = c.VPC.ARN, c.VPC.ID
		if c.VPC.Network != nil {
			network = c.VPC.Network.ARN
		}
	}
	if c.Service != nil {
		service = c.Service.ARN
	}
	if c.Group != nil {
		group, destination = c.Group.ARN, c.Group.VPC
	}
	switch {
	case c.Principal != nil:
		user, principal, org = c.Principal.ARN, c.Principal.ARN, c.Principal.OrgID
	case c.Unverified:
		user = "Unknown"
	case c.Guarded:
		user = "Anonymous"
	}
	dst = appendKnown(dst, `{"serviceNetworkArn":"`, network)
	dst = appendKnown(dst, `","resolvedUser":"`, user)
	dst = appendKnown(dst, `","listenerType":"-","listenerId":"-","authDeniedReason":"`, c.DeniedBy.String())
	dst = appendKnown(dst, `","targetGroupArn":"`, group)
	dst = appendKnown(dst, `","sourceVpcArn":"`, vpc)
	dst = appendKnown(dst, `","sourceVpcId":"`, vpcID)
	dst = appendKnown(dst, `","destinationVpcId":"`, destination)
	dst = c.Client.AppendTo(append(dst, `","sourceIpPort":"`...))
	dst = append(dst, `","targetIpPort":"`...)
	if c.Target != nil && c.Target.Addr.IsValid() {
		dst = c.Target.Addr.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = appendKnown(dst, `","failureReason":"`, string(c.Failure))
	dst = appendKnown(dst, `","serviceArn":"`, service)
	dst = append(append(dst, `","startTime":"`...), c.stamp.At(c.Start, time.RFC3339)...)
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
	dst = appendKnown(dst, `,"sslCipher":"-","tlsVersion":"-","callerPrincipal":"`, principal)
	dst = appendKnown(dst, `","callerPrincipalOrgID":"`, org)
	dst = appendKnown(dst, `","callerX509IssuerOU":"-","callerX509SubjectCN":"-","callerX509SANNameCN":"-","callerX509SANDNS":"-","callerX509SANURI":"-","requestId":"`, c.requestID)
	return append(dst, `"}`...)
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
