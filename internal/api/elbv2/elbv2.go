// Package elbv2 answers the Elastic Load Balancing API for internal Application Load Balancers. It owns load balancers,
// listeners, rules and target groups: it writes their rows, and those of the network interfaces of load balancers. Whether
// a load balancer is real, and how its targets are, is the hosts' word.
package elbv2

import (
	"context"
	"slices"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/arn"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/balancer"
	"trellis/internal/caller"
	"trellis/internal/fault"
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

// update commits what fn writes.
func (a *API) update(ctx context.Context, fn func(q query, tx *state.Tx) error) error {
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

func num(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

func number(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

func is(b *bool) bool { return b != nil && *b }

func clip(s string) string { return s[:min(len(s), 256)] }

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "ValidationError", format, args...)
}

func configuration(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidConfigurationRequest", format, args...)
}

func notBuilt(code, format string, args ...any) error {
	return fault.New(fault.Unsupported, code, format, args...)
}

func quota(code, format string, args ...any) error {
	return fault.New(fault.Quota, code, format, args...)
}

// kind is a kind of resource: how its ARN begins and what to say when there is none.
type kind struct {
	prefix, code, title string
}

func balancers() kind    { return kind{"loadbalancer/app/", "LoadBalancerNotFound", "Load balancer"} }
func targetGroups() kind { return kind{"targetgroup/", "TargetGroupNotFound", "Target group"} }
func listeners() kind    { return kind{"listener/app/", "ListenerNotFound", "Listener"} }
func rules() kind        { return kind{"listener-rule/app/", "RuleNotFound", "Rule"} }

// absent answers for what does not exist and for what the caller may not know of.
func (k kind) absent(names ...string) error {
	if len(names) == 1 {
		return fault.New(fault.NotFound, k.code, "%s '%s' not found", k.title, clip(names[0]))
	}
	return fault.New(fault.NotFound, k.code, "One or more %ss not found", strings.ToLower(k.title))
}

// check refuses what is not an ARN of the kind.
func (k kind) check(name string) error {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "elasticloadbalancing" || !strings.HasPrefix(a.Resource, k.prefix) {
		return invalid("'%s' is not a valid %s ARN", clip(name), strings.ToLower(k.title))
	}
	return nil
}

// own returns the caller's row with the ARN.
func own[T any](q query, r state.Reader, k kind, t *state.Table[T], owner func(*T) vpc.Owner, name string) (*T, error) {
	if err := k.check(name); err != nil {
		return nil, err
	}
	if row, ok := t.Get(r, name); ok && owner(row) == q.Owner {
		return row, nil
	}
	return nil, k.absent(name)
}

func (q query) balancer(r state.Reader, name string) (*balancer.LoadBalancer, error) {
	return own(q, r, balancers(), state.LoadBalancers, func(b *balancer.LoadBalancer) vpc.Owner { return b.Owner }, name)
}

func (q query) group(r state.Reader, name string) (*balancer.TargetGroup, error) {
	return own(q, r, targetGroups(), state.BalancerTargetGroups, func(g *balancer.TargetGroup) vpc.Owner { return g.Owner }, name)
}

func (q query) listener(r state.Reader, name string) (*balancer.Listener, error) {
	return own(q, r, listeners(), state.BalancerListeners, func(l *balancer.Listener) vpc.Owner { return l.Owner }, name)
}

func (q query) rule(r state.Reader, name string) (*balancer.Rule, error) {
	return own(q, r, rules(), state.BalancerRules, func(r *balancer.Rule) vpc.Owner { return r.Owner }, name)
}

// defaultRule returns the listener whose default rule has the name.
func (q query) defaultRule(r state.Reader, name string) (*balancer.Listener, bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return nil, false
	}
	l, ok := state.BalancerListeners.Get(r, strings.Replace(name[:i], ":listener-rule/app/", ":listener/app/", 1))
	return l, ok && l.Owner == q.Owner && l.DefaultRule == name
}

func (q query) mint(resource string) string {
	return arn.New("elasticloadbalancing", q.Region, q.Account, resource+"/"+arn.RandomHex(16)).String()
}

const defaultPage = 400

// cut returns one page of items, in order of key.
func cut[T any](items []T, key func(T) string, size *int32, marker *string) ([]T, *string, error) {
	max := defaultPage
	if size != nil {
		if max = int(*size); max < 1 || max > defaultPage {
			return nil, nil, invalid("Page size must be between 1 and %d", defaultPage)
		}
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(x, y T) int { return strings.Compare(key(x), key(y)) })
	out, next, err := page.Cut(slices.Values(items), key, max, str(marker), "ValidationError")
	return out, text(next), err
}

// show presents rows; the result is never nil.
func show[T, S any](rows []T, f func(T) S) []S {
	out := make([]S, 0, len(rows))
	for _, r := range rows {
		out = append(out, f(r))
	}
	return out
}

// withTags returns s with the tags of a request.
func withTags(s tag.Set, in []elbv2.Tag) (tag.Set, error) {
	more := tag.Set{}
	for _, t := range in {
		if _, ok := more[str(t.Key)]; ok {
			return nil, fault.New(fault.Invalid, "DuplicateTagKeys", "The tag key '%s' was specified more than once", str(t.Key))
		}
		more[str(t.Key)] = str(t.Value)
	}
	out, err := s.With(more)
	if err == nil {
		return out, nil
	}
	message := err.Error()
	if e, ok := err.(*fault.Error); ok {
		message = e.Message
	}
	if fault.Is(err, fault.Quota) {
		return nil, quota("TooManyTags", "%s", message)
	}
	return nil, invalid("%s", message)
}
