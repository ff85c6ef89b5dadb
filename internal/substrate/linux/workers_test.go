package linux

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"trellis/internal/substrate"
)

// However much is done in however many namespaces, each thing is done in its own, by few threads, and none stays there.
func TestPrivilegedWorkers(t *testing.T) {
	h := newHost(t)
	all := make([]*Namespace, 40)
	where := make([]string, len(all))
	for i := range all {
		ns, err := h.newNamespace("vpc", substrate.KindInterface)
		if err != nil {
			t.Fatal(err)
		}
		defer ns.close()
		all[i] = ns
		if where[i], err = os.Readlink("/proc/self/fd/" + strconv.Itoa(int(ns.fd.Fd()))); err != nil {
			t.Fatal(err)
		}
	}
	here := func() string {
		s, err := os.Readlink("/proc/thread-self/ns/net")
		if err != nil {
			t.Error(err)
		}
		return s
	}
	outside := here()
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for i := range 4 * len(all) {
		wg.Go(func() {
			n := i % len(all)
			for range 50 {
				var got string
				if err := all[n].Do(func() error { got = here(); return nil }); err != nil || got != where[n] {
					wrong.Add(1)
				}
				if here() != outside {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := wrong.Load(); n != 0 {
		t.Errorf("%d things were done elsewhere", n)
	}
	if h.workers.threads > maxWorkers {
		t.Errorf("%d threads", h.workers.threads)
	}
	for _, w := range where {
		if in := inNamespace(t, w); len(in) != 0 {
			t.Errorf("still there: %v", in)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := all[0].Do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}
