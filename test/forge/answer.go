package forge

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"trellis/internal/aws/model"
)

// Answer is what came back, with its error taken apart.
type Answer struct {
	Status        int
	Code, Message string
	Header        http.Header
	Body          string
}

// NewAnswer takes an answer apart as clients do: the error from the header or the body, whichever the protocol has.
func NewAnswer(status int, h http.Header, body []byte) Answer {
	a := Answer{Status: status, Header: h, Body: string(body)}
	if status < 300 {
		return a
	}
	if c := xmlCode.FindSubmatch(body); c != nil {
		a.Code = string(c[1])
		if m := xmlMessage.FindSubmatch(body); m != nil {
			a.Message = string(m[1])
		}
		return a
	}
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return a
	}
	code := h.Get("X-Amzn-Errortype")
	for _, name := range []string{"__type", "code", "Code"} {
		if c, ok := fields[name].(string); ok && code == "" {
			code = c
		}
	}
	for _, name := range []string{"message", "Message"} {
		if m, ok := fields[name].(string); ok {
			a.Message = m
		}
	}
	code, _, _ = strings.Cut(code, ":")
	a.Code = code[strings.LastIndexByte(code, '#')+1:]
	return a
}

var (
	xmlCode    = regexp.MustCompile(`<Code>([^<]*)</Code>`)
	xmlMessage = regexp.MustCompile(`<Message>([^<]*)</Message>`)

	// internals are what no answer may show.
	internals = regexp.MustCompile(`\.go:\d|goroutine |runtime error|nil pointer|\betcd(server|client)?\b|%!|reflect\.|internal/|0xc0[0-9a-f]{6}`)
)

// Improper says what is wrong with an answer to whatever request, empty if nothing.
func (a Answer) Improper() string {
	switch {
	case a.Status >= 500 && a.Status != http.StatusNotImplemented:
		return "a fault of the server"
	case internals.MatchString(a.Body):
		return "it shows internals"
	case a.Status >= 400 && a.Code == "":
		return "an error without a code"
	case a.Status >= 400 && len(a.Message) < 10:
		return "an error without a message"
	}
	return ""
}

// Output reads the answer of an operation as a tree.
func Output(s *model.Service, op *model.Operation, a Answer) (map[string]any, error) {
	if op.Output == "" {
		return map[string]any{}, nil
	}
	shape := s.Shape(op.Output)
	var out map[string]any
	switch s.Protocol {
	case model.Query, model.EC2Query:
		root, err := element(xml.NewDecoder(strings.NewReader(a.Body)))
		if err != nil {
			return nil, err
		}
		if op.ResultWrapper != "" {
			if root = root.child(op.ResultWrapper); root == nil {
				return nil, fmt.Errorf("no %s in %.200s", op.ResultWrapper, a.Body)
			}
		}
		out, _ = root.value(s, shape).(map[string]any)
	default:
		if shape.Payload != "" && s.Shape(member(shape, shape.Payload).Shape).Kind != model.Structure {
			return map[string]any{shape.Payload: a.Body}, nil
		}
		d := json.NewDecoder(bytes.NewReader([]byte(a.Body)))
		d.UseNumber()
		var v any
		if a.Body != "" {
			if err := d.Decode(&v); err != nil {
				return nil, fmt.Errorf("%w: %.200s", err, a.Body)
			}
		}
		out, _ = unnamed(s, v, shape).(map[string]any)
	}
	if out == nil {
		out = map[string]any{}
	}
	return out, nil
}

// unnamed gives members the names they have in the API.
func unnamed(s *model.Service, v any, shape *model.Shape) any {
	switch x := v.(type) {
	case []any:
		for i, e := range x {
			x[i] = unnamed(s, e, below(s, shape, ""))
		}
	case map[string]any:
		if shape == nil || shape.Kind != model.Structure {
			for k, e := range x {
				x[k] = unnamed(s, e, below(s, shape, ""))
			}
			return x
		}
		out := map[string]any{}
		for i := range shape.Members {
			m := &shape.Members[i]
			if e, ok := x[m.WireName()]; ok && e != nil {
				out[m.Name] = unnamed(s, e, s.Shape(m.Shape))
			}
		}
		return out
	}
	return v
}

// node is an element of XML.
type node struct {
	name     string
	text     string
	children []*node
}

func element(d *xml.Decoder) (*node, error) {
	var open []*node
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			}
			open = append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		case xml.EndElement:
			if len(open) == 1 {
				return open[0], nil
			}
			open = open[:len(open)-1]
		}
	}
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (n *node) value(s *model.Service, shape *model.Shape) any {
	switch shape.Kind {
	case model.Structure:
		out := map[string]any{}
		for i := range shape.Members {
			m := &shape.Members[i]
			if c := n.child(m.WireName()); c != nil {
				out[m.Name] = c.value(s, s.Shape(m.Shape))
			}
		}
		return out
	case model.List:
		out := []any{}
		for _, c := range n.children {
			out = append(out, c.value(s, s.Shape(shape.Elem)))
		}
		return out
	case model.Map:
		out := map[string]any{}
		for _, c := range n.children {
			if k, v := c.child("key"), c.child("value"); k != nil && v != nil {
				out[k.text] = v.value(s, s.Shape(shape.Elem))
			}
		}
		return out
	}
	return n.text
}
