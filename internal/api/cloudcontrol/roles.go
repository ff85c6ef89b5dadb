package cloudcontrol

import (
	"cmp"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"

	"trellis/internal/aws/model/iam"
	"trellis/internal/fault"
)

// identityTypes are the types of IAM.
func identityTypes() map[string]*resource {
	return map[string]*resource{
		"AWS::IAM::Role":          roleResource(),
		"AWS::IAM::RolePolicy":    rolePolicy(),
		"AWS::IAM::ManagedPolicy": managedPolicy(),
	}
}

func iamTags(tags map[string]string) []iam.Tag {
	var out []iam.Tag
	for k, v := range tags {
		out = append(out, iam.Tag{Key: &k, Value: &v})
	}
	return out
}

// policyText is a policy as IAM takes it: models have it as an object, or as a text.
func policyText(v any) *string {
	switch v := v.(type) {
	case string:
		return &v
	case nil:
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return new(string(raw))
}

// policyObject is a policy that IAM shows, percent-encoded, as models have it.
func policyObject(text *string) any {
	plain, err := url.PathUnescape(str(text))
	if err != nil {
		plain = str(text)
	}
	m, err := parseModel(plain)
	if err != nil {
		return plain
	}
	return map[string]any(m)
}

func roleResource() *resource {
	const trust, inline, attached = "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns"
	r := &resource{once: true, absent: model{"MaxSessionDuration": jsonNumber(int32(3600))}}
	policiesOf := func(m model) map[string]*string {
		items, _ := m[inline].([]any)
		out := map[string]*string{}
		for _, item := range items {
			if p, ok := item.(map[string]any); ok {
				name, _ := p["PolicyName"].(string)
				out[name] = policyText(p["PolicyDocument"])
			}
		}
		return out
	}
	exchange := func(c *call, id string, want, have model) error {
		for _, arn := range have.texts(attached) {
			if !slices.Contains(want.texts(attached), arn) {
				if _, err := do[iam.DetachRolePolicyOutput](c, iam.Model, "DetachRolePolicy", &iam.DetachRolePolicyInput{RoleName: &id, PolicyArn: &arn}); err != nil {
					return err
				}
			}
		}
		for _, arn := range want.texts(attached) {
			if !slices.Contains(have.texts(attached), arn) {
				if _, err := do[iam.AttachRolePolicyOutput](c, iam.Model, "AttachRolePolicy", &iam.AttachRolePolicyInput{RoleName: &id, PolicyArn: &arn}); err != nil {
					return err
				}
			}
		}
		wanted := policiesOf(want)
		for name := range policiesOf(have) {
			if wanted[name] == nil {
				if _, err := do[iam.DeleteRolePolicyOutput](c, iam.Model, "DeleteRolePolicy", &iam.DeleteRolePolicyInput{RoleName: &id, PolicyName: &name}); err != nil {
					return err
				}
			}
		}
		for name, text := range wanted {
			if _, err := do[iam.PutRolePolicyOutput](c, iam.Model, "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: &id, PolicyName: &name, PolicyDocument: text}); err != nil {
				return err
			}
		}
		return nil
	}
	r.create = func(c *call, want model) error {
		name := new(cmp.Or(str(want.text("RoleName")), *c.nameOf(want)))
		out, err := do[iam.CreateRoleOutput](c, iam.Model, "CreateRole", &iam.CreateRoleInput{RoleName: name, Path: want.text("Path"), Description: want.text("Description"),
			AssumeRolePolicyDocument: policyText(want[trust]), MaxSessionDuration: want.number("MaxSessionDuration"), PermissionsBoundary: want.text("PermissionsBoundary"),
			Tags: iamTags(want.tags())})
		if err == nil {
			c.made(out.Role.RoleName)
		}
		return err
	}
	r.complete = func(c *call, want model) error { return exchange(c, c.id, want, model{}) }
	r.read = func(c *call, id string) (model, error) {
		out, err := do[iam.GetRoleOutput](c, iam.Model, "GetRole", &iam.GetRoleInput{RoleName: &id})
		if err != nil {
			return nil, err
		}
		m := withTags(r, *out.Role, out.Role.Tags, func(t iam.Tag) (*string, *string) { return t.Key, t.Value })
		m[trust] = policyObject(out.Role.AssumeRolePolicyDocument)
		delete(m, "PermissionsBoundary")
		if b := out.Role.PermissionsBoundary; b != nil {
			m["PermissionsBoundary"] = str(b.PermissionsBoundaryArn)
		}
		arns, err := do[iam.ListAttachedRolePoliciesOutput](c, iam.Model, "ListAttachedRolePolicies", &iam.ListAttachedRolePoliciesInput{RoleName: &id})
		if err != nil {
			return nil, err
		}
		list := []any{}
		for _, p := range arns.AttachedPolicies {
			list = append(list, str(p.PolicyArn))
		}
		m[attached] = list
		names, err := do[iam.ListRolePoliciesOutput](c, iam.Model, "ListRolePolicies", &iam.ListRolePoliciesInput{RoleName: &id})
		if err != nil {
			return nil, err
		}
		policies := []any{}
		for _, name := range names.PolicyNames {
			p, err := do[iam.GetRolePolicyOutput](c, iam.Model, "GetRolePolicy", &iam.GetRolePolicyInput{RoleName: &id, PolicyName: &name})
			if err != nil {
				return nil, err
			}
			policies = append(policies, map[string]any{"PolicyName": name, "PolicyDocument": policyObject(p.PolicyDocument)})
		}
		m[inline] = policies
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, trust) {
			if _, err := do[iam.UpdateAssumeRolePolicyOutput](c, iam.Model, "UpdateAssumeRolePolicy", &iam.UpdateAssumeRolePolicyInput{RoleName: &id, PolicyDocument: policyText(want[trust])}); err != nil {
				return err
			}
		}
		if differ(want, have, "Description") || differ(want, have, "MaxSessionDuration") {
			if _, err := do[iam.UpdateRoleOutput](c, iam.Model, "UpdateRole", &iam.UpdateRoleInput{RoleName: &id, Description: new(str(want.text("Description"))),
				MaxSessionDuration: want.number("MaxSessionDuration")}); err != nil {
				return err
			}
		}
		if differ(want, have, "PermissionsBoundary") {
			var err error
			if arn := want.text("PermissionsBoundary"); arn != nil {
				_, err = do[iam.PutRolePermissionsBoundaryOutput](c, iam.Model, "PutRolePermissionsBoundary", &iam.PutRolePermissionsBoundaryInput{RoleName: &id, PermissionsBoundary: arn})
			} else {
				_, err = do[iam.DeleteRolePermissionsBoundaryOutput](c, iam.Model, "DeleteRolePermissionsBoundary", &iam.DeleteRolePermissionsBoundaryInput{RoleName: &id})
			}
			if err != nil {
				return err
			}
		}
		if err := exchange(c, id, want, have); err != nil {
			return err
		}
		return exchangeTags(want, have, func(keys []string) error {
			_, err := do[iam.UntagRoleOutput](c, iam.Model, "UntagRole", &iam.UntagRoleInput{RoleName: &id, TagKeys: keys})
			return err
		}, func(tags map[string]string) error {
			_, err := do[iam.TagRoleOutput](c, iam.Model, "TagRole", &iam.TagRoleInput{RoleName: &id, Tags: iamTags(tags)})
			return err
		})
	}
	r.remove = func(c *call, id string) error {
		have, err := r.read(c, id)
		if err != nil {
			return err
		}
		if err := exchange(c, id, model{}, have); err != nil {
			return err
		}
		_, err = do[iam.DeleteRoleOutput](c, iam.Model, "DeleteRole", &iam.DeleteRoleInput{RoleName: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]iam.Role, *string, error) {
			out, err := do[iam.ListRolesOutput](c, iam.Model, "ListRoles", &iam.ListRolesInput{Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Roles, out.Marker, nil
		})
		return each(all, err, func(one iam.Role) model { return model{"RoleName": str(one.RoleName)} })
	})
	return r
}

