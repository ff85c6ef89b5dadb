package wire

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

const (
	maxParameters = 20000
	maxFormDepth  = 24
)

// Form is a form-encoded request: a tree of the dotted parameter names.
type Form struct {
	Action  string
	Version string
	root    formNode
	names   []string // in the order sent
}

type formNode struct {
	kids  map[string]*formNode
	value string
	set   bool
	used  bool
}

// ParseForm reads a form body or a query string. Parameters that belong to the
// signature are left out.
func ParseForm(text string) (*Form, error) {
	f := &Form{}
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, malformed("The request parameters are not URL-encoded UTF-8.")
		}
		switch {
		case name == "Action":
			f.Action = value
		case name == "Version":
			f.Version = value
		case strings.HasPrefix(name, "X-Amz-"):
		default:
			if err := f.add(name, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *Form) add(name, value string) error {
	if len(f.names) == maxParameters {
		return malformed("The request has more than %d parameters.", maxParameters)
	}
	n := &f.root
	depth := 0
	for part := range strings.SplitSeq(name, ".") {
		if depth++; depth > maxFormDepth {
			return &Malformed{Member: short(name), Message: "A parameter name is nested too deeply."}
		}
		if n.kids == nil {
			n.kids = map[string]*formNode{}
		}
		kid := n.kids[part]
		if kid == nil {
			kid = &formNode{}
			n.kids[part] = kid
		}
		n = kid
	}
	if n.set {
		return &Malformed{Member: short(name), Message: fmt.Sprintf("The parameter %s is given twice.", short(name))}
	}
	n.value, n.set = value, true
	f.names = append(f.names, name)
	return nil
}

// unused is the first parameter that no member took.
func (f *Form) unused() string {
	for _, name := range f.names {
		n := &f.root
		for part := range strings.SplitSeq(name, ".") {
			n = n.kids[part]
		}
		if !n.used {
			return name
		}
	}
	return ""
}

type formReader struct{ ec2 bool }

func (d formReader) structure(n *node, v reflect.Value, from *formNode, path string) *Malformed {
	from.used = true
	for i := range n.fields {
		f := &n.fields[i]
		name := f.member.QueryName()
		kid := from.kids[name]
		if kid == nil {
			continue
		}
		if err := d.value(f.node, v.Field(i), kid, path+name); err != nil {
			return err
		}
	}
	return nil
}

func (d formReader) value(n *node, v reflect.Value, from *formNode, path string) *Malformed {
	switch n.kind {
	case model.Structure:
		if from.set && from.value != "" {
			return wrongText(path, from.value, "a structure")
		}
		return d.structure(n, target(v), from, path+".")
	case model.List:
		return d.list(n, v, from, path)
	case model.Map:
		return d.mapping(n, v, from, path)
	}
	if !from.set {
		return wrongText(path, "", "a single value")
	}
	from.used = true
	if !setText(n, v, from.value, model.ISO8601) {
		return wrongText(path, from.value, kindTitle(n.kind))
	}
	return nil
}

func kindTitle(k model.Kind) string {
	switch k {
	case model.Boolean:
		return "a Boolean"
	case model.Integer:
		return "an Integer"
	case model.Long:
		return "a Long"
	case model.Float:
		return "a Double"
	case model.Timestamp:
		return "a Timestamp"
	case model.Blob:
		return "base64"
	}
	return "a String"
}

func wrongText(path, value, want string) *Malformed {
	return &Malformed{Member: path, Value: value, Message: fmt.Sprintf("Value (%s) for parameter %s is invalid. Expecting %s.", short(value), path, want)}
}

func (d formReader) list(n *node, v reflect.Value, from *formNode, path string) *Malformed {
	from.used = true
	if !d.ec2 {
		name := n.shape.Wire
		if name == "" {
			name = "member"
		}
		inner := from.kids[name]
		if inner == nil {
			v.Set(reflect.MakeSlice(n.typ, 0, 0))
			return nil
		}
		from, path = inner, path+"."+name
		from.used = true
	}
	items, err := numbered(from, path)
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(n.typ, len(items), len(items))
	for i, item := range items {
		if err := d.value(n.elem, list.Index(i), item.node, path+"."+strconv.Itoa(item.number)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (d formReader) mapping(n *node, v reflect.Value, from *formNode, path string) *Malformed {
	from.used = true
	m := reflect.MakeMap(n.typ)
	v.Set(m)
	if inner := from.kids["entry"]; inner != nil {
		from, path = inner, path+".entry"
		from.used = true
	}
	items, err := numbered(from, path)
	if err != nil {
		return err
	}
	for _, item := range items {
		at := path + "." + strconv.Itoa(item.number)
		item.node.used = true
		key, value := item.node.kids["key"], item.node.kids["value"]
		if key == nil || value == nil {
			return wrongText(at, "", "a key and a value")
		}
		k, e := reflect.New(n.typ.Key()).Elem(), reflect.New(n.typ.Elem()).Elem()
		if err := d.value(n.key, k, key, at+".key"); err != nil {
			return err
		}
		if err := d.value(n.elem, e, value, at+".value"); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
	}
	return nil
}

type numberedNode struct {
	number int
	node   *formNode
}

// numbered lists the children 1, 2, … in order; numbers may be left out.
func numbered(from *formNode, path string) ([]numberedNode, *Malformed) {
	items := make([]numberedNode, 0, len(from.kids))
	for name, kid := range from.kids {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || strconv.Itoa(i) != name {
			return nil, wrongText(path+"."+short(name), "", "a number in the parameter's name")
		}
		items = append(items, numberedNode{i, kid})
	}
	slices.SortFunc(items, func(a, b numberedNode) int { return a.number - b.number })
	return items, nil
}
