package ram_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"trellis/internal/aws/model/ram"
	"trellis/internal/share"
	"trellis/internal/state"
)

const (
	networks = "vpc-lattice:ServiceNetwork"
	get      = "vpc-lattice:GetServiceNetwork"
	attach   = "vpc-lattice:CreateServiceNetworkVpcAssociation"
	offer    = "vpc-lattice:CreateServiceNetworkServiceAssociation"
)

func template(actions ...string) *string {
	return new(`{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"]}`)
}

// own makes a permission of the owner's for service networks and returns its ARN.
func (e *env) own(name string, actions ...string) *string {
	e.Helper()
	return must(e, e.CreatePermission)(owner, &ram.CreatePermissionInput{Name: &name, ResourceType: new(networks), PolicyTemplate: template(actions...)}).Permission.Arn
}

// may holds what blue may do with a network to what it should.
func (e *env) may(net string, actions ...string) {
	e.Helper()
	for _, action := range []string{get, attach, offer} {
		want(e.T, "blue may "+action, state.SharedFor(e.view.Snapshot(), net, blue, action), slices.Contains(actions, action))
	}
}

func TestPermissionsTakeEffect(t *testing.T) {
	e := newEnv(t)
	e.enable()
	net := e.network(owner, "net")
	reader := e.own("reader", get)
	s := e.share(&ram.CreateResourceShareInput{ResourceArns: []string{net}, Principals: []string{blue}, PermissionArns: []string{*reader}})
	e.may(net, get)
	policy := must(e, e.GetResourcePolicies)(owner, &ram.GetResourcePoliciesInput{ResourceArns: []string{net}}).Policies
	if len(policy) != 1 || !strings.Contains(policy[0], `"Action":["vpc-lattice:GetServiceNetwork"]`) {
		t.Errorf("policies %v", policy)
	}

	// A new version is the default; shares keep theirs until they are given it.
	second := must(e, e.CreatePermissionVersion)(owner, &ram.CreatePermissionVersionInput{PermissionArn: reader, PolicyTemplate: template(get, attach)}).Permission
	want(t, "version", *second.Version, "2")
	e.may(net, get)
	has := func() (string, bool) {
		list := must(e, e.ListResourceSharePermissions)(blue, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &s}).Permissions
		return *list[0].Version, *list[0].DefaultVersion
	}
	if version, standard := has(); version != "1" || standard {
		t.Errorf("the share has version %s, default %t", version, standard)
	}
	refused(e, e.AssociateResourceSharePermission)(owner, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &s, PermissionArn: reader}, "InvalidParameterException")
	refused(e, e.AssociateResourceSharePermission)(owner, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &s, PermissionArn: reader, PermissionVersion: new(int32(1)), Replace: new(true)}, "InvalidParameterException")
	must(e, e.AssociateResourceSharePermission)(owner, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &s, PermissionArn: reader, Replace: new(true)})
	e.may(net, get, attach)

	// Back to the first, in all shares at once.
	must(e, e.SetDefaultPermissionVersion)(owner, &ram.SetDefaultPermissionVersionInput{PermissionArn: reader, PermissionVersion: new(int32(1))})
	e.may(net, get, attach)
	refused(e, e.DeletePermissionVersion)(owner, &ram.DeletePermissionVersionInput{PermissionArn: reader, PermissionVersion: new(int32(1))}, "OperationNotPermittedException")
	refused(e, e.DeletePermissionVersion)(owner, &ram.DeletePermissionVersionInput{PermissionArn: reader, PermissionVersion: new(int32(2))}, "OperationNotPermittedException")
	in := &ram.ReplacePermissionAssociationsInput{FromPermissionArn: reader, FromPermissionVersion: new(int32(2)), ToPermissionArn: reader, ClientToken: new("t")}
	work := must(e, e.ReplacePermissionAssociations)(owner, in).ReplacePermissionAssociationsWork
	want(t, "work", *work.Status+*work.FromPermissionVersion+*work.ToPermissionVersion, "COMPLETED21")
	want(t, "the same work", *must(e, e.ReplacePermissionAssociations)(owner, in).ReplacePermissionAssociationsWork.Id, *work.Id)
	for account, n := range map[string]int{owner: 1, blue: 0} {
		want(t, "works of "+account, len(must(e, e.ListReplacePermissionAssociationsWork)(account, &ram.ListReplacePermissionAssociationsWorkInput{WorkIds: []string{*work.Id}, Status: new("COMPLETED")}).ReplacePermissionAssociationsWorks), n)
	}
	want(t, "works that fail", len(must(e, e.ListReplacePermissionAssociationsWork)(owner, &ram.ListReplacePermissionAssociationsWorkInput{Status: new("FAILED")}).ReplacePermissionAssociationsWorks), 0)
	e.may(net, get)
	must(e, e.DeletePermissionVersion)(owner, &ram.DeletePermissionVersionInput{PermissionArn: reader, PermissionVersion: new(int32(2))})
	refused(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: reader, PermissionVersion: new(int32(2))}, "UnknownResourceException")
	third := must(e, e.CreatePermissionVersion)(owner, &ram.CreatePermissionVersionInput{PermissionArn: reader, PolicyTemplate: template(get, offer)}).Permission
	want(t, "a number is not used again", *third.Version, "3")

	// AWS's own permission in its place, and it in that one's.
	refused(e, e.DeletePermission)(owner, &ram.DeletePermissionInput{PermissionArn: reader}, "OperationNotPermittedException")
	refused(e, e.DisassociateResourceSharePermission)(owner, &ram.DisassociateResourceSharePermissionInput{ResourceShareArn: &s, PermissionArn: reader}, "InvalidStateTransitionException")
	all := shareType(t, networks).PermissionARN()
	refused(e, e.AssociateResourceSharePermission)(owner, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &s, PermissionArn: &all}, "InvalidParameterException")
	must(e, e.ReplacePermissionAssociations)(owner, &ram.ReplacePermissionAssociationsInput{FromPermissionArn: reader, ToPermissionArn: &all})
	e.may(net, get, attach, offer)
	want(t, "shares with it", len(must(e, e.GetResourceShares)(owner, &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), PermissionArn: reader}).ResourceShares), 0)
	want(t, "what is left of it", *must(e, e.DeletePermission)(owner, &ram.DeletePermissionInput{PermissionArn: reader}).PermissionStatus, "DELETED")
	refused(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: reader}, "UnknownResourceException")
	e.may(net, get, attach, offer)
}

