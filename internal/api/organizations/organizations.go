// Package organizations answers the AWS Organizations API: the organization, its accounts, units, invitations and service
// control policies, whose state it writes. What policies allow is decided by package access.
package organizations

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"trellis/internal/api/page"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// API implements the operations.
type API struct {
	view *state.View
	now  func() time.Time
}

// New returns the API over the view.
func New(view *state.View, now func() time.Time) *API { return &API{view, now} }

func (a *API) time() time.Time { return a.now().UTC().Truncate(time.Millisecond) }

// membership returns the organization of the caller.
func membership(ctx context.Context, r state.Reader) (*identity.Organization, error) {
	o, ok := state.OrganizationOf(r, caller.From(ctx).Account)
	if !ok {
		return nil, fault.New(fault.NotFound, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	}
	return o, nil
}

// management returns the organization that the caller manages.
func management(ctx context.Context, r state.Reader) (*identity.Organization, error) {
	o, err := membership(ctx, r)
	if err == nil && o.Management != caller.From(ctx).Account {
		return nil, fault.New(fault.Denied, "AccessDeniedException", "You don't have permissions to access this resource.")
	}
	return o, err
}

// oversight returns the organization that the caller manages, or administers for a service and so may look at.
func oversight(ctx context.Context, r state.Reader) (*identity.Organization, error) {
	o, err := membership(ctx, r)
	if err != nil {
		return nil, err
	}
	if a, ok := state.Accounts.Get(r, caller.From(ctx).Account); ok && len(a.Delegated) > 0 {
		return o, nil
	}
	return management(ctx, r)
}

// account returns an account, which with the keys of local convention may have no row yet.
func account(r state.Reader, id string, now time.Time) *identity.Account {
	if a, ok := state.Accounts.Get(r, id); ok {
		return a
	}
	return &identity.Account{ID: id, Name: id, Email: id + "@accounts.invalid", Created: now}
}

// CreateOrganization makes the caller's account the management account of a new organization.
func (a *API) CreateOrganization(ctx context.Context, in *organizations.CreateOrganizationInput) (*organizations.CreateOrganizationOutput, error) {
	now := a.time()
	features := text(in.FeatureSet)
	if features == "" {
		features = identity.AllFeatures
	}
	var out *organizations.Organization
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		manager := account(tx, caller.From(ctx).Account, now)
		if manager.Organization != "" {
			return fault.New(fault.Exists, "AlreadyInOrganizationException", "The provided account is already a member of an organization.")
		}
		o := identity.NewOrganization(manager.ID, features, now)
		manager.Join(o, identity.Invited, now)
		full := iam.FullAWSAccess()
		state.Organizations.Put(tx, o)
		state.Accounts.Put(tx, manager)
		state.OrganizationPolicies.Put(tx, &identity.OrganizationPolicy{ID: full.ID, Organization: o.ID, Name: full.Name, Description: full.Description,
			Content: full.Document, AWSManaged: true})
		out = organization(tx, o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationOutput{Organization: out}, nil
}

func organization(r state.Reader, o *identity.Organization) *organizations.Organization {
	out := &organizations.Organization{Id: &o.ID, Arn: new(o.ARN()), FeatureSet: &o.FeatureSet, MasterAccountId: &o.Management,
		MasterAccountArn: new(o.AccountARN(o.Management))}
	if m, ok := state.Accounts.Get(r, o.Management); ok {
		out.MasterAccountEmail = &m.Email
	}
	if o.FeatureSet == identity.AllFeatures {
		out.AvailablePolicyTypes = []organizations.PolicyTypeSummary{{Type: new(identity.ServiceControl), Status: new("ENABLED")}}
	}
	return out
}

// DescribeOrganization returns the caller's organization.
func (a *API) DescribeOrganization(ctx context.Context, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	s := a.view.Snapshot()
	o, err := membership(ctx, s)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeOrganizationOutput{Organization: organization(s, o)}, nil
}

// DeleteOrganization ends an organization that has nothing left in it.
func (a *API) DeleteOrganization(ctx context.Context, _ *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		empty := true
		for m := range state.Accounts.By(tx, state.ByOrganization, o.ID) {
			empty = empty && m.ID == o.Management
		}
		for range state.Units.By(tx, state.ByOrganization, o.ID) {
			empty = false
		}
		for p := range state.OrganizationPolicies.By(tx, state.ByOrganization, o.ID) {
			empty = empty && p.AWSManaged
			state.OrganizationPolicies.Delete(tx, o.ID+"/"+p.ID)
		}
		if !empty {
			return fault.New(fault.InUse, "OrganizationNotEmptyException",
				"The organization isn't empty. To delete an organization, you must first remove all accounts except the management account, delete all OUs, and delete all policies.")
		}
		now := a.time()
		for h := range state.Handshakes.By(tx, state.ByOrganization, o.ID) {
			if h.StateAt(now) == identity.HandshakeOpen {
				row := *h
				row.State = identity.HandshakeCanceled
				state.Handshakes.Put(tx, &row)
			}
		}
		for c := range state.Creations.By(tx, state.ByOrganization, o.ID) {
			state.Creations.Delete(tx, c.ID)
		}
		manager, ok := state.Accounts.Get(tx, o.Management)
		if ok {
			manager.Leave()
			state.Accounts.Put(tx, manager)
		}
		state.Organizations.Delete(tx, o.ID)
		return nil
	})
}

