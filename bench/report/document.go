package report

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"trellis/bench/process"
)

// Run is what a document tells of one run.
type Run struct {
	When    time.Time
	Version string
	Machine process.Machine
	Pinned  bool
	Quick   bool
	// Disturbed are the turns that were measured again.
	Disturbed Disturbed
	// Peers are the versions of what was compared with; Missing says what was not there, and why.
	Peers, Missing []string
	// Failed are the parts that could not be measured.
	Failed  []string
	Figures []Figure
	Took    time.Duration
}

// Marks between which a document holds what a run writes. The rest of it is written by people.
const (
	begin = "<!-- Written by make bench. -->"
	end   = "<!-- End of what make bench writes. -->"
)

// Markdown is the run as text.
func (r Run) Markdown() string {
	var b strings.Builder
	kind := "make bench"
	if r.Quick {
		kind += ", quick mode: too short to be trusted"
	}
	fmt.Fprintf(&b, "Measured on %s with %s, by `%s` in %s.\n\n", r.When.UTC().Format("2 January 2006"), r.Version, kind, r.Took.Round(time.Second))
	m := r.Machine
	fmt.Fprintf(&b, "- Machine: %s, %d cores, %.0f GiB; %s; %s.\n", m.Processor, m.Cores, float64(m.Memory)/(1<<30), m.System, m.Go)
	if m.Load >= 0.5 {
		fmt.Fprintf(&b, "- **The machine was not idle**: its load was %.1f when the run began. The figures are worth little.\n", m.Load)
	} else {
		fmt.Fprintf(&b, "- Its load was %.1f when the run began.\n", m.Load)
	}
	if r.Pinned {
		b.WriteString("- What is measured had one core to itself, clients and targets the other one, except where both are said to be used.\n")
	} else {
		b.WriteString("- **Nothing was kept to a core**: there is no taskset here, or one core only. Clients and targets took time from what was measured.\n")
	}
	if text := r.Disturbed.String(); text != "" {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "- Beside: %s.\n", p)
	}
	for _, p := range r.Missing {
		fmt.Fprintf(&b, "- Missing: %s.\n", p)
	}
	for _, p := range r.Failed {
		fmt.Fprintf(&b, "- **Not measured**: %s.\n", p)
	}
	b.WriteString("\n" + Table(r.Figures))
	b.WriteString("\n### What limits each figure\n\n")
	for _, f := range r.Figures {
		if f.Limit != "" {
			fmt.Fprintf(&b, "- %s, %s: %s\n", f.Group, f.Name, f.Limit)
		}
	}
	return b.String()
}

// Write puts the run in its place in the document.
func (r Run) Write(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s: %w", path, errors.New("the marks between which a run is written are not there"))
	}
	return os.WriteFile(path, []byte(before+begin+"\n\n"+r.Markdown()+"\n"+end+after), 0o644)
}
