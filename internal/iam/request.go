package iam

import (
	"strconv"
	"strings"
	"time"
)

// Request is one question put to policies: may this principal perform this action on this resource?
type Request struct {
	Principal Principal
	// Action is the action in full, such as "ec2:CreateVpc".
	Action   string
	Resource Resource
	// Time is the time of the request; where it is not zero, aws:CurrentTime and aws:EpochTime follow from it.
	Time time.Time
	// Context answers for every condition key that does not follow from the fields above. It may be nil.
	Context Context
}

// Resource is what a request acts on.
type Resource struct {
	// ARN is the resource's name, or "*" for an action that has no resource of its own.
	ARN string
	// Path is taken as appended to ARN, so that a request path need not be joined to it: "/users".
	Path string
	// Account owns the resource. Empty means the caller's own account.
	Account string
	// Unknown says that the resource could not be determined. Only a statement for every resource then allows, and every
	// statement that names a resource may deny.
	Unknown bool
}

func (r Resource) String() string {
	if r.Unknown {
		return "*"
	}
	return r.ARN + r.Path
}

// Context looks up the condition keys of a request. A key that it cannot answer for is [Unavailable], not absent. The strings it returns are only read until Decide returns, and nothing
// keeps them, so they may alias buffers. Lookup gives the same answer throughout one Decide.
type Context interface {
	Lookup(Key) Values
}

// Key names a condition key. For "vpc-lattice-svcs:RequestHeader/Content-Type", Name is "vpc-lattice-svcs:requestheader"
// and Arg is "content-type": both in lower case, but for the key of a query string, whose Arg is as written.
type Key struct {
	Name, Arg string
}

const queryStringKey = "vpc-lattice-svcs:requestquerystring"

// MakeKey returns the key written as s.
func MakeKey(s string) Key {
	// OpenID Connect providers have slashes before the colon and belong to the name.
	colon := strings.IndexByte(s, ':')
	slash := strings.IndexByte(s[colon+1:], '/')
	if slash < 0 {
		return Key{Name: strings.ToLower(s)}
	}
	slash += colon + 1
	k := Key{Name: strings.ToLower(s[:slash]), Arg: s[slash+1:]}
	if k.Name != queryStringKey {
		k.Arg = strings.ToLower(k.Arg)
	}
	return k
}

type presence uint8

const (
	absent presence = iota
	present
	unavailable
)

// Values are the values of one condition key. The zero Values says that the request does not have the key.
type Values struct {
	first string
	rest  []string
	state presence
}

// One returns a key's single value.
func One(value string) Values { return Values{first: value, state: present} }

// Many returns a key's values; none means that the request does not have the key.
func Many(values []string) Values {
	if len(values) == 0 {
		return Values{}
	}
	return Values{first: values[0], rest: values[1:], state: present}
}

// Unavailable says that the request may have the key but its value cannot be told.
func Unavailable() Values { return Values{state: unavailable} }

// Len returns the number of values.
func (v Values) Len() int {
	if v.state != present {
		return 0
	}
	return 1 + len(v.rest)
}

// At returns value i, which is less than Len.
func (v Values) At(i int) string {
	if i == 0 {
		return v.first
	}
	return v.rest[i-1]
}

// Map is a complete Context held in memory: a key it does not hold is absent.
type Map map[Key]Values

// Lookup returns the key's values.
func (m Map) Lookup(k Key) Values { return m[k] }

// Set gives the key written as name its values.
func (m Map) Set(name string, values ...string) { m[MakeKey(name)] = Many(values) }

// Partial is a Map that is not complete: a key it does not hold is unavailable. A key that is known to be absent is set
// without values.
type Partial map[Key]Values

// Lookup returns the key's values.
func (m Partial) Lookup(k Key) Values {
	if v, ok := m[k]; ok {
		return v
	}
	return Unavailable()
}

// Set gives the key written as name its values.
func (m Partial) Set(name string, values ...string) { m[MakeKey(name)] = Many(values) }

// lookup answers from the principal, the resource and the time where the key is theirs, else from the context.
func (r *Request) lookup(k Key) Values {
	if v, ok := r.builtin(k); ok {
		return v
	}
	if r.Context == nil {
		return Values{}
	}
	return r.Context.Lookup(k)
}

// builtin returns the values of a key that follows from r's own fields, and whether k is one.
func (r *Request) builtin(k Key) (Values, bool) {
	p := &r.Principal
	value := ""
	switch k.Name {
	case "aws:principaltag":
		return p.tag(k.Arg), true
	case "aws:principalarn":
		value = p.ARN
		if p.Kind == AssumedRole {
			value = p.RoleARN
		}
		if value == "" && p.Kind != Anonymous {
			return Unavailable(), true
		}
	case "aws:principalaccount":
		value = p.Account
	case "aws:principalorgid":
		value = p.OrgID
	case "aws:principaltype":
		value = p.Kind.typeName()
	case "aws:userid":
		value = p.UserID
		if p.Kind == Anonymous {
			value = "anonymous"
		}
	case "aws:username":
		if p.Kind == User {
			value = p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
		}
	case "aws:principalisawsservice":
		value = strconv.FormatBool(p.Kind == Service)
	case "aws:principalservicename":
		if p.Kind == Service {
			value = p.ARN
		}
	case "aws:resourceaccount":
		switch {
		case r.Resource.Unknown:
			return Unavailable(), true
		case r.Resource.Account != "":
			value = r.Resource.Account
		default:
			value = p.Account
		}
	case "aws:currenttime":
		if r.Time.IsZero() {
			return Values{}, false
		}
		value = r.Time.UTC().Format(time.RFC3339)
	case "aws:epochtime":
		if r.Time.IsZero() {
			return Values{}, false
		}
		value = strconv.FormatInt(r.Time.Unix(), 10)
	default:
		return Values{}, false
	}
	if value == "" {
		return Values{}, true
	}
	return One(value), true
}
