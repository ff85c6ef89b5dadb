package aws

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"

	"trellis/internal/aws/model"
	"trellis/internal/aws/sigv4"
	"trellis/internal/fault"
)

// outcome is how an error kind looks on the wire.
type outcome struct {
	code   string
	status int
}

// outcomes is the one table from (API, kind) to default code and HTTP status.
// A kind an API does not list takes its protocol's, kept under "".
func outcomes(m *model.Service, kind fault.Kind) outcome {
	switch m.Package {
	case "vpclattice":
		switch kind {
		case fault.Internal:
			return outcome{"InternalServerException", 500}
		case fault.Exists, fault.Conflict, fault.InUse:
			return outcome{"ConflictException", 409}
		case fault.NotFound:
			return outcome{"ResourceNotFoundException", 404}
		case fault.Quota:
			return outcome{"ServiceQuotaExceededException", 402}
		case fault.TooLarge, fault.Unsupported:
			return outcome{"ValidationException", 400}
		}
	case "lambda":
		switch kind {
		case fault.Invalid, fault.Unsupported:
			return outcome{"InvalidParameterValueException", 400}
		case fault.NotFound:
			return outcome{"ResourceNotFoundException", 404}
		case fault.Exists, fault.Conflict:
			return outcome{"ResourceConflictException", 409}
		case fault.InUse:
			return outcome{"ResourceInUseException", 400}
		case fault.Quota:
			return outcome{"CodeStorageExceededException", 400}
		case fault.Throttled:
			return outcome{"TooManyRequestsException", 429}
		case fault.TooLarge:
			return outcome{"RequestTooLargeException", 413}
		case fault.Internal:
			return outcome{"ServiceException", 500}
		case fault.Gateway:
			return outcome{"ServiceException", 502}
		}
	case "ram":
		switch kind {
		case fault.Invalid:
			return outcome{"InvalidParameterException", 400}
		case fault.NotFound:
			return outcome{"UnknownResourceException", 400}
		case fault.Exists, fault.Conflict, fault.InUse, fault.Unsupported:
			return outcome{"OperationNotPermittedException", 400}
		case fault.Quota:
			return outcome{"ResourceShareLimitExceededException", 400}
		case fault.Internal:
			return outcome{"ServerInternalException", 500}
		case fault.Unavailable:
			return outcome{"ServiceUnavailableException", 503}
		}
	case "logs":
		switch kind {
		case fault.Invalid:
			return outcome{"InvalidParameterException", 400}
		case fault.NotFound:
			return outcome{"ResourceNotFoundException", 400}
		case fault.Exists:
			return outcome{"ResourceAlreadyExistsException", 400}
		case fault.Conflict, fault.InUse:
			return outcome{"OperationAbortedException", 400}
		case fault.Quota:
			return outcome{"LimitExceededException", 400}
		case fault.Unsupported:
			return outcome{"InvalidOperationException", 400}
		}
	case "organizations":
		switch kind {
		case fault.Invalid, fault.Unsupported:
			return outcome{"InvalidInputException", 400}
		case fault.NotFound:
			return outcome{"TargetNotFoundException", 400}
		case fault.Exists:
			return outcome{"AlreadyInOrganizationException", 400}
		case fault.Conflict, fault.InUse, fault.Quota:
			return outcome{"ConstraintViolationException", 400}
		case fault.Throttled:
			return outcome{"TooManyRequestsException", 400}
		case fault.Internal:
			return outcome{"ServiceException", 500}
		}
	case "cloudcontrol":
		switch kind {
		case fault.Invalid:
			return outcome{"ValidationException", 400}
		case fault.NotFound:
			return outcome{"ResourceNotFoundException", 400}
		case fault.Exists:
			return outcome{"AlreadyExistsException", 400}
		case fault.Conflict, fault.InUse:
			return outcome{"ResourceConflictException", 400}
		case fault.Quota:
			return outcome{"ServiceLimitExceededException", 400}
		case fault.Unsupported:
			return outcome{"UnsupportedActionException", 400}
		case fault.Internal:
			return outcome{"ServiceInternalErrorException", 500}
		}
	case "iam":
		switch kind {
		case fault.NotFound:
			return outcome{"NoSuchEntity", 404}
		case fault.Exists:
			return outcome{"EntityAlreadyExists", 409}
		case fault.Conflict:
			return outcome{"ConcurrentModification", 409}
		case fault.InUse:
			return outcome{"DeleteConflict", 409}
		case fault.Quota:
			return outcome{"LimitExceeded", 409}
		case fault.Unsupported:
			return outcome{"InvalidInput", 400}
		case fault.Internal:
			return outcome{"ServiceFailure", 500}
		}
	case "elbv2":
		switch kind {
		case fault.NotFound:
			return outcome{"ResourceNotFound", 400}
		case fault.Exists:
			return outcome{"DuplicateName", 400}
		case fault.Conflict, fault.InUse:
			return outcome{"ResourceInUse", 400}
		case fault.Quota:
			return outcome{"LimitExceeded", 400}
		case fault.Unsupported:
			return outcome{"OperationNotPermitted", 400}
		}
	}
	return defaults(m.Protocol, kind)
}

