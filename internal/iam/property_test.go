package iam

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// vocabulary small enough for random policies and requests to meet.
var (
	someActions    = []string{"a:Get", "a:Put", "b:Get"}
	someResources  = []string{"arn:aws:a:::x", "arn:aws:a:::x/y", "arn:aws:b:::z"}
	someValues     = []string{"", "1", "2", "blue", "10.0.0.1", "arn:aws:a:::x", "true"}
	someKeys       = []string{"t:One", "t:Two"}
	plainOperators = []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringEqualsIfExists",
		"StringNotEqualsIfExists", "NumericLessThan", "NumericNotEquals", "IpAddress", "NotIpAddress", "ArnLike", "ArnNotLike", "Bool", "Null"}
)

type generator struct{ *rand.Rand }

func pickOne[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

func (g generator) value(operator string) string {
	switch {
	case strings.Contains(operator, "Numeric"):
		return pickOne(g, []string{"1", "2"})
	case strings.Contains(operator, "IpAddress"):
		return pickOne(g, []string{"10.0.0.0/8", "11.0.0.0/8"})
	case strings.Contains(operator, "Arn"):
		return pickOne(g, []string{"arn:aws:a:::*", "*", "arn:aws:${t:One}:::x"})
	case strings.Contains(operator, "Bool"), operator == "Null":
		return pickOne(g, []string{"true", "false"})
	}
	return pickOne(g, append([]string{"*", "b*", "${t:Two}", "${t:One, 'blue'}"}, someValues...))
}

func (g generator) statement(effect Effect, operators []string) string {
	not := func() string { return pickOne(g, []string{"", "", "Not"}) }
	var conditions []string
	for _, op := range g.Perm(len(operators))[:g.IntN(3)] {
		conditions = append(conditions, fmt.Sprintf(`%q:{%q:[%q,%q]}`, operators[op], pickOne(g, someKeys), g.value(operators[op]), g.value(operators[op])))
	}
	return fmt.Sprintf(`{"Effect":"%v","Principal":%s,"%sAction":%q,"%sResource":%q,"Condition":{%s}}`,
		effect, pickOne(g, []string{`"*"`, `"*"`, `{"AWS":"111111111111"}`, `{"Service":"lambda.amazonaws.com"}`}),
		not(), pickOne(g, append([]string{"*", "a:*"}, someActions...)),
		not(), pickOne(g, append([]string{"*", "arn:aws:a:::x*", "arn:aws:a:::${t:One}"}, someResources...)), strings.Join(conditions, ","))
}

func (g generator) statements(operators []string) []string {
	var s []string
	for range 1 + g.IntN(4) {
		s = append(s, g.statement(pickOne(g, []Effect{Allow, Allow, Deny}), operators))
	}
	return s
}

func (g generator) request() (Request, Map) {
	context := Map{}
	for _, k := range someKeys {
		switch g.IntN(4) {
		case 0, 1:
			context.Set(k, pickOne(g, someValues))
		case 2:
			context.Set(k, pickOne(g, someValues), pickOne(g, someValues))
		}
	}
	return Request{
		Principal: pickOne(g, []Principal{{}, user, session, root, lambda}),
		Action:    pickOne(g, someActions),
		Resource:  Resource{ARN: pickOne(g, someResources)},
		Context:   context,
	}, context
}

func with(context Map, key string, v Values) Map {
	out := Map{}
	for k, old := range context {
		out[k] = old
	}
	out[MakeKey(key)] = v
	return out
}

// holds runs f with many random policies and requests.
func holds(t *testing.T, operators []string, f func(g generator, statements []string, p *Policy, r Request, context Map) string) {
	t.Helper()
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		s := g.statements(operators)
		p := mustParse(t, ResourcePolicy, doc(s...))
		r, context := g.request()
		if wrong := f(g, s, p, r, context); wrong != "" {
			t.Fatalf("seed %d: %s\npolicy %s\nrequest %+v", seed, wrong, doc(s...), r)
		}
	}
}

func allOperators() []string {
	all := append([]string{}, plainOperators...)
	for _, op := range plainOperators {
		if op != "Null" {
			all = append(all, "ForAnyValue:"+op, "ForAllValues:"+op)
		}
	}
	return all
}

func TestStatementOrderIsIrrelevant(t *testing.T) {
	holds(t, allOperators(), func(g generator, s []string, p *Policy, r Request, _ Map) string {
		g.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		d1, g1 := p.decide(&r)
		d2, g2 := mustParse(t, ResourcePolicy, doc(s...)).decide(&r)
		if d1.Verdict != d2.Verdict || g1 != g2 {
			return fmt.Sprintf("%v and %v in another order", d1, d2)
		}
		return ""
	})
}

func TestDenyNeverWidens(t *testing.T) {
	holds(t, allOperators(), func(g generator, s []string, p *Policy, r Request, _ Map) string {
		more := mustParse(t, ResourcePolicy, doc(append(s, g.statement(Deny, allOperators()))...))
		if before, after := p.Decide(&r).Verdict, more.Decide(&r).Verdict; after == Allowed && before != Allowed {
			return fmt.Sprintf("%v, and with one more Deny %v", before, after)
		}
		return ""
	})
}

