// Package wire turns HTTP messages into the generated inputs and outputs into
// HTTP messages, in the protocols AWS APIs speak, driven by the generated
// tables. Its only state is the plans it derives from them, once for each
// operation.
package wire

import (
	"fmt"
	"net/http"
	"reflect"
	"sync"

	"trellis/internal/aws/model"
)

// Malformed is a request that could not be decoded.
type Malformed struct {
	Member  string // as AWS names it, where one is to blame
	Value   string
	Message string
	Unknown bool // Member is no parameter of the operation
}

func (e *Malformed) Error() string { return e.Message }

func malformed(format string, args ...any) *Malformed {
	return &Malformed{Message: fmt.Sprintf(format, args...)}
}

// Request is what an operation is decoded from.
type Request struct {
	Labels []Label     // of the path, REST
	Query  string      // raw, REST
	Header http.Header // REST
	Body   []byte      // REST and JSON
	Form   *Form       // query protocols
}

// Label is a decoded path label.
type Label struct{ Name, Value string }

// Response is an encoded output.
type Response struct {
	Status      int
	ContentType string // empty without a body
	Body        []byte
}

// Set compiles the operations of one API. Its codecs share what they have in
// common.
type Set struct {
	service *model.Service
	mu      sync.Mutex
	nodes   map[nodeKey]*node
}

// NewSet prepares an API; nothing is compiled yet.
func NewSet(service *model.Service) *Set {
	return &Set{service: service, nodes: map[nodeKey]*node{}}
}

// Codec decodes and encodes one operation.
type Codec struct {
	service *model.Service
	op      *model.Operation
	in, out *node
	fill    []bool // members of out that are written even when empty
}

// Codec compiles an operation.
func (s *Set) Codec(op *model.Operation) (*Codec, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Codec{service: s.service, op: op}
	var err error
	if c.in, err = s.node(op.Input, reflect.TypeOf(op.NewInput()).Elem()); err != nil {
		return nil, fmt.Errorf("input of %s: %w", op.Name, err)
	}
	if c.out, err = s.node(op.Output, reflect.TypeOf(op.NewOutput()).Elem()); err != nil {
		return nil, fmt.Errorf("output of %s: %w", op.Name, err)
	}
	c.fill = make([]bool, len(c.out.fields))
	for i, f := range c.out.fields {
		c.fill[i] = f.node.kind == model.List && f.member.In == model.InBody && (f.member.Required || s.answersLists(op.Name))
	}
	return c, nil
}

// node describes how values of one Go type travel as one shape.
type node struct {
	kind   model.Kind
	shape  *model.Shape
	typ    reflect.Type
	fields []field
	byWire map[string]int // fields that travel in JSON bodies
	elem   *node
	key    *node
	match  func() *matcher
}

type field struct {
	member *model.Member
	node   *node
	title  string // name in validation messages
}

type nodeKey struct {
	shape string
	typ   reflect.Type
}

// node is called with the lock held.
func (s *Set) node(name string, typ reflect.Type) (*node, error) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	key := nodeKey{name, typ}
	if n := s.nodes[key]; n != nil {
		return n, nil
	}
	shape := &model.Shape{Kind: model.Structure}
	if name != "" {
		if shape = s.service.Shape(name); shape == nil {
			return nil, fmt.Errorf("no shape %s", name)
		}
	}
	n := &node{kind: shape.Kind, shape: shape, typ: typ}
	if shape.Pattern != "" {
		n.match = sync.OnceValue(func() *matcher { return newMatcher(shape) })
	}
	s.nodes[key] = n
	var err error
	switch n.kind {
	case model.List:
		n.elem, err = s.node(shape.Elem, typ.Elem())
	case model.Map:
		if n.key, err = s.node(shape.Key, typ.Key()); err == nil {
			n.elem, err = s.node(shape.Elem, typ.Elem())
		}
	case model.Structure:
		err = s.structure(n)
	}
	return n, err
}

func (s *Set) structure(n *node) error {
	if n.typ.Kind() != reflect.Struct || n.typ.NumField() != len(n.shape.Members) {
		return fmt.Errorf("type %s does not fit shape %s", n.typ, n.shape.Name)
	}
	n.byWire = make(map[string]int, len(n.shape.Members))
	for i := range n.shape.Members {
		m := &n.shape.Members[i]
		child, err := s.node(m.Shape, n.typ.Field(i).Type)
		if err != nil {
			return err
		}
		n.fields = append(n.fields, field{member: m, node: child, title: s.title(m)})
		if m.In == model.InBody {
			n.byWire[m.WireName()] = i
		}
	}
	return nil
}

// title is the name of a member in validation messages.
func (s *Set) title(m *model.Member) string {
	if s.service.Protocol == model.EC2Query {
		return m.QueryName()
	}
	name := []byte(m.Name)
	if name[0] >= 'A' && name[0] <= 'Z' {
		name[0] += 'a' - 'A'
	}
	return string(name)
}

// payload is the field that is the whole body, -1 when there is none.
func (n *node) payload() int {
	if n.shape.Payload == "" {
		return -1
	}
	for i := range n.fields {
		if n.fields[i].member.Name == n.shape.Payload {
			return i
		}
	}
	return -1
}

// target is the settable value behind a field: what a fresh pointer points to,
// or the slice or map itself.
func target(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return v.Elem()
	}
	return v
}
