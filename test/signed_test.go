package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// onlySigned lets in whoever is somebody, but for one path.
const onlySigned = `{"Version":"2012-10-17","Statement":[
 {"Sid":"Known","Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalType":"Anonymous"}}},
 {"Sid":"NotThere","Effect":"Deny","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*/secret"}]}`

const invoke = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"vpc-lattice-svcs:Invoke","Resource":"*"}}`

// user makes a user with a policy, if there is one, and an access key.
func (a *account) user(t *testing.T, name, policy string) *signing {
	t.Helper()
	must(t, a.iam.CreateUser, &iam.CreateUserInput{UserName: &name})
	if policy != "" {
		must(t, a.iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	}
	k := must(t, a.iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: &name}).AccessKey
	return &signing{Key: *k.AccessKeyId, Secret: *k.SecretAccessKey}
}

// role makes a role that the account's users may assume, and assumes it as one of them.
func (a *account) role(t *testing.T, name, policy string) *signing {
	t.Helper()
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"sts:AssumeRole"}}`, a.id)
	r := must(t, a.iam.CreateRole, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}).Role
	if policy != "" {
		must(t, a.iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	}
	by := a.user(t, name+"-user", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	c := must(t, a.as(by.Key, by.Secret, "").sts.AssumeRole, &sts.AssumeRoleInput{RoleArn: r.Arn, RoleSessionName: aws.String("session")}).Credentials
	return &signing{Key: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}
}

func (s signing) but(change func(*signing)) *signing {
	change(&s)
	return &s
}

func TestSignedRequests(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "signed")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := n.lattice(t, "signed", onlySigned)
	n.associate(t, l.network)

	may, mayNot := a.user(t, "may", invoke), a.user(t, "may-not", "")
	elsewhere := a.user(t, "elsewhere", strings.Replace(invoke, `"*"`, `"arn:aws:vpc-lattice:us-east-1:*:service/svc-00000000000000000/*"`, 1))
	role, powerless := a.role(t, "role", invoke), a.role(t, "powerless", "")
	stranger := s.account(t, "stranger").user(t, "stranger", invoke)
	off := a.user(t, "off", invoke)
	must(t, a.iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: aws.String("off"), AccessKeyId: &off.Key, Status: "Inactive"})

	const denied = "AccessDeniedException"
	tests := []struct {
		what string
		sign *signing
		path string
		want int
		body []string // in the body
		why  string   // in what trellis why says
	}{
		{"nobody", nil, "/", 403, []string{denied, "User: anonymous", "no service-based policy"}, "aws:PrincipalType"},
		{"a user that may", may, "/", 200, []string{"Principal=arn:aws:iam::" + a.id + ":user/may"}, "Known"},
		{"a role that may", role, "/a?b=c&a=%20", 200, []string{"Principal=arn:aws:sts::" + a.id + ":assumed-role/role/session", "SessionName=session"}, "Known"},
		{"a user of another account that may", stranger, "/", 200, []string{"user/stranger"}, "Known"},
		{"a user that may not", mayNot, "/", 403, []string{denied, "user/may-not", "no identity-based policy"}, "identity"},
		{"a user that may elsewhere", elsewhere, "/", 403, []string{denied, "no identity-based policy"}, "identity"},
		{"a role that may not", powerless, "/", 403, []string{denied, "assumed-role/powerless/session", "no identity-based policy"}, "identity"},
		{"where nobody may", may, "/secret", 403, []string{denied, "explicit deny", "service-based policy"}, "NotThere"},
		{"a wrong secret", may.but(func(s *signing) { s.Secret += "x" }), "/", 403, []string{"InvalidSignatureException"}, "signature"},
		{"a changed query", may.but(func(s *signing) { s.Spoil = true }), "/?a=b", 403, []string{"InvalidSignatureException"}, "signature"},
		{"an old signature", may.but(func(s *signing) { s.Age = time.Hour }), "/", 403, []string{"InvalidSignatureException"}, "signature"},
		{"a signature from the future", may.but(func(s *signing) { s.Age = -time.Hour }), "/", 403, []string{"InvalidSignatureException"}, "signature"},
		{"a signed payload", may.but(func(s *signing) { s.Payload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }), "/", 403,
			[]string{"InvalidSignatureException", "Signed payloads are not supported"}, "payload"},
		{"a key that is none", may.but(func(s *signing) { s.Key = "AKIAIOSFODNN7EXAMPLE" }), "/", 403, nil, ""},
		{"a key that is off", off, "/", 403, nil, ""},
		{"a session without its token", role.but(func(s *signing) { s.Token = "" }), "/", 403, nil, ""},
		{"a session with another token", role.but(func(s *signing) { s.Token = powerless.Token }), "/", 403, nil, ""},
		{"an authorization that is none", &signing{Key: "broken"}, "/", 403, nil, ""},
	}
	var asks []ask
	for _, test := range tests {
		asks = append(asks, ask{Method: "GET", URL: "http://" + l.name + test.path, Sign: test.sign})
	}
	last := &asks[len(asks)-1]
	last.Sign, last.Header = nil, map[string][]string{"Authorization": {"AWS4-HMAC-SHA256 broken"}}
	for i, got := range n.place().ask(t, asks...) {
		test := tests[i]
		if !got.is(test.want) {
			t.Errorf("%s: %s, want %d", test.what, got, test.want)
			continue
		}
		for _, want := range test.body {
			if !strings.Contains(got.Body, want) {
				t.Errorf("%s: the body is %q, want %q in it", test.what, got.Body, want)
			}
		}
		if said := s.why(t, got.requestID()); !strings.Contains(strings.ToLower(said), strings.ToLower(test.why)) {
			t.Errorf("%s: why says %q, want %q in it", test.what, said, test.why)
		}
		if test.want != 200 && strings.Contains(got.Body, may.Secret) {
			t.Errorf("%s: the body has a secret", test.what)
		}
	}

	// What a caller may do changes with its policies, at once.
	must(t, a.iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: aws.String("may"), PolicyName: aws.String("p")})
	must(t, a.lattice.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: &l.id, Policy: aws.String(strings.Replace(onlySigned, `"Known"`, `"Renamed"`, 1))})
	url := "http://" + l.name + "/"
	got := n.place().ask(t, ask{Method: "GET", URL: url, Sign: may}, ask{Method: "GET", URL: url, Sign: role})
	if !got[0].is(403) || !got[1].is(200) {
		t.Errorf("after the policies changed: %s and %s, want 403 and 200", got[0], got[1])
	}
	if said := s.why(t, got[1].requestID()); !strings.Contains(said, "Renamed") {
		t.Errorf("why says %q, want the new statement", said)
	}
}

func TestIdentityPoliciesOfTheAPI(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "policies")
	reader := a.user(t, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["vpc-lattice:List*","vpc-lattice:Get*"],"Resource":"*"}}`)
	as := a.as(reader.Key, reader.Secret, "")
	must(t, as.lattice.ListServices, &vpclattice.ListServicesInput{})
	refused(t, as.lattice.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("not")}, "AccessDeniedException")
	refused(t, as.iam.ListUsers, &iam.ListUsersInput{}, "AccessDenied")
	who := must(t, as.sts.GetCallerIdentity, &sts.GetCallerIdentityInput{})
	if want := "arn:aws:iam::" + a.id + ":user/reader"; *who.Arn != want || *who.Account != a.id {
		t.Errorf("the caller is %s of %s, want %s", *who.Arn, *who.Account, want)
	}
	must(t, a.iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: aws.String("reader"), PolicyName: aws.String("p")})
	refused(t, as.lattice.ListServices, &vpclattice.ListServicesInput{}, "AccessDeniedException")
	must(t, a.iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: aws.String("reader"), AccessKeyId: &reader.Key})
	refused(t, as.sts.GetCallerIdentity, &sts.GetCallerIdentityInput{}, "InvalidClientTokenId")
}
