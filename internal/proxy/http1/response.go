package http1

import (
	"bytes"
	"maps"
	"slices"
)

// Response is a parsed response head. It may be parsed into again; that invalidates what it held.
type Response struct {
	Status int
	Reason string
	Minor  uint8
	Fields []Field
	// Length is the body's length, Chunked or UntilClose.
	Length int64
	// Declared is the Content-Length told, or -1; it is told also where there is no body, as in an answer to HEAD.
	Declared int64
	// Close is set when the connection cannot carry another request.
	Close bool
}

// Parse reads a whole head, as measured by a Finder, that answers a request of the method.
func (r *Response) Parse(head []byte, method string, lim Limits) error {
	*r = Response{Fields: r.Fields[:0]}
	end := bytes.IndexByte(head, '\n')
	line := head[:end-1]
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return bad("the status line is malformed")
	}
	if len(line) > 12 && (line[12] != ' ' || !all(line[13:], isValue)) {
		return bad("the status line is malformed")
	}
	status, ok := decimal(view(line[9:12]))
	if !ok || status < 100 || status > 599 {
		return bad("the status is malformed")
	}
	r.Status, r.Minor = int(status), line[7]-'0'
	if len(line) > 13 {
		r.Reason = view(line[13:])
	}
	rest := head[end+1:]
	if lim.Bytes > 0 && len(rest)-2 > lim.Bytes {
		return bad("the headers are too large")
	}
	var m framing
	for len(rest) > 2 {
		f, after, err := nextField(rest)
		if err != nil {
			return err
		}
		if err = m.note(&f); err != nil {
			return err
		}
		if lim.Fields > 0 && len(r.Fields) == lim.Fields {
			return bad("there are too many headers")
		}
		r.Fields, rest = append(r.Fields, f), after
	}
	if err := m.finish(r.Fields, r.Minor); err != nil {
		return err
	}
	if r.Declared = -1; m.hasLength {
		r.Declared = m.length
	}
	r.Close = m.close || r.Minor == 0 && !m.keepAlive
	switch {
	case r.Status < 200 || r.Status == 204:
		if m.chunked || m.length > 0 {
			return bad("a response that has no body says it has one")
		}
	case method == "HEAD" || r.Status == 304:
	case m.chunked:
		r.Length = Chunked
	case m.hasLength:
		r.Length = m.length
	default:
		r.Length, r.Close = UntilClose, true
	}
	return nil
}

// Get returns the value of the first header line of that name that is passed on.
func (r *Response) Get(name string) (string, bool) { return get(r.Fields, name) }

// SetFields gives a response that was not parsed its header lines. Those that concern one connection only, and those that
// tell of the body's length, are marked as such.
func (r *Response) SetFields(lines map[string][]string) error {
	var m framing
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		if name == "" || !all([]byte(name), isToken) {
			return bad("a header name is malformed")
		}
		for _, v := range lines[name] {
			if !ValidValue(v) {
				return bad("a header value holds a control character")
			}
			f := Field{Name: name, Value: v}
			m = framing{}
			f.Hop = m.note(&f) != nil || f.Hop
			r.Fields = append(r.Fields, f)
		}
	}
	return nil
}

// ValidValue reports whether s can be a header's value.
func ValidValue(s string) bool { return all([]byte(s), isValue) }
