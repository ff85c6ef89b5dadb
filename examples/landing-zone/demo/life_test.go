package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// TestPrivilegedGoPrograms takes the landing zone in Go through its life: up, again without a change, a tag more, another name and
// back, what another hand changed put right, an import, the 17 requests, down, and nothing left. Before each run every resource is read.
//
// It is not parallel: what it looks for when all is down are namespaces by their numbers, which the kernel gives anew, to another
// test's server too.
func TestPrivilegedGoPrograms(t *testing.T) {
	live(t, options{trellis: programs(t)})
}

// TestPrivilegedPythonPrograms does so with the one in Python.
func TestPrivilegedPythonPrograms(t *testing.T) {
	const requirements = "../../pulumi-python/requirements.txt"
	environment(t, requirements)
	live(t, options{trellis: programs(t, "-python"), requirements: requirements})
}

func live(t *testing.T, o options) {
	t.Helper()
	o.project, o.runtime, o.life = "..", "provided.al2023", true
	// As main does: the server ends with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	if err := o.run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"\na second run without changes: 115 read, 115 same\n", "\na tag more, in place: 115 read, 46 same, 69 update\n",
		"\nwhat another hand changed, put right: 1 create, 1 differs, 1 gone, 113 read, 113 same, 1 update\n",
		"\na run after all that: 115 read, 115 same\n", "\ndemo: 17 of 17 as expected",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", &out)
	}
}
