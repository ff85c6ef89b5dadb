package organizations_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	api "trellis/internal/api/organizations"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/store/mem"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return bytes.Clone(b) }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

const (
	manager = "100000000000"
	shared  = "200000000000"
	blue    = "300000000000"
	green   = "400000000000"
)

type world struct {
	*api.API
	t    *testing.T
	view *state.View
	now  time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	w := &world{t: t, view: view, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.API = api.New(view, func() time.Time { return w.now })
	err = view.Update(t.Context(), func(tx *state.Tx) error {
		for _, id := range []string{manager, shared, blue, green} {
			state.Accounts.Put(tx, &identity.Account{ID: id, Name: "n" + id[:1], Email: "Mail" + id[:1] + "@example.com", Created: w.now})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// as is a call by the root user of an account.
func (w *world) as(account string) context.Context {
	return caller.With(w.t.Context(), &caller.Caller{Account: account, Region: "eu-west-1", Kind: caller.Root, ARN: "arn:aws:iam::" + account + ":root"})
}

// must returns what an operation answers, and fails the test if it refuses.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks an error's code, and its reason after a slash.
func refused(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want %s", what, err, code)
		return
	}
	got := e.Code
	if strings.Contains(code, "/") {
		got += "/" + e.Reason
	}
	if got != code {
		t.Errorf("%s: got %s (%s), want %s", what, got, e.Message, code)
	}
}

func (w *world) organization() *organizations.Organization {
	w.t.Helper()
	return must[*organizations.CreateOrganizationOutput](w.t)(w.CreateOrganization(w.as(manager), &organizations.CreateOrganizationInput{})).Organization
}

func (w *world) invite(account string) string {
	w.t.Helper()
	in := &organizations.InviteAccountToOrganizationInput{Target: &organizations.HandshakeParty{Id: &account, Type: new("ACCOUNT")}}
	return *must[*organizations.InviteAccountToOrganizationOutput](w.t)(w.InviteAccountToOrganization(w.as(manager), in)).Handshake.Id
}

func (w *world) join(accounts ...string) {
	w.t.Helper()
	for _, account := range accounts {
		must[*organizations.AcceptHandshakeOutput](w.t)(w.AcceptHandshake(w.as(account), &organizations.AcceptHandshakeInput{HandshakeId: new(w.invite(account))}))
	}
}

func (w *world) root() string {
	w.t.Helper()
	return *must[*organizations.ListRootsOutput](w.t)(w.ListRoots(w.as(manager), &organizations.ListRootsInput{})).Roots[0].Id
}

func (w *world) unit(parent, name string) string {
	w.t.Helper()
	in := &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name}
	return *must[*organizations.CreateOrganizationalUnitOutput](w.t)(w.CreateOrganizationalUnit(w.as(manager), in)).OrganizationalUnit.Id
}

// TestLandingZone is what the landing zone needs: management invites three accounts and each accepts.
func TestLandingZone(t *testing.T) {
	w := newWorld(t)
	_, err := w.DescribeOrganization(w.as(manager), nil)
	refused(t, "an account without an organization", err, "AWSOrganizationsNotInUseException")
	o := w.organization()
	if *o.MasterAccountId != manager || *o.MasterAccountEmail != "Mail1@example.com" || *o.FeatureSet != "ALL" || *o.Arn != "arn:aws:organizations::"+manager+":organization/"+*o.Id {
		t.Errorf("the organization is %s of %s", *o.Arn, *o.MasterAccountId)
	}
	for _, account := range []string{shared, blue, green} {
		id := w.invite(account)
		listed := must[*organizations.ListHandshakesForAccountOutput](t)(w.ListHandshakesForAccount(w.as(account), &organizations.ListHandshakesForAccountInput{})).Handshakes
		if len(listed) != 1 || *listed[0].Id != id || *listed[0].State != "OPEN" || *listed[0].Parties[1].Id != account {
			t.Errorf("%s sees the invitations %v", account, listed)
		}
		got := must[*organizations.AcceptHandshakeOutput](t)(w.AcceptHandshake(w.as(account), &organizations.AcceptHandshakeInput{HandshakeId: &id})).Handshake
		if *got.State != "ACCEPTED" {
			t.Errorf("an accepted handshake is %s", *got.State)
		}
		seen := must[*organizations.DescribeOrganizationOutput](t)(w.DescribeOrganization(w.as(account), nil)).Organization
		if *seen.Id != *o.Id {
			t.Errorf("%s is in %s", account, *seen.Id)
		}
	}
	accounts := must[*organizations.ListAccountsOutput](t)(w.ListAccounts(w.as(manager), &organizations.ListAccountsInput{})).Accounts
	if len(accounts) != 4 || *accounts[1].Id != shared || *accounts[1].JoinedMethod != "INVITED" || *accounts[1].Status != "ACTIVE" ||
		*accounts[1].Arn != "arn:aws:organizations::"+manager+":account/"+*o.Id+"/"+shared {
		t.Errorf("the members are %v", accounts)
	}
	sent := must[*organizations.ListHandshakesForOrganizationOutput](t)(w.ListHandshakesForOrganization(w.as(manager), &organizations.ListHandshakesForOrganizationInput{})).Handshakes
	if len(sent) != 3 {
		t.Errorf("%d invitations were sent", len(sent))
	}
	must[*organizations.EnableAWSServiceAccessOutput](t)(w.EnableAWSServiceAccess(w.as(manager), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: new("ram.amazonaws.com")}))
	services := must[*organizations.ListAWSServiceAccessForOrganizationOutput](t)(w.ListAWSServiceAccessForOrganization(w.as(manager), &organizations.ListAWSServiceAccessForOrganizationInput{})).EnabledServicePrincipals
	if len(services) != 1 || *services[0].ServicePrincipal != "ram.amazonaws.com" {
		t.Errorf("trusted services: %v", services)
	}
}

func TestMembersAreNoManagers(t *testing.T) {
	w := newWorld(t)
	w.organization()
	w.join(blue)
	id := w.invite(green)
	for _, who := range []struct{ account, code string }{{blue, "AccessDeniedException"}, {shared, "AWSOrganizationsNotInUseException"}} {
		ctx := w.as(who.account)
		for what, call := range map[string]func() error{
			"ListAccounts": func() error { _, err := w.ListAccounts(ctx, &organizations.ListAccountsInput{}); return err },
			"DescribeAccount": func() error {
				_, err := w.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: new(blue)})
				return err
			},
			"CreateAccount": func() error {
				_, err := w.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: new("x"), Email: new("x@y")})
				return err
			},
			"Invite": func() error {
				_, err := w.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: &organizations.HandshakeParty{Id: new(green), Type: new("ACCOUNT")}})
				return err
			},
			"Remove": func() error {
				_, err := w.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: new(blue)})
				return err
			},
			"CloseAccount": func() error {
				_, err := w.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: new(blue)})
				return err
			},
			"ListRoots": func() error { _, err := w.ListRoots(ctx, &organizations.ListRootsInput{}); return err },
			"CreateUnit": func() error {
				_, err := w.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: new("r-1"), Name: new("u")})
				return err
			},
			"EnablePolicyType": func() error {
				_, err := w.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: new("r-1"), PolicyType: new("SERVICE_CONTROL_POLICY")})
				return err
			},
			"CreatePolicy": func() error {
				_, err := w.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: new("p"), Content: new(allowAll), Type: new("SERVICE_CONTROL_POLICY")})
				return err
			},
			"ListPolicies": func() error {
				_, err := w.ListPolicies(ctx, &organizations.ListPoliciesInput{Filter: new("SERVICE_CONTROL_POLICY")})
				return err
			},
			"TagResource": func() error {
				_, err := w.TagResource(ctx, &organizations.TagResourceInput{ResourceId: new(blue)})
				return err
			},
			"EnableService": func() error {
				_, err := w.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: new("ram.amazonaws.com")})
				return err
			},
			"Delete": func() error { _, err := w.DeleteOrganization(ctx, nil); return err },
		} {
			refused(t, what+" by "+who.account, call(), who.code)
		}
		_, err := w.DescribeHandshake(ctx, &organizations.DescribeHandshakeInput{HandshakeId: &id})
		refused(t, "another's invitation", err, "HandshakeNotFoundException")
		_, err = w.AcceptHandshake(ctx, &organizations.AcceptHandshakeInput{HandshakeId: &id})
		refused(t, "accepting another's invitation", err, "HandshakeNotFoundException")
	}
	_, err := w.CreateOrganization(w.as(blue), &organizations.CreateOrganizationInput{})
	refused(t, "a second organization", err, "AlreadyInOrganizationException")
}

