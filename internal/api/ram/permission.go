package ram

import (
	"context"
	"fmt"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
)

// permission returns AWS's permission or the caller's own with the ARN.
func (q query) permission(r state.Reader, permissionARN string) (*share.Permission, error) {
	a, err := arn.Parse(permissionARN)
	if err != nil || a.Service != "ram" || a.Type() != "permission" {
		return nil, fault.New(fault.Invalid, "MalformedArnException", "The specified permission ARN is not valid. Verify the ARN and try again.")
	}
	p, ok := state.PermissionOf(r, permissionARN)
	if !ok || !p.Managed() && p.Owner != q.Owner {
		return nil, unknown("Permission %s could not be found.", clip(permissionARN))
	}
	return p, nil
}

// ownPermission is permission for what is done only to those of the caller.
func (q query) ownPermission(r state.Reader, permissionARN string) (*share.Permission, error) {
	p, err := q.permission(r, permissionARN)
	if err == nil && p.Managed() {
		return nil, forbidden("The permission %s is managed by AWS and can't be changed.", permissionARN)
	}
	return p, err
}

// version returns a version of a permission, the default one where none is named.
func version(p *share.Permission, number *int32) (share.Version, error) {
	n := p.Default
	if number != nil {
		n = int(*number)
	}
	v, ok := p.Version(n)
	if !ok {
		return v, unknown("Version %d of permission %s could not be found.", n, p.ARN())
	}
	return v, nil
}

