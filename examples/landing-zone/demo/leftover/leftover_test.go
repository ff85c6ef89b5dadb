package leftover

import (
	"errors"
	"fmt"
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

func TestStrangers(t *testing.T) {
	other := exec.Command("sh", "-c", "read go; sleep 600 & echo $!; read end; kill $!")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	root, later := exec.Command("sleep", "600"), exec.Command("sleep", "600")
	for _, c := range []*exec.Cmd{other, root} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	w := New(root.Process.Pid, t.TempDir())
	if err := later.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fprintln(in); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	w.Look()
	for pid, want := range map[int]bool{other.Process.Pid: true, child: true, root.Process.Pid: false, later.Process.Pid: false} {
		if _, got := w.strangers[pid]; got != want {
			t.Errorf("process %d is a stranger: %v, want %v", pid, got, want)
		}
	}
	if err := errors.Join(root.Process.Kill(), later.Process.Kill(), in.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{other, root, later} {
		if err := c.Wait(); err == nil && c != other {
			t.Errorf("%s ended by itself", c)
		}
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
