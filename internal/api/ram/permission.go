package ram

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
)

// introduced is when the permissions for VPC Lattice came to be.
func introduced() time.Time { return time.Date(2023, 3, 31, 0, 0, 0, 0, time.UTC) }

// ListPermissions lists the permissions there are, one for each type of resource.
func (a *API) ListPermissions(_ context.Context, in *ram.ListPermissionsInput) (*ram.ListPermissionsOutput, error) {
	if in.ResourceType != nil {
		if _, ok := share.TypeNamed(*in.ResourceType); !ok {
			return nil, invalid("The resource type %s is not one that can be shared.", clip(*in.ResourceType))
		}
	}
	all := []ram.ResourceSharePermissionSummary{}
	for _, t := range share.Types() {
		if in.ResourceType != nil && t.Name != *in.ResourceType || str(in.PermissionType) == "CUSTOMER_MANAGED" ||
			str(in.ResourceOwner) == "SELF" || in.PermissionStatus != nil && *in.PermissionStatus != "ATTACHABLE" {
			continue
		}
		all = append(all, summary(t, "ATTACHABLE"))
	}
	some, next, err := cut(all, permissionKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionsOutput{Permissions: some, NextToken: next}, nil
}

// ListPermissionVersions lists the versions of a permission; each has one.
func (a *API) ListPermissionVersions(_ context.Context, in *ram.ListPermissionVersionsInput) (*ram.ListPermissionVersionsOutput, error) {
	t, err := share.TypeOfPermission(str(in.PermissionArn))
	if err != nil {
		return nil, err
	}
	some, next, err := cut([]ram.ResourceSharePermissionSummary{summary(t, "ATTACHABLE")}, permissionKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionVersionsOutput{Permissions: some, NextToken: next}, nil
}

func permissionKey(p ram.ResourceSharePermissionSummary) string { return *p.Arn }

func summary(t share.Type, status string) ram.ResourceSharePermissionSummary {
	return ram.ResourceSharePermissionSummary{
		Arn: new(t.PermissionARN()), Version: new("1"), DefaultVersion: new(true), Name: &t.Permission, ResourceType: &t.Name, Status: &status,
		CreationTime: new(introduced()), LastUpdatedTime: new(introduced()), IsResourceTypeDefault: new(true), PermissionType: new("AWS_MANAGED"),
		FeatureSet: new("STANDARD"), ResourceOwner: new("OTHER-ACCOUNTS"),
	}
}

// GetPermission shows what a permission allows.
func (a *API) GetPermission(_ context.Context, in *ram.GetPermissionInput) (*ram.GetPermissionOutput, error) {
	t, err := share.TypeOfPermission(str(in.PermissionArn))
	if err != nil {
		return nil, err
	}
	if err := firstVersion(t, in.PermissionVersion); err != nil {
		return nil, err
	}
	doc, err := json.Marshal(struct{ Effect, Action any }{"Allow", t.Actions})
	if err != nil {
		return nil, err
	}
	return &ram.GetPermissionOutput{Permission: &ram.ResourceSharePermissionDetail{
		Arn: new(t.PermissionARN()), Version: new("1"), DefaultVersion: new(true), Name: &t.Permission, ResourceType: &t.Name,
		Permission: new(string(doc)), CreationTime: new(introduced()), LastUpdatedTime: new(introduced()), IsResourceTypeDefault: new(true),
		PermissionType: new("AWS_MANAGED"), FeatureSet: new("STANDARD"), Status: new("ATTACHABLE"), ResourceOwner: new("OTHER-ACCOUNTS"),
	}}, nil
}

func firstVersion(t share.Type, version *int32) error {
	if version != nil && *version != 1 {
		return unknown("Version %d of permission %s could not be found.", *version, t.PermissionARN())
	}
	return nil
}

// ListResourceSharePermissions lists the permissions of a share that the caller owns or that is shared with it.
func (a *API) ListResourceSharePermissions(ctx context.Context, in *ram.ListResourceSharePermissionsInput) (*ram.ListResourceSharePermissionsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	visible, err := named(slices.Concat(q.shared(snap, true), q.shared(snap, false)), []string{str(in.ResourceShareArn)})
	if err != nil {
		return nil, err
	}
	all := []ram.ResourceSharePermissionSummary{}
	for _, p := range visible[0].Permissions {
		if t, err := share.TypeOfPermission(p); err == nil {
			all = append(all, summary(t, share.Associated))
		}
	}
	some, next, err := cut(all, permissionKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListResourceSharePermissionsOutput{Permissions: some, NextToken: next}, nil
}

// AssociateResourceSharePermission gives a share the permission for a type of resource.
func (a *API) AssociateResourceSharePermission(ctx context.Context, in *ram.AssociateResourceSharePermissionInput) (*ram.AssociateResourceSharePermissionOutput, error) {
	q := a.query(ctx)
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		s, err := q.active(tx, str(in.ResourceShareArn))
		if err != nil {
			return err
		}
		t, err := share.TypeOfPermission(str(in.PermissionArn))
		if err != nil {
			return err
		}
		if len(in.PermissionTemplateParameters) > 0 {
			return invalid("None of the permissions has parameters.")
		}
		if err := firstVersion(t, in.PermissionVersion); err != nil {
			return err
		}
		if err := q.permit(s, *in.PermissionArn); err != nil {
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
		t, err := share.TypeOfPermission(str(in.PermissionArn))
		if err != nil {
			return err
		}
		i := slices.Index(s.Permissions, *in.PermissionArn)
		if i < 0 {
			return unknown("Permission %s is not associated with the resource share %s.", *in.PermissionArn, s.ARN())
		}
		for _, r := range s.Resources {
			if of, ok := share.TypeOf(r.Entity); ok && of.Name == t.Name && r.Status == share.Associated {
				return fault.New(fault.Conflict, "InvalidStateTransitionException",
					"The permission %s can't be disassociated while the resource share %s has resources of type %s.", *in.PermissionArn, s.ARN(), t.Name)
			}
		}
		s.Permissions = slices.Delete(slices.Clone(s.Permissions), i, i+1)
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
		if _, err := share.TypeOfPermission(*in.PermissionArn); err != nil {
			return nil, err
		}
	}
	all := []ram.AssociatedPermission{}
	for _, s := range shares {
		for _, p := range s.Permissions {
			t, err := share.TypeOfPermission(p)
			if err != nil || s.Status != share.Active || in.PermissionArn != nil && *in.PermissionArn != p ||
				in.ResourceType != nil && *in.ResourceType != t.Name || in.PermissionVersion != nil && *in.PermissionVersion != 1 ||
				in.AssociationStatus != nil && *in.AssociationStatus != share.Associated || in.FeatureSet != nil && *in.FeatureSet != "STANDARD" ||
				in.DefaultVersion != nil && !*in.DefaultVersion {
				continue
			}
			all = append(all, ram.AssociatedPermission{Arn: &p, PermissionVersion: new("1"), DefaultVersion: new(true), ResourceType: &t.Name,
				Status: new(share.Associated), FeatureSet: new("STANDARD"), LastUpdatedTime: &s.Updated, ResourceShareArn: new(s.ARN())})
		}
	}
	some, next, err := cut(all, func(p ram.AssociatedPermission) string { return *p.Arn + " " + *p.ResourceShareArn }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPermissionAssociationsOutput{Permissions: some, NextToken: next}, nil
}
