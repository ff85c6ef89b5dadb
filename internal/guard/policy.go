// Package guard lets the proxy ask policies that are written in IAM's language. It is pure and keeps no state but one question
// in the memory of each connection.
package guard

import (
	"strconv"

	"trellis/internal/iam"
	"trellis/internal/proxy"
)

// Auth returns the auth policy of a service or service network in the form the proxy asks.
func Auth(p *iam.Policy) proxy.Policy { return policy[*iam.Policy]{p, explainAuth} }

// Identity returns what a principal may do by itself in the form the proxy asks.
func Identity(e *iam.Entitlements) proxy.Policy {
	return policy[entitlements]{entitlements{e}, explainIdentity}
}

type entitlements struct{ *iam.Entitlements }

// Decide implements decider.
func (e entitlements) Decide(r *iam.Request) iam.Decision { return e.Entitlements.Decide(r).Decision }

type decider interface {
	Decide(*iam.Request) iam.Decision
}

// policy keeps one question per connection and allocates nothing after that.
type policy[D decider] struct {
	decider D
	explain func(D, *iam.Request) proxy.Finding
}

// Decide implements proxy.Policy.
func (p policy[D]) Decide(r *proxy.AuthRequest) proxy.Verdict {
	q := ask(r)
	if q == nil {
		return proxy.NoAllow
	}
	return verdict(p.decider.Decide(q).Verdict)
}

// Explain implements proxy.Policy.
func (p policy[D]) Explain(r *proxy.AuthRequest) proxy.Finding {
	q := ask(r)
	if q == nil {
		return proxy.Finding{Reasons: []string{"the caller is of a kind that policies do not know"}}
	}
	return p.explain(p.decider, q)
}

func explainAuth(p *iam.Policy, q *iam.Request) proxy.Finding {
	e := p.Explain(q)
	out := proxy.Finding{Verdict: verdict(e.Verdict)}
	if e.Statement >= 0 {
		out.Statement = statementName(e.Sid, e.Statement)
		return out
	}
	for _, s := range e.Statements {
		out.Reasons = append(out.Reasons, s.String())
	}
	return out
}

func explainIdentity(e entitlements, q *iam.Request) proxy.Finding {
	o := e.Entitlements.Decide(q)
	out := proxy.Finding{Verdict: verdict(o.Verdict)}
	if o.Statement >= 0 {
		out.Statement = statementName(o.Sid, o.Statement) + " of the " + o.Layer.String()
	} else if !o.Allowed() {
		out.Reasons = []string{"no " + o.Layer.String() + " allows the action"}
	}
	return out
}

// question is an iam.Request over a proxied request.
type question struct {
	iam.Request
	about *proxy.AuthRequest
}

// Lookup implements iam.Context.
func (q *question) Lookup(k iam.Key) iam.Values { return iam.Many(q.about.Values(k.Name, k.Arg)) }

// ask returns the question that a proxied request puts to policies, nil for a principal that policies cannot know: it must
// not pass for an anonymous one. The question stays valid until r is reset.
func ask(r *proxy.AuthRequest) *iam.Request {
	q, _ := r.Memo.(*question)
	if q == nil {
		q = &question{}
		q.Context = q
		r.Memo = q
	}
	q.about = r
	q.Action = r.Action()
	service, path := r.Resource()
	q.Resource = iam.Resource{ARN: service, Path: path, Account: r.Account()}
	q.Principal = iam.Principal{}
	if p := r.Principal(); p != nil {
		known, ok := p.Subject.(*iam.Principal)
		if !ok {
			return nil
		}
		q.Principal = *known
	}
	return &q.Request
}

func statementName(sid string, index int) string {
	if sid != "" {
		return sid
	}
	return "statement " + strconv.Itoa(index+1)
}

func verdict(v iam.Verdict) proxy.Verdict {
	switch v {
	case iam.Allowed:
		return proxy.Allowed
	case iam.ExplicitDeny:
		return proxy.Denied
	}
	return proxy.NoAllow
}
