package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Checker checks models against schemas. It holds the patterns, which are compiled when they are first needed.
type Checker struct {
	patterns map[string]func() (*pattern, error)
}

// NewChecker is a checker for the types.
func NewChecker(types []Type) *Checker {
	c := &Checker{map[string]func() (*pattern, error){}}
	for i := range types {
		c.collect(&types[i].Model)
		c.collect(&types[i].ListBy)
	}
	return c
}

func (c *Checker) collect(v *Value) {
	if v.Pattern != "" && c.patterns[v.Pattern] == nil {
		c.patterns[v.Pattern] = sync.OnceValues(func() (*pattern, error) { return compilePattern(v.Pattern) })
	}
	if v.Items != nil {
		c.collect(v.Items)
	}
	for i := range v.Properties {
		c.collect(&v.Properties[i].Value)
	}
}

// matches reports whether a text matches a pattern; one that cannot be understood matches nothing.
func (c *Checker) matches(text, s string) bool {
	p, err := c.patterns[text]()
	return err == nil && p.match(s)
}

// Check returns a message for each way in which a model breaks its schema, as CloudFormation words them: with the place,
// without the offending value. Numbers of the model must be json.Number.
func (c *Checker) Check(t *Type, model map[string]any) []string {
	return c.value("#", &t.Model, model, nil)
}

// CheckListing returns a message for each way in which a model is none that resources of the type can be listed by.
func (c *Checker) CheckListing(t *Type, by map[string]any) []string {
	return c.value("#", &t.ListBy, by, nil)
}

// Matches reports whether a text fits the pattern and length of a property.
func (c *Checker) Matches(v *Value, text string) bool { return len(c.value("#", v, text, nil)) == 0 }

func (c *Checker) value(at string, v *Value, given any, out []string) []string {
	if v.Kind == Any {
		return out
	}
	if kind := kindOf(given); kind != v.Kind.Name() && (v.Kind != Number || kind != "Integer") {
		return append(out, fmt.Sprintf("%s: expected type: %s, found: %s", at, v.Kind.Name(), kind))
	}
	switch given := given.(type) {
	case string:
		return c.text(at, v, given, out)
	case json.Number:
		n, _ := given.Float64()
		if v.HasMin && n < float64(v.Min) {
			out = append(out, constraint(at, "minimum"))
		}
		if v.HasMax && n > float64(v.Max) {
			out = append(out, constraint(at, "maximum"))
		}
		if len(v.Enum) > 0 && !slices.Contains(v.Enum, given.String()) {
			out = append(out, constraint(at, "enum"))
		}
	case []any:
		if v.HasMin && len(given) < v.Min {
			out = append(out, fmt.Sprintf("%s: expected minimum item count: %d, found: %d", at, v.Min, len(given)))
		}
		if v.HasMax && len(given) > v.Max {
			return append(out, fmt.Sprintf("%s: expected maximum item count: %d, found: %d", at, v.Max, len(given)))
		}
		if v.Unique && repeats(given) {
			out = append(out, at+": array items are not unique")
		}
		if v.Items != nil {
			for i, item := range given {
				out = c.value(at+"/"+strconv.Itoa(i), v.Items, item, out)
			}
		}
	case map[string]any:
		return c.object(at, v, given, out)
	}
	return out
}

func (c *Checker) text(at string, v *Value, s string, out []string) []string {
	n := utf8.RuneCountInString(s)
	if v.HasMin && n < v.Min {
		out = append(out, fmt.Sprintf("%s: expected minLength: %d, actual: %d", at, v.Min, n))
	}
	if v.HasMax && n > v.Max {
		return append(out, fmt.Sprintf("%s: expected maxLength: %d, actual: %d", at, v.Max, n))
	}
	if len(v.Enum) > 0 && !slices.Contains(v.Enum, s) {
		out = append(out, constraint(at, "enum"))
	}
	if v.Pattern != "" && !c.matches(v.Pattern, s) {
		out = append(out, constraint(at, "pattern"))
	}
	return out
}

func (c *Checker) object(at string, v *Value, given map[string]any, out []string) []string {
	for _, name := range v.Required {
		if _, ok := given[name]; !ok {
			out = append(out, fmt.Sprintf("%s: required key [%s] not found", at, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, ok := v.Property(name)
		switch {
		case ok:
			out = c.value(at+"/"+name, p, given[name], out)
		case !v.Open:
			out = append(out, fmt.Sprintf("%s: extraneous key [%s] is not permitted", at, clip(name)))
		}
	}
	return out
}

func clip(s string) string {
	if len(s) > 128 {
		return strings.ToValidUTF8(s[:128], "") + "..."
	}
	return s
}

func constraint(at, keyword string) string {
	return at + ": failed validation constraint for keyword [" + keyword + "]"
}

func kindOf(given any) string {
	switch given := given.(type) {
	case nil:
		return "Null"
	case bool:
		return Boolean.Name()
	case string:
		return String.Name()
	case json.Number:
		if n, err := given.Int64(); err == nil && n >= math.MinInt32 && n <= math.MaxInt32 {
			return Integer.Name()
		}
		return Number.Name()
	case []any:
		return Array.Name()
	case map[string]any:
		return Object.Name()
	}
	return "Unknown"
}

func repeats(items []any) bool {
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		s, ok := item.(string)
		switch {
		case ok && seen[s]:
			return true
		case ok:
			seen[s] = true
		default:
			for _, other := range items[:i] {
				if reflect.DeepEqual(item, other) {
					return true
				}
			}
		}
	}
	return false
}

// pattern is a regular expression in which negative lookaheads may follow the beginning, as in ^(?!svc-)[a-z-]+$, and a
// negative lookbehind may stand before the end, as in [a-z-]+(?<!-)$.
type pattern struct {
	want   *regexp.Regexp
	banned []*regexp.Regexp
}

func (p *pattern) match(s string) bool {
	for _, b := range p.banned {
		if b.MatchString(s) {
			return false
		}
	}
	return p.want.MatchString(s)
}

// codePoint is how schemas write characters by their number.
var codePoint = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

func compilePattern(text string) (*pattern, error) {
	p := &pattern{}
	text = codePoint.ReplaceAllString(strings.ReplaceAll(text, `\Z`, `\z`), `\x{$1}`)
	if begin := strings.LastIndex(text, "(?<!"); begin >= 0 && strings.HasSuffix(text, ")$") {
		b, err := regexp.Compile("(?:" + text[begin+len("(?<!"):len(text)-len(")$")] + ")$")
		if err != nil {
			return nil, err
		}
		p.banned = append(p.banned, b)
		text = text[:begin] + "$"
	}
	rest, anchored := strings.CutPrefix(text, "^")
	for anchored && strings.HasPrefix(rest, "(?!") {
		n := groupEnd(rest)
		if n < 0 {
			return nil, fmt.Errorf("pattern %s has a lookahead without end", text)
		}
		b, err := regexp.Compile("^(?:" + rest[len("(?!"):n] + ")")
		if err != nil {
			return nil, err
		}
		p.banned = append(p.banned, b)
		rest = rest[n+1:]
	}
	if anchored {
		rest = "^" + rest
	}
	want, err := regexp.Compile(rest)
	p.want = want
	return p, err
}

// groupEnd returns where the group that s begins with is closed, -1 if it is not.
func groupEnd(s string) int {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
