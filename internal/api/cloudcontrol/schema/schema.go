// Package schema holds what CloudFormation's resource type schemas say of the structure of the types that Cloud Control
// answers for, and checks models against it. The tables are generated; nothing changes them at run time.
package schema

import (
	"slices"
	"strings"
)

// Kind is the type of a value in JSON.
type Kind uint8

const (
	Any    Kind = iota // of several types: it is not checked
	String Kind = iota
	Integer
	Number
	Boolean
	Array
	Object
)

// Name is how validation messages call the kind.
func (k Kind) Name() string {
	return [...]string{"Any", "String", "Integer", "Number", "Boolean", "JSONArray", "JSONObject"}[k]
}

// Value is what a value may be.
type Value struct {
	Kind Kind
	// Min and Max bound a string's length, a number's value or an array's items.
	Min, Max       int
	HasMin, HasMax bool
	Enum           []string
	Pattern        string
	Unique         bool // no item twice
	Items          *Value
	Properties     []Property // in order of their names
	Required       []string
	// Open objects take properties that are not listed.
	Open bool
}

// Property is a named value.
type Property struct {
	Name string
	Value
}

// Property returns the property with the name.
func (v *Value) Property(name string) (*Value, bool) {
	for i := range v.Properties {
		if v.Properties[i].Name == name {
			return &v.Properties[i].Value, true
		}
	}
	return nil, false
}

// Type is a resource type. Paths are names joined by slashes, such as "Config/Port"; a * stands for every item of a list.
type Type struct {
	Name  string
	Model Value
	// ReadOnly properties are the service's to set, CreateOnly ones cannot change, WriteOnly ones are never shown.
	ReadOnly, CreateOnly, WriteOnly []string
	// Identifier is the primary identifier, Alternatives the others.
	Identifier   []string
	Alternatives [][]string
	// TagProperty is empty where the type has no tags.
	TagProperty               string
	TagOnCreate, TagUpdatable bool
	// Handlers are the operations that the type supports: create, read, update, delete, list.
	Handlers []string
	// ListBy is what a listing can be about: ListRequired are the properties that it must name, ListOne those of which it
	// must name one and no more.
	ListBy                Value
	ListRequired, ListOne []string
}

// At returns what a path names in a model, and whether it is there.
func At(model map[string]any, path string) (any, bool) {
	var at any = model
	for name := range strings.SplitSeq(path, "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[name]; !ok {
			return nil, false
		}
	}
	return at, true
}

// Has reports whether a model has anything at a path, in any item where it goes through a list.
func Has(model map[string]any, path string) bool {
	at, rest, deeper := strings.Cut(path, "/")
	value, ok := model[at]
	if !ok || !deeper {
		return ok
	}
	if rest, each := strings.CutPrefix(rest, "*"); each {
		items, _ := value.([]any)
		return slices.ContainsFunc(items, func(item any) bool {
			inner, object := item.(map[string]any)
			return rest == "" || object && Has(inner, rest[1:])
		})
	}
	inner, ok := value.(map[string]any)
	return ok && Has(inner, rest)
}

// Drop removes what a path names from a model, which is changed in place, and objects that it leaves empty.
func Drop(model map[string]any, path string) {
	first, rest, nested := strings.Cut(path, "/")
	if !nested {
		delete(model, first)
		return
	}
	if each, ok := strings.CutPrefix(rest, "*/"); ok {
		items, _ := model[first].([]any)
		for _, item := range items {
			if m, ok := item.(map[string]any); ok {
				Drop(m, each)
			}
		}
		return
	}
	if m, ok := model[first].(map[string]any); ok {
		Drop(m, rest)
		if len(m) == 0 {
			delete(model, first)
		}
	}
}
