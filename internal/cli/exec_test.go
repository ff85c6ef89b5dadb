package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A server that refuses a program may be gone before the client has looked: its word counts, not that it is gone.
func TestExecHearsWhyItIsRefused(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, execSocket))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<16))
			_, _ = conn.Write([]byte(`{"error":"there is no such subnet"}` + "\n"))
			_ = conn.Close()
		}
	}()
	c := &client{dir: dir}
	for range 200 {
		err := c.run(t.Context(), map[string]any{"Args": []string{"true"}})
		if err == nil || !strings.Contains(err.Error(), "no such subnet") {
			t.Fatalf("refused with %v", err)
		}
	}
}