func TestAllowNeverLiftsDeny(t *testing.T) {
	holds(t, allOperators(), func(g generator, s []string, p *Policy, r Request, _ Map) string {
		more := mustParse(t, ResourcePolicy, doc(append(s, g.statement(Allow, allOperators()))...))
		before, after := p.Decide(&r).Verdict, more.Decide(&r).Verdict
		if before == ExplicitDeny && after != ExplicitDeny || before == Allowed && after != Allowed {
			return fmt.Sprintf("%v, and with one more Allow %v", before, after)
		}
		return ""
	})
}

// TestUnavailableIsTheWorstCase: what is allowed without knowing a value or the resource is allowed whatever they are.
func TestUnavailableIsTheWorstCase(t *testing.T) {
	holds(t, allOperators(), func(g generator, _ []string, p *Policy, r Request, context Map) string {
		unknown := r
		key := pickOne(g, someKeys)
		unknown.Context = with(context, key, Unavailable())
		unknown.Resource.Unknown = g.IntN(2) == 0
		if p.Decide(&unknown).Verdict == Allowed && p.Decide(&r).Verdict != Allowed {
			return "allowed while " + key + " is unavailable, not when it is known"
		}
		if p.Decide(&r).Verdict == ExplicitDeny && p.Decide(&unknown).Verdict != ExplicitDeny {
			return "denied when " + key + " is known, not while it is unavailable"
		}
		return ""
	})
}

// TestSeveralValuesUnderPlainOperators: what is allowed with several values is allowed with each of them alone.
func TestSeveralValuesUnderPlainOperators(t *testing.T) {
	holds(t, plainOperators, func(g generator, _ []string, p *Policy, r Request, context Map) string {
		a, b := pickOne(g, someValues), pickOne(g, someValues)
		verdict := func(v Values) Verdict {
			one := r
			one.Context = with(context, "t:One", v)
			return p.Decide(&one).Verdict
		}
		both := verdict(Many([]string{a, b}))
		for _, v := range []string{a, b} {
			alone := verdict(One(v))
			if both == Allowed && alone != Allowed || alone == ExplicitDeny && both != ExplicitDeny {
				return fmt.Sprintf("%q and %q: %v, %q alone: %v", a, b, both, v, alone)
			}
		}
		return ""
	})
}

func TestExplainAgreesWithDecide(t *testing.T) {
	holds(t, allOperators(), func(g generator, _ []string, p *Policy, r Request, _ Map) string {
		d, e := p.Decide(&r), p.Explain(&r)
		if d != e.Decision {
			return fmt.Sprintf("%v, explained as %v", d, e.Decision)
		}
		for _, s := range e.Statements {
			if s.Applies != (d.Verdict != ImplicitDeny) {
				return fmt.Sprintf("%v with %v", d, s)
			}
			if !s.Applies && len(s.Findings) == 0 {
				return fmt.Sprintf("nothing says why %v", s)
			}
			for _, f := range s.Findings {
				if s.Applies && s.Effect == Allow && !f.Matched || f.Matched && f.Doubt != "" {
					return fmt.Sprintf("finding %+v in %v", f, s)
				}
			}
		}
		return ""
	})
}

// requestOf makes a request out of arbitrary text.
func requestOf(s string) Request {
	part := func(i int) string { return s[len(s)*i/8 : len(s)*(i+1)/8] }
	context := Map{}
	context.Set("t:One", part(0), part(1))
	context.Set("vpc-lattice-svcs:RequestQueryString/q", part(2))
	context[MakeKey("a:b")] = One(part(3))
	r := Request{Principal: user, Action: part(4), Resource: Resource{ARN: part(5), Path: part(6)}, Context: context}
	if len(s)%3 == 0 {
		r.Principal = Principal{Kind: PrincipalKind(len(s) % 7), ARN: part(7)}
	}
	return r
}

func FuzzDecide(f *testing.F) {
	f.Add(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::${a:b}*","Condition":{"StringLike":{"a:b":"*${t:One}?"}}}`, "abc:::::::def")
	f.Add(everyOperator, "10.0.0.1")
	f.Fuzz(func(t *testing.T, statement, request string) {
		r := requestOf(request)
		for _, kind := range []Kind{Identity, ResourcePolicy, Trust} {
			p, err := Parse(kind, doc(statement))
			if err != nil {
				continue
			}
			l := Lattice{Network: AuthPolicy{true, p}, Service: AuthPolicy{true, p}, Identity: &Entitlements{Identity: []*Policy{p}}}
			a := Access{Entitlements: Entitlements{Identity: []*Policy{p}, Boundary: p, ServiceControl: [][]*Policy{{p}}}, Resource: p}
			if o, rep := l.Decide(&r), l.Explain(&r); o != rep.Outcome || rep.String() == "" || o.Message(&r) == "" {
				t.Fatalf("%v, explained as %v", o, rep)
			}
			if o, rep := a.Decide(&r), a.Explain(&r); o != rep.Outcome || rep.String() == "" || o.Message(&r) == "" {
				t.Fatalf("%v, explained as %v", o, rep)
			}
		}
	})
}
