package cloudcontrol

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"trellis/internal/aws/model/logs"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/fault"
)

// accountTypes are the types of CloudWatch Logs, Organizations and RAM.
func accountTypes() map[string]*resource {
	return map[string]*resource{
		"AWS::Logs::LogGroup":                    logGroup(),
		"AWS::Organizations::Organization":       organization(),
		"AWS::Organizations::OrganizationalUnit": organizationalUnit(),
		"AWS::Organizations::Account":            memberAccount(),
		"AWS::RAM::ResourceShare":                resourceShare(),
		"AWS::RAM::Permission":                   sharePermission(),
	}
}

func logGroup() *resource {
	const retention, protection = "RetentionInDays", "DeletionProtectionEnabled"
	r := &resource{once: true, lasting: []string{"LogGroupClass"},
		unbuilt: []string{"BearerTokenAuthenticationEnabled", "DataProtectionPolicy", "FieldIndexPolicies", "KmsKeyId", "ResourcePolicyDocument"}}
	groups := func(c *call, prefix *string) ([]logs.LogGroup, error) {
		return pages(func(token *string) ([]logs.LogGroup, *string, error) {
			out, err := do[logs.DescribeLogGroupsOutput](c, logs.Model, "DescribeLogGroups", &logs.DescribeLogGroupsInput{LogGroupNamePrefix: prefix, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.LogGroups, out.NextToken, nil
		})
	}
	retain := func(c *call, id string, days *int32) (err error) {
		if days == nil {
			_, err = do[logs.DeleteRetentionPolicyOutput](c, logs.Model, "DeleteRetentionPolicy", &logs.DeleteRetentionPolicyInput{LogGroupName: &id})
		} else {
			_, err = do[logs.PutRetentionPolicyOutput](c, logs.Model, "PutRetentionPolicy", &logs.PutRetentionPolicyInput{LogGroupName: &id, RetentionInDays: days})
		}
		return err
	}
	r.create = func(c *call, want model) error {
		name := new(cmp.Or(str(want.text("LogGroupName")), *c.nameOf(want)))
		_, err := do[logs.CreateLogGroupOutput](c, logs.Model, "CreateLogGroup", &logs.CreateLogGroupInput{LogGroupName: name,
			LogGroupClass: want.text("LogGroupClass"), DeletionProtectionEnabled: want.flag(protection), Tags: want.tags()})
		if fault.Is(err, fault.Exists) {
			return r.taken(model{"/properties/LogGroupName": *name}.json())
		}
		if err == nil {
			c.made(name)
		}
		return err
	}
	r.complete = func(c *call, want model) error {
		if days := want.number(retention); days != nil {
			return retain(c, c.id, days)
		}
		return nil
	}
	r.read = func(c *call, id string) (model, error) {
		all, err := groups(c, &id)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(g logs.LogGroup) bool { return str(g.LogGroupName) == id })
		if i < 0 {
			return nil, missing("The specified log group does not exist.")
		}
		m := r.show(all[i])
		tags, err := do[logs.ListTagsForResourceOutput](c, logs.Model, "ListTagsForResource", &logs.ListTagsForResourceInput{ResourceArn: new(strings.TrimSuffix(str(all[i].Arn), ":*"))})
		if err != nil {
			return nil, err
		}
		m[tagsProperty] = showTags(tags.Tags)
		return m, nil
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, retention) {
			if err := retain(c, id, want.number(retention)); err != nil {
				return err
			}
		}
		if protect := cmp.Or(want.flag(protection), new(false)); differ(want, have, protection) {
			if _, err := do[logs.PutLogGroupDeletionProtectionOutput](c, logs.Model, "PutLogGroupDeletionProtection", &logs.PutLogGroupDeletionProtectionInput{
				LogGroupIdentifier: &id, DeletionProtectionEnabled: protect}); err != nil {
				return err
			}
		}
		arn := strings.TrimSuffix(str(have.text("Arn")), ":*")
		return exchangeTags(want, have, func(keys []string) error {
			_, err := do[logs.UntagResourceOutput](c, logs.Model, "UntagResource", &logs.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
			return err
		}, func(tags map[string]string) error {
			_, err := do[logs.TagResourceOutput](c, logs.Model, "TagResource", &logs.TagResourceInput{ResourceArn: &arn, Tags: tags})
			return err
		})
	}
	r.remove = func(c *call, id string) error {
		_, err := do[logs.DeleteLogGroupOutput](c, logs.Model, "DeleteLogGroup", &logs.DeleteLogGroupInput{LogGroupName: &id})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := groups(c, by.text("LogGroupName"))
		return each(all, err, func(g logs.LogGroup) model { return r.show(g) })
	})
	return r
}

func organizationTags(tags map[string]string) []organizations.Tag {
	var out []organizations.Tag
	for k, v := range tags {
		out = append(out, organizations.Tag{Key: &k, Value: &v})
	}
	return out
}

