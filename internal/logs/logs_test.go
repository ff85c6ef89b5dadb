package logs_test

import (
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
	f.Fuzz(func(_ *testing.T, pattern, message string) {
		logs.Match(pattern, message)
		logs.Structured(pattern)
	})
}
