package main

import (
	"fmt"
	"regexp"
	"strings"

	"trellis/internal/aws/model"
)

// match says how to test a pattern with Go's regexp, which has no lookaround,
// counts repetitions to 1000 only and writes code points differently. It is
// nil when the pattern can be used as it is.
func match(pattern string) (*model.Match, error) {
	if compiles(pattern) {
		return nil, nil
	}
	if m, ok := byHand()[pattern]; ok {
		return &m, nil
	}
	m := &model.Match{Must: respell(pattern)}
	for strings.HasPrefix(m.Must, "(?!") {
		end := closing(m.Must)
		if end < 0 {
			return nil, fmt.Errorf("unbalanced pattern %s", pattern)
		}
		m.Not = append(m.Not, "^(?:"+m.Must[3:end]+")")
		m.Must = m.Must[end+1:]
	}
	for _, p := range append([]string{m.Must}, m.Not...) {
		if !compiles(p) {
			return nil, fmt.Errorf("pattern %s needs a form without lookaround; add one by hand", pattern)
		}
	}
	return m, nil
}

func compiles(pattern string) bool {
	_, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil
}

// byHand holds patterns whose lookaround is not at the start.
func byHand() map[string]model.Match {
	return map[string]model.Match{
		`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: {
			Must: `[a-z0-9]([a-z0-9]|-){1,61}[a-z0-9]`, Not: []string{`--`}},
		`[0-9A-Za-z\.\-_]*(?<!\.)`: {
			Must: `[0-9A-Za-z\.\-_]*`, Not: []string{`\.$`}},
		`((?!^\d+$)^[0-9a-zA-Z-_]+$)`: {
			Must: `[0-9a-zA-Z-_]+`, Not: []string{`^\d+$`}},
	}
}

// respell rewrites code points and drops the upper bound of repetitions Go
// does not count to; the shape's own maximum holds there.
func respell(pattern string) string {
	pattern = regexp.MustCompile(`\{(\d{1,3}),\d{4,}\}`).ReplaceAllString(pattern, `{$1,}`)
	pattern = regexp.MustCompile(`\{\d{4,}(,\d*)?\}`).ReplaceAllString(pattern, `+`)
	pattern = regexp.MustCompile(`\\u(10[0-9A-F]{4}|[0-9A-Fa-f]{4})`).ReplaceAllString(pattern, `\x{$1}`)
	return strings.ReplaceAll(pattern, `\x{1000}0-`, `\x{10000}-`)
}

// closing is the index of the parenthesis that closes the one at the start.
func closing(s string) int {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
