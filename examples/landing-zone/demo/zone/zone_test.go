package zone

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, log, payload string
		failed             bool
		want               seen
	}{
		{"an answer", "START RequestId: 1 Version: $LATEST\nHTTP 200 OK\nx-amzn-requestid: id\n{\"endpoint\":\"blue\"}\nEND RequestId: 1\n", "null", false,
			seen{directory("blue"), "id"}},
		{"a refusal", "HTTP 403 Forbidden\nx-amzn-requestid: id\nAccessDeniedException\n", `{"errorMessage":"HTTP Error 403: Forbidden","errorType":"HTTPError"}`, true,
			seen{denied, "id"}},
		{"no answer", "START\nEND\n", `{"errorMessage":"<urlopen error timed out>","errorType":"URLError"}`, true, seen{timeout, ""}},
		{"Lambda's own patience", "", `{"errorMessage":"2023-04-14T00:00:00Z id Task timed out after 3.00 seconds"}`, true, seen{timeout, ""}},
		{"another failure", "", `{"errorMessage":"<urlopen error connection refused>"}`, true, seen{"<urlopen error connection refused>", ""}},
	} {
		got, err := read([]byte(test.log), test.failed, []byte(test.payload))
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", test.name, got, err, test.want)
		}
	}
	if _, err := read([]byte("START\nEND\n"), false, []byte("null")); err == nil {
		t.Error("a function that logged no answer is no error")
	}
}

func TestARowIsAskedOnceUnlessItSettles(t *testing.T) {
	answers := []string{timeout, denied, directory("blue")}
	for _, tt := range []struct {
		settles bool
		asked   int
		want    Row
	}{
		{false, 1, Row{Expected: directory("blue"), Got: timeout, Why: "because"}},
		{true, 3, Row{Expected: directory("blue"), Got: directory("blue"), Why: "because", AsExpected: true}},
	} {
		asked := 0
		request := ask(func(context.Context) (seen, error) { asked++; return seen{text: answers[asked-1]}, nil })
		r := Row{Expected: directory("blue")}
		if tt.settles {
			request = settling(r.Expected, request)
		}
		err := r.fill(t.Context(), request, func(context.Context, seen) string { return "because" })
		if err != nil || asked != tt.asked || r != tt.want {
			t.Errorf("%+v after %d requests, %v", r, asked, err)
		}
	}
	r := Row{Expected: timeout}
	if err := r.fill(t.Context(), func(context.Context) (seen, error) { return seen{}, errors.New("no such subnet") }, nil); err != nil ||
		r.AsExpected || !strings.Contains(r.Got, "no such subnet") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	Print(&out, []Row{
		{From: "Blue", Request: "GET", Expected: "403", Got: "403", Why: strings.Repeat("because ", 13), AsExpected: true},
		{From: "G", Request: "GET", Expected: "200", Got: "403"},
	})
	want := `
FROM  REQUEST  EXPECTED  GOT                       WHY
Blue  GET      403       403                       ` + strings.Repeat("because ", 11) + `because
` + strings.Repeat(" ", 51) + `because
G     GET      200       403  <-- NOT AS EXPECTED

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
