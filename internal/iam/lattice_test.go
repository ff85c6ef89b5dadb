package iam

import (
	"strings"
	"testing"
)

const (
	blue  = "333333333333"
	green = "444444444444"

	service = "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdefg"
	invoke  = "vpc-lattice-svcs:Invoke"
)

const articlePolicy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{
  "vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":"blue","vpc-lattice-svcs:SourceVpcOwnerAccount":"333333333333"}}},
 {"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{
  "vpc-lattice-svcs:RequestMethod":"GET","vpc-lattice-svcs:RequestQueryString/q":"green","vpc-lattice-svcs:SourceVpcOwnerAccount":"444444444444"}}}]}`

// httpRequest is a Context over the parts of an HTTP request, as a proxy has them.
type httpRequest struct {
	method, vpc, owner string
	query              []string
	header             string
}

func (h *httpRequest) Lookup(k Key) Values {
	switch k.Name {
	case "vpc-lattice-svcs:requestmethod":
		return One(h.method)
	case "vpc-lattice-svcs:requestquerystring":
		if k.Arg == "q" {
			return Many(h.query)
		}
	case "vpc-lattice-svcs:requestheader":
		if k.Arg == "x-team" && h.header != "" {
			return One(h.header)
		}
	case "vpc-lattice-svcs:sourcevpc":
		return One(h.vpc)
	case "vpc-lattice-svcs:sourcevpcowneraccount":
		return One(h.owner)
	default:
		return Unavailable()
	}
	return Values{}
}

func TestArticle(t *testing.T) {
	l := Lattice{Service: AuthPolicy{Required: true, Policy: mustParse(t, ResourcePolicy, articlePolicy)}}
	for _, c := range []struct {
		name    string
		request httpRequest
		why     string // of the denial; empty allows
	}{
		{"blue asks blue", httpRequest{method: "GET", owner: blue, query: []string{"blue"}}, ""},
		{"green asks green", httpRequest{method: "GET", owner: green, query: []string{"green"}}, ""},
		{"blue asks green", httpRequest{method: "GET", owner: blue, query: []string{"green"}},
			`statement 1 does not apply: StringEquals vpc-lattice-svcs:RequestQueryString/q wants "blue", got "green"; ` +
				`statement 2 does not apply: StringEquals vpc-lattice-svcs:SourceVpcOwnerAccount wants "444444444444", got "333333333333"`},
		{"green asks blue", httpRequest{method: "GET", owner: green, query: []string{"blue"}},
			`SourceVpcOwnerAccount wants "333333333333", got "444444444444"`},
		{"POST", httpRequest{method: "POST", owner: blue, query: []string{"blue"}},
			`statement 1 does not apply: StringEquals vpc-lattice-svcs:RequestMethod wants "GET", got "POST"`},
		{"no query", httpRequest{method: "GET", owner: blue}, `RequestQueryString/q wants "blue", the request has none`},
		{"both", httpRequest{method: "GET", owner: blue, query: []string{"blue", "green"}},
			`statement 1 does not apply: StringEquals vpc-lattice-svcs:RequestQueryString/q wants "blue", got "blue", "green" (the values do not agree)`},
		{"both, the other way round", httpRequest{method: "GET", owner: blue, query: []string{"green", "blue"}}, "do not agree"},
		{"blue twice", httpRequest{method: "GET", owner: blue, query: []string{"blue", "blue"}}, ""},
		{"the shared account's own network", httpRequest{method: "GET", owner: acct, query: []string{"blue"}},
			`SourceVpcOwnerAccount wants "333333333333", got "111111111111"`},
		{"case", httpRequest{method: "GET", owner: blue, query: []string{"Blue"}}, `got "Blue"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Action: invoke, Resource: Resource{ARN: service, Path: "/", Account: acct}, Context: &c.request}
			o := l.Decide(&r)
			if o.Allowed() != (c.why == "") {
				t.Fatalf("outcome %+v", o)
			}
			rep := l.Explain(&r)
			if rep.Outcome != o || !strings.Contains(rep.String(), c.why) {
				t.Errorf("Explain says %s, want %q", rep, c.why)
			}
			if !o.Allowed() && o.AuthDeniedReason() != "Service" {
				t.Errorf("reason %q", o.AuthDeniedReason())
			}
		})
	}
}

