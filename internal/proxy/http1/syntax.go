package http1

import (
	"bytes"
	"unsafe"
)

// SyntaxError says why a message is refused and, for a request, with which status.
type SyntaxError struct {
	Status int
	Text   string
}

func (e *SyntaxError) Error() string { return e.Text }

func bad(text string) error { return &SyntaxError{400, text} }

// Limits bound a head. A zero limit is no limit.
type Limits struct {
	Fields int // header lines
	Bytes  int // of all header lines together
}

// Field is one header line. Hop is set for those that concern one connection only and are not passed on.
type Field struct {
	Name, Value string
	Hop         bool
}

// Finder finds the end of a head in a buffer that fills bit by bit. The zero Finder is ready.
type Finder struct{ line, next int }

// Find returns the length of the head at the start of buf, including the empty line that ends it, or 0 while it is
// incomplete. Between calls buf may only have grown.
func (f *Finder) Find(buf []byte) (int, error) {
	for {
		i := bytes.IndexByte(buf[f.next:], '\n')
		if i < 0 {
			f.next = len(buf)
			return 0, nil
		}
		end := f.next + i
		if end == f.line || buf[end-1] != '\r' {
			return 0, bad("a line does not end in CR LF")
		}
		empty := end == f.line+1
		if empty && f.line == 0 {
			return 0, bad("the message begins with an empty line")
		}
		f.line, f.next = end+1, end+1
		if empty {
			return end + 1, nil
		}
	}
}

const (
	isToken  = 1 << iota // of a method or field name
	isValue              // of a field value
	isTarget             // of a request target
	isHost               // of a registered name or IPv4 address
	isHex
)

// class holds what each byte may be part of.
var class = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		alnum := b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' && b < 0x80
		if alnum || b < 0x80 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b) >= 0 {
			t[c] |= isToken
		}
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[c] |= isValue
		}
		if b > ' ' && b != 0x7f && b != '#' {
			t[c] |= isTarget
		}
		if alnum || b == '-' || b == '.' || b == '_' {
			t[c] |= isHost
		}
		if b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f' {
			t[c] |= isHex
		}
	}
	return t
}()

func all(s []byte, kind uint8) bool {
	for _, c := range s {
		if class[c]&kind == 0 {
			return false
		}
	}
	return true
}

// view returns b as a string without copying it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// EqualFold reports whether s and t are equal but for the case of ASCII letters.
func EqualFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		a, b := s[i], t[i]
		if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

// nextField cuts the next header line from head, which ends with an empty line.
func nextField(head []byte) (f Field, rest []byte, err error) {
	end := bytes.IndexByte(head, '\n')
	line := head[:end-1]
	if line[0] == ' ' || line[0] == '\t' {
		return f, nil, bad("a header line is folded")
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !all(line[:colon], isToken) {
		return f, nil, bad("a header name is malformed")
	}
	value := line[colon+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	if !all(value, isValue) {
		return f, nil, bad("a header value holds a control character")
	}
	return Field{Name: view(line[:colon]), Value: view(value)}, head[end+1:], nil
}

// framing gathers what the header lines of a message say of its body and its connection.
type framing struct {
	length                   int64
	hasLength, chunked       bool
	close, keepAlive, listed bool
	upgrade                  bool
}

// note takes a header line into account and marks it when it is hop-by-hop.
func (m *framing) note(f *Field) error {
	switch len(f.Name) {
	case 2:
		f.Hop = EqualFold(f.Name, "te")
	case 7:
		switch {
		case EqualFold(f.Name, "upgrade"):
			f.Hop = true
		case EqualFold(f.Name, "trailer"):
			f.Hop = true
			for t, rest := token(f.Value); t != ""; t, rest = token(rest) {
				if EqualFold(t, "content-length") || EqualFold(t, "transfer-encoding") || EqualFold(t, "trailer") {
					return bad("the Trailer header names a header that may not be a trailer")
				}
			}
		}
	case 10:
		switch {
		case EqualFold(f.Name, "connection"):
			f.Hop = true
			for t, rest := token(f.Value); t != ""; t, rest = token(rest) {
				switch {
				case EqualFold(t, "close"):
					m.close = true
				case EqualFold(t, "keep-alive"):
					m.keepAlive = true
				case EqualFold(t, "upgrade"):
					m.upgrade = true
				default:
					m.listed = true
				}
			}
		case EqualFold(f.Name, "keep-alive"):
			f.Hop = true
		}
	case 14:
		switch {
		case EqualFold(f.Name, "content-length"):
			f.Hop = true
			n, ok := decimal(f.Value)
			if !ok || m.hasLength {
				return bad("the Content-Length header is malformed or repeated")
			}
			m.length, m.hasLength = n, true
		case EqualFold(f.Name, "http2-settings"):
			f.Hop = true
		}
	case 16:
		f.Hop = EqualFold(f.Name, "proxy-connection")
	case 17:
		if EqualFold(f.Name, "transfer-encoding") {
			f.Hop = true
			if m.chunked {
				return bad("the Transfer-Encoding header is repeated")
			}
			if !EqualFold(f.Value, "chunked") {
				return &SyntaxError{501, "the transfer coding is not supported"}
			}
			m.chunked = true
		}
	case 18:
		f.Hop = EqualFold(f.Name, "proxy-authenticate")
	case 19:
		f.Hop = EqualFold(f.Name, "proxy-authorization")
	}
	return nil
}

// finish checks what only the whole head shows.
func (m *framing) finish(fields []Field, minor uint8) error {
	if m.chunked && m.hasLength {
		return bad("the message has both a Content-Length and a Transfer-Encoding header")
	}
	if m.chunked && minor == 0 {
		return bad("an HTTP/1.0 message has a Transfer-Encoding header")
	}
	if !m.listed {
		return nil
	}
	for _, c := range fields {
		if !EqualFold(c.Name, "connection") {
			continue
		}
		for t, rest := token(c.Value); t != ""; t, rest = token(rest) {
			for i := range fields {
				if EqualFold(fields[i].Name, t) {
					fields[i].Hop = true
				}
			}
		}
	}
	return nil
}

// token cuts the next element from a comma-separated list.
func token(list string) (first, rest string) {
	for len(list) > 0 && (list[0] == ',' || list[0] == ' ' || list[0] == '\t') {
		list = list[1:]
	}
	i := 0
	for i < len(list) && list[i] != ',' {
		i++
	}
	first, rest = list[:i], list[i:]
	for len(first) > 0 && (first[len(first)-1] == ' ' || first[len(first)-1] == '\t') {
		first = first[:len(first)-1]
	}
	return first, rest
}

func decimal(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}
