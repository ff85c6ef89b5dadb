// Package ram answers the Resource Access Manager API. It owns resource shares, what is associated with them, and
// invitations: it writes their rows. A share takes effect with its row, so it is ACTIVE at once.
package ram

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/arn"
	"trellis/internal/aws/model/ram"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/share"
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
	now time.Time
}

func (a *API) query(ctx context.Context) query {
	c := caller.From(ctx)
	return query{vpc.Owner{Account: c.Account, Region: c.Region}, a.now().UTC()}
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

func is(b *bool) bool { return b != nil && *b }

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterException", format, args...)
}

func unknown(format string, args ...any) error {
	return fault.New(fault.NotFound, "UnknownResourceException", format, args...)
}

func forbidden(format string, args ...any) error {
	return fault.New(fault.Denied, "OperationNotPermittedException", format, args...)
}

func decimal(n int) string { return strconv.Itoa(n) }

func clip(s string) string { return s[:min(len(s), 256)] }

// repeated says whether the client token has already done what params ask for; result is what that was.
func (q query) repeated(tx *state.Tx, operation string, token *string, params any) (result string, repeated bool, err error) {
	result, found, same := state.Seen(tx, q.Scope(), "ram:"+operation, str(token), state.Digest(params), q.now)
	if found && !same {
		return "", false, fault.New(fault.Conflict, "IdempotentParameterMismatchException",
			"The client token was used before with other parameters. Use a new token for a new request.")
	}
	return result, found, nil
}

func (q query) remember(tx *state.Tx, operation string, token *string, params any, result string) {
	state.Remember(tx, q.Scope(), "ram:"+operation, str(token), state.Digest(params), result, q.now)
}

// checkShareARN refuses what is not the ARN of a share.
func checkShareARN(shareARN string) error {
	a, err := arn.Parse(shareARN)
	if err != nil || a.Service != "ram" || a.Type() != "resource-share" || a.ID() == "" {
		return fault.New(fault.Invalid, "MalformedArnException", "The specified resource share ARN is not valid. Verify the ARN and try again.")
	}
	return nil
}

func noShare(shareARN string) error {
	return unknown("ResourceShare %s could not be found.", clip(shareARN))
}

// own returns the caller's share with the ARN, deleted or not.
func (q query) own(r state.Reader, shareARN string) (*share.Share, error) {
	if err := checkShareARN(shareARN); err != nil {
		return nil, err
	}
	s, ok := state.Shares.Get(r, shareARN)
	if !ok || s.Owner != q.Owner || s.Forgotten(q.now) {
		return nil, noShare(shareARN)
	}
	return s, nil
}

// active is own for what takes a share that is not deleted; for that one is as gone as it soon will be.
func (q query) active(r state.Reader, shareARN string) (*share.Share, error) {
	s, err := q.own(r, shareARN)
	if err != nil {
		return nil, err
	}
	if s.Status != share.Active {
		return nil, noShare(shareARN)
	}
	return s, nil
}

// shared returns, in order of their ARNs, the shares of the region that the caller owns, or else those that others have with it.
func (q query) shared(r state.Reader, own bool) []*share.Share {
	var out []*share.Share
	if own {
		for s := range state.Shares.By(r, state.ByScope, q.Scope()) {
			if !s.Forgotten(q.now) {
				out = append(out, s)
			}
		}
		return out
	}
	for _, s := range state.SharesWith(r, q.Account) {
		if s.Region == q.Region {
			out = append(out, s)
		}
	}
	return out
}

// named returns those of the shares whose ARNs are asked for, all if none are; each must be there.
func named(all []*share.Share, arns []string) ([]*share.Share, error) {
	if len(arns) == 0 {
		return all, nil
	}
	for _, a := range arns {
		if err := checkShareARN(a); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(s *share.Share) bool { return s.ARN() == a }) {
			return nil, noShare(a)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *share.Share) bool { return !slices.Contains(arns, s.ARN()) }), nil
}

// resourceStatus says whether a shared resource is still there.
func resourceStatus(r state.Reader, resourceARN string) string {
	if exists(r, resourceARN) {
		return "AVAILABLE"
	}
	return "UNAVAILABLE"
}

// exists says whether there is a resource with the ARN.
func exists(r state.Reader, resourceARN string) bool {
	t, ok := share.TypeOf(resourceARN)
	if !ok {
		return false
	}
	id := resourceARN[strings.LastIndexByte(resourceARN, '/')+1:]
	switch t.Name {
	case "vpc-lattice:ServiceNetwork":
		n, ok := state.Networks.Get(r, id)
		return ok && live(&n.Meta) && n.ARN() == resourceARN
	case "vpc-lattice:Service":
		s, ok := state.Services.Get(r, id)
		return ok && live(&s.Meta) && s.ARN() == resourceARN
	case "vpc-lattice:ResourceConfiguration":
		c, ok := state.ResourceConfigurations.Get(r, id)
		return ok && live(&c.Meta) && c.ARN() == resourceARN
	}
	return false
}

func live(m *lattice.Meta) bool { return !m.Deleting }

const defaultPage = 100

// cut returns one page of items, in order of key.
func cut[T any](items []T, key func(T) string, max *int32, token *string) ([]T, *string, error) {
	size := defaultPage
	if max != nil {
		if size = int(*max); size < 1 || size > 500 {
			return nil, nil, fault.New(fault.Invalid, "InvalidMaxResultsException", "The value of maxResults must be between 1 and 500.")
		}
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(x, y T) int { return strings.Compare(key(x), key(y)) })
	out, next, err := page.Cut(slices.Values(items), key, size, str(token), "InvalidNextTokenException")
	return out, text(next), err
}

func tags(in []ram.Tag) tag.Set {
	out := tag.Set{}
	for _, t := range in {
		out[str(t.Key)] = str(t.Value)
	}
	return out
}

func showTags(s tag.Set) []ram.Tag {
	out := []ram.Tag{}
	for _, k := range s.Keys() {
		out = append(out, ram.Tag{Key: new(k), Value: new(s[k])})
	}
	return out
}

// withTags returns s with more, or RAM's word for what is wrong with them.
func withTags(s, more tag.Set) (tag.Set, error) {
	out, err := s.With(more)
	if err == nil {
		return out, nil
	}
	message := err.Error()
	if e, ok := err.(*fault.Error); ok {
		message = e.Message
	}
	if fault.Is(err, fault.Quota) {
		return nil, fault.New(fault.Quota, "TagLimitExceededException", "%s", message)
	}
	return nil, invalid("%s", message)
}
