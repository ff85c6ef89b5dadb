//go:build linux

package process

import (
	"context"
	"os"
	"testing"
	"time"

	"trellis/internal/sandbox"
)

func benchHost(b *testing.B) (*host, *sandbox.Function) {
	if os.Geteuid() != 0 {
		b.Skip("neither root nor allowed to make a user namespace")
	}
	h := newHost(b, nil)
	f := h.function("bench", nil)
	h.ready()
	return h, f
}

func BenchmarkColdStart(b *testing.B) {
	h, f := benchHost(b)
	for b.Loop() {
		if got := h.get(f, ev{Do: "echo", Text: "x"}); got != "x" {
			b.Fatal(got)
		}
		b.StopTimer()
		h.m.mu.Lock()
		for in := range h.m.all {
			h.m.mu.Unlock()
			in.kill()
			<-in.cleared
			h.m.mu.Lock()
		}
		h.m.mu.Unlock()
		b.StartTimer()
	}
}

func BenchmarkWarm(b *testing.B) {
	h, f := benchHost(b)
	for b.Loop() {
		if _, err := h.m.Invoke(b.Context(), sandbox.Invocation{ARN: f.ARN, Payload: []byte(`{"Do":"echo"}`)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThaw(b *testing.B) {
	h, f := benchHost(b)
	h.m.opts.FreezeAfter = time.Microsecond
	for b.Loop() {
		h.get(f, ev{Do: "echo", Text: "x"})
		b.StopTimer()
		eventually(b, "frozen", func() bool {
			h.m.mu.Lock()
			defer h.m.mu.Unlock()
			for in := range h.m.all {
				return in.frozen
			}
			return false
		})
		b.StartTimer()
	}
}

func BenchmarkApply(b *testing.B) {
	h, _ := benchHost(b)
	for b.Loop() {
		h.m.Apply(context.Background(), nil)
		h.ready()
	}
}
