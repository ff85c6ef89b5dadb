package organizations

import (
	"context"

	"trellis/internal/aws/model/organizations"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// newTags returns the tags of an input.
func newTags(list []organizations.Tag) (tag.Set, error) {
	set := tag.Set{}
	for _, t := range list {
		if _, ok := set[text(t.Key)]; ok {
			return nil, invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to the same entity.")
		}
		set[text(t.Key)] = text(t.Value)
	}
	return tag.Set(nil).With(set)
}

// TagResource sets tags of an account, unit, root or policy.
func (a *API) TagResource(ctx context.Context, in *organizations.TagResourceInput) (*organizations.TagResourceOutput, error) {
	added, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.retag(ctx, text(in.ResourceId), func(t tag.Set) (tag.Set, error) { return t.With(added) })
}

// UntagResource removes tags.
func (a *API) UntagResource(ctx context.Context, in *organizations.UntagResourceInput) (*organizations.UntagResourceOutput, error) {
	return nil, a.retag(ctx, text(in.ResourceId), func(t tag.Set) (tag.Set, error) { return t.Without(in.TagKeys...), nil })
}

func (a *API) retag(ctx context.Context, id string, change func(tag.Set) (tag.Set, error)) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		tags, put, err := tagsOf(tx, o, id)
		if err != nil {
			return err
		}
		if tags, err = change(tags); err != nil {
			return err
		}
		put(tx, tags)
		return nil
	})
}

// tagsOf returns the tags of what has the id, and how to store others.
func tagsOf(r state.Reader, o *identity.Organization, id string) (tag.Set, func(*state.Tx, tag.Set), error) {
	if id == o.Root {
		return o.RootTags, func(tx *state.Tx, t tag.Set) { o.RootTags = t; state.Organizations.Put(tx, o) }, nil
	}
	if u, ok := state.Units.Get(r, o.ID+"/"+id); ok {
		return u.Tags, func(tx *state.Tx, t tag.Set) { u.Tags = t; state.Units.Put(tx, u) }, nil
	}
	if p, ok := state.OrganizationPolicies.Get(r, o.ID+"/"+id); ok && !p.AWSManaged {
		return p.Tags, func(tx *state.Tx, t tag.Set) { p.Tags = t; state.OrganizationPolicies.Put(tx, p) }, nil
	}
	if m, err := memberAccount(r, o, id); err == nil {
		return m.Tags, func(tx *state.Tx, t tag.Set) { m.Tags = t; state.Accounts.Put(tx, m) }, nil
	}
	return nil, nil, errNoTarget
}

// ListTagsForResource lists the tags of an account, unit, root or policy.
func (a *API) ListTagsForResource(ctx context.Context, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	tags, _, err := tagsOf(s, o, text(in.ResourceId))
	if err != nil {
		return nil, err
	}
	all := []organizations.Tag{}
	for _, k := range tags.Keys() {
		all = append(all, organizations.Tag{Key: &k, Value: new(tags[k])})
	}
	some, token, err := cut(all, func(t organizations.Tag) string { return *t.Key }, new(int32(tag.MaxTags)), in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListTagsForResourceOutput{Tags: some, NextToken: token}, nil
}
