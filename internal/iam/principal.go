package iam

import (
	"strings"

	"trellis/internal/arn"
)

// PrincipalKind is the kind of identity that makes a request.
type PrincipalKind uint8

const (
	// Anonymous made an unsigned request.
	Anonymous PrincipalKind = iota
	// Root is an account's root user.
	Root
	// User is an IAM user.
	User
	// AssumedRole is a session of a role.
	AssumedRole
	// Service is an AWS service acting in its own name.
	Service
)

// typeName returns the value of aws:PrincipalType; services have none.
func (k PrincipalKind) typeName() string {
	switch k {
	case Anonymous:
		return "Anonymous"
	case Root:
		return "Account"
	case User:
		return "User"
	case AssumedRole:
		return "AssumedRole"
	}
	return ""
}

// Principal is the identity that makes a request. The zero Principal is anonymous.
type Principal struct {
	Kind PrincipalKind
	// ARN is what GetCallerIdentity answers; for a service it is its name, such as "lambda.amazonaws.com".
	ARN string
	// RoleARN is the ARN of the role behind a session, path included.
	RoleARN string
	Account string
	// UserID is the value of aws:userid.
	UserID string
	// OrgID is the organization of the principal's account, empty where it is in none.
	OrgID string
	// Tags are the tags of the user, or those of the role and the session.
	Tags []Tag
}

// Tag is a key with a value.
type Tag struct{ Key, Value string }

// Name returns the principal as access-denied messages write it.
func (p *Principal) Name() string {
	if p.Kind == Anonymous {
		return "anonymous"
	}
	return p.ARN
}

// tag returns a tag's value. Tag keys are case-insensitive here, so two that differ only in case make it unavailable.
func (p *Principal) tag(key string) Values {
	var v Values
	for i := range p.Tags {
		if strings.EqualFold(p.Tags[i].Key, key) {
			if v.state == present {
				return Unavailable()
			}
			v = One(p.Tags[i].Value)
		}
	}
	return v
}

// grant says how an Allow of a resource policy names the caller, which decides what else must allow.
type grant uint8

const (
	noGrant grant = iota
	// accountGrant names the caller's account, and so leaves it to that account's own policies.
	accountGrant
	// roleGrant names the role behind the caller's session, whose boundary and session policy still bound it.
	roleGrant
	// directGrant names the caller itself, or everyone.
	directGrant
)

// principals is the compiled form of Principal or NotPrincipal.
type principals struct {
	not bool
	// everyone is "*", everyAWS is {"AWS": "*"}.
	everyone, everyAWS bool
	accounts           map[string]struct{}
	arns               map[string]struct{}
	services           map[string]struct{}
	want               []string
}

// match says how p names the caller under a statement of the effect. A nil p is that of an identity policy, which needs
// none.
func (p *principals) match(c *Principal, e Effect) (truth, grant) {
	if p == nil {
		return yes, directGrant
	}
	if p.not {
		return truthOf(!p.exempts(c)), noGrant
	}
	if p.everyone || p.everyAWS && (c.Kind != Service || e == Deny) {
		return yes, directGrant
	}
	switch c.Kind {
	case Anonymous:
		return no, noGrant
	case Service:
		if has(p.services, c.ARN) {
			return yes, directGrant
		}
		return no, noGrant
	}
	switch {
	case has(p.arns, c.ARN):
		return yes, directGrant
	case c.Kind == AssumedRole && has(p.arns, c.RoleARN):
		return yes, roleGrant
	case has(p.accounts, c.Account):
		return yes, accountGrant
	}
	return no, noGrant
}

// exempts says whether a NotPrincipal lists everything the caller is.
func (p *principals) exempts(c *Principal) bool {
	switch {
	case p.everyone || p.everyAWS && c.Kind != Service:
		return true
	case c.Kind == Anonymous:
		return false
	case c.Kind == Service:
		return has(p.services, c.ARN)
	case !has(p.accounts, c.Account):
		return false
	case c.Kind == Root:
		return true
	case c.Kind == AssumedRole && !has(p.arns, c.RoleARN):
		return false
	}
	return has(p.arns, c.ARN)
}

func has(set map[string]struct{}, s string) bool {
	_, ok := set[s]
	return ok
}

func (p *principals) addAWS(s string) error {
	switch {
	case s == "*":
		p.everyAWS = true
		return nil
	case arn.IsAccount(s):
		p.accounts[s] = struct{}{}
		return nil
	}
	a, err := arn.Parse(s)
	if err != nil {
		return invalid("Invalid principal in policy: %s must be \"*\", a 12-digit account id or the ARN of an account, user, role or role session.", quote(s))
	}
	if strings.ContainsAny(s, "*?") {
		return invalid("Invalid principal in policy: %s holds a wildcard; a principal is named in full, or is \"*\".", quote(s))
	}
	if !arn.IsAccount(a.Account) {
		return invalid("Invalid principal in policy: %s has no 12-digit account id.", quote(s))
	}
	kind, name, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		p.accounts[a.Account] = struct{}{}
	case a.Service == "iam" && (kind == "user" || kind == "role") && name != "",
		a.Service == "sts" && kind == "federated-user" && name != "",
		a.Service == "sts" && kind == "assumed-role" && strings.Count(name, "/") == 1:
		p.arns[s] = struct{}{}
	default:
		return invalid("Invalid principal in policy: %s is not an account, user, role or role session.", quote(s))
	}
	return nil
}

func (p *principals) addService(s string) error {
	if !strings.Contains(s, ".") || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return invalid("Invalid principal in policy: %s is not a service principal such as \"lambda.amazonaws.com\".", quote(s))
	}
	p.services[s] = struct{}{}
	return nil
}
