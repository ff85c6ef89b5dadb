package cloudcontrol

import (
	"maps"
	"slices"
	"strings"

	"trellis/internal/aws/model/ram"
)

func ramTags(all map[string]string) []ram.Tag {
	var out []ram.Tag
	for k, v := range all {
		out = append(out, ram.Tag{Key: &k, Value: &v})
	}
	return out
}

func ramTag(t ram.Tag) (*string, *string) { return t.Key, t.Value }

// sharePermission is one that an account made.
func sharePermission() *resource {
	const template = "PolicyTemplate"
	r := &resource{}
	r.create = func(c *call, want model) error {
		out, err := do[ram.CreatePermissionOutput](c, ram.Model, "CreatePermission", &ram.CreatePermissionInput{Name: want.text("Name"), ResourceType: want.text("ResourceType"),
			PolicyTemplate: policyText(want[template]), ClientToken: &c.token, Tags: ramTags(want.tags())})
		if err == nil {
			c.made(out.Permission.Arn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[ram.GetPermissionOutput](c, ram.Model, "GetPermission", &ram.GetPermissionInput{PermissionArn: &id})
		if err != nil {
			return nil, err
		}
		m := withTags(r, *out.Permission, out.Permission.Tags, ramTag)
		m[template] = policyObject(out.Permission.Permission)
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		return exchangeTags(want, have, func(keys []string) error {
			_, err := do[ram.UntagResourceOutput](c, ram.Model, "UntagResource", &ram.UntagResourceInput{ResourceArn: &id, TagKeys: keys})
			return err
		}, func(all map[string]string) error {
			_, err := do[ram.TagResourceOutput](c, ram.Model, "TagResource", &ram.TagResourceInput{ResourceArn: &id, Tags: ramTags(all)})
			return err
		})
	}
	r.remove = func(c *call, id string) error {
		_, err := do[ram.DeletePermissionOutput](c, ram.Model, "DeletePermission", &ram.DeletePermissionInput{PermissionArn: &id, ClientToken: &c.token})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]ram.ResourceSharePermissionSummary, *string, error) {
			out, err := do[ram.ListPermissionsOutput](c, ram.Model, "ListPermissions", &ram.ListPermissionsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Permissions, out.NextToken, nil
		})
		return each(all, err, func(p ram.ResourceSharePermissionSummary) model { return r.show(p) })
	})
	return r
}

func resourceShare() *resource {
	r := &resource{unbuilt: []string{"ResourceShareConfiguration/ExclusiveAccountAccess", "Sources"}, absent: model{"AllowExternalPrincipals": true}}
	find := func(c *call, arns []string) ([]ram.ResourceShare, error) {
		return pages(func(token *string) ([]ram.ResourceShare, *string, error) {
			out, err := do[ram.GetResourceSharesOutput](c, ram.Model, "GetResourceShares", &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), ResourceShareArns: arns, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.ResourceShares, out.NextToken, nil
		})
	}
	show := func(s ram.ResourceShare) model {
		if state := str(s.Status); state == "DELETED" || state == "DELETING" {
			return nil
		}
		m := withTags(r, s, s.Tags, ramTag)
		m["Arn"] = str(s.ResourceShareArn)
		return m
	}
	r.create = func(c *call, want model) error {
		in := ram.CreateResourceShareInput{}
		if err := want.into(&in); err != nil {
			return err
		}
		in.ClientToken, in.Tags = &c.token, ramTags(want.tags())
		out, err := do[ram.CreateResourceShareOutput](c, ram.Model, "CreateResourceShare", &in)
		if err == nil {
			c.made(out.ResourceShare.ResourceShareArn)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		all, err := find(c, []string{id})
		s, err := only(all, err, "ResourceShare %s could not be found.", id)
		if err != nil {
			return nil, err
		}
		if m := show(*s); m != nil {
			return m, nil
		}
		return nil, missing("ResourceShare %s could not be found.", id)
	}
	// What a share holds is write-only: a patch that names it says what is to be associated, and nothing else is.
	r.update = func(c *call, id string, want, have model) error {
		in := ram.UpdateResourceShareInput{}
		part := model{}
		for _, name := range []string{"Name", "AllowExternalPrincipals"} {
			if differ(want, have, name) && want[name] != nil {
				part[name] = want[name]
			}
		}
		if len(part) > 0 {
			if err := part.into(&in); err != nil {
				return err
			}
			in.ResourceShareArn = &id
			if _, err := do[ram.UpdateResourceShareOutput](c, ram.Model, "UpdateResourceShare", &in); err != nil {
				return err
			}
		}
		if err := c.permit(id, want); err != nil {
			return err
		}
		if err := c.associate(id, want); err != nil {
			return err
		}
		return exchangeTags(want, have, func(keys []string) error {
			_, err := do[ram.UntagResourceOutput](c, ram.Model, "UntagResource", &ram.UntagResourceInput{ResourceShareArn: &id, TagKeys: keys})
			return err
		}, func(all map[string]string) error {
			_, err := do[ram.TagResourceOutput](c, ram.Model, "TagResource", &ram.TagResourceInput{ResourceShareArn: &id, Tags: ramTags(all)})
			return err
		})
	}
	r.remove = func(c *call, id string) error {
		if _, err := r.read(c, id); err != nil {
			return err
		}
		_, err := do[ram.DeleteResourceShareOutput](c, ram.Model, "DeleteResourceShare", &ram.DeleteResourceShareInput{ResourceShareArn: &id, ClientToken: &c.token})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := find(c, nil)
		return each(all, err, show)
	})
	return r
}

