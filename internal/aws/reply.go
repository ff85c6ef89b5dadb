package aws

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"strings"

	"trellis/internal/aws/model"
	"trellis/internal/aws/wire"
	"trellis/internal/fault"
)

// requestID makes a random UUID.
func requestID() string {
	var id [16]byte
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// fail answers with an error.
func (c *call) fail(err error) {
	e := asFault(err)
	m := c.envelope()
	o := outcomeOf(m, e)
	if c.notBuilt && m.Protocol != model.EC2Query {
		o.status = http.StatusNotImplemented
	}
	attrs := append(c.logAttrs(), "code", o.code, "status", o.status)
	if e.Kind == fault.Internal || e.Cause != nil {
		c.log.Error("call failed", append(attrs, "cause", e.Cause)...)
	} else {
		c.log.Debug("call refused", append(attrs, "message", e.Message)...)
	}
	header := c.w.Header()
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	body := errorBody(m, o, e, c.id)
	header.Set("Content-Type", wire.ContentType(m.Protocol))
	if m.Protocol != model.EC2Query && m.Protocol != model.Query {
		header.Set("X-Amzn-Errortype", o.code)
	}
	c.write(o.status, body)
	c.observe(o.status, o.code)
}

func (c *call) write(status int, body []byte) {
	header := c.w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.w.WriteHeader(status)
	if len(body) > 0 && status != http.StatusNoContent {
		c.w.Write(body)
	}
}

// envelope is the API whose error form is used; where the API is not known yet
// the request's own form decides.
func (c *call) envelope() *model.Service {
	if c.service != nil {
		return c.service.Service
	}
	m := &model.Service{Protocol: model.RESTJSON}
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || strings.Contains(c.r.URL.RawQuery, "Action=") {
		m.Protocol = model.Query
	} else if c.r.Header.Get("X-Amz-Target") != "" {
		m.Protocol = model.JSON11
	}
	return m
}

func errorBody(m *model.Service, o outcome, e *fault.Error, id string) []byte {
	switch m.Protocol {
	case model.EC2Query:
		b := append([]byte(nil), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors>"...)
		b = append(appendError(b, "", o.code, e.Message), "</Errors><RequestID>"...)
		return append(append(b, id...), "</RequestID></Response>"...)
	case model.Query:
		b := append([]byte(nil), "<ErrorResponse"...)
		if m.XMLNamespace != "" {
			b = append(append(append(b, ` xmlns="`...), m.XMLNamespace...), '"')
		}
		kind := "Sender"
		if o.status >= 500 {
			kind = "Receiver"
		}
		b = append(appendError(append(b, '>'), kind, o.code, e.Message), "<RequestId>"...)
		return append(append(b, id...), "</RequestId></ErrorResponse>"...)
	}
	members := map[string]any{}
	message := "message"
	switch {
	case m.Protocol != model.RESTJSON:
		members["__type"] = o.code
		if m.Package == "organizations" || m.Package == "cloudcontrol" {
			message = "Message"
		}
		if e.Reason != "" {
			members["Reason"] = e.Reason
		}
	case m.Package == "lambda":
		members["Type"] = "User"
		if o.status >= 500 {
			members["Type"] = "Service"
		}
		message = "Message"
		if e.Reason != "" {
			members["Reason"] = e.Reason
		}
	case m.Package == "vpclattice":
		latticeMembers(members, o, e)
	}
	members[message] = e.Message
	return wire.AppendJSONValue(nil, members)
}

func appendError(b []byte, kind, code, message string) []byte {
	b = append(b, "<Error>"...)
	if kind != "" {
		b = append(append(append(b, "<Type>"...), kind...), "</Type>"...)
	}
	b = append(wire.AppendXMLText(append(b, "<Code>"...), code), "</Code><Message>"...)
	return append(wire.AppendXMLText(b, message), "</Message></Error>"...)
}

// latticeMembers adds what the errors of VPC Lattice carry.
func latticeMembers(members map[string]any, o outcome, e *fault.Error) {
	switch o.code {
	case "ValidationException":
		reason := e.Reason
		if reason == "" {
			reason = "other"
			if len(e.Fields) > 0 {
				reason = "fieldValidationFailed"
			}
		}
		members["reason"] = reason
		if len(e.Fields) > 0 {
			fields := make([]any, len(e.Fields))
			for i, f := range e.Fields {
				fields[i] = map[string]any{"name": f.Name, "message": f.Message}
			}
			members["fieldList"] = fields
		}
	case "ConflictException", "ResourceNotFoundException":
		members["resourceId"], members["resourceType"] = e.ResourceID, e.ResourceType
	case "ServiceQuotaExceededException":
		members["resourceId"], members["resourceType"] = e.ResourceID, e.ResourceType
		members["serviceCode"], members["quotaCode"] = "vpc-lattice", e.Reason
	}
}