func TestUserGuidePolicies(t *testing.T) {
	inOrg := session
	inOrg.OrgID = "o-123456example"
	vpc := func(v string) Context { return &httpRequest{method: "GET", vpc: v} }
	orgOnly := `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-123456example"]}}}`
	signedFromVPC := `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"*","Condition":{
		"StringNotEquals":{"aws:PrincipalType":"Anonymous"},"StringEquals":{"vpc-lattice-svcs:SourceVpc":"vpc-1a2b3c4d"}}}`
	terraform := `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEqualsIgnoreCase":{"aws:PrincipalType":"anonymous"}}}`
	for _, c := range []struct {
		name, statement string
		request         Request
		want            bool
	}{
		{"organization", orgOnly, Request{Principal: inOrg}, true},
		{"outside the organization", orgOnly, Request{Principal: session}, false},
		{"anonymous and organization", orgOnly, Request{}, false},
		{"signed from the VPC", signedFromVPC, Request{Principal: session, Context: vpc("vpc-1a2b3c4d")}, true},
		{"signed from another VPC", signedFromVPC, Request{Principal: session, Context: vpc("vpc-2")}, false},
		{"unsigned from the VPC", signedFromVPC, Request{Context: vpc("vpc-1a2b3c4d")}, false},
		{"any action, signed", terraform, Request{Principal: session}, true},
		{"any action, unsigned", terraform, Request{}, false},
		{"header", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"vpc-lattice-svcs:RequestHeader/X-TEAM":"a"}}}`,
			Request{Context: &httpRequest{header: "a"}}, true},
		{"path", `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"` + service + `/orders"}`, Request{}, true},
		{"other path", `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Invoke","Resource":"` + service + `/users"}`, Request{}, false},
		{"connect", `{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Connect","Resource":"*"}`, Request{}, false},
		{"role", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/team/r"},"Action":"*","Resource":"*"}`, Request{Principal: session}, true},
		{"account", `{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"*","Resource":"*"}`, Request{Principal: session}, true},
		{"anonymous is in no account", `{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"*","Resource":"*"}`, Request{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := Entitlements{Identity: []*Policy{mustParse(t, Identity, allowEverything)}}
			l := Lattice{Service: AuthPolicy{true, mustParse(t, ResourcePolicy, doc(c.statement))}, Identity: &all}
			c.request.Action, c.request.Resource = invoke, Resource{ARN: service, Path: "/orders", Account: acct}
			if o := l.Decide(&c.request); o.Allowed() != c.want {
				t.Errorf("outcome %+v: %s", o, l.Explain(&c.request))
			}
		})
	}
}

