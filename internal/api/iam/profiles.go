package iam

import (
	"context"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

func profile(r state.Reader, account, name string) (*identity.InstanceProfile, error) {
	p, ok := state.InstanceProfiles.Get(r, account+"/"+name)
	if !ok {
		return nil, fault.New(fault.NotFound, "NoSuchEntity", "Instance Profile %s cannot be found.", name)
	}
	return p, nil
}

func profileOut(r state.Reader, p *identity.InstanceProfile) iam.InstanceProfile {
	out := iam.InstanceProfile{Path: &p.Path, InstanceProfileName: &p.Name, InstanceProfileId: &p.ID, Arn: new(p.ARN()), CreateDate: &p.Created, Roles: []iam.Role{}}
	if role, ok := state.Roles.Get(r, p.Account+"/"+p.Role); ok && p.Role != "" {
		out.Roles = append(out.Roles, *roleOut(role))
	}
	if len(p.Tags) > 0 {
		out.Tags = tagList(p.Tags)
	}
	return out
}

// changeProfile stores what change makes of an instance profile.
func (a *API) changeProfile(ctx context.Context, name *string, change func(*state.Tx, *identity.InstanceProfile) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		p, err := profile(tx, account(ctx), text(name))
		if err != nil {
			return err
		}
		if err := change(tx, p); err != nil {
			return err
		}
		state.InstanceProfiles.Put(tx, p)
		return nil
	})
}

// CreateInstanceProfile makes an instance profile without a role.
func (a *API) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &identity.InstanceProfile{Account: account(ctx), Name: text(in.InstanceProfileName), Path: pathOf(in.Path), ID: arn.MintKey("AIPA"), Created: a.time(), Tags: tags}
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		for range state.InstanceProfiles.By(tx, state.ByName, p.Account+"/"+identity.Fold(p.Name)) {
			return fault.New(fault.Exists, "EntityAlreadyExists", "Instance Profile %s already exists.", p.Name)
		}
		state.InstanceProfiles.Put(tx, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateInstanceProfileOutput{InstanceProfile: new(profileOut(a.view.Snapshot(), p))}, nil
}

// GetInstanceProfile returns an instance profile.
func (a *API) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	s := a.view.Snapshot()
	p, err := profile(s, account(ctx), text(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	return &iam.GetInstanceProfileOutput{InstanceProfile: new(profileOut(s, p))}, nil
}

func byProfileName(p iam.InstanceProfile) string { return *p.InstanceProfileName }

// ListInstanceProfiles lists instance profiles.
func (a *API) ListInstanceProfiles(ctx context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	s := a.view.Snapshot()
	all := []iam.InstanceProfile{}
	for p := range state.InstanceProfiles.By(s, state.ByAccount, account(ctx)) {
		if strings.HasPrefix(p.Path, text(in.PathPrefix)) {
			out := profileOut(s, p)
			out.Tags = nil
			all = append(all, out)
		}
	}
	l, err := cut(all, byProfileName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// ListInstanceProfilesForRole lists the instance profiles that carry a role.
func (a *API) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	s := a.view.Snapshot()
	role, err := getRole(s, account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	all := []iam.InstanceProfile{}
	for p := range state.InstanceProfiles.By(s, state.ByIdentity, role.Account+"/"+role.Name) {
		all = append(all, profileOut(s, p))
	}
	l, err := cut(all, byProfileName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// AddRoleToInstanceProfile gives an instance profile its one role.
func (a *API) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	return nil, a.changeProfile(ctx, in.InstanceProfileName, func(tx *state.Tx, p *identity.InstanceProfile) error {
		role, err := getRole(tx, p.Account, text(in.RoleName))
		if err != nil {
			return err
		}
		if err := unprotected(role); err != nil {
			return err
		}
		if p.Role != "" {
			return quota("InstanceSessionsPerInstanceProfile", 1)
		}
		p.Role = role.Name
		return nil
	})
}

// RemoveRoleFromInstanceProfile takes the role away.
func (a *API) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, a.changeProfile(ctx, in.InstanceProfileName, func(_ *state.Tx, p *identity.InstanceProfile) error {
		if p.Role == "" || p.Role != text(in.RoleName) {
			return missing("role", text(in.RoleName))
		}
		p.Role = ""
		return nil
	})
}

// DeleteInstanceProfile removes an instance profile without a role.
func (a *API) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		p, err := profile(tx, account(ctx), text(in.InstanceProfileName))
		if err != nil {
			return err
		}
		if p.Role != "" {
			return inUse("remove roles from instance profile")
		}
		state.InstanceProfiles.Delete(tx, p.Account+"/"+p.Name)
		return nil
	})
}

// TagInstanceProfile sets tags of an instance profile.
func (a *API) TagInstanceProfile(ctx context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.changeProfile(ctx, in.InstanceProfileName, func(_ *state.Tx, p *identity.InstanceProfile) (err error) {
		p.Tags, err = p.Tags.With(added)
		return err
	})
}

// UntagInstanceProfile removes tags of an instance profile.
func (a *API) UntagInstanceProfile(ctx context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	return nil, a.changeProfile(ctx, in.InstanceProfileName, func(_ *state.Tx, p *identity.InstanceProfile) error {
		p.Tags = p.Tags.Without(in.TagKeys...)
		return nil
	})
}

// ListInstanceProfileTags lists the tags of an instance profile.
func (a *API) ListInstanceProfileTags(ctx context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	p, err := profile(a.view.Snapshot(), account(ctx), text(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	l, err := cutTags(p.Tags, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsOutput{Tags: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}
