package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const (
	maxManaged  = 6144
	maxVersions = 5
)

func noPolicy(arn string) error {
	return fault.New(fault.NotFound, "NoSuchEntity", "Policy %s was not found.", arn)
}

// usage counts who in the account carries a policy, attached and as a permissions boundary.
func usage(r state.Reader, account, arn string) (attached, bounded int32) {
	count := func(owner string, p *identity.Policies, boundary string) {
		if owner != account {
			return
		}
		if slices.Contains(p.Attached, arn) {
			attached++
		}
		if boundary == arn {
			bounded++
		}
	}
	for x := range state.Roles.By(r, state.ByPolicy, arn) {
		count(x.Account, &x.Policies, x.Boundary)
	}
	for x := range state.Users.By(r, state.ByPolicy, arn) {
		count(x.Account, &x.Policies, x.Boundary)
	}
	for x := range state.Groups.By(r, state.ByPolicy, arn) {
		count(x.Account, &x.Policies, "")
	}
	return attached, bounded
}

func policyOut(r state.Reader, account string, p *managed) iam.Policy {
	attached, bounded := usage(r, account, p.arn)
	return iam.Policy{PolicyName: &p.Name, PolicyId: &p.ID, Arn: &p.arn, Path: &p.Path, DefaultVersionId: &p.Default, AttachmentCount: &attached,
		PermissionsBoundaryUsageCount: &bounded, IsAttachable: new(true), CreateDate: &p.Created, UpdateDate: &p.Updated}
}

// CreatePolicy makes a customer managed policy.
func (a *API) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := checkPolicy(policy.Identity, text(in.PolicyDocument), "PolicySize", maxManaged); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	now := a.time()
	p := &identity.ManagedPolicy{Account: account(ctx), Name: text(in.PolicyName), Path: pathOf(in.Path), ID: arn.MintKey("ANPA"), Description: text(in.Description),
		Created: now, Updated: now, Versions: []identity.PolicyVersion{{ID: "v1", Document: text(in.PolicyDocument), Created: now}}, NextVersion: 2, Default: "v1", Tags: tags}
	var out iam.Policy
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		for range state.ManagedPolicies.By(tx, state.ByName, p.Account+"/"+identity.Fold(p.Name)) {
			return fault.New(fault.Exists, "EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		state.ManagedPolicies.Put(tx, p)
		out = policyOut(tx, p.Account, &managed{ManagedPolicy: *p, arn: p.ARN()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		out.Tags = tagList(tags)
	}
	return &iam.CreatePolicyOutput{Policy: &out}, nil
}

// GetPolicy returns a managed policy, without its document.
func (a *API) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	s := a.view.Snapshot()
	p, ok := managedPolicy(s, account(ctx), text(in.PolicyArn))
	if !ok {
		return nil, noPolicy(text(in.PolicyArn))
	}
	out := policyOut(s, account(ctx), p)
	out.Description, out.Tags = optional(p.Description), tagList(p.Tags)
	return &iam.GetPolicyOutput{Policy: &out}, nil
}

// ListPolicies lists managed policies: the account's own, AWS's or both.
func (a *API) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	s := a.view.Snapshot()
	all := []iam.Policy{}
	add := func(p *managed) {
		out := policyOut(s, account(ctx), p)
		used := map[string]int32{"": *out.AttachmentCount + *out.PermissionsBoundaryUsageCount, "PermissionsPolicy": *out.AttachmentCount,
			"PermissionsBoundary": *out.PermissionsBoundaryUsageCount}[text(in.PolicyUsageFilter)]
		mustBeUsed := in.OnlyAttached != nil && *in.OnlyAttached || in.PolicyUsageFilter != nil
		if strings.HasPrefix(p.Path, text(in.PathPrefix)) && (used > 0 || !mustBeUsed) {
			all = append(all, out)
		}
	}
	if text(in.Scope) != "AWS" {
		for p := range state.ManagedPolicies.By(s, state.ByAccount, account(ctx)) {
			add(&managed{ManagedPolicy: *p, arn: p.ARN()})
		}
	}
	if text(in.Scope) != "Local" {
		for _, p := range policy.ManagedPolicies() {
			add(ofAWS(p))
		}
	}
	l, err := cut(all, func(p iam.Policy) string { return *p.Arn }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListPoliciesOutput{Policies: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// changePolicy stores what change makes of a policy of the account's own.
func (a *API) changePolicy(ctx context.Context, name *string, change func(*state.Tx, *identity.ManagedPolicy) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		p, ok := managedPolicy(tx, account(ctx), text(name))
		switch {
		case !ok:
			return noPolicy(text(name))
		case p.aws:
			return fault.New(fault.Denied, "AccessDenied", "Policy %s is managed by AWS and can't be changed.", p.arn)
		}
		row := p.ManagedPolicy
		if err := change(tx, &row); err != nil {
			return err
		}
		state.ManagedPolicies.Put(tx, &row)
		return nil
	})
}

// DeletePolicy removes a policy that nobody carries.
func (a *API) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		p, ok := managedPolicy(tx, account(ctx), text(in.PolicyArn))
		switch {
		case !ok:
			return noPolicy(text(in.PolicyArn))
		case p.aws:
			return fault.New(fault.Denied, "AccessDenied", "Policy %s is managed by AWS and can't be changed.", p.arn)
		}
		if attached, bounded := usage(tx, p.Account, p.arn); attached+bounded > 0 {
			return fault.New(fault.InUse, "DeleteConflict", "Cannot delete a policy attached to entities.")
		}
		if len(p.Versions) > 1 {
			return fault.New(fault.InUse, "DeleteConflict",
				"This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		state.ManagedPolicies.Delete(tx, p.arn)
		return nil
	})
}

