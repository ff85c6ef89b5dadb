package ram

import (
	"context"
	"maps"
	"time"

	"trellis/internal/aws/model/ram"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const servicePrincipal = "ram.amazonaws.com"

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + servicePrincipal + `"},"Action":"sts:AssumeRole"}]}`

// EnableSharingWithAwsOrganization lets the accounts of the caller's organization share without invitations.
func (a *API) EnableSharingWithAwsOrganization(ctx context.Context, _ *ram.EnableSharingWithAwsOrganizationInput) (*ram.EnableSharingWithAwsOrganizationOutput, error) {
	q := a.query(ctx)
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		org, ok := state.OrganizationOf(tx, q.Account)
		switch {
		case !ok:
			return forbidden("The account %s is not a member of an organization.", q.Account)
		case org.Management != q.Account:
			return forbidden("Only the management account of an organization can enable sharing in it.")
		case org.FeatureSet != identity.AllFeatures:
			return forbidden("The organization must have all features enabled.")
		}
		org.RAMSharing = true
		if _, trusted := org.TrustedServices[servicePrincipal]; !trusted {
			org.TrustedServices = maps.Clone(org.TrustedServices)
			if org.TrustedServices == nil {
				org.TrustedServices = map[string]time.Time{}
			}
			org.TrustedServices[servicePrincipal] = q.now
		}
		state.Organizations.Put(tx, org)
		name, description := identity.ServiceLinkedRole(servicePrincipal, "")
		if _, ok := state.Roles.Get(tx, q.Account+"/"+name); !ok {
			role := identity.NewRole(q.Account, identity.ServiceLinkedPath+servicePrincipal+"/", name, trust, q.now)
			role.Description = description
			state.Roles.Put(tx, role)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.EnableSharingWithAwsOrganizationOutput{ReturnValue: new(true)}, nil
}
