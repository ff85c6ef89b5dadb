//go:build linux

package process

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"trellis/internal/sandbox"
)

// belongings counts what a process holds of the kernel: descriptors, and namespaces its threads are in.
func belongings(t *testing.T) (descriptors, namespaces int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	links, err := filepath.Glob("/proc/self/task/*/ns/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if target, err := os.Readlink(l); err == nil {
			seen[target] = true
		}
	}
	return len(fds), len(seen)
}

func TestPrivilegedLeftovers(t *testing.T) {
	privileged(t)
	round := func() {
		h := newHost(t, nil)
		f := h.function("left", nil)
		g := h.function("frozen", nil)
		broken := h.function("broken", func(f *sandbox.Function) { f.Code = h.put(zipped{"x": "y"}) })
		h.ready()
		before, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		h.get(g, ev{Do: "echo"})
		h.get(broken, ev{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				// Close ends it at work.
				h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(`{"Do":"sleep","N":60000}`)})
			})
		}
		eventually(t, "four instances at work", func() bool {
			h.m.mu.Lock()
			defer h.m.mu.Unlock()
			return h.m.busy[f.ARN] == 4 && h.m.starting == 0
		})
		var pids []int
		h.m.mu.Lock()
		for in := range h.m.all {
			pids = append(pids, in.process.Pid)
		}
		h.m.mu.Unlock()
		if err := h.m.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		for _, pid := range pids {
			if s := processState(pid); s != "gone" {
				t.Errorf("process %d is %s", pid, s)
			}
		}
		if after, _ := os.ReadFile("/proc/self/mountinfo"); string(after) != string(before) {
			t.Errorf("mounts were\n%s\nand are\n%s", before, after)
		}
		if _, err := h.m.Invoke(t.Context(), sandbox.Invocation{ARN: f.ARN}); err == nil {
			t.Error("a closed manager ran a function")
		}
	}
	// The first round makes what Go's runtime keeps.
	round()
	fds, namespaces := belongings(t)
	round()
	eventually(t, "no descriptor and no namespace more than before", func() bool {
		f, n := belongings(t)
		return f <= fds && n <= namespaces
	})
}
