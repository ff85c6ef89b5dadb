package cli

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, test := range []struct{ line, want string }{
		{"bogus", "unknown command"},
		{"accounts", "accounts create"},
		{"accounts bogus", "unknown command"},
		{"accounts create", "accepts 1 arg"},
		{"accounts create a b", "accepts 1 arg"},
		{"accounts list extra", "unknown command"},
		{"status --bogus", "unknown flag"},
		{"exec", "requires at least 1 arg"},
		{"exec -- true", "--vpc or --subnet"},
		{"why", "request id"},
		{"why id --to a:80", "request id"},
		{"why --to a:80", "--subnet or --vpc"},
		{"status --data " + nowhere, "no server is running with the data directory " + nowhere},
		{"exec --vpc v --data " + nowhere + " -- true", "no server is running"},
	} {
		root := Root("test")
		root.SetArgs(strings.Fields(test.line))
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("trellis %s: %v, want %q", test.line, err, test.want)
		}
	}
}
