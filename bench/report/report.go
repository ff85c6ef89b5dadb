// Package report makes one table of what was measured: medians, ratios to what they are compared with, and aims. It is
// pure but for the document it writes into.
package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Unit is what a figure is counted in. It says how it is printed and whether less of it is better.
type Unit struct {
	Name string
	More bool // more is better
}

// The units of the table.
var (
	Micros     = Unit{Name: "µs"}
	Millis     = Unit{Name: "ms"}
	Seconds    = Unit{Name: "s"}
	MiB        = Unit{Name: "MiB"}
	Each       = Unit{Name: ""}
	PerSecond  = Unit{Name: "/s", More: true}
	MiBASecond = Unit{Name: "MiB/s", More: true}
)

// Sample is a subject's values, one for each run.
type Sample struct {
	Subject string
	Values  []float64
}

// Median is the value that the table shows.
func (s Sample) Median() float64 {
	if len(s.Values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(s.Values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// spread is how far the middle half of the runs was from the median, at most, as a share of it.
func (s Sample) spread() float64 {
	m, n := s.Median(), len(s.Values)
	if m == 0 || n < 2 {
		return 0
	}
	v := slices.Sorted(slices.Values(s.Values))
	return max(v[n-1-n/4]-m, m-v[n/4]) / m
}

// Aim is what a figure should be: at most so much (or, of what is better the more there is, at least), or that times another subject's.
type Aim struct {
	Value float64
	Of    string
}

// Figure is one line.
type Figure struct {
	Group, Name string
	Unit        Unit
	Ours        Sample
	// Beside are other subjects; the first is the one that ratios are to.
	Beside []Sample
	Aim    *Aim
	// Limit says what keeps the figure from being better.
	Limit string
}

func (f Figure) beside(name string) (Sample, bool) {
	for _, s := range f.Beside {
		if s.Subject == name && len(s.Values) > 0 {
			return s, true
		}
	}
	return Sample{}, false
}

// Met says whether the aim is met; known is false where there is no aim or what it is relative to is missing.
func (f Figure) Met() (met, known bool) {
	if f.Aim == nil || len(f.Ours.Values) == 0 {
		return false, false
	}
	bound := f.Aim.Value
	if f.Aim.Of != "" {
		s, ok := f.beside(f.Aim.Of)
		if !ok {
			return false, false
		}
		bound *= s.Median()
	}
	if f.Unit.More {
		return f.Ours.Median() >= bound, true
	}
	return f.Ours.Median() <= bound, true
}

// Table is the figures of a run as Markdown.
func Table(figures []Figure) string {
	var b strings.Builder
	b.WriteString("| figure | Trellis | spread | ratio | beside | aim | |\n| --- | ---: | ---: | ---: | --- | --- | --- |\n")
	group := ""
	for _, f := range figures {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "| **%s** | | | | | | |\n", group)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Name, amount(f.Ours.Median(), f.Unit), share(f.Ours), f.ratio(), f.others(), f.aim(), f.verdict())
	}
	return b.String()
}

func share(s Sample) string {
	if len(s.Values) < 2 {
		return ""
	}
	return fmt.Sprintf("±%.0f %%", 100*s.spread())
}

func (f Figure) ratio() string {
	if len(f.Beside) == 0 || f.Beside[0].Median() == 0 {
		return ""
	}
	return fmt.Sprintf("%s × %s", number(f.Ours.Median()/f.Beside[0].Median()), f.Beside[0].Subject)
}

func (f Figure) others() string {
	var out []string
	for i, s := range f.Beside {
		text := s.Subject + " " + amount(s.Median(), f.Unit)
		if base := f.Beside[0].Median(); i > 0 && base != 0 {
			text += " (" + number(s.Median()/base) + " ×)"
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func (f Figure) aim() string {
	if f.Aim == nil {
		return ""
	}
	sign := "≤ "
	if f.Unit.More {
		sign = "≥ "
	}
	switch {
	case f.Aim.Of == "":
		return sign + amount(f.Aim.Value, f.Unit)
	case f.Aim.Value == 1:
		return sign + f.Aim.Of
	}
	return sign + number(f.Aim.Value) + " × " + f.Aim.Of
}

func (f Figure) verdict() string {
	switch met, known := f.Met(); {
	case f.Aim == nil:
		return ""
	case !known:
		return "nothing to compare with"
	case met:
		return "met"
	}
	return "**missed**"
}

func amount(v float64, u Unit) string {
	switch u.Name {
	case "":
		return number(v)
	case "/s":
		return number(v) + u.Name
	}
	return number(v) + " " + u.Name
}

// number prints three digits that matter, or all before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Line is a figure as one line of text.
func Line(f Figure) string {
	text := f.Group + ", " + f.Name + ": " + amount(f.Ours.Median(), f.Unit)
	if o := f.others(); o != "" {
		text += " (" + o + ")"
	}
	return text
}
