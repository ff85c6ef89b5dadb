package zone

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// whyWidth is where the last column's lines break.
const whyWidth = 100

// Print prints the rows as one table.
func Print(out io.Writer, rows []Row) {
	lines := [][]string{{"FROM", "REQUEST", "EXPECTED", "GOT", "WHY"}}
	for _, r := range rows {
		got := r.Got
		if !r.AsExpected {
			got += "  <-- NOT AS EXPECTED"
		}
		for i, why := range broken(r.Why, whyWidth) {
			if i == 0 {
				lines = append(lines, []string{r.From, r.Request, r.Expected, got, why})
			} else {
				lines = append(lines, []string{"", "", "", "", why})
			}
		}
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(out)
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&text, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(out, strings.TrimRight(text.String(), " "))
	}
	fmt.Fprintln(out)
}

// broken is a text in lines of at most so many characters, as far as its words allow.
func broken(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
