package ordered_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trellis/internal/ordered"
)

type part struct{ id string }

func id(p *part) string { return p.id }

// Whatever is put into a list and taken from it, it holds what a map would, in order, and Diff tells exactly what changed.
func TestWithAndDiff(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var list []*part
	held := map[string]*part{}
	for range 500 {
		parts := map[string]*part{}
		for range r.IntN(5) {
			k := fmt.Sprintf("p-%02d", r.IntN(30))
			parts[k] = nil
			if r.IntN(3) > 0 {
				parts[k] = &part{k}
			}
		}
		want := map[string][2]*part{}
		for k, p := range parts {
			if held[k] != nil || p != nil {
				want[k] = [2]*part{held[k], p}
			}
			if held[k] = p; p == nil {
				delete(held, k)
			}
		}
		before := slices.Clone(list)
		next := ordered.With(list, id, parts)
		if !slices.Equal(before, list) {
			t.Fatal("the list that was changed from is not what it was")
		}
		for b, a := range ordered.Diff(list, next, id) {
			k := ""
			if b != nil {
				k = b.id
			} else {
				k = a.id
			}
			if want[k] != [2]*part{b, a} {
				t.Fatalf("%s: from %v to %v, want %v", k, b, a, want[k])
			}
			delete(want, k)
		}
		if len(want) > 0 {
			t.Fatalf("not told of: %v", want)
		}
		list = next
		if len(list) != len(held) || !slices.IsSortedFunc(list, func(a, b *part) int { return strings.Compare(a.id, b.id) }) {
			t.Fatalf("%d parts of %d, or not in order", len(list), len(held))
		}
		for k, p := range held {
			if ordered.Find(list, id, k) != p {
				t.Fatalf("%s is not found", k)
			}
		}
		if ordered.Find(list, id, "p-0") != nil {
			t.Fatal("what is not there is found")
		}
	}
}
