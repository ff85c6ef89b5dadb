package server

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// pumpResult says how sending a request's body on ended.
type pumpResult struct{ client, target error }

// reason returns the innermost words of a network error.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	return err.Error()
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// repeatable reports whether the request may be sent again without harm when it is not known whether it arrived.
func (c *conn) repeatable() bool {
	if c.req.Length != 0 {
		return false
	}
	switch c.req.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// forward sends the request to a target and its answer to the client.
func (c *conn) forward(t *proxy.Member) {
	p, ok := t.Reach.(*pool)
	if !ok {
		c.failTarget(proxy.InternalError, false)
		return
	}
	if err := c.compose(); err != nil {
		c.failClient(err)
		return
	}
	for u := p.take(); u != nil; u = p.take() {
		outcome := c.exchange(u)
		if outcome == unsent {
			continue
		}
		c.srv.count.reused.Add(1)
		if outcome == answered {
			return
		}
		c.srv.count.retried.Add(1)
		break
	}
	c.srv.count.dials.Add(1)
	ctx, cancel := context.WithTimeout(c.srv.ctx, c.srv.Timeouts.Connect)
	u, err := p.dial(ctx, c.srv.Network)
	cancel()
	if err != nil {
		c.srv.count.dialFailures.Add(1)
		c.failTarget(proxy.TargetConnectionError, timedOut(err))
		return
	}
	c.exchange(u)
}

// compose gathers the head that the target is sent, and what is here of the body, in the memory for answers.
func (c *conn) compose() error {
	c.up = writer{buf: proxy.AppendRequest(c.out.buf[:0], &c.req, &c.hop), timeout: c.idle}
	chunked := c.req.Length == http1.Chunked
	for !c.body.done && c.body.buffered(&c.in) {
		data, err := c.body.next(&c.in, 0)
		if err != nil {
			return err
		}
		c.up.gather(data, chunked)
	}
	if chunked && c.body.done {
		c.up.buf = append(c.up.buf, lastChunk...)
	}
	c.out.buf = c.up.buf
	return nil
}

// outcome is what came of sending a request on a kept connection.
type outcome int

const (
	// answered is a request whose client has its answer, be it of our own or none.
	answered outcome = iota
	// unsent is one that never left, for the connection was stale.
	unsent
	// lost is one that was sent in vain, and may be sent again.
	lost
)

// exchange has one target connection answer the request.
func (c *conn) exchange(u *upstream) outcome {
	c.up.link = u.in.link
	var err error
	switch {
	case c.body.done:
		err = c.ask(u)
	case u.used && !u.fresh():
		err = errStale
	default:
		if client := c.sendRequest(u); client != nil {
			u.close()
			c.failClient(client)
			return answered
		}
	}
	if err == errStale {
		u.close()
		return unsent
	}
	if err == nil {
		err = c.readResponse(u)
	}
	if err == nil {
		c.rec.FromTarget = c.lap() - c.rec.ToTarget
		if u.query.waited {
			c.srv.polled.note(c.now)
		}
		c.relay(u)
		return answered
	}
	again := u.used && !c.pumping && u.in.w == 0 && !timedOut(err) && c.repeatable()
	pumped := c.join(u)
	u.close()
	switch {
	case again:
		return lost
	case pumped.client != nil:
		c.failClient(pumped.client)
	default:
		c.failTarget(targetFailure(err), timedOut(err))
	}
	return answered
}

// ask sends a request that is all here, and waits for the beginning of its answer.
func (c *conn) ask(u *upstream) error {
	request := c.out.buf
	c.rec.ToTarget = c.lap()
	u.in.await(c.now, c.idle, c.in.end)
	sent, err := u.ask(request, c.srv.polled.recently(c.now))
	if sent == len(request) || err == errStale {
		return err
	}
	if err == nil {
		err = c.up.write(request[sent:])
		c.rec.ToTarget = c.lap()
	}
	if err != nil && u.used && c.repeatable() {
		return err
	}
	// A target that stopped reading may have answered before.
	return nil
}

// sendRequest sends the head and what is here of the body, and starts the pump for the rest. It reports when the client is
// lost; where the target is, it may have answered before.
func (c *conn) sendRequest(u *upstream) (client error) {
	target := c.up.flush()
	c.rec.ToTarget = c.lap()
	c.out.buf = c.out.buf[:0]
	if target != nil {
		return nil
	}
	if c.req.Continue {
		c.out.buf = append(c.out.buf, "HTTP/1.1 100 Continue\r\n\r\n"...)
		if client = c.out.flush(); client != nil {
			return client
		}
	}
	if cap(c.pumpBuf) < outBuffer {
		c.pumpBuf = make([]byte, 0, outBuffer)
	}
	c.pumping, c.up.buf = true, c.pumpBuf[:0]
	go c.pump(u)
	return nil
}

// pump sends the rest of the request's body on. Until join returns, the connection's reader is its own.
func (c *conn) pump(u *upstream) {
	client, target := send(&c.up, &c.in, &c.body, c.req.Length == http1.Chunked, c.idle)
	l := u.in.link
	c.pumped <- pumpResult{client, target}
	if client != nil {
		// No answer to half a request is wanted: end the wait for it.
		_ = l.Close()
	}
}

// join ends the pump, if there is one, and says how it fared.
func (c *conn) join(u *upstream) pumpResult {
	if !c.pumping {
		return pumpResult{}
	}
	c.pumping = false
	select {
	case r := <-c.pumped:
		return r
	default:
	}
	c.closing, c.linger = true, true
	_ = u.in.Close()
	_ = c.link.SetReadDeadline(time.Unix(1, 0))
	r := <-c.pumped
	// Ours was the deadline that ended it, unless something else did.
	if timedOut(r.client) {
		r.client = nil
	}
	if r.target == nil {
		r.target = net.ErrClosed
	}
	return r
}

// readResponse reads the head of the target's answer. Its time begins when the target has the whole request.
func (c *conn) readResponse(u *upstream) error {
	for {
		pumping := c.pumping && len(c.pumped) == 0
		if u.in.w == 0 {
			u.in.await(time.Now(), c.idle, c.in.end)
		}
		head, err := u.in.readHead(c.idle)
		switch {
		case err != nil && timedOut(err) && pumping:
			u.in.link.in = deadline{}
			continue
		case err != nil:
			return err
		}
		if err := c.res.Parse(head, c.req.Method, headLimits); err != nil {
			return err
		}
		if c.res.Status >= 200 {
			return nil
		}
		if c.res.Status == 101 {
			return errSwitch
		}
		u.in.next()
	}
}

var errSwitch = &http1.SyntaxError{Status: 502, Text: "the target switched protocols unasked"}

// relay sends the target's answer to the client and keeps the target's connection if it can be used again.
func (c *conn) relay(u *upstream) {
	inStep := true
	if c.pumping {
		select {
		case r := <-c.pumped:
			c.pumping = false
			inStep = r == pumpResult{}
		default:
			// The answer came before the end of the request, which may never come.
			inStep = false
		}
	}
	inStep = inStep && c.body.done
	c.closing = c.closing || !inStep || c.sock.closing.Load()
	c.resBody = newBody(c.res.Length)
	length := c.lengthOut()
	c.head(length)
	target, client := send(&c.out, &u.in, &c.resBody, length == http1.Chunked, c.idle)
	c.join(u)
	switch {
	case client != nil:
		c.lostClient()
	case target != nil:
		// Part of the answer is out: only the end of the connection can tell the client.
		c.rec.Failure = targetFailure(target)
		c.closing, c.linger = true, false
	case !c.body.done:
		c.closing, c.linger = true, true
	case inStep && !c.res.Close && u.in.r == u.in.w:
		c.lap()
		u.pool.put(u, c.now)
		return
	}
	u.close()
}

func targetFailure(err error) proxy.Failure {
	var syntax *http1.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return proxy.TargetProtocolError
	case timedOut(err):
		return proxy.TargetDataTimeout
	}
	return proxy.TargetConnectionClosed
}

// failClient answers when the client did not send the whole request.
func (c *conn) failClient(err error) {
	var syntax *http1.SyntaxError
	switch {
	case errors.As(err, &syntax):
		c.bad(syntax.Status, syntax.Text)
	case timedOut(err):
		c.bad(408, "the body did not arrive in time")
	default:
		c.rec.Failure, c.rec.Status = proxy.ClientConnectionClosed, 400
		c.closing, c.linger = true, false
	}
}
