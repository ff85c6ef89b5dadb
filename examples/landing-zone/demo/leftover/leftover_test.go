package leftover

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

func TestProcesses(t *testing.T) {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Skip(err)
	}
	w := New(os.Getpid(), t.TempDir())
	w.Look()
	if seen, _ := w.Seen(); seen < 2 {
		t.Fatalf("saw %d processes, want this one and its child", seen)
	}
	name := "process " + strconv.Itoa(child.Process.Pid)
	if left := w.left(); !slices.Contains(left, name) {
		t.Errorf("%s runs, and left is %q", name, left)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It is gone even before anybody waits for it.
	for slices.Contains(w.left(), name) {
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}

func TestControlGroups(t *testing.T) {
	for _, test := range []struct {
		outer, inner string
		want         bool
	}{
		{"/a", "/a", true}, {"/a", "/a/b", true}, {"/", "/a", true}, {"/a", "/ab", false}, {"/a/b", "/a", false},
	} {
		if got := contains(test.outer, test.inner); got != test.want {
			t.Errorf("contains(%q, %q) = %v", test.outer, test.inner, got)
		}
	}
}
