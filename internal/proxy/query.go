package proxy

import "unsafe"

// param is one decoded parameter of a query string.
type param struct{ key, value string }

// scratch holds strings made while one request is handled. Reset invalidates them.
type scratch struct{ buf []byte }

func (s *scratch) reset() { s.buf = s.buf[:0] }

// since returns what was appended after the length from.
func (s *scratch) since(from int) string { return view(s.buf[from:]) }

// view returns b as a string without copying it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// unescape decodes percent escapes once, and "+" as a space where plus is set. Escapes were checked by the parser.
func (s *scratch) unescape(in string, plus bool) string {
	i := 0
	for i < len(in) && in[i] != '%' && (!plus || in[i] != '+') {
		i++
	}
	if i == len(in) {
		return in
	}
	from := len(s.buf)
	for i = 0; i < len(in); i++ {
		c := in[i]
		switch {
		case c == '%' && i+2 < len(in):
			c = unhex(in[i+1])<<4 | unhex(in[i+2])
			i += 2
		case c == '+' && plus:
			c = ' '
		}
		s.buf = append(s.buf, c)
	}
	return s.since(from)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// appendParams splits and decodes a query string. clear is false when parties may disagree on what it says: a ";", which
// some take for a separator, or an escaped control character.
func (s *scratch) appendParams(to []param, query string) (params []param, clear bool) {
	clear = true
	for len(query) > 0 {
		i := 0
		for i < len(query) && query[i] != '&' {
			if query[i] == ';' {
				clear = false
			}
			i++
		}
		part := query[:i]
		query = query[min(i+1, len(query)):]
		if part == "" {
			continue
		}
		eq := 0
		for eq < len(part) && part[eq] != '=' {
			eq++
		}
		p := param{key: s.unescape(part[:eq], true)}
		if eq < len(part) {
			p.value = s.unescape(part[eq+1:], true)
		}
		clear = clear && !hasControl(p.key) && !hasControl(p.value)
		to = append(to, p)
	}
	return to, clear
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// clearPath reports whether every party reads the path alike: it has no empty or dot segments, escaped slashes,
// backslashes or control characters. decoded is raw with its escapes decoded.
func clearPath(raw, decoded string) bool {
	slashes := 0
	for i := range len(raw) {
		if raw[i] == '/' {
			slashes++
		}
	}
	start := 1
	for i := 1; i <= len(decoded); i++ {
		if i < len(decoded) && decoded[i] != '/' {
			if c := decoded[i]; c == '\\' || c == ';' || c < ' ' || c == 0x7f {
				return false
			}
			continue
		}
		if i < len(decoded) {
			slashes--
		}
		switch seg := decoded[start:i]; {
		case seg == "." || seg == "..":
			return false
		case seg == "" && i < len(decoded):
			return false
		}
		start = i + 1
	}
	return slashes == 1
}
