package headroom

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trellis/internal/fault"
)

func TestRoom(t *testing.T) {
	for _, test := range []struct {
		name                              string
		open, busy                        uint64
		workloads, networks, calls, names string
	}{
		{"little", 100, 100, "", "", "", ""},
		{"three quarters", 750, 750, "", "", "", ""},
		{"files for networks", 751, 10, "files", "", "", "LimitNOFILE"},
		{"files for calls", 876, 10, "files", "files", "", "LimitNOFILE"},
		{"no files", 1000, 10, "files", "files", "files", "LimitNOFILE"},
		{"threads for networks", 10, 751, "threads", "", "", "TasksMax"},
		{"no threads", 10, 939, "threads", "threads", "threads", "TasksMax"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := New()
			g.files.Store(1000)
			g.threads = 1000
			for reserve, want := range map[Reserve]string{ForWorkloads: test.workloads, ForNetworks: test.networks, ForCalls: test.calls} {
				// The count is still fresh.
				g.counted.Store(1 << 60)
				g.openFiles.Store(test.open)
				g.busy.Store(test.busy)
				err := g.Room(reserve)
				var f *fault.Error
				if want == "" && err == nil {
					continue
				}
				if want == "" || !errors.As(err, &f) || f.Kind != fault.Unavailable || !strings.Contains(f.Message, want) || !strings.Contains(f.Message, test.names) {
					t.Errorf("one in %d: %v, want %q", reserve, err, want)
				}
			}
		})
	}
}

// What the server has started counts as well, but of a large limit no large part has to be free.
func TestRoomForTasks(t *testing.T) {
	for _, test := range []struct {
		tasks, limit               uint64
		workloads, networks, calls bool
	}{
		{0, 0, true, true, true}, {150, 200, true, true, true}, {151, 200, false, true, true}, {176, 200, false, false, true}, {189, 200, false, false, false},
		{250, 200, false, false, false}, {9_900, 10_000, true, true, true}, {9_937, 10_000, false, true, true}, {9_985, 10_000, false, false, false},
	} {
		g := New()
		g.counted.Store(1 << 60)
		g.files.Store(1000)
		g.tasks.Store(test.tasks)
		g.maxTasks.Store(test.limit)
		for reserve, want := range map[Reserve]bool{ForWorkloads: test.workloads, ForNetworks: test.networks, ForCalls: test.calls} {
			if err := g.Threads(reserve); (err == nil) != want {
				t.Errorf("%d of %d, one in %d: %v", test.tasks, test.limit, reserve, err)
			}
		}
	}
}

func TestRoomCounts(t *testing.T) {
	g := New()
	if err := g.Room(ForWorkloads); err != nil {
		t.Error(err)
	}
	before := openFiles()
	var files []*os.File
	for range 50 {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	if n := openFiles(); n < before+uint64(len(files)) {
		t.Errorf("%d open, %d before %d more", n, before, len(files))
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: before + 50, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	g.counted.Store(0)
	if err := g.Room(ForCalls); err == nil {
		t.Error("there is room at the limit")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	g.counted.Store(0)
	if err := g.Room(ForCalls); err != nil {
		t.Error(err)
	}
}

func TestInCgroups(t *testing.T) {
	for _, test := range []struct {
		name, own string
		files     map[string]string
		left      uint64
		found     bool
	}{
		{"none", "", nil, 0, false},
		{"no limit", "0::/a\n", map[string]string{"a/pids.max": "max", "a/pids.current": "3"}, 0, false},
		{"its own", "0::/a/b\n", map[string]string{"a/b/pids.max": "100\n", "a/b/pids.current": "30\n", "a/pids.max": "max", "a/pids.current": "40"}, 70, true},
		{"one above", "0::/a/b\n", map[string]string{"a/b/pids.max": "100", "a/b/pids.current": "30", "a/pids.max": "50", "a/pids.current": "40"}, 10, true},
		{"the root's", "0::/\n", map[string]string{"pids.max": "7", "pids.current": "3"}, 4, true},
		{"exceeded", "0::/a\n", map[string]string{"a/pids.max": "7", "a/pids.current": "9"}, 0, true},
		{"version one", "3:cpu:/x\n8:pids:/a\n0::/\n", map[string]string{"pids/a/pids.max": "9", "pids/a/pids.current": "4"}, 5, true},
		{"junk", "8:pids\nx\n0::/a\n", map[string]string{"a/pids.max": "-1", "a/pids.current": "4"}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			own := filepath.Join(dir, "own")
			if err := os.WriteFile(own, []byte(test.own), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, text := range test.files {
				file := filepath.Join(dir, "root", name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if least, found := inCgroups(own, filepath.Join(dir, "root")); least.left() != test.left || found != test.found {
				t.Errorf("%+v, %v, want %d left, %v", least, found, test.left, test.found)
			}
		})
	}
}
