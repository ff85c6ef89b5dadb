package iam

import (
	"net/netip"
	"strings"
	"time"
)

// condition is one operator applied to one key.
type condition struct {
	operator
	keyText string
	key     Key
	want    []string

	exact    map[string]struct{} // stringExact and binary: values without variables
	folded   []string            // stringFold, boolean: values without variables
	patterns []pattern           // the string families' other values
	arns     []arnPattern
	numbers  []float64
	dates    []time.Time
	prefixes []netip.Prefix
	absent   [2]bool // null: whether "false" and whether "true" is wanted
}

// validKey says whether s can be the name of a condition key: a prefix, a colon and a name.
func validKey(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || colon == len(s)-1 || len(s) > 512 {
		return false
	}
	slash := strings.IndexByte(s[colon:], '/')
	if slash == 1 || slash == len(s)-colon-1 {
		return false
	}
	for _, r := range s[:colon] {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return !strings.ContainsAny(s, "\x00\r\n\t${}\"'")
}

// compileCondition compiles values under op. Policy variables are honoured when vars is set.
func compileCondition(op operator, keyText string, values []string, vars bool) (condition, error) {
	if !validKey(keyText) {
		return condition{}, invalid("%s is not a condition key: it must have a prefix, as in \"aws:PrincipalOrgID\".", quote(keyText))
	}
	c := condition{operator: op, keyText: keyText, key: MakeKey(keyText), want: values}
	for _, v := range values {
		if err := c.add(v, vars); err != nil {
			return condition{}, err
		}
	}
	return c, nil
}

func (c *condition) add(v string, vars bool) error {
	ok := true
	switch c.family {
	case stringExact, stringFold, stringLike, boolean:
		return c.addString(v, vars)
	case arnLike:
		a, err := compileARN(v, vars)
		if err != nil {
			return err
		}
		c.arns = append(c.arns, a)
	case numeric:
		var n float64
		n, ok = parseNumber(v)
		c.numbers = append(c.numbers, n)
	case date:
		var t time.Time
		t, ok = parseDate(v)
		c.dates = append(c.dates, t)
	case binary:
		v, ok = parseBinary(v)
		c.addExact(v)
	case ipAddress:
		var p netip.Prefix
		p, ok = parsePrefix(v)
		c.prefixes = append(c.prefixes, p)
	case null:
		switch {
		case strings.EqualFold(v, "true"):
			c.absent[1] = true
		case strings.EqualFold(v, "false"):
			c.absent[0] = true
		default:
			ok = false
		}
	}
	if !ok {
		return invalid("%s is not a value that %s takes.", quote(v), c.text)
	}
	return nil
}

func (c *condition) addExact(v string) {
	if c.exact == nil {
		c.exact = map[string]struct{}{}
	}
	c.exact[v] = struct{}{}
}

func (c *condition) addString(v string, vars bool) error {
	fold := c.family == stringFold || c.family == boolean
	p, err := compilePattern(v, patternOptions{wild: c.family == stringLike, vars: vars, fold: fold})
	if err != nil {
		return err
	}
	literalText, isLiteral := "", len(p.tokens) == 0
	if len(p.tokens) == 1 && p.tokens[0].kind == literal {
		literalText, isLiteral = p.tokens[0].text, true
	}
	if c.family == boolean && !p.vars && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
		return invalid("%s is not a value that %s takes: it must be \"true\" or \"false\".", quote(v), c.text)
	}
	switch {
	case isLiteral && fold:
		c.folded = append(c.folded, literalText)
	case isLiteral:
		c.addExact(literalText)
	default:
		c.patterns = append(c.patterns, p)
	}
	return nil
}

// eval says whether r satisfies c.
func (c *condition) eval(r *Request) truth {
	v := r.lookup(c.key)
	if v.state == unavailable {
		return unsure
	}
	n := v.Len()
	switch {
	case c.family == null:
		if n == 0 {
			return truthOf(c.absent[1])
		}
		return truthOf(c.absent[0])
	case n == 0 && c.ifExists:
		return yes
	case n == 0 && c.set == forAll:
		return yes
	case n == 0 && c.set == forAny:
		return no
	case n == 0:
		return truthOf(c.negated)
	}
	low, high, blank := yes, no, true
	for i := range n {
		s := v.At(i)
		t := c.matches(s, r)
		if c.negated {
			t = t.not()
		}
		low, high = min(low, t), max(high, t)
		blank = blank && s == ""
	}
	switch {
	case c.set == forAny:
		return high
	case c.set == forAll && blank:
		return max(low, unsure)
	case c.set == forAll || low == high:
		return low
	}
	return unsure
}

// matches says whether value matches any of the values c wants, negation aside.
func (c *condition) matches(value string, r *Request) truth {
	switch c.family {
	case numeric:
		f, ok := parseNumber(value)
		if !ok {
			return unsure
		}
		for _, n := range c.numbers {
			if c.compare.holds(sign(f, n)) {
				return yes
			}
		}
		return no
	case date:
		d, ok := parseDate(value)
		if !ok {
			return unsure
		}
		for _, want := range c.dates {
			if c.compare.holds(d.Compare(want)) {
				return yes
			}
		}
		return no
	case ipAddress:
		a, err := netip.ParseAddr(value)
		if err != nil {
			return unsure
		}
		a = a.Unmap().WithZone("")
		for _, p := range c.prefixes {
			if p.Contains(a) {
				return yes
			}
		}
		return no
	case binary:
		b, ok := parseBinary(value)
		if !ok {
			return unsure
		}
		return truthOf(has(c.exact, b))
	case arnLike:
		result := no
		for i := range c.arns {
			if result = max(result, c.arns[i].match(value, r)); result == yes {
				break
			}
		}
		return result
	case boolean:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return unsure
		}
	}
	return c.matchesString(value, r)
}

func sign(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c *condition) matchesString(value string, r *Request) truth {
	if has(c.exact, value) {
		return yes
	}
	for _, s := range c.folded {
		if strings.EqualFold(s, value) {
			return yes
		}
	}
	result := no
	for i := range c.patterns {
		if result = max(result, c.patterns[i].match(text{a: value}, r)); result == yes {
			break
		}
	}
	return result
}
