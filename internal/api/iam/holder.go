package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// maxAttached is how many managed policies a user, group or role may have.
const maxAttached = 10

// holder is a user, group or role as far as its policies go.
type holder struct {
	kind     string // user, group, role
	name     string
	account  string
	policies *identity.Policies
	// maxInline bounds all inline policies together.
	maxInline int
	put       func(*state.Tx)
}

// holder returns the user, group or role with the name.
func (a *API) holder(ctx context.Context, r state.Reader, kind string, named *string) (*holder, error) {
	h := &holder{kind: kind, name: text(named), account: account(ctx)}
	switch kind {
	case "role":
		x, err := getRole(r, h.account, h.name)
		if err != nil {
			return nil, err
		}
		h.policies, h.maxInline, h.put = &x.Policies, 10240, func(tx *state.Tx) { state.Roles.Put(tx, x) }
	case "user":
		x, err := getUser(r, h.account, h.name)
		if err != nil {
			return nil, err
		}
		h.policies, h.maxInline, h.put = &x.Policies, 2048, func(tx *state.Tx) { state.Users.Put(tx, x) }
	default:
		x, err := getGroup(r, h.account, h.name)
		if err != nil {
			return nil, err
		}
		h.policies, h.maxInline, h.put = &x.Policies, 5120, func(tx *state.Tx) { state.Groups.Put(tx, x) }
	}
	return h, nil
}

// change stores what fn makes of a holder's policies.
func (a *API) change(ctx context.Context, kind string, named *string, fn func(*state.Tx, *holder) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		h, err := a.holder(ctx, tx, kind, named)
		if err != nil {
			return err
		}
		if kind == "role" {
			role, err := getRole(tx, h.account, h.name)
			if err != nil {
				return err
			}
			if err := unprotected(role); err != nil {
				return err
			}
		}
		if err := fn(tx, h); err != nil {
			return err
		}
		h.put(tx)
		return nil
	})
}

func (a *API) attach(ctx context.Context, kind string, named, policyARN *string) error {
	return a.change(ctx, kind, named, func(tx *state.Tx, h *holder) error {
		name := text(policyARN)
		if _, ok := managedPolicy(tx, h.account, name); !ok {
			return fault.New(fault.NotFound, "NoSuchEntity", "Policy %s does not exist or is not attachable.", name)
		}
		if slices.Contains(h.policies.Attached, name) {
			return nil
		}
		if len(h.policies.Attached) >= maxAttached {
			return quota("PoliciesPer"+strings.ToUpper(kind[:1])+kind[1:], maxAttached)
		}
		h.policies.Attached = append(slices.Clone(h.policies.Attached), name)
		return nil
	})
}

func (a *API) detach(ctx context.Context, kind string, named, policyARN *string) error {
	return a.change(ctx, kind, named, func(_ *state.Tx, h *holder) error {
		i := slices.Index(h.policies.Attached, text(policyARN))
		if i < 0 {
			return noPolicy(text(policyARN))
		}
		h.policies.Attached = slices.Delete(slices.Clone(h.policies.Attached), i, i+1)
		return nil
	})
}

func (a *API) putInline(ctx context.Context, kind string, named, policyName, document *string) error {
	if err := checkPolicy(policy.Identity, text(document), "PolicySize", 10240); err != nil {
		return err
	}
	return a.change(ctx, kind, named, func(_ *state.Tx, h *holder) error {
		inline := maps.Clone(h.policies.Inline)
		if inline == nil {
			inline = map[string]string{}
		}
		inline[text(policyName)] = text(document)
		total := 0
		for _, doc := range inline {
			total += size(doc)
		}
		if total > h.maxInline {
			return fault.New(fault.Quota, "LimitExceeded", "Maximum policy size of %d bytes exceeded for %s %s", h.maxInline, h.kind, h.name)
		}
		h.policies.Inline = inline
		return nil
	})
}

func noInline(kind, name string) error {
	return fault.New(fault.NotFound, "NoSuchEntity", "The %s policy with name %s cannot be found.", kind, name)
}

func (a *API) deleteInline(ctx context.Context, kind string, named, policyName *string) error {
	return a.change(ctx, kind, named, func(_ *state.Tx, h *holder) error {
		if _, ok := h.policies.Inline[text(policyName)]; !ok {
			return noInline(kind, text(policyName))
		}
		h.policies.Inline = maps.Clone(h.policies.Inline)
		delete(h.policies.Inline, text(policyName))
		return nil
	})
}

func (a *API) getInline(ctx context.Context, kind string, named, policyName *string) (*string, error) {
	h, err := a.holder(ctx, a.view.Snapshot(), kind, named)
	if err != nil {
		return nil, err
	}
	doc, ok := h.policies.Inline[text(policyName)]
	if !ok {
		return nil, noInline(kind, text(policyName))
	}
	return encoded(doc), nil
}

func (a *API) listInline(ctx context.Context, kind string, named *string, limit *int32, marker *string) (list[string], error) {
	h, err := a.holder(ctx, a.view.Snapshot(), kind, named)
	if err != nil {
		return list[string]{}, err
	}
	return cut(slices.Collect(maps.Keys(h.policies.Inline)), same, limit, marker)
}

// attachedPolicies describes managed policies by their ARNs.
func attachedPolicies(r state.Reader, account string, arns []string, prefix string) []iam.AttachedPolicy {
	out := []iam.AttachedPolicy{}
	for _, arn := range arns {
		if p, ok := managedPolicy(r, account, arn); ok && strings.HasPrefix(p.Path, prefix) {
			out = append(out, iam.AttachedPolicy{PolicyArn: &p.arn, PolicyName: &p.Name})
		}
	}
	return out
}

func (a *API) listAttached(ctx context.Context, kind string, named, prefix *string, limit *int32, marker *string) (list[iam.AttachedPolicy], error) {
	s := a.view.Snapshot()
	h, err := a.holder(ctx, s, kind, named)
	if err != nil {
		return list[iam.AttachedPolicy]{}, err
	}
	all := attachedPolicies(s, h.account, h.policies.Attached, text(prefix))
	return cut(all, func(p iam.AttachedPolicy) string { return *p.PolicyArn }, limit, marker)
}
