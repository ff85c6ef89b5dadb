package state

import (
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/share"
)

// ByPrincipal finds shares by a principal as it was named: an account id or the ARN of an organization or unit.
const ByPrincipal = "principal"

// Shares and invitations are keyed by ARN. Shares are found by resource ARN and by principal while those are associated.
var (
	Shares = &Table[share.Share]{name: "share", key: func(s *share.Share) string { return s.ARN() },
		indexes: []Index[share.Share]{{ByScope, one(func(s *share.Share) string { return s.Scope() })},
			{ByResource, func(s *share.Share) []string { return associated(s, s.Resources) }},
			{ByPrincipal, func(s *share.Share) []string { return associated(s, s.Principals) }}}}
	Invitations = &Table[share.Invitation]{name: "share-invitation", key: func(i *share.Invitation) string { return i.ARN() },
		indexes: []Index[share.Invitation]{{ByPrincipal, one(func(i *share.Invitation) string { return i.Receiver })}}}
)

func shareTables() []table { return []table{Shares, Invitations} }

func associated(s *share.Share, as []share.Association) []string {
	var out []string
	for _, a := range as {
		if s.Status == "ACTIVE" && a.Status == share.Associated && !slices.Contains(out, a.Entity) {
			out = append(out, a.Entity)
		}
	}
	return out
}

// SharedWith reports whether an active share gives the account access to the resource.
func SharedWith(r Reader, resourceARN, account string) bool {
	for s := range Shares.By(r, ByResource, resourceARN) {
		for _, p := range s.Principals {
			if p.Status == share.Associated && isPrincipal(r, p.Entity, account) {
				return true
			}
		}
	}
	return false
}

// ResourcesSharedWith returns, in order, the ARNs of the resources in the region that active shares give the account access to and
// whose ARN starts with prefix after "arn:aws:SERVICE:REGION:OWNER:", such as "servicenetwork/".
func ResourcesSharedWith(r Reader, account, region, prefix string) []string {
	entities := []string{account}
	if a, ok := Accounts.Get(r, account); ok && a.Organization != "" {
		if org, ok := Organizations.Get(r, a.Organization); ok {
			entities = append(entities, organizationARN(org.Management, org.ID))
		}
		entities = append(entities, unitARNs(r, a.Organization, a.Parent)...)
	}
	var out []string
	for _, e := range entities {
		for s := range Shares.By(r, ByPrincipal, e) {
			for _, a := range s.Resources {
				parsed, err := arn.Parse(a.Entity)
				if err == nil && a.Status == share.Associated && parsed.Region == region && strings.HasPrefix(parsed.Resource, prefix) {
					out = append(out, a.Entity)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isPrincipal(r Reader, entity, account string) bool {
	if entity == account {
		return true
	}
	a, ok := Accounts.Get(r, account)
	if !ok || a.Organization == "" {
		return false
	}
	org, ok := Organizations.Get(r, a.Organization)
	if !ok {
		return false
	}
	return entity == organizationARN(org.Management, org.ID) || slices.Contains(unitARNs(r, org.ID, a.Parent), entity)
}

func organizationARN(management, id string) string {
	return "arn:aws:organizations::" + management + ":organization/" + id
}

// unitARNs returns the ARNs of the organizational units that parent is or is inside of.
func unitARNs(r Reader, organization, parent string) []string {
	org, ok := Organizations.Get(r, organization)
	if !ok || parent == "" || parent == org.Root {
		return nil
	}
	return []string{"arn:aws:organizations::" + org.Management + ":ou/" + org.ID + "/" + parent}
}
