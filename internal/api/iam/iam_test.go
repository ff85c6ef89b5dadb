package iam_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	api "trellis/internal/api/iam"
	"trellis/internal/aws/model/iam"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/state"
	"trellis/internal/store/mem"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return bytes.Clone(b) }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

const (
	red  = "111111111111"
	blue = "222222222222"

	lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	execution   = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
	admin       = "arn:aws:iam::aws:policy/AdministratorAccess"
)

type world struct {
	*api.API
	t    *testing.T
	view *state.View
	red  context.Context
	blue context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := mem.New()
	view, err := state.Open(t.Context(), s, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Close()
		_ = s.Close()
	})
	w := &world{API: api.New(view, time.Now), t: t, view: view}
	err = view.Update(t.Context(), func(tx *state.Tx) error {
		for _, id := range []string{red, blue} {
			state.Accounts.Put(tx, &identity.Account{ID: id, Name: id, Email: id + "@example.com", Created: time.Now()})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.red, w.blue = w.root(red), w.root(blue)
	return w
}

func (w *world) root(account string) context.Context {
	return caller.With(w.t.Context(), &caller.Caller{Account: account, Region: "us-east-1", Kind: caller.Root, ARN: "arn:aws:iam::" + account + ":root", UserID: account})
}

func (w *world) user(account, name string) context.Context {
	return caller.With(w.t.Context(), &caller.Caller{Account: account, Kind: caller.User, ARN: "arn:aws:iam::" + account + ":user/" + name})
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func refused(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func (w *world) role(ctx context.Context, name string) *iam.Role {
	w.t.Helper()
	return must[*iam.CreateRoleOutput](w.t)(w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(lambdaTrust)})).Role
}

func (w *world) makeUser(ctx context.Context, name string) {
	w.t.Helper()
	must[*iam.CreateUserOutput](w.t)(w.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
}

func (w *world) policy(ctx context.Context, name string) string {
	w.t.Helper()
	return *must[*iam.CreatePolicyOutput](w.t)(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: new(allowAll)})).Policy.Arn
}

// TestRoleAsTerraformDoes walks through the calls of a role and its attachment, from nothing to nothing.
func TestRoleAsTerraformDoes(t *testing.T) {
	w := newWorld(t)
	created := must[*iam.CreateRoleOutput](t)(w.CreateRole(w.red, &iam.CreateRoleInput{RoleName: new("fn"), Path: new("/app/"), AssumeRolePolicyDocument: new(lambdaTrust),
		Description: new("d"), MaxSessionDuration: new(int32(7200)), Tags: []iam.Tag{{Key: new("k"), Value: new("v")}}})).Role
	got := must[*iam.GetRoleOutput](t)(w.GetRole(w.red, &iam.GetRoleInput{RoleName: new("fn")})).Role
	trust, err := url.PathUnescape(*got.AssumeRolePolicyDocument)
	if err != nil || trust != lambdaTrust || strings.ContainsAny(*got.AssumeRolePolicyDocument, " +{\":") {
		t.Errorf("the trust policy comes back as %s", *got.AssumeRolePolicyDocument)
	}
	if *got.Arn != "arn:aws:iam::111111111111:role/app/fn" || *got.RoleId != *created.RoleId || *got.MaxSessionDuration != 7200 || *got.Description != "d" ||
		len(got.Tags) != 1 || got.RoleLastUsed == nil || !got.CreateDate.Equal(*created.CreateDate) {
		t.Errorf("the role is %+v", got)
	}
	must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("fn"), PolicyArn: new(execution)}))
	must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("fn"), PolicyArn: new(execution)}))
	attached := must[*iam.ListAttachedRolePoliciesOutput](t)(w.ListAttachedRolePolicies(w.red, &iam.ListAttachedRolePoliciesInput{RoleName: new("fn")})).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyName != "AWSLambdaVPCAccessExecutionRole" {
		t.Errorf("attached are %v", attached)
	}
	inline := must[*iam.ListRolePoliciesOutput](t)(w.ListRolePolicies(w.red, &iam.ListRolePoliciesInput{RoleName: new("fn")}))
	profiles := must[*iam.ListInstanceProfilesForRoleOutput](t)(w.ListInstanceProfilesForRole(w.red, &iam.ListInstanceProfilesForRoleInput{RoleName: new("fn")}))
	if inline.PolicyNames == nil || len(inline.PolicyNames) != 0 || *inline.IsTruncated || len(profiles.InstanceProfiles) != 0 {
		t.Errorf("a new role has %v and %v", inline, profiles)
	}
	_, err = w.DeleteRole(w.red, &iam.DeleteRoleInput{RoleName: new("fn")})
	refused(t, "deleting a role with a policy", err, "DeleteConflict")
	must[*iam.DetachRolePolicyOutput](t)(w.DetachRolePolicy(w.red, &iam.DetachRolePolicyInput{RoleName: new("fn"), PolicyArn: new(execution)}))
	_, err = w.DetachRolePolicy(w.red, &iam.DetachRolePolicyInput{RoleName: new("fn"), PolicyArn: new(execution)})
	refused(t, "detaching twice", err, "NoSuchEntity")
	must[*iam.DeleteRoleOutput](t)(w.DeleteRole(w.red, &iam.DeleteRoleInput{RoleName: new("fn")}))
	_, err = w.GetRole(w.red, &iam.GetRoleInput{RoleName: new("fn")})
	refused(t, "a role that is gone", err, "NoSuchEntity")
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	for what, in := range map[string]*iam.CreateRoleInput{
		"EntityAlreadyExists":     {RoleName: new("R"), AssumeRolePolicyDocument: new(lambdaTrust)},
		"MalformedPolicyDocument": {RoleName: new("x"), AssumeRolePolicyDocument: new(allowAll)},
		"LimitExceeded":           {RoleName: new("x"), AssumeRolePolicyDocument: new(strings.Replace(lambdaTrust, "lambda.", strings.Repeat("a", 2048)+".", 1))},
		"NoSuchEntity":            {RoleName: new("x"), AssumeRolePolicyDocument: new(lambdaTrust), PermissionsBoundary: new("arn:aws:iam::111111111111:policy/none")},
		"InvalidInput":            {RoleName: new("x"), AssumeRolePolicyDocument: new(lambdaTrust), Path: new("/aws-service-role/x/")},
	} {
		_, err := w.CreateRole(w.red, in)
		refused(t, "CreateRole", err, what)
	}
	_, err := w.CreateRole(w.red, &iam.CreateRoleInput{RoleName: new("x"), AssumeRolePolicyDocument: new(lambdaTrust), Tags: []iam.Tag{{Key: new("a"), Value: new("")}, {Key: new("A"), Value: new("")}}})
	refused(t, "tag keys that differ in case", err, "InvalidInput")
	_, err = w.UpdateAssumeRolePolicy(w.red, &iam.UpdateAssumeRolePolicyInput{RoleName: new("r"), PolicyDocument: new("{")})
	refused(t, "a trust policy that is none", err, "MalformedPolicyDocument")
	for principal, want := range map[string]bool{blue: true, "arn:aws:iam::222222222222:root": true, "arn:aws:iam::111111111111:role/r": true, "arn:aws:iam::999999999999:role/outside": true,
		"arn:aws:iam::111111111111:role/none": false, "arn:aws:iam::222222222222:user/none": false} {
		doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":[%q]},"Action":"sts:AssumeRole"}}`, principal)
		_, err := w.UpdateAssumeRolePolicy(w.red, &iam.UpdateAssumeRolePolicyInput{RoleName: new("r"), PolicyDocument: &doc})
		if want && err != nil {
			t.Errorf("trust in %s: %v", principal, err)
		} else if !want {
			refused(t, "trust in "+principal, err, "MalformedPolicyDocument")
		}
	}
	other := strings.Replace(lambdaTrust, "lambda", "ec2", 1)
	must[*iam.UpdateAssumeRolePolicyOutput](t)(w.UpdateAssumeRolePolicy(w.red, &iam.UpdateAssumeRolePolicyInput{RoleName: new("r"), PolicyDocument: &other}))
	must[*iam.UpdateRoleOutput](t)(w.UpdateRole(w.red, &iam.UpdateRoleInput{RoleName: new("r"), Description: new("new"), MaxSessionDuration: new(int32(43200))}))
	must[*iam.PutRolePermissionsBoundaryOutput](t)(w.PutRolePermissionsBoundary(w.red, &iam.PutRolePermissionsBoundaryInput{RoleName: new("r"), PermissionsBoundary: new(admin)}))
	must[*iam.TagRoleOutput](t)(w.TagRole(w.red, &iam.TagRoleInput{RoleName: new("r"), Tags: []iam.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
	must[*iam.TagRoleOutput](t)(w.TagRole(w.red, &iam.TagRoleInput{RoleName: new("r"), Tags: []iam.Tag{{Key: new("A"), Value: new("3")}, {Key: new("C"), Value: new("4")}}}))
	if tags := must[*iam.ListRoleTagsOutput](t)(w.ListRoleTags(w.red, &iam.ListRoleTagsInput{RoleName: new("r")})).Tags; len(tags) != 3 || *tags[0].Key != "A" || *tags[0].Value != "3" {
		t.Errorf("the tag that differs in case is %v", tags)
	}
	must[*iam.UntagRoleOutput](t)(w.UntagRole(w.red, &iam.UntagRoleInput{RoleName: new("r"), TagKeys: []string{"a", "c"}}))
	got := must[*iam.GetRoleOutput](t)(w.GetRole(w.red, &iam.GetRoleInput{RoleName: new("r")})).Role
	if unescaped, _ := url.PathUnescape(*got.AssumeRolePolicyDocument); unescaped != other || *got.Description != "new" || *got.MaxSessionDuration != 43200 ||
		*got.PermissionsBoundary.PermissionsBoundaryArn != admin || len(got.Tags) != 1 || *got.Tags[0].Key != "b" {
		t.Errorf("the changed role is %+v", got)
	}
	if tags := must[*iam.ListRoleTagsOutput](t)(w.ListRoleTags(w.red, &iam.ListRoleTagsInput{RoleName: new("r")})).Tags; len(tags) != 1 {
		t.Errorf("its tags are %v", tags)
	}
	must[*iam.DeleteRolePermissionsBoundaryOutput](t)(w.DeleteRolePermissionsBoundary(w.red, &iam.DeleteRolePermissionsBoundaryInput{RoleName: new("r")}))
	_, err = w.DeleteRolePermissionsBoundary(w.red, &iam.DeleteRolePermissionsBoundaryInput{RoleName: new("r")})
	refused(t, "no boundary to delete", err, "NoSuchEntity")
}

func TestInlinePolicies(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	put := func(name, doc string) error {
		_, err := w.PutRolePolicy(w.red, &iam.PutRolePolicyInput{RoleName: new("r"), PolicyName: &name, PolicyDocument: &doc})
		return err
	}
	refused(t, "a policy that is none", put("p", lambdaTrust), "MalformedPolicyDocument")
	if err := errors.Join(put("p", allowAll), put("q", allowAll)); err != nil {
		t.Fatal(err)
	}
	long := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"%s"}}`, "arn:aws:s3:::"+strings.Repeat("a", 10000))
	refused(t, "policies that are too long together", errors.Join(put("long", long), put("long2", long)), "LimitExceeded")
	got := must[*iam.GetRolePolicyOutput](t)(w.GetRolePolicy(w.red, &iam.GetRolePolicyInput{RoleName: new("r"), PolicyName: new("p")}))
	if doc, _ := url.PathUnescape(*got.PolicyDocument); doc != allowAll {
		t.Errorf("the policy comes back as %s", *got.PolicyDocument)
	}
	names := must[*iam.ListRolePoliciesOutput](t)(w.ListRolePolicies(w.red, &iam.ListRolePoliciesInput{RoleName: new("r")})).PolicyNames
	if !slices.Contains(names, "p") || !slices.Contains(names, "q") {
		t.Errorf("the role's policies are %v", names)
	}
	_, err := w.DeleteRole(w.red, &iam.DeleteRoleInput{RoleName: new("r")})
	refused(t, "deleting a role with policies", err, "DeleteConflict")
	for _, n := range names {
		must[*iam.DeleteRolePolicyOutput](t)(w.DeleteRolePolicy(w.red, &iam.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: &n}))
	}
	_, err = w.DeleteRolePolicy(w.red, &iam.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: new("p")})
	refused(t, "deleting a policy twice", err, "NoSuchEntity")
	_, err = w.GetRolePolicy(w.red, &iam.GetRolePolicyInput{RoleName: new("r"), PolicyName: new("p")})
	refused(t, "a policy that is gone", err, "NoSuchEntity")
	w.makeUser(w.red, "ann")
	must[*iam.PutUserPolicyOutput](t)(w.PutUserPolicy(w.red, &iam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("p"), PolicyDocument: new(allowAll)}))
	if got := must[*iam.ListUserPoliciesOutput](t)(w.ListUserPolicies(w.red, &iam.ListUserPoliciesInput{UserName: new("ann")})).PolicyNames; !slices.Equal(got, []string{"p"}) {
		t.Errorf("the user's policies are %v", got)
	}
}

func TestAWSManagedPolicies(t *testing.T) {
	w := newWorld(t)
	// Terraform finds a policy by name: it lists page by page, gets it and then its version.
	var found *iam.Policy
	var marker *string
	for pages := 0; ; pages++ {
		out := must[*iam.ListPoliciesOutput](t)(w.ListPolicies(w.red, &iam.ListPoliciesInput{Scope: new("AWS"), MaxItems: new(int32(2)), Marker: marker}))
		for _, p := range out.Policies {
			if *p.PolicyName == "AWSLambdaVPCAccessExecutionRole" {
				found = &p
			}
		}
		if !*out.IsTruncated {
			break
		}
		if marker = out.Marker; marker == nil || pages > 100 {
			t.Fatal("a page that is not the last has no marker")
		}
	}
	if found == nil || *found.Arn != execution || *found.Path != "/service-role/" {
		t.Fatalf("found %+v", found)
	}
	got := must[*iam.GetPolicyOutput](t)(w.GetPolicy(w.red, &iam.GetPolicyInput{PolicyArn: found.Arn})).Policy
	version := must[*iam.GetPolicyVersionOutput](t)(w.GetPolicyVersion(w.red, &iam.GetPolicyVersionInput{PolicyArn: found.Arn, VersionId: got.DefaultVersionId})).PolicyVersion
	if doc, err := url.PathUnescape(*version.Document); err != nil || !strings.Contains(doc, "ec2:CreateNetworkInterface") || !*version.IsDefaultVersion {
		t.Errorf("the document is %s", *version.Document)
	}
	_, err := w.GetPolicyVersion(w.red, &iam.GetPolicyVersionInput{PolicyArn: found.Arn, VersionId: new("v99")})
	refused(t, "a version that is none", err, "NoSuchEntity")
	_, err = w.CreatePolicyVersion(w.red, &iam.CreatePolicyVersionInput{PolicyArn: found.Arn, PolicyDocument: new(allowAll)})
	refused(t, "a version of AWS's policy", err, "AccessDenied")
	_, err = w.DeletePolicy(w.red, &iam.DeletePolicyInput{PolicyArn: found.Arn})
	refused(t, "deleting AWS's policy", err, "AccessDenied")
	in := w.policy(w.red, "mine")
	for _, c := range []struct {
		in   iam.ListPoliciesInput
		want []string
	}{
		{iam.ListPoliciesInput{Scope: new("Local")}, []string{in}},
		{iam.ListPoliciesInput{PathPrefix: new("/service-role/AWSNothing")}, nil},
		{iam.ListPoliciesInput{OnlyAttached: new(true)}, []string{execution}},
		{iam.ListPoliciesInput{PolicyUsageFilter: new("PermissionsBoundary")}, []string{admin}},
	} {
		if c.in.OnlyAttached != nil {
			w.role(w.red, "r")
			must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new(execution)}))
			w.role(w.blue, "r")
			must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.blue, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new(execution)}))
		}
		if c.in.PolicyUsageFilter != nil {
			must[*iam.PutRolePermissionsBoundaryOutput](t)(w.PutRolePermissionsBoundary(w.red, &iam.PutRolePermissionsBoundaryInput{RoleName: new("r"), PermissionsBoundary: new(admin)}))
		}
		var arns []string
		for _, p := range must[*iam.ListPoliciesOutput](t)(w.ListPolicies(w.red, &c.in)).Policies {
			arns = append(arns, *p.Arn)
		}
		if !slices.Equal(arns, c.want) {
			t.Errorf("ListPolicies(%+v) = %v, want %v", c.in, arns, c.want)
		}
	}
	if n := must[*iam.GetPolicyOutput](t)(w.GetPolicy(w.red, &iam.GetPolicyInput{PolicyArn: new(execution)})).Policy.AttachmentCount; *n != 1 {
		t.Errorf("the policy is attached %d times in this account", *n)
	}
}

func TestManagedPolicies(t *testing.T) {
	w := newWorld(t)
	arn := w.policy(w.red, "p")
	_, err := w.CreatePolicy(w.red, &iam.CreatePolicyInput{PolicyName: new("P"), PolicyDocument: new(allowAll)})
	refused(t, "a name that is taken", err, "EntityAlreadyExists")
	_, err = w.CreatePolicy(w.red, &iam.CreatePolicyInput{PolicyName: new("q"), PolicyDocument: new("{}")})
	refused(t, "a policy that is none", err, "MalformedPolicyDocument")
	for i := range 4 {
		out := must[*iam.CreatePolicyVersionOutput](t)(w.CreatePolicyVersion(w.red, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowAll), SetAsDefault: new(i == 0)}))
		if want := fmt.Sprint("v", i+2); *out.PolicyVersion.VersionId != want || *out.PolicyVersion.IsDefaultVersion != (i == 0) {
			t.Errorf("version %s, want %s", *out.PolicyVersion.VersionId, want)
		}
	}
	_, err = w.CreatePolicyVersion(w.red, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowAll)})
	refused(t, "a sixth version", err, "LimitExceeded")
	_, err = w.DeletePolicyVersion(w.red, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: new("v2")})
	refused(t, "deleting the default version", err, "DeleteConflict")
	must[*iam.SetDefaultPolicyVersionOutput](t)(w.SetDefaultPolicyVersion(w.red, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: new("v5")}))
	must[*iam.DeletePolicyVersionOutput](t)(w.DeletePolicyVersion(w.red, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: new("v2")}))
	must[*iam.CreatePolicyVersionOutput](t)(w.CreatePolicyVersion(w.red, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: new(allowAll)}))
	var versions []string
	for _, v := range must[*iam.ListPolicyVersionsOutput](t)(w.ListPolicyVersions(w.red, &iam.ListPolicyVersionsInput{PolicyArn: &arn})).Versions {
		versions = append(versions, *v.VersionId)
	}
	if !slices.Equal(versions, []string{"v6", "v5", "v4", "v3", "v1"}) {
		t.Errorf("the versions are %v", versions)
	}
	_, err = w.DeletePolicy(w.red, &iam.DeletePolicyInput{PolicyArn: &arn})
	refused(t, "deleting a policy with versions", err, "DeleteConflict")
	for _, v := range []string{"v6", "v4", "v3", "v1"} {
		must[*iam.DeletePolicyVersionOutput](t)(w.DeletePolicyVersion(w.red, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: &v}))
	}
	w.role(w.red, "r")
	must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: &arn}))
	_, err = w.DeletePolicy(w.red, &iam.DeletePolicyInput{PolicyArn: &arn})
	refused(t, "deleting an attached policy", err, "DeleteConflict")
	who := must[*iam.ListEntitiesForPolicyOutput](t)(w.ListEntitiesForPolicy(w.red, &iam.ListEntitiesForPolicyInput{PolicyArn: &arn}))
	if len(who.PolicyRoles) != 1 || *who.PolicyRoles[0].RoleName != "r" || len(who.PolicyUsers) != 0 {
		t.Errorf("the policy is attached to %+v", who)
	}
	must[*iam.DetachRolePolicyOutput](t)(w.DetachRolePolicy(w.red, &iam.DetachRolePolicyInput{RoleName: new("r"), PolicyArn: &arn}))
	must[*iam.DeletePolicyOutput](t)(w.DeletePolicy(w.red, &iam.DeletePolicyInput{PolicyArn: &arn}))
	_, err = w.GetPolicy(w.red, &iam.GetPolicyInput{PolicyArn: &arn})
	refused(t, "a policy that is gone", err, "NoSuchEntity")
	for i := range 11 {
		p := w.policy(w.red, fmt.Sprint("many", i))
		_, err := w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: &p})
		if i < 10 && err != nil {
			t.Fatal(err)
		} else if i == 10 {
			refused(t, "an eleventh policy", err, "LimitExceeded")
		}
	}
}

// TestWalls holds that an account's identities are, to another account, not there.
func TestWalls(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	w.makeUser(w.red, "u")
	arn := w.policy(w.red, "p")
	must[*iam.CreateGroupOutput](t)(w.CreateGroup(w.red, &iam.CreateGroupInput{GroupName: new("g")}))
	key := must[*iam.CreateAccessKeyOutput](t)(w.CreateAccessKey(w.red, &iam.CreateAccessKeyInput{UserName: new("u")})).AccessKey
	must[*iam.CreateInstanceProfileOutput](t)(w.CreateInstanceProfile(w.red, &iam.CreateInstanceProfileInput{InstanceProfileName: new("i")}))
	w.role(w.blue, "mine")
	w.makeUser(w.blue, "me")
	for what, call := range map[string]func() error{
		"GetRole":      func() error { _, err := w.GetRole(w.blue, &iam.GetRoleInput{RoleName: new("r")}); return err },
		"DeleteRole":   func() error { _, err := w.DeleteRole(w.blue, &iam.DeleteRoleInput{RoleName: new("r")}); return err },
		"GetUser":      func() error { _, err := w.GetUser(w.blue, &iam.GetUserInput{UserName: new("u")}); return err },
		"GetGroup":     func() error { _, err := w.GetGroup(w.blue, &iam.GetGroupInput{GroupName: new("g")}); return err },
		"GetPolicy":    func() error { _, err := w.GetPolicy(w.blue, &iam.GetPolicyInput{PolicyArn: &arn}); return err },
		"DeletePolicy": func() error { _, err := w.DeletePolicy(w.blue, &iam.DeletePolicyInput{PolicyArn: &arn}); return err },
		"TagPolicy":    func() error { _, err := w.TagPolicy(w.blue, &iam.TagPolicyInput{PolicyArn: &arn}); return err },
		"AttachRolePolicy": func() error {
			_, err := w.AttachRolePolicy(w.blue, &iam.AttachRolePolicyInput{RoleName: new("mine"), PolicyArn: &arn})
			return err
		},
		"UpdateAccessKey": func() error {
			_, err := w.UpdateAccessKey(w.blue, &iam.UpdateAccessKeyInput{UserName: new("me"), AccessKeyId: key.AccessKeyId, Status: new("Inactive")})
			return err
		},
		"DeleteAccessKey": func() error {
			_, err := w.DeleteAccessKey(w.blue, &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId})
			return err
		},
		"GetInstanceProfile": func() error {
			_, err := w.GetInstanceProfile(w.blue, &iam.GetInstanceProfileInput{InstanceProfileName: new("i")})
			return err
		},
		"ListEntities": func() error {
			_, err := w.ListEntitiesForPolicy(w.blue, &iam.ListEntitiesForPolicyInput{PolicyArn: &arn})
			return err
		},
	} {
		refused(t, what+" by another account", call(), "NoSuchEntity")
	}
	roles := must[*iam.ListRolesOutput](t)(w.ListRoles(w.blue, &iam.ListRolesInput{})).Roles
	users := must[*iam.ListUsersOutput](t)(w.ListUsers(w.blue, &iam.ListUsersInput{})).Users
	local := must[*iam.ListPoliciesOutput](t)(w.ListPolicies(w.blue, &iam.ListPoliciesInput{Scope: new("Local")})).Policies
	if len(roles) != 1 || len(users) != 1 || len(local) != 0 {
		t.Errorf("another account sees %d roles, %d users, %d policies", len(roles), len(users), len(local))
	}
}

func TestUsersAndGroups(t *testing.T) {
	w := newWorld(t)
	w.makeUser(w.red, "ann")
	_, err := w.CreateUser(w.red, &iam.CreateUserInput{UserName: new("ANN")})
	refused(t, "a name that differs in case", err, "EntityAlreadyExists")
	must[*iam.CreateGroupOutput](t)(w.CreateGroup(w.red, &iam.CreateGroupInput{GroupName: new("devs")}))
	must[*iam.AddUserToGroupOutput](t)(w.AddUserToGroup(w.red, &iam.AddUserToGroupInput{GroupName: new("devs"), UserName: new("ann")}))
	must[*iam.AttachGroupPolicyOutput](t)(w.AttachGroupPolicy(w.red, &iam.AttachGroupPolicyInput{GroupName: new("devs"), PolicyArn: new(admin)}))
	must[*iam.UpdateGroupOutput](t)(w.UpdateGroup(w.red, &iam.UpdateGroupInput{GroupName: new("devs"), NewGroupName: new("ops")}))
	key := must[*iam.CreateAccessKeyOutput](t)(w.CreateAccessKey(w.red, &iam.CreateAccessKeyInput{UserName: new("ann")})).AccessKey
	must[*iam.UpdateUserOutput](t)(w.UpdateUser(w.red, &iam.UpdateUserInput{UserName: new("ann"), NewUserName: new("anna"), NewPath: new("/team/")}))
	keys := must[*iam.ListAccessKeysOutput](t)(w.ListAccessKeys(w.red, &iam.ListAccessKeysInput{UserName: new("anna")})).AccessKeyMetadata
	if len(keys) != 1 || *keys[0].AccessKeyId != *key.AccessKeyId || *keys[0].UserName != "anna" {
		t.Errorf("a renamed user has the keys %v", keys)
	}
	group := must[*iam.GetGroupOutput](t)(w.GetGroup(w.red, &iam.GetGroupInput{GroupName: new("ops")}))
	groups := must[*iam.ListGroupsForUserOutput](t)(w.ListGroupsForUser(w.red, &iam.ListGroupsForUserInput{UserName: new("anna")})).Groups
	if len(group.Users) != 1 || *group.Users[0].Arn != "arn:aws:iam::111111111111:user/team/anna" || len(groups) != 1 || *groups[0].GroupName != "ops" {
		t.Errorf("the group has %v, the user is in %v", group.Users, groups)
	}
	for _, step := range []struct {
		what string
		call func() error
	}{
		{"access keys", func() error {
			_, err := w.DeleteAccessKey(w.red, &iam.DeleteAccessKeyInput{UserName: new("anna"), AccessKeyId: key.AccessKeyId})
			return err
		}},
		{"groups", func() error {
			_, err := w.RemoveUserFromGroup(w.red, &iam.RemoveUserFromGroupInput{UserName: new("anna"), GroupName: new("ops")})
			return err
		}},
	} {
		_, err := w.DeleteUser(w.red, &iam.DeleteUserInput{UserName: new("anna")})
		refused(t, "deleting a user with "+step.what, err, "DeleteConflict")
		if err := step.call(); err != nil {
			t.Fatal(err)
		}
	}
	must[*iam.DeleteUserOutput](t)(w.DeleteUser(w.red, &iam.DeleteUserInput{UserName: new("anna")}))
	_, err = w.RemoveUserFromGroup(w.red, &iam.RemoveUserFromGroupInput{UserName: new("anna"), GroupName: new("ops")})
	refused(t, "a user that is gone", err, "NoSuchEntity")
	_, err = w.DeleteGroup(w.red, &iam.DeleteGroupInput{GroupName: new("ops")})
	refused(t, "deleting a group with a policy", err, "DeleteConflict")
	must[*iam.DetachGroupPolicyOutput](t)(w.DetachGroupPolicy(w.red, &iam.DetachGroupPolicyInput{GroupName: new("ops"), PolicyArn: new(admin)}))
	must[*iam.DeleteGroupOutput](t)(w.DeleteGroup(w.red, &iam.DeleteGroupInput{GroupName: new("ops")}))
}

func TestAccessKeys(t *testing.T) {
	w := newWorld(t)
	w.makeUser(w.red, "ann")
	ann := w.user(red, "ann")
	first := must[*iam.CreateAccessKeyOutput](t)(w.CreateAccessKey(ann, &iam.CreateAccessKeyInput{})).AccessKey
	if *first.UserName != "ann" || *first.Status != "Active" || len(*first.SecretAccessKey) != 40 || !strings.HasPrefix(*first.AccessKeyId, "AKIA") {
		t.Errorf("the key is %s of %s", *first.AccessKeyId, *first.UserName)
	}
	must[*iam.CreateAccessKeyOutput](t)(w.CreateAccessKey(w.red, &iam.CreateAccessKeyInput{UserName: new("ann")}))
	_, err := w.CreateAccessKey(w.red, &iam.CreateAccessKeyInput{UserName: new("ann")})
	refused(t, "a third key", err, "LimitExceeded")
	must[*iam.UpdateAccessKeyOutput](t)(w.UpdateAccessKey(ann, &iam.UpdateAccessKeyInput{AccessKeyId: first.AccessKeyId, Status: new("Inactive")}))
	if row, _ := state.AccessKeys.Get(w.view.Snapshot(), *first.AccessKeyId); row.Active {
		t.Error("the key is still active")
	}
	_, err = w.UpdateAccessKey(ann, &iam.UpdateAccessKeyInput{AccessKeyId: first.AccessKeyId, Status: new("Expired")})
	refused(t, "another status", err, "ValidationError")
	root := must[*iam.CreateAccessKeyOutput](t)(w.CreateAccessKey(w.red, &iam.CreateAccessKeyInput{})).AccessKey
	if root.UserName != nil {
		t.Errorf("a root user's key is %s's", *root.UserName)
	}
	session := caller.With(t.Context(), &caller.Caller{Account: red, Kind: caller.AssumedRole})
	_, err = w.CreateAccessKey(session, &iam.CreateAccessKeyInput{})
	refused(t, "a key for nobody", err, "ValidationError")
	_, err = w.GetUser(session, &iam.GetUserInput{})
	refused(t, "GetUser by a role", err, "ValidationError")
	if u := must[*iam.GetUserOutput](t)(w.GetUser(ann, &iam.GetUserInput{})).User; *u.UserName != "ann" {
		t.Errorf("the calling user is %s", *u.UserName)
	}
	if u := must[*iam.GetUserOutput](t)(w.GetUser(w.red, &iam.GetUserInput{})).User; *u.Arn != "arn:aws:iam::111111111111:root" || u.UserName != nil {
		t.Errorf("the calling root user is %s", *u.Arn)
	}
}

func TestAccount(t *testing.T) {
	w := newWorld(t)
	alias := func(ctx context.Context, name string) error {
		_, err := w.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &name})
		return err
	}
	if err := alias(w.red, "red-team"); err != nil {
		t.Fatal(err)
	}
	refused(t, "an alias that is taken", alias(w.blue, "red-team"), "EntityAlreadyExists")
	refused(t, "an alias with two hyphens", alias(w.blue, "a--b"), "ValidationError")
	if got := must[*iam.ListAccountAliasesOutput](t)(w.ListAccountAliases(w.red, &iam.ListAccountAliasesInput{})).AccountAliases; !slices.Equal(got, []string{"red-team"}) {
		t.Errorf("the alias is %v", got)
	}
	_, err := w.DeleteAccountAlias(w.blue, &iam.DeleteAccountAliasInput{AccountAlias: new("red-team")})
	refused(t, "deleting another's alias", err, "NoSuchEntity")
	must[*iam.DeleteAccountAliasOutput](t)(w.DeleteAccountAlias(w.red, &iam.DeleteAccountAliasInput{AccountAlias: new("red-team")}))
	w.role(w.red, "r")
	w.policy(w.red, "p")
	w.role(w.blue, "r")
	sum := must[*iam.GetAccountSummaryOutput](t)(w.GetAccountSummary(w.red, &iam.GetAccountSummaryInput{})).SummaryMap
	if sum["Roles"] != 1 || sum["Policies"] != 1 || sum["Users"] != 0 || sum["AccountAccessKeysPresent"] != 0 {
		t.Errorf("the summary is %v", sum)
	}
}

func TestServiceLinkedRoles(t *testing.T) {
	w := newWorld(t)
	make := func(service string) (*iam.CreateServiceLinkedRoleOutput, error) {
		return w.CreateServiceLinkedRole(w.red, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service})
	}
	role := must[*iam.CreateServiceLinkedRoleOutput](t)(make("vpc-lattice.amazonaws.com")).Role
	if *role.Arn != "arn:aws:iam::111111111111:role/aws-service-role/vpc-lattice.amazonaws.com/AWSServiceRoleForVpcLattice" {
		t.Errorf("the role is %s", *role.Arn)
	}
	_, err := make("vpc-lattice.amazonaws.com")
	refused(t, "a second one", err, "InvalidInput")
	_, err = make("nothing.amazonaws.com")
	refused(t, "a service without one", err, "InvalidInput")
	_, err = w.DeleteRole(w.red, &iam.DeleteRoleInput{RoleName: role.RoleName})
	refused(t, "deleting a service's role", err, "UnmodifiableEntity")
	_, err = w.AttachRolePolicy(w.red, &iam.AttachRolePolicyInput{RoleName: role.RoleName, PolicyArn: new(admin)})
	refused(t, "changing a service's role", err, "UnmodifiableEntity")
	_, err = w.UpdateRole(w.red, &iam.UpdateRoleInput{RoleName: role.RoleName, MaxSessionDuration: new(int32(7200))})
	refused(t, "changing how long its sessions are", err, "UnmodifiableEntity")
	must[*iam.UpdateRoleOutput](t)(w.UpdateRole(w.red, &iam.UpdateRoleInput{RoleName: role.RoleName, Description: new("ours")}))
	must[*iam.TagRoleOutput](t)(w.TagRole(w.red, &iam.TagRoleInput{RoleName: role.RoleName, Tags: []iam.Tag{{Key: new("k"), Value: new("v")}}}))
	if got := must[*iam.GetRoleOutput](t)(w.GetRole(w.red, &iam.GetRoleInput{RoleName: role.RoleName})).Role; *got.Description != "ours" || len(got.Tags) != 1 {
		t.Errorf("described and tagged it is %+v", got)
	}
	task := must[*iam.DeleteServiceLinkedRoleOutput](t)(w.DeleteServiceLinkedRole(w.red, &iam.DeleteServiceLinkedRoleInput{RoleName: role.RoleName})).DeletionTaskId
	if got := must[*iam.GetServiceLinkedRoleDeletionStatusOutput](t)(w.GetServiceLinkedRoleDeletionStatus(w.red, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task})); *got.Status != "SUCCEEDED" {
		t.Errorf("the deletion is %s", *got.Status)
	}
	_, err = w.GetServiceLinkedRoleDeletionStatus(w.red, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: new("task/1")})
	refused(t, "a task that is none", err, "NoSuchEntity")
}

func TestInstanceProfiles(t *testing.T) {
	w := newWorld(t)
	w.role(w.red, "r")
	create := &iam.CreateInstanceProfileInput{InstanceProfileName: new("i")}
	must[*iam.CreateInstanceProfileOutput](t)(w.CreateInstanceProfile(w.red, create))
	_, err := w.CreateInstanceProfile(w.red, create)
	refused(t, "a name that is taken", err, "EntityAlreadyExists")
	add := &iam.AddRoleToInstanceProfileInput{InstanceProfileName: new("i"), RoleName: new("r")}
	must[*iam.AddRoleToInstanceProfileOutput](t)(w.AddRoleToInstanceProfile(w.red, add))
	_, err = w.AddRoleToInstanceProfile(w.red, add)
	refused(t, "a second role", err, "LimitExceeded")
	got := must[*iam.GetInstanceProfileOutput](t)(w.GetInstanceProfile(w.red, &iam.GetInstanceProfileInput{InstanceProfileName: new("i")})).InstanceProfile
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "r" {
		t.Errorf("the profile has %v", got.Roles)
	}
	_, err = w.DeleteRole(w.red, &iam.DeleteRoleInput{RoleName: new("r")})
	refused(t, "deleting a role in a profile", err, "DeleteConflict")
	_, err = w.DeleteInstanceProfile(w.red, &iam.DeleteInstanceProfileInput{InstanceProfileName: new("i")})
	refused(t, "deleting a profile with a role", err, "DeleteConflict")
	must[*iam.RemoveRoleFromInstanceProfileOutput](t)(w.RemoveRoleFromInstanceProfile(w.red, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: new("i"), RoleName: new("r")}))
	must[*iam.DeleteInstanceProfileOutput](t)(w.DeleteInstanceProfile(w.red, &iam.DeleteInstanceProfileInput{InstanceProfileName: new("i")}))
}
