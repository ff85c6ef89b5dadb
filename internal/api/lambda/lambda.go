// Package lambda is the Lambda API: functions with their versions, aliases and policies, layers, and their invocation. It
// writes the rows of functions and layers and the network interfaces of functions in a VPC; hosts make them real.
package lambda

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"trellis/internal/blob"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// Archives keeps code and layers.
type Archives interface {
	Put(ctx context.Context, r io.Reader, limit int64) (blob.Info, error)
}

// Access answers what callers and roles may do.
type Access interface {
	// Authorize decides whether the caller of ctx may perform an action on what an input names.
	Authorize(ctx context.Context, action string, in any) error
	// CanAssume reports whether a service may act with a role.
	CanAssume(roleARN, service string) bool
	// PassRole decides whether the caller of ctx may hand a role to a service.
	PassRole(ctx context.Context, roleARN, service string) error
}

// Invoker runs functions.
type Invoker interface {
	Invoke(ctx context.Context, inv Invocation) (Outcome, error)
}

// Invocation is one request to a version of a function.
type Invocation struct {
	Function, Version string
	// Invoked is the ARN as the caller named it.
	Invoked string
	Payload []byte
	Event   bool
	// Tail asks for the end of the log.
	Tail          bool
	RequestID     string
	ClientContext string
}

// Outcome is what became of an Invocation. FunctionError is Handled or Unhandled where the function failed; the payload then
// says why.
type Outcome struct {
	FunctionError string
	Payload       []byte
	LogTail       []byte
}

// Ports are what the API works with.
type Ports struct {
	Archives Archives
	// Links lead to what Archives keeps.
	Links  *blob.Links
	Access Access
	// Invoker is nil where no function can run; NoInvoker then says why.
	Invoker   Invoker
	NoInvoker string
	// Architecture is what functions run on here: x86_64 or arm64.
	Architecture string
	Now          func() time.Time
}

// API implements the operations.
type API struct {
	view *state.View
	Ports
}

// New returns the API.
func New(view *state.View, p Ports) *API { return &API{view, p} }

// service is the principal that functions' roles have to trust.
const service = "lambda.amazonaws.com"

func owner(ctx context.Context) vpc.Owner {
	c := caller.From(ctx)
	return vpc.Owner{Account: c.Account, Region: c.Region}
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional is nil for a zero value, so that the member is left out.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// location is where the caller of ctx can have an archive from for a while; nil where nothing says how it reaches this server.
func (a *API) location(ctx context.Context, codeSHA256 string) *string {
	host := caller.From(ctx).Host
	if host == "" {
		return nil
	}
	return new("http://" + host + a.Links.Path(blob.Digest(codeSHA256)))
}

func revision() string { return uuid.NewString() }

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterValueException", format, args...)
}

func conflict(format string, args ...any) error {
	return fault.New(fault.Conflict, "ResourceConflictException", format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.New(fault.Unsupported, "InvalidParameterValueException", format, args...)
}

func notFound(format string, args ...any) error {
	return fault.New(fault.NotFound, "ResourceNotFoundException", format, args...)
}

// nothing is AWS's answer where a thing of a function is not there.
func nothing() error { return notFound("The resource you requested does not exist.") }

func outdated(read string) error {
	return fault.New(fault.Conflict, "PreconditionFailedException",
		"The RevisionId provided does not match the latest RevisionId. Call the %s API to retrieve the latest RevisionId", read)
}

// unless refuses a revision that is not the present one. A caller that names none takes any.
func unless(asked *string, present, read string) error {
	if asked != nil && *asked != present {
		return outdated(read)
	}
	return nil
}

// Found is a function that the caller may see, as it was named.
type found struct {
	*function.Function
	// qualifier is the one asked for, empty for none.
	qualifier string
}

// arn returns the function's name as it was asked for.
func (f *found) arn() string {
	return function.Ref{Owner: f.Owner, Name: f.Name, Qualifier: f.qualifier}.ARN()
}

// find returns the function that the name means. One of another account is answered for only if its policy lets the caller
// perform the action, and is refused in the same words if it does not exist.
func find(ctx context.Context, r state.Reader, name, qualifier *string, action string) (*found, error) {
	ref, err := function.ParseRef(deref(name), owner(ctx))
	if err != nil {
		return nil, err
	}
	if qualifier != nil && *qualifier != "" {
		if ref.Qualifier != "" && ref.Qualifier != *qualifier {
			return nil, invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		ref.Qualifier = *qualifier
	}
	who := caller.From(ctx)
	if ref.Region != who.Region {
		return nil, notFound("Functions from '%s' are not reachable in this region ('%s')", ref.Region, who.Region)
	}
	f, ok := state.Functions.Get(r, function.ARN(ref.Owner, ref.Name))
	if ref.Account != who.Account && (!ok || !function.AllowsPrincipal(f, ref.Qualifier, "lambda:"+action, principal(r, who))) {
		return nil, denied(who, action, ref.ARN())
	}
	if ok {
		_, ok = f.Resolve(ref.Qualifier)
	}
	if !ok {
		return nil, notFound("Function not found: %s", ref.ARN())
	}
	return &found{f, ref.Qualifier}, nil
}

func denied(who *caller.Caller, action, resource string) error {
	return fault.New(fault.Denied, "AccessDeniedException",
		"User: %s is not authorized to perform: lambda:%s on resource: %s because no resource-based policy allows the lambda:%[2]s action", who.ARN, action, resource)
}

// principal is the caller as resource policies name it.
func principal(r state.Reader, who *caller.Caller) function.Principal {
	p := function.Principal{Account: who.Account, ARNs: []string{who.ARN}}
	if who.RoleARN != "" {
		p.ARNs = append(p.ARNs, who.RoleARN)
	}
	if o, ok := state.OrganizationOf(r, who.Account); ok {
		p.OrgID = o.ID
	}
	return p
}

// own is find for what only the owner of a function does, and never to one version.
func own(ctx context.Context, r state.Reader, name *string, action string) (*function.Function, error) {
	f, err := find(ctx, r, name, nil, action)
	if err != nil {
		return nil, err
	}
	if f.qualifier != "" && f.qualifier != function.Latest {
		return nil, invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return f.Function, nil
}

// config returns the configuration that the qualifier of a function stands for.
func (f *found) config(r state.Reader) (*function.Config, state.Revisions, error) {
	version, _ := f.Resolve(f.qualifier)
	c, rev, ok := state.FunctionConfigs.Lookup(r, f.ARN()+":"+version)
	if !ok {
		return nil, rev, notFound("Function not found: %s", f.arn())
	}
	return c, rev, nil
}
