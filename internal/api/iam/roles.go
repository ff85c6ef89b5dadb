package iam

import (
	"context"
	"fmt"
	"strings"

	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
)

const maxTrust = 2048

// getRole returns a role of the account.
func getRole(r state.Reader, account, name string) (*identity.Role, error) {
	role, ok := state.Roles.Get(r, account+"/"+name)
	if !ok {
		return nil, missing("role", name)
	}
	return role, nil
}

// changeRole stores what change makes of a role. Of the roles of services an account may change how they are described and
// tagged, and nothing else.
func (a *API) changeRole(ctx context.Context, name *string, change func(*state.Tx, *identity.Role) error) error {
	return a.describeRole(ctx, name, func(tx *state.Tx, role *identity.Role) error {
		if err := unprotected(role); err != nil {
			return err
		}
		return change(tx, role)
	})
}

func (a *API) describeRole(ctx context.Context, name *string, change func(*state.Tx, *identity.Role) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		role, err := getRole(tx, account(ctx), text(name))
		if err != nil {
			return err
		}
		if err := change(tx, role); err != nil {
			return err
		}
		state.Roles.Put(tx, role)
		return nil
	})
}

func unprotected(role *identity.Role) error {
	if role.ServiceLinked() {
		return fault.New(fault.Invalid, "UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", role.Name)
	}
	return nil
}

func roleOut(r *identity.Role) *iam.Role {
	return &iam.Role{Path: &r.Path, RoleName: &r.Name, RoleId: &r.ID, Arn: new(r.ARN()), CreateDate: &r.Created, AssumeRolePolicyDocument: encoded(r.Trust),
		Description: optional(r.Description), MaxSessionDuration: &r.MaxSession}
}

// wholeRole is a role with what listings leave out.
func wholeRole(r *identity.Role) *iam.Role {
	out := roleOut(r)
	out.PermissionsBoundary = boundaryOf(r.Boundary)
	if len(r.Tags) > 0 {
		out.Tags = tagList(r.Tags)
	}
	return out
}

// CreateRole makes a role.
func (a *API) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	if err := checkPolicy(policy.Trust, text(in.AssumeRolePolicyDocument), "ACLSizePerRole", maxTrust); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	path := pathOf(in.Path)
	if strings.HasPrefix(path, identity.ServiceLinkedPath) {
		return nil, fault.New(fault.Invalid, "InvalidInput", "The path %s is for service-linked roles. Use CreateServiceLinkedRole.", path)
	}
	role := identity.NewRole(account(ctx), path, text(in.RoleName), text(in.AssumeRolePolicyDocument), a.time())
	role.Description, role.Boundary, role.Tags = text(in.Description), text(in.PermissionsBoundary), tags
	if in.MaxSessionDuration != nil {
		role.MaxSession = *in.MaxSessionDuration
	}
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		if err := trusted(tx, role.Trust); err != nil {
			return err
		}
		if err := boundary(tx, role.Account, role.Boundary); err != nil {
			return err
		}
		return putRole(tx, role)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: wholeRole(role)}, nil
}

// putRole stores a new role.
func putRole(tx *state.Tx, role *identity.Role) error {
	for range state.Roles.By(tx, state.ByName, role.Account+"/"+identity.Fold(role.Name)) {
		return taken("Role", role.Name)
	}
	state.Roles.Put(tx, role)
	return nil
}

// GetRole returns a role.
func (a *API) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	role, err := getRole(a.view.Snapshot(), account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	out := wholeRole(role)
	out.RoleLastUsed = &iam.RoleLastUsed{}
	return &iam.GetRoleOutput{Role: out}, nil
}