// rolePolicy is one inline policy of a role. Its identifier is its name and the role's.
func rolePolicy() *resource {
	const document = "PolicyDocument"
	r := &resource{}
	put := func(c *call, want model) error {
		_, err := do[iam.PutRolePolicyOutput](c, iam.Model, "PutRolePolicy", &iam.PutRolePolicyInput{
			RoleName: want.text("RoleName"), PolicyName: want.text("PolicyName"), PolicyDocument: policyText(want[document])})
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		policy, role := parts(id)
		out, err := do[iam.GetRolePolicyOutput](c, iam.Model, "GetRolePolicy", &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &policy})
		if err != nil {
			return nil, err
		}
		return model{"RoleName": role, "PolicyName": policy, document: policyObject(out.PolicyDocument)}, nil
	}
	r.create = func(c *call, want model) error {
		id, _ := r.identify(want)
		if have, err := r.read(c, id); err == nil && !(c.again && reflect.DeepEqual(have[document], want[document])) {
			return fault.New(fault.Exists, "", "The role %s already has a policy %s.", str(want.text("RoleName")), str(want.text("PolicyName")))
		}
		if err := put(c, want); err != nil {
			return err
		}
		c.made(&id)
		return nil
	}
	r.update = func(c *call, _ string, want, _ model) error { return put(c, want) }
	r.remove = func(c *call, id string) error {
		policy, role := parts(id)
		_, err := do[iam.DeleteRolePolicyOutput](c, iam.Model, "DeleteRolePolicy", &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &policy})
		return err
	}
	return r
}

