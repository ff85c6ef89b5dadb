package proxy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"trellis/internal/proxy/http1"
)

// condition is a Condition made ready: values that do not depend on case are in lower case.
type condition struct {
	Condition
	fold bool
}

func newCondition(c Condition) condition {
	out := condition{Condition: c, fold: !c.CaseSensitive && c.Field != FieldMethod}
	out.Values = slices.Clone(c.Values)
	out.Queries = slices.Clone(c.Queries)
	for i, v := range out.Values {
		if c.Field == FieldPath {
			v = decodePattern(v)
		}
		if out.fold {
			v = lower(v)
		}
		out.Values[i] = v
	}
	for i, q := range out.Queries {
		out.Queries[i] = QueryMatch{lower(q.Key), lower(q.Value)}
	}
	if c.Field == FieldQuery {
		out.fold = true
	}
	return out
}

// decodePattern decodes the escapes of a path in a rule, as those of requests' paths are. A malformed one stays as it is.
func decodePattern(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) && isHex(v[i+1]) && isHex(v[i+2]) {
			b.WriteByte(unhex(v[i+1])<<4 | unhex(v[i+2]))
			i += 2
			continue
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// lower lowers ASCII letters only, as the comparisons of this package do.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func (c *condition) match(r *Request) bool {
	switch c.Field {
	case FieldMethod:
		return c.any(r.Method)
	case FieldPath:
		return c.any(r.path)
	case FieldHost:
		return c.any(hostName(r.Host))
	case FieldHeader:
		for i := range r.Fields {
			f := &r.Fields[i]
			if !f.Hop && http1.EqualFold(f.Name, c.Name) && c.any(f.Value) {
				return true
			}
		}
		return http1.EqualFold(c.Name, "host") && c.any(r.Host)
	case FieldQuery:
		for _, p := range r.parameters() {
			for _, q := range c.Queries {
				if (q.Key == "" || compare(c.Op, p.key, q.Key, true)) && compare(c.Op, p.value, q.Value, true) {
					return true
				}
			}
		}
	case FieldSourceIP:
		return slices.ContainsFunc(c.Sources, func(p netip.Prefix) bool { return p.Contains(r.Source) })
	}
	return false
}

func (c *condition) any(s string) bool {
	for _, v := range c.Values {
		if compare(c.Op, s, v, c.fold) {
			return true
		}
	}
	return false
}

// compare compares s with a value, which is in lower case if fold is set.
func compare(op Op, s, value string, fold bool) bool {
	switch op {
	case Exact:
		return len(s) == len(value) && equal(s, value, fold)
	case Prefix:
		return len(s) >= len(value) && equal(s[:len(value)], value, fold)
	case Contains:
		for i := 0; i+len(value) <= len(s); i++ {
			if equal(s[i:i+len(value)], value, fold) {
				return true
			}
		}
		return false
	default:
		return glob(s, value, fold)
	}
}

func equal(s, value string, fold bool) bool {
	if !fold {
		return s == value
	}
	for i := range len(s) {
		if lowerByte(s[i]) != value[i] {
			return false
		}
	}
	return true
}

// glob matches "*" and "?" in time linear in the pattern for each position of s.
func glob(s, pattern string, fold bool) bool {
	i, p, star, mark := 0, 0, -1, 0
	for i < len(s) {
		c := s[i]
		if fold {
			c = lowerByte(c)
		}
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == c):
			i++
			p++
		case star >= 0:
			mark++
			i, p = mark, star+1
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// hostName returns a Host value without its port and its trailing dot.
func hostName(host string) string {
	if n := len(host); n > 0 && host[n-1] != ']' {
		for i := n - 1; i >= 0; i-- {
			if host[i] == ':' {
				host = host[:i]
				break
			}
			if host[i] < '0' || host[i] > '9' {
				break
			}
		}
	}
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	return host
}

type rule struct {
	*Rule
	conditions []condition
	action     *Route
}

// listener is a Listener made ready.
type listener struct {
	*Listener
	rules    []rule
	fallback *Route
}

func (router *Router) listener(l *Listener) *listener {
	out := &listener{Listener: l, fallback: router.route(&l.Default)}
	for i := range l.Rules {
		r := rule{Rule: &l.Rules[i], action: router.route(&l.Rules[i].Action)}
		for _, c := range r.Conditions {
			r.conditions = append(r.conditions, newCondition(c))
		}
		out.rules = append(out.rules, r)
	}
	slices.SortStableFunc(out.rules, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return out
}

// match returns the action of the first rule that the request satisfies, or the default one. The ARN is empty for the
// default action.
func (l *listener) match(r *Request) (*Route, string) {
next:
	for i := range l.rules {
		rule := &l.rules[i]
		for j := range rule.conditions {
			if !rule.conditions[j].match(r) {
				continue next
			}
		}
		return rule.action, rule.ARN
	}
	return l.fallback, ""
}
