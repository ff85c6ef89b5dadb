package vpclattice

import (
	"context"
	"maps"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// bearer is a resource that carries tags.
type bearer struct {
	tags tag.Set
	put  func(*state.Tx, tag.Set)
}

// bearerOf makes a bearer of a row.
func bearerOf[T any](t *state.Table[T], row *T, m *lattice.Meta) *bearer {
	return &bearer{m.Tags, func(tx *state.Tx, tags tag.Set) {
		m.Tags = tags
		t.Put(tx, row)
	}}
}

// owned returns the bearer of a row that only its owner can see.
func owned[T any](r state.Reader, o vpc.Owner, t *state.Table[T], k lattice.Kind, resourceARN string, meta func(*T) *lattice.Meta, name func(*T) string) (*bearer, error) {
	row, ok := t.Get(r, lattice.IDOf(resourceARN))
	if !ok || meta(row).Owner != o || name(row) != resourceARN {
		return nil, absent(k, resourceARN)
	}
	return bearerOf(t, row, meta(row)), nil
}

// bearer returns the caller's resource with the ARN. What the caller only sees is denied.
func (q *query) bearer(r state.Reader, resource *string, action string) (*bearer, error) {
	name := str(resource)
	a, err := arn.Parse(name)
	if err != nil || a.Service != "vpc-lattice" {
		return nil, fault.New(fault.Invalid, "", "'%s' is not the ARN of a VPC Lattice resource.", clip(name))
	}
	id := a.Last()
	is := func(k lattice.Kind) bool { return strings.HasPrefix(id, k.Prefix) }
	switch {
	case is(lattice.KindNetworkService):
		as, _, err := q.networkService(r, resource)
		if err == nil && as.Owner != q.Owner {
			err = q.denied(action, name)
		}
		if err != nil {
			return nil, err
		}
		return bearerOf(state.NetworkServices, as, &as.Meta), nil
	case is(lattice.KindNetworkVPC):
		as, rev, err := q.networkVPC(r, resource)
		if err == nil && as.Owner != q.Owner {
			err = q.denied(action, name)
		}
		if err != nil {
			return nil, err
		}
		// Tags change the row but not what hosts make of it, so an update that is through stays through.
		as.Updating = as.Updating && !realised(r, rev, as.ID).Modified
		return bearerOf(state.NetworkVPCs, as, &as.Meta), nil
	case is(lattice.KindNetworkResource):
		as, _, err := q.networkResource(r, resource)
		if err == nil && as.Owner != q.Owner {
			err = q.denied(action, name)
		}
		if err != nil {
			return nil, err
		}
		return bearerOf(state.NetworkResources, as, &as.Meta), nil
	case is(lattice.KindGateway):
		g, err := q.gateway(r, resource)
		if err != nil {
			return nil, err
		}
		g.Updating = g.Updating && !realisedGateway(r, g).Modified
		return bearerOf(state.ResourceGateways, g, &g.Meta), nil
	case is(lattice.KindConfiguration):
		c, err := q.ownConfiguration(r, resource, action)
		if err != nil {
			return nil, err
		}
		c.Updating = c.Updating && !realisedConfiguration(r, c).Modified
		return bearerOf(state.ResourceConfigurations, c, &c.Meta), nil
	case is(lattice.KindVerification):
		return owned(r, q.Owner, state.DomainVerifications, lattice.KindVerification, name, func(v *lattice.DomainVerification) *lattice.Meta { return &v.Meta }, (*lattice.DomainVerification).ARN)
	case is(lattice.KindService):
		s, err := q.ownService(r, resource, action)
		if err != nil {
			return nil, err
		}
		return bearerOf(state.Services, s, &s.Meta), nil
	case is(lattice.KindNetwork):
		n, err := q.ownNetwork(r, resource, action)
		if err != nil {
			return nil, err
		}
		return bearerOf(state.Networks, n, &n.Meta), nil
	case is(lattice.KindListener):
		return owned(r, q.Owner, state.Listeners, lattice.KindListener, name, func(l *lattice.Listener) *lattice.Meta { return &l.Meta }, (*lattice.Listener).ARN)
	case is(lattice.KindRule):
		return owned(r, q.Owner, state.Rules, lattice.KindRule, name, func(u *lattice.Rule) *lattice.Meta { return &u.Meta }, (*lattice.Rule).ARN)
	case is(lattice.KindTargetGroup):
		return owned(r, q.Owner, state.TargetGroups, lattice.KindTargetGroup, name, func(g *lattice.TargetGroup) *lattice.Meta { return &g.Meta }, (*lattice.TargetGroup).ARN)
	case is(lattice.KindSubscription):
		return owned(r, q.Owner, state.LogSubscriptions, lattice.KindSubscription, name, func(s *lattice.LogSubscription) *lattice.Meta { return &s.Meta }, (*lattice.LogSubscription).ARN)
	}
	return nil, absent(lattice.Kind{Title: "resource", Type: "RESOURCE"}, name)
}

// ListTagsForResource lists the tags of a resource.
func (a *API) ListTagsForResource(ctx context.Context, in *vpclattice.ListTagsForResourceInput) (*vpclattice.ListTagsForResourceOutput, error) {
	b, err := a.query(ctx).bearer(a.view.Snapshot(), in.ResourceArn, "ListTagsForResource")
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	maps.Copy(tags, b.tags)
	return &vpclattice.ListTagsForResourceOutput{Tags: tags}, nil
}

// TagResource adds tags to a resource.
func (a *API) TagResource(ctx context.Context, in *vpclattice.TagResourceInput) (*vpclattice.TagResourceOutput, error) {
	return &vpclattice.TagResourceOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		b, err := q.bearer(tx, in.ResourceArn, "TagResource")
		if err != nil {
			return err
		}
		tags, err := withTags(b.tags, in.Tags)
		if err != nil {
			return err
		}
		b.put(tx, tags)
		return nil
	})
}

// UntagResource removes tags from a resource.
func (a *API) UntagResource(ctx context.Context, in *vpclattice.UntagResourceInput) (*vpclattice.UntagResourceOutput, error) {
	return &vpclattice.UntagResourceOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		b, err := q.bearer(tx, in.ResourceArn, "UntagResource")
		if err != nil {
			return err
		}
		b.put(tx, b.tags.Without(in.TagKeys...))
		return nil
	})
}
