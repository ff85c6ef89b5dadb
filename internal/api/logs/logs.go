// Package logs is the CloudWatch Logs API: log groups as rows of state, streams and events in the journal.
package logs

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/arn"
	"trellis/internal/aws/model/logs"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/journal"
	domain "trellis/internal/logs"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// API implements the operations.
type API struct {
	view    *state.View
	journal *journal.Store
}

// New returns the API.
func New(view *state.View, j *journal.Store) *API { return &API{view, j} }

func owner(ctx context.Context) vpc.Owner {
	c := caller.From(ctx)
	return vpc.Owner{Account: c.Account, Region: c.Region}
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional is nil for a zero value, so that the member is left out.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

var nameForm = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "InvalidParameterException", format, args...)
}

func noGroup() error {
	return fault.New(fault.NotFound, "ResourceNotFoundException", "The specified log group does not exist.")
}

func noStream() error {
	return fault.New(fault.NotFound, "ResourceNotFoundException", "The specified log stream does not exist.")
}

// find returns the group of the name or of the identifier, which is a name or an ARN.
func find(ctx context.Context, r state.Reader, name, identifier *string) (*domain.Group, error) {
	if (name == nil) == (identifier == nil) {
		return nil, invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
	}
	o := owner(ctx)
	id := deref(name) + deref(identifier)
	if arn.Is(id) {
		a, err := arn.Parse(strings.TrimSuffix(id, ":*"))
		if err != nil || a.Service != "logs" || a.Type() != "log-group" {
			return nil, invalid("%s is not the ARN of a log group.", id)
		}
		if a.Account != o.Account || a.Region != o.Region {
			return nil, noGroup()
		}
		id = a.ID()
	}
	g, ok := state.LogGroups.Get(r, state.LogGroupKey(o, id))
	if !ok {
		return nil, noGroup()
	}
	return g, nil
}

// CreateLogGroup makes a log group.
func (a *API) CreateLogGroup(ctx context.Context, in *logs.CreateLogGroupInput) (*logs.CreateLogGroupOutput, error) {
	o, name := owner(ctx), deref(in.LogGroupName)
	if !nameForm.MatchString(name) {
		return nil, invalid("Log group names may have letters, digits and '_', '-', '/', '.' and '#', and at most 512 characters.")
	}
	if key := deref(in.KmsKeyId); key != "" {
		return nil, invalid("The specified KMS key %s does not exist: this server has no key management.", key)
	}
	return &logs.CreateLogGroupOutput{}, a.view.Update(ctx, func(tx *state.Tx) error {
		if _, ok := state.LogGroups.Get(tx, state.LogGroupKey(o, name)); ok {
			return fault.New(fault.Exists, "ResourceAlreadyExistsException", "The specified log group already exists")
		}
		g := state.EnsureLogGroup(tx, o, name, time.Now())
		var err error
		if g.Tags, err = g.Tags.With(in.Tags); err != nil {
			return err
		}
		g.Protected = deref(in.DeletionProtectionEnabled)
		if in.LogGroupClass != nil {
			g.Class = *in.LogGroupClass
		}
		state.LogGroups.Put(tx, g)
		return nil
	})
}

