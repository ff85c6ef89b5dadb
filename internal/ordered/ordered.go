// Package ordered compares what is wanted with what was wanted before, part by part: lists of parts in the order of their
// keys, in which a part that did not change is the same pointer. It keeps nothing.
package ordered

import (
	"iter"
	"slices"
	"strings"
)

// Diff yields the parts in which two lists differ, in the order of their keys: before is nil for a part that came, after for
// one that went. Both lists must be in the order of their keys, each key there once. Where nothing changed the cost is a
// comparison of pointers for each part.
func Diff[T any](before, after []*T, key func(*T) string) iter.Seq2[*T, *T] {
	return func(yield func(before, after *T) bool) {
		for len(before) > 0 || len(after) > 0 {
			if len(before) > 0 && len(after) > 0 && before[0] == after[0] {
				before, after = before[1:], after[1:]
				continue
			}
			order := 0
			switch {
			case len(before) == 0:
				order = 1
			case len(after) == 0:
				order = -1
			default:
				order = strings.Compare(key(before[0]), key(after[0]))
			}
			var b, a *T
			if order <= 0 {
				b, before = before[0], before[1:]
			}
			if order >= 0 {
				a, after = after[0], after[1:]
			}
			if !yield(b, a) {
				return
			}
		}
	}
}

// Find returns the part with the key, nil if there is none.
func Find[T any](list []*T, key func(*T) string, k string) *T {
	if i, ok := search(list, key, k); ok {
		return list[i]
	}
	return nil
}

func search[T any](list []*T, key func(*T) string, k string) (int, bool) {
	return slices.BinarySearchFunc(list, k, func(p *T, k string) int { return strings.Compare(key(p), k) })
}

// With returns the list with other parts under some keys, nil for none. The list itself stays as it is. An empty list is nil.
func With[T any](list []*T, key func(*T) string, parts map[string]*T) []*T {
	if len(parts) == 0 {
		return list
	}
	keys := make([]string, 0, len(parts))
	for k := range parts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]*T, 0, len(list)+len(parts))
	for _, k := range keys {
		i, found := search(list, key, k)
		out = append(out, list[:i]...)
		if p := parts[k]; p != nil {
			out = append(out, p)
		}
		if found {
			i++
		}
		list = list[i:]
	}
	if out = append(out, list...); len(out) == 0 {
		return nil
	}
	return out
}
