// Package caller says who asks: the verified identity behind an API call and the region it names. Package aws puts it into
// a call's context after the signature was verified; API packages read it. It keeps no state.
package caller

import (
	"context"
	"strings"
	"time"
)

// Kind is the kind of principal that called.
type Kind uint8

const (
	Root Kind = iota
	User
	AssumedRole
)

// Caller is a verified identity.
type Caller struct {
	// Account is the 12-digit account the caller belongs to.
	Account string
	// Region is the region named in the signature's scope; a call acts on this region's resources.
	Region string
	Kind   Kind
	// ARN is what GetCallerIdentity answers: arn:aws:iam::A:root, arn:aws:iam::A:user/PATH/NAME or
	// arn:aws:sts::A:assumed-role/ROLE/SESSION.
	ARN string
	// UserID is the account for root, AIDA… for a user, AROA…:SESSION for a role.
	UserID string
	// RoleARN is the ARN of the assumed role, empty otherwise.
	RoleARN string
	// Session is the role session's name, empty otherwise.
	Session string
	// SessionPolicy is the policy document passed to AssumeRole, empty otherwise.
	SessionPolicy string
	// SessionTags are the tags passed to AssumeRole; those with keys in Transitive pass on to sessions that this one starts.
	SessionTags map[string]string
	Transitive  []string
	// SourceIdentity is whom the session acts for, as its first caller said, empty if nobody did.
	SourceIdentity string
	// Issued is when the temporary credentials were issued, zero for a long-term key.
	Issued time.Time
	// AccessKey is the id of the key that signed.
	AccessKey string
	// RequestID is the id under which this call is answered and logged.
	RequestID string
	// Host is the server as the client named it, with the port if it named one; empty where there was no request.
	Host string
	// SourceIP is the address the call came from, without port.
	SourceIP string
	// UserAgent is the caller's User-Agent header.
	UserAgent string
}

// Name returns the last part of the caller's ARN: a user's name or a session's.
func (c *Caller) Name() string { return c.ARN[strings.LastIndexAny(c.ARN, "/:")+1:] }

type key struct{}

// With returns a context that carries c.
func With(ctx context.Context, c *Caller) context.Context { return context.WithValue(ctx, key{}, c) }

// From returns the caller of the call ctx belongs to. Handlers only ever run with one; elsewhere it is nil.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(key{}).(*Caller)
	return c
}
