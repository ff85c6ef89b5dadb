package iam

import (
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	identity := func(statements ...string) *Policy { return mustParse(t, Identity, doc(statements...)) }
	resource := func(principal, effect string) *Policy {
		return mustParse(t, ResourcePolicy, doc(`{"Effect":"`+effect+`","Principal":`+principal+`,"Action":"*","Resource":"*"}`))
	}
	trust := func(principal string) *Policy {
		return mustParse(t, Trust, doc(`{"Effect":"Allow","Principal":`+principal+`,"Action":"sts:AssumeRole"}`))
	}
	all := identity(`{"Effect":"Allow","Action":"*","Resource":"*"}`)
	s3 := identity(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	ec2 := identity(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`)
	deny := identity(`{"Effect":"Deny","Action":"*","Resource":"*"}`)
	list := func(p ...*Policy) []*Policy { return p }
	levels := func(l ...[]*Policy) [][]*Policy { return l }
	const (
		userARN    = `{"AWS":"arn:aws:iam::111111111111:user/team/ann"}`
		roleARN    = `{"AWS":"arn:aws:iam::111111111111:role/team/r"}`
		sessionARN = `{"AWS":"arn:aws:sts::111111111111:assumed-role/r/s"}`
		account    = `{"AWS":"111111111111"}`
		lambdaName = `{"Service":"lambda.amazonaws.com"}`
	)
	type e = Entitlements
	for _, c := range []struct {
		name      string
		principal Principal
		owner     string
		access    Access
		verdict   Verdict
		layer     Layer
	}{
		{"nothing", user, acct, Access{}, ImplicitDeny, IdentityLayer},
		{"identity", user, acct, Access{Entitlements: e{Identity: list(ec2, s3)}}, Allowed, IdentityLayer},
		{"other service", user, acct, Access{Entitlements: e{Identity: list(ec2)}}, ImplicitDeny, IdentityLayer},
		{"no owner means the caller's", user, "", Access{Entitlements: e{Identity: list(s3)}}, Allowed, IdentityLayer},
		{"explicit deny", user, acct, Access{Entitlements: e{Identity: list(all, deny)}}, ExplicitDeny, IdentityLayer},
		{"a missing policy allows nothing", user, acct, Access{Entitlements: e{Identity: list(nil)}}, ImplicitDeny, IdentityLayer},

		{"boundary", user, acct, Access{Entitlements: e{Identity: list(all), Boundary: s3}}, Allowed, IdentityLayer},
		{"outside boundary", user, acct, Access{Entitlements: e{Identity: list(all), Boundary: ec2}}, ImplicitDeny, BoundaryLayer},
		{"boundary grants nothing", user, acct, Access{Entitlements: e{Boundary: all}}, ImplicitDeny, IdentityLayer},
		{"boundary denies", user, acct, Access{Entitlements: e{Identity: list(all), Boundary: deny}}, ExplicitDeny, BoundaryLayer},
		{"session policy", session, acct, Access{Entitlements: e{Identity: list(all), Session: s3}}, Allowed, IdentityLayer},
		{"outside session policy", session, acct, Access{Entitlements: e{Identity: list(all), Session: ec2}}, ImplicitDeny, SessionLayer},
		{"session policy grants nothing", session, acct, Access{Entitlements: e{Session: all}}, ImplicitDeny, IdentityLayer},

		{"service control", user, acct, Access{Entitlements: e{Identity: list(all), ServiceControl: levels(list(all), list(ec2, s3))}}, Allowed, IdentityLayer},
		{"a level lacks it", user, acct, Access{Entitlements: e{Identity: list(all), ServiceControl: levels(list(all), list(ec2))}}, ImplicitDeny, ServiceControlLayer},
		{"a level has none", user, acct, Access{Entitlements: e{Identity: list(all), ServiceControl: levels(list(all), nil)}}, ImplicitDeny, ServiceControlLayer},
		{"a level denies", user, acct, Access{Entitlements: e{Identity: list(all), ServiceControl: levels(list(all, deny), list(all))}}, ExplicitDeny, ServiceControlLayer},
		{"service control grants nothing", user, acct, Access{Entitlements: e{ServiceControl: levels(list(all))}}, ImplicitDeny, IdentityLayer},

		{"root", root, acct, Access{}, Allowed, IdentityLayer},
		{"root under service control", root, acct, Access{Entitlements: e{ServiceControl: levels(list(ec2))}}, ImplicitDeny, ServiceControlLayer},
		{"root and a denying resource", root, acct, Access{Resource: resource(`"*"`, "Deny")}, ExplicitDeny, ResourceLayer},
		{"root elsewhere", root, other, Access{}, ImplicitDeny, ResourceLayer},
		{"root elsewhere, let in", root, other, Access{Resource: resource(account, "Allow")}, Allowed, IdentityLayer},

		{"resource names the user", user, acct, Access{Resource: resource(userARN, "Allow")}, Allowed, ResourceLayer},
		{"... past its boundary", user, acct, Access{Entitlements: e{Boundary: ec2}, Resource: resource(userARN, "Allow")}, Allowed, ResourceLayer},
		{"... but not past a deny", user, acct, Access{Entitlements: e{Boundary: deny}, Resource: resource(userARN, "Allow")}, ExplicitDeny, BoundaryLayer},
		{"... nor past service control", user, acct, Access{Entitlements: e{ServiceControl: levels(list(ec2))}, Resource: resource(userARN, "Allow")}, ImplicitDeny, ServiceControlLayer},
		{"resource names the role", session, acct, Access{Resource: resource(roleARN, "Allow")}, Allowed, ResourceLayer},
		{"... within its boundary", session, acct, Access{Entitlements: e{Boundary: ec2}, Resource: resource(roleARN, "Allow")}, ImplicitDeny, BoundaryLayer},
		{"... and session policy", session, acct, Access{Entitlements: e{Session: ec2}, Resource: resource(roleARN, "Allow")}, ImplicitDeny, SessionLayer},
		{"resource names the session", session, acct, Access{Entitlements: e{Boundary: ec2, Session: ec2}, Resource: resource(sessionARN, "Allow")}, Allowed, ResourceLayer},
		{"resource names everyone", session, acct, Access{Entitlements: e{Boundary: ec2}, Resource: resource(`"*"`, "Allow")}, Allowed, ResourceLayer},
		{"resource names the account", user, acct, Access{Resource: resource(account, "Allow")}, ImplicitDeny, IdentityLayer},
		{"... and identity allows", user, acct, Access{Entitlements: e{Identity: list(s3)}, Resource: resource(account, "Allow")}, Allowed, IdentityLayer},
		{"resource names another", user, acct, Access{Entitlements: e{Identity: list(s3)}, Resource: resource(roleARN, "Allow")}, Allowed, IdentityLayer},
		{"resource denies", user, acct, Access{Entitlements: e{Identity: list(all)}, Resource: resource(`"*"`, "Deny")}, ExplicitDeny, ResourceLayer},

		{"across accounts, identity only", user, other, Access{Entitlements: e{Identity: list(all)}}, ImplicitDeny, ResourceLayer},
		{"across accounts, resource only", user, other, Access{Resource: resource(userARN, "Allow")}, ImplicitDeny, IdentityLayer},
		{"across accounts, everyone", user, other, Access{Resource: resource(`"*"`, "Allow")}, ImplicitDeny, IdentityLayer},
		{"across accounts, both", user, other, Access{Entitlements: e{Identity: list(s3)}, Resource: resource(account, "Allow")}, Allowed, IdentityLayer},
		{"across accounts, outside boundary", user, other, Access{Entitlements: e{Identity: list(s3), Boundary: ec2}, Resource: resource(userARN, "Allow")}, ImplicitDeny, BoundaryLayer},
		{"across accounts, the role only", session, other, Access{Resource: resource(roleARN, "Allow")}, ImplicitDeny, IdentityLayer},

		{"anonymous", Principal{}, acct, Access{Entitlements: e{Identity: list(all)}}, ImplicitDeny, ResourceLayer},
		{"anonymous, let in", Principal{}, acct, Access{Resource: resource(`"*"`, "Allow")}, Allowed, ResourceLayer},
		{"service", lambda, acct, Access{Resource: resource(lambdaName, "Allow")}, Allowed, ResourceLayer},
		{"service, not named", lambda, acct, Access{Resource: resource(account, "Allow")}, ImplicitDeny, ResourceLayer},
		{"service, no policy", lambda, acct, Access{}, ImplicitDeny, ResourceLayer},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Principal: c.principal, Action: "s3:GetObject", Resource: Resource{ARN: "arn:aws:s3:::b/k", Account: c.owner}}
			o := c.access.Decide(&r)
			if o.Verdict != c.verdict || o.Layer != c.layer {
				t.Errorf("%v by %v, want %v by %v", o.Verdict, o.Layer, c.verdict, c.layer)
			}
			if (o.Policy < 0) != (o.Statement < 0) {
				t.Errorf("policy %d with statement %d", o.Policy, o.Statement)
			}
			if rep := c.access.Explain(&r); rep.Outcome != o || rep.String() == "" {
				t.Errorf("Explain says %s", rep)
			}
		})
	}

	for _, c := range []struct {
		name      string
		principal Principal
		owner     string
		access    Access
		want      bool
	}{
		{"a service that is trusted", lambda, acct, Access{Resource: trust(lambdaName)}, true},
		{"a service that is not", Principal{Kind: Service, ARN: "ec2.amazonaws.com"}, acct, Access{Resource: trust(lambdaName)}, false},
		{"a service and {\"AWS\":\"*\"}", lambda, acct, Access{Resource: trust(`{"AWS":"*"}`)}, false},
		{"identity alone", user, acct, Access{Entitlements: e{Identity: list(all)}, Resource: trust(lambdaName)}, false},
		{"the account, identity allows", user, acct, Access{Entitlements: e{Identity: list(all)}, Resource: trust(account)}, true},
		{"the account, identity does not", user, acct, Access{Resource: trust(account)}, false},
		{"the user", user, acct, Access{Resource: trust(userARN)}, true},
		{"another account's user, identity does not", user, other, Access{Resource: trust(userARN)}, false},
		{"another account's user", user, other, Access{Entitlements: e{Identity: list(all)}, Resource: trust(userARN)}, true},
		{"another account's root", root, other, Access{Resource: trust(account)}, true},
	} {
		t.Run("assume role: "+c.name, func(t *testing.T) {
			r := Request{Principal: c.principal, Action: "sts:AssumeRole", Resource: Resource{ARN: "arn:aws:iam::" + c.owner + ":role/x", Account: c.owner}}
			if o := c.access.Decide(&r); o.Allowed() != c.want {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestReport(t *testing.T) {
	a := Access{Entitlements: Entitlements{Identity: []*Policy{
		mustParse(t, Identity, doc(`{"Sid":"Own","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::mine/*"}`)),
		mustParse(t, Identity, doc(`{"Sid":"Guard","Effect":"Deny","Action":"s3:Delete*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}`)),
	}}}
	key := MakeKey("aws:MultiFactorAuthPresent")
	for _, c := range []struct {
		action  string
		context Map
		want    string
	}{
		{"s3:GetObject", nil, `implicit deny by identity-based policy: statement 1 (Own) does not apply: Resource wants "arn:aws:s3:::mine/*", got "arn:aws:s3:::other/k"`},
		{"s3:DeleteObject", Map{key: One("false")}, `explicit deny by identity-based policy: statement 1 (Guard) denies: Bool aws:MultiFactorAuthPresent wants "false", got "false"`},
		{"s3:DeleteObject", Map{key: Unavailable()}, `Bool aws:MultiFactorAuthPresent wants "false", the request has none (its value is not available)`},
	} {
		r := Request{Principal: user, Action: c.action, Resource: Resource{ARN: "arn:aws:s3:::other/k"}, Context: c.context}
		if got := a.Explain(&r).String(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.action, got, c.want)
		}
	}
	r := Request{Principal: session, Action: "s3:GetObject", Resource: Resource{ARN: "arn:aws:s3:::mine/k", Account: other}}
	if got := a.Explain(&r).String(); got != "implicit deny by resource-based policy: there is no such policy" {
		t.Error(got)
	}
}
