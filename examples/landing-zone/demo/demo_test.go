package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"landing-zone/demo/zone"

	"github.com/google/go-cmp/cmp"
)

func TestConclusion(t *testing.T) {
	good := zone.Row{From: "a", Request: "b", Expected: "403", Got: "403", Why: "c", AsExpected: true}
	bad := zone.Row{From: "a", Request: "b", Expected: "403", Got: "timeout"}
	for _, test := range []struct {
		results results
		last    string
		failed  bool
	}{
		{results{rows: []zone.Row{good, good}, up: 4100 * time.Millisecond, down: 2240 * time.Millisecond}, "demo: 2 of 2 as expected, up 4.1s, down 2.2s", false},
		{results{rows: []zone.Row{good, bad}}, "demo: 1 of 2 as expected, up 0.0s, down 0.0s", true},
		{results{rows: []zone.Row{good}, wrong: []string{"process 1"}}, "demo: 1 of 1 as expected, up 0.0s, down 0.0s", true},
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
		var rows []zone.Row
		if err := json.Unmarshal(data, &rows); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.results.rows, rows); diff != "" {
			t.Errorf("JSON (-rows +file):\n%s", diff)
		}
	}
}