// DeleteLogGroup removes a log group with its events.
func (a *API) DeleteLogGroup(ctx context.Context, in *logs.DeleteLogGroupInput) (*logs.DeleteLogGroupOutput, error) {
	var g *domain.Group
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		var err error
		if g, err = find(ctx, tx, in.LogGroupName, nil); err != nil {
			return err
		}
		if g.Protected {
			return fault.New(fault.Conflict, "OperationAbortedException", "The log group is protected against deletion.")
		}
		state.LogGroups.Delete(tx, state.LogGroupKey(g.Owner, g.Name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logs.DeleteLogGroupOutput{}, a.journal.Delete(g.ID)
}

// DescribeLogGroups lists log groups by name.
func (a *API) DescribeLogGroups(ctx context.Context, in *logs.DescribeLogGroupsInput) (*logs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("logGroupNamePrefix and logGroupNamePattern cannot both be given.")
	}
	s := a.view.Snapshot()
	wanted := func(yield func(*domain.Group) bool) {
		for g := range state.LogGroups.By(s, state.ByScope, owner(ctx).Scope()) {
			ok := strings.HasPrefix(g.Name, deref(in.LogGroupNamePrefix)) &&
				strings.Contains(strings.ToLower(g.Name), strings.ToLower(deref(in.LogGroupNamePattern))) &&
				(in.LogGroupClass == nil || *in.LogGroupClass == g.Class) &&
				(len(in.LogGroupIdentifiers) == 0 || slices.Contains(in.LogGroupIdentifiers, g.Name) || slices.Contains(in.LogGroupIdentifiers, g.ARN()))
			if ok && !yield(g) {
				return
			}
		}
	}
	groups, next, err := page.Cut(wanted, func(g *domain.Group) string { return g.Name }, limit(in.Limit, 50), deref(in.NextToken), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	out := &logs.DescribeLogGroupsOutput{LogGroups: []logs.LogGroup{}, NextToken: optional(next)}
	for _, g := range groups {
		streams, err := a.journal.Streams(g.ID)
		if err != nil {
			return nil, err
		}
		var size int64
		for _, st := range streams {
			size += st.Bytes
		}
		out.LogGroups = append(out.LogGroups, logs.LogGroup{LogGroupName: &g.Name, CreationTime: ptr(g.Created.UnixMilli()), RetentionInDays: optional(g.Retention),
			MetricFilterCount: ptr(int32(0)), Arn: ptr(g.ARN() + ":*"), LogGroupArn: ptr(g.ARN()), StoredBytes: &size,
			LogGroupClass: &g.Class, DeletionProtectionEnabled: &g.Protected})
	}
	return out, nil
}

// ListLogGroups lists log groups by name, shorter than DescribeLogGroups.
func (a *API) ListLogGroups(ctx context.Context, in *logs.ListLogGroupsInput) (*logs.ListLogGroupsOutput, error) {
	pattern, err := regexp.Compile(deref(in.LogGroupNamePattern))
	if err != nil {
		return nil, invalid("logGroupNamePattern is not a regular expression.")
	}
	wanted := func(yield func(*domain.Group) bool) {
		for g := range state.LogGroups.By(a.view.Snapshot(), state.ByScope, owner(ctx).Scope()) {
			if pattern.MatchString(g.Name) && (in.LogGroupClass == nil || *in.LogGroupClass == g.Class) && !yield(g) {
				return
			}
		}
	}
	groups, next, err := page.Cut(wanted, func(g *domain.Group) string { return g.Name }, limit(in.Limit, 50), deref(in.NextToken), "InvalidParameterException")
	if err != nil {
		return nil, err
	}
	out := &logs.ListLogGroupsOutput{LogGroups: []logs.LogGroupSummary{}, NextToken: optional(next)}
	for _, g := range groups {
		out.LogGroups = append(out.LogGroups, logs.LogGroupSummary{LogGroupName: &g.Name, LogGroupArn: ptr(g.ARN()), LogGroupClass: &g.Class})
	}
	return out, nil
}

func limit(asked *int32, standard int) int {
	if asked == nil {
		return standard
	}
	return int(*asked)
}

func (a *API) change(ctx context.Context, name *string, f func(*domain.Group) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		g, err := find(ctx, tx, name, nil)
		if err != nil {
			return err
		}
		if err := f(g); err != nil {
			return err
		}
		state.LogGroups.Put(tx, g)
		return nil
	})
}

