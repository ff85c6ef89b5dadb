package iam

// Effect is what a statement does when it applies.
type Effect uint8

const (
	Allow Effect = iota
	Deny
)

func (e Effect) String() string {
	if e == Deny {
		return "Deny"
	}
	return "Allow"
}

// Verdict is what a policy, or policies together, say of a request.
type Verdict uint8

const (
	// ImplicitDeny is the verdict where nothing allows.
	ImplicitDeny Verdict = iota
	// Allowed is the verdict where something allows and nothing denies.
	Allowed
	// ExplicitDeny is the verdict where a Deny applies, whatever else allows.
	ExplicitDeny
)

func (v Verdict) String() string {
	return [...]string{"implicit deny", "allow", "explicit deny"}[min(v, ExplicitDeny)]
}

// Decision is what one policy says of a request.
type Decision struct {
	Verdict Verdict
	// Statement is the index of the statement that decided, -1 where none did.
	Statement int
	Sid       string
}

// Policy is a compiled policy document. It is immutable and safe for concurrent use.
type Policy struct {
	kind       Kind
	statements []statement
}

// statement is a compiled statement. principals is nil in an identity policy, resources is empty in a trust policy.
type statement struct {
	index       int
	sid         string
	effect      Effect
	principals  *principals
	actions     []pattern
	notAction   bool
	resources   []pattern
	notResource bool
	conditions  []condition

	wantActions, wantResources []string
}

// Decide says what p says of r; a nil p allows nothing. It does not allocate.
func (p *Policy) Decide(r *Request) Decision {
	d, _ := p.decide(r)
	return d
}

// decide also says how the statement that allows names the caller; of several it takes the one that grants most.
func (p *Policy) decide(r *Request) (Decision, grant) {
	d, best := Decision{Statement: -1}, noGrant
	if p == nil {
		return d, best
	}
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect == Allow && d.Verdict == Allowed && best == directGrant {
			continue
		}
		t, g := s.eval(r)
		if !t.applies(s.effect) {
			continue
		}
		if s.effect == Deny {
			return Decision{ExplicitDeny, s.index, s.sid}, noGrant
		}
		if d.Verdict != Allowed || g > best {
			d, best = Decision{Allowed, s.index, s.sid}, g
		}
	}
	return d, best
}

// eval evaluates the elements of s, the cheap ones first.
func (s *statement) eval(r *Request) (truth, grant) {
	t := s.evalAction(r)
	if t == no {
		return no, noGrant
	}
	who, g := s.principals.match(&r.Principal, s.effect)
	if t = min(t, who); t == no {
		return no, noGrant
	}
	if t = min(t, s.evalResource(r)); t == no {
		return no, noGrant
	}
	for i := range s.conditions {
		if t = min(t, s.conditions[i].eval(r)); t == no {
			return no, noGrant
		}
	}
	return t, g
}

func (s *statement) evalAction(r *Request) truth {
	t := no
	for i := range s.actions {
		if s.actions[i].glob(text{a: r.Action}, r) {
			t = yes
			break
		}
	}
	if s.notAction {
		return t.not()
	}
	return t
}

func (s *statement) evalResource(r *Request) truth {
	if len(s.resources) == 0 {
		return yes
	}
	t := no
	for i := range s.resources {
		p := &s.resources[i]
		switch {
		case p.matchesAll():
			t = yes
		case r.Resource.Unknown:
			t = max(t, unsure)
		case s.notResource && p.vars && p.unresolved(r) != present:
			t = max(t, unsure)
		default:
			t = max(t, p.match(text{r.Resource.ARN, r.Resource.Path}, r))
		}
		if t == yes {
			break
		}
	}
	if s.notResource {
		return t.not()
	}
	return t
}
