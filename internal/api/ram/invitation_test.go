package ram_test

import (
	"testing"
	"time"

	"trellis/internal/aws/model/ram"
	"trellis/internal/share"
	"trellis/internal/state"
)

// invited shares a network of the owner's with the lone account and returns the invitation's, the share's and the network's ARNs.
func invited(e *env) (invitation, shareARN, net string) {
	e.Helper()
	net = e.network(owner, "net")
	shareARN = e.share(&ram.CreateResourceShareInput{ResourceArns: []string{net}, Principals: []string{loner}})
	got := must(e, e.GetResourceShareInvitations)(loner, &ram.GetResourceShareInvitationsInput{ResourceShareArns: []string{shareARN}}).ResourceShareInvitations
	if len(got) != 1 || *got[0].Status != "PENDING" || *got[0].SenderAccountId != owner || *got[0].ReceiverAccountId != loner {
		e.Fatalf("invitations %+v", got)
	}
	return *got[0].ResourceShareInvitationArn, shareARN, net
}

func TestAnInvitationIsAccepted(t *testing.T) {
	e := newEnv(t)
	e.enable()
	invitation, shareARN, net := invited(e)
	want(t, "access before", state.SharedWith(e.view.Snapshot(), net, loner), false)
	want(t, "association before", e.associations(shareARN, "PRINCIPAL")[loner], "ASSOCIATING")
	pending := must(e, e.ListPendingInvitationResources)(loner, &ram.ListPendingInvitationResourcesInput{ResourceShareInvitationArn: &invitation}).Resources
	if len(pending) != 1 || *pending[0].Arn != net {
		t.Errorf("pending resources %+v", pending)
	}
	for _, other := range []string{owner, blue} {
		refused(e, e.AcceptResourceShareInvitation)(other, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: &invitation}, "ResourceShareInvitationArnNotFoundException")
		want(t, "invitations of "+other, len(must(e, e.GetResourceShareInvitations)(other, &ram.GetResourceShareInvitationsInput{}).ResourceShareInvitations), 0)
	}

	accept := &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: &invitation, ClientToken: new("t")}
	want(t, "answer", *must(e, e.AcceptResourceShareInvitation)(loner, accept).ResourceShareInvitation.Status, "ACCEPTED")
	want(t, "the same again", *must(e, e.AcceptResourceShareInvitation)(loner, accept).ResourceShareInvitation.Status, "ACCEPTED")
	want(t, "access after", state.SharedWith(e.view.Snapshot(), net, loner), true)
	want(t, "association after", e.associations(shareARN, "PRINCIPAL")[loner], "ASSOCIATED")
	refused(e, e.AcceptResourceShareInvitation)(loner, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: &invitation}, "ResourceShareInvitationAlreadyAcceptedException")
	principals := must(e, e.ListPrincipals)(loner, &ram.ListPrincipalsInput{ResourceOwner: new("OTHER-ACCOUNTS")}).Principals
	if len(principals) != 1 || *principals[0].Id != owner || !*principals[0].External {
		t.Errorf("who shares: %+v", principals)
	}

	// The receiver may leave, and take nothing else out.
	leave := &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, ResourceArns: []string{net}}
	refused(e, e.DisassociateResourceShare)(loner, leave, "OperationNotPermittedException")
	refused(e, e.DisassociateResourceShare)(blue, leave, "UnknownResourceException")
	refused(e, e.DeleteResourceShare)(loner, &ram.DeleteResourceShareInput{ResourceShareArn: &shareARN}, "UnknownResourceException")
	must(e, e.DisassociateResourceShare)(loner, &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, Principals: []string{loner}})
	want(t, "access after leaving", state.SharedWith(e.view.Snapshot(), net, loner), false)
}

