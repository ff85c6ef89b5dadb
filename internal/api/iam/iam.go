// Package iam answers the AWS Identity and Access Management API: users, groups, roles, their policies and keys, whose state it
// writes. Identities are an account's, whatever region a call names. What policies allow is decided by package access.
package iam

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/iam"
	"trellis/internal/caller"
	"trellis/internal/fault"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/tag"
)

// API implements the operations.
type API struct {
	view *state.View
	now  func() time.Time
}

// New returns the API over the view.
func New(view *state.View, now func() time.Time) *API { return &API{view, now} }

// time is the present as AWS keeps it, in whole seconds.
func (a *API) time() time.Time { return a.now().UTC().Truncate(time.Second) }

func account(ctx context.Context) string { return caller.From(ctx).Account }

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// optional is nil for a text that is not there.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// pathOf is the path that a call asks for, "/" if it does not say.
func pathOf(p *string) string {
	if s := text(p); s != "" {
		return s
	}
	return "/"
}

// encoded is a document as IAM returns it: percent-encoded.
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func missing(kind, name string) error {
	return fault.New(fault.NotFound, "NoSuchEntity", "The %s with name %s cannot be found.", kind, name)
}

func taken(kind, name string) error {
	return fault.New(fault.Exists, "EntityAlreadyExists", "%s with name %s already exists.", kind, name)
}

func inUse(what string) error {
	return fault.New(fault.InUse, "DeleteConflict", "Cannot delete entity, must %s first.", what)
}

func quota(name string, limit int) error {
	return fault.New(fault.Quota, "LimitExceeded", "Cannot exceed quota for %s: %d", name, limit)
}

// checkPolicy checks a document and its size, in which white space does not count.
func checkPolicy(kind policy.Kind, document, quotaName string, limit int) error {
	if _, err := policy.Parse(kind, document); err != nil {
		return fault.New(fault.Invalid, "MalformedPolicyDocument", "%v", err)
	}
	if size(document) > limit {
		return quota(quotaName, limit)
	}
	return nil
}

func size(document string) int { return len(strings.Join(strings.Fields(document), "")) }

// newTags returns the tags of an input. Their keys differ in more than case.
func newTags(list []iam.Tag) (tag.Set, error) {
	set, folded := tag.Set{}, map[string]bool{}
	for _, t := range list {
		k := text(t.Key)
		if folded[identity.Fold(k)] {
			return nil, fault.New(fault.Invalid, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		folded[identity.Fold(k)] = true
		set[k] = text(t.Value)
	}
	return tag.Set(nil).With(set)
}

// retagged returns the tags of a user or a role with more added, whose keys take the place of those that differ only in case:
// unlike those of other resources they are compared without it (IAM User Guide, Tags for IAM resources).
func retagged(set, added tag.Set) (tag.Set, error) { return untagged(set, added.Keys()).With(added) }

// untagged returns the tags of a user or a role without the keys.
func untagged(set tag.Set, keys []string) tag.Set {
	gone := map[string]bool{}
	for _, k := range keys {
		gone[identity.Fold(k)] = true
	}
	return set.Without(slices.DeleteFunc(set.Keys(), func(k string) bool { return !gone[identity.Fold(k)] })...)
}

func tagList(set tag.Set) []iam.Tag {
	out := []iam.Tag{}
	for _, k := range set.Keys() {
		out = append(out, iam.Tag{Key: &k, Value: new(set[k])})
	}
	return out
}

// list is one page of a listing.
type list[T any] struct {
	items     []T
	truncated *bool
	marker    *string
}

// cut returns a page of items in order of their keys.
func cut[T any](items []T, key func(T) string, limit *int32, marker *string) (list[T], error) {
	slices.SortFunc(items, func(x, y T) int { return strings.Compare(key(x), key(y)) })
	most := 100
	if limit != nil {
		most = int(*limit)
	}
	some, next, err := page.Cut(slices.Values(items), key, most, text(marker), "ValidationError")
	return list[T]{some, new(next != ""), optional(next)}, err
}

func same(s string) string { return s }

// managed is a managed policy of the account or of AWS.
type managed struct {
	identity.ManagedPolicy
	aws bool
	arn string
}

// managedPolicy returns the policy with the ARN as far as the account may know it.
func managedPolicy(r state.Reader, account, arn string) (*managed, bool) {
	if p, ok := state.ManagedPolicies.Get(r, arn); ok {
		return &managed{ManagedPolicy: *p, arn: arn}, p.Account == account
	}
	for _, p := range policy.ManagedPolicies() {
		if p.ARN == arn {
			return ofAWS(p), true
		}
	}
	return nil, false
}

func ofAWS(p policy.ManagedPolicy) *managed {
	return &managed{aws: true, arn: p.ARN, ManagedPolicy: identity.ManagedPolicy{Name: p.Name, Path: p.Path, ID: p.ID, Description: p.Description,
		Created: p.Created, Updated: p.Updated, Default: p.VersionID,
		Versions: []identity.PolicyVersion{{ID: p.VersionID, Document: p.Document, Created: p.Updated}}}}
}

// boundary checks the ARN of a permissions boundary, which may be empty.
func boundary(r state.Reader, account, arn string) error {
	if arn == "" {
		return nil
	}
	if _, ok := managedPolicy(r, account, arn); !ok {
		return fault.New(fault.NotFound, "NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return nil
}

func boundaryOf(arn string) *iam.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &iam.AttachedPermissionsBoundary{PermissionsBoundaryArn: &arn, PermissionsBoundaryType: new("Policy")}
}
