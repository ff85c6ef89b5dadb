package organizations

import (
	"context"

	"trellis/internal/aws/model/organizations"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const (
	unitKind    = "ORGANIZATIONAL_UNIT"
	accountKind = "ACCOUNT"
	rootKind    = "ROOT"
	// deepest is how many units may be in each other.
	deepest = 5
)

var (
	errNoUnit   = fault.New(fault.NotFound, "OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	errNoParent = fault.New(fault.NotFound, "ParentNotFoundException", "You specified a parent that doesn't exist.")
	errUnitName = fault.New(fault.Exists, "DuplicateOrganizationalUnitException", "An OU with the same name already exists.")
)

// isParent says whether the id is that of the root or a unit.
func isParent(r state.Reader, o *identity.Organization, id string) bool {
	_, ok := state.Units.Get(r, o.ID+"/"+id)
	return ok || id == o.Root
}

// nameTaken says whether a parent has another unit of the name.
func nameTaken(r state.Reader, o *identity.Organization, parent, name, except string) bool {
	for u := range state.Units.By(r, state.ByParent, o.ID+"/"+parent) {
		if u.Name == name && u.ID != except {
			return true
		}
	}
	return false
}

func unit(o *identity.Organization, u *identity.Unit) *organizations.OrganizationalUnit {
	return &organizations.OrganizationalUnit{Id: &u.ID, Arn: new(o.UnitARN(u.ID)), Name: &u.Name}
}

// CreateOrganizationalUnit makes a unit under the root or another unit.
func (a *API) CreateOrganizationalUnit(ctx context.Context, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	var out *organizations.OrganizationalUnit
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		parent := text(in.ParentId)
		switch {
		case !isParent(tx, o, parent):
			return errNoParent
		case len(state.Ancestors(tx, o, parent)) > deepest:
			return constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the maximum depth of organizational units, 5.")
		case nameTaken(tx, o, parent, text(in.Name), ""):
			return errUnitName
		}
		u := identity.NewUnit(o, parent, text(in.Name), a.time())
		u.Tags = tags
		state.Units.Put(tx, u)
		attachDefault(tx, o, u.ID)
		out = unit(o, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationalUnitOutput{OrganizationalUnit: out}, nil
}

// DescribeOrganizationalUnit returns a unit.
func (a *API) DescribeOrganizationalUnit(ctx context.Context, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	u, ok := state.Units.Get(s, o.ID+"/"+text(in.OrganizationalUnitId))
	if !ok {
		return nil, errNoUnit
	}
	return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: unit(o, u)}, nil
}

// UpdateOrganizationalUnit renames a unit.
func (a *API) UpdateOrganizationalUnit(ctx context.Context, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	var out *organizations.OrganizationalUnit
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		u, ok := state.Units.Get(tx, o.ID+"/"+text(in.OrganizationalUnitId))
		if !ok {
			return errNoUnit
		}
		if in.Name != nil {
			if nameTaken(tx, o, u.Parent, *in.Name, u.ID) {
				return errUnitName
			}
			u.Name = *in.Name
			state.Units.Put(tx, u)
		}
		out = unit(o, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.UpdateOrganizationalUnitOutput{OrganizationalUnit: out}, nil
}

// DeleteOrganizationalUnit removes an empty unit.
func (a *API) DeleteOrganizationalUnit(ctx context.Context, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		u, ok := state.Units.Get(tx, o.ID+"/"+text(in.OrganizationalUnitId))
		if !ok {
			return errNoUnit
		}
		empty := true
		for range state.Units.By(tx, state.ByParent, o.ID+"/"+u.ID) {
			empty = false
		}
		for range state.Accounts.By(tx, state.ByParent, o.ID+"/"+u.ID) {
			empty = false
		}
		if !empty {
			return fault.New(fault.InUse, "OrganizationalUnitNotEmptyException", "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")
		}
		detachAll(tx, o, u.ID)
		state.Units.Delete(tx, o.ID+"/"+u.ID)
		return nil
	})
}

// within reads the organization and checks that a parent is in it.
func (a *API) within(ctx context.Context, parent string) (*state.Snapshot, *identity.Organization, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err == nil && !isParent(s, o, parent) {
		err = errNoParent
	}
	return s, o, err
}

// ListOrganizationalUnitsForParent lists the units directly under the root or a unit.
func (a *API) ListOrganizationalUnitsForParent(ctx context.Context, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	s, o, err := a.within(ctx, text(in.ParentId))
	if err != nil {
		return nil, err
	}
	all := []organizations.OrganizationalUnit{}
	for u := range state.Units.By(s, state.ByParent, o.ID+"/"+text(in.ParentId)) {
		all = append(all, *unit(o, u))
	}
	some, token, err := cut(all, func(u organizations.OrganizationalUnit) string { return *u.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: some, NextToken: token}, nil
}

// ListAccountsForParent lists the accounts directly under the root or a unit.
func (a *API) ListAccountsForParent(ctx context.Context, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	s, o, err := a.within(ctx, text(in.ParentId))
	if err != nil {
		return nil, err
	}
	some, token, err := cut(accountsOf(s, o, text(in.ParentId)), func(m organizations.Account) string { return *m.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListAccountsForParentOutput{Accounts: some, NextToken: token}, nil
}

// ListChildren lists the accounts or the units directly under the root or a unit.
func (a *API) ListChildren(ctx context.Context, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	s, o, err := a.within(ctx, text(in.ParentId))
	if err != nil {
		return nil, err
	}
	all := []organizations.Child{}
	if text(in.ChildType) == accountKind {
		for _, m := range accountsOf(s, o, text(in.ParentId)) {
			all = append(all, organizations.Child{Id: m.Id, Type: in.ChildType})
		}
	} else {
		for u := range state.Units.By(s, state.ByParent, o.ID+"/"+text(in.ParentId)) {
			all = append(all, organizations.Child{Id: &u.ID, Type: in.ChildType})
		}
	}
	some, token, err := cut(all, func(c organizations.Child) string { return *c.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListChildrenOutput{Children: some, NextToken: token}, nil
}

// ListParents returns the one parent of an account or unit.
func (a *API) ListParents(ctx context.Context, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	parent := ""
	if m, err := memberAccount(s, o, text(in.ChildId)); err == nil {
		parent = m.Parent
	} else if u, ok := state.Units.Get(s, o.ID+"/"+text(in.ChildId)); ok {
		parent = u.Parent
	} else {
		return nil, fault.New(fault.NotFound, "ChildNotFoundException", "You specified a child that doesn't exist.")
	}
	kind := unitKind
	if parent == o.Root {
		kind = rootKind
	}
	some, token, err := cut([]organizations.Parent{{Id: &parent, Type: &kind}}, func(p organizations.Parent) string { return *p.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListParentsOutput{Parents: some, NextToken: token}, nil
}
