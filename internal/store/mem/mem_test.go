package mem_test

import (
	"testing"

	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s := mem.New()
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
