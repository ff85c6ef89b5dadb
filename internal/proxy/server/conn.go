package server

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// requestLimits are those of VPC Lattice; responses' heads are only bounded.
var (
	requestLimits = http1.Limits{Fields: 100, Bytes: 60 << 10}
	headLimits    = http1.Limits{Bytes: 64 << 10}
)

// Phases of a connection. Only one that waits for a request may be woken to its end.
const (
	active int32 = iota
	idle
	woken
)

// conn serves one client connection after another, keeping its memory.
type conn struct {
	srv   *Server
	sock  *socket
	link  *link
	phase atomic.Int32

	client, local netip.AddrPort
	mem           *buffers // of in and out; nil before a first request, and of a connection that is idle for long
	first         [1 << 10]byte
	in            reader
	out           writer
	consumed      int64 // bytes of in that earlier requests took
	sent          int64 // bytes of out that earlier answers took

	front *proxy.Front

	req     proxy.Request
	body    body
	auth    proxy.AuthRequest
	hop     proxy.Hop
	route   *proxy.Route
	note    proxy.Note
	rec     proxy.Record
	idBytes [36]byte
	born    time.Time // when the client's connection was taken
	start   time.Time
	now     time.Time // as of the last look at the clock
	date    proxy.Stamp
	idle    time.Duration
	closing bool // the connection ends with this answer
	linger  bool // the client may still be sending

	res     http1.Response
	resBody body
	up      writer
	pumpBuf []byte
	pumping bool
	pumped  chan pumpResult
}

func newConn(s *Server) *conn { return &conn{srv: s, pumped: make(chan pumpResult, 1)} }

// buffers are what a connection needs while it carries a request.
type buffers struct{ in, out []byte }

func newBuffers() any { return &buffers{make([]byte, firstBuffer), make([]byte, 0, outBuffer)} }

// equip gives the connection buffers.
func (c *conn) equip() {
	c.mem = c.srv.buffers.Get().(*buffers)
	c.in.buf, c.out.buf = c.mem.in, c.mem.out
}

// strip gives them back.
func (c *conn) strip() {
	if c.mem == nil {
		return
	}
	if len(c.in.buf) <= bodyBuffer+firstBuffer {
		c.mem.in = c.in.buf
	}
	if cap(c.out.buf) <= 2*outBuffer {
		c.mem.out = c.out.buf[:0]
	}
	c.srv.buffers.Put(c.mem)
	c.mem, c.in.buf, c.out.buf, c.pumpBuf = nil, nil, nil, nil
	c.note, c.req, c.rec = proxy.Note{}, proxy.Request{}, proxy.Record{}
}

// attach makes the connection ready for a client.
func (c *conn) attach(k *socket, l *link) {
	c.sock, c.link = k, l
	c.phase.Store(active)
	c.client, c.local = addrPort(l.RemoteAddr()), addrPort(l.LocalAddr())
	c.in = reader{link: l}
	c.idle = c.srv.Timeouts.Idle
	c.out = writer{link: l, timeout: c.idle}
	c.consumed, c.sent, c.front, c.linger = 0, 0, nil, false
}

// release gives the connection's memory back.
func (c *conn) release() {
	c.strip()
	c.link, c.in.link, c.out.link, c.up, c.front, c.route, c.sock = nil, nil, nil, writer{}, nil, nil, nil
	c.hop, c.note, c.rec = proxy.Hop{}, proxy.Note{}, proxy.Record{}
	c.srv.conns.Put(c)
}

