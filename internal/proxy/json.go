package proxy

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	return append(appendText(append(dst, '"'), s), '"')
}

// appendText appends what stands between the quotes of a JSON string.
func appendText(dst []byte, s string) []byte {
	if plain(s) {
		return append(dst, s...)
	}
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c >= utf8.RuneSelf:
			dst = append(dst, `\ufffd`...)
		default:
			dst = append(dst, `\u00`...)
			dst = appendHex(dst, uint64(c), 2)
		}
		i += n
		from = i
	}
	return append(dst, s[from:]...)
}

// plain reports whether s needs no escapes.
func plain(s string) bool {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; len(b) >= 8; b = b[8:] {
		// The top bit of a byte is set in the first three where the byte is less than a space, a quote or a backslash.
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		x := binary.LittleEndian.Uint64(b)
		quote, back := x^'"'*ones, x^'\\'*ones
		if ((x-' '*ones)&^x|(quote-ones)&^quote|(back-ones)&^back|x)&tops != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// object appends the members of a JSON object. Keys are plain words, but for those given to name.
type object struct {
	dst  []byte
	open bool
}

func (o *object) comma() {
	if o.open {
		o.dst = append(o.dst, ',')
	}
	o.open = true
}

func (o *object) key(k string) {
	o.comma()
	o.dst = append(append(append(o.dst, '"'), k...), '"', ':')
}

// name begins a member whose key may be anything.
func (o *object) name(k string) {
	o.comma()
	o.dst = append(appendString(o.dst, k), ':')
}

func (o *object) begin(k string) {
	if k != "" {
		o.key(k)
	}
	o.dst = append(o.dst, '{')
	o.open = false
}

func (o *object) end() {
	o.dst = append(o.dst, '}')
	o.open = true
}

func (o *object) string(k, v string) {
	o.key(k)
	o.dst = appendString(o.dst, v)
}

func (o *object) bool(k string, v bool) {
	o.key(k)
	o.dst = strconv.AppendBool(o.dst, v)
}