func TestLatticeLayers(t *testing.T) {
	auth := func(effect string) AuthPolicy {
		return AuthPolicy{true, mustParse(t, ResourcePolicy, doc(`{"Effect":"`+effect+`","Principal":"*","Action":"*","Resource":"*"}`))}
	}
	allow, deny, missing, none := auth("Allow"), auth("Deny"), AuthPolicy{Required: true}, AuthPolicy{}
	inactive := AuthPolicy{Policy: deny.Policy}
	other := AuthPolicy{true, mustParse(t, ResourcePolicy, doc(`{"Effect":"Allow","Principal":"*","Action":"vpc-lattice-svcs:Connect","Resource":"*"}`))}
	may := &Entitlements{Identity: []*Policy{mustParse(t, Identity, latticeInvoke)}}
	mayNot := &Entitlements{}
	forbidden := &Entitlements{Identity: []*Policy{mustParse(t, Identity, doc(`{"Effect":"Deny","Action":"*","Resource":"*"}`))}}
	bounded := &Entitlements{Identity: may.Identity, Boundary: mustParse(t, Identity, doc(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`))}
	for _, c := range []struct {
		name             string
		network, service AuthPolicy
		principal        Principal
		identity         *Entitlements
		verdict          Verdict
		layer            Layer
	}{
		{"no auth", none, none, Principal{}, nil, Allowed, NoLayer},
		{"no auth, signed", none, none, session, mayNot, Allowed, NoLayer},
		{"inactive policies", inactive, inactive, Principal{}, nil, Allowed, NoLayer},
		{"service only", none, allow, Principal{}, nil, Allowed, ServiceLayer},
		{"network only", allow, none, Principal{}, nil, Allowed, NetworkLayer},
		{"both", allow, allow, Principal{}, nil, Allowed, ServiceLayer},
		{"service without policy", none, missing, Principal{}, nil, ImplicitDeny, ServiceLayer},
		{"network without policy", missing, allow, Principal{}, nil, ImplicitDeny, NetworkLayer},
		{"both without policy", missing, missing, session, mayNot, ImplicitDeny, NetworkLayer},
		{"network allows, service does not", allow, other, session, may, ImplicitDeny, ServiceLayer},
		{"service allows, network does not", other, allow, session, may, ImplicitDeny, NetworkLayer},
		{"all allow", allow, allow, session, may, Allowed, ServiceLayer},
		{"identity lacks it", allow, allow, session, mayNot, ImplicitDeny, IdentityLayer},
		{"identity unknown", allow, allow, session, nil, ImplicitDeny, IdentityLayer},
		{"boundary lacks it", allow, allow, session, bounded, ImplicitDeny, BoundaryLayer},
		{"service and identity lack it", allow, other, session, mayNot, ImplicitDeny, ServiceLayer},
		{"all lack it", other, other, session, mayNot, ImplicitDeny, NetworkLayer},
		{"root of an account", allow, allow, root, mayNot, Allowed, ServiceLayer},
		{"network denies", deny, allow, session, may, ExplicitDeny, NetworkLayer},
		{"service denies", allow, deny, session, may, ExplicitDeny, ServiceLayer},
		{"identity denies", allow, allow, session, forbidden, ExplicitDeny, IdentityLayer},
		{"identity denies, network lacks it", other, allow, session, forbidden, ExplicitDeny, IdentityLayer},
		{"service denies, network lacks it", missing, deny, session, may, ExplicitDeny, ServiceLayer},
		{"all deny", deny, deny, session, forbidden, ExplicitDeny, NetworkLayer},
		{"inactive deny", inactive, allow, session, may, Allowed, ServiceLayer},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Lattice{Network: c.network, Service: c.service, Identity: c.identity}
			r := Request{Principal: c.principal, Action: invoke, Resource: Resource{ARN: service, Path: "/"}}
			o := l.Decide(&r)
			if o.Verdict != c.verdict || o.Layer != c.layer {
				t.Errorf("%v by %v, want %v by %v", o.Verdict, o.Layer, c.verdict, c.layer)
			}
			if rep := l.Explain(&r); rep.Outcome != o || rep.String() == "" {
				t.Errorf("Explain says %s", rep)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	anonymous := Request{Action: invoke, Resource: Resource{ARN: service, Path: "/a"}}
	signed := anonymous
	signed.Principal = session
	const on = " is not authorized to perform: vpc-lattice-svcs:Invoke on resource: " + service + "/a "
	for _, c := range []struct {
		request Request
		outcome Outcome
		want    string
		reason  string
	}{
		{anonymous, denied(ServiceLayer), "User: anonymous" + on + "because no service-based policy allows the vpc-lattice-svcs:Invoke action", "Service"},
		{anonymous, denied(NetworkLayer), "User: anonymous" + on + "because no network-based policy allows the vpc-lattice-svcs:Invoke action", "Network"},
		{signed, denied(IdentityLayer), "User: " + session.ARN + on + "because no identity-based policy allows the vpc-lattice-svcs:Invoke action", "Identity"},
		{signed, denied(ServiceControlLayer), "User: " + session.ARN + on + "because no service control policy allows the vpc-lattice-svcs:Invoke action", "Identity"},
		{signed, Outcome{Decision: Decision{Verdict: ExplicitDeny}, Layer: ServiceLayer}, "User: " + session.ARN + on + "with an explicit deny in a service-based policy", "Service"},
		{signed, Outcome{Decision: Decision{Verdict: ExplicitDeny}, Layer: IdentityLayer}, "User: " + session.ARN + on + "with an explicit deny in an identity-based policy", "Identity"},
	} {
		if got := c.outcome.Message(&c.request); got != c.want {
			t.Errorf("message %q, want %q", got, c.want)
		}
		if got := c.outcome.AuthDeniedReason(); got != c.reason {
			t.Errorf("reason %q, want %q", got, c.reason)
		}
	}
}
