package iam

// AuthPolicy is the auth type of a VPC Lattice service network or service, with its auth policy.
type AuthPolicy struct {
	// Required is set for auth type AWS_IAM. Where it is not, the layer is skipped, policy or not.
	Required bool
	// Policy may be nil; a layer that requires one then denies everything.
	Policy *Policy
}

// Lattice is every policy that bears on a request to a VPC Lattice service.
type Lattice struct {
	Network, Service AuthPolicy
	// Identity is what the caller may do by itself. It is not asked about an anonymous caller; nil denies any other.
	Identity *Entitlements
}

// Decide says whether the request may go on: every layer there is must allow, even within one account, and an explicit deny
// in any of them wins. Where nothing requires auth, nothing is asked, not even of a signed request. When several layers
// deny, explicit denies are told first, and then the network before the service before the caller's own policies. Unlike a
// resource policy, an auth policy that names the caller's account allows by itself.
func (l *Lattice) Decide(r *Request) Outcome {
	if !l.Network.Required && !l.Service.Required {
		return allowedBy(NoLayer)
	}
	network := l.Network.decide(r, NetworkLayer)
	if network.Verdict == ExplicitDeny {
		return network
	}
	service := l.Service.decide(r, ServiceLayer)
	if service.Verdict == ExplicitDeny {
		return service
	}
	identity := l.identity(r)
	if identity.Verdict == ExplicitDeny {
		return identity
	}
	switch {
	case !network.Allowed():
		return network
	case !service.Allowed():
		return service
	case !identity.Allowed():
		return identity
	case l.Service.Required:
		return service
	}
	return network
}

func (a AuthPolicy) decide(r *Request, l Layer) Outcome {
	switch {
	case !a.Required:
		return allowedBy(l)
	case a.Policy == nil:
		return denied(l)
	}
	o := Outcome{Decision: a.Policy.Decide(r), Layer: l}
	if o.Statement < 0 {
		o.Policy = -1
	}
	return o
}

func (l *Lattice) identity(r *Request) Outcome {
	switch {
	case r.Principal.Kind == Anonymous:
		return allowedBy(IdentityLayer)
	case l.Identity == nil:
		return denied(IdentityLayer)
	}
	return l.Identity.Decide(r)
}

// AuthDeniedReason returns the value of an access log's authDeniedReason: "Network", "Service", "Identity", or "-" where
// the request was allowed.
func (o Outcome) AuthDeniedReason() string {
	switch {
	case o.Allowed():
		return "-"
	case o.Layer == NetworkLayer:
		return "Network"
	case o.Layer == ServiceLayer:
		return "Service"
	}
	return "Identity"
}

// Explain decides as Decide does and says why.
func (l *Lattice) Explain(r *Request) Report {
	rep := Report{Outcome: l.Decide(r)}
	if !l.Network.Required && !l.Service.Required {
		return rep
	}
	for _, part := range [...]struct {
		AuthPolicy
		layer Layer
	}{{l.Network, NetworkLayer}, {l.Service, ServiceLayer}} {
		if part.Required && part.Policy != nil {
			rep.Policies = append(rep.Policies, PolicyExplanation{Layer: part.layer, Explanation: part.Policy.Explain(r)})
		}
	}
	if l.Identity != nil && r.Principal.Kind != Anonymous {
		rep.Policies = append(rep.Policies, l.Identity.explain(r)...)
	}
	return rep
}
