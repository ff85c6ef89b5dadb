package ec2

import (
	"context"
	"iter"
	"slices"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/fault"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// listing says how rows R are found and shown as resources V.
type listing[R, V any] struct {
	table  *state.Table[R]
	id     func(*R) string
	owned  func(*R, vpc.Owner) bool
	absent func(id string) error
	show   func(*state.Snapshot, *R) V
	tags   func(*V) []ec2.Tag
	fields fields[V]
	// index names the index that holds exactly the rows which pass a filter with one literal value, "" where none does.
	index func(filter string) string
}

// query is what every Describe operation takes.
type query struct {
	ids     []string
	filters []ec2.Filter
	max     *int32
	token   *string
	dry     *bool
}

// describe answers a query. With ids it reads those rows only, with a filter that has an index the rows under it, and
// otherwise the caller's rows in the region.
func describe[R, V any](ctx context.Context, s *state.Snapshot, l *listing[R, V], q query) ([]V, *string, error) {
	if err := check(q.filters, l.fields, l.tags != nil); err != nil {
		return nil, nil, err
	}
	if err := dryRun(q.dry); err != nil {
		return nil, nil, err
	}
	o := owner(ctx)
	rows, err := l.candidates(s, o, q)
	if err != nil {
		return nil, nil, err
	}
	matching := func(yield func(found[V]) bool) {
		for r := range rows {
			v := l.show(s, r)
			var tags []ec2.Tag
			if l.tags != nil {
				tags = l.tags(&v)
			}
			if passes(&v, q.filters, l.fields, tags) && !yield(found[V]{l.id(r), v}) {
				return
			}
		}
	}
	return paged(matching, q.max, q.token)
}

// found is a resource to be listed, with the key it is ordered by.
type found[V any] struct {
	key string
	v   V
}

// paged cuts a page out of resources in ascending order of their keys.
func paged[V any](all iter.Seq[found[V]], max *int32, token *string) ([]V, *string, error) {
	limit := int(^uint(0) >> 1)
	if max != nil {
		if *max < 1 {
			return nil, nil, invalid("Value ( %d ) for parameter maxResults is invalid.", *max)
		}
		limit = int(*max)
	}
	cut, next, err := page.Cut(all, func(f found[V]) string { return f.key }, limit, str(token), "InvalidNextToken")
	if err != nil {
		return nil, nil, err
	}
	out := make([]V, len(cut))
	for i := range cut {
		out[i] = cut[i].v
	}
	return out, text(next), nil
}

// fixed answers a query over resources that are not rows. They must come in ascending order of key.
func fixed[V any](all []V, key func(*V) string, tags func(*V) []ec2.Tag, f fields[V], q query, absent func(string) error) ([]V, *string, error) {
	if err := check(q.filters, f, tags != nil); err != nil {
		return nil, nil, err
	}
	if err := dryRun(q.dry); err != nil {
		return nil, nil, err
	}
	for _, id := range q.ids {
		if !slices.ContainsFunc(all, func(v V) bool { return key(&v) == id }) {
			return nil, nil, absent(id)
		}
	}
	return paged(func(yield func(found[V]) bool) {
		for i := range all {
			v := &all[i]
			if len(q.ids) > 0 && !slices.Contains(q.ids, key(v)) {
				continue
			}
			var has []ec2.Tag
			if tags != nil {
				has = tags(v)
			}
			if passes(v, q.filters, f, has) && !yield(found[V]{key(v), *v}) {
				return
			}
		}
	}, q.max, q.token)
}

func (l *listing[R, V]) candidates(s *state.Snapshot, o vpc.Owner, q query) (iter.Seq[*R], error) {
	if len(q.ids) > 0 {
		ids := slices.Compact(slices.Sorted(slices.Values(q.ids)))
		rows := make([]*R, 0, len(ids))
		for _, id := range ids {
			r, ok := l.table.Get(s, id)
			if !ok || !l.owned(r, o) {
				return nil, l.absent(id)
			}
			rows = append(rows, r)
		}
		return slices.Values(rows), nil
	}
	all := l.table.By(s, state.ByScope, o.Scope())
	for i := range q.filters {
		f := &q.filters[i]
		if len(f.Values) != 1 || !literal(f.Values[0]) {
			continue
		}
		if ix := l.index(str(f.Name)); ix != "" {
			all = l.table.By(s, ix, f.Values[0])
			break
		}
	}
	return func(yield func(*R) bool) {
		for r := range all {
			if l.owned(r, o) && !yield(r) {
				return
			}
		}
	}, nil
}

// nothing answers a query about a kind of resource of which none can exist.
func nothing[V any](q query, tagged bool, f fields[V], absent func(string) error) ([]V, *string, error) {
	if err := check(q.filters, f, tagged); err != nil {
		return nil, nil, err
	}
	if err := dryRun(q.dry); err != nil {
		return nil, nil, err
	}
	if len(q.ids) > 0 {
		return nil, nil, absent(q.ids[0])
	}
	if str(q.token) != "" {
		return nil, nil, fault.New(fault.Invalid, "InvalidNextToken", "The pagination token is not valid.")
	}
	return []V{}, nil, nil
}