// ListRoles lists roles.
func (a *API) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	all := []iam.Role{}
	for r := range state.Roles.By(a.view.Snapshot(), state.ByAccount, account(ctx)) {
		if strings.HasPrefix(r.Path, text(in.PathPrefix)) {
			all = append(all, *roleOut(r))
		}
	}
	l, err := cut(all, func(r iam.Role) string { return *r.RoleName }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolesOutput{Roles: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// UpdateRole changes a role's description and longest session.
func (a *API) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return nil, a.describeRole(ctx, in.RoleName, func(_ *state.Tx, r *identity.Role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			if err := unprotected(r); err != nil {
				return err
			}
			r.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
}

// UpdateRoleDescription changes a role's description.
func (a *API) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	var out *iam.Role
	err := a.describeRole(ctx, in.RoleName, func(_ *state.Tx, r *identity.Role) error {
		r.Description = text(in.Description)
		out = wholeRole(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleDescriptionOutput{Role: out}, nil
}

// UpdateAssumeRolePolicy changes who may assume a role.
func (a *API) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if err := checkPolicy(policy.Trust, text(in.PolicyDocument), "ACLSizePerRole", maxTrust); err != nil {
		return nil, err
	}
	return nil, a.changeRole(ctx, in.RoleName, func(tx *state.Tx, r *identity.Role) error {
		r.Trust = text(in.PolicyDocument)
		return trusted(tx, r.Trust)
	})
}

// DeleteRole removes a role that nothing is tied to.
func (a *API) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		role, err := getRole(tx, account(ctx), text(in.RoleName))
		if err != nil {
			return err
		}
		if err := unprotected(role); err != nil {
			return err
		}
		for range state.InstanceProfiles.By(tx, state.ByIdentity, role.Account+"/"+role.Name) {
			return inUse("remove roles from instance profile")
		}
		if err := bare(&role.Policies); err != nil {
			return err
		}
		state.Roles.Delete(tx, role.Account+"/"+role.Name)
		return nil
	})
}

// bare refuses to delete what still has policies.
func bare(p *identity.Policies) error {
	switch {
	case len(p.Attached) > 0:
		return inUse("detach all policies")
	case len(p.Inline) > 0:
		return inUse("delete policies")
	}
	return nil
}

// PutRolePermissionsBoundary bounds what a role's policies can allow.
func (a *API) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return nil, a.changeRole(ctx, in.RoleName, func(tx *state.Tx, r *identity.Role) error {
		r.Boundary = text(in.PermissionsBoundary)
		return boundary(tx, r.Account, r.Boundary)
	})
}

// DeleteRolePermissionsBoundary takes that back.
func (a *API) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, a.changeRole(ctx, in.RoleName, func(_ *state.Tx, r *identity.Role) error {
		if r.Boundary == "" {
			return fault.New(fault.NotFound, "NoSuchEntity", "The role with name %s does not have a permissions boundary.", r.Name)
		}
		r.Boundary = ""
		return nil
	})
}

// TagRole sets tags of a role.
func (a *API) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.describeRole(ctx, in.RoleName, func(_ *state.Tx, r *identity.Role) (err error) {
		r.Tags, err = retagged(r.Tags, added)
		return err
	})
}

// UntagRole removes tags of a role.
func (a *API) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return nil, a.describeRole(ctx, in.RoleName, func(_ *state.Tx, r *identity.Role) error {
		r.Tags = untagged(r.Tags, in.TagKeys)
		return nil
	})
}

// ListRoleTags lists the tags of a role.
func (a *API) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	role, err := getRole(a.view.Snapshot(), account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	l, err := cutTags(role.Tags, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsOutput{Tags: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

func cutTags(set tag.Set, limit *int32, marker *string) (list[iam.Tag], error) {
	return cut(tagList(set), func(t iam.Tag) string { return *t.Key }, limit, marker)
}

// CreateServiceLinkedRole makes the role that a service has for itself.
func (a *API) CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := text(in.AWSServiceName)
	name, description := identity.ServiceLinkedRole(service, text(in.CustomSuffix))
	if name == "" {
		return nil, fault.New(fault.Invalid, "InvalidInput", "The service %s has no service-linked role here.", service)
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`, service)
	role := identity.NewRole(account(ctx), identity.ServiceLinkedPath+service+"/", name, trust, a.time())
	role.Description = description
	if in.Description != nil {
		role.Description = *in.Description
	}
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		if putRole(tx, role) != nil {
			return fault.New(fault.Invalid, "InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: roleOut(role)}, nil
}

// DeleteServiceLinkedRole removes the role that a service has for itself. It is gone when the call returns.
func (a *API) DeleteServiceLinkedRole(ctx context.Context, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	var task string
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		role, err := getRole(tx, account(ctx), text(in.RoleName))
		if err != nil {
			return err
		}
		if !role.ServiceLinked() {
			return fault.New(fault.Invalid, "InvalidInput", "The role %s is not a service-linked role.", role.Name)
		}
		task = "task" + role.Path + role.Name + "/" + role.ID
		state.Roles.Delete(tx, role.Account+"/"+role.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: &task}, nil
}

// GetServiceLinkedRoleDeletionStatus says whether the role that a task removes is gone.
func (a *API) GetServiceLinkedRoleDeletionStatus(ctx context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	parts := strings.Split(text(in.DeletionTaskId), "/")
	if len(parts) != 5 || parts[0] != "task" || "/"+parts[1]+"/" != identity.ServiceLinkedPath {
		return nil, fault.New(fault.NotFound, "NoSuchEntity", "The deletion task %s cannot be found.", text(in.DeletionTaskId))
	}
	if role, ok := state.Roles.Get(a.view.Snapshot(), account(ctx)+"/"+parts[3]); ok && role.ID == parts[4] {
		return nil, fault.New(fault.NotFound, "NoSuchEntity", "The deletion task %s cannot be found.", text(in.DeletionTaskId))
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: new("SUCCEEDED")}, nil
}
