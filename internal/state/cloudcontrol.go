package state

import (
	"strings"
	"time"

	"trellis/internal/caller"
	"trellis/internal/vpc"
)

// Statuses of a resource request.
const (
	RequestInProgress = "IN_PROGRESS"
	RequestSuccess    = "SUCCESS"
	RequestFailed     = "FAILED"
	RequestCancelling = "CANCEL_IN_PROGRESS"
	RequestCancelled  = "CANCEL_COMPLETE"
)

// ResourceRequest is what Cloud Control was asked to do to one resource, and how far it got. The Cloud Control API writes it.
type ResourceRequest struct {
	vpc.Owner
	Token       string `json:"token"`
	ClientToken string `json:"clientToken,omitempty"`
	Digest      string `json:"digest"` // of the parameters that came with the client token
	// Caller is on whose behalf the request goes on.
	Caller     caller.Caller `json:"caller"`
	Type       string        `json:"type"`
	Operation  string        `json:"operation"` // CREATE, UPDATE or DELETE
	Identifier string        `json:"identifier,omitempty"`
	// Model is, in JSON, what is to be created or what a resource is to become.
	Model string `json:"model,omitempty"`
	// Base is what a resource was when its change was asked for: what Model has otherwise is what is to change.
	Base string `json:"base,omitempty"`
	// Existed says that the resource was there when its deletion was asked for.
	Existed bool      `json:"existed,omitempty"`
	Status  string    `json:"status"`
	Code    string    `json:"code,omitempty"` // of the failure
	Message string    `json:"message,omitempty"`
	Made    time.Time `json:"made"`
	Updated time.Time `json:"updated"`
}

// Open reports whether the request still goes on.
func (r *ResourceRequest) Open() bool {
	return r.Status == RequestInProgress || r.Status == RequestCancelling
}

// Names of the indexes of resource requests.
const (
	ByOpen        = "open"         // OpenRequest, of requests that go on
	ByClientToken = "client-token" // RequestClientToken
	ByWork        = "work"         // RequestWork, of requests that go on
)

// OpenRequest is the value of ByOpen.
const OpenRequest = "yes"

// ResourceRequests are keyed by their token.
var ResourceRequests = &Table[ResourceRequest]{name: "resource-request", record: true, key: func(r *ResourceRequest) string { return r.Token },
	indexes: []Index[ResourceRequest]{{ByScope, one(func(r *ResourceRequest) string { return r.Scope() })},
		{ByOpen, one(func(r *ResourceRequest) string {
			if r.Open() {
				return OpenRequest
			}
			return ""
		})},
		{ByClientToken, one(func(r *ResourceRequest) string {
			if r.ClientToken == "" {
				return ""
			}
			return RequestClientToken(r.Owner, r.ClientToken)
		})},
		{ByWork, one(func(r *ResourceRequest) string {
			if !r.Open() || r.Identifier == "" {
				return ""
			}
			return RequestWork(r.Owner, r.Type, r.Identifier)
		})}}}

// RequestClientToken is under what a client token's requests stand.
func RequestClientToken(o vpc.Owner, token string) string { return o.Scope() + "/" + token }

// RequestWork is under what the requests stand that change a resource, named by its ARN or its id.
func RequestWork(o vpc.Owner, typeName, identifier string) string {
	return o.Scope() + "/" + typeName + "/" + identifier[strings.LastIndexByte(identifier, '/')+1:]
}

// ResourceClaim says which server carries a request out. It rides that server's lease: a request of a server that is gone is
// another's to take. The Cloud Control API writes it.
type ResourceClaim struct {
	Token  string `json:"token"`
	Server string `json:"server"`
}

// ResourceClaims are keyed by their request's token.
var ResourceClaims = &Table[ResourceClaim]{name: "resource-claim", status: true, key: func(c *ResourceClaim) string { return c.Token }}

func cloudControlTables() []table { return []table{ResourceRequests, ResourceClaims} }
