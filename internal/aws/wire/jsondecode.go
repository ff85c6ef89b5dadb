package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

const maxDepth = 64

// decodeJSON reads a JSON object into the body members of a structure.
func decodeJSON(n *node, v reflect.Value, body []byte) error {
	if !json.Valid(body) {
		return malformed("The request body is not valid JSON: %s", jsonFault(body))
	}
	if !utf8.Valid(body) {
		return malformed("The request body is not valid UTF-8.")
	}
	d := &jsonReader{data: body}
	d.space()
	if d.data[d.pos] != '{' {
		return malformed("The request body must be a JSON object.")
	}
	return d.structure(n, v, 0)
}

func jsonFault(body []byte) string {
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return err.Error()
	}
	return "unexpected text"
}

// jsonReader walks text that is known to be valid JSON.
type jsonReader struct {
	data []byte
	pos  int
}

func (d *jsonReader) space() {
	for d.data[d.pos] == ' ' || d.data[d.pos] == '\n' || d.data[d.pos] == '\t' || d.data[d.pos] == '\r' {
		d.pos++
	}
}

// next is the first byte of the next token, past any separator.
func (d *jsonReader) next() byte {
	for {
		switch c := d.data[d.pos]; c {
		case ' ', '\n', '\t', '\r', ',', ':':
			d.pos++
		default:
			return c
		}
	}
}

func (d *jsonReader) structure(n *node, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return malformed("The request is nested too deeply.")
	}
	d.pos++
	for d.next() != '}' {
		name, err := d.text()
		if err != nil {
			return err
		}
		c := d.next()
		i, known := n.byWire[string(name)]
		if c == 'n' || !known {
			d.skip()
			continue
		}
		f := &n.fields[i]
		if err := d.value(f.node, v.Field(i), depth); err != nil {
			if err.Member == "" {
				err.Member = f.member.Name
			}
			return err
		}
	}
	d.pos++
	return nil
}

func (d *jsonReader) value(n *node, v reflect.Value, depth int) *Malformed {
	c := d.next()
	switch n.kind {
	case model.Structure:
		if c != '{' {
			return d.wrong(c, "a structure")
		}
		return asMalformed(d.structure(n, target(v), depth+1))
	case model.List:
		if c != '[' {
			return d.wrong(c, "a list")
		}
		return d.list(n, v, depth+1)
	case model.Map:
		if c != '{' {
			return d.wrong(c, "a map")
		}
		return d.mapping(n, v, depth+1)
	case model.Document:
		start := d.pos
		d.skip()
		v.SetBytes(bytes.Clone(d.data[start:d.pos]))
		return nil
	case model.String:
		if c != '"' {
			return d.wrong(c, "a String")
		}
		s, err := d.text()
		if err != nil {
			return asMalformed(err)
		}
		target(v).SetString(string(s))
		return nil
	case model.Blob:
		if c != '"' {
			return d.wrong(c, "a Blob")
		}
		s, err := d.text()
		if err != nil {
			return asMalformed(err)
		}
		b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
		size, err := base64.StdEncoding.Decode(b, s)
		if err != nil {
			return malformed("A blob must be base64: %s", err)
		}
		v.SetBytes(b[:size])
		return nil
	case model.Boolean:
		if c != 't' && c != 'f' {
			return d.wrong(c, "a Boolean")
		}
		target(v).SetBool(c == 't')
		d.skip()
		return nil
	default:
		return d.number(n, v, c)
	}
}

func (d *jsonReader) number(n *node, v reflect.Value, c byte) *Malformed {
	format := timeFormat(n.shape, model.UnixTime)
	if n.kind == model.Timestamp && format != model.UnixTime {
		if c != '"' {
			return d.wrong(c, "a Timestamp")
		}
		s, err := d.text()
		if err != nil {
			return asMalformed(err)
		}
		t, ok := parseTime(string(s), format)
		if !ok {
			return malformed("%q is not a timestamp.", short(string(s)))
		}
		target(v).Set(reflect.ValueOf(t))
		return nil
	}
	what := map[model.Kind]string{model.Integer: "an Integer", model.Long: "a Long", model.Float: "a Double", model.Timestamp: "a Timestamp"}[n.kind]
	if c != '-' && (c < '0' || c > '9') {
		return d.wrong(c, what)
	}
	start := d.pos
	d.skip()
	text := string(d.data[start:d.pos])
	if !setText(n, v, text, model.UnixTime) {
		return malformed("%s can not be converted to %s", short(text), what)
	}
	return nil
}

func (d *jsonReader) list(n *node, v reflect.Value, depth int) *Malformed {
	if depth > maxDepth {
		return malformed("The request is nested too deeply.")
	}
	d.pos++
	list := reflect.New(n.typ).Elem()
	list.Set(reflect.MakeSlice(n.typ, 0, 4))
	for c := d.next(); c != ']'; c = d.next() {
		if c == 'n' {
			return malformed("A list must not contain null.")
		}
		list.Grow(1)
		list.SetLen(list.Len() + 1)
		if err := d.value(n.elem, list.Index(list.Len()-1), depth); err != nil {
			return err
		}
	}
	d.pos++
	v.Set(list)
	return nil
}

func (d *jsonReader) mapping(n *node, v reflect.Value, depth int) *Malformed {
	if depth > maxDepth {
		return malformed("The request is nested too deeply.")
	}
	d.pos++
	v.Set(reflect.MakeMap(n.typ))
	for d.next() != '}' {
		name, err := d.text()
		if err != nil {
			return asMalformed(err)
		}
		key := reflect.ValueOf(string(name))
		if d.next() == 'n' {
			d.skip()
			continue
		}
		elem := reflect.New(n.typ.Elem()).Elem()
		if err := d.value(n.elem, elem, depth); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
	}
	d.pos++
	return nil
}

// text reads a string. The result is only good until the next call.
func (d *jsonReader) text() ([]byte, error) {
	start := d.pos
	d.skip()
	raw := d.data[start:d.pos]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, malformed("A string in the request body is malformed.")
	}
	return []byte(s), nil
}

// skip passes over one value.
func (d *jsonReader) skip() {
	depth := 0
	for {
		switch c := d.next(); c {
		case '{', '[':
			depth++
			d.pos++
		case '}', ']':
			depth--
			d.pos++
		case '"':
			for d.pos++; d.data[d.pos] != '"'; d.pos++ {
				if d.data[d.pos] == '\\' {
					d.pos++
				}
			}
			d.pos++
		default:
			for d.pos < len(d.data) && !delimits(d.data[d.pos]) {
				d.pos++
			}
		}
		if depth == 0 {
			return
		}
	}
}

func delimits(c byte) bool {
	switch c {
	case ' ', '\n', '\t', '\r', ',', ':', ']', '}':
		return true
	}
	return false
}

func (d *jsonReader) wrong(c byte, want string) *Malformed {
	got := "NUMBER_VALUE"
	switch c {
	case '"':
		got = "STRING_VALUE"
	case '{':
		got = "START_OBJECT"
	case '[':
		got = "START_ARRAY"
	case 't':
		got = "TRUE_VALUE"
	case 'f':
		got = "FALSE_VALUE"
	}
	return malformed("%s can not be converted to %s", got, want)
}

func asMalformed(err error) *Malformed {
	m, _ := err.(*Malformed)
	return m
}

// short keeps what is echoed to a caller short.
func short(s string) string {
	const limit = 1024
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
