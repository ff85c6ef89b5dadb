package admin

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"testing"
)

func TestPprof(t *testing.T) {
	h := New(nil, nil, nil, Info{}, nil, slog.New(slog.DiscardHandler)).Handler()
	gzip := []byte{0x1f, 0x8b}
	for _, test := range []struct {
		path   string
		status int
		begins []byte
	}{
		{"heap", 200, gzip}, {"allocs", 200, gzip}, {"profile?seconds=1", 200, gzip},
		{"goroutine?debug=1", 200, []byte("goroutine profile: ")}, {"trace?seconds=1", 200, []byte("go 1.")},
		{"nothing", 404, []byte("{")}, {"profile?seconds=0", 400, []byte("{")}, {"profile?seconds=x", 400, []byte("{")}, {"trace?seconds=301", 400, []byte("{")},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/"+test.path, nil))
		if body := w.Body.Bytes(); w.Code != test.status || !bytes.HasPrefix(body, test.begins) {
			t.Errorf("%s: %d %.40q, want %d %q", test.path, w.Code, body, test.status, test.begins)
		}
	}
}
