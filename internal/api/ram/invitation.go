package ram

import (
	"context"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
)

func checkInvitationARN(name string) error {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "ram" || a.Type() != "resource-share-invitation" || a.ID() == "" {
		return fault.New(fault.Invalid, "MalformedArnException", "The specified resource share invitation ARN is not valid. Verify the ARN and try again.")
	}
	return nil
}

// received returns the invitation that the caller got.
func (q query) received(r state.Reader, name string) (*share.Invitation, error) {
	if err := checkInvitationARN(name); err != nil {
		return nil, err
	}
	i, ok := state.Invitations.Get(r, name)
	if !ok || i.Receiver != q.Account || i.Region != q.Region {
		return nil, fault.New(fault.NotFound, "ResourceShareInvitationArnNotFoundException", "The resource share invitation %s could not be found.", clip(name))
	}
	return i, nil
}

// open returns the invitation that the caller got and has not answered.
func (q query) open(r state.Reader, name string) (*share.Invitation, error) {
	i, err := q.received(r, name)
	if err != nil {
		return nil, err
	}
	switch i.StatusAt(q.now) {
	case share.Accepted:
		return nil, fault.New(fault.Conflict, "ResourceShareInvitationAlreadyAcceptedException", "The resource share invitation %s was already accepted.", name)
	case share.Rejected:
		return nil, fault.New(fault.Conflict, "ResourceShareInvitationAlreadyRejectedException", "The resource share invitation %s was already rejected.", name)
	case share.Expired:
		return nil, fault.New(fault.Conflict, "ResourceShareInvitationExpiredException", "The resource share invitation %s has expired.", name)
	}
	return i, nil
}

// GetResourceShareInvitations lists the invitations that the caller got.
func (a *API) GetResourceShareInvitations(ctx context.Context, in *ram.GetResourceShareInvitationsInput) (*ram.GetResourceShareInvitationsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	for _, name := range in.ResourceShareInvitationArns {
		if _, err := q.received(snap, name); err != nil {
			return nil, err
		}
	}
	for _, name := range in.ResourceShareArns {
		if err := checkShareARN(name); err != nil {
			return nil, err
		}
	}
	var all []*share.Invitation
	for i := range state.Invitations.By(snap, state.ByPrincipal, q.Account) {
		if i.Region != q.Region || len(in.ResourceShareInvitationArns) > 0 && !slices.Contains(in.ResourceShareInvitationArns, i.ARN()) ||
			len(in.ResourceShareArns) > 0 && !slices.Contains(in.ResourceShareArns, i.Share) {
			continue
		}
		all = append(all, i)
	}
	some, next, err := cut(all, (*share.Invitation).ARN, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ram.GetResourceShareInvitationsOutput{ResourceShareInvitations: []ram.ResourceShareInvitation{}, NextToken: next}
	for _, i := range some {
		out.ResourceShareInvitations = append(out.ResourceShareInvitations, *q.showInvitation(i))
	}
	return out, nil
}

func (q query) showInvitation(i *share.Invitation) *ram.ResourceShareInvitation {
	return &ram.ResourceShareInvitation{
		ResourceShareInvitationArn: new(i.ARN()), ResourceShareName: &i.ShareName, ResourceShareArn: &i.Share, SenderAccountId: &i.Account,
		ReceiverAccountId: &i.Receiver, InvitationTimestamp: &i.Created, Status: new(i.StatusAt(q.now)),
	}
}

// AcceptResourceShareInvitation gives the caller what was shared with it.
func (a *API) AcceptResourceShareInvitation(ctx context.Context, in *ram.AcceptResourceShareInvitationInput) (*ram.AcceptResourceShareInvitationOutput, error) {
	i, err := a.answer(ctx, "AcceptResourceShareInvitation", str(in.ResourceShareInvitationArn), in.ClientToken, share.Accepted)
	if err != nil {
		return nil, err
	}
	return &ram.AcceptResourceShareInvitationOutput{ResourceShareInvitation: i, ClientToken: in.ClientToken}, nil
}

// RejectResourceShareInvitation declines it.
func (a *API) RejectResourceShareInvitation(ctx context.Context, in *ram.RejectResourceShareInvitationInput) (*ram.RejectResourceShareInvitationOutput, error) {
	i, err := a.answer(ctx, "RejectResourceShareInvitation", str(in.ResourceShareInvitationArn), in.ClientToken, share.Rejected)
	if err != nil {
		return nil, err
	}
	return &ram.RejectResourceShareInvitationOutput{ResourceShareInvitation: i, ClientToken: in.ClientToken}, nil
}

func (a *API) answer(ctx context.Context, operation, name string, token *string, answer string) (*ram.ResourceShareInvitation, error) {
	q := a.query(ctx)
	var out *ram.ResourceShareInvitation
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		_, again, err := q.repeated(tx, operation, token, name)
		if err != nil {
			return err
		}
		if again {
			i, err := q.received(tx, name)
			if err == nil {
				out = q.showInvitation(i)
			}
			return err
		}
		i, err := q.open(tx, name)
		if err != nil {
			return err
		}
		i.Status = answer
		state.Invitations.Put(tx, i)
		if s, ok := state.Shares.Get(tx, i.Share); ok {
			if as, ok := share.Find(s.Principals, i.Receiver); ok && as.Status == share.Associating {
				as.Status, as.Updated = share.Associated, q.now
				if answer == share.Rejected {
					as.Status, as.Message = share.Failed, "The invitation was rejected."
				}
				s.Principals = share.Put(s.Principals, as, q.now)
				state.Shares.Put(tx, s)
			}
		}
		q.remember(tx, operation, token, name, name)
		out = q.showInvitation(i)
		return nil
	})
	return out, err
}

// ListPendingInvitationResources lists what an invitation that the caller has not answered would give it.
func (a *API) ListPendingInvitationResources(ctx context.Context, in *ram.ListPendingInvitationResourcesInput) (*ram.ListPendingInvitationResourcesOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	i, err := q.open(snap, str(in.ResourceShareInvitationArn))
	if err != nil {
		return nil, err
	}
	all := []ram.Resource{}
	if s, ok := state.Shares.Get(snap, i.Share); ok {
		all = resources(snap, s)
	}
	if str(in.ResourceRegionScope) == "GLOBAL" {
		all = nil
	}
	some, next, err := cut(all, resourceKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPendingInvitationResourcesOutput{Resources: some, NextToken: next}, nil
}