func versionOut(p *identity.ManagedPolicy, v identity.PolicyVersion, document bool) iam.PolicyVersion {
	out := iam.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: new(v.ID == p.Default), CreateDate: &v.Created}
	if document {
		out.Document = encoded(v.Document)
	}
	return out
}

// CreatePolicyVersion adds a version, which may become the default.
func (a *API) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := checkPolicy(policy.Identity, text(in.PolicyDocument), "PolicySize", maxManaged); err != nil {
		return nil, err
	}
	var out iam.PolicyVersion
	err := a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *identity.ManagedPolicy) error {
		if len(p.Versions) >= maxVersions {
			return fault.New(fault.Quota, "LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		now := a.time()
		v := identity.PolicyVersion{ID: "v" + strconv.Itoa(p.NextVersion), Document: text(in.PolicyDocument), Created: now}
		p.Versions, p.NextVersion, p.Updated = append(slices.Clone(p.Versions), v), p.NextVersion+1, now
		if in.SetAsDefault != nil && *in.SetAsDefault {
			p.Default = v.ID
		}
		out = versionOut(p, v, false)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &out}, nil
}

func noVersion(arn, id string) error {
	return fault.New(fault.NotFound, "NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", arn, id)
}

// GetPolicyVersion returns a version with its document.
func (a *API) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, ok := managedPolicy(a.view.Snapshot(), account(ctx), text(in.PolicyArn))
	if !ok {
		return nil, noPolicy(text(in.PolicyArn))
	}
	v, ok := p.Version(text(in.VersionId))
	if !ok {
		return nil, noVersion(p.arn, text(in.VersionId))
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: new(versionOut(&p.ManagedPolicy, v, true))}, nil
}

// ListPolicyVersions lists the versions of a policy, without documents, the newest first.
func (a *API) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, ok := managedPolicy(a.view.Snapshot(), account(ctx), text(in.PolicyArn))
	if !ok {
		return nil, noPolicy(text(in.PolicyArn))
	}
	all := []iam.PolicyVersion{}
	for _, v := range p.Versions {
		all = append(all, versionOut(&p.ManagedPolicy, v, false))
	}
	newest := func(v iam.PolicyVersion) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(*v.VersionId, "v"))
		return strconv.Itoa(1<<30 - n)
	}
	l, err := cut(all, newest, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsOutput{Versions: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// SetDefaultPolicyVersion lets another version decide.
func (a *API) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return nil, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *identity.ManagedPolicy) error {
		if _, ok := p.Version(text(in.VersionId)); !ok {
			return noVersion(p.ARN(), text(in.VersionId))
		}
		p.Default, p.Updated = text(in.VersionId), a.time()
		return nil
	})
}

