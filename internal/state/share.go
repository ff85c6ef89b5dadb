package state

import (
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/share"
)

// ByPrincipal finds shares by a principal as it was named: an account id or the ARN of an organization or unit.
const ByPrincipal = "principal"

// Shares and invitations are keyed by ARN. Shares are found by resource ARN and by principal while those are associated,
// invitations by receiver and by the share's ARN.
var (
	Shares = &Table[share.Share]{name: "share", scanned: true, key: func(s *share.Share) string { return s.ARN() },
		indexes: []Index[share.Share]{{ByScope, one(func(s *share.Share) string { return s.Scope() })},
			{ByResource, func(s *share.Share) []string { return associated(s, s.Resources) }},
			{ByPrincipal, func(s *share.Share) []string { return associated(s, s.Principals) }}}}
	Invitations = &Table[share.Invitation]{name: "share-invitation", key: func(i *share.Invitation) string { return i.ARN() },
		indexes: []Index[share.Invitation]{{ByPrincipal, one(func(i *share.Invitation) string { return i.Receiver })},
			{ByResource, one(func(i *share.Invitation) string { return i.Share })}}}
	// Permissions are those that accounts made, keyed by ARN; Replacements of them in shares are keyed by id.
	Permissions = &Table[share.Permission]{name: "share-permission", key: func(p *share.Permission) string { return p.ARN() },
		indexes: []Index[share.Permission]{{ByScope, one(func(p *share.Permission) string { return p.Scope() })}}}
	Replacements = &Table[share.Replacement]{name: "share-replacement", record: true, key: func(r *share.Replacement) string { return r.ID },
		indexes: []Index[share.Replacement]{{ByScope, one(func(r *share.Replacement) string { return r.Scope() })}}}
)

// PermissionOf returns the permission with the ARN, AWS's own or an account's.
func PermissionOf(r Reader, permissionARN string) (*share.Permission, bool) {
	if p, ok := share.ManagedPermission(permissionARN); ok {
		return p, true
	}
	return Permissions.Get(r, permissionARN)
}

// Permits reports whether the permissions of a share allow an action, such as "vpc-lattice:GetService", on resources of the type.
func Permits(r Reader, s *share.Share, typeName, action string) bool {
	for _, name := range s.Permissions {
		p, ok := PermissionOf(r, name)
		if !ok || p.Type != typeName {
			continue
		}
		if v, ok := p.Version(s.Permitted(name)); ok && slices.Contains(v.Actions, action) {
			return true
		}
	}
	return false
}

// SharedFor reports whether an active share lets the account perform an action on the resource of another.
func SharedFor(r Reader, resourceARN, account, action string) bool {
	t, ok := share.TypeOf(resourceARN)
	if !ok {
		return false
	}
	entities := principalsOf(r, account)
	for s := range Shares.By(r, ByResource, resourceARN) {
		if Permits(r, s, t.Name, action) && slices.ContainsFunc(entities, func(e string) bool { return reaches(r, s, e, account) }) {
			return true
		}
	}
	return false
}

// Shown reports whether the owner of a resource of VPC Lattice lets the account see it, by a share or a resource policy.
func Shown(r Reader, resourceARN, account string) bool {
	if p, ok := ResourcePolicies.Get(r, resourceARN); ok && slices.Contains(p.Principals, account) {
		return true
	}
	return SharedWith(r, resourceARN, account)
}

// Allowed reports whether the owner of a resource of VPC Lattice lets the account perform an action on it.
func Allowed(r Reader, resourceARN, account, action string) bool {
	if p, ok := ResourcePolicies.Get(r, resourceARN); ok && slices.Contains(p.Principals, account) {
		return true
	}
	return SharedFor(r, resourceARN, account, action)
}

func shareTables() []table { return []table{Shares, Invitations, Permissions, Replacements} }

func associated(s *share.Share, as []share.Association) []string {
	var out []string
	for _, a := range as {
		if s.Status == share.Active && a.Status == share.Associated && !slices.Contains(out, a.Entity) {
			out = append(out, a.Entity)
		}
	}
	return out
}

// SharesWith returns the active shares that other accounts have with the account, in order of their ARNs.
func SharesWith(r Reader, account string) []*share.Share {
	found := map[string]*share.Share{}
	for _, e := range principalsOf(r, account) {
		for s := range Shares.By(r, ByPrincipal, e) {
			if reaches(r, s, e, account) {
				found[s.ARN()] = s
			}
		}
	}
	out := make([]*share.Share, 0, len(found))
	for _, k := range sortedKeys(found) {
		out = append(out, found[k])
	}
	return out
}

// SharedWith reports whether an active share gives the account access to the resource of another.
func SharedWith(r Reader, resourceARN, account string) bool {
	entities := principalsOf(r, account)
	for s := range Shares.By(r, ByResource, resourceARN) {
		for _, e := range entities {
			if reaches(r, s, e, account) {
				return true
			}
		}
	}
	return false
}

// ResourcesSharedWith returns, in order, the ARNs of the resources in the region that active shares give the account access to and
// whose ARN starts with prefix after "arn:aws:SERVICE:REGION:OWNER:", such as "servicenetwork/".
func ResourcesSharedWith(r Reader, account, region, prefix string) []string {
	var out []string
	for _, s := range SharesWith(r, account) {
		for _, a := range s.Resources {
			parsed, err := arn.Parse(a.Entity)
			if err == nil && a.Status == share.Associated && parsed.Region == region && strings.HasPrefix(parsed.Resource, prefix) {
				out = append(out, a.Entity)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// principalsOf returns every name under which a share reaches the account: its id, its organization's ARN and the ARNs of the
// units it is in.
func principalsOf(r Reader, account string) []string {
	out := []string{account}
	a, ok := Accounts.Get(r, account)
	if !ok || a.Organization == "" {
		return out
	}
	org, ok := Organizations.Get(r, a.Organization)
	if !ok {
		return out
	}
	out = append(out, org.ARN())
	for _, id := range Ancestors(r, org, a.Parent) {
		if id != org.Root {
			out = append(out, org.UnitARN(id))
		}
	}
	return out
}

// reaches says whether an active share gives the account access by its association with the principal.
func reaches(r Reader, s *share.Share, principal, account string) bool {
	a, ok := share.Find(s.Principals, principal)
	if !ok || s.Status != share.Active || a.Status != share.Associated || s.Account == account {
		return false
	}
	return InForce(r, s, a)
}

// InForce says whether what gave a principal of a share its access still holds: for one that never accepted an invitation
// that is the organization it has in common with the share's owner, and sharing in there.
func InForce(r Reader, s *share.Share, principal share.Association) bool {
	if !principal.Internal {
		return true
	}
	org, ok := OrganizationOf(r, s.Account)
	within := ok && org.RAMSharing
	if !arn.IsAccount(principal.Entity) {
		return within
	}
	if theirs, member := OrganizationOf(r, principal.Entity); ok && member && theirs.ID == org.ID {
		return within
	}
	return s.Retain
}
