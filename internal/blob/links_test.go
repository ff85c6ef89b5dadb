package blob

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// get asks for an address, and returns the status and the body, or the code of a refusal.
func get(t *testing.T, l *Links, method, target string, header ...string) (int, string) {
	t.Helper()
	r, w := httptest.NewRequest(method, target, nil), httptest.NewRecorder()
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if !l.Serve(w, r) {
		t.Fatalf("%s is nobody's", target)
	}
	if w.Code < 300 {
		return w.Code, w.Body.String()
	}
	var e linkError
	if err := xml.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Message == "" {
		t.Errorf("%s is refused with %q: %v", target, w.Body, err)
	}
	return w.Code, e.Code
}

func TestLinks(t *testing.T) {
	s, _ := open(t)
	now := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	l := NewLinks(s, func() time.Time { return now })
	archives := map[string]string{}
	for _, text := range []string{"one", "two"} {
		raw := archive(t, entry{name: "a", data: text})
		archives[put(t, s, raw)] = string(raw)
	}
	var digests []string
	for digest, raw := range archives {
		digests = append(digests, digest)
		path := l.Path(digest)
		if status, got := get(t, l, "GET", path); status != 200 || got != raw {
			t.Errorf("%s: %d, %d bytes of %d", path, status, len(got), len(raw))
		}
		if status, got := get(t, l, "HEAD", path); status != 200 || got != "" {
			t.Errorf("HEAD: %d %q", status, got)
		}
		if status, got := get(t, l, "GET", path, "Range", "bytes=2-5"); status != http.StatusPartialContent || got != raw[2:6] {
			t.Errorf("a range: %d %q", status, got)
		}
	}
	path := l.Path(digests[0])
	gone := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		method, target string
		status         int
		code           string
	}{
		"another archive":    {"GET", strings.Replace(path, digests[0], digests[1], 1), 403, "SignatureDoesNotMatch"},
		"a longer time":      {"GET", strings.Replace(path, "Expires=600", "Expires=6000", 1), 403, "SignatureDoesNotMatch"},
		"a later date":       {"GET", strings.Replace(path, "Date=2026", "Date=2027", 1), 403, "SignatureDoesNotMatch"},
		"no signature":       {"GET", path[:strings.Index(path, "&X-Amz-Signature")], 403, "SignatureDoesNotMatch"},
		"an empty signature": {"GET", path[:strings.Index(path, "Signature=")] + "Signature=", 403, "SignatureDoesNotMatch"},
		"no query":           {"GET", linkPath + digests[0], 403, "SignatureDoesNotMatch"},
		"a path":             {"GET", linkPath + "../../etcd/member", 403, "SignatureDoesNotMatch"},
		"nothing":            {"GET", linkPath, 403, "SignatureDoesNotMatch"},
		"another's key":      {"GET", NewLinks(s, l.now).Path(digests[0]), 403, "SignatureDoesNotMatch"},
		"an archive gone":    {"GET", l.Path(gone), 404, "NoSuchKey"},
		"not for writing":    {"PUT", path, 405, "MethodNotAllowed"},
	} {
		if status, code := get(t, l, c.method, c.target); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
		}
	}
	now = now.Add(linkTime)
	if status, _ := get(t, l, "GET", path); status != 403 {
		// The date has no fractions: what began in a second ends in one.
		t.Errorf("in the last second: %d", status)
	}
	now = now.Add(-time.Second)
	if status, _ := get(t, l, "GET", path); status != 200 {
		t.Errorf("before its end: %d", status)
	}
	now = now.Add(time.Second)
	if status, code := get(t, l, "GET", path); status != 403 || code != "AccessDenied" {
		t.Errorf("after its end: %d %s", status, code)
	}
	now = now.Add(-24 * time.Hour)
	if status, _ := get(t, l, "GET", path); status != 403 {
		t.Errorf("a day before: %d", status)
	}
	if l.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/2015-03-31/functions", nil)) {
		t.Error("a request for an API is answered")
	}
}
