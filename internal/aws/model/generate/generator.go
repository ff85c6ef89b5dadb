package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

// generator holds what is reachable from the wanted operations of one API.
type generator struct {
	api      api
	def      *definition
	protocol model.Protocol
	ops      []operation
	shapes   []string        // reachable, sorted
	inputs   map[string]bool // shapes reachable from an input
	types    map[string]string
}

func newGenerator(a api, def *definition, wanted []string) (*generator, error) {
	g := &generator{api: a, def: def, inputs: map[string]bool{}, types: map[string]string{}}
	meta := def.Metadata
	switch {
	case meta.Protocol == "rest-json":
		g.protocol = model.RESTJSON
	case meta.Protocol == "json" && meta.JSONVersion == "1.0":
		g.protocol = model.JSON10
	case meta.Protocol == "json" && meta.JSONVersion == "1.1":
		g.protocol = model.JSON11
	case meta.Protocol == "query":
		g.protocol = model.Query
	case meta.Protocol == "ec2":
		g.protocol = model.EC2Query
	default:
		return nil, fmt.Errorf("protocol %s %s is not supported", meta.Protocol, meta.JSONVersion)
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("operations.txt is empty")
	}
	for name, op := range def.Operations {
		if strings.Contains(op.HTTP.RequestURI, "+}") {
			return nil, fmt.Errorf("the path of %s has a greedy label, which the router does not speak", name)
		}
	}
	reached := map[string]bool{}
	nested := map[string]bool{}
	for _, name := range wanted {
		op, ok := def.Operations[name]
		if !ok {
			return nil, fmt.Errorf("no operation %s in the model", name)
		}
		g.ops = append(g.ops, op)
		for _, root := range []struct {
			shape string
			into  []map[string]bool
		}{{op.Input.Shape, []map[string]bool{reached, g.inputs}}, {op.Output.Shape, []map[string]bool{reached}}} {
			if root.shape == "" {
				continue
			}
			for _, into := range root.into {
				if err := g.reach(root.shape, into); err != nil {
					return nil, err
				}
			}
			for _, r := range g.refs(root.shape) {
				if err := g.reach(r, nested); err != nil {
					return nil, err
				}
			}
		}
	}
	for name := range reached {
		g.shapes = append(g.shapes, name)
	}
	sort.Strings(g.shapes)
	return g, g.nameTypes(nested)
}

// refs lists the shapes a shape refers to.
func (g *generator) refs(name string) []string {
	s := g.def.Shapes[name]
	var refs []string
	for _, m := range s.Members {
		refs = append(refs, m.Shape)
	}
	for _, r := range []string{s.Member.Shape, s.Key.Shape, s.Value.Shape} {
		if r != "" {
			refs = append(refs, r)
		}
	}
	return refs
}

func (g *generator) reach(name string, into map[string]bool) error {
	if into[name] {
		return nil
	}
	s := g.def.Shapes[name]
	if s == nil {
		return fmt.Errorf("no shape %s in the model", name)
	}
	if s.EventStream || s.Flattened {
		return fmt.Errorf("shape %s has a trait the codecs do not speak", name)
	}
	into[name] = true
	for _, m := range s.Members {
		if m.Flattened || m.XMLAttribute || m.JSONValue || m.TimestampFormat != "" {
			return fmt.Errorf("member %s of %s has a trait the codecs do not speak", m.name, name)
		}
	}
	for _, r := range g.refs(name) {
		if err := g.reach(r, into); err != nil {
			return err
		}
	}
	return nil
}

// nameTypes gives every structure that is a member somewhere the name of its
// shape, and every operation an Input and an Output type of its own.
func (g *generator) nameTypes(nested map[string]bool) error {
	taken := map[string]string{}
	for _, name := range g.shapes {
		s := g.def.Shapes[name]
		if s.Type != "structure" || s.Document || !nested[name] {
			continue
		}
		goName := exported(name)
		if other, dup := taken[goName]; dup {
			return fmt.Errorf("shapes %s and %s share the type name %s", name, other, goName)
		}
		taken[goName] = name
		g.types[name] = goName
	}
	for _, op := range g.ops {
		for _, suffix := range []string{"Input", "Output"} {
			if other, dup := taken[op.Name+suffix]; dup {
				return fmt.Errorf("shape %s collides with the %s of %s", other, suffix, op.Name)
			}
		}
	}
	return nil
}

func exported(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[size:]
}

// kind is the kind of a shape's values.
func (g *generator) kind(name string) (model.Kind, error) {
	s := g.def.Shapes[name]
	if s.Document {
		return model.Document, nil
	}
	kinds := map[string]model.Kind{
		"string": model.String, "character": model.String, "boolean": model.Boolean, "integer": model.Integer,
		"long": model.Long, "float": model.Float, "double": model.Float, "timestamp": model.Timestamp,
		"blob": model.Blob, "list": model.List, "map": model.Map, "structure": model.Structure,
	}
	k, ok := kinds[s.Type]
	if !ok {
		return 0, fmt.Errorf("shape %s has type %s", name, s.Type)
	}
	return k, nil
}

// fieldType is the Go type of a structure's field.
func (g *generator) fieldType(name string) (string, error) {
	k, err := g.kind(name)
	if err != nil {
		return "", err
	}
	t, err := g.valueType(name)
	switch k {
	case model.List, model.Map, model.Blob, model.Document:
		return t, err
	}
	return "*" + t, err
}

// valueType is the Go type of a list element or map value.
func (g *generator) valueType(name string) (string, error) {
	k, err := g.kind(name)
	if err != nil {
		return "", err
	}
	s := g.def.Shapes[name]
	switch k {
	case model.String:
		return "string", nil
	case model.Boolean:
		return "bool", nil
	case model.Integer:
		return "int32", nil
	case model.Long:
		return "int64", nil
	case model.Float:
		return "float64", nil
	case model.Timestamp:
		return "time.Time", nil
	case model.Blob:
		return "[]byte", nil
	case model.Document:
		return "json.RawMessage", nil
	case model.List:
		t, err := g.valueType(s.Member.Shape)
		return "[]" + t, err
	case model.Map:
		if k, err := g.kind(s.Key.Shape); err != nil || k != model.String {
			return "", fmt.Errorf("keys of map %s are not strings", name)
		}
		t, err := g.valueType(s.Value.Shape)
		return "map[string]" + t, err
	default:
		return g.types[name], nil
	}
}

// wireName is the name a member has in bodies, headers and query strings.
func (g *generator) wireName(m member) string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return m.name
}

// queryName is the name a member has in a form-encoded request.
func (g *generator) queryName(m member) string {
	if g.protocol != model.EC2Query {
		return g.wireName(m)
	}
	if m.QueryName != "" {
		return m.QueryName
	}
	return exported(g.wireName(m))
}

func (g *generator) errors() []string {
	var names []string
	for _, op := range g.ops {
		for _, e := range op.Errors {
			names = append(names, e.Shape)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func location(name string) (string, error) {
	locations := map[string]string{"": "", "uri": "model.InPath", "querystring": "model.InQuery", "header": "model.InHeader",
		"statusCode": "model.InStatus"}
	l, ok := locations[name]
	if !ok {
		return "", fmt.Errorf("location %s is not supported", name)
	}
	return l, nil
}

func quoted(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}
