package organizations

import (
	"context"
	"slices"
	"unicode/utf8"

	"trellis/internal/arn"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/fault"
	"trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// Quotas of service control policies.
const (
	maxContent  = 5120
	maxAttached = 5
)

var (
	errNoPolicy   = fault.New(fault.NotFound, "PolicyNotFoundException", "You specified a policy that doesn't exist.")
	errNoTarget   = fault.New(fault.NotFound, "TargetNotFoundException", "You specified a target that doesn't exist.")
	errPolicyName = fault.New(fault.Exists, "DuplicatePolicyException", "A policy with the same name already exists.")
)

// attachDefault gives a new root, unit or account the policy that every one starts with, while policies are enabled.
func attachDefault(tx *state.Tx, o *identity.Organization, targets ...string) {
	full, ok := state.OrganizationPolicies.Get(tx, o.ID+"/"+iam.FullAWSAccess().ID)
	if !ok || !slices.Contains(o.PolicyTypes, identity.ServiceControl) {
		return
	}
	full.Targets = append(slices.Clone(full.Targets), targets...)
	state.OrganizationPolicies.Put(tx, full)
}

// detachAll takes every policy off a unit or account that leaves.
func detachAll(tx *state.Tx, o *identity.Organization, target string) {
	for p := range state.AttachedTo(tx, o, target) {
		detach(tx, p, target)
	}
}

func detach(tx *state.Tx, p *identity.OrganizationPolicy, target string) {
	row := *p
	row.Targets = slices.DeleteFunc(slices.Clone(p.Targets), func(t string) bool { return t == target })
	state.OrganizationPolicies.Put(tx, &row)
}

func enabled(o *identity.Organization) bool {
	return slices.Contains(o.PolicyTypes, identity.ServiceControl)
}

// EnablePolicyType turns service control policies on. FullAWSAccess is then attached to everything.
func (a *API) EnablePolicyType(ctx context.Context, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	var out *organizations.Root
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := policyRoot(ctx, tx, text(in.RootId), text(in.PolicyType))
		if err != nil {
			return err
		}
		if enabled(o) {
			return fault.New(fault.Exists, "PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
		}
		o.PolicyTypes = append(slices.Clone(o.PolicyTypes), identity.ServiceControl)
		targets := []string{o.Root}
		for u := range state.Units.By(tx, state.ByOrganization, o.ID) {
			targets = append(targets, u.ID)
		}
		for m := range state.Accounts.By(tx, state.ByOrganization, o.ID) {
			targets = append(targets, m.ID)
		}
		attachDefault(tx, o, targets...)
		state.Organizations.Put(tx, o)
		out = root(o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.EnablePolicyTypeOutput{Root: out}, nil
}

// DisablePolicyType turns service control policies off and takes them off everything.
func (a *API) DisablePolicyType(ctx context.Context, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	var out *organizations.Root
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := policyRoot(ctx, tx, text(in.RootId), text(in.PolicyType))
		if err != nil {
			return err
		}
		if !enabled(o) {
			return errNotEnabled
		}
		o.PolicyTypes = slices.DeleteFunc(slices.Clone(o.PolicyTypes), func(t string) bool { return t == identity.ServiceControl })
		for p := range state.OrganizationPolicies.By(tx, state.ByOrganization, o.ID) {
			if len(p.Targets) > 0 {
				row := *p
				row.Targets = nil
				state.OrganizationPolicies.Put(tx, &row)
			}
		}
		state.Organizations.Put(tx, o)
		out = root(o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.DisablePolicyTypeOutput{Root: out}, nil
}

var errNotEnabled = fault.New(fault.Conflict, "PolicyTypeNotEnabledException", "The specified policy type isn't currently enabled in this root.")

func policyRoot(ctx context.Context, r state.Reader, rootID, kind string) (*identity.Organization, error) {
	o, err := management(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case rootID != o.Root:
		return nil, fault.New(fault.NotFound, "RootNotFoundException", "You specified a root that doesn't exist.")
	}
	return o, available(o, kind)
}

// available says whether there are policies of the type: service control policies, with all features.
func available(o *identity.Organization, kind string) error {
	if kind != identity.ServiceControl || o.FeatureSet != identity.AllFeatures {
		return fault.New(fault.Unsupported, "PolicyTypeNotAvailableForOrganizationException", "The policy type %s isn't available for this organization.", kind)
	}
	return nil
}

// content checks a policy's document.
func content(doc string) error {
	if utf8.RuneCountInString(doc) > maxContent {
		return constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size, 5120 characters.")
	}
	if _, err := iam.Parse(iam.Identity, doc); err != nil {
		return fault.New(fault.Invalid, "MalformedPolicyDocumentException", "The provided policy document does not meet the requirements of the specified policy type: %v", err)
	}
	return nil
}

func policyNameTaken(r state.Reader, o *identity.Organization, name, except string) bool {
	for p := range state.OrganizationPolicies.By(r, state.ByOrganization, o.ID) {
		if p.Name == name && p.ID != except {
			return true
		}
	}
	return false
}

func summary(o *identity.Organization, p *identity.OrganizationPolicy) *organizations.PolicySummary {
	return &organizations.PolicySummary{Id: &p.ID, Arn: new(p.ARN(o)), Name: &p.Name, Description: &p.Description, Type: new(identity.ServiceControl), AwsManaged: &p.AWSManaged}
}

func policy(o *identity.Organization, p *identity.OrganizationPolicy) *organizations.Policy {
	return &organizations.Policy{PolicySummary: summary(o, p), Content: &p.Content}
}

// CreatePolicy makes a service control policy, attached to nothing yet.
func (a *API) CreatePolicy(ctx context.Context, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	var out *organizations.Policy
	err = a.view.Update(ctx, func(tx *state.Tx) error {
		o, err := management(ctx, tx)
		if err != nil {
			return err
		}
		if err := available(o, text(in.Type)); err != nil {
			return err
		}
		if err := content(text(in.Content)); err != nil {
			return err
		}
		if policyNameTaken(tx, o, text(in.Name), "") {
			return errPolicyName
		}
		p := &identity.OrganizationPolicy{ID: "p-" + arn.Random(8), Organization: o.ID, Name: text(in.Name), Description: text(in.Description), Content: text(in.Content), Tags: tags}
		state.OrganizationPolicies.Put(tx, p)
		out = policy(o, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.CreatePolicyOutput{Policy: out}, nil
}

// DescribePolicy returns a policy with its content.
func (a *API) DescribePolicy(ctx context.Context, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	p, ok := state.OrganizationPolicies.Get(s, o.ID+"/"+text(in.PolicyId))
	if !ok {
		return nil, errNoPolicy
	}
	return &organizations.DescribePolicyOutput{Policy: policy(o, p)}, nil
}

// own returns a policy that the organization may change.
func own(ctx context.Context, tx *state.Tx, id string) (*identity.Organization, *identity.OrganizationPolicy, error) {
	o, err := management(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	p, ok := state.OrganizationPolicies.Get(tx, o.ID+"/"+id)
	switch {
	case !ok:
		return nil, nil, errNoPolicy
	case p.AWSManaged:
		return nil, nil, invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
	}
	return o, p, nil
}

// UpdatePolicy changes a policy, wherever it is attached.
func (a *API) UpdatePolicy(ctx context.Context, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	var out *organizations.Policy
	err := a.view.Update(ctx, func(tx *state.Tx) error {
		o, p, err := own(ctx, tx, text(in.PolicyId))
		if err != nil {
			return err
		}
		if in.Content != nil {
			if err := content(*in.Content); err != nil {
				return err
			}
			p.Content = *in.Content
		}
		if in.Name != nil {
			if policyNameTaken(tx, o, *in.Name, p.ID) {
				return errPolicyName
			}
			p.Name = *in.Name
		}
		if in.Description != nil {
			p.Description = *in.Description
		}
		state.OrganizationPolicies.Put(tx, p)
		out = policy(o, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &organizations.UpdatePolicyOutput{Policy: out}, nil
}

// DeletePolicy removes a policy that is attached to nothing.
func (a *API) DeletePolicy(ctx context.Context, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		o, p, err := own(ctx, tx, text(in.PolicyId))
		if err != nil {
			return err
		}
		if len(p.Targets) > 0 {
			return fault.New(fault.InUse, "PolicyInUseException", "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")
		}
		state.OrganizationPolicies.Delete(tx, o.ID+"/"+p.ID)
		return nil
	})
}

// targetOf describes a root, unit or account, and fails if there is none with the id.
func targetOf(r state.Reader, o *identity.Organization, id string) (*organizations.PolicyTargetSummary, bool) {
	if id == o.Root {
		return &organizations.PolicyTargetSummary{TargetId: &id, Arn: new(o.RootARN()), Name: new("Root"), Type: new(rootKind)}, true
	}
	if u, ok := state.Units.Get(r, o.ID+"/"+id); ok {
		return &organizations.PolicyTargetSummary{TargetId: &id, Arn: new(o.UnitARN(id)), Name: &u.Name, Type: new(unitKind)}, true
	}
	if m, err := memberAccount(r, o, id); err == nil {
		return &organizations.PolicyTargetSummary{TargetId: &id, Arn: new(o.AccountARN(id)), Name: &m.Name, Type: new(accountKind)}, true
	}
	return nil, false
}

// attachment checks what AttachPolicy and DetachPolicy name, and counts the target's policies.
func attachment(ctx context.Context, tx *state.Tx, policyID, target string) (*identity.OrganizationPolicy, int, error) {
	o, err := management(ctx, tx)
	if err != nil {
		return nil, 0, err
	}
	p, ok := state.OrganizationPolicies.Get(tx, o.ID+"/"+policyID)
	if !ok {
		return nil, 0, errNoPolicy
	}
	if _, ok := targetOf(tx, o, target); !ok {
		return nil, 0, errNoTarget
	}
	if !enabled(o) {
		return nil, 0, errNotEnabled
	}
	n := 0
	for range state.AttachedTo(tx, o, target) {
		n++
	}
	return p, n, nil
}

// AttachPolicy lets a policy bear on a root, unit or account and all below it.
func (a *API) AttachPolicy(ctx context.Context, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	target := text(in.TargetId)
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		p, n, err := attachment(ctx, tx, text(in.PolicyId), target)
		switch {
		case err != nil:
			return err
		case slices.Contains(p.Targets, target):
			return fault.New(fault.Exists, "DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")
		case n >= maxAttached:
			return constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You have attached the maximum number of policies, 5, to this target.")
		}
		p.Targets = append(slices.Clone(p.Targets), target)
		state.OrganizationPolicies.Put(tx, p)
		return nil
	})
}

// DetachPolicy takes a policy off; the last one stays.
func (a *API) DetachPolicy(ctx context.Context, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	target := text(in.TargetId)
	return nil, a.view.Update(ctx, func(tx *state.Tx) error {
		p, n, err := attachment(ctx, tx, text(in.PolicyId), target)
		switch {
		case err != nil:
			return err
		case !slices.Contains(p.Targets, target):
			return fault.New(fault.NotFound, "PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")
		case n == 1:
			return constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You can't remove the last policy: every root, OU and account must have at least one.")
		}
		detach(tx, p, target)
		return nil
	})
}

func byPolicyID(p organizations.PolicySummary) string { return *p.Id }

// ListPolicies lists the organization's policies of a type.
func (a *API) ListPolicies(ctx context.Context, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []organizations.PolicySummary{}
	for p := range state.OrganizationPolicies.By(s, state.ByOrganization, o.ID) {
		if text(in.Filter) == identity.ServiceControl {
			all = append(all, *summary(o, p))
		}
	}
	some, token, err := cut(all, byPolicyID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListPoliciesOutput{Policies: some, NextToken: token}, nil
}

// ListPoliciesForTarget lists the policies attached to a root, unit or account itself.
func (a *API) ListPoliciesForTarget(ctx context.Context, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, ok := targetOf(s, o, text(in.TargetId)); !ok {
		return nil, errNoTarget
	}
	all := []organizations.PolicySummary{}
	for p := range state.AttachedTo(s, o, text(in.TargetId)) {
		if text(in.Filter) == identity.ServiceControl {
			all = append(all, *summary(o, p))
		}
	}
	some, token, err := cut(all, byPolicyID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListPoliciesForTargetOutput{Policies: some, NextToken: token}, nil
}

// ListTargetsForPolicy lists what a policy is attached to.
func (a *API) ListTargetsForPolicy(ctx context.Context, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	s := a.view.Snapshot()
	o, err := oversight(ctx, s)
	if err != nil {
		return nil, err
	}
	p, ok := state.OrganizationPolicies.Get(s, o.ID+"/"+text(in.PolicyId))
	if !ok {
		return nil, errNoPolicy
	}
	all := []organizations.PolicyTargetSummary{}
	for _, id := range p.Targets {
		if t, ok := targetOf(s, o, id); ok {
			all = append(all, *t)
		}
	}
	some, token, err := cut(all, func(t organizations.PolicyTargetSummary) string { return *t.TargetId }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &organizations.ListTargetsForPolicyOutput{Targets: some, NextToken: token}, nil
}
