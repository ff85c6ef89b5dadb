package iam

import (
	"fmt"
	"strings"
)

// Finding is one element of a statement held against a request.
type Finding struct {
	// Element is "Principal", "Action", "Resource", their Not forms, or "Condition".
	Element string
	// Operator and Key are set for a condition, as the policy writes them.
	Operator, Key string
	// Want is what the policy says, Got what the request carries; Got is empty where it carries nothing.
	Want, Got []string
	// Matched says whether the element is satisfied. Doubt says why that could not be told, and is empty otherwise.
	Matched bool
	Doubt   string
}

// String says what was wanted and what was got.
func (f Finding) String() string {
	what := f.Element
	if f.Element == "Condition" {
		what = f.Operator + " " + f.Key
	}
	got := "the request has none"
	if len(f.Got) > 0 {
		got = "got " + list(f.Got)
	}
	if f.Doubt != "" {
		got += " (" + f.Doubt + ")"
	}
	return fmt.Sprintf("%s wants %s, %s", what, list(f.Want), got)
}

func list(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	const most = 5
	quoted := make([]string, 0, most+1)
	for i, v := range values {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(values)-most))
			break
		}
		quoted = append(quoted, quote(v))
	}
	return strings.Join(quoted, ", ")
}

// StatementExplanation is one statement held against a request.
type StatementExplanation struct {
	// Index counts from 0.
	Index   int
	Sid     string
	Effect  Effect
	Applies bool
	// Findings has every element that was not plainly satisfied, and for a statement that applies all its conditions.
	Findings []Finding
}

// Name returns how messages call the statement: by its place, counted from 1, and its Sid.
func (s StatementExplanation) Name() string { return statementName(s.Index, s.Sid) }

func statementName(index int, sid string) string {
	if sid == "" {
		return fmt.Sprintf("statement %d", index+1)
	}
	return fmt.Sprintf("statement %d (%s)", index+1, sid)
}

// Explanation is a Decision with its reasons.
type Explanation struct {
	Decision
	// Statements has the statement that decided, or where none did every Allow statement, the nearest misses first.
	Statements []StatementExplanation
}

// Explain decides as Decide does and says why. It allocates, and copies what it takes from the request.
func (p *Policy) Explain(r *Request) Explanation {
	e := Explanation{Decision: p.Decide(r)}
	if p == nil {
		return e
	}
	if e.Statement >= 0 {
		e.Statements = []StatementExplanation{p.statements[e.Statement].explain(r)}
		return e
	}
	most := 0
	for i := range p.statements {
		if p.statements[i].effect == Allow {
			s := p.statements[i].explain(r)
			e.Statements = append(e.Statements, s)
			most = max(most, len(s.Findings))
		}
	}
	nearest := make([]StatementExplanation, 0, len(e.Statements))
	for n := range most + 1 {
		for _, s := range e.Statements {
			if len(s.Findings) == n {
				nearest = append(nearest, s)
			}
		}
	}
	e.Statements = nearest
	return e
}

// String says in one line what decided: the statement, and for an implicit deny what each of the nearest misses lacked.
func (e Explanation) String() string {
	if len(e.Statements) == 0 {
		return "no statement allows anything"
	}
	if e.Verdict != ImplicitDeny {
		return e.Statements[0].String()
	}
	var parts []string
	for _, s := range e.Statements {
		if len(s.Findings) > len(e.Statements[0].Findings) {
			break
		}
		parts = append(parts, s.String())
	}
	return strings.Join(parts, "; ")
}

// String says whether the statement applies and which findings make it so.
func (s StatementExplanation) String() string {
	does := " does not apply"
	switch {
	case s.Applies && s.Effect == Deny:
		does = " denies"
	case s.Applies:
		does = " allows"
	}
	parts := make([]string, 0, len(s.Findings))
	for _, f := range s.Findings {
		parts = append(parts, f.String())
	}
	if len(parts) == 0 {
		return s.Name() + does
	}
	return s.Name() + does + ": " + strings.Join(parts, ", and ")
}

func (s *statement) explain(r *Request) StatementExplanation {
	whole, _ := s.eval(r)
	e := StatementExplanation{Index: s.index, Sid: s.sid, Effect: s.effect, Applies: whole.applies(s.effect)}
	add := func(t truth, f Finding) {
		f.Matched = t == yes
		if t == yes && !(e.Applies && f.Element == "Condition") {
			return
		}
		if t != unsure {
			f.Doubt = ""
		}
		e.Findings = append(e.Findings, f)
	}
	if s.principals != nil {
		t, _ := s.principals.match(&r.Principal, s.effect)
		add(t, Finding{Element: element("Principal", s.principals.not), Want: s.principals.want, Got: []string{strings.Clone(r.Principal.Name())}})
	}
	add(s.evalAction(r), Finding{Element: element("Action", s.notAction), Want: s.wantActions, Got: []string{strings.Clone(r.Action)}})
	if len(s.resources) > 0 {
		f := Finding{Element: element("Resource", s.notResource), Want: s.wantResources}
		f.Doubt = "a policy variable cannot be resolved"
		if r.Resource.Unknown {
			f.Doubt = "the resource is not known"
		} else {
			f.Got = []string{strings.Clone(r.Resource.String())}
		}
		add(s.evalResource(r), f)
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		v := r.lookup(c.key)
		f := Finding{Element: "Condition", Operator: c.text, Key: c.keyText, Want: c.want}
		for j := range v.Len() {
			f.Got = append(f.Got, strings.Clone(v.At(j)))
		}
		switch {
		case v.state == unavailable:
			f.Doubt = "its value is not available"
		case v.Len() > 1 && c.set == plain:
			f.Doubt = "the values do not agree"
		default:
			f.Doubt = "the value cannot be compared"
		}
		add(c.eval(r), f)
	}
	return e
}

func element(name string, not bool) string {
	if not {
		return "Not" + name
	}
	return name
}
