package proxy

import (
	"strings"
	"testing"
)

// FuzzReply holds that nothing that a function answers makes a header of its own: a name is one word, a value one line, and the status
// is one that ends a response.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"statusDescription":"200 OK","headers":{"a":"b","n":1,"t":true,"z":null},"body":"x"}`), false)
	f.Add([]byte(`{"statusCode":"404","multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"isBase64Encoded":true,"body":"AAEC"}`), true)
	f.Add([]byte(`{"statusCode":200,"statusDescription":"200 a\r\nb: c","headers":{"a\r\nb":"c"}}`), false)
	f.Add([]byte(`{"statusCode":204,"headers":{"content-length":"5","Transfer-Encoding":"chunked","connection":"close"},"body":"hello"}`), false)
	f.Add([]byte(`{"statusCode":101,"headers":{"a":["b"]}}`), true)
	f.Fuzz(func(t *testing.T, raw []byte, multiValue bool) {
		r, err := ParseReply(raw, multiValue)
		if err != nil {
			return
		}
		if r.Response.Status < 200 || r.Response.Status > 599 || strings.ContainsAny(r.Response.Reason, "\r\n\x00") {
			t.Errorf("status %d %q", r.Response.Status, r.Response.Reason)
		}
		for _, field := range r.Response.Fields {
			if field.Name == "" || strings.ContainsAny(field.Name, "\r\n\x00: \t") || strings.ContainsAny(field.Value, "\r\n\x00") {
				t.Errorf("header %q: %q", field.Name, field.Value)
			}
			switch name := strings.ToLower(field.Name); name {
			case "content-length", "transfer-encoding", "connection":
				if !field.Hop {
					t.Errorf("%s of a function is passed on", name)
				}
			}
		}
	})
}