func TestHandshakes(t *testing.T) {
	w := newWorld(t)
	w.organization()
	invite := func(id, kind string) error {
		_, err := w.InviteAccountToOrganization(w.as(manager), &organizations.InviteAccountToOrganizationInput{Target: &organizations.HandshakeParty{Id: &id, Type: &kind}})
		return err
	}
	refused(t, "inviting itself", invite(manager, "ACCOUNT"), "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION")
	refused(t, "inviting nobody", invite("999999999999", "ACCOUNT"), "InvalidInputException/INVALID_PARTY_TYPE_TARGET")
	refused(t, "inviting something else", invite("blue", "ACCOUNT"), "InvalidInputException/INVALID_PATTERN_TARGET_ID")
	if err := invite("mail3@EXAMPLE.com", "EMAIL"); err != nil {
		t.Fatal(err)
	}
	refused(t, "inviting twice", invite(blue, "ACCOUNT"), "DuplicateHandshakeException")
	h := must[*organizations.ListHandshakesForAccountOutput](t)(w.ListHandshakesForAccount(w.as(blue), &organizations.ListHandshakesForAccountInput{})).Handshakes[0]
	if *h.Parties[1].Type != "EMAIL" || *h.Parties[1].Id != "Mail3@example.com" {
		t.Errorf("the invited party is %s %s", *h.Parties[1].Type, *h.Parties[1].Id)
	}
	_, err := w.AcceptHandshake(w.as(manager), &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	refused(t, "accepting one's own invitation", err, "AccessDeniedException")
	_, err = w.CancelHandshake(w.as(blue), &organizations.CancelHandshakeInput{HandshakeId: h.Id})
	refused(t, "canceling another's invitation", err, "AccessDeniedException")
	must[*organizations.DeclineHandshakeOutput](t)(w.DeclineHandshake(w.as(blue), &organizations.DeclineHandshakeInput{HandshakeId: h.Id}))
	_, err = w.DeclineHandshake(w.as(blue), &organizations.DeclineHandshakeInput{HandshakeId: h.Id})
	refused(t, "declining twice", err, "HandshakeAlreadyInStateException")
	_, err = w.AcceptHandshake(w.as(blue), &organizations.AcceptHandshakeInput{HandshakeId: h.Id})
	refused(t, "accepting what was declined", err, "InvalidHandshakeTransitionException")
	canceled := w.invite(blue)
	must[*organizations.CancelHandshakeOutput](t)(w.CancelHandshake(w.as(manager), &organizations.CancelHandshakeInput{HandshakeId: &canceled}))
	_, err = w.AcceptHandshake(w.as(blue), &organizations.AcceptHandshakeInput{HandshakeId: &canceled})
	refused(t, "accepting what was canceled", err, "InvalidHandshakeTransitionException")
	expired := w.invite(blue)
	w.now = w.now.Add(15 * 24 * time.Hour)
	_, err = w.AcceptHandshake(w.as(blue), &organizations.AcceptHandshakeInput{HandshakeId: &expired})
	refused(t, "accepting what has expired", err, "InvalidHandshakeTransitionException")
	if got := must[*organizations.DescribeHandshakeOutput](t)(w.DescribeHandshake(w.as(blue), &organizations.DescribeHandshakeInput{HandshakeId: &expired})).Handshake; *got.State != "EXPIRED" {
		t.Errorf("after 15 days the handshake is %s", *got.State)
	}
	w.join(blue) // there is no open one left in the way
	elsewhere := w.invite(green)
	must[*organizations.CreateOrganizationOutput](t)(w.CreateOrganization(w.as(green), &organizations.CreateOrganizationInput{}))
	_, err = w.AcceptHandshake(w.as(green), &organizations.AcceptHandshakeInput{HandshakeId: &elsewhere})
	refused(t, "joining a second organization", err, "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION")
	w.now = w.now.Add(60 * 24 * time.Hour)
	if left := must[*organizations.ListHandshakesForAccountOutput](t)(w.ListHandshakesForAccount(w.as(blue), &organizations.ListHandshakesForAccountInput{})).Handshakes; len(left) != 0 {
		t.Errorf("after two months %d handshakes are listed", len(left))
	}
}

func TestCreateAccount(t *testing.T) {
	w := newWorld(t)
	w.organization()
	create := func(email string) *organizations.CreateAccountStatus {
		t.Helper()
		return must[*organizations.CreateAccountOutput](t)(w.CreateAccount(w.as(manager), &organizations.CreateAccountInput{AccountName: new("dev"), Email: &email})).CreateAccountStatus
	}
	first := create("dev@example.com")
	got := must[*organizations.DescribeCreateAccountStatusOutput](t)(w.DescribeCreateAccountStatus(w.as(manager), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: first.Id})).CreateAccountStatus
	if *got.State != "SUCCEEDED" || got.AccountId == nil {
		t.Fatalf("the account is %s", *got.State)
	}
	role, ok := state.Roles.Get(w.view.Snapshot(), *got.AccountId+"/OrganizationAccountAccessRole")
	if !ok || !strings.Contains(role.Trust, manager) || !slices.Equal(role.Attached, []string{"arn:aws:iam::aws:policy/AdministratorAccess"}) {
		t.Errorf("the role of the new account is %+v", role)
	}
	if again := create("DEV@example.com"); *again.State != "FAILED" || *again.FailureReason != "EMAIL_ALREADY_EXISTS" || again.AccountId != nil {
		t.Errorf("an address that is taken: %s", *again.State)
	}
	failed := must[*organizations.ListCreateAccountStatusOutput](t)(w.ListCreateAccountStatus(w.as(manager), &organizations.ListCreateAccountStatusInput{States: []string{"FAILED"}})).CreateAccountStatuses
	if len(failed) != 1 {
		t.Errorf("%d creations failed", len(failed))
	}
	_, err := w.DescribeCreateAccountStatus(w.as(manager), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: new("car-none")})
	refused(t, "a request that was never made", err, "CreateAccountStatusNotFoundException")
	closing := &organizations.CloseAccountInput{AccountId: got.AccountId}
	must[*organizations.CloseAccountOutput](t)(w.CloseAccount(w.as(manager), closing))
	_, err = w.CloseAccount(w.as(manager), closing)
	refused(t, "closing twice", err, "AccountAlreadyClosedException")
	_, err = w.CloseAccount(w.as(manager), &organizations.CloseAccountInput{AccountId: new(manager)})
	refused(t, "closing the management account", err, "ConstraintViolationException/CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
	if a := must[*organizations.DescribeAccountOutput](t)(w.DescribeAccount(w.as(manager), &organizations.DescribeAccountInput{AccountId: got.AccountId})).Account; *a.Status != "SUSPENDED" {
		t.Errorf("a closed account is %s", *a.Status)
	}
	_, err = w.DescribeAccount(w.as(manager), &organizations.DescribeAccountInput{AccountId: new(blue)})
	refused(t, "an account outside", err, "AccountNotFoundException")
}