// defaults is what the protocols have in common.
func defaults(p model.Protocol, kind fault.Kind) outcome {
	switch p {
	case model.EC2Query:
		switch kind {
		case fault.Invalid:
			return outcome{"InvalidParameterValue", 400}
		case fault.NotFound:
			return outcome{"InvalidResource.NotFound", 400}
		case fault.Exists:
			return outcome{"InvalidParameter.Duplicate", 400}
		case fault.Conflict:
			return outcome{"IncorrectState", 400}
		case fault.InUse:
			return outcome{"DependencyViolation", 400}
		case fault.Denied:
			return outcome{"UnauthorizedOperation", 403}
		case fault.Unauthenticated:
			return outcome{"AuthFailure", 401}
		case fault.Quota:
			return outcome{"ResourceLimitExceeded", 400}
		case fault.Throttled:
			return outcome{"RequestLimitExceeded", 503}
		case fault.TooLarge:
			return outcome{"RequestEntityTooLarge", 413}
		case fault.Unsupported:
			return outcome{"UnsupportedOperation", 400}
		case fault.Unavailable:
			return outcome{"Unavailable", 503}
		}
		return outcome{"InternalError", 500}
	case model.Query:
		switch kind {
		case fault.Invalid, fault.NotFound, fault.Exists, fault.Conflict, fault.InUse, fault.Unsupported:
			return outcome{"ValidationError", 400}
		case fault.Denied:
			return outcome{"AccessDenied", 403}
		case fault.Unauthenticated:
			return outcome{"InvalidClientTokenId", 403}
		case fault.Quota:
			return outcome{"LimitExceeded", 400}
		case fault.Throttled:
			return outcome{"Throttling", 400}
		case fault.TooLarge:
			return outcome{"RequestEntityTooLarge", 413}
		case fault.Unavailable:
			return outcome{"ServiceUnavailable", 503}
		}
		return outcome{"InternalFailure", 500}
	}
	refused := 400
	if p == model.RESTJSON {
		refused = 403
	}
	switch kind {
	case fault.Denied:
		return outcome{"AccessDeniedException", refused}
	case fault.Unauthenticated:
		return outcome{"UnrecognizedClientException", refused}
	case fault.Throttled:
		if p == model.RESTJSON {
			return outcome{"ThrottlingException", 429}
		}
		return outcome{"ThrottlingException", 400}
	case fault.TooLarge:
		return outcome{"RequestEntityTooLargeException", 413}
	case fault.Unavailable:
		return outcome{"ServiceUnavailableException", 503}
	case fault.Internal, fault.Gateway:
		return outcome{"InternalFailure", 500}
	}
	return outcome{"ValidationException", 400}
}

// outcomeOf is the code and status an error travels with: what its code has in
// the API's table, else its kind's.
func outcomeOf(m *model.Service, e *fault.Error) outcome {
	o := outcomes(m, e.Kind)
	if e.Code == "" {
		return o
	}
	for i := range m.Errors {
		if m.Errors[i].Code == e.Code || m.Errors[i].Name == e.Code {
			return outcome{m.Errors[i].Code, m.Errors[i].Status}
		}
	}
	if e.Code == "DryRunOperation" {
		o.status = http.StatusPreconditionFailed
	}
	return outcome{e.Code, o.status}
}

// Outcome is the code and the HTTP status with which an API answers an error.
func Outcome(m *model.Service, e *fault.Error) (code string, status int) {
	o := outcomeOf(m, e)
	return o.code, o.status
}

