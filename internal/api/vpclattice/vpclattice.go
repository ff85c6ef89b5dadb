// Package vpclattice answers the VPC Lattice API. It owns services, service networks, their associations, listeners, rules,
// target groups, targets, policies and log subscriptions: it writes their rows. Whether they are real is the hosts' word.
package vpclattice

import (
	"context"
	"iter"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/arn"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// API has one method for every operation that it answers.
type API struct {
	view *state.View
	now  func() time.Time
}

// New returns the API over the view.
func New(view *state.View, now func() time.Time) *API { return &API{view, now} }

// query is what every call is about: who asks, in which region, and when.
type query struct {
	vpc.Owner
	who string // ARN
	now time.Time
}

func (a *API) query(ctx context.Context) *query {
	c := caller.From(ctx)
	return &query{vpc.Owner{Account: c.Account, Region: c.Region}, c.ARN, a.now().UTC()}
}

// update commits what fn writes.
func (a *API) update(ctx context.Context, fn func(q *query, tx *state.Tx) error) error {
	q := a.query(ctx)
	return a.view.Update(ctx, func(tx *state.Tx) error { return fn(q, tx) })
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// text returns nil for an empty string, so that it is left out of an answer.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func number(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

// newMeta returns what a new resource of the kind starts with.
func (q *query) newMeta(k lattice.Kind, name string, tags map[string]string) (lattice.Meta, error) {
	set, err := withTags(nil, tags)
	if err != nil {
		return lattice.Meta{}, err
	}
	return lattice.Meta{Owner: q.Owner, ID: k.Mint(), Name: name, Created: q.now, Updated: q.now, Tags: set}, nil
}

func withTags(s tag.Set, tags map[string]string) (tag.Set, error) {
	if len(tags) == 0 {
		return s, nil
	}
	out, err := s.With(tags)
	if err != nil {
		return nil, lattice.Invalid("tags", "%s", message(err))
	}
	return out, nil
}

// message is what an error says to a caller.
func message(err error) string {
	if e, ok := err.(*fault.Error); ok {
		return e.Message
	}
	return err.Error()
}

// once runs create unless the client token has made something that still exists: then that is the answer.
func once[T any](q *query, tx *state.Tx, operation string, token *string, params any, t *state.Table[T], id func(*T) string, create func() (*T, error)) (*T, error) {
	digest := state.Digest(params)
	operation = "vpc-lattice:" + operation
	if made, found, same := state.Seen(tx, q.Scope(), operation, str(token), digest, q.now); found {
		if !same {
			return nil, fault.New(fault.Conflict, "", "The client token was used before with other parameters. Use a new token for a new request.").
				About("CLIENT_TOKEN", str(token))
		}
		if row, ok := t.Get(tx, made); ok {
			return row, nil
		}
	}
	row, err := create()
	if err != nil {
		return nil, err
	}
	t.Put(tx, row)
	state.Remember(tx, q.Scope(), operation, str(token), digest, id(row), q.now)
	return row, nil
}

func conflict(k lattice.Kind, id, format string, args ...any) error {
	return fault.New(fault.Conflict, "", format, args...).About(k.Type, id)
}

func quota(k lattice.Kind, id, format string, args ...any) error {
	return fault.New(fault.Quota, "", format, args...).About(k.Type, id)
}

// absent answers for what does not exist and for what the caller may not know of.
func absent(k lattice.Kind, identifier string) error {
	id := clip(lattice.IDOf(identifier))
	return fault.New(fault.NotFound, "", "The %s '%s' does not exist.", k.Title, id).About(k.Type, id)
}

func clip(s string) string { return s[:min(len(s), 256)] }

// denied answers for what the caller can see and may not do.
func (q *query) denied(action, resource string) error {
	return fault.New(fault.Denied, "", "User: %s is not authorized to perform: vpc-lattice:%s on resource: %s because no resource-based policy allows the vpc-lattice:%[2]s action",
		q.who, action, resource)
}

// busy refuses what the present status of a resource does not allow.
func busy(k lattice.Kind, id, status string) error {
	return conflict(k, id, "Invalid resource status for this operation, resource id %s, status: %s.", id, status)
}

const defaultPage = 100

// cut returns one page of rows, which come in ascending order of key.
func cut[T any](rows iter.Seq[T], key func(T) string, max *int32, token *string) ([]T, *string, error) {
	size := defaultPage
	if max != nil {
		if size = int(*max); size < 1 || size > defaultPage {
			return nil, nil, lattice.Invalid("maxResults", "maxResults must be between 1 and %d.", defaultPage)
		}
	}
	out, next, err := page.Cut(rows, key, size, str(token), "")
	if err != nil {
		return nil, nil, lattice.Invalid("nextToken", "%s", message(err))
	}
	return out, text(next), nil
}

// summaries presents rows; the result is never nil.
func summaries[T, S any](rows []T, show func(T) S) []S {
	out := make([]S, 0, len(rows))
	for _, r := range rows {
		out = append(out, show(r))
	}
	return out
}

// realised says what hosts say of a row. It has failed if the resource with any of the ids has.
func realised(r state.Reader, rev state.Revisions, ids ...string) lattice.Realisation {
	s, ok := r.(*state.Snapshot)
	if tx, in := r.(*state.Tx); in {
		s, ok = tx.Snapshot(), true
	}
	if !ok || rev.Created == 0 {
		return lattice.Realisation{}
	}
	var out lattice.Realisation
	out.Created, _ = state.Realised(s, rev.Created, "")
	out.Modified, _ = state.Realised(s, rev.Modified, "")
	for _, id := range ids {
		if _, failure := state.Realised(s, rev.Created, id); failure != "" {
			out.Failure = failure
			break
		}
	}
	return out
}

// failureCode is the code of every failure that hosts report.
const failureCode = "InternalServerException"

func failure(status string, r lattice.Realisation) (code, reason *string) {
	if status != lattice.CreateFailed && status != lattice.UpdateFailed {
		return nil, nil
	}
	return text(failureCode), text(r.Failure)
}

// named reports whether identifier, an id or an ARN, means the resource with the ARN.
func named(identifier, resourceARN string) bool {
	return !arn.Is(identifier) || identifier == resourceARN
}
