package strict

// place is where in a request the next byte stands.
type place uint8

const (
	requestLine place = iota
	lineStart
	name
	value
	length // the value of Content-Length
	body
	// unread is behind a head with a coding: a server that closes after such a request reads its body, and no other head.
	unread
)

// scanner follows requests as they arrive, in parts of any size. The zero scanner is ready.
type scanner struct {
	at place
	// cr says that the byte before was a carriage return, last is the one before that.
	cr   bool
	last byte
	// old says that the request is not of HTTP/1.1.
	old bool
	// field is a header's name, as far as it matters, in lower case.
	field  [18]byte
	fields int
	coded  bool
	told   bool   // there is a Content-Length
	size   uint64 // what it says
	digits int
	spaced bool // it has ended
}

const (
	contentLength    = "content-length"
	transferEncoding = "transfer-encoding"
	// maxDigits is how long a length may be: one that no 64 bits hold is longer.
	maxDigits = 18
)

// accept returns how many bytes are to be passed on: all of them, or those before the first that is refused.
func (s *scanner) accept(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch s.at {
		case unread:
			return len(b)
		case body:
			n := min(s.size, uint64(len(b)-i))
			if s.size -= n; s.size == 0 {
				*s = scanner{}
			}
			i += int(n) - 1
		default:
			if !s.head(b[i]) {
				return i
			}
		}
	}
	return len(b)
}

// head takes a byte of a head.
func (s *scanner) head(c byte) bool {
	if s.cr || c == '\n' {
		if !s.cr || c != '\n' {
			return false
		}
		s.cr = false
		return s.endLine()
	}
	if c == '\r' {
		s.cr = true
		return true
	}
	switch s.at {
	case requestLine:
		s.last = c
	case lineStart, name:
		if s.at == lineStart {
			if c == ' ' || c == '\t' {
				return false
			}
			s.at, s.fields = name, 0
		}
		if c == ':' {
			return s.endName()
		}
		if s.fields < len(s.field) {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			s.field[s.fields] = c
			s.fields++
		}
	case length:
		return s.lengthByte(c)
	}
	return true
}

// endName takes the colon behind a header's name.
func (s *scanner) endName() bool {
	s.at = value
	switch string(s.field[:s.fields]) {
	case contentLength:
		if s.told {
			return false
		}
		s.at, s.told = length, true
	case transferEncoding:
		// Before HTTP/1.1 it means nothing, or everything.
		if s.old {
			return false
		}
		s.coded = true
	}
	return true
}

func (s *scanner) lengthByte(c byte) bool {
	switch {
	case c == ' ' || c == '\t':
		s.spaced = s.digits > 0
		return true
	case c < '0' || c > '9' || s.spaced || s.digits == maxDigits:
		return false
	}
	s.size = s.size*10 + uint64(c-'0')
	s.digits++
	return true
}

// endLine takes the end of a line, which may be that of the head.
func (s *scanner) endLine() bool {
	switch s.at {
	case requestLine:
		if s.last == 0 {
			return false
		}
		s.old = s.last == '0'
	case length:
		if s.digits == 0 {
			return false
		}
	case lineStart:
		switch {
		case s.coded:
			s.at = unread
		case s.size > 0:
			s.at = body
		default:
			*s = scanner{}
		}
		return true
	}
	s.at = lineStart
	return true
}
