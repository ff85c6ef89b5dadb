package iam

import (
	"context"

	"trellis/internal/aws/model/iam"
)

// AttachRolePolicy attaches a managed policy to a role.
func (a *API) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return nil, a.attach(ctx, "role", in.RoleName, in.PolicyArn)
}

// DetachRolePolicy detaches a managed policy from a role.
func (a *API) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return nil, a.detach(ctx, "role", in.RoleName, in.PolicyArn)
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (a *API) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	l, err := a.listAttached(ctx, "role", in.RoleName, in.PathPrefix, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// PutRolePolicy sets an inline policy of a role.
func (a *API) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return nil, a.putInline(ctx, "role", in.RoleName, in.PolicyName, in.PolicyDocument)
}

// GetRolePolicy returns an inline policy of a role.
func (a *API) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	doc, err := a.getInline(ctx, "role", in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: doc}, nil
}

// DeleteRolePolicy removes an inline policy of a role.
func (a *API) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return nil, a.deleteInline(ctx, "role", in.RoleName, in.PolicyName)
}

// ListRolePolicies lists the names of a role's inline policies.
func (a *API) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	l, err := a.listInline(ctx, "role", in.RoleName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// AttachUserPolicy attaches a managed policy to a user.
func (a *API) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return nil, a.attach(ctx, "user", in.UserName, in.PolicyArn)
}

// DetachUserPolicy detaches a managed policy from a user.
func (a *API) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return nil, a.detach(ctx, "user", in.UserName, in.PolicyArn)
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (a *API) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	l, err := a.listAttached(ctx, "user", in.UserName, in.PathPrefix, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// PutUserPolicy sets an inline policy of a user.
func (a *API) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, a.putInline(ctx, "user", in.UserName, in.PolicyName, in.PolicyDocument)
}

// GetUserPolicy returns an inline policy of a user.
func (a *API) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	doc, err := a.getInline(ctx, "user", in.UserName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: doc}, nil
}

// DeleteUserPolicy removes an inline policy of a user.
func (a *API) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, a.deleteInline(ctx, "user", in.UserName, in.PolicyName)
}

// ListUserPolicies lists the names of a user's inline policies.
func (a *API) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	l, err := a.listInline(ctx, "user", in.UserName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// AttachGroupPolicy attaches a managed policy to a group.
func (a *API) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return nil, a.attach(ctx, "group", in.GroupName, in.PolicyArn)
}

// DetachGroupPolicy detaches a managed policy from a group.
func (a *API) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return nil, a.detach(ctx, "group", in.GroupName, in.PolicyArn)
}

// ListAttachedGroupPolicies lists the managed policies of a group.
func (a *API) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	l, err := a.listAttached(ctx, "group", in.GroupName, in.PathPrefix, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// PutGroupPolicy sets an inline policy of a group.
func (a *API) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return nil, a.putInline(ctx, "group", in.GroupName, in.PolicyName, in.PolicyDocument)
}

// GetGroupPolicy returns an inline policy of a group.
func (a *API) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	doc, err := a.getInline(ctx, "group", in.GroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: doc}, nil
}

// DeleteGroupPolicy removes an inline policy of a group.
func (a *API) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return nil, a.deleteInline(ctx, "group", in.GroupName, in.PolicyName)
}

// ListGroupPolicies lists the names of a group's inline policies.
func (a *API) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	l, err := a.listInline(ctx, "group", in.GroupName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupPoliciesOutput{PolicyNames: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}