func TestLeaving(t *testing.T) {
	w := newWorld(t)
	w.organization()
	w.join(blue, green)
	_, err := w.LeaveOrganization(w.as(manager), nil)
	refused(t, "the management account", err, "MasterCannotLeaveOrganizationException")
	_, err = w.DeleteOrganization(w.as(manager), nil)
	refused(t, "an organization with members", err, "OrganizationNotEmptyException")
	must[*organizations.LeaveOrganizationOutput](t)(w.LeaveOrganization(w.as(blue), nil))
	_, err = w.LeaveOrganization(w.as(blue), nil)
	refused(t, "leaving twice", err, "AWSOrganizationsNotInUseException")
	remove := &organizations.RemoveAccountFromOrganizationInput{AccountId: new(green)}
	must[*organizations.EnableAWSServiceAccessOutput](t)(w.EnableAWSServiceAccess(w.as(manager), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: new("ram.amazonaws.com")}))
	must[*organizations.RegisterDelegatedAdministratorOutput](t)(w.RegisterDelegatedAdministrator(w.as(manager), &organizations.RegisterDelegatedAdministratorInput{AccountId: new(green), ServicePrincipal: new("ram.amazonaws.com")}))
	_, err = w.RemoveAccountFromOrganization(w.as(manager), remove)
	refused(t, "a delegated administrator", err, "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
	if got := must[*organizations.ListAccountsOutput](t)(w.ListAccounts(w.as(green), &organizations.ListAccountsInput{})).Accounts; len(got) != 2 {
		t.Errorf("a delegated administrator sees %d accounts", len(got))
	}
	must[*organizations.DeregisterDelegatedAdministratorOutput](t)(w.DeregisterDelegatedAdministrator(w.as(manager), &organizations.DeregisterDelegatedAdministratorInput{AccountId: new(green), ServicePrincipal: new("ram.amazonaws.com")}))
	must[*organizations.RemoveAccountFromOrganizationOutput](t)(w.RemoveAccountFromOrganization(w.as(manager), remove))
	open := w.invite(shared)
	must[*organizations.DeleteOrganizationOutput](t)(w.DeleteOrganization(w.as(manager), nil))
	_, err = w.AcceptHandshake(w.as(shared), &organizations.AcceptHandshakeInput{HandshakeId: &open})
	refused(t, "an invitation of an organization that is gone", err, "InvalidHandshakeTransitionException")
	w.organization()
}