// asFault is the error that is answered. What is not a fault is not shown.
func asFault(err error) *fault.Error {
	var e *fault.Error
	if !errors.As(err, &e) {
		e = &fault.Error{Kind: fault.Internal, Cause: err}
	}
	if e.Kind != fault.Internal {
		return e
	}
	hidden := *e
	hidden.Message = "An internal error occurred. The request id names it in the server's log."
	return &hidden
}

func panicked(cause any) error {
	return &fault.Error{Kind: fault.Internal, Cause: fmt.Errorf("panic: %v\n%s", cause, debug.Stack())}
}

// unsigned words a signature problem as the protocol does.
func unsigned(m *model.Service, problem error) *fault.Error {
	e := &fault.Error{Kind: fault.Unauthenticated, Message: problem.Error()}
	code := map[sigv4.Problem]string{sigv4.Missing: "MissingAuthenticationToken", sigv4.Incomplete: "IncompleteSignature",
		sigv4.Expired: "SignatureDoesNotMatch", sigv4.NotYet: "SignatureDoesNotMatch", sigv4.Scope: "SignatureDoesNotMatch",
		sigv4.Mismatch: "SignatureDoesNotMatch"}[sigv4.ProblemOf(problem)]
	switch m.Protocol {
	case model.Query:
	case model.EC2Query:
		switch sigv4.ProblemOf(problem) {
		case sigv4.Expired:
			return fault.New(fault.Invalid, "RequestExpired", "Request has expired.")
		case sigv4.Incomplete:
			e.Kind = fault.Invalid
		case sigv4.Missing, sigv4.Mismatch:
			code, e.Message = "AuthFailure", "AWS was not able to validate the provided access credentials"
		default:
			code = "AuthFailure"
		}
	default:
		if code == "SignatureDoesNotMatch" {
			code = "InvalidSignature"
		}
		code += "Exception"
	}
	e.Code = code
	return e
}

// unknownKey words the refusal of an access key or session token.
func unknownKey(m *model.Service, err error) error {
	e := asFault(err)
	if e.Kind != fault.Unauthenticated && e.Kind != fault.NotFound {
		return err
	}
	expired := e.Code == "ExpiredToken"
	refused := &fault.Error{Kind: fault.Unauthenticated, Message: "The security token included in the request is invalid."}
	if expired {
		refused.Message = "The security token included in the request is expired"
	}
	switch {
	case m.Protocol == model.EC2Query && expired:
		refused.Kind, refused.Code, refused.Message = fault.Invalid, "RequestExpired", "Request has expired."
	case m.Protocol == model.EC2Query:
		refused.Message = "AWS was not able to validate the provided access credentials"
	case expired && m.Protocol == model.Query:
		refused.Code = "ExpiredToken"
	case expired:
		refused.Code = "ExpiredTokenException"
	}
	return refused
}

// notBuilt answers for an operation the API has and this server does not.
func notBuilt(m *model.Service, name string) *fault.Error {
	e := fault.New(fault.Unsupported, "NotImplemented", "The operation %s of %s is not implemented by this server.", name, m.Name)
	switch m.Protocol {
	case model.EC2Query:
		e.Code = "UnsupportedOperation"
	case model.Query:
	default:
		e.Code = "NotImplementedException"
	}
	return e
}

// unknownOperation answers for an operation the API does not have.
func unknownOperation(m *model.Service, name, version string) *fault.Error {
	switch m.Protocol {
	case model.EC2Query:
		if name == "" {
			return fault.New(fault.Invalid, "MissingAction", "The request must contain the parameter Action")
		}
		return fault.New(fault.Invalid, "InvalidAction", "The action %s is not valid for this web service.", shown(name))
	case model.Query:
		if name == "" {
			return fault.New(fault.Invalid, "MissingAction", "The request must contain the parameter Action")
		}
		return fault.New(fault.Invalid, "InvalidAction", "Could not find operation %s for version %s", shown(name), shown(version))
	case model.RESTJSON:
		e := fault.New(fault.NotFound, "UnknownOperationException", "%s has no operation at this method and path.", m.Name)
		e.Reason = "unknownOperation"
		return e
	default:
		return fault.New(fault.Invalid, "UnknownOperationException", "%s has no operation %s.", m.Name, strconv.Quote(shown(name)))
	}
}

// shown keeps what is echoed to a caller short.
func shown(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
