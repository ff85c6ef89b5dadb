package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		want    row
	}{
		{false, 1, row{Expected: directory("blue"), Got: timeout, Why: "because"}},
		{true, 3, row{Expected: directory("blue"), Got: directory("blue"), Why: "because", AsExpected: true}},
	} {
		asked := 0
		request := ask(func(context.Context) (seen, error) { asked++; return seen{text: answers[asked-1]}, nil })
		r := row{Expected: directory("blue")}
		if tt.settles {
			request = settling(r.Expected, request)
		}
		err := r.fill(t.Context(), request, func(context.Context, seen) string { return "because" })
		if err != nil || asked != tt.asked || r != tt.want {
			t.Errorf("%+v after %d requests, %v", r, asked, err)
		}
	}
	r := row{Expected: timeout}
	if err := r.fill(t.Context(), func(context.Context) (seen, error) { return seen{}, errors.New("no such subnet") }, nil); err != nil ||
		r.AsExpected || !strings.Contains(r.Got, "no such subnet") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestConclusion(t *testing.T) {
	good := row{From: "a", Request: "b", Expected: "403", Got: "403", Why: "c", AsExpected: true}
	bad := row{From: "a", Request: "b", Expected: "403", Got: "timeout"}
	for _, test := range []struct {
		results results
		last    string
		failed  bool
	}{
		{results{rows: []row{good, good}, up: 4100 * time.Millisecond, down: 2240 * time.Millisecond}, "demo: 2 of 2 as expected, up 4.1s, down 2.2s", false},
		{results{rows: []row{good, bad}}, "demo: 1 of 2 as expected, up 0.0s, down 0.0s", true},
		{results{rows: []row{good}, wrong: []string{"process 1"}}, "demo: 1 of 1 as expected, up 0.0s, down 0.0s", true},
	} {
		var out bytes.Buffer
		file := filepath.Join(t.TempDir(), "rows.json")
		err := test.results.conclude(&out, file)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; last != test.last || (err != nil) != test.failed {
			t.Errorf("%q, %v; want %q", last, err, test.last)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rows []row
		if err := json.Unmarshal(data, &rows); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.results.rows, rows); diff != "" {
			t.Errorf("JSON (-rows +file):\n%s", diff)
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	printRows(&out, []row{
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
