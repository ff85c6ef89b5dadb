package iam

import "fmt"

// Layer is a kind of policy that takes part in a decision.
type Layer uint8

const (
	// NoLayer is the layer of a decision that no policy made.
	NoLayer Layer = iota
	IdentityLayer
	BoundaryLayer
	SessionLayer
	ServiceControlLayer
	ResourceLayer
	// NetworkLayer and ServiceLayer are the auth policies of a VPC Lattice service network and service.
	NetworkLayer
	ServiceLayer
)

// String returns the layer as access-denied messages write it.
func (l Layer) String() string {
	return [...]string{"policy", "identity-based policy", "permissions boundary", "session policy", "service control policy",
		"resource-based policy", "network-based policy", "service-based policy"}[min(l, ServiceLayer)]
}

// Outcome is what all policies together say of a request.
type Outcome struct {
	Decision
	// Layer is the layer that decided: the one that allows, denies or is the first to lack an Allow.
	Layer Layer
	// Policy is the index of the policy within its layer, -1 where none decided. Level is that of a service control policy.
	Policy, Level int
}

// Allowed says whether the request may go on.
func (o Outcome) Allowed() bool { return o.Verdict == Allowed }

// Message returns AWS's text for a request that was denied.
func (o Outcome) Message(r *Request) string {
	s := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", r.Principal.Name(), r.Action, r.Resource)
	article := "a"
	if o.Layer == IdentityLayer {
		article = "an"
	}
	switch {
	case o.Layer == NoLayer:
		return s
	case o.Verdict == ExplicitDeny:
		return fmt.Sprintf("%s with an explicit deny in %s %s", s, article, o.Layer)
	}
	return fmt.Sprintf("%s because no %s allows the %s action", s, o.Layer, r.Action)
}

func denied(l Layer) Outcome {
	return Outcome{Decision: Decision{Statement: -1}, Layer: l, Policy: -1}
}

// allowedBy is the outcome of a layer that allows without any statement, as a root user is allowed.
func allowedBy(l Layer) Outcome {
	return Outcome{Decision: Decision{Verdict: Allowed, Statement: -1}, Layer: l, Policy: -1}
}

// Entitlements is every policy that bears on what a principal may do by itself.
type Entitlements struct {
	// Identity are the policies attached to the user, its groups or the role.
	Identity []*Policy
	// Boundary is the permissions boundary and Session the policy passed to AssumeRole, nil where there is none.
	Boundary, Session *Policy
	// ServiceControl are the policies at each level from the organization's root down to the account. Every level must
	// allow. There are no levels for an account outside an organization and for the management account.
	ServiceControl [][]*Policy
}

// each calls f for every policy of e, in the order in which explicit denies are told.
func (e *Entitlements) each(f func(l Layer, level, index int, p *Policy) bool) {
	for level, policies := range e.ServiceControl {
		for i, p := range policies {
			if !f(ServiceControlLayer, level, i, p) {
				return
			}
		}
	}
	for i, p := range e.Identity {
		if !f(IdentityLayer, 0, i, p) {
			return
		}
	}
	if e.Boundary != nil && !f(BoundaryLayer, 0, 0, e.Boundary) {
		return
	}
	if e.Session != nil {
		f(SessionLayer, 0, 0, e.Session)
	}
}

// explicitDeny returns the first explicit deny in e.
func (e *Entitlements) explicitDeny(r *Request) (o Outcome, found bool) {
	e.each(func(l Layer, level, index int, p *Policy) bool {
		if d := p.Decide(r); d.Verdict == ExplicitDeny {
			o, found = Outcome{d, l, index, level}, true
		}
		return !found
	})
	return o, found
}

// anyAllows returns the Allow of the first policy that allows.
func anyAllows(l Layer, policies []*Policy, r *Request) Outcome {
	for i, p := range policies {
		if d := p.Decide(r); d.Verdict == Allowed {
			return Outcome{Decision: d, Layer: l, Policy: i}
		}
	}
	return denied(l)
}

// serviceControl says whether every level allows.
func (e *Entitlements) serviceControl(r *Request) Outcome {
	for level, policies := range e.ServiceControl {
		if o := anyAllows(ServiceControlLayer, policies, r); !o.Allowed() {
			o.Level = level
			return o
		}
	}
	return allowedBy(ServiceControlLayer)
}

