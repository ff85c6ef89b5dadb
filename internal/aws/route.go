package aws

import (
	"net/http"
	"net/url"
	"strings"

	"trellis/internal/aws/model"
	"trellis/internal/aws/wire"
)

// router finds REST operations by method and escaped path.
type router struct {
	root   branch
	labels map[string][]string // label names by operation
}

type branch struct {
	literal map[string]*branch
	label   *branch
	leaves  []leaf
}

type leaf struct {
	operation, method string
	query             string // literal parameter that must be there, "name=value"
}

func newRouter(routes []model.Route) *router {
	rt := &router{labels: make(map[string][]string, len(routes))}
	for _, r := range routes {
		path, query, _ := strings.Cut(r.Path, "?")
		b := &rt.root
		for segment := range segments(path) {
			name, isLabel := strings.CutPrefix(segment, "{")
			if !isLabel {
				if b.literal == nil {
					b.literal = map[string]*branch{}
				}
				if b.literal[segment] == nil {
					b.literal[segment] = &branch{}
				}
				b = b.literal[segment]
				continue
			}
			if b.label == nil {
				b.label = &branch{}
			}
			b = b.label
			rt.labels[r.Name] = append(rt.labels[r.Name], strings.TrimSuffix(name, "}"))
		}
		l := leaf{operation: r.Name, method: r.Method, query: query}
		if query != "" {
			b.leaves = append([]leaf{l}, b.leaves...)
		} else {
			b.leaves = append(b.leaves, l)
		}
	}
	return rt
}

func segments(path string) func(func(string) bool) {
	return strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

// find answers the operation and its labels. When only the method is wrong,
// wrongMethod is true.
func (rt *router) find(r *http.Request) (op string, labels []wire.Label, wrongMethod bool) {
	var parts [16]string
	path := parts[:0]
	for s := range segments(r.URL.EscapedPath()) {
		path = append(path, s)
	}
	var values [8]string
	b, found := rt.root.walk(path, values[:0])
	if b == nil {
		return "", nil, false
	}
	for _, l := range b.leaves {
		if l.method != r.Method || l.query != "" && !hasParameter(r.URL.RawQuery, l.query) {
			continue
		}
		for i, name := range rt.labels[l.operation] {
			value, err := url.PathUnescape(found[i])
			if err != nil {
				return "", nil, false
			}
			labels = append(labels, wire.Label{Name: name, Value: value})
		}
		return l.operation, labels, false
	}
	return "", nil, true
}

// walk prefers literals to labels.
func (b *branch) walk(path, values []string) (*branch, []string) {
	if len(path) == 0 {
		if len(b.leaves) == 0 {
			return nil, nil
		}
		return b, values
	}
	if next := b.literal[path[0]]; next != nil {
		if found, v := next.walk(path[1:], values); found != nil {
			return found, v
		}
	}
	if b.label != nil && path[0] != "" {
		if found, v := b.label.walk(path[1:], append(values, path[0])); found != nil {
			return found, v
		}
	}
	return nil, nil
}

func hasParameter(raw, want string) bool {
	for part := range strings.SplitSeq(raw, "&") {
		if part == want {
			return true
		}
	}
	return false
}
