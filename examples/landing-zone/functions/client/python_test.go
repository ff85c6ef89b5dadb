package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
)

// TestTheArticlesOwnClients holds the Python functions to the words of this one.
func TestTheArticlesOwnClients(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	const program = `
from main import lambda_handler
try:
    print("null" if lambda_handler({}, None) is None else "something")
except Exception as error:
    print(type(error).__name__ + ":", error)
`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-requestid", "id")
		if r.Method != http.MethodGet || r.URL.Query().Get("q") != "mine" {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "AccessDeniedException")
			return
		}
		io.WriteString(w, `{"endpoint":"mine"}`)
	}))
	defer server.Close()
	for _, app := range []struct{ dir, variable string }{
		{"../../b-blue-service/blue_app", "BLUE_ENDPOINT"},
		{"../../c-green-service/green_app", "GREEN_ENDPOINT"},
	} {
		for query, want := range map[string]string{
			"mine":   "HTTP 200 OK\nx-amzn-requestid: id\n{\"endpoint\":\"mine\"}\nnull\n",
			"theirs": "HTTP 403 Forbidden\nx-amzn-requestid: id\nAccessDeniedException\nHTTPError: HTTP Error 403: Forbidden\n",
		} {
			command := exec.Command(python, "-B", "-c", program)
			command.Env = append(os.Environ(), "PYTHONPATH="+app.dir, "no_proxy=*", app.variable+"="+server.URL+"/?q="+query)
			var said bytes.Buffer
			command.Stderr = &said
			out, err := command.Output()
			if err != nil || string(out) != want {
				t.Errorf("%s, q=%s: %q, %v, %s; want %q", app.dir, query, out, err, said.String(), want)
			}
		}
	}
}
