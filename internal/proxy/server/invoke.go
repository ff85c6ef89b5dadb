package server

import (
	"context"
	"errors"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// Limits of what functions are sent and may answer.
const (
	latticeBody  = 6 << 20
	balancerBody = 1 << 20
)

// invoke has a function answer the request.
func (c *conn) invoke(t *proxy.Target) {
	limit := latticeBody
	if c.front.VPC == nil {
		limit = balancerBody
	}
	text, ok := c.readBody(limit)
	if !ok {
		return
	}
	event, err := proxy.AppendEvent(nil, &c.req, &proxy.Event{Hop: &c.hop, Body: text})
	if err != nil || c.srv.Invoker == nil {
		c.failTarget(proxy.InternalError, false)
		return
	}
	c.rec.ToTarget = time.Since(c.start)
	c.srv.count.invocations.Add(1)
	ctx, cancel := context.WithTimeout(c.srv.ctx, c.srv.Timeouts.Invoke)
	raw, functionError, err := c.srv.Invoker.Invoke(ctx, c.hop.Group.ARN, t.ID, event)
	cancel()
	c.rec.FromTarget = time.Since(c.start) - c.rec.ToTarget
	var reply *proxy.Reply
	switch {
	case err != nil:
		c.srv.Log.Warn("a function could not be invoked", "function", t.ID, "request", c.note.ID, "error", err)
	case functionError != "" || len(raw) > limit:
		err = errFunction
	default:
		reply, err = proxy.ParseReply(raw, c.hop.Group.MultiValueHeaders)
	}
	if err != nil {
		c.srv.count.functionErrors.Add(1)
		if timedOut(err) {
			c.failTarget(proxy.TargetDataTimeout, true)
		} else {
			c.failTarget(proxy.TargetProtocolError, false)
		}
		return
	}
	c.res = reply.Response
	if c.res.Status == 204 || c.res.Status == 304 {
		c.head(http1.UntilClose)
	} else {
		c.head(int64(len(reply.Body)))
	}
	c.write(c.res.Status, reply.Body)
}

var errFunction = errors.New("the function failed")

// readBody reads the whole body of the request. It has answered the request when it reports false.
func (c *conn) readBody(limit int) ([]byte, bool) {
	if c.body.done {
		return nil, true
	}
	if c.body.length > int64(limit) {
		c.fail(413, "")
		return nil, false
	}
	if c.req.Continue && !c.body.buffered(&c.in) {
		c.out.buf = append(c.out.buf[:0], "HTTP/1.1 100 Continue\r\n\r\n"...)
		if c.out.flush() != nil {
			c.lostClient()
			return nil, false
		}
	}
	var text []byte
	for !c.body.done {
		data, err := c.body.next(&c.in, c.idle)
		if err != nil {
			c.failClient(err)
			return nil, false
		}
		if len(text)+len(data) > limit {
			c.fail(413, "")
			return nil, false
		}
		text = append(text, data...)
	}
	return text, true
}
