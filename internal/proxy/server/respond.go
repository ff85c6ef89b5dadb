package server

import (
	"net/http"
	"strconv"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

func itoa(n int) string { return strconv.Itoa(n) }

// answer sends an answer of our own. Location is empty but for redirects.
func (c *conn) answer(status int, contentType, location string, text []byte) {
	c.settle()
	c.rec.Status = status
	b := append(c.out.buf[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(append(b, ' '), http.StatusText(status)...), "\r\nDate: "...)
	c.lap()
	b = append(b, c.date.At(c.now, http.TimeFormat)...)
	if l := c.hop.Listener; c.front.VPC == nil && (l == nil || !l.HideServer) {
		b = append(b, "\r\nServer: awselb/2.0"...)
	}
	if location != "" {
		b = append(append(b, "\r\nLocation: "...), location...)
	}
	if contentType != "" {
		b = append(append(b, "\r\nContent-Type: "...), contentType...)
	}
	b = append(b, "\r\n"...)
	if status != 204 && status != 304 {
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(text)), 10), "\r\n"...)
	}
	c.out.buf = proxy.AppendEnd(b, &c.hop, c.req.Minor, c.closing)
	c.write(status, text)
}

// write sends the head that was gathered and a body.
func (c *conn) write(status int, text []byte) {
	if c.req.Method == "HEAD" || status == 204 || status == 304 {
		text = nil
	}
	err := c.out.data(text, false)
	if err == nil {
		err = c.out.flush()
	}
	if err != nil {
		c.lostClient()
	}
}

// settle takes what is left of the request's body, or lets the connection end where it would have to wait for it.
func (c *conn) settle() {
	for !c.body.done && c.body.buffered(&c.in) {
		if _, err := c.body.next(&c.in, 0); err != nil {
			break
		}
	}
	if !c.body.done {
		c.closing, c.linger = true, true
	}
}

// lostClient notes that the client went away.
func (c *conn) lostClient() {
	c.closing, c.linger = true, false
	if c.rec.Failure == proxy.NoFailure {
		c.rec.Failure = proxy.ClientConnectionClosed
		if !c.out.end.IsZero() && !time.Now().Before(c.out.end) {
			c.rec.Failure = proxy.DurationExceeded
		}
	}
}

// fail answers with a status of our own and says why, if there is more to say than the status does.
func (c *conn) fail(status int, why string) {
	words := strconv.Itoa(status) + " " + http.StatusText(status)
	if c.front.VPC == nil {
		c.answer(status, "text/html", "", []byte("<html>\r\n<head><title>"+words+"</title></head>\r\n<body>\r\n<center><h1>"+
			words+"</h1></center>\r\n</body>\r\n</html>\r\n"))
		return
	}
	switch {
	case why == "":
		why = http.StatusText(status)
	case status != 403:
		why = http.StatusText(status) + ": " + why
	}
	c.answer(status, "text/plain", "", []byte(why))
}

// deny answers a request that a policy refuses.
func (c *conn) deny(layer proxy.Layer, verdict proxy.Verdict) {
	c.pumpBuf = proxy.AppendDenial(c.pumpBuf[:0], &c.auth, layer, verdict)
	c.answer(403, "text/plain", "", c.pumpBuf)
}

func (c *conn) fixed() {
	text, contentType := c.route.Body, c.route.ContentType
	if text == "" && c.front.VPC != nil {
		text = http.StatusText(c.route.Status)
	}
	if contentType == "" && text != "" {
		contentType = "text/plain"
	}
	c.answer(c.route.Status, contentType, "", []byte(text))
}

func (c *conn) redirect() {
	to := c.route.Location.For(&c.req, c.front.Port)
	c.answer(c.route.Status, "text/html", to, []byte("<html>\r\n<head><title>"+itoa(c.route.Status)+" "+
		http.StatusText(c.route.Status)+"</title></head>\r\n</html>\r\n"))
}

// failTarget answers for a target that failed before its answer began.
func (c *conn) failTarget(f proxy.Failure, timeout bool) {
	c.rec.Failure = f
	status := 502
	switch {
	case timeout && (f != proxy.TargetConnectionError || c.front.VPC == nil):
		status = 504
	case f == proxy.InternalError, f == proxy.TargetConnectionError && c.front.VPC != nil:
		status = 500
	}
	c.fail(status, "")
}

// head appends the head of a target's answer to what is sent to the client, whose body then has the length.
func (c *conn) head(length int64) {
	c.out.buf = proxy.AppendResponse(c.out.buf[:0], &c.res, &c.hop, length, c.req.Minor, c.closing)
	c.rec.Status = c.res.Status
}

// lengthOut returns the length with which the answer's body is sent on. A client of HTTP/1.0 is sent one of unknown
// length until the connection ends.
func (c *conn) lengthOut() int64 {
	switch {
	case c.res.Length == 0 && (c.req.Method == "HEAD" || c.res.Status == 304):
		return c.res.Declared
	case c.res.Status == 204:
		return http1.UntilClose
	case c.res.Length >= 0:
		return c.res.Length
	case c.req.Minor == 0:
		c.closing = true
		return http1.UntilClose
	}
	return http1.Chunked
}
