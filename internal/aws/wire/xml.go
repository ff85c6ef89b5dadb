package wire

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

// appendXML writes one element.
func appendXML(b []byte, name string, n *node, v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	b = append(append(append(b, '<'), name...), '>')
	switch n.kind {
	case model.Structure:
		b = appendXMLFields(b, n, v, nil)
	case model.List:
		item := n.shape.Wire
		if item == "" {
			item = "member"
		}
		for i := range v.Len() {
			b = appendXML(b, item, n.elem, v.Index(i))
		}
	case model.Map:
		for _, key := range sortedKeys(v) {
			b = appendXML(append(b, "<entry>"...), "key", n.key, key)
			b = append(appendXML(b, "value", n.elem, v.MapIndex(key)), "</entry>"...)
		}
	case model.String:
		b = AppendXMLText(b, v.String())
	default:
		b = appendText(b, n, v, model.ISO8601)
	}
	return append(append(append(b, "</"...), name...), '>')
}

func appendXMLFields(b []byte, n *node, v reflect.Value, fill []bool) []byte {
	for i := range n.fields {
		fv := v.Field(i)
		if fv.IsNil() && (fill == nil || !fill[i]) {
			continue
		}
		b = appendXML(b, n.fields[i].member.WireName(), n.fields[i].node, fv)
	}
	return b
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// AppendXMLText writes character data; what XML cannot hold becomes U+FFFD.
func AppendXMLText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r':
			b = append(b, "&#xD;"...)
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			b = append(b, "\ufffd"...)
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}
