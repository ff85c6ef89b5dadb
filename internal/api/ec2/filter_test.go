package ec2

import (
	"regexp"
	"strings"
	"testing"
)

func TestWildcard(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "ab", false},
		{"?", "", false}, {"a?c", "abc", true}, {"**b", "aab", true}, {"*a*b*", "xaybz", true}, {`\*`, "*", true}, {`\*`, "a", false},
		{`a\?`, "a?", true}, {`a\?`, "ab", false}, {`\\`, `\`, true}, {"*ab", "aab", true}, {"a", "A", false},
	} {
		if got := wildcard(tc.pattern, tc.s); got != tc.want {
			t.Errorf("%q against %q: %t", tc.pattern, tc.s, got)
		}
	}
}

func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add(`\*x`, "*x")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 30 || len(s) > 60 || strings.HasSuffix(pattern, `\`) {
			return
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for i := 0; i < len(pattern); i++ {
			c := pattern[i]
			switch {
			case c == '*':
				re.WriteString(".*")
				continue
			case c == '?':
				re.WriteString(".")
				continue
			case c == '\\':
				i++
				c = pattern[i]
			}
			if c >= 0x80 {
				return
			}
			re.WriteString(regexp.QuoteMeta(string(rune(c))))
		}
		re.WriteString(`\z`)
		for i := range len(s) {
			if s[i] >= 0x80 {
				return
			}
		}
		if want := regexp.MustCompile(re.String()).MatchString(s); wildcard(pattern, s) != want {
			t.Errorf("%q against %q: %t, want %t", pattern, s, !want, want)
		}
	})
}
