package state

import "trellis/internal/identity"

// Names of the indexes of identities.
const (
	ByOrganization = "organization"
	ByAccount      = "account"
	ByPolicy       = "policy"   // users, groups and roles: the ARN of an attached policy or boundary
	ByIdentity     = "identity" // access keys: "ACCOUNT/USER"
	ByMember       = "member"   // users: "ACCOUNT/GROUP"
)

// Accounts and organizations are keyed by id, access keys too; policies by ARN; users, groups and roles by account and name.
var (
	Accounts = &Table[identity.Account]{name: "account", key: func(a *identity.Account) string { return a.ID },
		indexes: []Index[identity.Account]{{ByOrganization, one(func(a *identity.Account) string { return a.Organization })}}}
	Organizations = &Table[identity.Organization]{name: "organization", key: func(o *identity.Organization) string { return o.ID }}
	Users         = &Table[identity.User]{name: "user", key: func(u *identity.User) string { return u.Account + "/" + u.Name },
		indexes: []Index[identity.User]{{ByAccount, one(func(u *identity.User) string { return u.Account })},
			{ByPolicy, func(u *identity.User) []string { return policyRefs(u.Attached, u.Boundary) }},
			{ByMember, func(u *identity.User) []string {
				out := make([]string, len(u.Groups))
				for i, g := range u.Groups {
					out[i] = u.Account + "/" + g
				}
				return out
			}}}}
	Groups = &Table[identity.Group]{name: "group", key: func(g *identity.Group) string { return g.Account + "/" + g.Name },
		indexes: []Index[identity.Group]{{ByAccount, one(func(g *identity.Group) string { return g.Account })},
			{ByPolicy, func(g *identity.Group) []string { return g.Attached }}}}
	Roles = &Table[identity.Role]{name: "role", key: func(r *identity.Role) string { return r.Account + "/" + r.Name },
		indexes: []Index[identity.Role]{{ByAccount, one(func(r *identity.Role) string { return r.Account })},
			{ByPolicy, func(r *identity.Role) []string { return policyRefs(r.Attached, r.Boundary) }}}}
	ManagedPolicies = &Table[identity.ManagedPolicy]{name: "managed-policy", key: func(p *identity.ManagedPolicy) string { return p.ARN() },
		indexes: []Index[identity.ManagedPolicy]{{ByAccount, one(func(p *identity.ManagedPolicy) string { return p.Account })}}}
	AccessKeys = &Table[identity.AccessKey]{name: "access-key", sealed: true, key: func(k *identity.AccessKey) string { return k.ID },
		indexes: []Index[identity.AccessKey]{{ByIdentity, one(func(k *identity.AccessKey) string { return k.Account + "/" + k.User })}}}
)

func policyRefs(attached []string, boundary string) []string {
	if boundary == "" {
		return attached
	}
	return append(append([]string{}, attached...), boundary)
}

func identityTables() []table {
	return []table{Accounts, Organizations, Users, Groups, Roles, ManagedPolicies, AccessKeys}
}

// OrganizationOf returns the organization an account belongs to.
func OrganizationOf(r Reader, account string) (*identity.Organization, bool) {
	a, ok := Accounts.Get(r, account)
	if !ok || a.Organization == "" {
		return nil, false
	}
	return Organizations.Get(r, a.Organization)
}

// RoleByARN returns the role with the ARN, whose path counts.
func RoleByARN(r Reader, roleARN string) (*identity.Role, bool) {
	account, name, ok := identity.SplitRole(roleARN)
	if !ok {
		return nil, false
	}
	role, ok := Roles.Get(r, account+"/"+name)
	if !ok || role.ARN() != roleARN {
		return nil, false
	}
	return role, true
}

// ServiceControl returns the documents of the service control policies that bear on an account, for each level from the
// organization's root down to the account. There are none for the management account, for an account outside an
// organization, and while the policy type is not enabled.
func ServiceControl(Reader, string) [][]string { return nil }
