package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const noEntity = "NoSuchEntity"

func iamTags(all map[string]string) []types.Tag {
	return tagList(all, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

func (p *Provider) roleKind() kind {
	trust := update{inputs: []string{"assumeRolePolicy"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			_, err := p.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: &old.ID, PolicyDocument: awssdk.String(text(in, "assumeRolePolicy")),
			})
			return err
		}}
	retag := update{inputs: []string{"tags"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		if gone := surplus(tags(old.Inputs), tags(in)); len(gone) > 0 {
			if _, err := p.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &old.ID, TagKeys: gone}); err != nil {
				return err
			}
		}
		if list := iamTags(tags(in)); len(list) > 0 {
			_, err := p.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &old.ID, Tags: list})
			return err
		}
		return nil
	}}
	return kind{create: p.createRole, read: p.readRole, delete: p.deleteRole, updates: []update{trust, retag},
		defaults: engine.Properties{"path": "/", "maxSessionDuration": 3600, "description": ""}, computed: []string{"name"}}
}

func (p *Provider) createRole(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	name = given(in, "name", name)
	_, err := p.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &name,
		Path:                     awssdk.String("/"),
		AssumeRolePolicyDocument: awssdk.String(text(in, "assumeRolePolicy")),
		MaxSessionDuration:       awssdk.Int32(3600),
		Tags:                     iamTags(tags(in)),
	})
	if err != nil {
		return engine.Made{}, err
	}
	made := engine.Made{ID: name}
	err = poll(ctx, "role "+name, func() (bool, error) {
		out, err := p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		if err != nil {
			return false, unless(err, noEntity)
		}
		made.Outputs = roleOutputs(name, out.Role)
		return true, nil
	})
	if err != nil {
		return made, err
	}
	_, _, err = p.rolePolicies(ctx, name)
	return made, err
}

func roleOutputs(name string, role *types.Role) engine.Properties {
	return engine.Properties{"arn": awssdk.ToString(role.Arn), "name": name, "uniqueId": awssdk.ToString(role.RoleId)}
}

func (p *Provider) readRole(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	out, err := p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &r.ID})
	if hasCode(err, noEntity) {
		return nil, nil, engine.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	document, err := url.QueryUnescape(awssdk.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, nil, fmt.Errorf("trust policy of role %s: %w", r.ID, err)
	}
	// A document that says the same may be written otherwise.
	if given := text(r.Inputs, "assumeRolePolicy"); same(plainText(given), plainText(document)) {
		document = given
	}
	return engine.Properties{
		"name":               awssdk.ToString(out.Role.RoleName),
		"path":               awssdk.ToString(out.Role.Path),
		"description":        awssdk.ToString(out.Role.Description),
		"maxSessionDuration": shown(out.Role.MaxSessionDuration),
		"assumeRolePolicy":   document,
		"tags":               shownPairs(out.Role.Tags, func(tag types.Tag) (key, value *string) { return tag.Key, tag.Value }),
	}, roleOutputs(r.ID, out.Role), nil
}

func (p *Provider) readRolePolicy(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	role, policy := text(r.Inputs, "role"), text(r.Inputs, "policyArn")
	attached, err := p.attachedPolicies(ctx, role)
	if err := unless(err, noEntity); err != nil {
		return nil, nil, err
	}
	for _, a := range attached {
		if awssdk.ToString(a.PolicyArn) == policy {
			return engine.Properties{"role": role, "policyArn": policy}, engine.Properties{}, nil
		}
	}
	return nil, nil, engine.ErrGone
}

func (p *Provider) rolePolicies(ctx context.Context, role string) (inline []string, attached []types.AttachedPolicy, err error) {
	for pages := iam.NewListRolePoliciesPaginator(p.iam, &iam.ListRolePoliciesInput{RoleName: &role}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		inline = append(inline, page.PolicyNames...)
	}
	attached, err = p.attachedPolicies(ctx, role)
	return inline, attached, err
}

func (p *Provider) attachedPolicies(ctx context.Context, role string) (attached []types.AttachedPolicy, err error) {
	for pages := iam.NewListAttachedRolePoliciesPaginator(p.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &role}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		attached = append(attached, page.AttachedPolicies...)
	}
	return attached, nil
}

func (p *Provider) deleteRole(ctx context.Context, r engine.Existing) error {
	profiles, err := p.iam.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: &r.ID})
	if hasCode(err, noEntity) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(profiles.InstanceProfiles) > 0 {
		return errors.New("the role is in an instance profile")
	}
	if _, _, err := p.rolePolicies(ctx, r.ID); err != nil {
		return unless(err, noEntity)
	}
	return whileRefused(ctx, "what uses role "+r.ID, func() error {
		_, err := p.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &r.ID})
		return unless(err, noEntity)
	}, "ConcurrentModification")
}

func (p *Provider) rolePolicyKind() kind {
	return kind{
		create: func(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
			role, policy := text(in, "role"), text(in, "policyArn")
			if _, err := p.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &policy}); err != nil {
				return engine.Made{}, err
			}
			made := engine.Made{ID: uniqueName(role), Outputs: engine.Properties{}}
			err := poll(ctx, "the policy of role "+role, func() (bool, error) {
				attached, err := p.attachedPolicies(ctx, role)
				for _, a := range attached {
					if awssdk.ToString(a.PolicyArn) == policy {
						return true, nil
					}
				}
				return false, err
			})
			return made, err
		},
		read: p.readRolePolicy,
		delete: func(ctx context.Context, r engine.Existing) error {
			_, err := p.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
				RoleName: awssdk.String(text(r.Inputs, "role")), PolicyArn: awssdk.String(text(r.Inputs, "policyArn")),
			})
			return unless(err, noEntity)
		},
	}
}
