package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"landing-zone/functions/runtimeapi"
)

func TestWhatItGets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-requestid", "id")
		if r.URL.Query().Get("q") != "blue" {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "AccessDeniedException")
			return
		}
		io.WriteString(w, `{"endpoint":"blue"}`)
	}))
	defer server.Close()
	for _, test := range []struct {
		query, log string
		failure    runtimeapi.Failure
	}{
		{"blue", "HTTP 200 OK\nx-amzn-requestid: id\n{\"endpoint\":\"blue\"}\n", runtimeapi.Failure{}},
		{"green", "HTTP 403 Forbidden\nx-amzn-requestid: id\nAccessDeniedException\n",
			runtimeapi.Failure{Type: "HTTPError", Message: "HTTP Error 403: Forbidden"}},
	} {
		var log bytes.Buffer
		answer, err := asker{server.URL + "/?q=" + test.query, patience, &log}.handle(t.Context(), nil)
		var failure runtimeapi.Failure
		if err != nil && !errors.As(err, &failure) {
			t.Fatal(err)
		}
		if answer != nil || failure != test.failure || log.String() != test.log {
			t.Errorf("q=%s: answer %v, failure %+v, log %q", test.query, answer, failure, log.String())
		}
	}
}

func TestNoAnswerIsATimeout(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, err = asker{"http://" + silent.Addr().String(), 50 * time.Millisecond, io.Discard}.handle(t.Context(), nil)
	if want := (runtimeapi.Failure{Type: "URLError", Message: "<urlopen error timed out>"}); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}
