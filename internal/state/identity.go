package state

import (
	"iter"
	"slices"

	"trellis/internal/identity"
)

// Names of the indexes of identities.
const (
	ByOrganization = "organization"
	ByAccount      = "account"
	ByPolicy       = "policy"   // users, groups and roles: the ARN of an attached policy or boundary
	ByIdentity     = "identity" // access keys: "ACCOUNT/USER"; instance profiles: "ACCOUNT/ROLE"
	ByMember       = "member"   // users: "ACCOUNT/GROUP"
	ByEmail        = "email"    // accounts: identity.Address of the email
	ByAlias        = "alias"    // accounts
	ByParent       = "parent"   // accounts and units: "ORGANIZATION/PARENT"
	ByTarget       = "target"   // organization policies: "ORGANIZATION/TARGET"
)

// Accounts and organizations are keyed by id, access keys too; IAM's policies by ARN; users, groups, roles and instance
// profiles by account and name, and found by account and folded name under ByName.
var (
	Accounts = &Table[identity.Account]{name: "account", key: func(a *identity.Account) string { return a.ID },
		indexes: []Index[identity.Account]{{ByOrganization, one(func(a *identity.Account) string { return a.Organization })},
			{ByEmail, one(func(a *identity.Account) string { return identity.Address(a.Email) })},
			{ByParent, one(func(a *identity.Account) string { return within(a.Organization, a.Parent) })},
			{ByAlias, one(func(a *identity.Account) string { return a.Alias })}}}
	Organizations = &Table[identity.Organization]{name: "organization", key: func(o *identity.Organization) string { return o.ID }}
	// Units and organization policies are keyed by organization and id.
	Units = &Table[identity.Unit]{name: "organizational-unit", key: func(u *identity.Unit) string { return u.Organization + "/" + u.ID },
		indexes: []Index[identity.Unit]{{ByOrganization, one(func(u *identity.Unit) string { return u.Organization })},
			{ByParent, one(func(u *identity.Unit) string { return within(u.Organization, u.Parent) })}}}
	OrganizationPolicies = &Table[identity.OrganizationPolicy]{name: "organization-policy",
		key: func(p *identity.OrganizationPolicy) string { return p.Organization + "/" + p.ID },
		indexes: []Index[identity.OrganizationPolicy]{{ByOrganization, one(func(p *identity.OrganizationPolicy) string { return p.Organization })},
			{ByTarget, func(p *identity.OrganizationPolicy) []string {
				return each(p.Targets, func(t string) string { return within(p.Organization, t) })
			}}}}
	Handshakes = &Table[identity.Handshake]{name: "handshake", key: func(h *identity.Handshake) string { return h.ID },
		indexes: []Index[identity.Handshake]{{ByOrganization, one(func(h *identity.Handshake) string { return h.Organization })},
			{ByAccount, one(func(h *identity.Handshake) string { return h.Account })}}}
	Creations = &Table[identity.Creation]{name: "account-creation", key: func(c *identity.Creation) string { return c.ID },
		indexes: []Index[identity.Creation]{{ByOrganization, one(func(c *identity.Creation) string { return c.Organization })}}}
	Users = &Table[identity.User]{name: "user", key: func(u *identity.User) string { return u.Account + "/" + u.Name },
		indexes: []Index[identity.User]{{ByAccount, one(func(u *identity.User) string { return u.Account })},
			{ByName, one(func(u *identity.User) string { return within(u.Account, identity.Fold(u.Name)) })},
			{ByPolicy, func(u *identity.User) []string { return policyRefs(u.Attached, u.Boundary) }},
			{ByMember, func(u *identity.User) []string {
				return each(u.Groups, func(g string) string { return within(u.Account, g) })
			}}}}
	Groups = &Table[identity.Group]{name: "group", key: func(g *identity.Group) string { return g.Account + "/" + g.Name },
		indexes: []Index[identity.Group]{{ByAccount, one(func(g *identity.Group) string { return g.Account })},
			{ByName, one(func(g *identity.Group) string { return within(g.Account, identity.Fold(g.Name)) })},
			{ByPolicy, func(g *identity.Group) []string { return g.Attached }}}}
	Roles = &Table[identity.Role]{name: "role", key: func(r *identity.Role) string { return r.Account + "/" + r.Name },
		indexes: []Index[identity.Role]{{ByAccount, one(func(r *identity.Role) string { return r.Account })},
			{ByName, one(func(r *identity.Role) string { return within(r.Account, identity.Fold(r.Name)) })},
			{ByPolicy, func(r *identity.Role) []string { return policyRefs(r.Attached, r.Boundary) }}}}
	InstanceProfiles = &Table[identity.InstanceProfile]{name: "instance-profile",
		key: func(p *identity.InstanceProfile) string { return p.Account + "/" + p.Name },
		indexes: []Index[identity.InstanceProfile]{{ByAccount, one(func(p *identity.InstanceProfile) string { return p.Account })},
			{ByName, one(func(p *identity.InstanceProfile) string { return within(p.Account, identity.Fold(p.Name)) })},
			{ByIdentity, one(func(p *identity.InstanceProfile) string { return within(p.Account, p.Role) })}}}
	ManagedPolicies = &Table[identity.ManagedPolicy]{name: "managed-policy", key: func(p *identity.ManagedPolicy) string { return p.ARN() },
		indexes: []Index[identity.ManagedPolicy]{{ByAccount, one(func(p *identity.ManagedPolicy) string { return p.Account })},
			{ByName, one(func(p *identity.ManagedPolicy) string { return within(p.Account, identity.Fold(p.Name)) })}}}
	AccessKeys = &Table[identity.AccessKey]{name: "access-key", sealed: true, key: func(k *identity.AccessKey) string { return k.ID },
		indexes: []Index[identity.AccessKey]{{ByIdentity, one(func(k *identity.AccessKey) string { return k.Account + "/" + k.User })}}}
)

