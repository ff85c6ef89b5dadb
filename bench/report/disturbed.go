package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Disturbed counts turns, and by whom the ones were disturbed that were measured again for it.
type Disturbed struct {
	Turns  int
	Causes map[string]int
}

// By counts a turn that the thread so named disturbed.
func (d *Disturbed) By(name string) {
	if d.Causes == nil {
		d.Causes = map[string]int{}
	}
	d.Causes[name]++
}

// String is a sentence, or nothing where there were no turns.
func (d Disturbed) String() string {
	if d.Turns == 0 {
		return ""
	}
	again := 0
	var causes []string
	for _, name := range slices.SortedFunc(maps.Keys(d.Causes), func(a, b string) int { return cmp.Or(d.Causes[b]-d.Causes[a], cmp.Compare(a, b)) }) {
		again += d.Causes[name]
		causes = append(causes, fmt.Sprintf("%s (%d)", name, d.Causes[name]))
	}
	if again == 0 {
		return fmt.Sprintf("None of %d turns of the proxies was disturbed by another program.", d.Turns)
	}
	return fmt.Sprintf("Of %d turns of the proxies %d were measured again, as something else had a core for a millisecond or more at a time: %s.",
		d.Turns, again, strings.Join(causes, ", "))
}
