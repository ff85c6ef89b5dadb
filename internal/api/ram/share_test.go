package ram_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trellis/internal/aws/model/ram"
	"trellis/internal/state"
)

func TestEnableSharing(t *testing.T) {
	e := newEnv(t)
	refused(e, e.EnableSharingWithAwsOrganization)(owner, &ram.EnableSharingWithAwsOrganizationInput{}, "OperationNotPermittedException")
	refused(e, e.EnableSharingWithAwsOrganization)(loner, &ram.EnableSharingWithAwsOrganizationInput{}, "OperationNotPermittedException")
	e.enable()
	e.enable()
	org, _ := state.Organizations.Get(e.view.Snapshot(), e.org.ID)
	if _, trusted := org.TrustedServices["ram.amazonaws.com"]; !trusted || !org.RAMSharing {
		t.Errorf("organization %+v", org)
	}
	if _, ok := state.Roles.Get(e.view.Snapshot(), manager+"/AWSServiceRoleForResourceAccessManager"); !ok {
		t.Error("the service-linked role is missing")
	}
}

func TestClientTokens(t *testing.T) {
	e := newEnv(t)
	in := &ram.CreateResourceShareInput{Name: new("one"), ClientToken: new("token")}
	first := *must(e, e.CreateResourceShare)(owner, in).ResourceShare.ResourceShareArn
	want(t, "the same again", *must(e, e.CreateResourceShare)(owner, in).ResourceShare.ResourceShareArn, first)
	refused(e, e.CreateResourceShare)(owner, &ram.CreateResourceShareInput{Name: new("two"), ClientToken: new("token")}, "IdempotentParameterMismatchException")
	if other := *must(e, e.CreateResourceShare)(blue, in).ResourceShare.ResourceShareArn; other == first {
		t.Error("another account's token answered with this one's share")
	}
	join := &ram.AssociateResourceShareInput{ResourceShareArn: &first, Principals: []string{loner}, ClientToken: new("join")}
	must(e, e.AssociateResourceShare)(owner, join)
	join.Principals = []string{green}
	refused(e, e.AssociateResourceShare)(owner, join, "IdempotentParameterMismatchException")
	del := &ram.DeleteResourceShareInput{ResourceShareArn: &first, ClientToken: new("delete")}
	must(e, e.DeleteResourceShare)(owner, del)
	must(e, e.DeleteResourceShare)(owner, del)
	del.ClientToken = nil
	refused(e, e.DeleteResourceShare)(owner, del, "UnknownResourceException")
}

func TestUpdate(t *testing.T) {
	e := newEnv(t)
	shareARN := e.share(&ram.CreateResourceShareInput{Principals: []string{loner}})
	refused(e, e.UpdateResourceShare)(owner, &ram.UpdateResourceShareInput{ResourceShareArn: &shareARN, AllowExternalPrincipals: new(false)}, "OperationNotPermittedException")
	must(e, e.UpdateResourceShare)(owner, &ram.UpdateResourceShareInput{ResourceShareArn: &shareARN, Name: new("renamed")})
	want(t, "name in the invitation", *must(e, e.GetResourceShareInvitations)(loner, &ram.GetResourceShareInvitationsInput{}).ResourceShareInvitations[0].ResourceShareName, "renamed")
	must(e, e.DisassociateResourceShare)(owner, &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, Principals: []string{loner}})
	out := must(e, e.UpdateResourceShare)(owner, &ram.UpdateResourceShareInput{ResourceShareArn: &shareARN, AllowExternalPrincipals: new(false)}).ResourceShare
	if *out.Name != "renamed" || *out.AllowExternalPrincipals {
		t.Errorf("share %+v", out)
	}
	refused(e, e.UpdateResourceShare)(blue, &ram.UpdateResourceShareInput{ResourceShareArn: &shareARN, Name: new("x")}, "UnknownResourceException")
	refused(e, e.UpdateResourceShare)(owner, &ram.UpdateResourceShareInput{ResourceShareArn: new("share"), Name: new("x")}, "MalformedArnException")
}

