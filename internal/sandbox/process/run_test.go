//go:build linux

package process

import (
	"testing"
)

func TestPrivilegedFirst(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f := h.function("first", nil)
	h.ready()
	for range 3 {
		res := h.invoke(f, ev{Do: "self"})
		t.Logf("%s %s\n%s", res.Payload, res.FunctionError, res.LogTail)
	}
}