func TestUnits(t *testing.T) {
	w := newWorld(t)
	w.organization()
	w.join(blue)
	ctx, root := w.as(manager), w.root()
	prod := w.unit(root, "prod")
	_, err := w.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &root, Name: new("prod")})
	refused(t, "a name that is taken", err, "DuplicateOrganizationalUnitException")
	_, err = w.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: new("ou-0000-none"), Name: new("x")})
	refused(t, "a parent that is none", err, "ParentNotFoundException")
	deep := prod
	for i := range 4 {
		deep = w.unit(deep, fmt.Sprint("level", i))
	}
	_, err = w.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &deep, Name: new("x")})
	refused(t, "a sixth level", err, "ConstraintViolationException/OU_DEPTH_LIMIT_EXCEEDED")
	move := func(from, to string) error {
		_, err := w.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: new(blue), SourceParentId: &from, DestinationParentId: &to})
		return err
	}
	refused(t, "a move from elsewhere", move(prod, deep), "SourceParentNotFoundException")
	refused(t, "a move to nowhere", move(root, "ou-0000-none"), "DestinationParentNotFoundException")
	refused(t, "a move to where it is", move(root, root), "DuplicateAccountException")
	if err := move(root, prod); err != nil {
		t.Fatal(err)
	}
	children := must[*organizations.ListChildrenOutput](t)(w.ListChildren(ctx, &organizations.ListChildrenInput{ParentId: &prod, ChildType: new("ACCOUNT")})).Children
	units := must[*organizations.ListOrganizationalUnitsForParentOutput](t)(w.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &prod})).OrganizationalUnits
	inRoot := must[*organizations.ListAccountsForParentOutput](t)(w.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &root})).Accounts
	parents := must[*organizations.ListParentsOutput](t)(w.ListParents(ctx, &organizations.ListParentsInput{ChildId: new(blue)})).Parents
	if len(children) != 1 || *children[0].Id != blue || len(units) != 1 || len(inRoot) != 1 || *parents[0].Id != prod || *parents[0].Type != "ORGANIZATIONAL_UNIT" {
		t.Errorf("children %v, units %v, in the root %v, parents %v", children, units, inRoot, parents)
	}
	if got := must[*organizations.ListParentsOutput](t)(w.ListParents(ctx, &organizations.ListParentsInput{ChildId: &prod})).Parents; *got[0].Type != "ROOT" {
		t.Errorf("the unit's parent is a %s", *got[0].Type)
	}
	_, err = w.ListParents(ctx, &organizations.ListParentsInput{ChildId: new(green)})
	refused(t, "the parent of an account outside", err, "ChildNotFoundException")
	_, err = w.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &prod})
	refused(t, "a unit with children", err, "OrganizationalUnitNotEmptyException")
	must[*organizations.DeleteOrganizationalUnitOutput](t)(w.DeleteOrganizationalUnit(ctx, &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &deep}))
	_, err = w.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &deep})
	refused(t, "a unit that is gone", err, "OrganizationalUnitNotFoundException")
	other := w.unit(root, "other")
	_, err = w.UpdateOrganizationalUnit(ctx, &organizations.UpdateOrganizationalUnitInput{OrganizationalUnitId: &other, Name: new("prod")})
	refused(t, "renaming to a name that is taken", err, "DuplicateOrganizationalUnitException")
	if got := must[*organizations.UpdateOrganizationalUnitOutput](t)(w.UpdateOrganizationalUnit(ctx, &organizations.UpdateOrganizationalUnitInput{OrganizationalUnitId: &other, Name: new("test")})); *got.OrganizationalUnit.Name != "test" {
		t.Errorf("the unit is named %s", *got.OrganizationalUnit.Name)
	}
}

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	w.organization()
	w.join(blue)
	ctx, root := w.as(manager), w.root()
	scp := "SERVICE_CONTROL_POLICY"
	create := func(name, content string) (string, error) {
		out, err := w.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: &name, Content: &content, Type: &scp, Description: new("d")})
		if err != nil {
			return "", err
		}
		return *out.Policy.PolicySummary.Id, nil
	}
	attach := func(policy, target string) error {
		_, err := w.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: &policy, TargetId: &target})
		return err
	}
	detach := func(policy, target string) error {
		_, err := w.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &target})
		return err
	}
	_, err := create("bad", `{}`)
	refused(t, "a policy that is none", err, "MalformedPolicyDocumentException")
	_, err = create("long", allowAll+strings.Repeat(" ", 5120))
	refused(t, "a policy that is too long", err, "ConstraintViolationException/POLICY_CONTENT_LIMIT_EXCEEDED")
	id, err := create("guard", strings.Replace(allowAll, "Allow", "Deny", 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = create("guard", allowAll)
	refused(t, "a name that is taken", err, "DuplicatePolicyException")
	refused(t, "attaching while the type is off", attach(id, blue), "PolicyTypeNotEnabledException")
	_, err = w.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: new("t"), Content: new(allowAll), Type: new("TAG_POLICY")})
	refused(t, "another type", err, "PolicyTypeNotAvailableForOrganizationException")
	_, err = w.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: new("r-none"), PolicyType: &scp})
	refused(t, "another root", err, "RootNotFoundException")
	enable := &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: &scp}
	if got := must[*organizations.EnablePolicyTypeOutput](t)(w.EnablePolicyType(ctx, enable)).Root; len(got.PolicyTypes) != 1 || *got.PolicyTypes[0].Status != "ENABLED" {
		t.Errorf("the root's policy types are %v", got.PolicyTypes)
	}
	_, err = w.EnablePolicyType(ctx, enable)
	refused(t, "enabling twice", err, "PolicyTypeAlreadyEnabledException")
	unit := w.unit(root, "u")
	w.join(green) // who comes later gets FullAWSAccess as well
	for _, target := range []string{root, unit, manager, blue, green} {
		got := must[*organizations.ListPoliciesForTargetOutput](t)(w.ListPoliciesForTarget(ctx, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: &scp})).Policies
		if len(got) != 1 || *got[0].Name != "FullAWSAccess" || !*got[0].AwsManaged || *got[0].Arn != "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess" {
			t.Errorf("%s has the policies %v", target, got)
		}
	}
	if err := attach(id, blue); err != nil {
		t.Fatal(err)
	}
	refused(t, "attaching twice", attach(id, blue), "DuplicatePolicyAttachmentException")
	refused(t, "attaching to nothing", attach(id, shared), "TargetNotFoundException")
	refused(t, "attaching nothing", attach("p-none", blue), "PolicyNotFoundException")
	if levels := state.ServiceControl(w.view.Snapshot(), blue); len(levels) != 2 || len(levels[0]) != 1 || len(levels[1]) != 2 {
		t.Errorf("what bears on the account is %v", levels)
	}
	if levels := state.ServiceControl(w.view.Snapshot(), manager); levels != nil {
		t.Errorf("policies bear on the management account: %v", levels)
	}
	if got := must[*organizations.ListTargetsForPolicyOutput](t)(w.ListTargetsForPolicy(ctx, &organizations.ListTargetsForPolicyInput{PolicyId: &id})).Targets; len(got) != 1 || *got[0].Type != "ACCOUNT" || *got[0].Name != "n3" {
		t.Errorf("the policy's targets are %v", got)
	}
	_, err = w.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id})
	refused(t, "deleting an attached policy", err, "PolicyInUseException")
	_, err = w.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: new("p-FullAWSAccess")})
	refused(t, "deleting AWS's policy", err, "InvalidInputException/IMMUTABLE_POLICY")
	_, err = w.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Content: new("[]")})
	refused(t, "updating to what is no policy", err, "MalformedPolicyDocumentException")
	updated := must[*organizations.UpdatePolicyOutput](t)(w.UpdatePolicy(ctx, &organizations.UpdatePolicyInput{PolicyId: &id, Name: new("guard2"), Content: new(allowAll)})).Policy
	if described := must[*organizations.DescribePolicyOutput](t)(w.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})).Policy; *updated.PolicySummary.Name != "guard2" || *described.Content != allowAll {
		t.Errorf("the updated policy is %s: %s", *described.PolicySummary.Name, *described.Content)
	}
	refused(t, "detaching what is not attached", detach(id, green), "PolicyNotAttachedException")
	if err := detach("p-FullAWSAccess", blue); err != nil {
		t.Fatal(err)
	}
	refused(t, "detaching the last", detach(id, blue), "ConstraintViolationException/MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
	for i := range 5 {
		more, err := create(fmt.Sprint("more", i), allowAll)
		if err != nil {
			t.Fatal(err)
		}
		if err := attach(more, unit); i < 4 && err != nil {
			t.Fatal(err)
		} else if i == 4 {
			refused(t, "a sixth policy", err, "ConstraintViolationException/MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
		}
	}
	must[*organizations.DisablePolicyTypeOutput](t)(w.DisablePolicyType(ctx, &organizations.DisablePolicyTypeInput{RootId: &root, PolicyType: &scp}))
	if levels := state.ServiceControl(w.view.Snapshot(), blue); levels != nil {
		t.Errorf("with the type off there bear on the account %v", levels)
	}
	must[*organizations.DeletePolicyOutput](t)(w.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: &id}))
}

