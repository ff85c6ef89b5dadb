package proxy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"trellis/internal/arn"
	"trellis/internal/proxy/http1"
)

// Event is a request on its way to a function.
type Event struct {
	Hop  *Hop
	Body []byte
}

// header is a name, in lower case, with the values of its lines.
type header struct {
	name   string
	values []string
}

// AppendEvent appends the event that a function receives for a request. The headers are those an HTTP target would get.
func AppendEvent(dst []byte, r *Request, e *Event) ([]byte, error) {
	head := AppendRequest(nil, r, e.Hop)
	var sent http1.Request
	if err := sent.Parse(head, http1.Limits{}); err != nil {
		return dst, err
	}
	headers := []header{{"host", []string{sent.Host}}}
	if r.Length > 0 {
		headers = append(headers, header{"content-length", []string{strconv.FormatInt(r.Length, 10)}})
	}
next:
	for _, f := range sent.Fields {
		if f.Hop {
			continue
		}
		name := lower(f.Name)
		for i := range headers {
			if headers[i].name == name {
				headers[i].values = append(headers[i].values, f.Value)
				continue next
			}
		}
		headers = append(headers, header{name, []string{f.Value}})
	}
	o := object{dst: dst}
	body, encoded := eventBody(r, e.Body)
	switch e.Hop.Group.Event {
	case EventELB:
		appendELB(&o, r, e, headers, body, encoded)
	case EventV2:
		appendV2(&o, r, e, headers, body, encoded)
	default:
		appendV1(&o, r, headers, body, encoded)
	}
	return o.dst, nil
}

// eventBody returns a body as an event holds it: text as it is, anything else in base64.
func eventBody(r *Request, body []byte) (string, bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _ := r.Get("content-type")
	kind, _, _ = strings.Cut(kind, ";")
	kind = lower(strings.TrimSpace(kind))
	_, coded := r.Get("content-encoding")
	if !coded && utf8.Valid(body) && (strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/xml" || kind == "application/javascript") {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

// grouped returns parameters by key, in the order of their first appearance.
func grouped(params []param) []header {
	var out []header
next:
	for _, p := range params {
		for i := range out {
			if out[i].name == p.key {
				out[i].values = append(out[i].values, p.value)
				continue next
			}
		}
		out = append(out, header{p.key, []string{p.value}})
	}
	return out
}

// rawParams splits a query string without decoding it.
func rawParams(query string) []param {
	var out []param
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		out = append(out, param{key, value})
	}
	return out
}

func (o *object) lists(k string, list []header) {
	o.begin(k)
	for _, h := range list {
		o.name(h.name)
		for i, v := range h.values {
			o.dst = append(o.dst, "[,"[min(i, 1)])
			o.dst = appendString(o.dst, v)
		}
		o.dst = append(o.dst, ']')
	}
	o.end()
}

func (o *object) last(k string, list []header) {
	o.begin(k)
	for _, h := range list {
		o.name(h.name)
		o.dst = appendString(o.dst, h.values[len(h.values)-1])
	}
	o.end()
}

func appendV1(o *object, r *Request, headers []header, body string, encoded bool) {
	o.begin("")
	o.string("raw_path", r.Path)
	o.string("method", r.Method)
	o.begin("headers")
	for _, h := range headers {
		o.name(h.name)
		o.dst = appendString(o.dst, strings.Join(h.values, ", "))
	}
	o.end()
	o.last("query_string_parameters", grouped(r.parameters()))
	o.string("body", body)
	o.bool("is_base64_encoded", encoded)
	o.end()
}

func appendV2(o *object, r *Request, e *Event, headers []header, body string, encoded bool) {
	h := e.Hop
	o.begin("")
	o.string("version", "2.0")
	o.string("path", r.Path)
	o.string("method", r.Method)
	o.lists("headers", headers)
	o.lists("queryStringParameters", grouped(r.parameters()))
	o.string("body", body)
	o.bool("isBase64Encoded", encoded)
	o.begin("requestContext")
	o.string("serviceNetworkArn", h.Front.VPC.Network.ARN)
	o.string("serviceArn", h.Service.ARN)
	o.string("targetGroupArn", h.Group.ARN)
	o.begin("identity")
	o.string("sourceVpcArn", h.Front.VPC.ARN)
	if p := h.Principal; p != nil {
		o.string("type", string(AuthIAM))
		o.string("principal", p.ARN)
		o.string("principalOrgID", p.OrgID)
		o.string("sessionName", p.Session)
	}
	o.end()
	o.string("region", regionOf(h.Service.ARN))
	o.string("timeEpoch", strconv.FormatInt(h.Now.UnixMicro(), 10))
	o.end()
	o.end()
}

func regionOf(resource string) string {
	a, err := arn.Parse(resource)
	if err != nil {
		return ""
	}
	return a.Region
}

// appendELB keeps path and parameters encoded, as load balancers do.
func appendELB(o *object, r *Request, e *Event, headers []header, body string, encoded bool) {
	params := grouped(rawParams(r.Query))
	o.begin("")
	o.begin("requestContext")
	o.begin("elb")
	o.string("targetGroupArn", e.Hop.Group.ARN)
	o.end()
	o.end()
	o.string("httpMethod", r.Method)
	o.string("path", r.Path)
	if e.Hop.Group.MultiValueHeaders {
		o.lists("multiValueQueryStringParameters", params)
		o.lists("multiValueHeaders", headers)
	} else {
		o.last("queryStringParameters", params)
		o.last("headers", headers)
	}
	o.string("body", body)
	o.bool("isBase64Encoded", encoded)
	o.end()
}

// Reply is a function's answer as an HTTP response.
type Reply struct {
	Response http1.Response
	Body     []byte
}

var errReply = errors.New("the function's answer is not a response")

// ParseReply reads a function's answer.
func ParseReply(raw []byte, multiValue bool) (*Reply, error) {
	var in struct {
		StatusCode        json.Number         `json:"statusCode"`
		StatusDescription string              `json:"statusDescription"`
		Headers           map[string]any      `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
		Body              string              `json:"body"`
		IsBase64Encoded   bool                `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", errReply, err)
	}
	status, err := strconv.Atoi(in.StatusCode.String())
	if err != nil || status < 200 || status > 599 {
		return nil, fmt.Errorf("%w: statusCode is %q", errReply, in.StatusCode)
	}
	out := &Reply{Response: http1.Response{Status: status, Minor: 1, Reason: replyReason(status, in.StatusDescription)}}
	if in.IsBase64Encoded {
		if out.Body, err = base64.StdEncoding.DecodeString(in.Body); err != nil {
			return nil, fmt.Errorf("%w: %w", errReply, err)
		}
	} else {
		out.Body = []byte(in.Body)
	}
	lines := in.MultiValueHeaders
	if !multiValue || len(lines) == 0 {
		lines = make(map[string][]string, len(in.Headers))
		for k, v := range in.Headers {
			switch v := v.(type) {
			case string:
				lines[k] = []string{v}
			case bool, float64:
				lines[k] = []string{fmt.Sprint(v)}
			case nil:
			default:
				return nil, fmt.Errorf("%w: header %q is not a string", errReply, k)
			}
		}
	}
	return out, out.Response.SetFields(lines)
}

func replyReason(status int, description string) string {
	if _, reason, ok := strings.Cut(description, " "); ok && strings.HasPrefix(description, strconv.Itoa(status)) {
		if http1.ValidValue(reason) {
			return reason
		}
	}
	return http.StatusText(status)
}
