package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

// setText sets a scalar from its text form, as it travels in paths, query
// strings, headers and forms.
func setText(n *node, v reflect.Value, text string, format model.TimeFormat) bool {
	switch n.kind {
	case model.String:
		if !utf8.ValidString(text) {
			return false
		}
		target(v).SetString(text)
	case model.Boolean:
		switch strings.ToLower(text) {
		case "true":
			target(v).SetBool(true)
		case "false":
			target(v).SetBool(false)
		default:
			return false
		}
	case model.Integer, model.Long:
		i, ok := parseInteger(n.kind, text)
		if !ok {
			return false
		}
		target(v).SetInt(i)
	case model.Float:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
		target(v).SetFloat(f)
	case model.Timestamp:
		t, ok := parseTime(text, timeFormat(n.shape, format))
		if !ok {
			return false
		}
		target(v).Set(reflect.ValueOf(t))
	case model.Blob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return false
		}
		v.SetBytes(b)
	default:
		return false
	}
	return true
}

func parseInteger(kind model.Kind, text string) (int64, bool) {
	bits := 64
	if kind == model.Integer {
		bits = 32
	}
	i, err := strconv.ParseInt(text, 10, bits)
	if err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= math.Exp2(float64(bits-1)) {
		return 0, false
	}
	return int64(f), true
}

func timeFormat(s *model.Shape, fallback model.TimeFormat) model.TimeFormat {
	if s.Time != model.DefaultTime {
		return s.Time
	}
	return fallback
}

func parseTime(text string, format model.TimeFormat) (time.Time, bool) {
	switch format {
	case model.UnixTime:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(f) > 253402300799 { // the year 9999
			return time.Time{}, false
		}
		ms := math.Round(f * 1000)
		return time.UnixMilli(int64(ms)).UTC(), true
	case model.RFC822:
		t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text)
		return t, err == nil
	default:
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.UTC(), err == nil && t.Year() >= 0 && t.Year() <= 9999
	}
}

func appendTime(b []byte, t time.Time, format model.TimeFormat) []byte {
	t = t.UTC()
	switch format {
	case model.UnixTime:
		ms := t.UnixMilli()
		if ms%1000 == 0 {
			return strconv.AppendInt(b, ms/1000, 10)
		}
		return strconv.AppendFloat(b, float64(ms)/1000, 'f', -1, 64)
	case model.RFC822:
		return t.AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
	default:
		if t.Nanosecond() < int(time.Millisecond) {
			return t.AppendFormat(b, "2006-01-02T15:04:05Z")
		}
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
}

// appendText is the inverse of setText.
func appendText(b []byte, n *node, v reflect.Value, format model.TimeFormat) []byte {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch n.kind {
	case model.String:
		return append(b, v.String()...)
	case model.Boolean:
		return strconv.AppendBool(b, v.Bool())
	case model.Integer, model.Long:
		return strconv.AppendInt(b, v.Int(), 10)
	case model.Float:
		return strconv.AppendFloat(b, v.Float(), 'f', -1, 64)
	case model.Timestamp:
		return appendTime(b, v.Interface().(time.Time), timeFormat(n.shape, format))
	case model.Blob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	}
	return b
}
