package http1

import "bytes"

// Chunked and UntilClose are the values of Length for bodies whose length is not told beforehand.
const (
	Chunked    = -1
	UntilClose = -2
)

// Request is a parsed request head. It may be parsed into again; that invalidates what it held.
type Request struct {
	Method string
	// Path is the request's path as sent, never empty, and Query what follows the first "?", still encoded.
	Path, Query string
	HasQuery    bool
	// Escaped is set when the path holds a percent escape.
	Escaped bool
	// Host is the target's authority as sent, with its port if it has one; empty only for HTTP/1.0.
	Host   string
	Minor  uint8
	Fields []Field
	// Length is the body's length, or Chunked.
	Length int64
	// Close is set when the connection cannot carry another request.
	Close bool
	// Continue is set when the client waits for 100 Continue before it sends its body.
	Continue bool
	// Upgrade is the protocol the client asks to switch to.
	Upgrade string
}

// Parse reads a whole head, as measured by a Finder.
func (r *Request) Parse(head []byte, lim Limits) error {
	*r = Request{Fields: r.Fields[:0]}
	authority, rest, err := r.line(head)
	if err != nil {
		return err
	}
	if lim.Bytes > 0 && len(rest)-2 > lim.Bytes {
		return bad("the headers are too large")
	}
	var m framing
	hosts := 0
	upgrade := ""
	for len(rest) > 2 {
		var f Field
		if f, rest, err = nextField(rest); err != nil {
			return err
		}
		if lim.Fields > 0 && len(r.Fields) == lim.Fields {
			return bad("there are too many headers")
		}
		if err = m.note(&f); err != nil {
			return err
		}
		switch len(f.Name) {
		case 4:
			if EqualFold(f.Name, "host") {
				f.Hop = true
				hosts++
				r.Host = f.Value
			}
		case 6:
			if EqualFold(f.Name, "expect") {
				f.Hop = true
				if !EqualFold(f.Value, "100-continue") {
					return &SyntaxError{417, "the expectation is not known"}
				}
				r.Continue = r.Minor > 0
			}
		case 7:
			if EqualFold(f.Name, "upgrade") {
				upgrade = f.Value
			}
		}
		r.Fields = append(r.Fields, f)
	}
	if err = m.finish(r.Fields, r.Minor); err != nil {
		return err
	}
	if hosts > 1 || hosts == 0 && r.Minor > 0 || hosts == 1 && !validHost(r.Host) {
		return bad("the Host header is missing, repeated or malformed")
	}
	if authority != "" {
		if hosts == 1 && !EqualFold(r.Host, authority) {
			return bad("the Host header differs from the host of the request target")
		}
		r.Host = authority
	}
	if m.upgrade {
		r.Upgrade = upgrade
	}
	r.Length = m.length
	if m.chunked {
		r.Length = Chunked
	}
	r.Close = m.close || r.Minor == 0 && !m.keepAlive
	return nil
}

// line parses the request line and returns the authority of an absolute target.
func (r *Request) line(head []byte) (authority string, rest []byte, err error) {
	end := bytes.IndexByte(head, '\n')
	line := head[:end-1]
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || !all(line[:sp], isToken) {
		return "", nil, bad("the method is malformed")
	}
	target := line[sp+1:]
	last := bytes.IndexByte(target, ' ')
	if last < 0 {
		return "", nil, bad("the request line is malformed")
	}
	version := target[last+1:]
	target = target[:last]
	if len(version) != 8 || string(version[:5]) != "HTTP/" || version[6] != '.' {
		return "", nil, bad("the request line is malformed")
	}
	if version[5] != '1' || version[7] != '0' && version[7] != '1' {
		return "", nil, &SyntaxError{505, "the HTTP version is not supported"}
	}
	r.Method, r.Minor = view(line[:sp]), version[7]-'0'
	if r.Method == "CONNECT" {
		return "", nil, bad("the method is not supported")
	}
	if !all(target, isTarget) {
		return "", nil, bad("the request target holds a character that must be escaped")
	}
	if len(target) > 7 && EqualFold(view(target[:7]), "http://") {
		target = target[7:]
		i := bytes.IndexAny(target, "/?")
		if i < 0 {
			i = len(target)
		}
		authority = view(target[:i])
		if !validHost(authority) {
			return "", nil, bad("the host of the request target is malformed")
		}
		if target = target[i:]; len(target) == 0 {
			target = []byte("/")
		}
	}
	if len(target) == 0 || target[0] != '/' {
		return "", nil, bad("the request target is not a path")
	}
	path := target
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		path, r.HasQuery, r.Query = target[:i], true, view(target[i+1:])
	}
	r.Path = view(path)
	for i := 0; i < len(target); i++ {
		if target[i] != '%' {
			continue
		}
		if i+2 >= len(target) || class[target[i+1]]&class[target[i+2]]&isHex == 0 {
			return "", nil, bad("the request target holds a malformed percent escape")
		}
		r.Escaped = r.Escaped || i < len(path)
	}
	return authority, head[end+1:], nil
}

// validHost reports whether s is a name, an IPv4 address or a bracketed IPv6 address, with or without a port.
func validHost(s string) bool {
	i := 0
	if len(s) > 0 && s[0] == '[' {
		for i = 1; i < len(s) && s[i] != ']'; i++ {
			if class[s[i]]&isHex == 0 && s[i] != ':' && s[i] != '.' {
				return false
			}
		}
		if i < 3 || i == len(s) {
			return false
		}
		i++
	} else {
		for i < len(s) && class[s[i]]&isHost != 0 {
			i++
		}
	}
	if i == 0 || i > 255 {
		return false
	}
	if i == len(s) {
		return true
	}
	_, ok := decimal(s[i+1:])
	return s[i] == ':' && ok && len(s)-i-1 <= 5
}

// Get returns the value of the first header line of that name that is passed on.
func (r *Request) Get(name string) (string, bool) { return get(r.Fields, name) }

func get(fields []Field, name string) (string, bool) {
	for i := range fields {
		if f := &fields[i]; !f.Hop && EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}