// Whatever names another account's share answers as if there were none, and as in another region.
func TestWalls(t *testing.T) {
	e := newEnv(t)
	shareARN := e.share(&ram.CreateResourceShareInput{})
	perm := "arn:aws:ram::aws:permission/AWSRAMPermissionVpcLatticeServiceReadWrite"
	for _, name := range []string{shareARN, shareARN + "x"} {
		arns := []string{name}
		refused(e, e.AssociateResourceShare)(green, &ram.AssociateResourceShareInput{ResourceShareArn: &name, Principals: []string{blue}}, "UnknownResourceException")
		refused(e, e.DisassociateResourceShare)(green, &ram.DisassociateResourceShareInput{ResourceShareArn: &name, Principals: []string{green}}, "UnknownResourceException")
		refused(e, e.AssociateResourceSharePermission)(green, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &name, PermissionArn: &perm}, "UnknownResourceException")
		refused(e, e.DisassociateResourceSharePermission)(green, &ram.DisassociateResourceSharePermissionInput{ResourceShareArn: &name, PermissionArn: &perm}, "UnknownResourceException")
		refused(e, e.ListResourceSharePermissions)(green, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &name}, "UnknownResourceException")
		refused(e, e.GetResourceShareAssociations)(green, &ram.GetResourceShareAssociationsInput{AssociationType: new("RESOURCE"), ResourceShareArns: arns}, "UnknownResourceException")
		refused(e, e.ListResources)(green, &ram.ListResourcesInput{ResourceOwner: new("SELF"), ResourceShareArns: arns}, "UnknownResourceException")
		refused(e, e.ListPrincipals)(green, &ram.ListPrincipalsInput{ResourceOwner: new("OTHER-ACCOUNTS"), ResourceShareArns: arns}, "UnknownResourceException")
		refused(e, e.TagResource)(green, &ram.TagResourceInput{ResourceShareArn: &name, Tags: []ram.Tag{{Key: new("k"), Value: new("v")}}}, "UnknownResourceException")
		refused(e, e.DeleteResourceShare)(green, &ram.DeleteResourceShareInput{ResourceShareArn: &name}, "UnknownResourceException")
	}
}

func TestPermissions(t *testing.T) {
	e := newEnv(t)
	all := must(e, e.ListPermissions)(owner, &ram.ListPermissionsInput{}).Permissions
	want(t, "permissions", len(all), 3)
	for _, p := range all {
		detail := must(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: p.Arn}).Permission
		var doc struct {
			Effect string
			Action []string
		}
		if err := json.Unmarshal([]byte(*detail.Permission), &doc); err != nil || doc.Effect != "Allow" || !strings.HasPrefix(doc.Action[0], "vpc-lattice:") {
			t.Errorf("%s: %s, %v", *p.Name, *detail.Permission, err)
		}
	}
	refused(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: all[0].Arn, PermissionVersion: new(int32(2))}, "UnknownResourceException")
	refused(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: new("arn:aws:ram::aws:permission/None")}, "UnknownResourceException")
	refused(e, e.GetPermission)(owner, &ram.GetPermissionInput{PermissionArn: new("None")}, "MalformedArnException")
	refused(e, e.ListPermissions)(owner, &ram.ListPermissionsInput{ResourceType: new("ec2:Subnet")}, "InvalidParameterException")

	net := e.network(owner, "net")
	perm := "arn:aws:ram::aws:permission/AWSRAMPermissionVpcLatticeServiceNetworkReadWrite"
	shareARN := e.share(&ram.CreateResourceShareInput{PermissionArns: []string{perm}, ResourceArns: []string{net}})
	take := &ram.DisassociateResourceSharePermissionInput{ResourceShareArn: &shareARN, PermissionArn: &perm}
	refused(e, e.DisassociateResourceSharePermission)(owner, take, "InvalidStateTransitionException")
	must(e, e.DisassociateResourceShare)(owner, &ram.DisassociateResourceShareInput{ResourceShareArn: &shareARN, ResourceArns: []string{net}})
	must(e, e.DisassociateResourceSharePermission)(owner, take)
	refused(e, e.DisassociateResourceSharePermission)(owner, take, "UnknownResourceException")
	want(t, "permissions of the share", len(must(e, e.ListResourceSharePermissions)(owner, &ram.ListResourceSharePermissionsInput{ResourceShareArn: &shareARN}).Permissions), 0)
	must(e, e.AssociateResourceSharePermission)(owner, &ram.AssociateResourceSharePermissionInput{ResourceShareArn: &shareARN, PermissionArn: &perm})
	got := must(e, e.ListPermissionAssociations)(owner, &ram.ListPermissionAssociationsInput{PermissionArn: &perm}).Permissions
	if len(got) != 1 || *got[0].ResourceShareArn != shareARN || *got[0].Status != "ASSOCIATED" {
		t.Errorf("associations %+v", got)
	}
}

