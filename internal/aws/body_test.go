package aws

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/caller"
	"trellis/internal/fault"
)

// What long bodies take before somebody has vouched for them is bounded, and given back.
func TestLongBodies(t *testing.T) {
	h := &Handler{}
	read := func(body io.Reader) ([]byte, int64, error) {
		c := &call{h: h, r: httptest.NewRequest(http.MethodPost, "/", body)}
		return c.longBody(codeBodyLimit)
	}
	text := strings.Repeat("abc", 1<<20)
	body, held, err := read(strings.NewReader(text))
	if err != nil || string(body) != text || held == 0 || held > int64(2*len(text)) || h.strangers.Load() != held {
		t.Errorf("%d bytes, %d held, %v", len(body), held, err)
	}
	h.strangers.Store(strangersLimit - 2<<20)
	if _, held, err = read(strings.NewReader(text)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("beyond the limit: %v", err)
	}
	if h.strangers.Add(-held) != strangersLimit-2<<20 {
		t.Errorf("%d are held for nobody", h.strangers.Load())
	}
	if body, _, err := read(strings.NewReader("short")); err != nil || string(body) != "short" {
		t.Errorf("a short body: %q, %v", body, err)
	}
}

// everyone is an account for every key.
type everyone struct{}

func (everyone) Lookup(context.Context, string, string) (string, caller.Caller, error) {
	return "secret", caller.Caller{Account: "111111111111"}, nil
}

func TestLongBodiesAreGivenBack(t *testing.T) {
	h, err := New(Config{Services: []Service{{Model: lambda.Model}}, Credentials: everyone{}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	for _, size := range []int{3 << 20, codeBodyLimit + 1} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/2015-03-31/functions/f/invocations", io.LimitReader(zeros{}, int64(size)))
		r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
		r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKID/%s/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=%064d", now.Format("20060102"), 0))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if want := map[bool]int{false: http.StatusForbidden, true: http.StatusRequestEntityTooLarge}[size > codeBodyLimit]; w.Code != want {
			t.Errorf("%d bytes: %d %s, want %d", size, w.Code, w.Body, want)
		}
		if n := h.strangers.Load(); n != 0 {
			t.Errorf("after %d bytes, %d are held", size, n)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
