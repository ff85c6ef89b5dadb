package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trellis/bench/process"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3},
	} {
		if got := (Sample{Values: tc.values}).Median(); got != tc.want {
			t.Errorf("the median of %v is %v, want %v", tc.values, got, tc.want)
		}
	}
}

func TestAims(t *testing.T) {
	one := func(subject string, v float64) Sample { return Sample{subject, []float64{v}} }
	for _, tc := range []struct {
		name       string
		figure     Figure
		met, known bool
	}{
		{"no aim", Figure{Unit: Micros, Ours: one("Trellis", 1)}, false, false},
		{"nothing measured", Figure{Unit: Micros, Aim: &Aim{Value: 1}}, false, false},
		{"met", Figure{Unit: Micros, Ours: one("Trellis", 99), Aim: &Aim{Value: 100}}, true, true},
		{"missed", Figure{Unit: Micros, Ours: one("Trellis", 101), Aim: &Aim{Value: 100}}, false, true},
		{"more is better", Figure{Unit: PerSecond, Ours: one("Trellis", 101), Aim: &Aim{Value: 100}}, true, true},
		{"relative", Figure{Unit: Micros, Ours: one("Trellis", 24), Beside: []Sample{one("relay", 20)}, Aim: &Aim{1.2, "relay"}}, true, true},
		{"relative, missed", Figure{Unit: Micros, Ours: one("Trellis", 25), Beside: []Sample{one("relay", 20)}, Aim: &Aim{1.2, "relay"}}, false, true},
		{"peer missing", Figure{Unit: Micros, Ours: one("Trellis", 25), Beside: []Sample{one("relay", 20)}, Aim: &Aim{1, "nginx"}}, false, false},
	} {
		if met, known := tc.figure.Met(); met != tc.met || known != tc.known {
			t.Errorf("%s: %v %v, want %v %v", tc.name, met, known, tc.met, tc.known)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([]Figure{
		{Group: "Proxy", Name: "CPU", Unit: Micros, Ours: Sample{"Trellis", []float64{24, 25, 26}}, Aim: &Aim{1.2, "relay"},
			Beside: []Sample{{"relay", []float64{20}}, {"nginx", []float64{30}}}},
		{Group: "Proxy", Name: "rate", Unit: PerSecond, Ours: Sample{"Trellis", []float64{41234}}},
		{Group: "API", Name: "start", Unit: Millis, Ours: Sample{"Trellis", []float64{50}}, Aim: &Aim{Value: 100}},
	})
	for _, want := range []string{
		"| **Proxy** | | | | | | |\n| CPU | 25.0 µs | ±4 % | 1.25 × relay | relay 20.0 µs; nginx 30.0 µs (1.50 ×) | ≤ 1.20 × relay | **missed** |\n",
		"| rate | 41234/s |  |  |  |  |  |\n| **API** |",
		"| start | 50.0 ms |  |  |  | ≤ 100 ms | met |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no\n%s in\n%s", want, got)
		}
	}
}

func TestWriteKeepsWhatPeopleWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("# Performance\n\n"+begin+"\nold\n"+end+"\n\n## By people\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Run{Version: "trellis v1", Machine: process.Machine{Cores: 2, Load: 3}, Figures: []Figure{{Group: "API", Name: "x", Limit: "the disk."}}}
	for range 2 {
		if err := r.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{"# Performance\n\n" + begin, end + "\n\n## By people\n", "trellis v1", "was not idle", "- API, x: the disk."} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is there %d times in\n%s", want, strings.Count(got, want), got)
		}
	}
	if strings.Contains(got, "old") {
		t.Errorf("the run before is still there:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(file); err == nil {
		t.Error("a document without marks was written to")
	}
}

func TestDisturbed(t *testing.T) {
	var d Disturbed
	if got := d.String(); got != "" {
		t.Errorf("%q without turns", got)
	}
	d.Turns = 9
	if got := d.String(); !strings.HasPrefix(got, "None of 9") {
		t.Error(got)
	}
	for _, name := range []string{"a", "b", "b"} {
		d.By(name)
	}
	if got := d.String(); !strings.Contains(got, "Of 9 turns of the proxies 3 were") || !strings.HasSuffix(got, ": b (2), a (1).") {
		t.Error(got)
	}
}
