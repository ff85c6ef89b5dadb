package iam

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/iam"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const maxGroups = 10

// getUser returns a user of the account.
func getUser(r state.Reader, account, name string) (*identity.User, error) {
	u, ok := state.Users.Get(r, account+"/"+name)
	if !ok {
		return nil, missing("user", name)
	}
	return u, nil
}

// changeUser stores what change makes of a user.
func (a *API) changeUser(ctx context.Context, name *string, change func(*state.Tx, *identity.User) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		u, err := getUser(tx, account(ctx), text(name))
		if err != nil {
			return err
		}
		if err := change(tx, u); err != nil {
			return err
		}
		state.Users.Put(tx, u)
		return nil
	})
}

func userOut(u *identity.User) *iam.User {
	return &iam.User{Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: new(u.ARN()), CreateDate: &u.Created}
}

// wholeUser is a user with what listings leave out.
func wholeUser(u *identity.User) *iam.User {
	out := userOut(u)
	out.PermissionsBoundary = boundaryOf(u.Boundary)
	if len(u.Tags) > 0 {
		out.Tags = tagList(u.Tags)
	}
	return out
}

func userTaken(r state.Reader, account, name, except string) error {
	for u := range state.Users.By(r, state.ByName, account+"/"+identity.Fold(name)) {
		if u.ID != except {
			return taken("User", name)
		}
	}
	return nil
}

// CreateUser makes a user.
func (a *API) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	u := &identity.User{Account: account(ctx), Name: text(in.UserName), Path: pathOf(in.Path), ID: arn.MintKey("AIDA"), Created: a.time(),
		Boundary: text(in.PermissionsBoundary), Tags: tags}
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		if err := boundary(tx, u.Account, u.Boundary); err != nil {
			return err
		}
		if err := userTaken(tx, u.Account, u.Name, ""); err != nil {
			return err
		}
		state.Users.Put(tx, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: wholeUser(u)}, nil
}

// GetUser returns a user, by default the caller. The root user is one without a name.
func (a *API) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	s, who := a.view.Snapshot(), caller.From(ctx)
	name, err := named(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		out := &iam.User{Arn: &who.ARN, UserId: &who.Account}
		if row, ok := state.Accounts.Get(s, who.Account); ok {
			out.CreateDate, out.UserName = &row.Created, optional(row.Alias)
		}
		return &iam.GetUserOutput{User: out}, nil
	}
	u, err := getUser(s, who.Account, name)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: wholeUser(u)}, nil
}

// named returns the user that a call is about: the one it names, else the caller, which is "" for the root user.
func named(ctx context.Context, name *string) (string, error) {
	who := caller.From(ctx)
	switch {
	case name != nil:
		return *name, nil
	case who.Kind == caller.Root:
		return "", nil
	case who.Kind == caller.User:
		return who.Name(), nil
	}
	return "", fault.New(fault.Invalid, "ValidationError", "Must specify userName when calling with non-User credentials")
}

// ListUsers lists users.
func (a *API) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	all := []iam.User{}
	for u := range state.Users.By(a.view.Snapshot(), state.ByAccount, account(ctx)) {
		if strings.HasPrefix(u.Path, text(in.PathPrefix)) {
			all = append(all, *userOut(u))
		}
	}
	l, err := cut(all, func(u iam.User) string { return *u.UserName }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListUsersOutput{Users: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// UpdateUser renames a user or moves it to another path. Its keys stay its own.
func (a *API) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(tx *state.Tx, u *identity.User) error {
		if in.NewPath != nil {
			u.Path = *in.NewPath
		}
		if in.NewUserName == nil || *in.NewUserName == u.Name {
			return nil
		}
		if err := userTaken(tx, u.Account, *in.NewUserName, u.ID); err != nil {
			return err
		}
		for k := range state.AccessKeys.By(tx, state.ByIdentity, u.Account+"/"+u.Name) {
			key := *k
			key.User = *in.NewUserName
			state.AccessKeys.Put(tx, &key)
		}
		state.Users.Delete(tx, u.Account+"/"+u.Name)
		u.Name = *in.NewUserName
		return nil
	})
}

// DeleteUser removes a user that nothing is tied to.
func (a *API) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		u, err := getUser(tx, account(ctx), text(in.UserName))
		if err != nil {
			return err
		}
		for range state.AccessKeys.By(tx, state.ByIdentity, u.Account+"/"+u.Name) {
			return inUse("delete access keys")
		}
		if len(u.Groups) > 0 {
			return inUse("remove users from group")
		}
		if err := bare(&u.Policies); err != nil {
			return err
		}
		state.Users.Delete(tx, u.Account+"/"+u.Name)
		return nil
	})
}

// PutUserPermissionsBoundary bounds what a user's policies can allow.
func (a *API) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(tx *state.Tx, u *identity.User) error {
		u.Boundary = text(in.PermissionsBoundary)
		return boundary(tx, u.Account, u.Boundary)
	})
}

// DeleteUserPermissionsBoundary takes that back.
func (a *API) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(_ *state.Tx, u *identity.User) error {
		if u.Boundary == "" {
			return fault.New(fault.NotFound, "NoSuchEntity", "The user with name %s does not have a permissions boundary.", u.Name)
		}
		u.Boundary = ""
		return nil
	})
}

// TagUser sets tags of a user.
func (a *API) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.changeUser(ctx, in.UserName, func(_ *state.Tx, u *identity.User) (err error) {
		u.Tags, err = retagged(u.Tags, added)
		return err
	})
}