// wake ends the connection if it waits for a request.
func (c *conn) wake() {
	if c.phase.CompareAndSwap(idle, woken) {
		_ = c.link.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *conn) serve() {
	c.load()
	c.now = time.Now()
	c.born = c.now
	if c.front != nil && c.front.VPC != nil {
		c.in.end = c.now.Add(c.srv.Timeouts.Connection)
		c.out.end = c.in.end
	}
	for c.await() && c.handle() {
		c.in.next()
	}
	if c.linger {
		c.drain()
	}
}

// load takes the newest table.
func (c *conn) load() {
	c.front = c.sock.front.Load()
}

// restless is how long a connection may be idle before its buffers go to others.
const restless = 2 * time.Second

// await waits for the first byte of a request.
func (c *conn) await() bool {
	if c.in.w > 0 {
		return !c.sock.closing.Load()
	}
	c.phase.Store(idle)
	n, err := 0, error(nil)
	if c.mem != nil {
		n, err = c.read(c.in.buf, min(restless, c.idle))
		if n == 0 && timedOut(err) {
			c.strip()
			c.now = time.Now()
		}
	}
	if c.mem == nil {
		if n, err = c.read(c.first[:], c.idle); n > 0 {
			c.equip()
			copy(c.in.buf, c.first[:n])
		}
	}
	if !c.phase.CompareAndSwap(idle, active) {
		return false
	}
	c.in.w = n
	c.in.total += int64(n)
	return n > 0 && err == nil
}

// read waits for bytes between requests. Whoever wakes the connection is heard before or during the wait: it says so first
// and ends the wait then.
func (c *conn) read(to []byte, limit time.Duration) (int, error) {
	c.link.await(c.now, limit, c.in.end)
	if c.sock.closing.Load() || c.phase.Load() == woken {
		return 0, net.ErrClosed
	}
	if c.srv.polled.recently(c.now) {
		runtime.Gosched()
	}
	return c.link.Read(to)
}

// handle reads a request and answers it. It reports whether the connection can carry another.
func (c *conn) handle() bool {
	c.start = time.Now()
	c.now = c.start
	if c.link.reading.waited {
		c.srv.polled.note(c.now)
	}
	head, err := c.in.readHead(c.srv.Timeouts.Head)
	c.load()
	if c.front == nil {
		return false
	}
	c.rec.Begin(c.front, c.client, c.start)
	c.note = proxy.Note{Front: c.front, Head: head}
	c.hop = proxy.Hop{Front: c.front, Client: c.client, Local: c.local, Now: c.start}
	c.closing, c.pumping = c.sock.closing.Load() || c.old(), false
	if err == nil {
		err = c.req.Parse(head, requestLimits)
	}
	if err != nil {
		if !c.refuse(err) {
			return false
		}
	} else {
		c.req.Decode(c.client.Addr())
		c.body = newBody(c.req.Length)
		c.closing = c.closing || c.req.Close
		c.identify()
		c.decide()
	}
	c.finish()
	return !c.closing
}

// refuse answers a request whose head could not be read, if there was one.
func (c *conn) refuse(err error) bool {
	var syntax *http1.SyntaxError
	status, text := 400, ""
	switch {
	case errors.As(err, &syntax):
		status, text = syntax.Status, syntax.Text
	case errors.Is(err, os.ErrDeadlineExceeded):
		status, text = 408, "the headers did not arrive in time"
	default:
		return false
	}
	c.req = proxy.Request{}
	c.req.Minor = 1
	c.body = body{}
	c.note.Head = nil
	c.identify()
	c.bad(status, text)
	return true
}

// identify gives the request its id.
func (c *conn) identify() {
	c.note.ID = proxy.RequestID(&c.req, &c.idBytes)
	c.hop.RequestID = c.note.ID
	c.rec.Describe(&c.req, c.note.ID)
}

// old reports whether the client's connection has been open for as long as the load balancer allows.
func (c *conn) old() bool {
	b := c.front.Balancer
	return b != nil && b.KeepAlive > 0 && c.start.Sub(c.born) >= b.KeepAlive
}

// bad refuses a request for its form and ends the connection, whose next bytes nobody can tell the meaning of.
func (c *conn) bad(status int, text string) {
	c.srv.count.malformed.Add(1)
	c.rec.Failure, c.note.Refusal = proxy.ClientProtocolError, text
	c.closing, c.linger = true, true
	c.fail(status, text)
}

// finish counts, logs and remembers the request.
func (c *conn) finish() {
	consumed := c.in.total - int64(c.in.w-c.in.r)
	rec := &c.rec
	rec.Received, c.consumed = consumed-c.consumed, consumed
	rec.Sent, c.sent = c.out.total-c.sent, c.out.total
	rec.Duration = c.lap()
	n := &c.srv.count
	n.bytesIn.Add(rec.Received)
	n.bytesOut.Add(rec.Sent)
	n.requests[min(rec.Status/100, 5)].Add(1)
	if rec.VPC == nil {
		return
	}
	c.srv.journal.Add(&c.note, rec)
	if c.srv.AccessLog != nil {
		c.srv.logs.add(rec)
	}
}

// lap takes the time, and returns what has passed since the request began.
func (c *conn) lap() time.Duration {
	d := time.Since(c.start)
	c.now = c.start.Add(d)
	return d
}

// decide finds out what becomes of the request and does it.
func (c *conn) decide() {
	if up := c.req.Upgrade; up != "" && !http1.EqualFold(up, "h2c") {
		c.bad(400, "upgrading the connection is not supported")
		return
	}
	dest, ok := c.front.Find(c.req.Host)
	c.rec.Service = dest.Service
	c.keepFor(dest.Service)
	switch {
	case !ok:
		c.note.Refusal = "no service of that name and port is in the network of the caller's VPC"
		c.fail(404, "")
		return
	case dest.Listener.Protocol != proxy.HTTP && dest.Listener.Protocol != "":
		c.note.Refusal = "listeners of protocol " + string(dest.Listener.Protocol) + " are not served"
		c.rec.Failure = proxy.InternalError
		c.fail(500, "")
		return
	case c.req.Method == "TRACE":
		c.fail(405, "")
		return
	}
	c.hop.Service, c.hop.Listener = dest.Service, dest.Listener
	if dest.Service != nil && proxy.Guarded(c.front.VPC, dest.Service) && !c.authorize() {
		return
	}
	c.route, c.note.Rule = dest.Match(&c.req)
	c.act()
}

// keepFor takes on the idle time of what the request is for.
func (c *conn) keepFor(s *proxy.Service) {
	c.idle = c.srv.Timeouts.Idle
	switch {
	case s != nil && s.Idle > 0:
		c.idle = s.Idle
	case c.front.Balancer != nil && c.front.Balancer.Idle > 0:
		c.idle = c.front.Balancer.Idle
	}
	c.out.timeout = c.idle
}

// authorize asks the policies. It has answered the request when it reports false.
func (c *conn) authorize() bool {
	c.rec.Guarded = true
	if !c.req.Clear() {
		c.bad(400, "the path or the query can be read in more than one way")
		return false
	}
	var who *proxy.Principal
	if proxy.Signed(&c.req) {
		var err error
		if who, err = c.authenticate(); err != nil {
			c.rec.Unverified, c.rec.Failure = true, proxy.ClientAccessDenied
			c.note.Refusal = err.Error()
			c.srv.count.denied.Add(1)
			c.fail(403, err.Error())
			return false
		}
	}
	c.rec.Principal, c.hop.Principal = who, who
	c.auth.Reset(&c.req, c.front.VPC, c.rec.Service, c.front.Port, who)
	layer, verdict := proxy.Authorize(&c.auth)
	if verdict == proxy.Allowed {
		return true
	}
	c.rec.DeniedBy, c.rec.Failure = layer, proxy.ClientAccessDenied
	c.srv.count.denied.Add(1)
	c.deny(layer, verdict)
	return false
}

// authenticate verifies the request's signature.
func (c *conn) authenticate() (*proxy.Principal, error) {
	if err := proxy.CheckPayload(&c.req); err != nil {
		return nil, err
	}
	if c.srv.Authenticator == nil {
		return nil, &proxy.AuthError{Code: "InvalidSignatureException", Message: "Signatures cannot be verified here."}
	}
	who, err := c.srv.Authenticator.Authenticate(&c.req.Request, c.start)
	var refused *proxy.AuthError
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case err != nil:
		c.srv.Log.Error("verifying a signature failed", "error", err, "request", c.note.ID)
		return nil, &proxy.AuthError{Code: "AccessDeniedException", Message: "The signature could not be verified."}
	case who == nil:
		return nil, &proxy.AuthError{Code: "AccessDeniedException", Message: "The signature names nobody."}
	}
	return who, nil
}

