package forge

import (
	"slices"
	"strings"

	"trellis/internal/aws/model"
)

// Spot is a place in the input of an operation that holds a value of its own.
type Spot struct {
	// Path has the names of the members on the way, dotted: lists have their first element there, maps their first value.
	Path  string
	Shape *model.Shape
	// Required says that every structure on the way must have the member.
	Required bool
}

// Spots lists the places of an operation's input, structures and lists among them, as deep as a structure comes once.
func Spots(s *model.Service, op *model.Operation) []Spot { return spots(s, Input(s, op)) }

// Told lists so the places of an operation's output.
func Told(s *model.Service, op *model.Operation) []Spot { return spots(s, s.Shape(op.Output)) }

func spots(s *model.Service, whole *model.Shape) []Spot {
	var out []Spot
	var walk func(shape *model.Shape, path []string, required bool, above []string)
	walk = func(shape *model.Shape, path []string, required bool, above []string) {
		if len(path) > 0 {
			out = append(out, Spot{strings.Join(path, "."), shape, required})
		}
		switch shape.Kind {
		case model.List:
			walk(s.Shape(shape.Elem), append(slices.Clone(path), "0"), required, above)
		case model.Structure:
			if slices.Contains(above, shape.Name) {
				return
			}
			for i := range shape.Members {
				m := &shape.Members[i]
				walk(s.Shape(m.Shape), append(slices.Clone(path), m.Name), required && m.Required, append(slices.Clone(above), shape.Name))
			}
		}
	}
	walk(whole, nil, true, nil)
	return out
}

// With is an input that has a value at a spot, and on the way to it what the maker takes structures to need.
func (k *Maker) With(op *model.Operation, in map[string]any, path string, v any) map[string]any {
	k.n = 0
	out := Clone(in)
	k.put(out, Input(k.Service, op), k.Service.Package+"."+op.Name, strings.Split(path, "."), v)
	return out
}

func (k *Maker) put(at any, shape *model.Shape, path string, way []string, v any) {
	name := way[0]
	var child *model.Shape
	var old any
	var set func(any)
	switch x := at.(type) {
	case map[string]any:
		m := member(shape, name)
		if m == nil {
			return
		}
		child, path = k.Service.Shape(m.Shape), path+"."+name
		if shape.Union {
			for other := range x {
				if other != name {
					delete(x, other)
				}
			}
		}
		old, set = x[name], func(v any) { x[name] = v }
	case []any:
		child = k.Service.Shape(shape.Elem)
		old, set = x[0], func(v any) { x[0] = v }
	default:
		return
	}
	if len(way) == 1 {
		set(v)
		return
	}
	switch child.Kind {
	case model.Structure:
		if _, ok := old.(map[string]any); !ok {
			old = k.structure(child, path, nil, 0)
		}
	case model.List:
		if list, ok := old.([]any); !ok || len(list) == 0 {
			first := any(map[string]any{})
			if elem := k.Service.Shape(child.Elem); elem.Kind == model.Structure {
				first = k.structure(elem, path, nil, 0)
			}
			old = []any{first}
		}
	default:
		return
	}
	set(old)
	k.put(old, child, path, way[1:], v)
}
