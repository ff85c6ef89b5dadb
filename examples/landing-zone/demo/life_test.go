package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// TestPrivilegedPythonPrograms takes the landing zone in Python through its life: up, again without a change, a tag more, another name
// and back, an import, the 17 requests, down, and nothing left.
func TestPrivilegedPythonPrograms(t *testing.T) {
	t.Parallel()
	const requirements = "../../pulumi-python/requirements.txt"
	environment(t, requirements)
	o := options{trellis: programs(t, "-python"), project: "..", requirements: requirements, runtime: "provided.al2023"}
	// As main does: the server ends with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"a second run without changes: 115 same\n", "\ndemo: 17 of 17 as expected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", &out)
	}
}