// UntagUser removes tags of a user.
func (a *API) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(_ *state.Tx, u *identity.User) error {
		u.Tags = untagged(u.Tags, in.TagKeys)
		return nil
	})
}

// ListUserTags lists the tags of a user.
func (a *API) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	u, err := getUser(a.view.Snapshot(), account(ctx), text(in.UserName))
	if err != nil {
		return nil, err
	}
	l, err := cutTags(u.Tags, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// getGroup returns a group of the account.
func getGroup(r state.Reader, account, name string) (*identity.Group, error) {
	g, ok := state.Groups.Get(r, account+"/"+name)
	if !ok {
		return nil, missing("group", name)
	}
	return g, nil
}

func groupOut(g *identity.Group) *iam.Group {
	return &iam.Group{Path: &g.Path, GroupName: &g.Name, GroupId: &g.ID, Arn: new(g.ARN()), CreateDate: &g.Created}
}

func groupTaken(r state.Reader, account, name, except string) error {
	for g := range state.Groups.By(r, state.ByName, account+"/"+identity.Fold(name)) {
		if g.ID != except {
			return taken("Group", name)
		}
	}
	return nil
}

// CreateGroup makes a group.
func (a *API) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := &identity.Group{Account: account(ctx), Name: text(in.GroupName), Path: pathOf(in.Path), ID: arn.MintKey("AGPA"), Created: a.time()}
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		if err := groupTaken(tx, g.Account, g.Name, ""); err != nil {
			return err
		}
		state.Groups.Put(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: groupOut(g)}, nil
}

// members returns the users of a group.
func members(r state.Reader, g *identity.Group) []iam.User {
	out := []iam.User{}
	for u := range state.Users.By(r, state.ByMember, g.Account+"/"+g.Name) {
		out = append(out, *userOut(u))
	}
	return out
}

// GetGroup returns a group with its users.
func (a *API) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	s := a.view.Snapshot()
	g, err := getGroup(s, account(ctx), text(in.GroupName))
	if err != nil {
		return nil, err
	}
	l, err := cut(members(s, g), func(u iam.User) string { return *u.UserName }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupOutput{Group: groupOut(g), Users: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

func byGroupName(g iam.Group) string { return *g.GroupName }

// ListGroups lists groups.
func (a *API) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	all := []iam.Group{}
	for g := range state.Groups.By(a.view.Snapshot(), state.ByAccount, account(ctx)) {
		if strings.HasPrefix(g.Path, text(in.PathPrefix)) {
			all = append(all, *groupOut(g))
		}
	}
	l, err := cut(all, byGroupName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsOutput{Groups: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// ListGroupsForUser lists the groups that a user is in.
func (a *API) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	s := a.view.Snapshot()
	u, err := getUser(s, account(ctx), text(in.UserName))
	if err != nil {
		return nil, err
	}
	all := []iam.Group{}
	for _, name := range u.Groups {
		if g, ok := state.Groups.Get(s, u.Account+"/"+name); ok {
			all = append(all, *groupOut(g))
		}
	}
	l, err := cut(all, byGroupName, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsForUserOutput{Groups: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// UpdateGroup renames a group or moves it to another path. Its users stay in it.
func (a *API) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		g, err := getGroup(tx, account(ctx), text(in.GroupName))
		if err != nil {
			return err
		}
		if in.NewPath != nil {
			g.Path = *in.NewPath
		}
		if in.NewGroupName != nil && *in.NewGroupName != g.Name {
			if err := groupTaken(tx, g.Account, *in.NewGroupName, g.ID); err != nil {
				return err
			}
			for u := range state.Users.By(tx, state.ByMember, g.Account+"/"+g.Name) {
				row := *u
				row.Groups = slices.Clone(u.Groups)
				row.Groups[slices.Index(row.Groups, g.Name)] = *in.NewGroupName
				state.Users.Put(tx, &row)
			}
			state.Groups.Delete(tx, g.Account+"/"+g.Name)
			g.Name = *in.NewGroupName
		}
		state.Groups.Put(tx, g)
		return nil
	})
}

// DeleteGroup removes a group without users and policies.
func (a *API) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		g, err := getGroup(tx, account(ctx), text(in.GroupName))
		if err != nil {
			return err
		}
		for range state.Users.By(tx, state.ByMember, g.Account+"/"+g.Name) {
			return inUse("remove users from group")
		}
		if err := bare(&g.Policies); err != nil {
			return err
		}
		state.Groups.Delete(tx, g.Account+"/"+g.Name)
		return nil
	})
}

// AddUserToGroup puts a user into a group.
func (a *API) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(tx *state.Tx, u *identity.User) error {
		g, err := getGroup(tx, u.Account, text(in.GroupName))
		if err != nil || slices.Contains(u.Groups, g.Name) {
			return err
		}
		if len(u.Groups) >= maxGroups {
			return quota("GroupsPerUser", maxGroups)
		}
		u.Groups = append(slices.Clone(u.Groups), g.Name)
		return nil
	})
}

// RemoveUserFromGroup takes a user out of a group.
func (a *API) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return nil, a.changeUser(ctx, in.UserName, func(tx *state.Tx, u *identity.User) error {
		g, err := getGroup(tx, u.Account, text(in.GroupName))
		if err != nil {
			return err
		}
		i := slices.Index(u.Groups, g.Name)
		if i < 0 {
			return fault.New(fault.NotFound, "NoSuchEntity", "User %s not in group %s", u.Name, g.Name)
		}
		u.Groups = slices.Delete(slices.Clone(u.Groups), i, i+1)
		return nil
	})
}
