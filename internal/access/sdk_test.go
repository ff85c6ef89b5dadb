package access_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdkorganizations "github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"trellis/internal/access"
	iamapi "trellis/internal/api/iam"
	organizationsapi "trellis/internal/api/organizations"
	stsapi "trellis/internal/api/sts"
	"trellis/internal/aws"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/sts"
)

// client is the three APIs as the owner of some credentials calls them.
type client struct {
	sts  *sdksts.Client
	iam  *sdkiam.Client
	orgs *sdkorganizations.Client
}

// serve starts a server and returns what makes clients of it.
func (w *world) serve() func(key, secret, token string) client {
	w.t.Helper()
	h, err := aws.New(aws.Config{Credentials: w.Control, Authorizer: w.Control, Services: []aws.Service{
		{Model: sts.Model, API: stsapi.New(w.Control)}, {Model: iam.Model, API: iamapi.New(w.view, time.Now)},
		{Model: organizations.Model, API: organizationsapi.New(w.view, time.Now)}}})
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(h)
	w.t.Cleanup(server.Close)
	return func(key, secret, token string) client {
		c := sdk.Config{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
			Credentials: sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) {
				return sdk.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}, nil
			})}
		return client{sdksts.NewFromConfig(c), sdkiam.NewFromConfig(c), sdkorganizations.NewFromConfig(c)}
	}
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

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// TestLandingZoneAccounts is how the landing zone's accounts come to be, by an unmodified client: they are made, management invites
// three and each accepts; a user is made, assumes the role of a created account and works there.
func TestLandingZoneAccounts(t *testing.T) {
	w := newWorld(t)
	as := w.serve()
	ctx := t.Context()
	roots := map[string]client{}
	ids := map[string]string{}
	for _, name := range []string{"management", "shared-services", "blue", "green"} {
		account, key, err := access.CreateAccount(ctx, w.view, name, "", "")
		if err != nil {
			t.Fatal(err)
		}
		roots[name], ids[name] = as(key.ID, key.Secret, ""), account.ID
	}
	management := roots["management"]
	org := must[*sdkorganizations.CreateOrganizationOutput](t)(management.orgs.CreateOrganization(ctx, &sdkorganizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})).Organization
	for _, name := range []string{"shared-services", "blue", "green"} {
		me := must[*sdksts.GetCallerIdentityOutput](t)(roots[name].sts.GetCallerIdentity(ctx, nil))
		if *me.Account != ids[name] || *me.Arn != "arn:aws:iam::"+ids[name]+":root" {
			t.Errorf("%s is %s", name, *me.Arn)
		}
		h := must[*sdkorganizations.InviteAccountToOrganizationOutput](t)(management.orgs.InviteAccountToOrganization(ctx,
			&sdkorganizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Id: me.Account, Type: orgtypes.HandshakePartyTypeAccount}})).Handshake
		must[*sdkorganizations.AcceptHandshakeOutput](t)(roots[name].orgs.AcceptHandshake(ctx, &sdkorganizations.AcceptHandshakeInput{HandshakeId: h.Id}))
		seen := must[*sdkorganizations.DescribeOrganizationOutput](t)(roots[name].orgs.DescribeOrganization(ctx, nil)).Organization
		if *seen.Id != *org.Id || *seen.MasterAccountId != ids["management"] {
			t.Errorf("%s sees the organization %s of %s", name, *seen.Id, *seen.MasterAccountId)
		}
	}
	pages, n := sdkorganizations.NewListAccountsPaginator(management.orgs, &sdkorganizations.ListAccountsInput{MaxResults: sdk.Int32(3)}), 0
	for pages.HasMorePages() {
		n += len(must[*sdkorganizations.ListAccountsOutput](t)(pages.NextPage(ctx)).Accounts)
	}
	if n != 4 {
		t.Errorf("the organization has %d accounts", n)
	}
	status := must[*sdkorganizations.CreateAccountOutput](t)(management.orgs.CreateAccount(ctx, &sdkorganizations.CreateAccountInput{AccountName: sdk.String("dev"), Email: sdk.String("dev@example.com")})).CreateAccountStatus
	status = must[*sdkorganizations.DescribeCreateAccountStatusOutput](t)(management.orgs.DescribeCreateAccountStatus(ctx, &sdkorganizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: status.Id})).CreateAccountStatus
	if status.State != orgtypes.CreateAccountStateSucceeded {
		t.Fatalf("the account is %s", status.State)
	}
	door := "arn:aws:iam::" + *status.AccountId + ":role/OrganizationAccountAccessRole"
	_, err := management.sts.AssumeRole(ctx, &sdksts.AssumeRoleInput{RoleArn: &door, RoleSessionName: sdk.String("s1")})
	wantCode(t, "a root user's AssumeRole", err, "AccessDenied")

	must[*sdkiam.CreateUserOutput](t)(management.iam.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: sdk.String("ops")}))
	key := must[*sdkiam.CreateAccessKeyOutput](t)(management.iam.CreateAccessKey(ctx, &sdkiam.CreateAccessKeyInput{UserName: sdk.String("ops")})).AccessKey
	ops := as(*key.AccessKeyId, *key.SecretAccessKey, "")
	assume := func() (*sdksts.AssumeRoleOutput, error) {
		return ops.sts.AssumeRole(ctx, &sdksts.AssumeRoleInput{RoleArn: &door, RoleSessionName: sdk.String("s1"), DurationSeconds: sdk.Int32(900)})
	}
	_, err = assume()
	wantCode(t, "a user without permissions", err, "AccessDenied")
	must[*sdkiam.PutUserPolicyOutput](t)(management.iam.PutUserPolicy(ctx, &sdkiam.PutUserPolicyInput{UserName: sdk.String("ops"), PolicyName: sdk.String("p"), PolicyDocument: sdk.String(allow("sts:AssumeRole", "arn:aws:iam::*:role/OrganizationAccountAccessRole"))}))
	c := must[*sdksts.AssumeRoleOutput](t)(assume())
	dev := as(*c.Credentials.AccessKeyId, *c.Credentials.SecretAccessKey, *c.Credentials.SessionToken)
	if me := must[*sdksts.GetCallerIdentityOutput](t)(dev.sts.GetCallerIdentity(ctx, nil)); *me.Arn != "arn:aws:sts::"+*status.AccountId+":assumed-role/OrganizationAccountAccessRole/s1" || *me.UserId != *c.AssumedRoleUser.AssumedRoleId {
		t.Errorf("the session is %s, %s", *me.Arn, *me.UserId)
	}
	roles := must[*sdkiam.ListRolesOutput](t)(dev.iam.ListRoles(ctx, nil)).Roles
	if len(roles) != 1 {
		t.Fatalf("the new account has %d roles", len(roles))
	}
	if doc, err := url.PathUnescape(*roles[0].AssumeRolePolicyDocument); err != nil || !strings.Contains(doc, ids["management"]) {
		t.Errorf("its trust policy is %s", *roles[0].AssumeRolePolicyDocument)
	}
	must[*sdkiam.UpdateAccessKeyOutput](t)(management.iam.UpdateAccessKey(ctx, &sdkiam.UpdateAccessKeyInput{UserName: sdk.String("ops"), AccessKeyId: key.AccessKeyId, Status: iamtypes.StatusTypeInactive}))
	_, err = assume()
	wantCode(t, "an inactive key", err, "InvalidClientTokenId")
	must[*sdkorganizations.CloseAccountOutput](t)(management.orgs.CloseAccount(ctx, &sdkorganizations.CloseAccountInput{AccountId: status.AccountId}))
	_, err = dev.sts.GetCallerIdentity(ctx, nil)
	wantCode(t, "a session in a closed account", err, "InvalidClientTokenId")
}

