package iam

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	literal tokenKind = iota
	star
	one
	variable
)

// token is a piece of a pattern. text is a literal, or the default of a variable.
type token struct {
	kind       tokenKind
	text       string
	key        Key
	hasDefault bool
}

// pattern is a compiled text with wildcards and policy variables.
type pattern struct {
	tokens []token
	fold   bool
	vars   bool
}

type patternOptions struct {
	wild bool // "*" and "?" are wildcards
	vars bool // ${…} is a policy variable
	fold bool // letters match whatever their case
}

// compilePattern fails only for a malformed variable.
func compilePattern(s string, o patternOptions) (pattern, error) {
	p := pattern{fold: o.fold}
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p.tokens = append(p.tokens, token{kind: literal, text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); {
		switch {
		case o.wild && s[i] == '*':
			flush()
			if n := len(p.tokens); n == 0 || p.tokens[n-1].kind != star {
				p.tokens = append(p.tokens, token{kind: star})
			}
			i++
		case o.wild && s[i] == '?':
			flush()
			p.tokens = append(p.tokens, token{kind: one})
			i++
		case o.vars && strings.HasPrefix(s[i:], "${"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return pattern{}, invalid("%s has a policy variable without its closing brace.", quote(s))
			}
			inner := s[i+2 : i+end]
			i += end + 1
			if inner == "*" || inner == "?" || inner == "$" {
				lit.WriteString(inner)
				continue
			}
			t, err := compileVariable(inner)
			if err != nil {
				return pattern{}, err
			}
			flush()
			p.tokens = append(p.tokens, t)
			p.vars = true
		default:
			lit.WriteByte(s[i])
			i++
		}
	}
	flush()
	return p, nil
}

func compileVariable(inner string) (token, error) {
	name, def, hasDefault := strings.Cut(inner, ",")
	name = strings.TrimSpace(name)
	if !validKey(name) {
		return token{}, invalid("${%s} is not a policy variable: it must look like ${aws:username} or ${aws:username, 'default'}.", clip(inner))
	}
	t := token{kind: variable, key: MakeKey(name), hasDefault: hasDefault}
	if hasDefault {
		def = strings.TrimSpace(def)
		if len(def) < 2 || def[0] != '\'' || def[len(def)-1] != '\'' {
			return token{}, invalid("${%s} must have its default value in single quotes.", clip(inner))
		}
		t.text = def[1 : len(def)-1]
	}
	return t, nil
}

func clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// resolve returns a variable's value in r. It says absent where there is none and no default, and unavailable where it
// cannot be told which one it is.
func (t *token) resolve(r *Request) (string, presence) {
	v := r.lookup(t.key)
	switch {
	case v.state == unavailable || v.Len() > 1:
		return "", unavailable
	case v.Len() == 1:
		return v.first, present
	case t.hasDefault:
		return t.text, present
	}
	return "", absent
}

// matchesAll says whether p matches every text.
func (p *pattern) matchesAll() bool { return len(p.tokens) == 1 && p.tokens[0].kind == star }

// unresolved returns the worst presence among p's variables.
func (p *pattern) unresolved(r *Request) presence {
	worst := present
	for i := range p.tokens {
		if t := &p.tokens[i]; t.kind == variable {
			switch _, state := t.resolve(r); state {
			case unavailable:
				return unavailable
			case absent:
				worst = absent
			}
		}
	}
	return worst
}

// match says whether t matches. A variable without a value matches nothing.
func (p *pattern) match(t text, r *Request) truth {
	if p.vars {
		switch p.unresolved(r) {
		case unavailable:
			return unsure
		case absent:
			return no
		}
	}
	return truthOf(p.glob(t, r))
}

// glob matches greedily, going back to the last star only: what stood before that star has matched as early as it can.
func (p *pattern) glob(t text, r *Request) bool {
	at, next := 0, 0
	back, backAt := -1, 0
	end := t.len()
	for {
		if next < len(p.tokens) {
			tok := &p.tokens[next]
			switch tok.kind {
			case star:
				if next == len(p.tokens)-1 {
					return true
				}
				back, backAt = next, at
				next++
				continue
			case one:
				if at < end {
					at += t.width(at)
					next++
					continue
				}
			case literal:
				if t.has(at, tok.text, p.fold) {
					at += len(tok.text)
					next++
					continue
				}
			case variable:
				if s, _ := tok.resolve(r); t.has(at, s, p.fold) {
					at += len(s)
					next++
					continue
				}
			}
		} else if at == end {
			return true
		}
		if back < 0 || backAt >= end {
			return false
		}
		backAt++
		at, next = backAt, back+1
	}
}

// text is a string in two parts, so that a resource and a path need not be joined to be matched.
type text struct{ a, b string }

func (t text) len() int { return len(t.a) + len(t.b) }

// has says whether s stands at offset i.
func (t text) has(i int, s string, fold bool) bool {
	if i+len(s) > t.len() {
		return false
	}
	split := len(t.a) - i
	switch {
	case split >= len(s):
		return same(t.a[i:i+len(s)], s, fold)
	case split <= 0:
		return same(t.b[-split:len(s)-split], s, fold)
	}
	return same(t.a[i:], s[:split], fold) && same(t.b[:len(s)-split], s[split:], fold)
}

func same(a, b string, fold bool) bool {
	return a == b || fold && strings.EqualFold(a, b)
}

// width returns the number of bytes of the character at offset i.
func (t text) width(i int) int {
	s := t.a
	if i >= len(t.a) {
		s, i = t.b, i-len(t.a)
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return n
}

// arnPattern matches ARNs part by part. whole is used instead of parts where the pattern is "*" or a variable.
type arnPattern struct {
	parts [6]pattern
	whole *pattern
}

func compileARN(s string, vars bool) (arnPattern, error) {
	o := patternOptions{wild: true, vars: vars}
	var parts []string
	start, depth := 0, 0
	for i := range len(s) {
		switch {
		case vars && strings.HasPrefix(s[i:], "${"):
			depth++
		case s[i] == '}' && depth > 0:
			depth--
		case s[i] == ':' && depth == 0 && len(parts) < 5:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	parts = append(parts, s[start:])
	if len(parts) != 6 {
		p, err := compilePattern(s, o)
		if err != nil {
			return arnPattern{}, err
		}
		if !p.vars && !p.matchesAll() {
			return arnPattern{}, invalid("%s is not an ARN: it must look like arn:partition:service:region:account:resource.", quote(s))
		}
		return arnPattern{whole: &p}, nil
	}
	var a arnPattern
	for i, part := range parts {
		p, err := compilePattern(part, o)
		if err != nil {
			return arnPattern{}, err
		}
		a.parts[i] = p
	}
	return a, nil
}

// match says whether value, an ARN, matches; it is unsure of a value that is no ARN.
func (a *arnPattern) match(value string, r *Request) truth {
	if strings.Count(value, ":") < 5 {
		return unsure
	}
	if a.whole != nil {
		return a.whole.match(text{a: value}, r)
	}
	result := yes
	for i := range a.parts {
		part := value
		if i < 5 {
			end := strings.IndexByte(value, ':')
			part, value = value[:end], value[end+1:]
		}
		if result = min(result, a.parts[i].match(text{a: part}, r)); result == no {
			return no
		}
	}
	return result
}
