package state

import "trellis/internal/identity"

// ByOrganization finds accounts by the id of their organization.
const ByOrganization = "organization"

// Accounts are keyed by id, organizations by id.
var (
	Accounts = &Table[identity.Account]{name: "account", key: func(a *identity.Account) string { return a.ID },
		indexes: []Index[identity.Account]{{ByOrganization, one(func(a *identity.Account) string { return a.Organization })}}}
	Organizations = &Table[identity.Organization]{name: "organization", key: func(o *identity.Organization) string { return o.ID }}
)

func identityTables() []table { return []table{Accounts, Organizations} }

// OrganizationOf returns the organization an account belongs to.
func OrganizationOf(r Reader, account string) (*identity.Organization, bool) {
	a, ok := Accounts.Get(r, account)
	if !ok || a.Organization == "" {
		return nil, false
	}
	return Organizations.Get(r, a.Organization)
}