func TestAnInvitationIsRejectedAndSentAgain(t *testing.T) {
	e := newEnv(t)
	invitation, shareARN, net := invited(e)
	reject := &ram.RejectResourceShareInvitationInput{ResourceShareInvitationArn: &invitation}
	want(t, "answer", *must(e, e.RejectResourceShareInvitation)(loner, reject).ResourceShareInvitation.Status, "REJECTED")
	refused(e, e.RejectResourceShareInvitation)(loner, reject, "ResourceShareInvitationAlreadyRejectedException")
	refused(e, e.ListPendingInvitationResources)(loner, &ram.ListPendingInvitationResourcesInput{ResourceShareInvitationArn: &invitation}, "ResourceShareInvitationAlreadyRejectedException")
	want(t, "association", e.associations(shareARN, "PRINCIPAL")[loner], "FAILED")
	must(e, e.AssociateResourceShare)(owner, &ram.AssociateResourceShareInput{ResourceShareArn: &shareARN, Principals: []string{loner}})
	again := must(e, e.GetResourceShareInvitations)(loner, &ram.GetResourceShareInvitationsInput{}).ResourceShareInvitations
	if len(again) != 1 || *again[0].Status != "PENDING" || *again[0].ResourceShareInvitationArn == invitation {
		t.Errorf("invitations %+v", again)
	}
	want(t, "access", state.SharedWith(e.view.Snapshot(), net, loner), false)
}

func TestAnInvitationExpires(t *testing.T) {
	e := newEnv(t)
	invitation, shareARN, _ := invited(e)
	e.now = e.now.Add(share.InvitationLife + time.Second)
	refused(e, e.AcceptResourceShareInvitation)(loner, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: &invitation}, "ResourceShareInvitationExpiredException")
	want(t, "association", e.associations(shareARN, "PRINCIPAL")[loner], "FAILED")
	got := must(e, e.GetResourceShareInvitations)(loner, &ram.GetResourceShareInvitationsInput{ResourceShareInvitationArns: []string{invitation}}).ResourceShareInvitations
	want(t, "status", *got[0].Status, "EXPIRED")
}

func TestInvitationsEndWithTheShare(t *testing.T) {
	e := newEnv(t)
	invitation, shareARN, _ := invited(e)
	must(e, e.DeleteResourceShare)(owner, &ram.DeleteResourceShareInput{ResourceShareArn: &shareARN})
	refused(e, e.AcceptResourceShareInvitation)(loner, &ram.AcceptResourceShareInvitationInput{ResourceShareInvitationArn: &invitation}, "ResourceShareInvitationArnNotFoundException")
	want(t, "invitations", len(must(e, e.GetResourceShareInvitations)(loner, &ram.GetResourceShareInvitationsInput{}).ResourceShareInvitations), 0)
}

func TestAccessEndsWithTheOrganization(t *testing.T) {
	for _, retain := range []bool{false, true} {
		e := newEnv(t)
		e.enable()
		net := e.network(owner, "net")
		shareARN := e.share(&ram.CreateResourceShareInput{ResourceArns: []string{net}, Principals: []string{blue, e.org.ARN()},
			ResourceShareConfiguration: &ram.ResourceShareConfiguration{RetainSharingOnAccountLeaveOrganization: &retain}})
		move := func(account string, in bool) {
			e.put(func(tx *state.Tx) {
				a, _ := state.Accounts.Get(tx, account)
				a.Leave()
				if in {
					a.Join(e.org, "INVITED", e.now)
				}
				state.Accounts.Put(tx, a)
			})
		}
		move(blue, false)
		want(t, "access of one who left", state.SharedWith(e.view.Snapshot(), net, blue), retain)
		want(t, "access of one who stayed", state.SharedWith(e.view.Snapshot(), net, green), true)
		shown := map[bool]string{false: "DISASSOCIATED", true: "ASSOCIATED"}[retain]
		want(t, "association", e.associations(shareARN, "PRINCIPAL")[blue], shown)
		move(blue, true)
		e.put(func(tx *state.Tx) {
			org := *e.org
			org.RAMSharing = false
			state.Organizations.Put(tx, &org)
		})
		for _, account := range []string{blue, green} {
			want(t, "access while sharing is disabled", state.SharedWith(e.view.Snapshot(), net, account), false)
			want(t, "networks while sharing is disabled", len(e.sharedWith(account)), 0)
		}
	}
}