func shareType(t *testing.T, name string) share.Type {
	t.Helper()
	typ, ok := share.TypeNamed(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return typ
}

func TestPermissionsAreTheirOwners(t *testing.T) {
	e := newEnv(t)
	reader := e.own("reader", get)
	refused(e, e.GetPermission)(blue, &ram.GetPermissionInput{PermissionArn: reader}, "UnknownResourceException")
	refused(e, e.CreatePermissionVersion)(blue, &ram.CreatePermissionVersionInput{PermissionArn: reader, PolicyTemplate: template(attach)}, "UnknownResourceException")
	refused(e, e.DeletePermission)(blue, &ram.DeletePermissionInput{PermissionArn: reader}, "UnknownResourceException")
	refused(e, e.SetDefaultPermissionVersion)(blue, &ram.SetDefaultPermissionVersionInput{PermissionArn: reader, PermissionVersion: new(int32(1))}, "UnknownResourceException")
	refused(e, e.CreateResourceShare)(blue, &ram.CreateResourceShareInput{Name: new("s"), PermissionArns: []string{*reader}}, "UnknownResourceException")
	refused(e, e.TagResource)(blue, &ram.TagResourceInput{ResourceArn: reader, Tags: []ram.Tag{{Key: new("k"), Value: new("v")}}}, "UnknownResourceException")
	managed := shareType(t, networks).PermissionARN()
	refused(e, e.CreatePermissionVersion)(owner, &ram.CreatePermissionVersionInput{PermissionArn: &managed, PolicyTemplate: template(get)}, "OperationNotPermittedException")
	refused(e, e.DeletePermission)(owner, &ram.DeletePermissionInput{PermissionArn: &managed}, "OperationNotPermittedException")

	must(e, e.TagResource)(owner, &ram.TagResourceInput{ResourceArn: reader, Tags: []ram.Tag{{Key: new("k"), Value: new("v")}, {Key: new("l"), Value: new("w")}}})
	must(e, e.UntagResource)(owner, &ram.UntagResourceInput{ResourceArn: reader, TagKeys: []string{"k"}})
	shown := must(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: reader}).Permission
	if len(shown.Tags) != 1 || *shown.Tags[0].Key != "l" || *shown.PermissionType != "CUSTOMER_MANAGED" || *shown.IsResourceTypeDefault || *shown.Permission != *template(get) {
		t.Errorf("shown %v", shown)
	}
	for filter, n := range map[string]int{"ALL": 4, "AWS_MANAGED": 3, "CUSTOMER_MANAGED": 1} {
		want(t, filter, len(must(e, e.ListPermissions)(owner, &ram.ListPermissionsInput{PermissionType: &filter}).Permissions), n)
	}
	want(t, "others' permissions", len(must(e, e.ListPermissions)(blue, &ram.ListPermissionsInput{}).Permissions), 3)
}