// ListRoots returns the organization's one root.
func (a *API) ListRoots(ctx context.Context, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	o, err := oversight(ctx, a.view.Snapshot())
	if err != nil {
		return nil, err
	}
	roots, token, err := cut([]organizations.Root{*root(o)}, func(r organizations.Root) string { return *r.Id }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListRootsOutput{Roots: roots, NextToken: token}, nil
}

func root(o *identity.Organization) *organizations.Root {
	out := &organizations.Root{Id: &o.Root, Arn: new(o.RootARN()), Name: new("Root"), PolicyTypes: []organizations.PolicyTypeSummary{}}
	for _, t := range o.PolicyTypes {
		out.PolicyTypes = append(out.PolicyTypes, organizations.PolicyTypeSummary{Type: &t, Status: new("ENABLED")})
	}
	return out
}

// EnableAWSServiceAccess lets a service work across the organization's accounts.
func (a *API) EnableAWSServiceAccess(ctx context.Context, in *organizations.EnableAWSServiceAccessInput) (*organizations.EnableAWSServiceAccessOutput, error) {
	return nil, a.trust(ctx, text(in.ServicePrincipal), true)
}

// DisableAWSServiceAccess takes that back.
func (a *API) DisableAWSServiceAccess(ctx context.Context, in *organizations.DisableAWSServiceAccessInput) (*organizations.DisableAWSServiceAccessOutput, error) {
	return nil, a.trust(ctx, text(in.ServicePrincipal), false)
}

func (a *API) trust(ctx context.Context, service string, on bool) error {
	return a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(service, ".amazonaws.com") {
			return invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
		}
		o.TrustedServices = maps.Clone(o.TrustedServices)
		if !on {
			delete(o.TrustedServices, service)
			if service == "ram.amazonaws.com" {
				o.RAMSharing = false
			}
		} else {
			if o.FeatureSet != identity.AllFeatures {
				return constraint("ORGANIZATION_NOT_IN_ALL_FEATURES_MODE", "The organization must have all features enabled.")
			}
			if o.TrustedServices == nil {
				o.TrustedServices = map[string]time.Time{}
			}
			if _, ok := o.TrustedServices[service]; !ok {
				o.TrustedServices[service] = a.time()
			}
		}
		state.Organizations.Put(tx, o)
		return nil
	})
}

// ListAWSServiceAccessForOrganization lists the services that may work across the accounts.
func (a *API) ListAWSServiceAccessForOrganization(ctx context.Context, in *organizations.ListAWSServiceAccessForOrganizationInput) (*organizations.ListAWSServiceAccessForOrganizationOutput, error) {
	o, err := oversight(ctx, a.view.Snapshot())
	if err != nil {
		return nil, err
	}
	all := []organizations.EnabledServicePrincipal{}
	for service, since := range o.TrustedServices {
		all = append(all, organizations.EnabledServicePrincipal{ServicePrincipal: &service, DateEnabled: &since})
	}
	some, token, err := cut(all, func(p organizations.EnabledServicePrincipal) string { return *p.ServicePrincipal }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListAWSServiceAccessForOrganizationOutput{EnabledServicePrincipals: some, NextToken: token}, nil
}

// cut returns a page of items in order of their keys.
func cut[T any](items []T, key func(T) string, limit *int32, token *string) ([]T, *string, error) {
	slices.SortFunc(items, func(x, y T) int { return strings.Compare(key(x), key(y)) })
	most := 20
	if limit != nil {
		most = int(*limit)
	}
	some, next, err := page.Cut(slices.Values(items), key, most, text(token), "InvalidInputException")
	if err != nil || next == "" {
		return some, nil, err
	}
	return some, &next, nil
}

func invalid(reason, message string) error {
	return &fault.Error{Kind: fault.Invalid, Code: "InvalidInputException", Reason: reason, Message: message}
}

func constraint(reason, message string) error {
	return &fault.Error{Kind: fault.Conflict, Code: "ConstraintViolationException", Reason: reason, Message: message}
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
