package proxy

import (
	"net/netip"
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

// Record is what is remembered of a request. Its text is kept in memory of its own, so that it may outlive the request,
// and is reused by Begin.
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

	text []byte
	ends [recordTexts]int
}

const (
	textMethod = iota
	textPath
	textHost
	textAgent
	textRequestID
	textProtocol
	recordTexts
)

// Begin makes the record about another request.
func (c *Record) Begin(front *Front, client netip.AddrPort, start time.Time) {
	*c = Record{VPC: front.VPC, Client: client, Start: start, text: c.text[:0]}
}

// Describe copies what the record tells of the request's head.
func (c *Record) Describe(r *Request, requestID string) {
	agent, _ := r.Get("user-agent")
	protocol := "HTTP/1.1"
	if r.Minor == 0 {
		protocol = "HTTP/1.0"
	}
	c.text = c.text[:0]
	for i, s := range [recordTexts]string{r.Method, r.Path, r.Host, agent, requestID, protocol} {
		c.text = append(c.text, s...)
		c.ends[i] = len(c.text)
	}
}

func (c *Record) part(i int) string {
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return view(c.text[from:c.ends[i]])
}

// AppendJSON appends the record as VPC Lattice writes it to access logs. What is not known is "-".
func (c *Record) AppendJSON(dst []byte) []byte {
	o := object{dst: dst}
	text := func(k, v string) {
		if v == "" {
			v = "-"
		}
		o.string(k, v)
	}
	var network, vpc, vpcID, service, group, to, destination, user, principal, org string
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
	var addr [64]byte
	if c.Target != nil && c.Target.Addr.IsValid() {
		to = view(c.Target.Addr.AppendTo(addr[:0]))
	}
	switch {
	case c.Principal != nil:
		user, principal, org = c.Principal.ARN, c.Principal.ARN, c.Principal.OrgID
	case c.Unverified:
		user = "Unknown"
	case c.Guarded:
		user = "Anonymous"
	}
	o.begin("")
	text("serviceNetworkArn", network)
	text("resolvedUser", user)
	text("listenerType", "")
	text("listenerId", "")
	text("authDeniedReason", c.DeniedBy.String())
	text("targetGroupArn", group)
	text("sourceVpcArn", vpc)
	text("sourceVpcId", vpcID)
	text("destinationVpcId", destination)
	var from [64]byte
	text("sourceIpPort", view(c.Client.AppendTo(from[:0])))
	text("targetIpPort", to)
	text("failureReason", string(c.Failure))
	text("serviceArn", service)
	var start [32]byte
	text("startTime", view(c.Start.UTC().AppendFormat(start[:0], time.RFC3339)))
	text("requestMethod", c.part(textMethod))
	text("requestPath", c.part(textPath))
	text("protocol", c.part(textProtocol))
	o.int("responseCode", int64(c.Status))
	o.int("bytesReceived", c.Received)
	o.int("bytesSent", c.Sent)
	o.int("duration", c.Duration.Milliseconds())
	text("userAgent", c.part(textAgent))
	text("hostHeader", c.part(textHost))
	text("serverNameIndication", "")
	o.int("requestToTargetDuration", c.ToTarget.Milliseconds())
	o.int("responseFromTargetDuration", c.FromTarget.Milliseconds())
	text("sslCipher", "")
	text("tlsVersion", "")
	text("callerPrincipal", principal)
	text("callerPrincipalOrgID", org)
	text("callerX509IssuerOU", "")
	text("callerX509SubjectCN", "")
	text("callerX509SANNameCN", "")
	text("callerX509SANDNS", "")
	text("callerX509SANURI", "")
	text("requestId", c.part(textRequestID))
	o.end()
	return o.dst
}
