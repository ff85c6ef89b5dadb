package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"trellis/internal/fault"
)

const (
	// maxDocument bounds a document before it is looked at, maxDepth its nesting; the language itself needs six levels.
	maxDocument = 128 << 10
	maxDepth    = 16
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// node is a JSON value. text holds a string's value, and a number or boolean as written; names and items run in parallel
// for an object.
type node struct {
	kind  nodeKind
	text  string
	names []string
	items []node
}

// readJSON reads one JSON value and nothing after it, refusing what package json lets pass: repeated names, invalid UTF-8
// and deep nesting.
func readJSON(doc string) (node, error) {
	switch {
	case len(doc) > maxDocument:
		return node{}, invalid("The policy is %d bytes long; at most %d are read.", len(doc), maxDocument)
	case strings.TrimSpace(doc) == "":
		return node{}, invalid("Syntax errors in policy: the document is empty.")
	case !utf8.ValidString(doc):
		return node{}, invalid("Syntax errors in policy: the document is not valid UTF-8.")
	}
	r := reader{dec: json.NewDecoder(strings.NewReader(doc)), doc: doc}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return node{}, r.syntax("something follows the policy's closing brace")
	}
	return n, nil
}

type reader struct {
	dec *json.Decoder
	doc string
}

func (r *reader) syntax(what string) error {
	at := int(min(r.dec.InputOffset(), int64(len(r.doc))))
	line := 1 + strings.Count(r.doc[:at], "\n")
	column := 1 + utf8.RuneCountInString(r.doc[strings.LastIndexByte(r.doc[:at], '\n')+1:at])
	return invalid("Syntax errors in policy: line %d, column %d: %s.", line, column, what)
}

func (r *reader) token() (json.Token, error) {
	t, err := r.dec.Token()
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.syntax("the document ends too early")
	}
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return nil, r.syntax(s.Error())
	}
	return nil, r.syntax("this is not JSON")
}

func (r *reader) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, r.syntax(fmt.Sprintf("nested more than %d levels deep", maxDepth))
	}
	t, err := r.token()
	if err != nil {
		return node{}, err
	}
	switch v := t.(type) {
	case string:
		return node{kind: stringNode, text: v}, nil
	case json.Number:
		return node{kind: numberNode, text: v.String()}, nil
	case bool:
		return node{kind: boolNode, text: fmt.Sprint(v)}, nil
	case json.Delim:
		if v == '[' {
			return r.array(depth)
		}
		return r.object(depth)
	}
	return node{kind: nullNode}, nil
}

func (r *reader) array(depth int) (node, error) {
	n := node{kind: arrayNode}
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := r.token()
	return n, err
}

func (r *reader) object(depth int) (node, error) {
	n := node{kind: objectNode}
	seen := map[string]bool{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return node{}, err
		}
		name, ok := t.(string)
		if !ok {
			return node{}, r.syntax("an object's names must be strings")
		}
		if seen[name] {
			return node{}, r.syntax(fmt.Sprintf("%s stands twice in the same object", quote(name)))
		}
		seen[name] = true
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.names = append(n.names, name)
		n.items = append(n.items, item)
	}
	_, err := r.token()
	return n, err
}

// invalid returns the error of a document that breaks the language. It has no code: each API answers with its own.
func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "", format, args...)
}

// quote shows s in a message, shortened where it is long.
func quote(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
