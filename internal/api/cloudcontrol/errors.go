package cloudcontrol

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	apimodel "trellis/internal/aws/model"
	"trellis/internal/aws/model/ec2"
	elb "trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/ram"
	"trellis/internal/aws/model/vpclattice"
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
	generalService   = "GeneralServiceException"
	notStabilized    = "NotStabilized"
	serviceInternal  = "ServiceInternalError"
	internalFailure  = "InternalFailure"
)

// kinds are the failures that kinds of error are; what is of none is a request that is wrong.
var kinds = map[fault.Kind]string{
	fault.NotFound: notFound, fault.Exists: alreadyExists, fault.Conflict: resourceConflict, fault.InUse: resourceConflict,
	fault.Denied: accessDenied, fault.Unauthenticated: accessDenied, fault.Quota: limitExceeded, fault.Throttled: throttling,
	fault.Unavailable: serviceInternal, fault.Gateway: serviceInternal,
}

// codes are the failures that an API's handlers make of its errors, by code, where those are others than their kinds say.
var codes = map[*apimodel.Service]map[string]string{
	// A subnet's range that is in use: aws-samples/aws-genai-llm-chatbot#153. Dependencies: aws/copilot-cli#5481.
	ec2.Model: {"InvalidSubnet.Conflict": alreadyExists, "Resource.AlreadyAssociated": alreadyExists, "DependencyViolation": invalidRequest},
	// Protection against deletion and default rules do not pass, as a ResourceConflict does by the handlers' contract.
	elb.Model: {"OperationNotPermitted": invalidRequest},
	// As the handler of AWS::IAM::User does.
	iam.Model: {"DeleteConflict": generalService},
	// The source of both APIs' handlers: aws-cloudformation-resource-providers-organizations and -vpc-lattice.
	organizations.Model: {"ConstraintViolationException": limitExceeded, "OrganizationNotEmptyException": invalidRequest,
		"OrganizationalUnitNotEmptyException": invalidRequest, "DestinationParentNotFoundException": invalidRequest},
	vpclattice.Model: {"ConflictException": invalidRequest},
}

// failed words what an API answered to a handler of the type. A conflict with a resource of the kind that was to be made
// means that there is one already.
func (r *resource) failed(c *call, operation, id string, err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind == fault.Internal {
		return &failure{internalFailure, "Internal error reported from downstream service during operation '" + r.schema.Name + "'."}
	}
	if e.Kind == fault.NotFound && (operation == opRead || operation == opDelete || operation == opUpdate && names(e, id)) {
		return &failure{notFound, fmt.Sprintf("Resource of type '%s' with identifier '%s' was not found.", r.schema.Name, id)}
	}
	api := r.api()
	own, status := c.apis.Outcome(api, e)
	code := cmp.Or(codes[api][own], kinds[e.Kind], invalidRequest)
	if e.Kind == fault.Exists || e.Kind == fault.Conflict && operation == opCreate && r.kind != "" && e.ResourceType == r.kind {
		code = alreadyExists
	}
	request := ""
	if who := caller.From(c.ctx); who != nil {
		request = who.RequestID
	}
	return &failure{code, fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", e.Message, spelled(api.Name), status, request)}
}

// taken is the failure of a creation where there is one already.
func (r *resource) taken(id string) *failure {
	return &failure{alreadyExists, fmt.Sprintf("Resource of type '%s' with identifier '%s' already exists.", r.schema.Name, id)}
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

// owners are the APIs of the types, by the second part of the types' names.
var owners = map[string]*apimodel.Service{"EC2": ec2.Model, "ElasticLoadBalancingV2": elb.Model, "IAM": iam.Model, "Lambda": lambda.Model,
	"Logs": logs.Model, "Organizations": organizations.Model, "RAM": ram.Model, "VpcLattice": vpclattice.Model}

// api is the API whose resources the type's are.
func (r *resource) api() *apimodel.Service {
	return owners[strings.Split(r.schema.Name, "::")[1]]
}

// spelled is how messages call an API, as the handlers' SDK writes its name: Ec2, CloudWatchLogs, ElasticLoadBalancingV2.
func spelled(name string) string {
	var out strings.Builder
	for word := range strings.FieldsSeq(name) {
		rest := word[1:]
		if rest == strings.ToUpper(rest) {
			rest = strings.ToLower(rest)
		}
		out.WriteString(strings.ToUpper(word[:1]) + rest)
	}
	return out.String()
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
	generalService:   {fault.Conflict, "GeneralServiceException"},
	notStabilized:    {fault.Conflict, "NotStabilizedException"},
	serviceInternal:  {fault.Unavailable, "ServiceInternalErrorException"},
}

// exception is the error of a synchronous operation.
func (a *API) exception(ctx context.Context, r *resource, operation, id string, err error) error {
	f := r.failed(a.call(ctx), operation, id, err)
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
