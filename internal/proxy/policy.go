package proxy

import (
	"time"

	"trellis/internal/proxy/http1"
)

// Verdict is what one policy says of a request.
type Verdict uint8

const (
	// NoAllow means that no statement allows the request.
	NoAllow Verdict = iota
	Allowed
	// Denied means that a statement denies the request explicitly.
	Denied
)

func (v Verdict) String() string {
	return [...]string{"no statement allows it", "allowed", "explicitly denied"}[v%3]
}

// Policy is a compiled policy: an auth policy, or the identity policies of a principal taken together.
type Policy interface {
	// Decide is called on the path of every request. It must neither block nor keep r or a string it got from r.
	Decide(r *AuthRequest) Verdict
	// Explain says how Decide comes to its verdict. It is called later, off the request's path, with an equal request.
	Explain(r *AuthRequest) Finding
}

// Finding is a verdict and what led to it.
type Finding struct {
	Verdict Verdict
	// Statement names the deciding statement, by Sid or by its place; empty if none applied.
	Statement string
	// Reasons are sentences: for a refusal, each statement that came close and the element or condition that failed.
	Reasons []string
}

// Principal is a caller whose signature was verified. It must not change once it was returned.
type Principal struct {
	ARN      string // arn:aws:sts::A:assumed-role/ROLE/SESSION, or a user's
	Session  string // of an assumed role
	OrgID    string
	OrgPaths []string
	Tags     []Tag
	// Identity is the principal's identity policies; nil allows nothing.
	Identity Policy
	// Subject is the principal in the form that implementations of Policy know.
	Subject any
}

// Tag is a principal's tag.
type Tag struct{ Key, Value string }

// Authenticator verifies signed requests (AWS Signature Version 4 for the service vpc-lattice-svcs).
type Authenticator interface {
	// Authenticate is called when a request carries credentials, in its Authorization header or X-Amz-Signature
	// parameter, and an auth policy is in force. The proxy has already refused signed payloads. The returned principal
	// may be shared between requests. Strings got from r must not be kept. An error refuses the request with 403; an
	// *AuthError says with which code and message.
	Authenticate(r *http1.Request, now time.Time) (*Principal, error)
}

// AuthError is the refusal of a signature.
type AuthError struct {
	Code, Message string
}

func (e *AuthError) Error() string { return e.Code + ": " + e.Message }
