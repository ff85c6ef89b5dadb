package aws

import (
	"context"
	"fmt"

	"landing-zone/engine"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	"github.com/aws/aws-sdk-go-v2/service/ram/types"
)

const noShare = "UnknownResourceException"

func ramTags(all map[string]string) []types.Tag {
	return tagList(all, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

func (p *Provider) shareKind() kind {
	retag := update{inputs: []string{"tags"}, apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
		if gone := surplus(tags(old.Inputs), tags(in)); len(gone) > 0 {
			if _, err := p.ram.UntagResource(ctx, &ram.UntagResourceInput{ResourceShareArn: &old.ID, TagKeys: gone}); err != nil {
				return err
			}
		}
		_, err := p.ram.TagResource(ctx, &ram.TagResourceInput{ResourceShareArn: &old.ID, Tags: ramTags(tags(in))})
		return err
	}}
	external := update{inputs: []string{"allowExternalPrincipals"},
		apply: func(ctx context.Context, old engine.Existing, in engine.Properties) error {
			_, err := p.ram.UpdateResourceShare(ctx, &ram.UpdateResourceShareInput{
				ResourceShareArn: &old.ID, AllowExternalPrincipals: awssdk.Bool(flag(in, "allowExternalPrincipals")),
			})
			return err
		}}
	return kind{create: p.createShare, read: p.readShare, delete: p.deleteShare, updates: []update{retag, external},
		defaults: engine.Properties{"allowExternalPrincipals": false}, computed: []string{"name"}}
}

// share answers nil where there is none.
func (p *Provider) share(ctx context.Context, arn string) (*types.ResourceShare, error) {
	out, err := p.ram.GetResourceShares(ctx, &ram.GetResourceSharesInput{
		ResourceOwner: types.ResourceOwnerSelf, ResourceShareArns: []string{arn},
	})
	if err != nil || len(out.ResourceShares) == 0 {
		return nil, unless(err, noShare)
	}
	return &out.ResourceShares[0], nil
}

func (p *Provider) createShare(ctx context.Context, name string, in engine.Properties) (engine.Made, error) {
	out, err := p.ram.CreateResourceShare(ctx, &ram.CreateResourceShareInput{
		Name:                    awssdk.String(given(in, "name", name)),
		AllowExternalPrincipals: awssdk.Bool(flag(in, "allowExternalPrincipals")),
		Tags:                    ramTags(tags(in)),
	})
	if err != nil {
		return engine.Made{}, err
	}
	arn := awssdk.ToString(out.ResourceShare.ResourceShareArn)
	made := engine.Made{ID: arn, Outputs: engine.Properties{"arn": arn, "name": awssdk.ToString(out.ResourceShare.Name)}}
	err = poll(ctx, "resource share "+arn, func() (bool, error) {
		share, err := p.share(ctx, arn)
		if err != nil || share == nil {
			return false, err
		}
		if share.Status == types.ResourceShareStatusFailed {
			return false, fmt.Errorf("resource share %s failed: %s", arn, awssdk.ToString(share.StatusMessage))
		}
		return share.Status == types.ResourceShareStatusActive, nil
	})
	if err != nil {
		return made, err
	}
	_, err = p.ram.ListResourceSharePermissions(ctx, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &arn})
	return made, err
}

