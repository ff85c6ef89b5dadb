package ram

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
)

// Most principals and resources a share can have.
const (
	maxPrincipals = 5000
	maxResources  = 5000
)

// AssociateResourceShare adds resources and principals to a share.
func (a *API) AssociateResourceShare(ctx context.Context, in *ram.AssociateResourceShareInput) (*ram.AssociateResourceShareOutput, error) {
	q := a.query(ctx)
	params := *in
	params.ClientToken = nil
	out := &ram.AssociateResourceShareOutput{ClientToken: in.ClientToken}
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		switch {
		case len(in.Sources) > 0:
			return invalid("Sources are only for service principals, and none of the types of resource there are can be shared with those.")
		case len(in.ResourceArns) == 0 && len(in.Principals) == 0:
			return invalid("Name at least one resource or principal to associate.")
		}
		_, again, err := q.repeated(tx, "AssociateResourceShare", in.ClientToken, params)
		if err != nil {
			return err
		}
		if !again {
			if err := q.associate(tx, s, in.ResourceArns, in.Principals); err != nil {
				return err
			}
			s.Updated = q.now
			state.Shares.Put(tx, s)
			q.remember(tx, "AssociateResourceShare", in.ClientToken, params, s.ARN())
		}
		out.ResourceShareAssociations = q.concerned(tx, s, in.ResourceArns, in.Principals)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// associate adds resources and principals to s, which the caller puts. What is associated already stays as it is.
func (q query) associate(tx *state.Tx, s *share.Share, resources, principals []string) error {
	for _, r := range resources {
		t, err := share.Shareable(r, s.Owner)
		if err != nil {
			return err
		}
		if !exists(tx, r) {
			return unknown("Resource %s could not be found.", r)
		}
		if old, ok := share.Find(s.Resources, r); ok && old.Status == share.Associated {
			continue
		}
		s.Resources = share.Put(s.Resources, share.Association{Entity: r, Status: share.Associated, Created: q.now, Updated: q.now}, q.now)
		if !slices.ContainsFunc(s.Permissions, func(name string) bool { p, ok := state.PermissionOf(tx, name); return ok && p.Type == t.Name }) {
			s.Permit(t.DefaultPermission())
		}
	}
	for _, p := range principals {
		if err := q.admit(tx, s, p); err != nil {
			return err
		}
	}
	if len(s.Resources) > maxResources || len(s.Principals) > maxPrincipals {
		return fault.New(fault.Quota, "ResourceShareLimitExceededException", "The resource share %s has reached the limit of %d resources and %d principals.",
			s.ARN(), maxResources, maxPrincipals)
	}
	return nil
}

// admit adds a principal to s: at once where it is in the owner's organization and sharing in there is enabled, else by an
// invitation.
func (q query) admit(tx *state.Tx, s *share.Share, principal string) error {
	p, err := share.ParsePrincipal(principal)
	if err != nil {
		return err
	}
	old, was := share.Find(s.Principals, principal)
	if was && (old.Status == share.Associated && state.InForce(tx, s, old) || old.Status == share.Associating && q.invited(tx, s, principal)) {
		return nil
	}
	org, member := state.OrganizationOf(tx, q.Account)
	now := share.Association{Entity: principal, Status: share.Associated, Created: q.now, Updated: q.now}
	switch p.Kind {
	case share.Organization:
		if !member || !org.RAMSharing || org.ARN() != principal {
			return unknown("Organization %s could not be found.", p.Organization)
		}
		now.Internal = true
	case share.Unit:
		if !member || !org.RAMSharing || org.UnitARN(p.Unit) != principal {
			return unknown("OrganizationalUnit %s in unknown organization could not be found.", p.Unit)
		}
		if _, ok := state.Units.Get(tx, org.ID+"/"+p.Unit); !ok {
			return unknown("OrganizationalUnit %s could not be found.", p.Unit)
		}
		now.Internal = true
	case share.Account:
		if principal == q.Account {
			return invalid("You can't share resources with your own account, %s.", principal)
		}
		theirs, ok := state.OrganizationOf(tx, principal)
		now.External = !member || !ok || theirs.ID != org.ID
		now.Internal = !now.External && org.RAMSharing
		if !now.Internal {
			if !s.AllowExternal {
				return forbidden("The resource share does not allow external principals, and %s is not an account that your organization shares with. "+
					"This error may also occur if you have not enabled sharing with your AWS organization.", principal)
			}
			q.invite(tx, s, principal)
			now.Status = share.Associating
		}
	}
	s.Principals = share.Put(s.Principals, now, q.now)
	return nil
}

// invited says whether the account has an invitation to s that it can still accept.
func (q query) invited(tx *state.Tx, s *share.Share, account string) bool {
	for i := range state.Invitations.By(tx, state.ByResource, s.ARN()) {
		if i.Receiver == account && i.StatusAt(q.now) == share.Pending {
			return true
		}
	}
	return false
}

// invite sends the account an invitation to s in place of earlier ones. Whether there is such an account is not told.
func (q query) invite(tx *state.Tx, s *share.Share, account string) {
	q.uninvite(tx, s, account)
	state.Invitations.Put(tx, &share.Invitation{Owner: s.Owner, ID: uuid.NewString(), Share: s.ARN(), ShareName: s.Name, Receiver: account,
		Status: share.Pending, Created: q.now})
}

func (q query) uninvite(tx *state.Tx, s *share.Share, account string) {
	for i := range state.Invitations.By(tx, state.ByResource, s.ARN()) {
		if i.Receiver == account {
			state.Invitations.Delete(tx, i.ARN())
		}
	}
}

// DisassociateResourceShare takes resources and principals out of a share. A principal can also take itself out of one that
// another account has with it.
func (a *API) DisassociateResourceShare(ctx context.Context, in *ram.DisassociateResourceShareInput) (*ram.DisassociateResourceShareOutput, error) {
	q := a.query(ctx)
	params := *in
	params.ClientToken = nil
	out := &ram.DisassociateResourceShareOutput{ClientToken: in.ClientToken}
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.leaving(tx, in)
		if err != nil {
			return err
		}
		_, again, err := q.repeated(tx, "DisassociateResourceShare", in.ClientToken, params)
		if err != nil {
			return err
		}
		if !again {
			if s.Resources, err = q.dissolve(s, s.Resources, in.ResourceArns); err != nil {
				return err
			}
			if s.Principals, err = q.dissolve(s, s.Principals, in.Principals); err != nil {
				return err
			}
			for _, p := range in.Principals {
				q.uninvite(tx, s, p)
			}
			s.Updated = q.now
			state.Shares.Put(tx, s)
			q.remember(tx, "DisassociateResourceShare", in.ClientToken, params, s.ARN())
		}
		out.ResourceShareAssociations = q.concerned(tx, s, in.ResourceArns, in.Principals)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// leaving returns the share that the caller may take the entities out of.
func (q query) leaving(tx *state.Tx, in *ram.DisassociateResourceShareInput) (*share.Share, error) {
	shareARN := str(in.ResourceShareArn)
	if len(in.ResourceArns) == 0 && len(in.Principals) == 0 {
		return nil, invalid("Name at least one resource or principal to disassociate.")
	}
	s, err := q.active(tx, shareARN)
	if err == nil {
		return s, nil
	}
	for _, theirs := range q.shared(tx, false) {
		if theirs.ARN() != shareARN {
			continue
		}
		if len(in.ResourceArns) > 0 || len(in.Principals) != 1 || in.Principals[0] != q.Account {
			return nil, forbidden("You can only disassociate your own account from a resource share that another account owns.")
		}
		left := *theirs
		return &left, nil
	}
	return nil, err
}

// dissolve returns as with the entities' associations ended.
func (q query) dissolve(s *share.Share, as []share.Association, entities []string) ([]share.Association, error) {
	for _, e := range entities {
		a, ok := share.Find(as, e)
		if !ok || a.Forgotten(q.now) {
			return nil, unknown("%s is not associated with the resource share %s.", clip(e), s.ARN())
		}
		if a.Status == share.Disassociated {
			continue
		}
		a.Status, a.Message, a.Updated = share.Disassociated, "", q.now
		as = share.Put(as, a, q.now)
	}
	return as, nil
}

const (
	ofPrincipal = "PRINCIPAL"
	ofResource  = "RESOURCE"
)

// concerned shows the associations of the entities.
func (q query) concerned(r state.Reader, s *share.Share, resources, principals []string) []ram.ResourceShareAssociation {
	out := []ram.ResourceShareAssociation{}
	for _, a := range s.Resources {
		if slices.Contains(resources, a.Entity) {
			out = append(out, q.showAssociation(r, s, ofResource, a))
		}
	}
	for _, a := range s.Principals {
		if slices.Contains(principals, a.Entity) {
			out = append(out, q.showAssociation(r, s, ofPrincipal, a))
		}
	}
	return out
}

func (q query) showAssociation(r state.Reader, s *share.Share, kind string, a share.Association) ram.ResourceShareAssociation {
	switch {
	case kind == ofPrincipal && a.Status == share.Associated && !state.InForce(r, s, a):
		a.Status = share.Disassociated
	case a.Status == share.Associating && q.now.Sub(a.Created) > share.InvitationLife:
		a.Status, a.Message = share.Failed, "The invitation has expired."
	}
	return ram.ResourceShareAssociation{
		ResourceShareArn: new(s.ARN()), ResourceShareName: &s.Name, AssociatedEntity: &a.Entity, AssociationType: &kind, Status: &a.Status,
		StatusMessage: text(a.Message), CreationTime: &a.Created, LastUpdatedTime: &a.Updated, External: &a.External,
	}
}

// GetResourceShareAssociations lists what is, or was until recently, associated with the caller's shares.
func (a *API) GetResourceShareAssociations(ctx context.Context, in *ram.GetResourceShareAssociationsInput) (*ram.GetResourceShareAssociationsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	kind := str(in.AssociationType)
	switch {
	case kind == ofPrincipal && in.ResourceArn != nil:
		return nil, invalid("A resource ARN can't be named when the association type is PRINCIPAL.")
	case kind == ofResource && in.Principal != nil:
		return nil, invalid("A principal can't be named when the association type is RESOURCE.")
	}
	if in.ResourceArn != nil {
		if _, err := arn.Parse(*in.ResourceArn); err != nil {
			return nil, fault.New(fault.Invalid, "MalformedArnException", "The specified resource ARN %s is not valid. Verify the ARN and try again.", clip(*in.ResourceArn))
		}
	}
	shares, err := named(q.shared(snap, true), in.ResourceShareArns)
	if err != nil {
		return nil, err
	}
	var all []ram.ResourceShareAssociation
	for _, s := range shares {
		list, entity := s.Resources, in.ResourceArn
		switch kind {
		case ofPrincipal:
			list, entity = s.Principals, in.Principal
		case ofResource:
		default:
			list = nil
		}
		for _, as := range list {
			shown := q.showAssociation(snap, s, kind, as)
			if as.Forgotten(q.now) || entity != nil && as.Entity != *entity || in.AssociationStatus != nil && *shown.Status != *in.AssociationStatus {
				continue
			}
			all = append(all, shown)
		}
	}
	some, next, err := cut(all, func(a ram.ResourceShareAssociation) string { return *a.ResourceShareArn + " " + *a.AssociatedEntity }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.GetResourceShareAssociationsOutput{ResourceShareAssociations: some, NextToken: next}, nil
}