// DeletePolicyVersion removes a version that is not the default.
func (a *API) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return nil, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *identity.ManagedPolicy) error {
		id := text(in.VersionId)
		if _, ok := p.Version(id); !ok {
			return noVersion(p.ARN(), id)
		}
		if id == p.Default {
			return fault.New(fault.InUse, "DeleteConflict", "Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(slices.Clone(p.Versions), func(v identity.PolicyVersion) bool { return v.ID == id })
		return nil
	})
}

// TagPolicy sets tags of a policy.
func (a *API) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *identity.ManagedPolicy) (err error) {
		p.Tags, err = p.Tags.With(added)
		return err
	})
}

// UntagPolicy removes tags of a policy.
func (a *API) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return nil, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *identity.ManagedPolicy) error {
		p.Tags = p.Tags.Without(in.TagKeys...)
		return nil
	})
}

// ListPolicyTags lists the tags of a policy.
func (a *API) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	p, ok := managedPolicy(a.view.Snapshot(), account(ctx), text(in.PolicyArn))
	if !ok {
		return nil, noPolicy(text(in.PolicyArn))
	}
	l, err := cutTags(p.Tags, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyTagsOutput{Tags: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// ListEntitiesForPolicy lists who in the account carries a policy.
func (a *API) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	s := a.view.Snapshot()
	p, ok := managedPolicy(s, account(ctx), text(in.PolicyArn))
	if !ok {
		return nil, noPolicy(text(in.PolicyArn))
	}
	type entity struct{ kind, name, id string }
	var all []entity
	add := func(kind, owner, path, name, id string, policies *identity.Policies, boundary string) {
		attached, bounded := slices.Contains(policies.Attached, p.arn), boundary == p.arn
		wanted := map[string]bool{"": attached || bounded, "PermissionsPolicy": attached, "PermissionsBoundary": bounded}[text(in.PolicyUsageFilter)]
		if owner == account(ctx) && wanted && strings.HasPrefix(path, text(in.PathPrefix)) && (in.EntityFilter == nil || *in.EntityFilter == kind) {
			all = append(all, entity{kind, name, id})
		}
	}
	for x := range state.Groups.By(s, state.ByPolicy, p.arn) {
		add("Group", x.Account, x.Path, x.Name, x.ID, &x.Policies, "")
	}
	for x := range state.Roles.By(s, state.ByPolicy, p.arn) {
		add("Role", x.Account, x.Path, x.Name, x.ID, &x.Policies, x.Boundary)
	}
	for x := range state.Users.By(s, state.ByPolicy, p.arn) {
		add("User", x.Account, x.Path, x.Name, x.ID, &x.Policies, x.Boundary)
	}
	l, err := cut(all, func(e entity) string { return e.kind + "/" + e.name }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{PolicyGroups: []iam.PolicyGroup{}, PolicyRoles: []iam.PolicyRole{}, PolicyUsers: []iam.PolicyUser{},
		IsTruncated: l.truncated, Marker: l.marker}
	for _, e := range l.items {
		switch e.kind {
		case "Group":
			out.PolicyGroups = append(out.PolicyGroups, iam.PolicyGroup{GroupName: &e.name, GroupId: &e.id})
		case "Role":
			out.PolicyRoles = append(out.PolicyRoles, iam.PolicyRole{RoleName: &e.name, RoleId: &e.id})
		case "User":
			out.PolicyUsers = append(out.PolicyUsers, iam.PolicyUser{UserName: &e.name, UserId: &e.id})
		}
	}
	return out, nil
}
