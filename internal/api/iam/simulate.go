package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"trellis/internal/arn"
	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
	policy "trellis/internal/iam"
	"trellis/internal/identity"
	"trellis/internal/state"
)

// source says where a policy of a simulation comes from, as its results do.
type source struct{ name, kind string }

// simulation is what SimulateCustomPolicy and SimulatePrincipalPolicy decide with.
type simulation struct {
	access    policy.Access
	principal policy.Principal
	sources   []source // of the identity policies
	// everything allows all, so that one kind of policy can be asked alone.
	everything *policy.Policy
}

func newSimulation() (*simulation, error) {
	all, err := policy.Parse(policy.Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	return &simulation{everything: all}, err
}

func compile(kind policy.Kind, document string) (*policy.Policy, error) {
	p, err := policy.Parse(kind, document)
	if err != nil {
		return nil, fault.New(fault.Invalid, "InvalidInput", "%v", err)
	}
	return p, nil
}

func (s *simulation) add(document string, from source) error {
	p, err := compile(policy.Identity, document)
	if err != nil {
		return err
	}
	s.access.Identity = append(s.access.Identity, p)
	s.sources = append(s.sources, from)
	return nil
}

// addHeld adds the policies of a user, group or role.
func (s *simulation) addHeld(r state.Reader, account, kind string, p *identity.Policies) error {
	for _, d := range inlineDetails(p) {
		if err := s.add(p.Inline[*d.PolicyName], source{*d.PolicyName, kind}); err != nil {
			return err
		}
	}
	for _, name := range p.Attached {
		m, ok := managedPolicy(r, account, name)
		if !ok {
			return noPolicy(name)
		}
		from := source{m.Name, "user-managed"}
		if m.aws {
			from.kind = "aws-managed"
		}
		if err := s.add(m.Document(), from); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) bound(r state.Reader, account, name string) error {
	if name == "" {
		return nil
	}
	m, ok := managedPolicy(r, account, name)
	if !ok {
		return noPolicy(name)
	}
	var err error
	s.access.Boundary, err = compile(policy.Identity, m.Document())
	return err
}

func (s *simulation) control(levels [][]string) error {
	for _, level := range levels {
		compiled := []*policy.Policy{}
		for _, doc := range level {
			p, err := compile(policy.Identity, doc)
			if err != nil {
				return err
			}
			compiled = append(compiled, p)
		}
		s.access.ServiceControl = append(s.access.ServiceControl, compiled)
	}
	return nil
}

// inputs adds the documents that a call brings.
func (s *simulation) inputs(documents, boundaries []string, resource *string) error {
	for i, doc := range documents {
		if err := s.add(doc, source{"PolicyInputList." + strconv.Itoa(i+1), "none"}); err != nil {
			return err
		}
	}
	if len(boundaries) > 1 {
		return fault.New(fault.Invalid, "InvalidInput", "There can be one permissions boundary only.")
	}
	var err error
	if len(boundaries) == 1 {
		if s.access.Boundary, err = compile(policy.Identity, boundaries[0]); err != nil {
			return err
		}
	}
	if resource != nil {
		s.access.Resource, err = compile(policy.ResourcePolicy, *resource)
	}
	return err
}

// holder adds everything that bears on the principal with the ARN, a user, group or role of the account.
func (s *simulation) holder(r state.Reader, account, name string) error {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || a.Account != account {
		return fault.New(fault.Invalid, "InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.", name)
	}
	s.principal = policy.Principal{ARN: name, Account: account}
	switch a.Type() {
	case "user":
		u, err := getUser(r, account, a.Last())
		if err != nil {
			return err
		}
		s.principal.Kind, s.principal.UserID = policy.User, u.ID
		for _, group := range u.Groups {
			if g, ok := state.Groups.Get(r, account+"/"+group); ok {
				if err := s.addHeld(r, account, "group", &g.Policies); err != nil {
					return err
				}
			}
		}
		if err := s.addHeld(r, account, "user", &u.Policies); err != nil {
			return err
		}
		err = s.bound(r, account, u.Boundary)
		if err != nil {
			return err
		}
	case "role":
		role, err := getRole(r, account, a.Last())
		if err != nil {
			return err
		}
		s.principal.Kind, s.principal.RoleARN = policy.AssumedRole, name
		if err := s.addHeld(r, account, "role", &role.Policies); err != nil {
			return err
		}
		if err := s.bound(r, account, role.Boundary); err != nil {
			return err
		}
		if role.ServiceLinked() {
			return nil
		}
	case "group":
		g, err := getGroup(r, account, a.Last())
		if err != nil {
			return err
		}
		s.principal.Kind = policy.User
		return s.addHeld(r, account, "group", &g.Policies)
	default:
		return fault.New(fault.Invalid, "InvalidInput", "Invalid Entity Arn: %s is not a user, group or role.", name)
	}
	if o, ok := state.OrganizationOf(r, account); ok {
		s.principal.OrgID = o.ID
	}
	return s.control(state.ServiceControl(r, account))
}

// asked is a context that notes which keys it did not have.
type asked struct {
	given   policy.Map
	missing map[string]bool
}

func (a asked) Lookup(k policy.Key) policy.Values {
	v := a.given.Lookup(k)
	if v.Len() == 0 {
		name := k.Name
		if k.Arg != "" {
			name += "/" + k.Arg
		}
		a.missing[name] = true
	}
	return v
}

func (s *simulation) run(action, resource, owner string, given policy.Map) iam.EvaluationResult {
	keys := asked{given, map[string]bool{}}
	req := policy.Request{Principal: s.principal, Action: action, Resource: policy.Resource{ARN: resource, Account: owner}, Context: keys}
	o := s.access.Decide(&req)
	decision := map[policy.Verdict]string{policy.Allowed: "allowed", policy.ExplicitDeny: "explicitDeny", policy.ImplicitDeny: "implicitDeny"}[o.Verdict]
	out := iam.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: &decision, MatchedStatements: []iam.Statement{}, MissingContextValues: []string{}}
	if o.Statement >= 0 {
		from := source{"", "none"}
		switch {
		case o.Layer == policy.IdentityLayer && o.Policy >= 0:
			from = s.sources[o.Policy]
		case o.Layer == policy.ResourceLayer:
			from = source{"ResourcePolicy", "resource"}
		}
		out.MatchedStatements = append(out.MatchedStatements, iam.Statement{SourcePolicyId: optional(from.name), SourcePolicyType: &from.kind})
	}
	for name := range keys.missing {
		out.MissingContextValues = append(out.MissingContextValues, name)
	}
	slices.Sort(out.MissingContextValues)
	alone := func(e policy.Entitlements) bool {
		e.Identity = []*policy.Policy{s.everything}
		d := e.Decide(&req)
		return d.Allowed()
	}
	if len(s.access.ServiceControl) > 0 {
		out.OrganizationsDecisionDetail = &iam.OrganizationsDecisionDetail{AllowedByOrganizations: new(alone(policy.Entitlements{ServiceControl: s.access.ServiceControl}))}
	}
	if s.access.Boundary != nil {
		out.PermissionsBoundaryDecisionDetail = &iam.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(alone(policy.Entitlements{Boundary: s.access.Boundary}))}
	}
	return out
}

