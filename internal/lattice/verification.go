package lattice

import (
	"time"

	"trellis/internal/arn"
)

// DomainVerification is how the owner of a domain proves to be that: by a TXT record in it.
type DomainVerification struct {
	Meta
	Domain string `json:"domain"`
	// TXTName and TXTValue are the record that is to be found.
	TXTName  string `json:"txtName"`
	TXTValue string `json:"txtValue"`
}

// NewDomainVerification asks for a record that nobody can guess.
func NewDomainVerification(m Meta, domain string) *DomainVerification {
	return &DomainVerification{Meta: m, Domain: domain, TXTName: "_" + arn.RandomHex(15), TXTValue: "vpc-lattice:" + arn.RandomHex(17)}
}

// ARN returns the verification's name.
func (v *DomainVerification) ARN() string { return v.arn("domainverification/" + v.ID) }

// MaxDomainVerifications is the quota of an account in a region.
const MaxDomainVerifications = 5

// VerificationPatience is how long a record is looked for.
const VerificationPatience = 72 * time.Hour

// Statuses of domain verifications. None is ever VERIFIED here: there is no public DNS in which the record could be seen.
const (
	VerificationPending  = "PENDING"
	VerificationTimedOut = "VERIFICATION_TIMED_OUT"
)

// StatusAt returns the verification's status.
func (v *DomainVerification) StatusAt(now time.Time) string {
	if now.Sub(v.Created) >= VerificationPatience {
		return VerificationTimedOut
	}
	return VerificationPending
}
