package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-requestid", "id")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, r.Method+" "+r.URL.RequestURI())
	}))
	defer server.Close()
	var out bytes.Buffer
	if err := run([]string{"-method", "POST", server.URL + "/?q=blue"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := `{"outcome":"answered","status":302,"body":"POST /?q=blue","request_id":"id"}` + "\n"; out.String() != want {
		t.Errorf("printed %s, want %s", out.String(), want)
	}
}

func TestNoAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for url, want := range map[string]string{
		"http://" + silent.Addr().String(): timedOut,
		"http://" + closed.Addr().String(): refused,
	} {
		var out bytes.Buffer
		if err := run([]string{"-timeout", "50ms", url}, &out); err != nil {
			t.Fatal(err)
		}
		var got result
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Outcome != want || got.Error == "" {
			t.Errorf("%s: %s, %v; want %s", url, out.String(), err, want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("dial: %w", err) }
	for _, test := range []struct {
		err  error
		want string
	}{
		{wrap(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), unreachable},
		{wrap(os.NewSyscallError("connect", syscall.ENETUNREACH)), unreachable},
		{wrap(os.NewSyscallError("connect", syscall.ECONNREFUSED)), refused},
		{wrap(os.NewSyscallError("connect", syscall.ETIMEDOUT)), timedOut},
		{wrap(context.DeadlineExceeded), timedOut},
		{wrap(&net.DNSError{IsNotFound: true}), unresolved},
		{errors.New("malformed response"), failed},
	} {
		if got := outcome(test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error)
	go func() { ended <- serve(ctx, "127.0.0.1:0", w) }()
	var said struct{ Listening string }
	if err := json.NewDecoder(r).Decode(&said); err != nil {
		t.Fatal(err)
	}
	got, err := ask(t.Context(), http.MethodGet, "http://"+said.Listening)
	if err != nil || got.Status != http.StatusOK || !strings.HasPrefix(got.Body, "hello, 127.0.0.1:") {
		t.Errorf("%+v, %v", got, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}} {
		if err := run(args, io.Discard); err == nil || err.Error() != usage {
			t.Errorf("%q: %v", args, err)
		}
	}
}
