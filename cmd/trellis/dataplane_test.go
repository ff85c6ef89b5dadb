package main

import "testing"

func TestShareOut(t *testing.T) {
	for _, test := range []struct {
		left                 uint64
		limited              bool
		instances, processes int
	}{
		{0, false, 1000, 1024}, {10_000_000, true, 1000, 1024}, {100_000, true, 73, 1024}, {8000, true, 64, 93}, {2048, true, 24, 64}, {100, true, 1, 64}, {0, true, 1, 64},
	} {
		instances, processes := shareOut(test.left, test.limited)
		if instances != test.instances || processes != test.processes {
			t.Errorf("%d: %d instances of %d, want %d of %d", test.left, instances, processes, test.instances, test.processes)
		}
	}
}
