//go:build linux

package process

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPrivilegedRootHeld takes a copy of a root of which somebody holds a file open for writing, as a process does that was forked
// while the file was written. The copy has to be there and read only.
func TestPrivilegedRootHeld(t *testing.T) {
	privileged(t)
	r, err := newRoots(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path, err := r.build(root{code: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var held *os.File
	if err := r.Do(func() error {
		held, err = os.OpenFile(filepath.Join(path, "etc/passwd"), os.O_WRONLY, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	copied, err := r.clone(path)
	if err != nil {
		t.Fatalf("copying while a file is held: %v", err)
	}
	defer copied.Close()
	for _, name := range []string{"etc/passwd", "new"} {
		fd, err := unix.Openat(int(copied.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
		if err == nil {
			unix.Close(fd)
		}
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("opening %s of the copy for writing: %v, want %v", name, err, unix.EROFS)
		}
	}
}
