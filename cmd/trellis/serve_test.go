package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"trellis/internal/aws"
)

func TestEndpointOf(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:4566": "http://127.0.0.1:4566", "[::1]:1": "http://[::1]:1", "10.0.0.1:80": "http://10.0.0.1:80",
		"0.0.0.0:4566": "http://127.0.0.1:4566", "[::]:4566": "http://127.0.0.1:4566",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := endpointOf(tcp); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestFront(t *testing.T) {
	page := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	h := front((&aws.Config{}).AnswersFor, page(http.StatusForbidden), page(http.StatusNoContent))
	for _, test := range []struct {
		method, url, signature string
		want                   int
	}{
		{"GET", "http://localhost/health", "", 200},
		{"GET", "http://localhost/metrics", "", 204},
		{"GET", "http://web.example/health", "", 403},
		{"GET", "http://web.example/metrics", "", 403},
		{"GET", "http://localhost/health", "AWS4-HMAC-SHA256 …", 403},
		{"POST", "http://localhost/health", "", 403},
		{"GET", "http://localhost/services", "", 403},
	} {
		r := httptest.NewRequest(test.method, test.url, nil)
		if test.signature != "" {
			r.Header.Set("Authorization", test.signature)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s %s %s: %d, want %d", test.method, test.url, test.signature, w.Code, test.want)
		}
	}
}

func TestServeRefusesBadRegions(t *testing.T) {
	for _, region := range []string{"", "us east", "us-east-1\nendpoint_url=x", "US-EAST-1"} {
		var out bytes.Buffer
		whyNot := make(chan string, 1)
		whyNot <- "asked for"
		err := serve(context.Background(), options{data: t.TempDir(), listen: "127.0.0.1:0", region: region, controlPlaneOnly: true}, whyNot, &out, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "region") {
			t.Errorf("region %q: %v", region, err)
		}
	}
}
