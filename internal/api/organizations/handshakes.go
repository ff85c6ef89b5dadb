package organizations

import (
	"context"

	"trellis/internal/arn"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// InviteAccountToOrganization asks an account, by id or email address, to join.
func (a *API) InviteAccountToOrganization(ctx context.Context, in *organizations.InviteAccountToOrganizationInput) (*organizations.InviteAccountToOrganizationOutput, error) {
	now := a.time()
	target, kind := text(in.Target.Id), text(in.Target.Type)
	if _, err := newTags(in.Tags); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		return nil, fault.New(fault.Unsupported, "InvalidInputException", "Tags on an invitation are not supported. Tag the account once it has joined.")
	}
	var out *organizations.Handshake
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		invited, err := invitee(tx, kind, target)
		if err != nil {
			return err
		}
		if invited.Organization != "" {
			return violated("ALREADY_IN_AN_ORGANIZATION", "The account you're trying to invite is already a member of an organization.")
		}
		for h := range state.Handshakes.By(tx, state.ByAccount, invited.ID) {
			if h.Organization == o.ID && h.StateAt(now) == identity.HandshakeOpen {
				return fault.New(fault.Exists, "DuplicateHandshakeException", "A handshake with the same action and target already exists.")
			}
		}
		h := identity.NewHandshake(o, invited.ID, now)
		h.Notes = text(in.Notes)
		if kind == "EMAIL" {
			h.Email = invited.Email
		}
		state.Handshakes.Put(tx, h)
		out = a.handshake(tx, h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.InviteAccountToOrganizationOutput{Handshake: out}, nil
}

// invitee returns the account that an invitation names.
func invitee(r state.Reader, kind, target string) (*identity.Account, error) {
	switch kind {
	case "ACCOUNT":
		if !arn.IsAccount(target) {
			return nil, invalid("INVALID_PATTERN_TARGET_ID", "You provided a target id that isn't a 12-digit account id.")
		}
		if m, ok := state.Accounts.Get(r, target); ok && !m.Closed {
			return m, nil
		}
	case "EMAIL":
		for m := range state.Accounts.By(r, state.ByEmail, identity.Address(target)) {
			if !m.Closed {
				return m, nil
			}
		}
	default:
		return nil, invalid("INVALID_PARTY_TYPE_TARGET", "You provided a party type that isn't ACCOUNT or EMAIL.")
	}
	return nil, invalid("INVALID_PARTY_TYPE_TARGET", "The account that you want to invite doesn't exist.")
}

func violated(reason, message string) error {
	return &fault.Error{Kind: fault.Conflict, Code: "HandshakeConstraintViolationException", Reason: reason, Message: message}
}

func (a *API) handshake(r state.Reader, h *identity.Handshake) *organizations.Handshake {
	party := organizations.HandshakeParty{Id: &h.Account, Type: new("ACCOUNT")}
	if h.Email != "" {
		party = organizations.HandshakeParty{Id: &h.Email, Type: new("EMAIL")}
	}
	about := organizations.HandshakeResource{Type: new("ORGANIZATION"), Value: &h.Organization}
	if m, ok := state.Accounts.Get(r, h.Management); ok {
		about.Resources = append(about.Resources, organizations.HandshakeResource{Type: new("MASTER_EMAIL"), Value: &m.Email},
			organizations.HandshakeResource{Type: new("MASTER_NAME"), Value: &m.Name})
	}
	about.Resources = append(about.Resources, organizations.HandshakeResource{Type: new("ORGANIZATION_FEATURE_SET"), Value: &h.Features})
	out := &organizations.Handshake{Id: &h.ID, Arn: new(h.ARN()), Action: new("INVITE"), State: new(h.StateAt(a.time())),
		RequestedTimestamp: &h.Requested, ExpirationTimestamp: &h.Expires,
		Parties:   []organizations.HandshakeParty{{Id: &h.Organization, Type: new("ORGANIZATION")}, party},
		Resources: []organizations.HandshakeResource{about, {Type: party.Type, Value: party.Id}}}
	if h.Notes != "" {
		out.Resources = append(out.Resources, organizations.HandshakeResource{Type: new("NOTES"), Value: &h.Notes})
	}
	return out
}

// party says whether the caller may see the handshake: it is invited, or manages the organization that invites.
func party(ctx context.Context, h *identity.Handshake) bool {
	who := caller.From(ctx).Account
	return who == h.Account || who == h.Management
}

var errNoHandshake = fault.New(fault.NotFound, "HandshakeNotFoundException", "You specified a handshake that doesn't exist.")

// AcceptHandshake makes the caller's account join the organization that invited it.
func (a *API) AcceptHandshake(ctx context.Context, in *organizations.AcceptHandshakeInput) (*organizations.AcceptHandshakeOutput, error) {
	h, err := a.answer(ctx, text(in.HandshakeId), identity.HandshakeAccepted)
	if err != nil {
		return nil, err
	}
	return &organizations.AcceptHandshakeOutput{Handshake: h}, nil
}

// DeclineHandshake refuses an invitation.
func (a *API) DeclineHandshake(ctx context.Context, in *organizations.DeclineHandshakeInput) (*organizations.DeclineHandshakeOutput, error) {
	h, err := a.answer(ctx, text(in.HandshakeId), identity.HandshakeDeclined)
	if err != nil {
		return nil, err
	}
	return &organizations.DeclineHandshakeOutput{Handshake: h}, nil
}

// CancelHandshake takes an invitation back.
func (a *API) CancelHandshake(ctx context.Context, in *organizations.CancelHandshakeInput) (*organizations.CancelHandshakeOutput, error) {
	h, err := a.answer(ctx, text(in.HandshakeId), identity.HandshakeCanceled)
	if err != nil {
		return nil, err
	}
	return &organizations.CancelHandshakeOutput{Handshake: h}, nil
}

// answer moves a handshake to its final state: the invited account accepts or declines, the inviting one cancels.
func (a *API) answer(ctx context.Context, id, to string) (*organizations.Handshake, error) {
	now := a.time()
	var out *organizations.Handshake
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		h, ok := state.Handshakes.Get(tx, id)
		if !ok || !party(ctx, h) {
			return errNoHandshake
		}
		mine := h.Account
		if to == identity.HandshakeCanceled {
			mine = h.Management
		}
		if caller.From(ctx).Account != mine {
			return fault.New(fault.Denied, "AccessDeniedException", "You don't have permissions to access this resource.")
		}
		if err := h.Move(to, now); err != nil {
			return err
		}
		if to == identity.HandshakeAccepted {
			if err := join(tx, h, a); err != nil {
				return err
			}
		}
		state.Handshakes.Put(tx, h)
		out = a.handshake(tx, h)
		return nil
	})
	return out, err
}

