// Package share owns the resource shares of AWS RAM: who may use which resource of another account. The RAM API writes
// them; the APIs whose resources can be shared ask.
package share

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Share gives principals access to resources of its owner.
type Share struct {
	vpc.Owner
	ID            string    `json:"id"` // a UUID
	Name          string    `json:"name"`
	AllowExternal bool      `json:"allowExternal"`
	Status        string    `json:"status"` // ACTIVE, DELETED
	Created       time.Time `json:"created"`
	Updated       time.Time `json:"updated"`
	// Resources and Principals are associations; a removed one stays for a while as DISASSOCIATED.
	Resources   []Association `json:"resources,omitempty"`
	Principals  []Association `json:"principals,omitempty"`
	Permissions []string      `json:"permissions,omitempty"` // ARNs
	Tags        tag.Set       `json:"tags,omitempty"`
}

// ARN returns the share's name.
func (s *Share) ARN() string {
	return arn.New("ram", s.Region, s.Account, "resource-share/"+s.ID).String()
}

// Statuses of an association.
const (
	Associating   = "ASSOCIATING" // a principal that has not accepted the invitation yet
	Associated    = "ASSOCIATED"
	Disassociated = "DISASSOCIATED"
	Failed        = "FAILED"
)

// Association ties a resource's ARN or a principal (account id, organization or unit ARN) to a share.
type Association struct {
	Entity   string    `json:"entity"`
	Status   string    `json:"status"`
	Message  string    `json:"message,omitempty"`
	External bool      `json:"external,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// Invitation asks an account outside the organization to accept a share.
type Invitation struct {
	vpc.Owner           // the sender
	ID        string    `json:"id"`    // a UUID
	Share     string    `json:"share"` // ARN
	ShareName string    `json:"shareName"`
	Receiver  string    `json:"receiver"` // account
	Status    string    `json:"status"`   // PENDING, ACCEPTED, REJECTED, EXPIRED
	Created   time.Time `json:"created"`
}

// ARN returns the invitation's name.
func (i *Invitation) ARN() string {
	return arn.New("ram", i.Region, i.Account, "resource-share-invitation/"+i.ID).String()
}
