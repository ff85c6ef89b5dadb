package wire

import (
	"maps"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

// appendJSON writes a value.
func appendJSON(b []byte, n *node, v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch n.kind {
	case model.Structure:
		return append(appendJSONFields(append(b, '{'), n, v, nil), '}')
	case model.List:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, n.elem, v.Index(i))
		}
		return append(b, ']')
	case model.Map:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, key.String()), ':')
			b = appendJSON(b, n.elem, v.MapIndex(key))
		}
		return append(b, '}')
	case model.Document:
		if v.Len() == 0 {
			return append(b, "null"...)
		}
		return append(b, v.Bytes()...)
	case model.String:
		return appendJSONString(b, v.String())
	case model.Timestamp:
		t, format := v.Interface().(time.Time), timeFormat(n.shape, model.UnixTime)
		if format == model.UnixTime {
			return appendTime(b, t, format)
		}
		return append(appendTime(append(b, '"'), t, format), '"')
	case model.Blob:
		return append(appendText(append(b, '"'), n, v, model.DefaultTime), '"')
	default:
		return appendText(b, n, v, model.DefaultTime)
	}
}

// appendJSONFields writes the body members that are set, and empty lists for
// those in fill.
func appendJSONFields(b []byte, n *node, v reflect.Value, fill []bool) []byte {
	first := true
	for i := range n.fields {
		f := &n.fields[i]
		fv := v.Field(i)
		if f.member.In != model.InBody || fv.IsNil() && (fill == nil || !fill[i]) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendJSONString(b, f.member.WireName()), ':')
		b = appendJSON(b, f.node, fv)
	}
	return b
}

func appendJSONString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// AppendJSONValue writes strings, lists and maps of such values.
func AppendJSONValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendJSONString(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSONValue(b, item)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSONValue(append(appendJSONString(b, name), ':'), v[name])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}
