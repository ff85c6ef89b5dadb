package identity

import (
	"encoding/base64"
	"strings"
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
	Tags tag.Set `json:"tags,omitempty"`
}

// ARN returns the role's name.
func (r *Role) ARN() string { return arn.New("iam", "", r.Account, "role"+r.Path+r.Name).String() }

// NewAccessKey mints an access key of a user, or of the account's root user when user is empty.
func NewAccessKey(account, user string, now time.Time) AccessKey {
	return AccessKey{ID: arn.MintKey("AKIA"), Secret: NewSecret(), Account: account, User: user, Active: true, Created: now}
}

// NewSecret mints the secret of an access key: 40 characters.
func NewSecret() string { return base64.StdEncoding.EncodeToString([]byte(arn.Random(30))) }

// ServiceLinkedPath begins the path of roles that services own; service control policies do not bear on them.
const ServiceLinkedPath = "/aws-service-role/"

// ServiceLinked says whether the role is a service's own.
func (r *Role) ServiceLinked() bool { return strings.HasPrefix(r.Path, ServiceLinkedPath) }

// NewRole returns a role without policies whose sessions last at most an hour.
func NewRole(account, path, name, trust string, now time.Time) *Role {
	return &Role{Account: account, Name: name, Path: path, ID: arn.MintKey("AROA"), Created: now, Trust: trust, MaxSession: 3600}
}

// InstanceProfile carries a role to an instance.
type InstanceProfile struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	ID      string    `json:"id"` // AIPA…
	Created time.Time `json:"created"`
	Role    string    `json:"role,omitempty"` // name
	Tags    tag.Set   `json:"tags,omitempty"`
}

// ARN returns the instance profile's name.
func (p *InstanceProfile) ARN() string {
	return arn.New("iam", "", p.Account, "instance-profile"+p.Path+p.Name).String()
}

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
	v, _ := p.Version(p.Default)
	return v.Document
}

// Version returns the version with the id.
func (p *ManagedPolicy) Version(id string) (PolicyVersion, bool) {
	for _, v := range p.Versions {
		if v.ID == id {
			return v, true
		}
	}
	return PolicyVersion{}, false
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

// Fold returns a name in the form in which two are compared: names of users, groups, roles, policies and instance profiles
// may not differ in case alone.
func Fold(name string) string { return strings.ToLower(name) }

// SplitRole returns the account and the name in a role's ARN.
func SplitRole(roleARN string) (account, name string, ok bool) {
	a, err := arn.Parse(roleARN)
	if err != nil || a.Service != "iam" || a.Type() != "role" {
		return "", "", false
	}
	return a.Account, a.Last(), true
}

// ServiceLinkedRole returns the name and the description of the role that a service has for itself. A custom suffix makes it
// one of several.
func ServiceLinkedRole(service, suffix string) (name, description string) {
	roles := map[string][2]string{
		"vpc-lattice.amazonaws.com":          {"VpcLattice", "Lets VPC Lattice publish metrics and manage what it needs."},
		"lambda.amazonaws.com":               {"Lambda", "Lets Lambda manage what its functions need."},
		"elasticloadbalancing.amazonaws.com": {"ElasticLoadBalancing", "Lets Elastic Load Balancing manage network interfaces and addresses."},
		"ram.amazonaws.com":                  {"ResourceAccessManager", "Lets Resource Access Manager read the organization."},
		"organizations.amazonaws.com":        {"Organizations", "Lets Organizations make the roles of services it trusts."},
		"delivery.logs.amazonaws.com":        {"LogDelivery", "Lets services deliver logs."},
	}
	r, ok := roles[service]
	if !ok {
		return "", ""
	}
	name = "AWSServiceRoleFor" + r[0]
	if suffix != "" {
		name += "_" + suffix
	}
	return name, r[1]
}
