package sdk

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// closedBody ends as the SDK's body does once the answer has begun.
type closedBody struct{ io.Reader }

func (closedBody) Close() error                     { return nil }
func (closedBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func TestHTTPReadsTheWholeAnswer(t *testing.T) {
	answer := strings.Repeat("x", 1<<20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	defer srv.Close()
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, closedBody{strings.NewReader("Action=x")})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 8
		res, err := HTTP(time.Minute).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != answer {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		_ = res.Body.Close()
	}
}
