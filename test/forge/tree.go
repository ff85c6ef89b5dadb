package forge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Clone copies a tree.
func Clone[T any](v T) T {
	return clone(v).(T)
}

func clone(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = clone(e)
		}
		return out
	}
	return v
}

// Leaf is a value of a tree that holds no others, and where it stands: names of members and indexes, dotted.
type Leaf struct {
	Path  string
	Value any
}

// Name is the last member's name on the leaf's path.
func (l Leaf) Name() string {
	parts := strings.Split(l.Path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if _, err := strconv.Atoi(parts[i]); err != nil {
			return parts[i]
		}
	}
	return ""
}

// Leaves lists a tree's leaves in order.
func Leaves(v any) []Leaf {
	var out []Leaf
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(x)) {
				walk(path+"."+k, x[k])
			}
		case []any:
			for i, e := range x {
				walk(path+"."+strconv.Itoa(i), e)
			}
		default:
			out = append(out, Leaf{strings.TrimPrefix(path, "."), v})
		}
	}
	walk("", v)
	return out
}

// At finds what stands at a path, nil if nothing does.
func At(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// Put is a copy of the tree with another value at a path that is there, or is a member of a structure that is.
func Put(tree map[string]any, path string, v any) map[string]any {
	return change(tree, path, func(in any, name string) any {
		switch x := in.(type) {
		case map[string]any:
			x[name] = v
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i < len(x) {
				x[i] = v
			}
		}
		return in
	})
}

// Drop is a copy of the tree without the member at a path.
func Drop(tree map[string]any, path string) map[string]any {
	return change(tree, path, func(in any, name string) any {
		if x, ok := in.(map[string]any); ok {
			delete(x, name)
		}
		return in
	})
}

func change(tree map[string]any, path string, at func(in any, name string) any) map[string]any {
	out := Clone(tree)
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		at(At(out, path[:i]), path[i+1:])
	} else {
		at(out, path)
	}
	return out
}

// Text is a leaf's value as text.
func (l Leaf) Text() string { return fmt.Sprint(l.Value) }