// permit gives a share the permissions that the model names, each in the place of another for its type of resource.
func (c *call) permit(share string, want model) error {
	for _, permission := range want.texts("PermissionArns") {
		if _, err := do[ram.AssociateResourceSharePermissionOutput](c, ram.Model, "AssociateResourceSharePermission", &ram.AssociateResourceSharePermissionInput{
			ResourceShareArn: &share, PermissionArn: &permission, Replace: new(true)}); err != nil {
			return err
		}
	}
	return nil
}

// associate makes what a share holds, and whom it is for, what the model names.
func (c *call) associate(share string, want model) error {
	for _, of := range []struct{ property, kind string }{{"ResourceArns", "RESOURCE"}, {"Principals", "PRINCIPAL"}} {
		if _, named := want[of.property]; !named {
			continue
		}
		had := map[string]bool{}
		_, err := pages(func(token *string) ([]ram.ResourceShareAssociation, *string, error) {
			out, err := do[ram.GetResourceShareAssociationsOutput](c, ram.Model, "GetResourceShareAssociations", &ram.GetResourceShareAssociationsInput{
				AssociationType: &of.kind, ResourceShareArns: []string{share}, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, a := range out.ResourceShareAssociations {
				if !strings.HasPrefix(str(a.Status), "DISASSOCIAT") {
					had[str(a.AssociatedEntity)] = true
				}
			}
			return nil, out.NextToken, nil
		})
		if err != nil {
			return err
		}
		var added []string
		for _, entity := range want.texts(of.property) {
			if !had[entity] {
				added = append(added, entity)
			}
			delete(had, entity)
		}
		in, gone := ram.AssociateResourceShareInput{ResourceShareArn: &share}, ram.DisassociateResourceShareInput{ResourceShareArn: &share}
		in.ResourceArns, gone.ResourceArns = added, slices.Sorted(maps.Keys(had))
		if of.kind == "PRINCIPAL" {
			in.ResourceArns, in.Principals, gone.ResourceArns, gone.Principals = nil, added, nil, gone.ResourceArns
		}
		if len(had) > 0 {
			if _, err := do[ram.DisassociateResourceShareOutput](c, ram.Model, "DisassociateResourceShare", &gone); err != nil {
				return err
			}
		}
		if len(added) > 0 {
			if _, err := do[ram.AssociateResourceShareOutput](c, ram.Model, "AssociateResourceShare", &in); err != nil {
				return err
			}
		}
	}
	return nil
}
