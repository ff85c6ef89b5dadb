package ram

import (
	"context"
	"encoding/json"
	"slices"

	"trellis/internal/arn"
	"trellis/internal/aws/model/ram"
	"trellis/internal/fault"
	"trellis/internal/share"
	"trellis/internal/state"
	"trellis/internal/tag"
)

const regional = "REGIONAL"

// resources shows what is associated with a share.
func resources(r state.Reader, s *share.Share) []ram.Resource {
	out := []ram.Resource{}
	for _, a := range s.Resources {
		t, ok := share.TypeOf(a.Entity)
		if !ok || s.Status != share.Active || a.Status != share.Associated {
			continue
		}
		out = append(out, ram.Resource{Arn: &a.Entity, Type: &t.Name, ResourceShareArn: new(s.ARN()), Status: new(resourceStatus(r, a.Entity)),
			CreationTime: &a.Created, LastUpdatedTime: &a.Updated, ResourceRegionScope: new(regional)})
	}
	return out
}

func resourceKey(r ram.Resource) string { return *r.Arn + " " + *r.ResourceShareArn }

// checkType refuses what is not the name of a type, with the code that the operation has for it.
func checkType(name *string, code string) error {
	if name != nil {
		if _, ok := share.TypeNamed(*name); !ok {
			return fault.New(fault.Invalid, code, "The resource type %s is not one that can be shared.", clip(*name))
		}
	}
	return nil
}