func TestTagsAndPages(t *testing.T) {
	w := newWorld(t)
	w.organization()
	w.join(blue, green)
	ctx, root := w.as(manager), w.root()
	for _, id := range []string{root, blue, w.unit(root, "u")} {
		must[*organizations.TagResourceOutput](t)(w.TagResource(ctx, &organizations.TagResourceInput{ResourceId: &id, Tags: []organizations.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
		must[*organizations.UntagResourceOutput](t)(w.UntagResource(ctx, &organizations.UntagResourceInput{ResourceId: &id, TagKeys: []string{"a"}}))
		if got := must[*organizations.ListTagsForResourceOutput](t)(w.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &id})).Tags; len(got) != 1 || *got[0].Key != "b" {
			t.Errorf("the tags of %s are %v", id, got)
		}
	}
	_, err := w.TagResource(ctx, &organizations.TagResourceInput{ResourceId: new(shared)})
	refused(t, "tags of an account outside", err, "TargetNotFoundException")
	var seen []string
	var token *string
	for {
		out := must[*organizations.ListAccountsOutput](t)(w.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: new(int32(1)), NextToken: token}))
		for _, a := range out.Accounts {
			seen = append(seen, *a.Id)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if !slices.Equal(seen, []string{manager, blue, green}) {
		t.Errorf("page by page the accounts are %v", seen)
	}
	_, err = w.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: new("junk")})
	refused(t, "a token that is none", err, "InvalidInputException")
}

func TestConventionalAccounts(t *testing.T) {
	w := newWorld(t)
	unheard := w.as("000000000000")
	o := must[*organizations.CreateOrganizationOutput](t)(w.CreateOrganization(unheard, &organizations.CreateOrganizationInput{})).Organization
	if *o.MasterAccountId != "000000000000" {
		t.Errorf("the organization is managed by %s", *o.MasterAccountId)
	}
}
