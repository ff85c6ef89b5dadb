package ram

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
)

// maxShares is how many shares an account can have in a region.
const maxShares = 5000

// CreateResourceShare makes a share, with what is associated with it from the start.
func (a *API) CreateResourceShare(ctx context.Context, in *ram.CreateResourceShareInput) (*ram.CreateResourceShareOutput, error) {
	q := a.query(ctx)
	params := *in
	params.ClientToken = nil
	var made *share.Share
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		old, again, err := q.repeated(tx, "CreateResourceShare", in.ClientToken, params)
		if err != nil {
			return err
		}
		if again {
			if s, ok := state.Shares.Get(tx, old); ok {
				made = s
				return nil
			}
		}
		if made, err = q.create(tx, in); err != nil {
			return err
		}
		q.remember(tx, "CreateResourceShare", in.ClientToken, params, made.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.CreateResourceShareOutput{ResourceShare: new(showShare(made)), ClientToken: in.ClientToken}, nil
}

func (q query) create(tx *state.Tx, in *ram.CreateResourceShareInput) (*share.Share, error) {
	switch {
	case str(in.Name) == "":
		return nil, invalid("The name of the resource share must not be empty.")
	case len(in.Sources) > 0:
		return nil, invalid("Sources are only for service principals, and none of the types of resource there are can be shared with those.")
	case len(in.PermissionTemplateParameters) > 0:
		return nil, invalid("None of the permissions has parameters.")
	}
	own := 0
	for s := range state.Shares.By(tx, state.ByScope, q.Scope()) {
		if s.Forgotten(q.now) {
			state.Shares.Delete(tx, s.ARN())
		} else if s.Status == share.Active {
			own++
		}
	}
	if own >= maxShares {
		return nil, fault.New(fault.Quota, "ResourceShareLimitExceededException", "You have reached the limit of %d resource shares.", maxShares)
	}
	set, err := withTags(nil, tags(in.Tags))
	if err != nil {
		return nil, err
	}
	s := &share.Share{Owner: q.Owner, ID: uuid.NewString(), Name: *in.Name, Status: share.Active, Created: q.now, Updated: q.now, Tags: set,
		AllowExternal: in.AllowExternalPrincipals == nil || *in.AllowExternalPrincipals}
	if c := in.ResourceShareConfiguration; c != nil && is(c.RetainSharingOnAccountLeaveOrganization) {
		if !s.AllowExternal {
			return nil, invalid("A resource share that retains sharing when an account leaves the organization must allow external principals.")
		}
		s.Retain = true
	}
	for _, p := range in.PermissionArns {
		if err := q.permit(tx, s, p, nil, false); err != nil {
			return nil, err
		}
	}
	if err := q.associate(tx, s, in.ResourceArns, in.Principals); err != nil {
		return nil, err
	}
	state.Shares.Put(tx, s)
	return s, nil
}

// GetResourceShares lists the caller's shares, or those that others have with it.
func (a *API) GetResourceShares(ctx context.Context, in *ram.GetResourceSharesInput) (*ram.GetResourceSharesOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	all, err := named(q.shared(snap, str(in.ResourceOwner) == "SELF"), in.ResourceShareArns)
	if err != nil {
		return nil, err
	}
	if in.PermissionArn != nil {
		if _, err := q.permission(snap, *in.PermissionArn); err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s *share.Share) bool {
		return in.ResourceShareStatus != nil && s.Status != *in.ResourceShareStatus ||
			in.Name != nil && s.Name != *in.Name ||
			in.PermissionArn != nil && s.Permitted(*in.PermissionArn) == 0 ||
			in.PermissionVersion != nil && !slices.ContainsFunc(s.Permissions, func(name string) bool {
				return (in.PermissionArn == nil || name == *in.PermissionArn) && s.Permitted(name) == int(*in.PermissionVersion)
			}) ||
			!tagged(s, in.TagFilters)
	})
	some, next, err := cut(all, (*share.Share).ARN, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ram.GetResourceSharesOutput{ResourceShares: []ram.ResourceShare{}, NextToken: next}
	for _, s := range some {
		shown := showShare(s)
		if s.Account != q.Account {
			shown.Tags = nil
		}
		out.ResourceShares = append(out.ResourceShares, shown)
	}
	return out, nil
}

func tagged(s *share.Share, filters []ram.TagFilter) bool {
	for _, f := range filters {
		v, ok := s.Tags[str(f.TagKey)]
		if !ok || len(f.TagValues) > 0 && !slices.Contains(f.TagValues, v) {
			return false
		}
	}
	return true
}

func showShare(s *share.Share) ram.ResourceShare {
	return ram.ResourceShare{
		ResourceShareArn: new(s.ARN()), Name: &s.Name, OwningAccountId: &s.Account, AllowExternalPrincipals: &s.AllowExternal,
		Status: &s.Status, Tags: showTags(s.Tags), CreationTime: &s.Created, LastUpdatedTime: &s.Updated, FeatureSet: new("STANDARD"),
		ResourceShareConfiguration: &ram.ResourceShareConfiguration{RetainSharingOnAccountLeaveOrganization: &s.Retain},
	}
}

// UpdateResourceShare changes a share's name, or whether accounts outside the organization may be principals.
func (a *API) UpdateResourceShare(ctx context.Context, in *ram.UpdateResourceShareInput) (*ram.UpdateResourceShareOutput, error) {
	q := a.query(ctx)
	params := *in
	params.ClientToken = nil
	var out *share.Share
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		out = s
		if _, again, err := q.repeated(tx, "UpdateResourceShare", in.ClientToken, params); again || err != nil {
			return err
		}
		if in.Name != nil {
			if *in.Name == "" {
				return invalid("The name of the resource share must not be empty.")
			}
			s.Name = *in.Name
		}
		if in.AllowExternalPrincipals != nil {
			if !*in.AllowExternalPrincipals && (s.Retain || slices.ContainsFunc(s.Principals, external)) {
				return forbidden("The resource share %s has principals outside of your organization. Disassociate them first.", s.ARN())
			}
			s.AllowExternal = *in.AllowExternalPrincipals
		}
		s.Updated = q.now
		state.Shares.Put(tx, s)
		for i := range state.Invitations.By(tx, state.ByResource, s.ARN()) {
			changed := *i
			changed.ShareName = s.Name
			state.Invitations.Put(tx, &changed)
		}
		q.remember(tx, "UpdateResourceShare", in.ClientToken, params, s.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.UpdateResourceShareOutput{ResourceShare: new(showShare(out)), ClientToken: in.ClientToken}, nil
}

func external(a share.Association) bool {
	return a.External && (a.Status == share.Associated || a.Status == share.Associating)
}

// DeleteResourceShare ends a share. For a while it is still shown as DELETED, to its owner alone.
func (a *API) DeleteResourceShare(ctx context.Context, in *ram.DeleteResourceShareInput) (*ram.DeleteResourceShareOutput, error) {
	q := a.query(ctx)
	params := *in
	params.ClientToken = nil
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		if _, again, err := q.repeated(tx, "DeleteResourceShare", in.ClientToken, params); again || err != nil {
			return err
		}
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		s.End(q.now)
		state.Shares.Put(tx, s)
		for i := range state.Invitations.By(tx, state.ByResource, s.ARN()) {
			state.Invitations.Delete(tx, i.ARN())
		}
		q.remember(tx, "DeleteResourceShare", in.ClientToken, params, s.ARN())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.DeleteResourceShareOutput{ReturnValue: new(true), ClientToken: in.ClientToken}, nil
}