// results runs every action on every resource.
func (s *simulation) results(actions, resources []string, owner *string, entries []iam.ContextEntry, limit *int32, marker *string) (list[iam.EvaluationResult], error) {
	given := policy.Map{}
	for _, e := range entries {
		given.Set(text(e.ContextKeyName), e.ContextKeyValues...)
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	account := text(owner)
	if a, err := arn.Parse(account); err == nil {
		account = a.Account
	}
	type numbered struct {
		key string
		iam.EvaluationResult
	}
	var all []numbered
	for _, action := range actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" || strings.ContainsAny(action, "*?") {
			return list[iam.EvaluationResult]{}, fault.New(fault.Invalid, "InvalidInput", "Invalid action: %s must be like ec2:CreateVpc, without wildcards.", action)
		}
		for _, resource := range resources {
			all = append(all, numbered{strconv.Itoa(1<<30 + len(all)), s.run(action, resource, account, given)})
		}
	}
	l, err := cut(all, func(n numbered) string { return n.key }, limit, marker)
	out := list[iam.EvaluationResult]{items: []iam.EvaluationResult{}, truncated: l.truncated, marker: l.marker}
	for _, n := range l.items {
		out.items = append(out.items, n.EvaluationResult)
	}
	return out, err
}

// SimulateCustomPolicy says what the policies that come with the call would allow.
func (a *API) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	s, err := newSimulation()
	if err != nil {
		return nil, err
	}
	if in.ResourceHandlingOption != nil {
		return nil, unsupported("ResourceHandlingOption")
	}
	s.principal = policy.Principal{Kind: policy.User, Account: account(ctx), ARN: text(in.CallerArn)}
	var levels [][]string
	for _, level := range in.OrderedOrganizationPolicyInputList {
		levels = append(levels, level.ServiceControlPolicyInputList)
	}
	if err := s.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	if err := s.control(levels); err != nil {
		return nil, err
	}
	l, err := s.results(in.ActionNames, in.ResourceArns, in.ResourceOwner, in.ContextEntries, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

// SimulatePrincipalPolicy says what the policies of a user, group or role allow, with those that come with the call.
func (a *API) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	s, err := newSimulation()
	if err != nil {
		return nil, err
	}
	if in.ResourceHandlingOption != nil {
		return nil, unsupported("ResourceHandlingOption")
	}
	if len(in.PolicyExclusionList) > 0 {
		return nil, unsupported("PolicyExclusionList")
	}
	if err := s.holder(a.view.Snapshot(), account(ctx), text(in.PolicySourceArn)); err != nil {
		return nil, err
	}
	if err := s.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	if in.CallerArn != nil {
		s.principal.ARN = *in.CallerArn
	}
	l, err := s.results(in.ActionNames, in.ResourceArns, in.ResourceOwner, in.ContextEntries, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: l.items, IsTruncated: l.truncated, Marker: l.marker}, nil
}

func unsupported(member string) error {
	return fault.New(fault.Unsupported, "InvalidInput", "%s is not supported.", member)
}
