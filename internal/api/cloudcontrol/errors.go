package cloudcontrol

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trellis/internal/caller"
	"trellis/internal/fault"
)

// failure is why a handler did not do what was asked: a code of Cloud Control and a message.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.code + ": " + f.message }

// Codes of failures.
const (
	alreadyExists    = "AlreadyExists"
	notFound         = "NotFound"
	invalidRequest   = "InvalidRequest"
	accessDenied     = "AccessDenied"
	resourceConflict = "ResourceConflict"
	throttling       = "Throttling"
	limitExceeded    = "ServiceLimitExceeded"
	notStabilized    = "NotStabilized"
	serviceInternal  = "ServiceInternalError"
	internalFailure  = "InternalFailure"
)

// failed words what an API answered to a handler of the type. A conflict with a resource of the kind that was to be made
// means that there is one already.
func (r *resource) failed(ctx context.Context, operation, id string, err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind == fault.Internal {
		return &failure{internalFailure, "Internal error reported from downstream service during operation '" + r.schema.Name + "'."}
	}
	code, status := invalidRequest, 400
	switch e.Kind {
	case fault.NotFound:
		code, status = notFound, 404
		if operation != opCreate && names(e, id) {
			return &failure{code, fmt.Sprintf("Resource of type '%s' with identifier '%s' was not found.", r.schema.Name, id)}
		}
	case fault.Exists:
		code, status = alreadyExists, 409
	case fault.Conflict, fault.InUse:
		code, status = resourceConflict, 409
		if e.Code == "DependencyViolation" {
			// EC2's handlers take it for a request that is wrong: aws/copilot-cli#5481.
			code, status = invalidRequest, 400
		}
		if operation == opCreate && e.ResourceType == r.kind && r.kind != "" {
			code = alreadyExists
		}
	case fault.Denied, fault.Unauthenticated:
		code, status = accessDenied, 403
	case fault.Quota:
		code, status = limitExceeded, 402
	case fault.Throttled:
		code, status = throttling, 429
	case fault.Unavailable, fault.Gateway:
		code, status = serviceInternal, 503
	}
	request := ""
	if who := caller.From(ctx); who != nil {
		request = who.RequestID
	}
	return &failure{code, fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", e.Message, r.service(), status, request)}
}

// names reports whether an error is about the resource with the identifier, and not about another that it refers to.
func names(e *fault.Error, id string) bool {
	if e.ResourceID != "" {
		return strings.HasSuffix(id, e.ResourceID)
	}
	for part := range strings.SplitSeq(id, "|") {
		if strings.HasPrefix(part, "arn:") {
			part = part[strings.LastIndexByte(part, '/')+1:]
		}
		if part != "" && strings.Contains(e.Message, part) {
			return true
		}
	}
	return false
}

// service is how messages call the service of the type.
func (r *resource) service() string {
	_, rest, _ := strings.Cut(r.schema.Name, "::")
	name, _, _ := strings.Cut(rest, "::")
	return name
}

// exceptions are the errors in which synchronous operations tell a handler's failure.
var exceptions = map[string]struct {
	kind fault.Kind
	name string
}{
	alreadyExists:    {fault.Exists, "AlreadyExistsException"},
	notFound:         {fault.NotFound, "ResourceNotFoundException"},
	invalidRequest:   {fault.Invalid, "InvalidRequestException"},
	accessDenied:     {fault.Denied, "AccessDeniedException"},
	resourceConflict: {fault.Conflict, "ResourceConflictException"},
	throttling:       {fault.Throttled, "ThrottlingException"},
	limitExceeded:    {fault.Quota, "ServiceLimitExceededException"},
	notStabilized:    {fault.Conflict, "NotStabilizedException"},
	serviceInternal:  {fault.Unavailable, "ServiceInternalErrorException"},
}

// exception is the error of a synchronous operation.
func (a *API) exception(ctx context.Context, r *resource, operation, id string, err error) error {
	f := r.failed(ctx, operation, id, err)
	if f.code == internalFailure {
		return err
	}
	x := exceptions[f.code]
	return fault.New(x.kind, x.name, "%s Handler returned status FAILED: %s (HandlerErrorCode: %s, RequestToken: %s)", r.schema.Name, f.message, f.code,
		caller.From(ctx).RequestID)
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "ValidationException", format, args...)
}

// broken is the error of a model that breaks its schema.
func broken(messages []string) error {
	return invalid("Model validation failed (%s)", strings.Join(messages, "\n"))
}

// pointers lists paths as schemas write them.
func pointers(paths []string) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = "/properties/" + p
	}
	return "[" + strings.Join(out, ", ") + "]"
}
