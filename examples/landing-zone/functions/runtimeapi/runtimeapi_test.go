package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve runs a function against a Runtime API that hands out the events and then ends, and answers what was posted.
func serve(t *testing.T, events []string, start func() (Handler, error)) (posts []string, err error) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, _ *http.Request) {
		if len(events) == 0 {
			http.Error(w, "no more", http.StatusGone)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
		io.WriteString(w, events[0])
		events = events[1:]
	})
	mux.HandleFunc("POST /2018-06-01/runtime/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posts = append(posts, strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	err = run(t.Context(), strings.TrimPrefix(server.URL, "http://"), start)
	return posts, err
}

func TestEventsAreAnsweredInTurn(t *testing.T) {
	handle := func(ctx context.Context, event json.RawMessage) (any, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		switch string(event) {
		case `"plain"`:
			return nil, errors.New("went wrong")
		case `"typed"`:
			return nil, Failure{"HTTPError", "HTTP Error 403: Forbidden"}
		}
		return map[string]any{"got": event}, nil
	}
	posts, err := serve(t, []string{`{"a":1}`, `"plain"`, `"typed"`}, func() (Handler, error) { return handle, nil })
	if err == nil || !strings.Contains(err.Error(), "410 Gone: no more") {
		t.Errorf("ended with %v", err)
	}
	want := []string{
		`invocation/id/response {"got":{"a":1}}`,
		`invocation/id/error {"errorMessage":"went wrong","errorType":"Error","stackTrace":[]}`,
		`invocation/id/error {"errorMessage":"HTTP Error 403: Forbidden","errorType":"HTTPError","stackTrace":[]}`,
	}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedStartIsReported(t *testing.T) {
	posts, err := serve(t, []string{"{}"}, func() (Handler, error) { return nil, errors.New("no layer") })
	if err == nil || err.Error() != "no layer" {
		t.Errorf("ended with %v", err)
	}
	want := []string{`init/error {"errorMessage":"no layer","errorType":"Error","stackTrace":[]}`}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutsideASandbox(t *testing.T) {
	if err := run(t.Context(), "", nil); err == nil || !strings.Contains(err.Error(), "AWS_LAMBDA_RUNTIME_API") {
		t.Errorf("error %v", err)
	}
}
