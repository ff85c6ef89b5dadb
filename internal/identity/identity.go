// Package identity owns accounts, organizations and the principals of IAM: their data and invariants. The administration
// and the IAM, STS and Organizations APIs write them.
package identity

import "time"

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
}

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
}
