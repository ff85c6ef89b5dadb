package journal

import (
	"bytes"
	"strconv"
	"strings"
)

// appendLine appends an event's line: its time, the time it was ingested, and its message, in which a backslash and a line's end
// are written as in Go.
func appendLine(dst []byte, e *Event) []byte {
	dst = append(strconv.AppendInt(dst, e.Time, 10), ' ')
	dst = append(strconv.AppendInt(dst, e.Ingested, 10), ' ')
	if strings.IndexByte(e.Message, '\\') < 0 && strings.IndexByte(e.Message, '\n') < 0 {
		return append(append(dst, e.Message...), '\n')
	}
	for i := range len(e.Message) {
		switch c := e.Message[i]; c {
		case '\\':
			dst = append(dst, `\\`...)
		case '\n':
			dst = append(dst, `\n`...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}

// parseLine reads a line without its end.
func parseLine(line []byte) (Event, bool) {
	when, rest, _ := bytes.Cut(line, []byte{' '})
	ingested, message, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return Event{}, false
	}
	t, err := strconv.ParseInt(string(when), 10, 64)
	if err != nil {
		return Event{}, false
	}
	i, err := strconv.ParseInt(string(ingested), 10, 64)
	if err != nil {
		return Event{}, false
	}
	return Event{t, i, parseMessage(message)}, true
}

func parseMessage(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' && i+1 < len(raw) {
			i++
			if c = raw[i]; c == 'n' {
				c = '\n'
			}
		}
		out = append(out, c)
	}
	return string(out)
}
