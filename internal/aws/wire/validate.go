package wire

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"trellis/internal/aws/model"
)

// Violation is a member that does not satisfy its model.
type Violation struct {
	Path       string // as validation messages name it
	Value      string // as they show it
	Constraint string // what it had to satisfy
	Rule       Rule
	Missing    bool // of a required member
	Shape      *model.Shape
}

// Rule is the kind of constraint that was not satisfied.
type Rule uint8

const (
	Required Rule = iota + 1
	Length
	Range
	Pattern
	Enum
	OneOf
)

// matcher tests a pattern.
type matcher struct {
	must *regexp.Regexp
	not  []*regexp.Regexp
}

func newMatcher(s *model.Shape) *matcher {
	m := &matcher{}
	must := s.Pattern
	if s.Match != nil {
		must = s.Match.Must
		for _, p := range s.Match.Not {
			if re, err := regexp.Compile(p); err == nil {
				m.not = append(m.not, re)
			}
		}
	}
	m.must, _ = regexp.Compile("^(?:" + must + ")$")
	return m
}

func (m *matcher) matches(s string) bool {
	if m.must != nil && !m.must.MatchString(s) {
		return false
	}
	return !slices.ContainsFunc(m.not, func(re *regexp.Regexp) bool { return re.MatchString(s) })
}

const (
	maxViolations = 20
	maxShown      = 20
)

// Validate lists what in an input its model does not allow.
func (c *Codec) Validate(in any) []Violation {
	w := walker{ec2: c.service.Protocol == model.EC2Query}
	w.structure(c.in, reflect.ValueOf(in).Elem(), "")
	return w.found
}

type walker struct {
	ec2   bool
	found []Violation
}

func (w *walker) add(path string, rule Rule, n *node, v reflect.Value, format string, args ...any) {
	if len(w.found) < maxViolations {
		w.found = append(w.found, Violation{Path: path, Value: show(n, v), Rule: rule, Shape: n.shape, Constraint: fmt.Sprintf(format, args...)})
	}
}

func (w *walker) structure(n *node, v reflect.Value, path string) {
	set := 0
	for i := range n.fields {
		f := &n.fields[i]
		fv := v.Field(i)
		if fv.IsNil() {
			if f.member.Required && len(w.found) < maxViolations {
				w.found = append(w.found, Violation{Path: path + f.title, Value: "null", Rule: Required, Missing: true, Shape: f.node.shape,
					Constraint: "Member must not be null"})
			}
			continue
		}
		set++
		if f.node.constrained() {
			w.value(f.node, fv, path+f.title)
		}
	}
	if n.shape.Union && set != 1 {
		w.add(strings.TrimSuffix(path, "."), OneOf, n, v, "Member must have exactly one of its members set")
	}
}

// constrained reports whether values of the node may be wrong at all; it keeps
// the walk from building paths for those that cannot.
func (n *node) constrained() bool {
	s := n.shape
	return n.kind >= model.List || s.HasMin || s.HasMax || s.Pattern != "" || len(s.Enum) > 0
}

func (w *walker) value(n *node, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch n.kind {
	case model.Structure:
		w.structure(n, v, path+".")
	case model.List:
		w.length(n, v, v.Len(), path)
		w.list(n, v, path)
	case model.Map:
		w.length(n, v, v.Len(), path)
		w.mapping(n, v, path)
	case model.Blob:
		w.length(n, v, v.Len(), path)
	default:
		for _, p := range n.problems(v) {
			w.add(path, p.rule, n, v, "Member must %s", p.text)
		}
	}
}

func (w *walker) length(n *node, v reflect.Value, length int, path string) {
	if s := n.shape; s.HasMin && length < int(s.Min) {
		w.add(path, Length, n, v, "Member must have length greater than or equal to %d", int(s.Min))
	} else if s.HasMax && length > int(s.Max) {
		w.add(path, Length, n, v, "Member must have length less than or equal to %d", int(s.Max))
	}
}

func (w *walker) list(n *node, v reflect.Value, path string) {
	if !n.elem.constrained() {
		return
	}
	if n.elem.kind >= model.List {
		infix := ".member."
		if w.ec2 {
			infix = "."
		}
		for i := range v.Len() {
			w.value(n.elem, v.Index(i), path+infix+strconv.Itoa(i+1))
		}
		return
	}
	for i := range v.Len() {
		if problems := n.elem.problems(v.Index(i)); len(problems) > 0 {
			w.add(path, problems[0].rule, n, v, "Member must satisfy constraint: [%s]", joined(problems))
			return
		}
	}
}

func (w *walker) mapping(n *node, v reflect.Value, path string) {
	for _, key := range sortedKeys(v) {
		if problems := n.key.problems(key); len(problems) > 0 {
			w.add(path, problems[0].rule, n, v, "Map keys must satisfy constraint: [%s]", joined(problems))
			return
		}
		elem := v.MapIndex(key)
		if n.elem.kind >= model.List {
			w.value(n.elem, elem, path+"."+short(key.String())+".member")
		} else if problems := n.elem.problems(elem); len(problems) > 0 {
			w.add(path, problems[0].rule, n, v, "Map value must satisfy constraint: [%s]", joined(problems))
			return
		}
	}
}

type problem struct {
	rule Rule
	text string
}

func joined(problems []problem) string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = "Member must " + p.text
	}
	return strings.Join(texts, ", ")
}

// problems judges a scalar.
func (n *node) problems(v reflect.Value) []problem {
	if !n.constrained() {
		return nil
	}
	var found []problem
	add := func(rule Rule, format string, args ...any) {
		found = append(found, problem{rule, fmt.Sprintf(format, args...)})
	}
	s := n.shape
	switch n.kind {
	case model.String:
		text := v.String()
		length := utf8.RuneCountInString(text)
		if s.HasMax && length > int(s.Max) {
			add(Length, "have length less than or equal to %d", int(s.Max))
		}
		if s.HasMin && length < int(s.Min) {
			add(Length, "have length greater than or equal to %d", int(s.Min))
		}
		if n.match != nil && !n.match().matches(text) {
			add(Pattern, "satisfy regular expression pattern: %s", s.Pattern)
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			add(Enum, "satisfy enum value set: [%s]", strings.Join(s.Enum, ", "))
		}
	case model.Integer, model.Long, model.Float:
		x := 0.0
		if n.kind == model.Float {
			x = v.Float()
		} else {
			x = float64(v.Int())
		}
		if s.HasMin && x < s.Min {
			add(Range, "have value greater than or equal to %s", strconv.FormatFloat(s.Min, 'f', -1, 64))
		}
		if s.HasMax && x > s.Max {
			add(Range, "have value less than or equal to %s", strconv.FormatFloat(s.Max, 'f', -1, 64))
		}
	}
	return found
}

// show is a value as validation messages quote it.
func show(n *node, v reflect.Value) string {
	switch n.kind {
	case model.Structure:
		return "structure"
	case model.List:
		if n.elem.kind >= model.List {
			return "list"
		}
		var b []byte
		for i := range min(v.Len(), maxShown) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendText(b, n.elem, v.Index(i), model.ISO8601)
		}
		return "[" + short(string(b)) + "]"
	case model.Map:
		if n.elem.kind >= model.List {
			return "map"
		}
		b := []byte{'{'}
		for i, key := range sortedKeys(v)[:min(v.Len(), maxShown)] {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(append(b, key.String()...), '=')
			b = appendText(b, n.elem, v.MapIndex(key), model.ISO8601)
		}
		return short(string(b)) + "}"
	case model.Blob:
		return "blob"
	}
	return short(string(appendText(nil, n, v, model.ISO8601)))
}
