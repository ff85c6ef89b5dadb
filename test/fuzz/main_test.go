package main

import "testing"

func TestOvertaken(t *testing.T) {
	progress := "fuzz: elapsed: 3s, execs: 176309 (0/sec), new interesting: 0 (total: 19)\n"
	for name, c := range map[string]struct {
		out  string
		want bool
	}{
		"the end of its time": {progress + "--- FAIL: FuzzResponse (3.10s)\n    context deadline exceeded\nFAIL\nexit status 1\n", true},
		"a failing input": {progress + "--- FAIL: FuzzResponse (3.10s)\n    --- FAIL: FuzzResponse (0.00s)\n        context deadline exceeded\n" +
			"    \n    Failing input written to testdata/fuzz/FuzzResponse/1\n", false},
		"a target that says so itself": {progress + "--- FAIL: FuzzResponse (3.10s)\n    context deadline exceeded\n    x_test.go:9: wrong\nFAIL\n", false},
		"a hanging input":              {progress + "--- FAIL: FuzzResponse (3.10s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n", false},
		"a seed":                       {"--- FAIL: FuzzResponse (0.10s)\n    --- FAIL: FuzzResponse/seed#0 (0.00s)\nFAIL\n", false},
		"a build":                      {"# trellis/internal/proxy/http1\nFAIL\ttrellis/internal/proxy/http1 [build failed]\n", false},
	} {
		if got := overtaken(c.out); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