// ListResources lists what the caller shares, or what is shared with it.
func (a *API) ListResources(ctx context.Context, in *ram.ListResourcesInput) (*ram.ListResourcesOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	if err := checkType(in.ResourceType, "InvalidResourceTypeException"); err != nil {
		return nil, err
	}
	own := str(in.ResourceOwner) == "SELF"
	shares, err := named(q.shared(snap, own), in.ResourceShareArns)
	if err != nil {
		return nil, err
	}
	var all []ram.Resource
	for _, s := range shares {
		if in.Principal != nil && !q.concerns(snap, s, own, *in.Principal) {
			continue
		}
		for _, r := range resources(snap, s) {
			if in.ResourceType != nil && *r.Type != *in.ResourceType || str(in.ResourceRegionScope) == "GLOBAL" ||
				len(in.ResourceArns) > 0 && !slices.Contains(in.ResourceArns, *r.Arn) {
				continue
			}
			all = append(all, r)
		}
	}
	some, next, err := cut(all, resourceKey, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListResourcesOutput{Resources: some, NextToken: next}, nil
}

// concerns says whether the principal is one of an own share's, or the owner of another's.
func (q query) concerns(r state.Reader, s *share.Share, own bool, principal string) bool {
	if !own {
		return principal == s.Account
	}
	a, ok := share.Find(s.Principals, principal)
	return ok && a.Status == share.Associated && state.InForce(r, s, a)
}

// ListPrincipals lists whom the caller shares with, or who shares with it.
func (a *API) ListPrincipals(ctx context.Context, in *ram.ListPrincipalsInput) (*ram.ListPrincipalsOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	if err := checkType(in.ResourceType, "InvalidParameterException"); err != nil {
		return nil, err
	}
	own := str(in.ResourceOwner) == "SELF"
	shares, err := named(q.shared(snap, own), in.ResourceShareArns)
	if err != nil {
		return nil, err
	}
	var all []ram.Principal
	add := func(s *share.Share, id string, a share.Association) {
		if len(in.Principals) == 0 || slices.Contains(in.Principals, id) {
			all = append(all, ram.Principal{Id: &id, ResourceShareArn: new(s.ARN()), CreationTime: &a.Created, LastUpdatedTime: &a.Updated, External: &a.External})
		}
	}
	for _, s := range shares {
		if s.Status != share.Active || !holds(s, in.ResourceArn, in.ResourceType) {
			continue
		}
		for _, p := range s.Principals {
			if own && p.Status == share.Associated && state.InForce(snap, s, p) {
				add(s, p.Entity, p)
			}
		}
		if !own {
			add(s, s.Account, share.Association{Created: s.Created, Updated: s.Updated, External: !sameOrganization(snap, s.Account, q.Account)})
		}
	}
	some, next, err := cut(all, func(p ram.Principal) string { return *p.Id + " " + *p.ResourceShareArn }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListPrincipalsOutput{Principals: some, NextToken: next}, nil
}

func sameOrganization(r state.Reader, x, y string) bool {
	ox, okx := state.OrganizationOf(r, x)
	oy, oky := state.OrganizationOf(r, y)
	return okx && oky && ox.ID == oy.ID
}

// holds says whether the share has the resource, and one of the type, where those are asked for.
func holds(s *share.Share, resourceARN, typeName *string) bool {
	if resourceARN == nil && typeName == nil {
		return true
	}
	return slices.ContainsFunc(s.Resources, func(a share.Association) bool {
		t, ok := share.TypeOf(a.Entity)
		return ok && a.Status == share.Associated && (resourceARN == nil || a.Entity == *resourceARN) && (typeName == nil || t.Name == *typeName)
	})
}

// ListResourceTypes lists the types of resource that can be shared.
func (a *API) ListResourceTypes(_ context.Context, in *ram.ListResourceTypesInput) (*ram.ListResourceTypesOutput, error) {
	all := []ram.ServiceNameAndResourceType{}
	if str(in.ResourceRegionScope) != "GLOBAL" {
		for _, t := range share.Types() {
			all = append(all, ram.ServiceNameAndResourceType{ResourceType: &t.Name, ServiceName: &t.Service, ResourceRegionScope: new(regional)})
		}
	}
	some, next, err := cut(all, func(t ram.ServiceNameAndResourceType) string { return *t.ResourceType }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ram.ListResourceTypesOutput{ResourceTypes: some, NextToken: next}, nil
}

// GetResourcePolicies shows, for resources of the caller's, what its shares say in the form of a policy.
func (a *API) GetResourcePolicies(ctx context.Context, in *ram.GetResourcePoliciesInput) (*ram.GetResourcePoliciesOutput, error) {
	q, snap := a.query(ctx), a.view.Snapshot()
	type document struct{ name, text string }
	var all []document
	for _, name := range in.ResourceArns {
		parsed, err := arn.Parse(name)
		if err != nil {
			return nil, fault.New(fault.Invalid, "MalformedArnException", "The specified resource ARN %s is not valid. Verify the ARN and try again.", clip(name))
		}
		if parsed.Account != q.Account || parsed.Region != q.Region || !exists(snap, name) {
			return nil, fault.New(fault.NotFound, "ResourceArnNotFoundException", "Resource %s could not be found.", name)
		}
		doc, err := policy(snap, name, str(in.Principal))
		if err != nil {
			return nil, err
		}
		if doc != "" {
			all = append(all, document{name, doc})
		}
	}
	some, next, err := cut(all, func(d document) string { return d.name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ram.GetResourcePoliciesOutput{Policies: []string{}, NextToken: next}
	for _, d := range some {
		out.Policies = append(out.Policies, d.text)
	}
	return out, nil
}

// statement is one of a resource policy.
type statement struct {
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// policy returns the policy that the shares of a resource amount to, empty if it is shared with nobody.
func policy(r state.Reader, resourceARN, only string) (string, error) {
	t, _ := share.TypeOf(resourceARN)
	var statements []statement
	for s := range state.Shares.By(r, state.ByResource, resourceARN) {
		actions := slices.DeleteFunc(slices.Clone(t.Actions), func(action string) bool { return !state.Permits(r, s, t.Name, action) })
		for _, a := range s.Principals {
			if a.Status != share.Associated || !state.InForce(r, s, a) || only != "" && only != a.Entity {
				continue
			}
			p, err := share.ParsePrincipal(a.Entity)
			if err != nil {
				return "", err
			}
			st := statement{Effect: "Allow", Principal: map[string]string{"AWS": a.Entity}, Action: actions, Resource: resourceARN}
			switch p.Kind {
			case share.Organization:
				st.Principal, st.Condition = map[string]string{"AWS": "*"}, map[string]map[string]string{"StringEquals": {"aws:PrincipalOrgID": p.Organization}}
			case share.Unit:
				st.Principal = map[string]string{"AWS": "*"}
				st.Condition = map[string]map[string]string{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": p.Organization + "/*/" + p.Unit + "/*"}}
			}
			statements = append(statements, st)
		}
	}
	if len(statements) == 0 {
		return "", nil
	}
	doc, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	return string(doc), err
}

// TagResource sets tags of a share.
func (a *API) TagResource(ctx context.Context, in *ram.TagResourceInput) (*ram.TagResourceOutput, error) {
	err := a.retag(ctx, in.ResourceShareArn, in.ResourceArn, func(s tag.Set) (tag.Set, error) { return withTags(s, tags(in.Tags)) })
	if err != nil {
		return nil, err
	}
	return &ram.TagResourceOutput{}, nil
}

// UntagResource removes them.
func (a *API) UntagResource(ctx context.Context, in *ram.UntagResourceInput) (*ram.UntagResourceOutput, error) {
	err := a.retag(ctx, in.ResourceShareArn, in.ResourceArn, func(s tag.Set) (tag.Set, error) { return s.Without(in.TagKeys...), nil })
	if err != nil {
		return nil, err
	}
	return &ram.UntagResourceOutput{}, nil
}

func (a *API) retag(ctx context.Context, shareARN, resourceARN *string, change func(tag.Set) (tag.Set, error)) error {
	if (shareARN == nil) == (resourceARN == nil) {
		return invalid("Name either a resource share ARN or a resource ARN.")
	}
	name := str(shareARN) + str(resourceARN)
	q := a.query(ctx)
	return a.view.Update(ctx, func(tx *state.Tx) error {
		if a, err := arn.Parse(name); err == nil && shareARN == nil && a.Service == "ram" && a.Type() == "permission" {
			p, err := q.ownPermission(tx, name)
			if err != nil {
				return err
			}
			if p.Tags, err = change(p.Tags); err != nil {
				return err
			}
			state.Permissions.Put(tx, p)
			return nil
		}
		s, err := q.active(tx, name)
		if err != nil {
			return err
		}
		if s.Tags, err = change(s.Tags); err != nil {
			return err
		}
		state.Shares.Put(tx, s)
		return nil
	})
}
