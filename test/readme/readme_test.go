package readme

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

const sample = "# A title\n\n```sh\nmkdir one && cd one\n# a comment\necho a; echo b    # says b\n```\n\nText.\n\n```\nleft out\n```\n\n" +
	"```sh\n# Not run by the tests: no such tool\nno such tool\n```\n\n```sh\nbin/trellis serve --x y\n```\n\n```sh\necho $(basename $PWD) \\\n  again     # says … again\n```\n"

func TestParse(t *testing.T) {
	got, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{Line: 3, Commands: []Command{{4, "mkdir one && cd one", ""}, {6, "echo a; echo b", "b"}}},
		{Line: 15, NotRun: "no such tool", Commands: []Command{{17, "no such tool", ""}}},
		{Line: 20, Commands: []Command{{21, "bin/trellis serve --x y", ""}}},
		{Line: 24, Commands: []Command{{25, "echo $(basename $PWD) \\\nagain", "… again"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	for text, want := range map[string]string{
		"a\n\n    code\n": "line 3: code that is indented", "```sh\n": "has no end", "```sh\n```\n": "without a command",
		"```sh\na\n# Not run by the tests: b\n```\n": "line 3: what is not run is a block", "```sh\n```sh\n": "within another",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestReader(t *testing.T) {
	do := func(text string, instead map[string]string) (string, error) {
		t.Helper()
		blocks, err := Parse("```sh\n" + text + "\n```\n")
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		r := Reader{Root: t.TempDir(), Env: os.Environ(), Instead: instead, Log: func(format string, args ...any) { fmt.Fprintf(&log, format+"\n", args...) }}
		r.Serve = func(args []string) error { r.Log("serve %q", args); return nil }
		r.Done = func(command string) error { r.Log("done %s", command); return nil }
		err = r.Do(t.Context(), blocks)
		return log.String(), err
	}
	log, err := do("mkdir there && cd there && X=y\npwd    # says …/there\necho $X    # says y\ncat\nbin/trellis serve --a b\nbasename $PWD    # says 0…\necho $X.    # says .", nil)
	if err != nil || !strings.Contains(log, `serve ["--a" "b"]`) || !strings.Contains(log, "done cat\n") {
		t.Errorf("%v\n%s", err, log)
	}
	if _, err := do("install it    # says done", map[string]string{"install it": "echo done"}); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"echo so\nfalse && true":  "line 3: false && true: exit status 1",
		"echo so    # says other": "line 2: echo so: it does not say \"other\"",
		"exit 0":                  "the shell ended",
	} {
		if _, err := do(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := do("true", map[string]string{"false": "true"}); err == nil {
		t.Error("something stands in for a command that is not there")
	}
}
