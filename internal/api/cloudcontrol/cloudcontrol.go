// Package cloudcontrol answers the Cloud Control API: it checks what is asked against the schemas of resource types, keeps
// every request as a row of state, which it alone writes, and carries requests out in the background with the permissions of
// whoever asked. The resources themselves belong to the APIs that its handlers drive.
package cloudcontrol

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// Authorizer decides what callers may do.
type Authorizer interface {
	// Authorize decides whether the caller of ctx may perform an action, such as "vpc-lattice:CreateService", on what the input
	// names.
	Authorize(ctx context.Context, action string, in any) error
	// PassRole decides whether the caller of ctx may hand a role to a service.
	PassRole(ctx context.Context, role, service string) error
	// AssumeAsService starts a session of a role that trusts the service; Lookup tells whose its key is.
	AssumeAsService(role, service, session string) (identity.Credentials, error)
	Lookup(ctx context.Context, accessKey, token string) (secret string, who caller.Caller, err error)
}

// API has one method for every operation. Run carries out what they begin.
type API struct {
	view    *state.View
	server  string
	auth    Authorizer
	apis    APIs
	log     *slog.Logger
	now     func() time.Time
	types   map[string]*resource
	checker *schema.Checker

	// fresh are the tokens of requests that this API took and nobody has begun to carry out.
	fresh sync.Map
}

// New returns the API of a server, whose name no other on the same state has. Nothing that is asked of it goes on before Run
// is called.
func New(view *state.View, server string, lattice Lattice, apis APIs, auth Authorizer, log *slog.Logger, now func() time.Time) *API {
	a := &API{view: view, server: server, auth: auth, apis: apis, log: log, now: now, types: resources(lattice), checker: schema.NewChecker(schema.Types)}
	for i := range schema.Types {
		if r := a.types[schema.Types[i].Name]; r != nil {
			r.schema = &schema.Types[i]
		}
	}
	return a
}

func owner(ctx context.Context) vpc.Owner {
	c := caller.From(ctx)
	return vpc.Owner{Account: c.Account, Region: c.Region}
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// text returns nil for an empty string, so that it is left out of an answer.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Names of the operations, as in schemas and in events.
const (
	opCreate = "create"
	opRead   = "read"
	opUpdate = "update"
	opDelete = "delete"
	opList   = "list"
)

// resource returns the handlers of a type that supports the operation.
func (a *API) resource(typeName, version *string, operation string) (*resource, error) {
	name := str(typeName)
	r := a.types[name]
	switch {
	case r == nil && slices.Contains(schema.Known, name):
		return nil, fault.New(fault.Unsupported, "UnsupportedActionException", "Resource type %s is not supported by this server.", name)
	case r == nil || version != nil && *version != theVersion:
		return nil, fault.New(fault.NotFound, "TypeNotFoundException", "The type '%s' cannot be found.", name)
	case !slices.Contains(r.schema.Handlers, operation):
		return nil, fault.New(fault.Unsupported, "UnsupportedActionException", "Resource type %s does not support %s action", name, actions[operation])
	}
	return r, nil
}

// theVersion is the only one there is of a type.
const theVersion = "00000001"

var actions = map[string]string{opCreate: "CREATE", opRead: "READ", opUpdate: "UPDATE", opDelete: "DELETE", opList: "LIST"}

// service is as whom roles are assumed, and session what such sessions are called.
const (
	service = "cloudformation.amazonaws.com"
	session = "AWSCloudFormation"
)

// withRole returns ctx with the role in place of its caller, who must be allowed to pass it.
func (a *API) withRole(ctx context.Context, role *string) (context.Context, error) {
	if role == nil {
		return ctx, nil
	}
	if err := a.auth.PassRole(ctx, *role, service); err != nil {
		return nil, err
	}
	keys, err := a.auth.AssumeAsService(*role, service, session)
	if err != nil {
		return nil, err
	}
	_, who, err := a.auth.Lookup(ctx, keys.AccessKey, keys.Token)
	if err != nil {
		return nil, err
	}
	c := caller.From(ctx)
	who.Region, who.RequestID, who.Host, who.SourceIP, who.UserAgent = c.Region, c.RequestID, c.Host, c.SourceIP, c.UserAgent
	return caller.With(ctx, &who), nil
}