// TestServiceControlByClient turns service control policies on, and denies a member's root user what they do not leave it.
func TestServiceControlByClient(t *testing.T) {
	w := newWorld(t)
	as := w.serve()
	ctx := t.Context()
	_, managerKey, err := access.CreateAccount(ctx, w.view, "m", "", "333333333333")
	if err != nil {
		t.Fatal(err)
	}
	_, memberKey, err := access.CreateAccount(ctx, w.view, "b", "", "444444444444")
	if err != nil {
		t.Fatal(err)
	}
	manager, member := as(managerKey.ID, managerKey.Secret, ""), as(memberKey.ID, memberKey.Secret, "")
	must[*sdkorganizations.CreateOrganizationOutput](t)(manager.orgs.CreateOrganization(ctx, nil))
	h := must[*sdkorganizations.InviteAccountToOrganizationOutput](t)(manager.orgs.InviteAccountToOrganization(ctx,
		&sdkorganizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Id: sdk.String("444444444444"), Type: orgtypes.HandshakePartyTypeAccount}})).Handshake
	must[*sdkorganizations.AcceptHandshakeOutput](t)(member.orgs.AcceptHandshake(ctx, &sdkorganizations.AcceptHandshakeInput{HandshakeId: h.Id}))
	root := must[*sdkorganizations.ListRootsOutput](t)(manager.orgs.ListRoots(ctx, nil)).Roots[0].Id
	must[*sdkorganizations.EnablePolicyTypeOutput](t)(manager.orgs.EnablePolicyType(ctx, &sdkorganizations.EnablePolicyTypeInput{RootId: root, PolicyType: orgtypes.PolicyTypeServiceControlPolicy}))
	must[*sdkiam.CreateUserOutput](t)(member.iam.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: sdk.String("a")}))
	policy := must[*sdkorganizations.CreatePolicyOutput](t)(manager.orgs.CreatePolicy(ctx, &sdkorganizations.CreatePolicyInput{Name: sdk.String("no-users"), Description: sdk.String(""), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: sdk.String(strings.Replace(allow("iam:CreateUser", "*"), "Allow", "Deny", 1))})).Policy.PolicySummary.Id
	must[*sdkorganizations.AttachPolicyOutput](t)(manager.orgs.AttachPolicy(ctx, &sdkorganizations.AttachPolicyInput{PolicyId: policy, TargetId: root}))
	_, err = member.iam.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: sdk.String("b")})
	wantCode(t, "a member's root user", err, "AccessDenied")
	must[*sdkiam.CreateUserOutput](t)(manager.iam.CreateUser(ctx, &sdkiam.CreateUserInput{UserName: sdk.String("b")}))
	_, err = manager.orgs.CreateOrganization(ctx, nil)
	wantCode(t, "a second organization", err, "AlreadyInOrganizationException")
}

