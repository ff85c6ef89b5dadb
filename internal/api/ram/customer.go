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

// maxPermissions is how many permissions an account can have in a region.
const maxPermissions = 50

// change runs a change of permissions once for a client token. Find returns what it was that an earlier call with the token did.
func change[T any](a *API, ctx context.Context, operation string, token *string, params any, find func(state.Reader, string) (T, bool), do func(query, *state.Tx) (T, string, error)) (T, error) {
	q := a.query(ctx)
	var out T
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		old, again, err := q.repeated(tx, operation, token, params)
		if err != nil {
			return err
		}
		if again {
			if found, ok := find(tx, old); ok {
				out = found
				return nil
			}
		}
		made, key, err := do(q, tx)
		if err != nil {
			return err
		}
		out = made
		q.remember(tx, operation, token, params, key)
		return nil
	})
	return out, err
}

func findPermission(r state.Reader, permissionARN string) (*share.Permission, bool) {
	return state.Permissions.Get(r, permissionARN)
}

// CreatePermission makes a permission of the caller's, with one version.
func (a *API) CreatePermission(ctx context.Context, in *ram.CreatePermissionInput) (*ram.CreatePermissionOutput, error) {
	params := *in
	params.ClientToken = nil
	p, err := change(a, ctx, "CreatePermission", in.ClientToken, params, findPermission, func(q query, tx *state.Tx) (*share.Permission, string, error) {
		if len(in.PermissionTemplateParameters) > 0 {
			return nil, "", fault.New(fault.Unsupported, "InvalidParameterException", "Parameters of policy templates are not built.")
		}
		if _, ok := share.TypeNamed(str(in.ResourceType)); !ok {
			return nil, "", invalid("The resource type %s is not one that can be shared.", clip(str(in.ResourceType)))
		}
		set, err := withTags(nil, tags(in.Tags))
		if err != nil {
			return nil, "", err
		}
		p := &share.Permission{Owner: q.Owner, Name: str(in.Name), Type: str(in.ResourceType), Tags: set, Created: q.now}
		if p.Name == "" {
			return nil, "", invalid("The name of the permission must not be empty.")
		}
		if _, ok := state.Permissions.Get(tx, p.ARN()); ok {
			return nil, "", fault.New(fault.Exists, "PermissionAlreadyExistsException", "There is a permission with the name %s already.", p.Name)
		}
		if len(slices.Collect(state.Permissions.By(tx, state.ByScope, q.Scope()))) >= maxPermissions {
			return nil, "", fault.New(fault.Quota, "PermissionLimitExceededException", "You have reached the limit of %d permissions.", maxPermissions)
		}
		if err := p.Add(str(in.PolicyTemplate), q.now); err != nil {
			return nil, "", err
		}
		state.Permissions.Put(tx, p)
		return p, p.ARN(), nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.CreatePermissionOutput{Permission: new(summary(p, p.Default, attachable)), ClientToken: in.ClientToken}, nil
}

// CreatePermissionVersion adds a version to a permission, which shares get from now on; those that have the permission keep theirs.
func (a *API) CreatePermissionVersion(ctx context.Context, in *ram.CreatePermissionVersionInput) (*ram.CreatePermissionVersionOutput, error) {
	params := *in
	params.ClientToken = nil
	p, err := change(a, ctx, "CreatePermissionVersion", in.ClientToken, params, findPermission, func(q query, tx *state.Tx) (*share.Permission, string, error) {
		p, err := q.ownPermission(tx, str(in.PermissionArn))
		if err != nil {
			return nil, "", err
		}
		if len(in.PermissionTemplateParameters) > 0 {
			return nil, "", fault.New(fault.Unsupported, "InvalidParameterException", "Parameters of policy templates are not built.")
		}
		if err := p.Add(str(in.PolicyTemplate), q.now); err != nil {
			return nil, "", err
		}
		state.Permissions.Put(tx, p)
		return p, p.ARN(), nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.CreatePermissionVersionOutput{Permission: detail(p, p.Default), ClientToken: in.ClientToken}, nil
}

// holders returns the active shares of the caller that have a permission, in one version or, of 0, in any.
func (q query) holders(r state.Reader, permissionARN string, number int) []*share.Share {
	var out []*share.Share
	for s := range state.Shares.By(r, state.ByScope, q.Scope()) {
		if v := s.Permitted(permissionARN); s.Status == share.Active && v > 0 && (number == 0 || v == number) {
			out = append(out, s)
		}
	}
	return out
}

// nothing is what is found of a deletion.
func nothing(state.Reader, string) (bool, bool) { return true, true }

// DeletePermission removes a permission that no share has.
func (a *API) DeletePermission(ctx context.Context, in *ram.DeletePermissionInput) (*ram.DeletePermissionOutput, error) {
	params := *in
	params.ClientToken = nil
	_, err := change(a, ctx, "DeletePermission", in.ClientToken, params, nothing, func(q query, tx *state.Tx) (bool, string, error) {
		p, err := q.ownPermission(tx, str(in.PermissionArn))
		if err != nil {
			return false, "", err
		}
		for _, s := range q.holders(tx, p.ARN(), 0) {
			return false, "", forbidden("The permission %s can't be deleted: the resource share %s has it.", p.ARN(), s.ARN())
		}
		state.Permissions.Delete(tx, p.ARN())
		return true, p.ARN(), nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.DeletePermissionOutput{ReturnValue: new(true), ClientToken: in.ClientToken, PermissionStatus: new("DELETED")}, nil
}

// DeletePermissionVersion removes a version that is not the default and that no share has.
func (a *API) DeletePermissionVersion(ctx context.Context, in *ram.DeletePermissionVersionInput) (*ram.DeletePermissionVersionOutput, error) {
	params := *in
	params.ClientToken = nil
	_, err := change(a, ctx, "DeletePermissionVersion", in.ClientToken, params, nothing, func(q query, tx *state.Tx) (bool, string, error) {
		p, err := q.ownPermission(tx, str(in.PermissionArn))
		if err != nil {
			return false, "", err
		}
		v, err := version(p, in.PermissionVersion)
		if err != nil {
			return false, "", err
		}
		if v.Number == p.Default {
			return false, "", forbidden("Version %d of the permission %s is the default and can't be deleted.", v.Number, p.ARN())
		}
		for _, s := range q.holders(tx, p.ARN(), v.Number) {
			return false, "", forbidden("Version %d of the permission %s can't be deleted: the resource share %s has it.", v.Number, p.ARN(), s.ARN())
		}
		p.Versions = slices.DeleteFunc(slices.Clone(p.Versions), func(other share.Version) bool { return other.Number == v.Number })
		p.Updated = q.now
		state.Permissions.Put(tx, p)
		return true, p.ARN(), nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.DeletePermissionVersionOutput{ReturnValue: new(true), ClientToken: in.ClientToken, PermissionStatus: new("DELETED")}, nil
}

// SetDefaultPermissionVersion says which version shares get from now on.
func (a *API) SetDefaultPermissionVersion(ctx context.Context, in *ram.SetDefaultPermissionVersionInput) (*ram.SetDefaultPermissionVersionOutput, error) {
	params := *in
	params.ClientToken = nil
	_, err := change(a, ctx, "SetDefaultPermissionVersion", in.ClientToken, params, nothing, func(q query, tx *state.Tx) (bool, string, error) {
		p, err := q.permission(tx, str(in.PermissionArn))
		if err != nil {
			return false, "", err
		}
		if p.Managed() {
			return false, "", invalid("The permission %s is managed by AWS and can't be changed.", p.ARN())
		}
		v, err := version(p, in.PermissionVersion)
		if err != nil {
			return false, "", err
		}
		p.Default, p.Updated = v.Number, q.now
		state.Permissions.Put(tx, p)
		return true, p.ARN(), nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.SetDefaultPermissionVersionOutput{ReturnValue: new(true), ClientToken: in.ClientToken}, nil
}

// ReplacePermissionAssociations gives all the caller's shares that have a permission the default version of another, or of the same.
func (a *API) ReplacePermissionAssociations(ctx context.Context, in *ram.ReplacePermissionAssociationsInput) (*ram.ReplacePermissionAssociationsOutput, error) {
	params := *in
	params.ClientToken = nil
	done, err := change(a, ctx, "ReplacePermissionAssociations", in.ClientToken, params, state.Replacements.Get, func(q query, tx *state.Tx) (*share.Replacement, string, error) {
		from, err := q.permission(tx, str(in.FromPermissionArn))
		if err != nil {
			return nil, "", err
		}
		to, err := q.permission(tx, str(in.ToPermissionArn))
		if err != nil {
			return nil, "", err
		}
		r := &share.Replacement{Owner: q.Owner, ID: uuid.NewString(), From: from.ARN(), To: to.ARN(), ToVersion: to.Default, Made: q.now}
		switch {
		case from.Type != to.Type:
			return nil, "", invalid("The permission %s is for resources of type %s, and %s for those of type %s.", r.From, from.Type, r.To, to.Type)
		case len(in.PermissionTemplateParameters) > 0:
			return nil, "", invalid("None of the permissions has parameters.")
		}
		if in.FromPermissionVersion != nil {
			v, err := version(from, in.FromPermissionVersion)
			if err != nil {
				return nil, "", err
			}
			r.FromVersion = v.Number
		}
		for _, s := range q.holders(tx, r.From, r.FromVersion) {
			changed := *s
			changed.Forbid(r.From)
			changed.Permit(to)
			changed.Updated = q.now
			state.Shares.Put(tx, &changed)
		}
		for old := range state.Replacements.By(tx, state.ByScope, q.Scope()) {
			if q.now.Sub(old.Made) > share.Remembered {
				state.Replacements.Delete(tx, old.ID)
			}
		}
		state.Replacements.Put(tx, r)
		return r, r.ID, nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.ReplacePermissionAssociationsOutput{ReplacePermissionAssociationsWork: new(showReplacement(done)), ClientToken: in.ClientToken}, nil
}

// replaced is the status of a replacement, which happens with its row.
const replaced = "COMPLETED"

func showReplacement(r *share.Replacement) ram.ReplacePermissionAssociationsWork {
	out := ram.ReplacePermissionAssociationsWork{Id: &r.ID, FromPermissionArn: &r.From, ToPermissionArn: &r.To, ToPermissionVersion: new(decimal(r.ToVersion)),
		Status: new(replaced), CreationTime: &r.Made, LastUpdatedTime: &r.Made}
	if r.FromVersion != 0 {
		out.FromPermissionVersion = new(decimal(r.FromVersion))
	}
	return out
}

// ListReplacePermissionAssociationsWork lists the replacements of the last hour.
func (a *API) ListReplacePermissionAssociationsWork(ctx context.Context, in *ram.ListReplacePermissionAssociationsWorkInput) (*ram.ListReplacePermissionAssociationsWorkOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	all := []ram.ReplacePermissionAssociationsWork{}
	for r := range state.Replacements.By(snap, state.ByScope, q.Scope()) {
		if (len(in.WorkIds) == 0 || slices.Contains(in.WorkIds, r.ID)) && (in.Status == nil || *in.Status == replaced) && q.now.Sub(r.Made) <= share.Remembered {
			all = append(all, showReplacement(r))
		}
	}
	some, next, err := cut(all, func(w ram.ReplacePermissionAssociationsWork) string { return *w.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListReplacePermissionAssociationsWorkOutput{ReplacePermissionAssociationsWorks: some, NextToken: next}, nil
}