// within names a thing that is unique inside another, and is empty unless both are named.
func within(outer, inner string) string {
	if outer == "" || inner == "" {
		return ""
	}
	return outer + "/" + inner
}

func policyRefs(attached []string, boundary string) []string {
	if boundary == "" || slices.Contains(attached, boundary) {
		return attached
	}
	return append(slices.Clone(attached), boundary)
}

func identityTables() []table {
	return []table{Accounts, Organizations, Units, OrganizationPolicies, Handshakes, Creations, Users, Groups, Roles, InstanceProfiles,
		ManagedPolicies, AccessKeys}
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

// Ancestors returns the ids of what a child of parent is in, from the organization's root down to parent itself.
func Ancestors(r Reader, org *identity.Organization, parent string) []string {
	var out []string
	for parent != "" && parent != org.Root && !slices.Contains(out, parent) {
		out = append(out, parent)
		u, ok := Units.Get(r, org.ID+"/"+parent)
		if !ok {
			break
		}
		parent = u.Parent
	}
	out = append(out, org.Root)
	slices.Reverse(out)
	return out
}

// AttachedTo yields the service control policies attached to a root, unit or account of the organization.
func AttachedTo(r Reader, org *identity.Organization, target string) iter.Seq[*identity.OrganizationPolicy] {
	return OrganizationPolicies.By(r, ByTarget, org.ID+"/"+target)
}

// ServiceControl returns the documents of the service control policies that bear on an account, for each level from the
// organization's root down to the account. There are none for the management account, for an account outside an
// organization, and while the policy type is not enabled.
func ServiceControl(r Reader, account string) [][]string {
	a, ok := Accounts.Get(r, account)
	if !ok || a.Organization == "" {
		return nil
	}
	org, ok := Organizations.Get(r, a.Organization)
	if !ok || org.Management == account || !slices.Contains(org.PolicyTypes, identity.ServiceControl) {
		return nil
	}
	levels := append(Ancestors(r, org, a.Parent), account)
	out := make([][]string, len(levels))
	for i, target := range levels {
		for p := range AttachedTo(r, org, target) {
			out[i] = append(out[i], p.Content)
		}
	}
	return out
}
