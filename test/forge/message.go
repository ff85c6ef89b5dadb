// Package forge makes requests of the AWS APIs from their models, valid and broken, and takes answers apart. Values are trees as
// encoding/json has them, with the names that members have in the API, whatever the protocol calls them. It keeps no state.
package forge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"trellis/internal/aws/model"
)

// Message is an API request in the raw, not signed.
type Message struct {
	Method, Target string
	Header         http.Header
	Body           []byte
}

// With is the message with another header.
func (m Message) With(header, value string) Message {
	m.Header = m.Header.Clone()
	m.Header.Set(header, value)
	return m
}

// Raw is a text that travels as it is, valid UTF-8 or not.
type Raw string

// MarshalJSON implements json.Marshaler.
func (r Raw) MarshalJSON() ([]byte, error) { return []byte(`"` + string(r) + `"`), nil }

// Fields is an object whose members may come more than once.
type Fields []struct {
	Name  string
	Value any
}

// MarshalJSON implements json.Marshaler.
func (f Fields) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, field := range f {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(field.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(field.Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// Encode makes the request of an operation. Members that the operation does not have travel under the name they are given.
func Encode(s *model.Service, op *model.Operation, in map[string]any) Message {
	shape := Input(s, op)
	switch s.Protocol {
	case model.Query, model.EC2Query:
		form := url.Values{"Action": {op.Name}, "Version": {s.APIVersion}}
		fill(s, form, "", in, shape)
		return Message{"POST", "/", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode())}
	case model.JSON10, model.JSON11:
		kind := map[model.Protocol]string{model.JSON10: "application/x-amz-json-1.0", model.JSON11: "application/x-amz-json-1.1"}[s.Protocol]
		return Message{"POST", "/", http.Header{"X-Amz-Target": {s.TargetPrefix + "." + op.Name}, "Content-Type": {kind}}, text(s, in, shape)}
	}
	path, literal, _ := strings.Cut(op.Path, "?")
	query, header := url.Values{}, http.Header{}
	var body []byte
	rest := map[string]any{}
	for name, v := range in {
		rest[name] = v
	}
	for i := range shape.Members {
		m := &shape.Members[i]
		v, ok := in[m.Name]
		if !ok {
			continue
		}
		if m.In != model.InBody {
			delete(rest, m.Name)
		}
		switch m.In {
		case model.InPath:
			path = strings.Replace(path, "{"+m.WireName()+"}", url.PathEscape(scalar(v)), 1)
		case model.InQuery:
			if list, ok := v.([]any); ok {
				for _, e := range list {
					query.Add(m.WireName(), scalar(e))
				}
			} else {
				query.Set(m.WireName(), scalar(v))
			}
		case model.InHeader:
			header.Set(m.WireName(), printable(scalar(v)))
		}
		if m.Name == shape.Payload {
			body = []byte(scalar(v))
		}
	}
	if shape.Payload == "" && op.Method != "GET" && op.Method != "DELETE" {
		body = text(s, rest, shape)
		header.Set("Content-Type", "application/json")
	}
	if q := query.Encode(); q != "" {
		literal = strings.Trim(literal+"&"+q, "&")
	}
	return Message{op.Method, strings.TrimSuffix(path+"?"+literal, "?"), header, body}
}

// Input is the shape of an operation's input, an empty structure where it has none.
func Input(s *model.Service, op *model.Operation) *model.Shape {
	if op.Input == "" {
		return &model.Shape{Kind: model.Structure}
	}
	return s.Shape(op.Input)
}

func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any, []any, json.RawMessage, Fields:
		text, _ := json.Marshal(v)
		return string(text)
	}
	return fmt.Sprint(v)
}

func text(s *model.Service, v any, shape *model.Shape) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(named(s, v, shape)); err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

// named gives members their names on the wire.
func named(s *model.Service, v any, shape *model.Shape) any {
	switch x := v.(type) {
	case []any:
		out := []any{}
		for _, e := range x {
			out = append(out, named(s, e, below(s, shape, "")))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, e := range x {
			child := below(s, shape, name)
			if m := member(shape, name); m != nil {
				name = m.WireName()
			}
			out[name] = named(s, e, child)
		}
		return out
	}
	return v
}

// member finds a member of a structure, nil where there is none of the name.
func member(shape *model.Shape, name string) *model.Member {
	if shape == nil || shape.Kind != model.Structure {
		return nil
	}
	for i := range shape.Members {
		if shape.Members[i].Name == name {
			return &shape.Members[i]
		}
	}
	return nil
}

// below is the shape of a member, a list's element or a map's value; nil where a value does not fit its shape.
func below(s *model.Service, shape *model.Shape, name string) *model.Shape {
	if shape == nil {
		return nil
	}
	switch shape.Kind {
	case model.List, model.Map:
		return s.Shape(shape.Elem)
	}
	if m := member(shape, name); m != nil {
		return s.Shape(m.Shape)
	}
	return nil
}

func fill(s *model.Service, into url.Values, at string, v any, shape *model.Shape) {
	key := strings.TrimPrefix(at, ".")
	switch x := v.(type) {
	case []any:
		if s.Protocol == model.Query {
			at += ".member"
			if len(x) == 0 {
				into.Set(key, "")
			}
		}
		for i, e := range x {
			fill(s, into, fmt.Sprintf("%s.%d", at, i+1), e, below(s, shape, ""))
		}
	case map[string]any:
		if shape != nil && shape.Kind == model.Map {
			for k, e := range x {
				into.Set(key+".entry.1.key", k)
				fill(s, into, at+".entry.1.value", e, below(s, shape, ""))
			}
			return
		}
		for name, e := range x {
			wire := name
			if m := member(shape, name); m != nil {
				wire = m.QueryName()
			}
			fill(s, into, at+"."+wire, e, below(s, shape, name))
		}
	case Fields:
		for _, f := range x {
			into.Add(strings.TrimPrefix(at+"."+f.Name, "."), scalar(f.Value))
		}
	default:
		into.Add(key, scalar(v))
	}
}

// printable is a text as a header can carry it.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return url.QueryEscape(text)
	}
	return text
}
