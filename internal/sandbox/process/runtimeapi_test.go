//go:build linux

package process

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trellis/internal/sandbox"
)

func call(a *runtimeAPI, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:9001"+path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// take asks for the next event while the test hands one over.
func take(t *testing.T, a *runtimeAPI, e *event) *httptest.ResponseRecorder {
	t.Helper()
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- call(a, "GET", "/2018-06-01/runtime/invocation/next", "") }()
	<-a.ready
	a.events <- e
	return <-done
}

func TestRuntimeAPI(t *testing.T) {
	a := newRuntimeAPI(make(chan struct{}))
	deadline := time.UnixMilli(1234567890123)
	w := take(t, a, &event{requestID: "r1", invokedARN: "arn", traceID: "Root=1", clientContext: "{}", payload: []byte(`{"a":1}`), deadline: deadline})
	for name, want := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id": "r1", "Lambda-Runtime-Deadline-Ms": "1234567890123", "Lambda-Runtime-Invoked-Function-Arn": "arn",
		"Lambda-Runtime-Trace-Id": "Root=1", "Lambda-Runtime-Client-Context": "{}", "Content-Type": "application/json", "Content-Length": "7",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w.Code != 200 || w.Body.String() != `{"a":1}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if again := call(a, "GET", "/2018-06-01/runtime/invocation/next", ""); again.Header().Get("Lambda-Runtime-Aws-Request-Id") != "r1" {
		t.Errorf("asked again without an answer: %d %s", again.Code, again.Body)
	}
	for _, tc := range []struct {
		method, path string
		status       int
		say          string
	}{
		{"POST", "/2018-06-01/runtime/invocation/r2/response", 400, "InvalidRequestID"},
		{"POST", "/2018-06-01/runtime/invocation/r2/error", 400, "InvalidRequestID"},
		{"POST", "/2018-06-01/runtime/invocation/r1/response", 202, "OK"},
		{"POST", "/2018-06-01/runtime/invocation/r1/response", 403, "InvalidStateTransition"},
		{"POST", "/2018-06-01/runtime/invocation/r1/error", 403, "InvalidStateTransition"},
		{"GET", "/2018-06-01/runtime/invocation/r1/response", 404, "NotFound"},
		{"POST", "/2018-06-01/runtime/invocation/next", 404, "NotFound"},
		{"POST", "/2018-06-01/runtime/invocation/r1", 404, "NotFound"},
		{"GET", "/2020-01-01/extension/register", 404, "NotFound"},
		{"GET", "/", 404, "NotFound"},
		{"POST", "/2018-06-01/runtime/init/error", 202, "OK"},
		{"POST", "/2018-06-01/runtime/init/error", 403, "InvalidStateTransition"},
	} {
		if w := call(a, tc.method, tc.path, `"x"`); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.say) {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.path, w.Code, w.Body, tc.status, tc.say)
		}
	}
	if out := <-a.answers; string(out.payload) != `"x"` || out.functionError != "" {
		t.Errorf("%+v", out)
	}
}

func TestRuntimeAPIErrors(t *testing.T) {
	for _, tc := range []struct {
		name, action, body, header string
		functionError, errorType   string
		payload                    string
		status                     int
	}{
		{"a report", "error", `{"errorType":"ValueError","errorMessage":"m"}`, "", "Unhandled", "ValueError", `{"errorType":"ValueError","errorMessage":"m"}`, 202},
		{"type in the header", "error", `{"errorMessage":"m"}`, "Some.Type", "Unhandled", "Some.Type", `{"errorMessage":"m"}`, 202},
		{"handled", "error", `{"errorMessage":"m"}`, "Handled", "Handled", "Handled", `{"errorMessage":"m"}`, 202},
		{"another shape", "error", `"text"`, "T", "Unhandled", "T", `"text"`, 202},
		{"no JSON", "error", `oh no`, "T", "Unhandled", "T", `Runtime.Unknown`, 202},
		{"nothing", "error", ``, "", "Unhandled", "", `Runtime.Unknown`, 202},
		{"a response that is no JSON", "response", `oh`, "", "", "", `oh`, 202},
		{"too large", "response", strings.Repeat("x", sandbox.MaxPayload+1), "", "Unhandled", "Function.ResponseSizeTooLarge", "payload size", 413},
		{"as large as may be", "response", strings.Repeat("x", sandbox.MaxPayload), "", "", "", "xxx", 202},
	} {
		a := newRuntimeAPI(make(chan struct{}))
		take(t, a, &event{requestID: "r"})
		w := call(a, "POST", "/2018-06-01/runtime/invocation/r/"+tc.action, tc.body, "Lambda-Runtime-Function-Error-Type", tc.header)
		out := <-a.answers
		if w.Code != tc.status || out.functionError != tc.functionError || out.errorType != tc.errorType || !strings.Contains(string(out.payload), tc.payload) {
			t.Errorf("%s: %d %s %s %.100s", tc.name, w.Code, out.functionError, out.errorType, out.payload)
		}
	}
}

func TestRuntimeAPIEnds(t *testing.T) {
	gone := make(chan struct{})
	a := newRuntimeAPI(gone)
	done := make(chan int)
	go func() { done <- call(a, "GET", "/2018-06-01/runtime/invocation/next", "").Code }()
	<-a.ready
	close(gone)
	if code := <-done; code != http.StatusInternalServerError {
		t.Errorf("a call that waited when the instance ended: %d", code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest("GET", "/2018-06-01/runtime/invocation/next", nil).WithContext(ctx)
	cancel()
	newRuntimeAPI(make(chan struct{})).ServeHTTP(httptest.NewRecorder(), r)
}

// Whatever an instance sends, it gets one answer or none, its server has no more in memory than one body and the headers, and what is
// right is answered afterwards.
func TestHostileRuntime(t *testing.T) {
	a := newRuntimeAPI(make(chan struct{}))
	take(t, a, &event{requestID: "r", payload: []byte("{}")})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		a.ServeHTTP(w, r)
	}), log.New(io.Discard, "", 0))
	go func() { _ = server.Serve(newLimited(inner, maxConns)) }()
	t.Cleanup(func() { server.Close() })
	dial := func(raw ...string) net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		go func() {
			for _, part := range raw {
				_, _ = io.WriteString(c, part) // it may be closed on the way
			}
		}()
		return c
	}
	const host, response = "Host: localhost\r\n", "POST /2018-06-01/runtime/invocation/r/response HTTP/1.1\r\nHost: localhost\r\n"
	for name, c := range map[string]struct {
		raw  string
		want []int
	}{
		"two lengths":           {response + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", []int{400}},
		"a bad chunk":           {response + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", []int{400}},
		"a null byte":           {response + "a: \x00\r\n\r\n", []int{400}},
		"a long header":         {response + "a: " + strings.Repeat("a", 4*maxHeader), []int{431}},
		"no invocation":         {"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n" + host + "Content-Length: 99999999\r\n\r\n", []int{400}},
		"an event's escape":     {"POST /2018-06-01/runtime/invocation/..%2fr/response HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", []int{400, 404}},
		"another method":        {"DELETE /2018-06-01/runtime/invocation/next HTTP/1.1\r\n" + host + "\r\n", []int{404}},
		"authority form":        {"CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", []int{404}},
		"the preface of HTTP/2": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 404, 505}},
	} {
		res, err := http.ReadResponse(bufio.NewReader(dial(c.raw)), nil)
		if err != nil || !slices.Contains(c.want, res.StatusCode) {
			t.Errorf("%s: %v, %v, want %v", name, res, err, c.want)
		}
	}
	const many = maxConns - 16
	body := strings.Repeat("a", 1<<20)
	var before, with runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	asked.Store(0)
	var crowd []net.Conn
	for range many {
		crowd = append(crowd, dial(response+fmt.Sprintf("Content-Length: %d\r\n\r\n", sandbox.MaxPayload), body))
	}
	for asked.Load() < many {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // what could be read by now would be
	runtime.GC()
	runtime.ReadMemStats(&with)
	if grown := int64(with.HeapAlloc) - int64(before.HeapAlloc); grown > many*(maxHeader+32<<10)+3*sandbox.MaxPayload {
		t.Errorf("%d bodies that do not end take %d MiB", many, grown>>20)
	}
	for _, c := range crowd {
		c.Close()
	}
	res, err := http.ReadResponse(bufio.NewReader(dial(response+"Content-Length: 2\r\n\r\n{}")), nil)
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Errorf("what is right: %v, %v", res, err)
	}
}

func FuzzRuntimeAPI(f *testing.F) {
	f.Add("GET", "/2018-06-01/runtime/invocation/next", []byte(""), "")
	f.Add("POST", "/2018-06-01/runtime/invocation/r/response", []byte("{}"), "")
	f.Add("POST", "/2018-06-01/runtime/invocation/r/error", []byte(`{"errorType":1}`), "Handled")
	f.Add("POST", "/2018-06-01/runtime/init/error", []byte("\xff"), "\x7f")
	f.Fuzz(func(t *testing.T, method, path string, body []byte, errorType string) {
		gone := make(chan struct{})
		close(gone)
		a := newRuntimeAPI(gone)
		a.current = &event{requestID: "r", payload: []byte("{}")}
		r, err := http.NewRequest(method, "http://x", io.NopCloser(bytes.NewReader(body)))
		if err != nil {
			return
		}
		r.URL.Path = path
		r.Header.Set("Lambda-Runtime-Function-Error-Type", errorType)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 202 && (w.Code < 400 || w.Code > 413) {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
		answered := len(a.answers) == 1
		if answered != a.answered || answered && w.Code != 202 && w.Code != 413 {
			t.Errorf("%s %s: %d, answered %v", method, path, w.Code, answered)
		}
	})
}
