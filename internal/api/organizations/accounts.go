package organizations

import (
	"context"
	"maps"
	"slices"
	"time"

	"trellis/internal/arn"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
)

const (
	accessRole    = "OrganizationAccountAccessRole"
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// CreateAccount makes a member account, with a role that the management account may assume. It is there when the call
// returns.
func (a *API) CreateAccount(ctx context.Context, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	now := a.time()
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	roleName := text(in.RoleName)
	if roleName == "" {
		roleName = accessRole
	}
	var done *identity.Creation
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		done = &identity.Creation{ID: "car-" + arn.Random(32), Organization: o.ID, AccountName: text(in.AccountName), State: "SUCCEEDED", Requested: now, Completed: now}
		defer state.Creations.Put(tx, done)
		for range state.Accounts.By(tx, state.ByEmail, identity.Address(text(in.Email))) {
			done.State, done.FailureReason = "FAILED", "EMAIL_ALREADY_EXISTS"
			return nil
		}
		member := &identity.Account{ID: arn.RandomDigits(12), Name: text(in.AccountName), Email: text(in.Email), Created: now, Tags: tags}
		if _, taken := state.Accounts.Get(tx, member.ID); taken {
			done.State, done.FailureReason = "FAILED", "INTERNAL_FAILURE"
			return nil
		}
		member.Join(o, identity.Created, now)
		done.Account = member.ID
		role := identity.NewRole(member.ID, "/", roleName, trustOf(o.Management), now)
		role.Attached = []string{administrator}
		state.Accounts.Put(tx, member)
		state.Roles.Put(tx, role)
		attachDefault(tx, o, member.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateAccountOutput{CreateAccountStatus: creation(done)}, nil
}

// trustOf is the trust policy that leaves a role to an account.
func trustOf(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"sts:AssumeRole"}]}`
}

func creation(c *identity.Creation) *organizations.CreateAccountStatus {
	out := &organizations.CreateAccountStatus{Id: &c.ID, AccountName: &c.AccountName, State: &c.State, RequestedTimestamp: &c.Requested, CompletedTimestamp: &c.Completed}
	if c.Account != "" {
		out.AccountId = &c.Account
	}
	if c.FailureReason != "" {
		out.FailureReason = &c.FailureReason
	}
	return out
}

// DescribeCreateAccountStatus says what became of a CreateAccount.
func (a *API) DescribeCreateAccountStatus(ctx context.Context, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	c, ok := state.Creations.Get(s, text(in.CreateAccountRequestId))
	if !ok || c.Organization != o.ID {
		return nil, fault.New(fault.NotFound, "CreateAccountStatusNotFoundException", "You specified a create account request that doesn't exist.")
	}
	return &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: creation(c)}, nil
}

// ListCreateAccountStatus lists what became of every CreateAccount.
func (a *API) ListCreateAccountStatus(ctx context.Context, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []organizations.CreateAccountStatus{}
	for c := range state.Creations.By(s, state.ByOrganization, o.ID) {
		if len(in.States) == 0 || slices.Contains(in.States, c.State) {
			all = append(all, *creation(c))
		}
	}
	some, token, err := cut(all, func(c organizations.CreateAccountStatus) string { return *c.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListCreateAccountStatusOutput{CreateAccountStatuses: some, NextToken: token}, nil
}

func status(a *identity.Account) string {
	if a.Closed {
		return "SUSPENDED"
	}
	return "ACTIVE"
}

func member(o *identity.Organization, a *identity.Account) organizations.Account {
	return organizations.Account{Id: &a.ID, Arn: new(o.AccountARN(a.ID)), Email: &a.Email, Name: &a.Name, Status: new(status(a)), State: new(status(a)),
		JoinedMethod: &a.JoinedMethod, JoinedTimestamp: &a.Joined}
}

var errNoAccount = fault.New(fault.NotFound, "AccountNotFoundException", "You specified an account that doesn't exist.")

// memberAccount returns an account of the organization.
func memberAccount(r state.Reader, o *identity.Organization, id string) (*identity.Account, error) {
	m, ok := state.Accounts.Get(r, id)
	if !ok || m.Organization != o.ID {
		return nil, errNoAccount
	}
	return m, nil
}

// DescribeAccount returns a member account.
func (a *API) DescribeAccount(ctx context.Context, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	m, err := memberAccount(s, o, text(in.AccountId))
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeAccountOutput{Account: new(member(o, m))}, nil
}

// ListAccounts lists the member accounts.
func (a *API) ListAccounts(ctx context.Context, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []organizations.Account{}
	for m := range state.Accounts.By(s, state.ByOrganization, o.ID) {
		all = append(all, member(o, m))
	}
	some, token, err := cut(all, func(m organizations.Account) string { return *m.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListAccountsOutput{Accounts: some, NextToken: token}, nil
}

// RemoveAccountFromOrganization makes a member account stand alone.
func (a *API) RemoveAccountFromOrganization(ctx context.Context, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		return depart(tx, o, text(in.AccountId))
	})
}

// LeaveOrganization makes the caller's account stand alone.
func (a *API) LeaveOrganization(ctx context.Context, _ *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := membership(ctx, tx)
		if err != nil {
			return err
		}
		return depart(tx, o, caller.From(ctx).Account)
	})
}

// depart takes an account out of its organization.
func depart(tx *state.Tx, o *identity.Organization, id string) error {
	m, err := memberAccount(tx, o, id)
	switch {
	case err != nil:
		return err
	case id == o.Management:
		return fault.New(fault.Conflict, "MasterCannotLeaveOrganizationException",
			"You can't remove a management account from an organization. If you want the management account to become a member account in another organization, you must first delete the current organization of the management account.")
	case len(m.Delegated) > 0:
		return constraint("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG", "You can't remove an account that is a delegated administrator. Deregister it first.")
	case m.Closed:
		return constraint("ACCOUNT_CANNOT_LEAVE_ORGANIZATION", "An account that is closed can't leave the organization.")
	}
	detachAll(tx, o, id)
	m.Leave()
	state.Accounts.Put(tx, m)
	return nil
}

// CloseAccount suspends a member account: nobody can sign in to it any more.
func (a *API) CloseAccount(ctx context.Context, in *organizations.CloseAccountInput) (*organizations.CloseAccountOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		m, err := memberAccount(tx, o, text(in.AccountId))
		switch {
		case err != nil:
			return err
		case m.ID == o.Management:
			return constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account.")
		case m.Closed:
			return fault.New(fault.Conflict, "AccountAlreadyClosedException", "The account is already closed.")
		}
		m.Closed = true
		state.Accounts.Put(tx, m)
		return nil
	})
}

// MoveAccount moves an account from a root or unit to another.
func (a *API) MoveAccount(ctx context.Context, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		m, err := memberAccount(tx, o, text(in.AccountId))
		if err != nil {
			return err
		}
		source, destination := text(in.SourceParentId), text(in.DestinationParentId)
		switch {
		case !isParent(tx, o, source) || m.Parent != source && m.Parent != destination:
			return fault.New(fault.NotFound, "SourceParentNotFoundException", "You specified a source parent that doesn't exist or that doesn't contain the account.")
		case !isParent(tx, o, destination):
			return fault.New(fault.NotFound, "DestinationParentNotFoundException", "You specified a destination parent that doesn't exist.")
		case m.Parent == destination:
			return fault.New(fault.Exists, "DuplicateAccountException", "The account is already in the destination parent.")
		}
		m.Parent = destination
		state.Accounts.Put(tx, m)
		return nil
	})
}

// RegisterDelegatedAdministrator lets a member account administer a service for the organization.
func (a *API) RegisterDelegatedAdministrator(ctx context.Context, in *organizations.RegisterDelegatedAdministratorInput) (*organizations.RegisterDelegatedAdministratorOutput, error) {
	service := text(in.ServicePrincipal)
	return nil, a.delegate(ctx, text(in.AccountId), func(o *identity.Organization, m *identity.Account) error {
		_, registered := m.Delegated[service]
		_, trusted := o.TrustedServices[service]
		switch {
		case m.ID == o.Management:
			return constraint("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", "You can't register the management account as a delegated administrator.")
		case m.Closed:
			return constraint("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR", "You can't register a suspended account as a delegated administrator.")
		case registered:
			return fault.New(fault.Exists, "AccountAlreadyRegisteredException", "The account is already a delegated administrator for this service.")
		case !trusted:
			return constraint("SERVICE_ACCESS_NOT_ENABLED", "You must enable access for the service before you register a delegated administrator for it.")
		}
		if m.Delegated == nil {
			m.Delegated = map[string]time.Time{}
		}
		m.Delegated[service] = a.time()
		return nil
	})
}

// DeregisterDelegatedAdministrator takes that back.
func (a *API) DeregisterDelegatedAdministrator(ctx context.Context, in *organizations.DeregisterDelegatedAdministratorInput) (*organizations.DeregisterDelegatedAdministratorOutput, error) {
	service := text(in.ServicePrincipal)
	return nil, a.delegate(ctx, text(in.AccountId), func(_ *identity.Organization, m *identity.Account) error {
		if _, ok := m.Delegated[service]; !ok {
			return fault.New(fault.NotFound, "AccountNotRegisteredException", "The account is not a delegated administrator for this service.")
		}
		delete(m.Delegated, service)
		return nil
	})
}

// delegate changes for which services an account is a delegated administrator.
func (a *API) delegate(ctx context.Context, id string, change func(*identity.Organization, *identity.Account) error) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		m, err := memberAccount(tx, o, id)
		if err != nil {
			return err
		}
		m.Delegated = maps.Clone(m.Delegated)
		if err := change(o, m); err != nil {
			return err
		}
		state.Accounts.Put(tx, m)
		return nil
	})
}

// ListDelegatedAdministrators lists the accounts that administer a service, or any.
func (a *API) ListDelegatedAdministrators(ctx context.Context, in *organizations.ListDelegatedAdministratorsInput) (*organizations.ListDelegatedAdministratorsOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []organizations.DelegatedAdministrator{}
	for m := range state.Accounts.By(s, state.ByOrganization, o.ID) {
		since, ok := m.Delegated[text(in.ServicePrincipal)]
		if in.ServicePrincipal == nil {
			for _, t := range m.Delegated {
				if !ok || t.Before(since) {
					since, ok = t, true
				}
			}
		}
		if ok {
			v := member(o, m)
			all = append(all, organizations.DelegatedAdministrator{Id: v.Id, Arn: v.Arn, Email: v.Email, Name: v.Name, Status: v.Status, State: v.State,
				JoinedMethod: v.JoinedMethod, JoinedTimestamp: v.JoinedTimestamp, DelegationEnabledDate: &since})
		}
	}
	some, token, err := cut(all, func(d organizations.DelegatedAdministrator) string { return *d.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: some, NextToken: token}, nil
}

// ListDelegatedServicesForAccount lists the services that an account administers.
func (a *API) ListDelegatedServicesForAccount(ctx context.Context, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	m, err := memberAccount(s, o, text(in.AccountId))
	if err != nil {
		return nil, err
	}
	all := []organizations.DelegatedService{}
	for service, since := range m.Delegated {
		all = append(all, organizations.DelegatedService{ServicePrincipal: &service, DelegationEnabledDate: &since})
	}
	some, token, err := cut(all, func(d organizations.DelegatedService) string { return *d.ServicePrincipal }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListDelegatedServicesForAccountOutput{DelegatedServices: some, NextToken: token}, nil
}

// accountsOf lists the accounts directly under a parent.
func accountsOf(r state.Reader, o *identity.Organization, parent string) []organizations.Account {
	out := []organizations.Account{}
	for m := range state.Accounts.By(r, state.ByParent, o.ID+"/"+parent) {
		out = append(out, member(o, m))
	}
	return out
}