// entities are the properties that name whom a managed policy is attached to.
var entities = []struct{ property, kind string }{{"Roles", "Role"}, {"Users", "User"}, {"Groups", "Group"}}

// attachPolicy attaches a managed policy, or detaches it.
func attachPolicy(c *call, kind, name, arn string, on bool) (err error) {
	switch {
	case kind == "Role" && on:
		_, err = do[iam.AttachRolePolicyOutput](c, iam.Model, "AttachRolePolicy", &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	case kind == "Role":
		_, err = do[iam.DetachRolePolicyOutput](c, iam.Model, "DetachRolePolicy", &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
	case kind == "User" && on:
		_, err = do[iam.AttachUserPolicyOutput](c, iam.Model, "AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	case kind == "User":
		_, err = do[iam.DetachUserPolicyOutput](c, iam.Model, "DetachUserPolicy", &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
	case on:
		_, err = do[iam.AttachGroupPolicyOutput](c, iam.Model, "AttachGroupPolicy", &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
	default:
		_, err = do[iam.DetachGroupPolicyOutput](c, iam.Model, "DetachGroupPolicy", &iam.DetachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
	}
	return err
}

func managedPolicy() *resource {
	const document = "PolicyDocument"
	r := &resource{once: true}
	exchange := func(c *call, id string, want, have model) error {
		for _, e := range entities {
			wanted, had := want.texts(e.property), have.texts(e.property)
			for _, name := range had {
				if !slices.Contains(wanted, name) {
					if err := attachPolicy(c, e.kind, name, id, false); err != nil {
						return err
					}
				}
			}
			for _, name := range wanted {
				if !slices.Contains(had, name) {
					if err := attachPolicy(c, e.kind, name, id, true); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	r.create = func(c *call, want model) error {
		name := new(cmp.Or(str(want.text("ManagedPolicyName")), *c.nameOf(want)))
		out, err := do[iam.CreatePolicyOutput](c, iam.Model, "CreatePolicy", &iam.CreatePolicyInput{PolicyName: name, Path: want.text("Path"),
			Description: want.text("Description"), PolicyDocument: policyText(want[document])})
		if err == nil {
			c.made(out.Policy.Arn)
		}
		return err
	}
	r.complete = func(c *call, want model) error { return exchange(c, c.id, want, model{}) }
	r.read = func(c *call, id string) (model, error) {
		out, err := do[iam.GetPolicyOutput](c, iam.Model, "GetPolicy", &iam.GetPolicyInput{PolicyArn: &id})
		if err != nil {
			return nil, err
		}
		m := r.show(*out.Policy)
		m["PolicyArn"], m["ManagedPolicyName"] = str(out.Policy.Arn), str(out.Policy.PolicyName)
		version, err := do[iam.GetPolicyVersionOutput](c, iam.Model, "GetPolicyVersion", &iam.GetPolicyVersionInput{PolicyArn: &id, VersionId: out.Policy.DefaultVersionId})
		if err != nil {
			return nil, err
		}
		m[document] = policyObject(version.PolicyVersion.Document)
		users, err := do[iam.ListEntitiesForPolicyOutput](c, iam.Model, "ListEntitiesForPolicy", &iam.ListEntitiesForPolicyInput{PolicyArn: &id})
		if err != nil {
			return nil, err
		}
		roles, names, groups := []any{}, []any{}, []any{}
		for _, e := range users.PolicyRoles {
			roles = append(roles, str(e.RoleName))
		}
		for _, e := range users.PolicyUsers {
			names = append(names, str(e.UserName))
		}
		for _, e := range users.PolicyGroups {
			groups = append(groups, str(e.GroupName))
		}
		m["Roles"], m["Users"], m["Groups"] = roles, names, groups
		return m, nil
	}
	// A policy has five versions at most: those before the present one go first.
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, document) {
			versions, err := do[iam.ListPolicyVersionsOutput](c, iam.Model, "ListPolicyVersions", &iam.ListPolicyVersionsInput{PolicyArn: &id})
			if err != nil {
				return err
			}
			for _, v := range versions.Versions {
				if v.IsDefaultVersion != nil && *v.IsDefaultVersion {
					continue
				}
				if _, err := do[iam.DeletePolicyVersionOutput](c, iam.Model, "DeletePolicyVersion", &iam.DeletePolicyVersionInput{PolicyArn: &id, VersionId: v.VersionId}); err != nil {
					return err
				}
			}
			if _, err := do[iam.CreatePolicyVersionOutput](c, iam.Model, "CreatePolicyVersion", &iam.CreatePolicyVersionInput{PolicyArn: &id, PolicyDocument: policyText(want[document]),
				SetAsDefault: new(true)}); err != nil {
				return err
			}
		}
		return exchange(c, id, want, have)
	}
	r.remove = func(c *call, id string) error {
		have, err := r.read(c, id)
		if err != nil {
			return err
		}
		if err := exchange(c, id, model{}, have); err != nil {
			return err
		}
		versions, err := do[iam.ListPolicyVersionsOutput](c, iam.Model, "ListPolicyVersions", &iam.ListPolicyVersionsInput{PolicyArn: &id})
		if err != nil {
			return err
		}
		for _, v := range versions.Versions {
			if v.IsDefaultVersion != nil && *v.IsDefaultVersion {
				continue
			}
			if _, err := do[iam.DeletePolicyVersionOutput](c, iam.Model, "DeletePolicyVersion", &iam.DeletePolicyVersionInput{PolicyArn: &id, VersionId: v.VersionId}); err != nil {
				return err
			}
		}
		_, err = do[iam.DeletePolicyOutput](c, iam.Model, "DeletePolicy", &iam.DeletePolicyInput{PolicyArn: &id})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]iam.Policy, *string, error) {
			out, err := do[iam.ListPoliciesOutput](c, iam.Model, "ListPolicies", &iam.ListPoliciesInput{Marker: token, Scope: new("Local")})
			if err != nil {
				return nil, nil, err
			}
			return out.Policies, out.Marker, nil
		})
		return each(all, err, func(p iam.Policy) model { return model{"PolicyArn": str(p.Arn)} })
	})
	return r
}