// act does what the rule says.
func (c *conn) act() {
	switch c.route.Kind {
	case proxy.FixedResponse:
		c.fixed()
		return
	case proxy.Redirect:
		c.redirect()
		return
	}
	g := c.route.Group()
	if g == nil {
		c.fail(503, "")
		return
	}
	c.rec.Group, c.hop.Group = g.TargetGroup, g.TargetGroup
	if g.Protocol != proxy.HTTP && g.Protocol != "" {
		c.note.Refusal = "target groups of protocol " + string(g.Protocol) + " are not served"
		c.failTarget(proxy.InternalError, false)
		return
	}
	t := g.Pick(&c.req)
	if t == nil {
		c.fail(503, "")
		return
	}
	c.rec.Target, c.hop.Member = t.Target, t
	t.Begin()
	defer t.End()
	if g.Type == proxy.TargetLambda {
		c.invoke(t.Target)
		return
	}
	c.forward(t)
}

// drain reads a while what the client still sends, so that closing does not make its system throw our answer away.
func (c *conn) drain() {
	if c.link.CloseWrite() != nil {
		return
	}
	_ = c.link.SetReadDeadline(time.Now().Add(time.Second))
	for total := 0; total < 256<<10; {
		n, err := c.link.Read(c.in.buf)
		if err != nil {
			return
		}
		total += n
	}
}