func (c *call) retagOrganization(id string, want, have model) error {
	return exchangeTags(want, have, func(keys []string) error {
		_, err := do[organizations.UntagResourceOutput](c, organizations.Model, "UntagResource", &organizations.UntagResourceInput{ResourceId: &id, TagKeys: keys})
		return err
	}, func(tags map[string]string) error {
		_, err := do[organizations.TagResourceOutput](c, organizations.Model, "TagResource", &organizations.TagResourceInput{ResourceId: &id, Tags: organizationTags(tags)})
		return err
	})
}

// inOrganization adds a resource's tags and the one it is in, under the property that the type has for it.
func (c *call) inOrganization(m model, id, property string, several bool) (model, error) {
	out, err := do[organizations.ListTagsForResourceOutput](c, organizations.Model, "ListTagsForResource", &organizations.ListTagsForResourceInput{ResourceId: &id})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[str(t.Key)] = str(t.Value)
	}
	m[tagsProperty] = showTags(tags)
	above, err := do[organizations.ListParentsOutput](c, organizations.Model, "ListParents", &organizations.ListParentsInput{ChildId: &id})
	if err != nil {
		return nil, err
	}
	parent, err := only(above.Parents, nil, "%s has no parent", id)
	if err != nil {
		return nil, err
	}
	if m[property] = str(parent.Id); several {
		m[property] = []any{str(parent.Id)}
	}
	return m, nil
}

func organization() *resource {
	r := &resource{once: true}
	r.create = func(c *call, want model) error {
		out, err := do[organizations.CreateOrganizationOutput](c, organizations.Model, "CreateOrganization", &organizations.CreateOrganizationInput{FeatureSet: want.text("FeatureSet")})
		if err == nil {
			c.made(out.Organization.Id)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[organizations.DescribeOrganizationOutput](c, organizations.Model, "DescribeOrganization", &organizations.DescribeOrganizationInput{})
		if err != nil {
			return nil, err
		}
		o := out.Organization
		if str(o.Id) != id {
			return nil, missing("Your account is not in the organization %s.", id)
		}
		m := r.show(*o)
		m["ManagementAccountArn"], m["ManagementAccountId"], m["ManagementAccountEmail"] = str(o.MasterAccountArn), str(o.MasterAccountId), str(o.MasterAccountEmail)
		roots, err := do[organizations.ListRootsOutput](c, organizations.Model, "ListRoots", &organizations.ListRootsInput{})
		if err != nil {
			return nil, err
		}
		if len(roots.Roots) == 1 {
			m["RootId"] = str(roots.Roots[0].Id)
		}
		return m, nil
	}
	r.update = func(c *call, _ string, want, have model) error {
		if !differ(want, have, "FeatureSet") {
			return nil
		}
		return &failure{invalidRequest, "Update between ALL and CONSOLIDATED_BILLING feature set mode is not supported."}
	}
	r.remove = func(c *call, id string) error {
		if _, err := r.read(c, id); err != nil {
			return err
		}
		_, err := do[organizations.DeleteOrganizationOutput](c, organizations.Model, "DeleteOrganization", &organizations.DeleteOrganizationInput{})
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		out, err := do[organizations.DescribeOrganizationOutput](c, organizations.Model, "DescribeOrganization", &organizations.DescribeOrganizationInput{})
		if err != nil {
			return nil, err
		}
		return []model{{"Id": str(out.Organization.Id)}}, nil
	})
	return r
}

