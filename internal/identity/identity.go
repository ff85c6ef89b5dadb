// Package identity owns accounts, organizations and the principals of IAM: their data and invariants. The administration
// and the IAM, STS and Organizations APIs write them.
package identity

import (
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
)

// Account is an AWS account.
type Account struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	Created time.Time `json:"created"`
	Closed  bool      `json:"closed,omitempty"` // suspended by CloseAccount
	// Organization is the id of the organization the account belongs to, empty if it stands alone.
	Organization string    `json:"organization,omitempty"`
	Joined       time.Time `json:"joined,omitzero"`
	JoinedMethod string    `json:"joinedMethod,omitempty"` // INVITED, CREATED
	// Parent is the root or organizational unit the account is in.
	Parent string `json:"parent,omitempty"`
	Alias  string `json:"alias,omitempty"`
	// Delegated are the service principals the account administers for its organization, by since when.
	Delegated map[string]time.Time `json:"delegated,omitempty"`
	// Tags are those the organization gave the account.
	Tags tag.Set `json:"tags,omitempty"`
}

// Ways into an organization.
const (
	Invited = "INVITED"
	Created = "CREATED"
)

// Join makes the account a member of the organization, in its root.
func (a *Account) Join(o *Organization, method string, now time.Time) {
	a.Organization, a.Parent, a.JoinedMethod, a.Joined = o.ID, o.Root, method, now
}

// Leave makes the account stand alone.
func (a *Account) Leave() {
	a.Organization, a.Parent, a.JoinedMethod, a.Joined = "", "", "", time.Time{}
	a.Delegated, a.Tags = nil, nil
}

// Address returns an email address in the form in which two are compared.
func Address(email string) string { return strings.ToLower(email) }

// Organization is a set of accounts under a management account.
type Organization struct {
	ID         string    `json:"id"`         // o-…
	Management string    `json:"management"` // account
	FeatureSet string    `json:"featureSet"`
	Root       string    `json:"root"` // r-…
	Created    time.Time `json:"created"`
	// TrustedServices are the service principals with access, such as ram.amazonaws.com, by when they got it.
	TrustedServices map[string]time.Time `json:"trustedServices,omitempty"`
	// RAMSharing is set by EnableSharingWithAwsOrganization.
	RAMSharing bool `json:"ramSharing,omitempty"`
	// PolicyTypes are those enabled in the root, such as SERVICE_CONTROL_POLICY.
	PolicyTypes []string `json:"policyTypes,omitempty"`
	// RootTags are the tags of the root.
	RootTags tag.Set `json:"rootTags,omitempty"`
}

// Feature sets of an organization.
const (
	AllFeatures         = "ALL"
	ConsolidatedBilling = "CONSOLIDATED_BILLING"
)

// NewOrganization returns an organization without members.
func NewOrganization(management, features string, now time.Time) *Organization {
	return &Organization{ID: "o-" + arn.Random(10), Management: management, FeatureSet: features, Root: "r-" + arn.Random(4), Created: now}
}

// ARN returns the organization's name.
func (o *Organization) ARN() string { return o.name("organization/" + o.ID) }

// RootARN returns the name of the organization's root.
func (o *Organization) RootARN() string { return o.name("root/" + o.ID + "/" + o.Root) }

// UnitARN returns the name of the organizational unit with the id.
func (o *Organization) UnitARN(id string) string { return o.name("ou/" + o.ID + "/" + id) }

// AccountARN returns the name a member account has in the organization.
func (o *Organization) AccountARN(id string) string { return o.name("account/" + o.ID + "/" + id) }

func (o *Organization) name(resource string) string {
	return arn.New("organizations", "", o.Management, resource).String()
}

// Unit is an organizational unit.
type Unit struct {
	ID           string    `json:"id"` // ou-…
	Organization string    `json:"organization"`
	Parent       string    `json:"parent"` // the root or another unit
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Tags         tag.Set   `json:"tags,omitempty"`
}

// NewUnit returns a unit of the organization under the parent.
func NewUnit(o *Organization, parent, name string, now time.Time) *Unit {
	return &Unit{ID: "ou-" + strings.TrimPrefix(o.Root, "r-") + "-" + arn.Random(8), Organization: o.ID, Parent: parent, Name: name, Created: now}
}

// ServiceControl is the only type of organization policy there is.
const ServiceControl = "SERVICE_CONTROL_POLICY"

// OrganizationPolicy is a policy that an organization attaches to its root, units and accounts.
type OrganizationPolicy struct {
	ID           string `json:"id"` // p-…
	Organization string `json:"organization"`
	Name         string `json:"name"`
	Description  string `json:"description,omitempty"`
	Content      string `json:"content"`
	// AWSManaged policies are there from the start and never change.
	AWSManaged bool `json:"awsManaged,omitempty"`
	// Targets are the ids of the root, units and accounts that the policy is attached to.
	Targets []string `json:"targets,omitempty"`
	Tags    tag.Set  `json:"tags,omitempty"`
}

// ARN returns the policy's name in its organization o.
func (p *OrganizationPolicy) ARN(o *Organization) string {
	if p.AWSManaged {
		return arn.New("organizations", "", "aws", "policy/service_control_policy/"+p.ID).String()
	}
	return o.name("policy/" + o.ID + "/service_control_policy/" + p.ID)
}

// Creation says what became of a CreateAccount request.
type Creation struct {
	ID            string    `json:"id"` // car-…
	Organization  string    `json:"organization"`
	AccountName   string    `json:"accountName"`
	Account       string    `json:"account,omitempty"`
	State         string    `json:"state"` // SUCCEEDED, FAILED
	FailureReason string    `json:"failureReason,omitempty"`
	Requested     time.Time `json:"requested"`
	Completed     time.Time `json:"completed"`
}
