package vpclattice

import (
	"context"
	"slices"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/iam"
	"trellis/internal/lattice"
	"trellis/internal/share"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// holder is a service or network as the bearer of policies and log subscriptions.
type holder struct {
	vpc.Owner
	id, arn, authType string
	kind              lattice.Kind
	deleting          bool
	shareable         bool
}

// holder returns the caller's service or network that the identifier names.
func (q *query) holder(r state.Reader, identifier *string, action string) (*holder, error) {
	id := lattice.IDOf(str(identifier))
	if strings.HasPrefix(id, lattice.KindNetwork.Prefix) {
		n, err := q.ownNetwork(r, identifier, action)
		if err != nil {
			return nil, err
		}
		return &holder{n.Owner, n.ID, n.ARN(), n.AuthType, lattice.KindNetwork, n.Deleting, n.SharingEnabled}, nil
	}
	if !strings.HasPrefix(id, lattice.KindService.Prefix) {
		return nil, absent(lattice.Kind{Title: "resource", Type: "RESOURCE"}, str(identifier))
	}
	s, err := q.ownService(r, identifier, action)
	if err != nil {
		return nil, err
	}
	return &holder{s.Owner, s.ID, s.ARN(), s.AuthType, lattice.KindService, s.Deleting, true}, nil
}

// liveHolder is holder for changes, which what is being deleted refuses.
func (q *query) liveHolder(tx *state.Tx, identifier *string, action string) (*holder, error) {
	h, err := q.holder(tx, identifier, action)
	if err == nil && h.deleting {
		return nil, busy(h.kind, h.id, lattice.Deleting)
	}
	return h, err
}

// policyState says whether an auth policy decides: only where the auth type asks for one.
func (h *holder) policyState() *string {
	if h.authType == lattice.AuthIAM {
		return new("Active")
	}
	return new("Inactive")
}

func noPolicy(what string, h *holder) error {
	k := h.kind
	k.Title = what + " of the " + k.Title
	return absent(k, h.id)
}

// PutAuthPolicy sets the auth policy of a service or network.
func (a *API) PutAuthPolicy(ctx context.Context, in *vpclattice.PutAuthPolicyInput) (*vpclattice.PutAuthPolicyOutput, error) {
	document := str(in.Policy)
	if len(document) > lattice.MaxAuthPolicyBytes {
		return nil, lattice.Invalid("policy", "An auth policy can have at most %d bytes.", lattice.MaxAuthPolicyBytes)
	}
	if _, err := iam.Parse(iam.ResourcePolicy, document); err != nil {
		return nil, lattice.Invalid("policy", "%s", message(err))
	}
	var out *vpclattice.PutAuthPolicyOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		h, err := q.liveHolder(tx, in.ResourceIdentifier, "PutAuthPolicy")
		if err != nil {
			return err
		}
		row := &lattice.AuthPolicy{Owner: h.Owner, Resource: h.id, Document: document, Created: q.now, Updated: q.now}
		if old, ok := state.AuthPolicies.Get(tx, h.id); ok {
			row.Created = old.Created
		}
		state.AuthPolicies.Put(tx, row)
		out = &vpclattice.PutAuthPolicyOutput{Policy: new(document), State: h.policyState()}
		return nil
	})
	return out, err
}

// GetAuthPolicy returns the auth policy of a service or network.
func (a *API) GetAuthPolicy(ctx context.Context, in *vpclattice.GetAuthPolicyInput) (*vpclattice.GetAuthPolicyOutput, error) {
	r := a.view.Snapshot()
	h, err := a.query(ctx).holder(r, in.ResourceIdentifier, "GetAuthPolicy")
	if err != nil {
		return nil, err
	}
	p, ok := state.AuthPolicies.Get(r, h.id)
	if !ok {
		return nil, noPolicy("auth policy", h)
	}
	return &vpclattice.GetAuthPolicyOutput{Policy: new(p.Document), State: h.policyState(), CreatedAt: new(p.Created), LastUpdatedAt: new(p.Updated)}, nil
}

// DeleteAuthPolicy removes the auth policy. Where the auth type is AWS_IAM, every request is denied from then on.
func (a *API) DeleteAuthPolicy(ctx context.Context, in *vpclattice.DeleteAuthPolicyInput) (*vpclattice.DeleteAuthPolicyOutput, error) {
	return &vpclattice.DeleteAuthPolicyOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		h, err := q.holder(tx, in.ResourceIdentifier, "DeleteAuthPolicy")
		if err != nil {
			return err
		}
		if _, ok := state.AuthPolicies.Get(tx, h.id); !ok {
			return noPolicy("auth policy", h)
		}
		state.AuthPolicies.Delete(tx, h.id)
		return nil
	})
}

// PutResourcePolicy shares a service or network with the accounts that the policy names.
func (a *API) PutResourcePolicy(ctx context.Context, in *vpclattice.PutResourcePolicyInput) (*vpclattice.PutResourcePolicyOutput, error) {
	document := str(in.Policy)
	if _, err := iam.Parse(iam.ResourcePolicy, document); err != nil {
		return nil, lattice.Invalid("policy", "%s", message(err))
	}
	return &vpclattice.PutResourcePolicyOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		h, err := q.liveHolder(tx, in.ResourceArn, "PutResourcePolicy")
		if err != nil {
			return err
		}
		if !h.shareable {
			return lattice.Invalid("resourceArn", "Sharing is not enabled for the service network %s.", h.id)
		}
		principals, err := lattice.ParseSharePolicy(h.kind, h.arn, document)
		if err != nil {
			return err
		}
		state.ResourcePolicies.Put(tx, &lattice.ResourcePolicy{Owner: h.Owner, ResourceARN: h.arn, Document: document, Principals: principals})
		return nil
	})
}

// GetResourcePolicy returns what shares a service or network: the policy that was put, or what the resource shares amount to.
func (a *API) GetResourcePolicy(ctx context.Context, in *vpclattice.GetResourcePolicyInput) (*vpclattice.GetResourcePolicyOutput, error) {
	r := a.view.Snapshot()
	h, err := a.query(ctx).holder(r, in.ResourceArn, "GetResourcePolicy")
	if err != nil {
		return nil, err
	}
	if p, ok := state.ResourcePolicies.Get(r, h.arn); ok {
		return &vpclattice.GetResourcePolicyOutput{Policy: new(p.Document)}, nil
	}
	principals := principalsOf(r, h.arn)
	if len(principals) == 0 {
		return nil, noPolicy("resource policy", h)
	}
	return &vpclattice.GetResourcePolicyOutput{Policy: new(lattice.SharePolicy(h.kind, h.arn, principals))}, nil
}

// DeleteResourcePolicy ends what PutResourcePolicy shared.
func (a *API) DeleteResourcePolicy(ctx context.Context, in *vpclattice.DeleteResourcePolicyInput) (*vpclattice.DeleteResourcePolicyOutput, error) {
	return &vpclattice.DeleteResourcePolicyOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		h, err := q.holder(tx, in.ResourceArn, "DeleteResourcePolicy")
		if err != nil {
			return err
		}
		if _, ok := state.ResourcePolicies.Get(tx, h.arn); !ok {
			return noPolicy("resource policy", h)
		}
		state.ResourcePolicies.Delete(tx, h.arn)
		return nil
	})
}

// principalsOf returns, in order, whom active resource shares give access to the resource.
func principalsOf(r state.Reader, resourceARN string) []string {
	var out []string
	for s := range state.Shares.By(r, state.ByResource, resourceARN) {
		for _, p := range s.Principals {
			if p.Status == share.Associated {
				out = append(out, p.Entity)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
