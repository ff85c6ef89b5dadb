package vpclattice

import (
	"context"
	"maps"
	"strings"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

func verificationID(v *lattice.DomainVerification) string { return v.ID }

// StartDomainVerification asks for a TXT record in a domain.
func (a *API) StartDomainVerification(ctx context.Context, in *vpclattice.StartDomainVerificationInput) (*vpclattice.StartDomainVerificationOutput, error) {
	var out *vpclattice.StartDomainVerificationOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		params := *in
		params.ClientToken = nil
		v, err := once(q, tx, "StartDomainVerification", in.ClientToken, params, state.DomainVerifications, verificationID, func() (*lattice.DomainVerification, error) {
			return q.newVerification(tx, in)
		})
		if err != nil {
			return err
		}
		s := q.showVerification(v)
		out = &vpclattice.StartDomainVerificationOutput{Id: s.Id, Arn: s.Arn, DomainName: s.DomainName, Status: s.Status, TxtMethodConfig: s.TxtMethodConfig}
		return nil
	})
	return out, err
}

func (q *query) newVerification(tx *state.Tx, in *vpclattice.StartDomainVerificationInput) (*lattice.DomainVerification, error) {
	domain := strings.ToLower(str(in.DomainName))
	if lattice.CheckDomain(domain) != nil {
		return nil, lattice.Invalid("domainName", "'%.255s' is not a domain name such as example.com.", domain)
	}
	n := 0
	for other := range state.DomainVerifications.By(tx, state.ByScope, q.Scope()) {
		if n++; other.Domain == domain {
			return nil, conflict(lattice.KindVerification, other.ID, "A domain verification of '%s' exists already.", domain)
		}
	}
	if n >= lattice.MaxDomainVerifications {
		return nil, quota(lattice.KindVerification, "", "An account can have at most %d domain verifications in a region.", lattice.MaxDomainVerifications)
	}
	meta, err := q.newMeta(lattice.KindVerification, "", in.Tags)
	if err != nil {
		return nil, err
	}
	return lattice.NewDomainVerification(meta, domain), nil
}

func (q *query) showVerification(v *lattice.DomainVerification) *vpclattice.GetDomainVerificationOutput {
	tags := map[string]string{}
	maps.Copy(tags, v.Tags)
	return &vpclattice.GetDomainVerificationOutput{Id: new(v.ID), Arn: new(v.ARN()), DomainName: new(v.Domain), Status: new(v.StatusAt(q.now)), CreatedAt: new(v.Created),
		Tags: tags, TxtMethodConfig: &vpclattice.TxtMethodConfig{Name: new(v.TXTName), Value: new(v.TXTValue)}}
}

func (q *query) verification(r state.Reader, identifier *string) (*lattice.DomainVerification, error) {
	id := str(identifier)
	v, ok := state.DomainVerifications.Get(r, lattice.IDOf(id))
	if !ok || v.Owner != q.Owner || !named(id, v.ARN()) {
		return nil, absent(lattice.KindVerification, id)
	}
	return v, nil
}

// GetDomainVerification describes a verification.
func (a *API) GetDomainVerification(ctx context.Context, in *vpclattice.GetDomainVerificationInput) (*vpclattice.GetDomainVerificationOutput, error) {
	q := a.query(ctx)
	v, err := q.verification(a.view.Snapshot(), in.DomainVerificationIdentifier)
	if err != nil {
		return nil, err
	}
	return q.showVerification(v), nil
}

// ListDomainVerifications lists the caller's verifications.
func (a *API) ListDomainVerifications(ctx context.Context, in *vpclattice.ListDomainVerificationsInput) (*vpclattice.ListDomainVerificationsOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	rows, next, err := cut(state.DomainVerifications.By(r, state.ByScope, q.Scope()), verificationID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListDomainVerificationsOutput{NextToken: next, Items: summaries(rows, func(v *lattice.DomainVerification) vpclattice.DomainVerificationSummary {
		s := q.showVerification(v)
		return vpclattice.DomainVerificationSummary{Id: s.Id, Arn: s.Arn, DomainName: s.DomainName, Status: s.Status, CreatedAt: s.CreatedAt, Tags: s.Tags, TxtMethodConfig: s.TxtMethodConfig}
	})}, nil
}

// DeleteDomainVerification removes a verification. No host has anything of it.
func (a *API) DeleteDomainVerification(ctx context.Context, in *vpclattice.DeleteDomainVerificationInput) (*vpclattice.DeleteDomainVerificationOutput, error) {
	return &vpclattice.DeleteDomainVerificationOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		v, err := q.verification(tx, in.DomainVerificationIdentifier)
		if err != nil {
			return err
		}
		state.DomainVerifications.Delete(tx, v.ID)
		return nil
	})
}
