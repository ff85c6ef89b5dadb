package identity

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
)

// Policies are the identity policies of a user, group or role.
type Policies struct {
	// Inline maps names to documents.
	Inline map[string]string `json:"inline,omitempty"`
	// Attached are the ARNs of managed policies, AWS's or the account's own.
	Attached []string `json:"attached,omitempty"`
}

// User is an IAM user.
type User struct {
	Account  string    `json:"account"`
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	ID       string    `json:"id"` // AIDA…
	Created  time.Time `json:"created"`
	Boundary string    `json:"boundary,omitempty"` // ARN
	Groups   []string  `json:"groups,omitempty"`   // names
	Policies
	Tags tag.Set `json:"tags,omitempty"`
}

// ARN returns the user's name.
func (u *User) ARN() string { return arn.New("iam", "", u.Account, "user"+u.Path+u.Name).String() }

// Group is a set of users with policies in common.
type Group struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	ID      string    `json:"id"` // AGPA…
	Created time.Time `json:"created"`
	Policies
}

// ARN returns the group's name.
func (g *Group) ARN() string { return arn.New("iam", "", g.Account, "group"+g.Path+g.Name).String() }

// Role is an IAM role.
type Role struct {
	Account     string    `json:"account"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	ID          string    `json:"id"` // AROA…
	Created     time.Time `json:"created"`
	Description string    `json:"description,omitempty"`
	Trust       string    `json:"trust"`              // AssumeRolePolicyDocument
	MaxSession  int32     `json:"maxSession"`         // seconds
	Boundary    string    `json:"boundary,omitempty"` // ARN
	Policies
	Tags     tag.Set   `json:"tags,omitempty"`
	LastUsed time.Time `json:"lastUsed,omitzero"`
}

// ARN returns the role's name.
func (r *Role) ARN() string { return arn.New("iam", "", r.Account, "role"+r.Path+r.Name).String() }

// ManagedPolicy is a customer managed policy.
type ManagedPolicy struct {
	Account     string    `json:"account"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	ID          string    `json:"id"` // ANPA…
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	// Versions are in ascending order; NextVersion is the number of the next one.
	Versions    []PolicyVersion `json:"versions"`
	NextVersion int             `json:"nextVersion"`
	Default     string          `json:"default"` // v1
	Tags        tag.Set         `json:"tags,omitempty"`
}

// ARN returns the policy's name.
func (p *ManagedPolicy) ARN() string {
	return arn.New("iam", "", p.Account, "policy"+p.Path+p.Name).String()
}

// Document returns the default version's document.
func (p *ManagedPolicy) Document() string {
	for _, v := range p.Versions {
		if v.ID == p.Default {
			return v.Document
		}
	}
	return ""
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	ID       string    `json:"id"`
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// AccessKey is a long-term credential of an account's root user or of an IAM user. It is stored sealed.
type AccessKey struct {
	ID      string    `json:"id"` // AKIA…
	Secret  string    `json:"secret"`
	Account string    `json:"account"`
	User    string    `json:"user,omitempty"` // name; empty for root
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
}

// SplitRole returns the account and the name in a role's ARN.
func SplitRole(roleARN string) (account, name string, ok bool) {
	a, err := arn.Parse(roleARN)
	if err != nil || a.Service != "iam" || a.Type() != "role" {
		return "", "", false
	}
	return a.Account, a.Last(), true
}