// ListPermissions lists AWS's permissions, one for each type of resource, and the caller's own.
func (a *API) ListPermissions(ctx context.Context, in *ram.ListPermissionsInput) (*ram.ListPermissionsOutput, error) {
	if in.ResourceType != nil {
		if _, ok := share.TypeNamed(*in.ResourceType); !ok {
			return nil, invalid("The resource type %s is not one that can be shared.", clip(*in.ResourceType))
		}
	}
	q, snap := a.query(ctx), a.view.Snapshot()
	var every []*share.Permission
	for _, t := range share.Types() {
		every = append(every, t.DefaultPermission())
	}
	every = slices.AppendSeq(every, state.Permissions.By(snap, state.ByScope, q.Scope()))
	all := []ram.ResourceSharePermissionSummary{}
	for _, p := range every {
		one := summary(p, p.Default, attachable)
		if in.ResourceType != nil && p.Type != *in.ResourceType || in.PermissionType != nil && *in.PermissionType != "ALL" && *in.PermissionType != *one.PermissionType ||
			in.ResourceOwner != nil && *in.ResourceOwner != *one.ResourceOwner || in.PermissionStatus != nil && *in.PermissionStatus != attachable {
			continue
		}
		all = append(all, one)
	}
	some, next, err := cut(all, permissionKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionsOutput{Permissions: some, NextToken: next}, nil
}

// ListPermissionVersions lists the versions of a permission; those of AWS have one.
func (a *API) ListPermissionVersions(ctx context.Context, in *ram.ListPermissionVersionsInput) (*ram.ListPermissionVersionsOutput, error) {
	p, err := a.query(ctx).permission(a.view.Snapshot(), str(in.PermissionArn))
	if err != nil {
		return nil, err
	}
	all := []ram.ResourceSharePermissionSummary{}
	for _, v := range p.Versions {
		all = append(all, summary(p, v.Number, attachable))
	}
	some, next, err := cut(all, func(p ram.ResourceSharePermissionSummary) string { return fmt.Sprintf("%9s", *p.Version) }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionVersionsOutput{Permissions: some, NextToken: next}, nil
}

const attachable = "ATTACHABLE"

func permissionKey(p ram.ResourceSharePermissionSummary) string { return *p.Arn }

// origin says in AWS's words who made a permission.
func origin(p *share.Permission) (kind, owner string) {
	if p.Managed() {
		return "AWS_MANAGED", "OTHER-ACCOUNTS"
	}
	return "CUSTOMER_MANAGED", "SELF"
}

func summary(p *share.Permission, number int, status string) ram.ResourceSharePermissionSummary {
	d := detail(p, number)
	return ram.ResourceSharePermissionSummary{Arn: d.Arn, Version: d.Version, DefaultVersion: d.DefaultVersion, Name: d.Name, ResourceType: d.ResourceType, Status: &status,
		CreationTime: d.CreationTime, LastUpdatedTime: d.LastUpdatedTime, IsResourceTypeDefault: d.IsResourceTypeDefault, PermissionType: d.PermissionType,
		FeatureSet: d.FeatureSet, ResourceOwner: d.ResourceOwner, Tags: d.Tags}
}

func detail(p *share.Permission, number int) *ram.ResourceSharePermissionDetail {
	kind, owner := origin(p)
	v, _ := p.Version(number)
	out := &ram.ResourceSharePermissionDetail{
		Arn: new(p.ARN()), Version: new(decimal(number)), DefaultVersion: new(number == p.Default), Name: &p.Name, ResourceType: &p.Type,
		Permission: &v.Template, CreationTime: &v.Created, LastUpdatedTime: &p.Updated, IsResourceTypeDefault: new(p.Managed()),
		PermissionType: &kind, FeatureSet: new("STANDARD"), Status: new(attachable), ResourceOwner: &owner,
	}
	if !p.Managed() {
		out.Tags = showTags(p.Tags)
	}
	return out
}

// GetPermission shows what a permission allows.
func (a *API) GetPermission(ctx context.Context, in *ram.GetPermissionInput) (*ram.GetPermissionOutput, error) {
	p, err := a.query(ctx).permission(a.view.Snapshot(), str(in.PermissionArn))
	if err != nil {
		return nil, err
	}
	v, err := version(p, in.PermissionVersion)
	if err != nil {
		return nil, err
	}
	return &ram.GetPermissionOutput{Permission: detail(p, v.Number)}, nil
}

// ListResourceSharePermissions lists the permissions of a share that the caller owns or that is shared with it.
func (a *API) ListResourceSharePermissions(ctx context.Context, in *ram.ListResourceSharePermissionsInput) (*ram.ListResourceSharePermissionsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	visible, err := named(slices.Concat(q.shared(snap, true), q.shared(snap, false)), []string{str(in.ResourceShareArn)})
	if err != nil {
		return nil, err
	}
	all := []ram.ResourceSharePermissionSummary{}
	for _, name := range visible[0].Permissions {
		if p, ok := state.PermissionOf(snap, name); ok {
			one := summary(p, visible[0].Permitted(name), share.Associated)
			if !p.Managed() && p.Owner != q.Owner {
				one.ResourceOwner, one.Tags = new("OTHER-ACCOUNTS"), nil
			}
			all = append(all, one)
		}
	}
	some, next, err := cut(all, permissionKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListResourceSharePermissionsOutput{Permissions: some, NextToken: next}, nil
}

// permit gives the share a permission in its default version. A share has one for each type of resource.
func (q query) permit(tx *state.Tx, s *share.Share, permissionARN string, number *int32, replace bool) error {
	p, err := q.permission(tx, permissionARN)
	if err != nil {
		return err
	}
	if number != nil && int(*number) != p.Default {
		if _, err := version(p, number); err != nil {
			return err
		}
		return invalid("A resource share gets the default version of a permission, which is %d of %s.", p.Default, permissionARN)
	}
	for _, name := range s.Permissions {
		other, ok := state.PermissionOf(tx, name)
		switch {
		case !ok || other.Type != p.Type || name == permissionARN && s.Permitted(name) == p.Default:
		case !replace:
			return invalid("The resource share %s has the permission %s for resources of type %s. Set replace to have it replaced.", s.ARN(), name, p.Type)
		default:
			s.Forbid(name)
		}
	}
	s.Permit(p)
	return nil
}

// AssociateResourceSharePermission gives a share the permission for a type of resource.
func (a *API) AssociateResourceSharePermission(ctx context.Context, in *ram.AssociateResourceSharePermissionInput) (*ram.AssociateResourceSharePermissionOutput, error) {
	q := a.query(ctx)
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		if len(in.PermissionTemplateParameters) > 0 {
			return invalid("None of the permissions has parameters.")
		}
		if err := q.permit(tx, s, str(in.PermissionArn), in.PermissionVersion, is(in.Replace)); err != nil {
			return err
		}
		s.Updated = q.now
		state.Shares.Put(tx, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.AssociateResourceSharePermissionOutput{ReturnValue: new(true), ClientToken: in.ClientToken}, nil
}

// DisassociateResourceSharePermission takes a permission from a share that has no resource of its type.
func (a *API) DisassociateResourceSharePermission(ctx context.Context, in *ram.DisassociateResourceSharePermissionInput) (*ram.DisassociateResourceSharePermissionOutput, error) {
	q := a.query(ctx)
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		p, err := q.permission(tx, str(in.PermissionArn))
		if err != nil {
			return err
		}
		if s.Permitted(*in.PermissionArn) == 0 {
			return unknown("Permission %s is not associated with the resource share %s.", *in.PermissionArn, s.ARN())
		}
		for _, r := range s.Resources {
			if of, ok := share.TypeOf(r.Entity); ok && of.Name == p.Type && r.Status == share.Associated {
				return fault.New(fault.Conflict, "InvalidStateTransitionException",
					"The permission %s can't be disassociated while the resource share %s has resources of type %s.", *in.PermissionArn, s.ARN(), p.Type)
			}
		}
		s.Forbid(*in.PermissionArn)
		s.Updated = q.now
		state.Shares.Put(tx, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ram.DisassociateResourceSharePermissionOutput{ReturnValue: new(true), ClientToken: in.ClientToken}, nil
}

// ListPermissionAssociations lists which of the caller's shares have which permission.
func (a *API) ListPermissionAssociations(ctx context.Context, in *ram.ListPermissionAssociationsInput) (*ram.ListPermissionAssociationsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	var arns []string
	if in.ResourceShareArn != nil {
		arns = []string{*in.ResourceShareArn}
	}
	shares, err := named(q.shared(snap, true), arns)
	if err != nil {
		return nil, err
	}
	if in.PermissionArn != nil {
		if _, err := q.permission(snap, *in.PermissionArn); err != nil {
			return nil, err
		}
	}
	all := []ram.AssociatedPermission{}
	for _, s := range shares {
		for _, name := range s.Permissions {
			p, ok := state.PermissionOf(snap, name)
			number := s.Permitted(name)
			if !ok || s.Status != share.Active || in.PermissionArn != nil && *in.PermissionArn != name ||
				in.ResourceType != nil && *in.ResourceType != p.Type || in.PermissionVersion != nil && int(*in.PermissionVersion) != number ||
				in.AssociationStatus != nil && *in.AssociationStatus != share.Associated || in.FeatureSet != nil && *in.FeatureSet != "STANDARD" ||
				in.DefaultVersion != nil && *in.DefaultVersion != (number == p.Default) {
				continue
			}
			all = append(all, ram.AssociatedPermission{Arn: &name, PermissionVersion: new(decimal(number)), DefaultVersion: new(number == p.Default), ResourceType: &p.Type,
				Status: new(share.Associated), FeatureSet: new("STANDARD"), LastUpdatedTime: &s.Updated, ResourceShareArn: new(s.ARN())})
		}
	}
	some, next, err := cut(all, func(p ram.AssociatedPermission) string { return *p.Arn + " " + *p.ResourceShareArn }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionAssociationsOutput{Permissions: some, NextToken: next}, nil
}
