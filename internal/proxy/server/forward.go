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
func (c *conn) forward(t *proxy.Target) {
	p := c.st.pools[t]
	if p == nil {
		c.failTarget(proxy.InternalError, false)
		return
	}
	u := p.take()
	if u != nil {
		c.srv.count.reused.Add(1)
		if c.exchange(u) {
			return
		}
		c.srv.count.retried.Add(1)
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

// exchange has one target connection answer the request. It reports false, having sent the client nothing, when the
// connection proved stale and the request may be sent on another.
func (c *conn) exchange(u *upstream) bool {
	client, target := c.sendRequest(u)
	if client != nil {
		u.close()
		c.failClient(client)
		return true
	}
	if target != nil && u.used && c.repeatable() {
		u.close()
		return false
	}
	// A target that stopped reading may have answered before.
	c.rec.ToTarget = time.Since(c.start)
	if err := c.readResponse(u); err != nil {
		stale := u.used && !c.pumping && u.in.w == 0 && !timedOut(err) && c.repeatable()
		pumped := c.join(u)
		u.close()
		switch {
		case stale:
			return false
		case pumped.client != nil:
			c.failClient(pumped.client)
		default:
			c.failTarget(targetFailure(err), timedOut(err))
		}
		return true
	}
	c.rec.FromTarget = time.Since(c.start) - c.rec.ToTarget
	c.relay(u)
	return true
}

// sendRequest sends the head and what is here of the body. It starts the pump for the rest.
func (c *conn) sendRequest(u *upstream) (client, target error) {
	c.up = writer{nc: u.in.nc, buf: proxy.AppendRequest(c.out.buf[:0], &c.req, &c.hop), timeout: c.idle, deadline: u.wdl}
	chunked := c.req.Length == http1.Chunked
	for target == nil && !c.body.done && c.body.buffered(&c.in) {
		var data []byte
		if data, client = c.body.next(&c.in, 0); client != nil {
			return client, nil
		}
		target = c.up.data(data, chunked)
	}
	if chunked && c.body.done {
		c.up.buf = append(c.up.buf, "0\r\n\r\n"...)
	}
	if target == nil {
		target = c.up.flush()
	}
	u.wdl = c.up.deadline
	c.out.buf = c.up.buf[:0]
	if c.body.done || target != nil {
		return nil, target
	}
	if c.req.Continue {
		c.out.buf = append(c.out.buf, "HTTP/1.1 100 Continue\r\n\r\n"...)
		if client = c.out.flush(); client != nil {
			return client, nil
		}
	}
	if cap(c.pumpBuf) < outBuffer {
		c.pumpBuf = make([]byte, 0, outBuffer)
	}
	c.pumping, c.up.buf = true, c.pumpBuf[:0]
	go c.pump(u)
	return nil, nil
}

// pump sends the rest of the request's body on. Until join returns, the connection's reader is its own.
func (c *conn) pump(u *upstream) {
	client, target := send(&c.up, &c.in, &c.body, c.req.Length == http1.Chunked, c.idle)
	nc := u.in.nc
	c.pumped <- pumpResult{client, target}
	if client != nil {
		// No answer to half a request is wanted: end the wait for it.
		_ = nc.Close()
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
	_ = u.in.nc.Close()
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
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
		u.in.deadline.set(u.in.nc, setRead, time.Now(), c.idle, c.in.end)
		head, err := u.in.readHead(c.idle)
		switch {
		case err != nil && timedOut(err) && pumping:
			u.in.deadline = deadline{}
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
		u.pool.put(u, time.Now())
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