// PutRetentionPolicy says how long a group keeps events.
func (a *API) PutRetentionPolicy(ctx context.Context, in *logs.PutRetentionPolicyInput) (*logs.PutRetentionPolicyOutput, error) {
	days := deref(in.RetentionInDays)
	if !slices.Contains(domain.Retentions(), days) {
		return nil, invalid("retentionInDays must be one of %v.", domain.Retentions())
	}
	return &logs.PutRetentionPolicyOutput{}, a.change(ctx, in.LogGroupName, func(g *domain.Group) error { g.Retention = days; return nil })
}

// DeleteRetentionPolicy lets a group keep events for ever.
func (a *API) DeleteRetentionPolicy(ctx context.Context, in *logs.DeleteRetentionPolicyInput) (*logs.DeleteRetentionPolicyOutput, error) {
	return &logs.DeleteRetentionPolicyOutput{}, a.change(ctx, in.LogGroupName, func(g *domain.Group) error { g.Retention = 0; return nil })
}

// PutLogGroupDeletionProtection says whether a group can be deleted.
func (a *API) PutLogGroupDeletionProtection(ctx context.Context, in *logs.PutLogGroupDeletionProtectionInput) (*logs.PutLogGroupDeletionProtectionOutput, error) {
	return &logs.PutLogGroupDeletionProtectionOutput{}, a.change(ctx, in.LogGroupIdentifier, func(g *domain.Group) error {
		g.Protected = deref(in.DeletionProtectionEnabled)
		return nil
	})
}

// TagResource adds tags to a log group.
func (a *API) TagResource(ctx context.Context, in *logs.TagResourceInput) (*logs.TagResourceOutput, error) {
	return &logs.TagResourceOutput{}, a.change(ctx, in.ResourceArn, func(g *domain.Group) (err error) { g.Tags, err = g.Tags.With(in.Tags); return err })
}

// UntagResource removes tags from a log group.
func (a *API) UntagResource(ctx context.Context, in *logs.UntagResourceInput) (*logs.UntagResourceOutput, error) {
	return &logs.UntagResourceOutput{}, a.change(ctx, in.ResourceArn, func(g *domain.Group) error { g.Tags = g.Tags.Without(in.TagKeys...); return nil })
}

// TagLogGroup adds tags to a log group.
func (a *API) TagLogGroup(ctx context.Context, in *logs.TagLogGroupInput) (*logs.TagLogGroupOutput, error) {
	return &logs.TagLogGroupOutput{}, a.change(ctx, in.LogGroupName, func(g *domain.Group) (err error) { g.Tags, err = g.Tags.With(in.Tags); return err })
}

// UntagLogGroup removes tags from a log group.
func (a *API) UntagLogGroup(ctx context.Context, in *logs.UntagLogGroupInput) (*logs.UntagLogGroupOutput, error) {
	return &logs.UntagLogGroupOutput{}, a.change(ctx, in.LogGroupName, func(g *domain.Group) error { g.Tags = g.Tags.Without(in.Tags...); return nil })
}

// ListTagsForResource tells a log group's tags.
func (a *API) ListTagsForResource(ctx context.Context, in *logs.ListTagsForResourceInput) (*logs.ListTagsForResourceOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.ResourceArn, nil)
	if err != nil {
		return nil, err
	}
	return &logs.ListTagsForResourceOutput{Tags: tags(g)}, nil
}

// ListTagsLogGroup tells a log group's tags.
func (a *API) ListTagsLogGroup(ctx context.Context, in *logs.ListTagsLogGroupInput) (*logs.ListTagsLogGroupOutput, error) {
	g, err := find(ctx, a.view.Snapshot(), in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return &logs.ListTagsLogGroupOutput{Tags: tags(g)}, nil
}

func tags(g *domain.Group) map[string]string {
	if g.Tags == nil {
		return map[string]string{}
	}
	return g.Tags
}

func streamFault(err error) error {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return noStream()
	case errors.Is(err, journal.ErrExists):
		return fault.New(fault.Exists, "ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	return err
}