func TestResourcePolicies(t *testing.T) {
	e := newEnv(t)
	e.enable()
	net, bare := e.network(owner, "net"), e.network(owner, "bare")
	e.share(&ram.CreateResourceShareInput{ResourceArns: []string{net}, Principals: []string{blue, e.org.ARN()}})
	got := must(e, e.GetResourcePolicies)(owner, &ram.GetResourcePoliciesInput{ResourceArns: []string{net, bare}}).Policies
	if len(got) != 1 || !strings.Contains(got[0], `"AWS":"`+blue+`"`) || !strings.Contains(got[0], `{"StringEquals":{"aws:PrincipalOrgID":"`+e.org.ID+`"}}`) {
		t.Errorf("policies %s", got)
	}
	refused(e, e.GetResourcePolicies)(green, &ram.GetResourcePoliciesInput{ResourceArns: []string{net}}, "ResourceArnNotFoundException")
	refused(e, e.GetResourcePolicies)(owner, &ram.GetResourcePoliciesInput{ResourceArns: []string{net + "x"}}, "ResourceArnNotFoundException")
}

func TestPagesAndFilters(t *testing.T) {
	e := newEnv(t)
	var all []string
	for i := range 7 {
		all = append(all, e.share(&ram.CreateResourceShareInput{Name: new(fmt.Sprint("s", i)), Tags: []ram.Tag{{Key: new("n"), Value: new(fmt.Sprint(i % 2))}}}))
	}
	slices.Sort(all)
	var got []string
	in := &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), MaxResults: new(int32(3))}
	for {
		out := must(e, e.GetResourceShares)(owner, in)
		for _, s := range out.ResourceShares {
			got = append(got, *s.ResourceShareArn)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	want(t, "all pages", strings.Join(got, " "), strings.Join(all, " "))
	refused(e, e.GetResourceShares)(owner, &ram.GetResourceSharesInput{ResourceOwner: new("SELF"), NextToken: new("nonsense")}, "InvalidNextTokenException")
	for _, tt := range []struct {
		name string
		in   ram.GetResourceSharesInput
		n    int
	}{
		{"name", ram.GetResourceSharesInput{Name: new("s3")}, 1},
		{"tag", ram.GetResourceSharesInput{TagFilters: []ram.TagFilter{{TagKey: new("n"), TagValues: []string{"0"}}}}, 4},
		{"another tag", ram.GetResourceSharesInput{TagFilters: []ram.TagFilter{{TagKey: new("m")}}}, 0},
		{"status", ram.GetResourceSharesInput{ResourceShareStatus: new("DELETED")}, 0},
		{"others'", ram.GetResourceSharesInput{ResourceOwner: new("OTHER-ACCOUNTS")}, 0},
	} {
		if tt.in.ResourceOwner == nil {
			tt.in.ResourceOwner = new("SELF")
		}
		want(t, tt.name, len(must(e, e.GetResourceShares)(owner, &tt.in).ResourceShares), tt.n)
	}
}

func TestTags(t *testing.T) {
	e := newEnv(t)
	shareARN := e.share(&ram.CreateResourceShareInput{})
	set := func(key string) *ram.TagResourceInput {
		return &ram.TagResourceInput{ResourceShareArn: &shareARN, Tags: []ram.Tag{{Key: &key, Value: new("v")}}}
	}
	must(e, e.TagResource)(owner, set("a"))
	must(e, e.TagResource)(owner, set("b"))
	must(e, e.UntagResource)(owner, &ram.UntagResourceInput{ResourceShareArn: &shareARN, TagKeys: []string{"a", "none"}})
	got := must(e, e.GetResourceShares)(owner, &ram.GetResourceSharesInput{ResourceOwner: new("SELF")}).ResourceShares[0].Tags
	if len(got) != 1 || *got[0].Key != "b" {
		t.Errorf("tags %+v", got)
	}
	refused(e, e.TagResource)(owner, set("aws:x"), "InvalidParameterException")
	refused(e, e.TagResource)(owner, &ram.TagResourceInput{Tags: set("a").Tags}, "InvalidParameterException")
	many := &ram.TagResourceInput{ResourceShareArn: &shareARN}
	for i := range 50 {
		many.Tags = append(many.Tags, ram.Tag{Key: new(fmt.Sprint("k", i)), Value: new("")})
	}
	refused(e, e.TagResource)(owner, many, "TagLimitExceededException")
}