func TestPermissionsRefused(t *testing.T) {
	e := newEnv(t)
	for text, code := range map[string]string{
		"":     "MalformedPolicyTemplateException",
		"null": "MalformedPolicyTemplateException",
		"[]":   "MalformedPolicyTemplateException",
		`{"Effect":"Deny","Action":["` + get + `"]}`:                                    "MalformedPolicyTemplateException",
		`{"Effect":"Allow","Action":[]}`:                                                "MalformedPolicyTemplateException",
		`{"Effect":"Allow"}`:                                                            "MalformedPolicyTemplateException",
		`{"Effect":"Allow","Action":["` + get + `"],"Resource":"*"}`:                    "MalformedPolicyTemplateException",
		`{"Effect":"Allow","Action":["` + get + `"]} {}`:                                "MalformedPolicyTemplateException",
		`{"Effect":"Allow","Action":["` + get + `"],"Condition":{"Bool":{"a":"true"}}}`: "InvalidPolicyException",
		`{"Effect":"Allow","Action":["vpc-lattice:DeleteServiceNetwork"]}`:              "InvalidPolicyException",
		`{"Effect":"Allow","Action":"*"}`:                                               "InvalidPolicyException",
		`{"Effect":"Allow","Action":["vpc-lattice:GetService"]}`:                        "InvalidPolicyException",
	} {
		refused(e, e.CreatePermission)(owner, &ram.CreatePermissionInput{Name: new("p"), ResourceType: new(networks), PolicyTemplate: &text}, code)
	}
	in := &ram.CreatePermissionInput{Name: new("p"), ResourceType: new(networks), PolicyTemplate: new(`{"Effect":"ALLOW","Action":"` + get + `"}`), ClientToken: new("once")}
	made := must(e, e.CreatePermission)(owner, in).Permission
	want(t, "ARN", *made.Arn, "arn:aws:ram:"+region+":"+owner+":permission/p")
	want(t, "again", *must(e, e.CreatePermission)(owner, in).Permission.Arn, *made.Arn)
	refused(e, e.CreatePermission)(owner, &ram.CreatePermissionInput{Name: new("q"), ResourceType: new(networks), PolicyTemplate: template(get), ClientToken: new("once")}, "IdempotentParameterMismatchException")
	refused(e, e.CreatePermission)(owner, &ram.CreatePermissionInput{Name: new("p"), ResourceType: new(networks), PolicyTemplate: template(get)}, "PermissionAlreadyExistsException")
	refused(e, e.CreatePermission)(owner, &ram.CreatePermissionInput{Name: new("q"), ResourceType: new("ec2:Subnet"), PolicyTemplate: template(get)}, "InvalidParameterException")
	refused(e, e.DeletePermission)(owner, &ram.DeletePermissionInput{PermissionArn: new("p")}, "MalformedArnException")
	refused(e, e.DeletePermission)(owner, &ram.DeletePermissionInput{PermissionArn: new(*made.Arn + "q")}, "UnknownResourceException")
	services := shareType(t, "vpc-lattice:Service").PermissionARN()
	refused(e, e.ReplacePermissionAssociations)(owner, &ram.ReplacePermissionAssociationsInput{FromPermissionArn: made.Arn, ToPermissionArn: &services}, "InvalidParameterException")
	for range 4 {
		must(e, e.CreatePermissionVersion)(owner, &ram.CreatePermissionVersionInput{PermissionArn: made.Arn, PolicyTemplate: template(get)})
	}
	refused(e, e.CreatePermissionVersion)(owner, &ram.CreatePermissionVersionInput{PermissionArn: made.Arn, PolicyTemplate: template(get)}, "PermissionVersionsLimitExceededException")
	versions := must(e, e.ListPermissionVersions)(owner, &ram.ListPermissionVersionsInput{PermissionArn: made.Arn}).Permissions
	if len(versions) != 5 || *versions[0].Version != "1" || *versions[0].DefaultVersion || !*versions[4].DefaultVersion {
		t.Errorf("versions %v", versions)
	}
	// What was replaced is remembered for a while.
	must(e, e.ReplacePermissionAssociations)(owner, &ram.ReplacePermissionAssociationsInput{FromPermissionArn: made.Arn, ToPermissionArn: made.Arn})
	e.now = e.now.Add(2 * time.Hour)
	want(t, "works", len(must(e, e.ListReplacePermissionAssociationsWork)(owner, &ram.ListReplacePermissionAssociationsWorkInput{}).ReplacePermissionAssociationsWorks), 0)
}