func organizationalUnit() *resource {
	r := &resource{once: true}
	r.create = func(c *call, want model) error {
		out, err := do[organizations.CreateOrganizationalUnitOutput](c, organizations.Model, "CreateOrganizationalUnit", &organizations.CreateOrganizationalUnitInput{
			Name: want.text("Name"), ParentId: want.text("ParentId"), Tags: organizationTags(want.tags())})
		if err == nil {
			c.made(out.OrganizationalUnit.Id)
		}
		return err
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[organizations.DescribeOrganizationalUnitOutput](c, organizations.Model, "DescribeOrganizationalUnit", &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &id})
		if err != nil {
			return nil, err
		}
		return c.inOrganization(r.show(*out.OrganizationalUnit), id, "ParentId", false)
	}
	r.update = func(c *call, id string, want, have model) error {
		if differ(want, have, "Name") {
			if _, err := do[organizations.UpdateOrganizationalUnitOutput](c, organizations.Model, "UpdateOrganizationalUnit", &organizations.UpdateOrganizationalUnitInput{
				OrganizationalUnitId: &id, Name: want.text("Name")}); err != nil {
				return err
			}
		}
		return c.retagOrganization(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[organizations.DeleteOrganizationalUnitOutput](c, organizations.Model, "DeleteOrganizationalUnit", &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &id})
		return err
	}
	r.list = r.listed(func(c *call, by model) ([]model, error) {
		all, err := pages(func(token *string) ([]organizations.OrganizationalUnit, *string, error) {
			out, err := do[organizations.ListOrganizationalUnitsForParentOutput](c, organizations.Model, "ListOrganizationalUnitsForParent",
				&organizations.ListOrganizationalUnitsForParentInput{ParentId: by.text("ParentId"), NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.OrganizationalUnits, out.NextToken, nil
		})
		return each(all, err, func(u organizations.OrganizationalUnit) model { return r.show(u) })
	})
	return r
}

// accountFailures are what the reasons mean why no account was created.
var accountFailures = map[string]string{"EMAIL_ALREADY_EXISTS": alreadyExists, "GOVCLOUD_ACCOUNT_ALREADY_EXISTS": alreadyExists,
	"ACCOUNT_LIMIT_EXCEEDED": limitExceeded, "INVALID_ADDRESS": invalidRequest, "INVALID_EMAIL": invalidRequest}

// memberAccount is an account of an organization. To delete it is to close it.
func memberAccount() *resource {
	const parents = "ParentIds"
	r := &resource{once: true}
	// An account of which no parent is wanted belongs under the root.
	move := func(c *call, id string, want, have model) error {
		to := want.texts(parents)
		switch {
		case len(to) > 1:
			return &failure{invalidRequest, "Can not specify more than one parent id in request for account [" + id + "]."}
		case len(to) == 0:
			roots, err := do[organizations.ListRootsOutput](c, organizations.Model, "ListRoots", &organizations.ListRootsInput{})
			if err != nil {
				return err
			}
			root, err := only(roots.Roots, nil, "the organization has no root")
			if err != nil {
				return err
			}
			to = []string{str(root.Id)}
		}
		if slices.Equal(to, have.texts(parents)) {
			return nil
		}
		_, err := do[organizations.MoveAccountOutput](c, organizations.Model, "MoveAccount", &organizations.MoveAccountInput{AccountId: &id,
			SourceParentId: new(cmp.Or(have.texts(parents)...)), DestinationParentId: &to[0]})
		return err
	}
	show := func(a organizations.Account) model {
		m := r.show(a)
		m["AccountId"], m["AccountName"] = str(a.Id), str(a.Name)
		return m
	}
	r.create = func(c *call, want model) error {
		out, err := do[organizations.CreateAccountOutput](c, organizations.Model, "CreateAccount", &organizations.CreateAccountInput{AccountName: want.text("AccountName"),
			Email: want.text("Email"), RoleName: want.text("RoleName"), Tags: organizationTags(want.tags())})
		if err != nil {
			return err
		}
		return c.until(func() (bool, error) {
			status, err := do[organizations.DescribeCreateAccountStatusOutput](c, organizations.Model, "DescribeCreateAccountStatus",
				&organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: out.CreateAccountStatus.Id})
			if err != nil {
				return false, err
			}
			switch s := status.CreateAccountStatus; str(s.State) {
			case "SUCCEEDED":
				c.made(s.AccountId)
				return true, nil
			case "FAILED":
				code := cmp.Or(accountFailures[str(s.FailureReason)], generalService)
				return false, &failure{code, fmt.Sprintf("Account creation failed with reason [%s] for request id: %s", str(s.FailureReason), str(s.Id))}
			}
			return false, nil
		})
	}
	r.complete = func(c *call, want model) error {
		have, err := r.read(c, c.id)
		if err != nil {
			return err
		}
		return move(c, c.id, want, have)
	}
	r.read = func(c *call, id string) (model, error) {
		out, err := do[organizations.DescribeAccountOutput](c, organizations.Model, "DescribeAccount", &organizations.DescribeAccountInput{AccountId: &id})
		if err != nil {
			return nil, err
		}
		return c.inOrganization(show(*out.Account), id, parents, true)
	}
	r.update = func(c *call, id string, want, have model) error {
		switch {
		case want["RoleName"] != nil:
			return &failure{invalidRequest, "You cannot update IAM role name."}
		case differ(want, have, "AccountName") || differ(want, have, "Email"):
			return &failure{invalidRequest, "The name and the email address of an account are changed by its root user."}
		}
		if err := move(c, id, want, have); err != nil {
			return err
		}
		return c.retagOrganization(id, want, have)
	}
	r.remove = func(c *call, id string) error {
		_, err := do[organizations.CloseAccountOutput](c, organizations.Model, "CloseAccount", &organizations.CloseAccountInput{AccountId: &id})
		var e *fault.Error
		if errors.As(err, &e) && e.Code == "AccountAlreadyClosedException" {
			return missing("%s", e.Message)
		}
		return err
	}
	r.list = r.listed(func(c *call, _ model) ([]model, error) {
		all, err := pages(func(token *string) ([]organizations.Account, *string, error) {
			out, err := do[organizations.ListAccountsOutput](c, organizations.Model, "ListAccounts", &organizations.ListAccountsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Accounts, out.NextToken, nil
		})
		return each(all, err, show)
	})
	return r
}
