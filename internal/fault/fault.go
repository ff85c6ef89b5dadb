// Package fault holds the kinds of error that Trellis answers with. It says what went wrong, which resource is concerned
// and what may be shown to a caller; how a kind looks on the wire is decided by package aws alone. It keeps no state.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind groups errors by what a caller can do about them.
type Kind uint8

const (
	// Internal is a failure of Trellis itself. Its message is never shown to a caller.
	Internal Kind = iota
	// Invalid is a request that is wrong in itself and stays wrong when repeated.
	Invalid
	// NotFound names a resource that does not exist or that the caller may not know of.
	NotFound
	// Exists is a name or id that is taken.
	Exists
	// Conflict is a request that the present state of a resource refuses.
	Conflict
	// InUse is the refusal to remove a thing that others depend on.
	InUse
	// Denied is a caller that may not do what it asks.
	Denied
	// Unauthenticated is a caller whose signature or credentials could not be verified.
	Unauthenticated
	// Quota is a limit on how many of a thing may exist.
	Quota
	// Throttled is a limit on how often something may be asked.
	Throttled
	// TooLarge is a request or answer over a size limit.
	TooLarge
	// Unsupported is an operation, type or option that is not built.
	Unsupported
	// Unavailable is a failure that is expected to pass; clients retry it.
	Unavailable
	// Gateway is a failure of something Trellis asked on the caller's behalf, such as a function that did not start.
	Gateway
)

var kindNames = [...]string{"internal", "invalid", "not found", "exists", "conflict", "in use", "denied", "unauthenticated",
	"quota", "throttled", "too large", "unsupported", "unavailable", "gateway"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Field is one member of a request that failed validation.
type Field struct {
	Name    string
	Message string
}

// Error is an error with a meaning. Every field but Kind is optional.
type Error struct {
	Kind Kind
	// Code is AWS's own error code, such as "InvalidVpcID.NotFound". Empty means the default of the API for this kind.
	Code string
	// Message is written for the caller.
	Message string
	// ResourceType and ResourceID name the resource concerned.
	ResourceType, ResourceID string
	// Reason is the validation reason where an API has one, such as "fieldValidationFailed".
	Reason string
	Fields []Field
	// RetryAfter is told to the caller when it is positive.
	RetryAfter time.Duration
	// Cause is logged and never shown.
	Cause error
}

func (e *Error) Error() string {
	s := e.Message
	if e.Code != "" {
		s = e.Code + ": " + s
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// New returns an error of the kind. The code may be empty.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// About returns e after naming the resource it concerns.
func (e *Error) About(resourceType, id string) *Error {
	e.ResourceType, e.ResourceID = resourceType, id
	return e
}

// KindOf returns the kind of the first Error in err's chain, and Internal where there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err carries an Error of the kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
