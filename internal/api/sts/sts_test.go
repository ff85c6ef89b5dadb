package sts_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	api "trellis/internal/api/sts"
	"trellis/internal/aws/model/sts"
	"trellis/internal/caller"
	"trellis/internal/fault"
	"trellis/internal/identity"
	"trellis/internal/tag"
)

// recorder notes what it is asked for.
type recorder struct {
	asked identity.Assumption
	life  time.Duration
	err   error
}

var expires = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *recorder) Assume(_ context.Context, a identity.Assumption) (identity.Credentials, error) {
	r.asked = a
	return identity.Credentials{AccessKey: "ASIA1", Secret: "secret", Token: "token", Expires: expires, ARN: "arn", ID: "id", SourceIdentity: a.SourceIdentity}, r.err
}

func (r *recorder) SessionToken(_ context.Context, life time.Duration) (identity.Credentials, error) {
	r.life = life
	return identity.Credentials{AccessKey: "ASIA1", Secret: "secret", Token: "token", Expires: expires}, r.err
}

func (r *recorder) KeyAccount(key string) (string, bool) { return "111111111111", key == "AKIA1" }

func TestAssumeRole(t *testing.T) {
	r := &recorder{}
	out, err := api.New(r).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: new("role"), RoleSessionName: new("s"), DurationSeconds: new(int32(900)), Policy: new("{}"),
		PolicyArns: []sts.PolicyDescriptorType{{Arn: new("p")}}, ExternalId: new("x"), SourceIdentity: new("ann"), Tags: []sts.Tag{{Key: new("a"), Value: new("b")}}, TransitiveTagKeys: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Assumption{Role: "role", Session: "s", Duration: 15 * time.Minute, Policy: "{}", Policies: []string{"p"}, ExternalID: "x", SourceIdentity: "ann",
		Tags: tag.Set{"a": "b"}, Transitive: []string{"a"}}
	if !reflect.DeepEqual(r.asked, want) {
		t.Errorf("asked for %+v, want %+v", r.asked, want)
	}
	if c := out.Credentials; *c.AccessKeyId != "ASIA1" || *c.SecretAccessKey != "secret" || *c.SessionToken != "token" || !c.Expiration.Equal(expires) ||
		*out.AssumedRoleUser.Arn != "arn" || *out.AssumedRoleUser.AssumedRoleId != "id" || *out.SourceIdentity != "ann" {
		t.Errorf("answered %+v", out)
	}
	r.err = fault.New(fault.Denied, "AccessDenied", "no")
	if _, err := api.New(r).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: new("role"), RoleSessionName: new("s")}); !errors.Is(err, r.err) {
		t.Errorf("a refusal comes back as %v", err)
	}
}

func TestWhoAmI(t *testing.T) {
	ctx := caller.With(t.Context(), &caller.Caller{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/ann", UserID: "AIDA1"})
	out, err := api.New(&recorder{}).GetCallerIdentity(ctx, nil)
	if err != nil || *out.Account != "111111111111" || *out.Arn != "arn:aws:iam::111111111111:user/ann" || *out.UserId != "AIDA1" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestSessionTokenAndKeys(t *testing.T) {
	r := &recorder{}
	out, err := api.New(r).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: new(int32(1800))})
	if err != nil || r.life != 30*time.Minute || *out.Credentials.SessionToken != "token" {
		t.Errorf("got %+v for %s, %v", out, r.life, err)
	}
	info, err := api.New(r).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: new("AKIA1")})
	if err != nil || *info.Account != "111111111111" {
		t.Errorf("got %+v, %v", info, err)
	}
	if _, err := api.New(r).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: new("AKIA2")}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown key: %v", err)
	}
}
