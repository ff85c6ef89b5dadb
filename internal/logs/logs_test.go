package logs_test

import (
	"strings"
	"testing"

	"trellis/internal/logs"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "an ERROR here", true},
		{"ERROR", "an error here", false},
		{"ERROR here", "here is an ERROR", true},
		{"ERROR -here", "here is an ERROR", false},
		{"?ERROR ?WARN", "a WARN", true},
		{"?ERROR ?WARN", "an INFO", false},
		{`"an ERROR"`, "an ERROR", true},
		{`"ERROR an"`, "an ERROR", false},
		{`-"an ERROR"`, "an ERROR", false},
		{`"open`, "open", true},
	}
	for _, tt := range tests {
		if got := logs.Match(tt.pattern, tt.message); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.message, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(`?a -"b c" d`, "a d")
	f.Fuzz(func(t *testing.T, pattern, message string) {
		if strings.Trim(pattern, " \t\n") == "" && (!logs.Match(pattern, message) || logs.Structured(pattern)) {
			t.Errorf("the empty pattern %q does not match %q", pattern, message)
		}
		if logs.Match(pattern, message) && logs.Match("-"+pattern, message) && !strings.ContainsAny(pattern, " \t\n\"?-") && pattern != "" {
			t.Errorf("%q is and is not in %q", pattern, message)
		}
	})
}