// identity says whether the principal's own policies allow; a root user has all of its account.
func (e *Entitlements) identity(r *Request) Outcome {
	if r.Principal.Kind == Root {
		return allowedBy(IdentityLayer)
	}
	return anyAllows(IdentityLayer, e.Identity, r)
}

// limits says whether the boundary and the session policy allow.
func (e *Entitlements) limits(r *Request) Outcome {
	if e.Boundary != nil && e.Boundary.Decide(r).Verdict != Allowed {
		return denied(BoundaryLayer)
	}
	if e.Session != nil && e.Session.Decide(r).Verdict != Allowed {
		return denied(SessionLayer)
	}
	return allowedBy(NoLayer)
}

// Decide says whether e by itself allows r.
func (e *Entitlements) Decide(r *Request) Outcome {
	if o, found := e.explicitDeny(r); found {
		return o
	}
	if o := e.serviceControl(r); !o.Allowed() {
		return o
	}
	o := e.identity(r)
	if !o.Allowed() {
		return o
	}
	if l := e.limits(r); !l.Allowed() {
		return l
	}
	return o
}

// Access is every policy that bears on one API call.
type Access struct {
	Entitlements
	// Resource is the policy of the resource, or the trust policy of the role that is to be assumed; nil where there is none.
	Resource *Policy
}

// Decide says whether the call may go on, by AWS's rules. An explicit deny in any policy wins. Service control policies must
// allow. Within one account the principal's own policies or the resource's must allow; across accounts, and for a trust
// policy, the resource's must. A resource policy that names the account leaves the choice to the principal's policies; one
// that names the role stands in for them, within the role's boundary and the session policy; one that names the caller or
// everyone needs nothing else in the same account. A service and an anonymous caller have the resource policy only.
func (a *Access) Decide(r *Request) Outcome {
	resource, granted := Decision{Statement: -1}, noGrant
	if a.Resource != nil {
		resource, granted = a.Resource.decide(r)
	}
	byResource := Outcome{Decision: resource, Layer: ResourceLayer}
	if a.Resource == nil || resource.Statement < 0 {
		byResource.Policy = -1
	}
	if resource.Verdict == ExplicitDeny {
		return byResource
	}
	if o, found := a.explicitDeny(r); found {
		return o
	}
	if r.Principal.Kind == Anonymous || r.Principal.Kind == Service {
		return byResource
	}
	if o := a.serviceControl(r); !o.Allowed() {
		return o
	}
	sameAccount := r.Resource.Account == "" || r.Resource.Account == r.Principal.Account
	if granted == noGrant && (!sameAccount || a.Resource != nil && a.Resource.kind == Trust) {
		return byResource
	}
	if sameAccount && granted == directGrant {
		return byResource
	}
	o := a.identity(r)
	if !o.Allowed() {
		if !sameAccount || granted != roleGrant {
			return o
		}
		o = byResource
	}
	if l := a.limits(r); !l.Allowed() {
		return l
	}
	return o
}

// PolicyExplanation is one policy's part in an outcome.
type PolicyExplanation struct {
	Layer         Layer
	Policy, Level int
	Explanation
}

// Report is an Outcome with its reasons.
type Report struct {
	Outcome
	// Policies has every policy that was asked.
	Policies []PolicyExplanation
}

// String says in one line which policy decided and why.
func (r Report) String() string {
	if r.Layer == NoLayer {
		return r.Verdict.String() + ": no policy is required"
	}
	s := fmt.Sprintf("%s by %s", r.Verdict, r.Layer)
	found := false
	for _, p := range r.Policies {
		if p.Layer == r.Layer && (r.Policy < 0 && p.Level == r.Level || p.Policy == r.Policy && p.Level == r.Level) {
			s += ": " + p.Explanation.String()
			found = true
		}
	}
	if !found && r.Verdict != Allowed {
		s += ": there is no such policy"
	}
	return s
}

func (e *Entitlements) explain(r *Request) []PolicyExplanation {
	var out []PolicyExplanation
	e.each(func(l Layer, level, index int, p *Policy) bool {
		out = append(out, PolicyExplanation{l, index, level, p.Explain(r)})
		return true
	})
	return out
}

// Explain decides as Decide does and says why.
func (a *Access) Explain(r *Request) Report {
	rep := Report{Outcome: a.Decide(r), Policies: a.explain(r)}
	if a.Resource != nil {
		rep.Policies = append(rep.Policies, PolicyExplanation{Layer: ResourceLayer, Explanation: a.Resource.Explain(r)})
	}
	return rep
}
