// Package share owns the resource shares of AWS RAM: who may use which resource of another account. The RAM API writes
// them; the APIs whose resources can be shared ask.
package share

import (
	"slices"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Share gives principals access to resources of its owner.
type Share struct {
	vpc.Owner
	ID            string `json:"id"` // a UUID
	Name          string `json:"name"`
	AllowExternal bool   `json:"allowExternal"`
	// Retain keeps an account's access when it leaves the organization.
	Retain  bool      `json:"retain,omitempty"`
	Status  string    `json:"status"` // ACTIVE, DELETED
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Resources and Principals are associations, one for each entity; a removed one stays for a while as DISASSOCIATED.
	Resources   []Association `json:"resources,omitempty"`
	Principals  []Association `json:"principals,omitempty"`
	Permissions []string      `json:"permissions,omitempty"` // ARNs, one for a type of resource
	// Versions are those of the permissions that accounts made; AWS's own have one.
	Versions map[string]int `json:"versions,omitempty"`
	Tags     tag.Set        `json:"tags,omitempty"`
}

// Statuses of a share.
const (
	Active  = "ACTIVE"
	Deleted = "DELETED"
)

// Remembered is how long a deleted share and a removed association are still shown.
const Remembered = time.Hour

// ARN returns the share's name.
func (s *Share) ARN() string {
	return arn.New("ram", s.Region, s.Account, "resource-share/"+s.ID).String()
}

// Forgotten says whether the share was deleted long enough ago to be shown no more.
func (s *Share) Forgotten(now time.Time) bool {
	return s.Status == Deleted && now.Sub(s.Updated) > Remembered
}

// End deletes the share: everything associated with it is let go.
func (s *Share) End(now time.Time) {
	s.Resources, s.Principals = disassociateAll(s.Resources, now), disassociateAll(s.Principals, now)
	s.Status, s.Updated = Deleted, now
}

func disassociateAll(as []Association, now time.Time) []Association {
	out := slices.Clone(as)
	for i := range out {
		if out[i].Status != Disassociated {
			out[i].Status, out[i].Message, out[i].Updated = Disassociated, "", now
		}
	}
	return out
}

// Statuses of an association.
const (
	Associating   = "ASSOCIATING" // a principal that has not accepted the invitation yet
	Associated    = "ASSOCIATED"
	Disassociated = "DISASSOCIATED"
	Failed        = "FAILED" // a principal that refused, or let the invitation expire
)

// Association ties a resource's ARN or a principal (account id, organization or unit ARN) to a share.
type Association struct {
	Entity  string `json:"entity"`
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	// External principals are outside the owner's organization.
	External bool `json:"external,omitempty"`
	// Internal principals were associated without an invitation because they share the owner's organization; their access
	// lasts as long as that does.
	Internal bool      `json:"internal,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// Forgotten says whether the association was removed long enough ago to be shown no more.
func (a *Association) Forgotten(now time.Time) bool {
	return a.Status == Disassociated && now.Sub(a.Updated) > Remembered
}

// Find returns the association of the entity.
func Find(as []Association, entity string) (Association, bool) {
	i := slices.IndexFunc(as, func(a Association) bool { return a.Entity == entity })
	if i < 0 {
		return Association{}, false
	}
	return as[i], true
}

// Put returns as with the association of a's entity replaced or added, without those to be shown no more.
func Put(as []Association, a Association, now time.Time) []Association {
	out := make([]Association, 0, len(as)+1)
	for _, old := range as {
		if old.Entity != a.Entity && !old.Forgotten(now) {
			out = append(out, old)
		}
	}
	return append(out, a)
}

// Invitation asks an account outside the organization to accept a share.
type Invitation struct {
	vpc.Owner           // the sender
	ID        string    `json:"id"`    // a UUID
	Share     string    `json:"share"` // ARN
	ShareName string    `json:"shareName"`
	Receiver  string    `json:"receiver"` // account
	Status    string    `json:"status"`   // PENDING, ACCEPTED, REJECTED; see StatusAt
	Created   time.Time `json:"created"`
}

// Statuses of an invitation.
const (
	Pending  = "PENDING"
	Accepted = "ACCEPTED"
	Rejected = "REJECTED"
	Expired  = "EXPIRED"
)

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// ARN returns the invitation's name.
func (i *Invitation) ARN() string {
	return arn.New("ram", i.Region, i.Account, "resource-share-invitation/"+i.ID).String()
}

// StatusAt is the invitation's status, of which expiry is a matter of time alone.
func (i *Invitation) StatusAt(now time.Time) string {
	if i.Status == Pending && now.Sub(i.Created) > InvitationLife {
		return Expired
	}
	return i.Status
}
