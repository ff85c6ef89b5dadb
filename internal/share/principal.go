package share

import (
	"strings"

	"trellis/internal/arn"
	"trellis/internal/fault"
)

// PrincipalKind is what a principal of a share is.
type PrincipalKind uint8

// Kinds of principal.
const (
	Account PrincipalKind = iota
	Organization
	Unit
)

// Principal is whom a share is for, as it was named: an account by its id, an organization or a unit by its ARN.
type Principal struct {
	Kind PrincipalKind
	// Organization is the id of the organization concerned, Unit that of the unit; accounts have neither.
	Organization, Unit string
}

// ParsePrincipal reads a principal. IAM users and roles and services are principals too, but not for any of the types of
// resource there are.
func ParsePrincipal(s string) (Principal, error) {
	if arn.IsAccount(s) {
		return Principal{Kind: Account}, nil
	}
	a, err := arn.Parse(s)
	if err != nil {
		return Principal{}, malformed(s)
	}
	switch {
	case a.Service == "organizations" && a.Region == "" && arn.IsAccount(a.Account):
		parts := strings.Split(a.Resource, "/")
		switch {
		case len(parts) == 2 && parts[0] == "organization" && strings.HasPrefix(parts[1], "o-"):
			return Principal{Organization, parts[1], ""}, nil
		case len(parts) == 3 && parts[0] == "ou" && strings.HasPrefix(parts[1], "o-") && strings.HasPrefix(parts[2], "ou-"):
			return Principal{Unit, parts[1], parts[2]}, nil
		}
	case a.Service == "iam" && (a.Type() == "role" || a.Type() == "user"):
		return Principal{}, fault.New(fault.Invalid, "InvalidParameterException", "VPC Lattice resources can't be shared with IAM roles and users: %s.", s)
	}
	return Principal{}, malformed(s)
}

func malformed(principal string) error {
	return fault.New(fault.Invalid, "InvalidParameterException", "Principal ID %s is malformed. Verify the ID and try again.", clip(principal))
}
