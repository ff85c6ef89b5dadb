package plan

import (
	"strconv"

	"trellis/internal/iam"
	"trellis/internal/proxy"
)

// Subject is the form in which policies know a verified caller; whoever implements proxy.Authenticator puts it into
// Principal.Subject.
type Subject struct{ Principal iam.Principal }

// authPolicy lets the proxy ask an auth policy. It keeps one question per connection and allocates nothing after that.
type authPolicy struct{ policy *iam.Policy }

// question is an iam.Request over a proxied request.
type question struct {
	iam.Request
	about *proxy.AuthRequest
}

// Lookup implements iam.Context.
func (q *question) Lookup(k iam.Key) iam.Values { return iam.Many(q.about.Values(k.Name, k.Arg)) }

// ask returns the question that a proxied request puts to policies. It stays valid until r is reset.
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
		if s, ok := p.Subject.(*Subject); ok {
			q.Principal = s.Principal
		}
	}
	return &q.Request
}

// Decide implements proxy.Policy.
func (p authPolicy) Decide(r *proxy.AuthRequest) proxy.Verdict {
	return verdict(p.policy.Decide(ask(r)).Verdict)
}

// Explain implements proxy.Policy.
func (p authPolicy) Explain(r *proxy.AuthRequest) proxy.Finding {
	e := p.policy.Explain(ask(r))
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