func TestSTSByClient(t *testing.T) {
	w := newWorld(t)
	as := w.serve()
	ctx := t.Context()
	w.user(red, "ann", everything)
	role := w.role(red, "r", trust(`{"AWS":"111111111111"}`), everything)
	key := must[*sdkiam.CreateAccessKeyOutput](t)(as(w.rootKey(red)).iam.CreateAccessKey(ctx, &sdkiam.CreateAccessKeyInput{UserName: sdk.String("ann")})).AccessKey
	ann := as(*key.AccessKeyId, *key.SecretAccessKey, "")
	for what, c := range map[string]struct {
		in   sdksts.AssumeRoleInput
		code string
	}{
		"a session name of one letter":  {sdksts.AssumeRoleInput{RoleSessionName: sdk.String("s")}, "ValidationError"},
		"a session of a minute":         {sdksts.AssumeRoleInput{DurationSeconds: sdk.Int32(60)}, "ValidationError"},
		"a session of two hours":        {sdksts.AssumeRoleInput{DurationSeconds: sdk.Int32(7200)}, "ValidationError"},
		"a session policy that is none": {sdksts.AssumeRoleInput{Policy: sdk.String("{}")}, "MalformedPolicyDocument"},
		"an ARN that is none":           {sdksts.AssumeRoleInput{RoleArn: sdk.String("arn:aws:iam::111111111111:user/ann")}, "ValidationError"},
		"a role that is not there":      {sdksts.AssumeRoleInput{RoleArn: sdk.String("arn:aws:iam::111111111111:role/none")}, "AccessDenied"},
		"tags that differ in case":      {sdksts.AssumeRoleInput{Tags: []ststypes.Tag{{Key: sdk.String("a"), Value: sdk.String("")}, {Key: sdk.String("A"), Value: sdk.String("")}}}, "InvalidParameterValue"},
		"a transitive key without tag":  {sdksts.AssumeRoleInput{TransitiveTagKeys: []string{"a"}}, "InvalidParameterValue"},
		"a code of no device":           {sdksts.AssumeRoleInput{SerialNumber: sdk.String("arn:aws:iam::111111111111:mfa/x"), TokenCode: sdk.String("123456")}, "AccessDenied"},
	} {
		if c.in.RoleArn == nil {
			c.in.RoleArn = sdk.String(role.ARN())
		}
		if c.in.RoleSessionName == nil {
			c.in.RoleSessionName = sdk.String("ok")
		}
		_, err := ann.sts.AssumeRole(ctx, &c.in)
		wantCode(t, what, err, c.code)
	}
	token := must[*sdksts.GetSessionTokenOutput](t)(ann.sts.GetSessionToken(ctx, &sdksts.GetSessionTokenInput{DurationSeconds: sdk.Int32(900)})).Credentials
	session := as(*token.AccessKeyId, *token.SecretAccessKey, *token.SessionToken)
	if me := must[*sdksts.GetCallerIdentityOutput](t)(session.sts.GetCallerIdentity(ctx, nil)); *me.Arn != "arn:aws:iam::111111111111:user/ann" {
		t.Errorf("the session is %s", *me.Arn)
	}
	_, err := as(*token.AccessKeyId, *token.SecretAccessKey, "").sts.GetCallerIdentity(ctx, nil)
	wantCode(t, "a session's key without its token", err, "InvalidClientTokenId")
	if info := must[*sdksts.GetAccessKeyInfoOutput](t)(ann.sts.GetAccessKeyInfo(ctx, &sdksts.GetAccessKeyInfoInput{AccessKeyId: key.AccessKeyId})); *info.Account != red {
		t.Errorf("the key is of account %s", *info.Account)
	}
	_, err = ann.sts.GetAccessKeyInfo(ctx, &sdksts.GetAccessKeyInfoInput{AccessKeyId: sdk.String("AKIAAAAAAAAAAAAAAAAA")})
	wantCode(t, "a key of nobody's", err, "ValidationError")
}