func (p *Provider) readShare(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
	share, err := p.share(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	if share == nil || share.Status != types.ResourceShareStatusActive {
		return nil, nil, engine.ErrGone
	}
	return engine.Properties{
		"name":                    awssdk.ToString(share.Name),
		"allowExternalPrincipals": shown(share.AllowExternalPrincipals),
		"tags":                    shownPairs(share.Tags, func(tag types.Tag) (key, value *string) { return tag.Key, tag.Value }),
	}, engine.Properties{"arn": awssdk.ToString(share.ResourceShareArn), "name": awssdk.ToString(share.Name)}, nil
}

func (p *Provider) deleteShare(ctx context.Context, r engine.Existing) error {
	_, err := p.ram.DeleteResourceShare(ctx, &ram.DeleteResourceShareInput{ResourceShareArn: &r.ID})
	if err := unless(err, noShare); err != nil {
		return err
	}
	return poll(ctx, "the end of "+r.ID, func() (bool, error) {
		share, err := p.share(ctx, r.ID)
		return share == nil || share.Status == types.ResourceShareStatusDeleted, err
	})
}

// association is a share's with a principal or with a resource.
type association struct {
	share               string
	principal, resource string
}

func (p *Provider) principalKind() kind {
	return p.associationKind(func(in engine.Properties) association {
		return association{share: text(in, "resourceShareArn"), principal: text(in, "principal")}
	})
}

func (p *Provider) resourceKind() kind {
	return p.associationKind(func(in engine.Properties) association {
		return association{share: text(in, "resourceShareArn"), resource: text(in, "resourceArn")}
	})
}

func (p *Provider) associationKind(of func(engine.Properties) association) kind {
	return kind{
		create: func(ctx context.Context, _ string, in engine.Properties) (engine.Made, error) {
			a := of(in)
			associate := &ram.AssociateResourceShareInput{ResourceShareArn: &a.share, Principals: one(a.principal), ResourceArns: one(a.resource)}
			if _, err := p.ram.AssociateResourceShare(ctx, associate); err != nil {
				return engine.Made{}, err
			}
			made := engine.Made{ID: a.share + "," + a.principal + a.resource, Outputs: engine.Properties{}}
			return made, poll(ctx, "association "+made.ID, func() (bool, error) {
				found, err := p.association(ctx, a)
				if err != nil || found == nil {
					return false, err
				}
				if found.Status == types.ResourceShareAssociationStatusFailed {
					return false, fmt.Errorf("association %s failed: %s", made.ID, awssdk.ToString(found.StatusMessage))
				}
				return found.Status == types.ResourceShareAssociationStatusAssociated, nil
			})
		},
		read: func(ctx context.Context, r engine.Existing) (inputs, outputs engine.Properties, err error) {
			a := of(r.Inputs)
			found, err := p.association(ctx, a)
			if err != nil {
				return nil, nil, err
			}
			if found == nil || found.Status != types.ResourceShareAssociationStatusAssociated {
				return nil, nil, engine.ErrGone
			}
			input := "resourceArn"
			if a.principal != "" {
				input = "principal"
			}
			return engine.Properties{
				"resourceShareArn": awssdk.ToString(found.ResourceShareArn), input: awssdk.ToString(found.AssociatedEntity),
			}, engine.Properties{}, nil
		},
		delete: func(ctx context.Context, r engine.Existing) error {
			a := of(r.Inputs)
			_, err := p.ram.DisassociateResourceShare(ctx, &ram.DisassociateResourceShareInput{
				ResourceShareArn: &a.share, Principals: one(a.principal), ResourceArns: one(a.resource),
			})
			if err := unless(err, noShare); err != nil {
				return err
			}
			return poll(ctx, "the end of association "+r.ID, func() (bool, error) {
				found, err := p.association(ctx, a)
				return found == nil || found.Status == types.ResourceShareAssociationStatusDisassociated, err
			})
		},
	}
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// association answers nil where there is none, and one that has ended only where there is no other.
func (p *Provider) association(ctx context.Context, a association) (*types.ResourceShareAssociation, error) {
	in := &ram.GetResourceShareAssociationsInput{ResourceShareArns: []string{a.share}}
	if a.principal != "" {
		in.AssociationType, in.Principal = types.ResourceShareAssociationTypePrincipal, &a.principal
	} else {
		in.AssociationType, in.ResourceArn = types.ResourceShareAssociationTypeResource, &a.resource
	}
	out, err := p.ram.GetResourceShareAssociations(ctx, in)
	if err != nil || len(out.ResourceShareAssociations) == 0 {
		return nil, unless(err, noShare)
	}
	for _, found := range out.ResourceShareAssociations {
		if found.Status != types.ResourceShareAssociationStatusDisassociated {
			return &found, nil
		}
	}
	return &out.ResourceShareAssociations[0], nil
}