func join(tx *state.Tx, h *identity.Handshake, a *API) error {
	o, ok := state.Organizations.Get(tx, h.Organization)
	if !ok {
		return errNoHandshake
	}
	m := account(tx, h.Account, a.time())
	if m.Organization != "" {
		return violated("ALREADY_IN_AN_ORGANIZATION", "The account is already a member of an organization.")
	}
	m.Join(o, identity.Invited, a.time())
	state.Accounts.Put(tx, m)
	attachDefault(tx, o, m.ID)
	return nil
}

// DescribeHandshake returns a handshake that the caller has a part in.
func (a *API) DescribeHandshake(ctx context.Context, in *organizations.DescribeHandshakeInput) (*organizations.DescribeHandshakeOutput, error) {
	s := a.view.Snapshot()
	h, ok := state.Handshakes.Get(s, text(in.HandshakeId))
	if !ok || !party(ctx, h) {
		return nil, errNoHandshake
	}
	return &organizations.DescribeHandshakeOutput{Handshake: a.handshake(s, h)}, nil
}

// ListHandshakesForAccount lists the invitations of the caller's account.
func (a *API) ListHandshakesForAccount(ctx context.Context, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	some, token, err := a.handshakes(state.ByAccount, caller.From(ctx).Account, in.Filter, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForAccountOutput{Handshakes: some, NextToken: token}, nil
}

// ListHandshakesForOrganization lists the invitations that the caller's organization sent.
func (a *API) ListHandshakesForOrganization(ctx context.Context, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	o, err := oversight(ctx, a.view.Snapshot())
	if err != nil {
		return nil, err
	}
	some, token, err := a.handshakes(state.ByOrganization, o.ID, in.Filter, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListHandshakesForOrganizationOutput{Handshakes: some, NextToken: token}, nil
}

func (a *API) handshakes(index, value string, filter *organizations.HandshakeFilter, limit *int32, token *string) ([]organizations.Handshake, *string, error) {
	all := []organizations.Handshake{}
	s := a.view.Snapshot()
	for h := range state.Handshakes.By(s, index, value) {
		wanted := filter == nil || filter.ParentHandshakeId == nil && (filter.ActionType == nil || *filter.ActionType == "INVITE")
		if wanted && h.ShownAt(a.time()) {
			all = append(all, *a.handshake(s, h))
		}
	}
	return cut(all, func(h organizations.Handshake) string { return *h.Id }, limit, token)
}
