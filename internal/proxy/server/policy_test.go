package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trellis/internal/proxy"
	"trellis/internal/proxy/http1"
)

// ruleFunc is a policy made of one function.
type ruleFunc func(r *proxy.AuthRequest) proxy.Verdict

func (f ruleFunc) Decide(r *proxy.AuthRequest) proxy.Verdict { return f(r) }
func (f ruleFunc) Explain(r *proxy.AuthRequest) proxy.Finding {
	return proxy.Finding{Verdict: f(r), Statement: "Only", Reasons: []string{"q is " + strings.Join(r.Values("vpc-lattice-svcs:requestquerystring", "q"), ",")}}
}

func always(v proxy.Verdict) proxy.Policy {
	return ruleFunc(func(*proxy.AuthRequest) proxy.Verdict { return v })
}

// authenticator takes the Authorization header for the caller's name.
type authenticator map[string]*proxy.Principal

func (a authenticator) Authenticate(r *http1.Request, _ time.Time) (*proxy.Principal, error) {
	v, _ := r.Get("authorization")
	if p := a[v]; p != nil {
		return p, nil
	}
	return nil, &proxy.AuthError{Code: "InvalidSignatureException", Message: "The signature does not match."}
}

const aliceARN = "arn:aws:sts::222222222222:assumed-role/Role/alice"

func TestPolicy(t *testing.T) {
	const denied = " is not authorized to perform: vpc-lattice-svcs:Invoke on resource: " + svcARN + "/dir "
	signed := "Authorization: alice\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
	blue := ruleFunc(func(r *proxy.AuthRequest) proxy.Verdict { return allowAll{}.Decide(r) })
	iam := func(p proxy.Policy) proxy.Auth { return proxy.Auth{Type: proxy.AuthIAM, Policy: p} }
	for _, tc := range []struct {
		name             string
		network, service proxy.Auth
		target, headers  string
		status           int
		body, user, by   string
	}{
		{name: "allowed", service: iam(blue), target: "/dir?q=blue", status: 200, body: "answer", user: "Anonymous", by: "-"},
		{name: "escaped", service: iam(blue), target: "/dir?%71=b%6cue", status: 200, body: "answer", user: "Anonymous", by: "-"},
		{name: "other value", service: iam(blue), target: "/dir?q=green", status: 403, user: "Anonymous", by: "Service",
			body: "AccessDeniedException: User: anonymous" + denied + "because no service-based policy allows the vpc-lattice-svcs:Invoke action"},
		{name: "other key", service: iam(blue), target: "/dir?Q=blue", status: 403, user: "Anonymous", by: "Service"},
		{name: "repeated", service: iam(blue), target: "/dir?q=blue&q=green", status: 403, user: "Anonymous", by: "Service"},
		{name: "semicolon", service: iam(blue), target: "/dir?q=blue;q=green", status: 400, user: "Anonymous", by: "-"},
		{name: "dot segments", service: iam(blue), target: "/x/%2e%2e/dir?q=blue", status: 400, user: "Anonymous", by: "-"},
		{name: "escaped slash", service: iam(blue), target: "/x%2fdir?q=blue", status: 400, user: "Anonymous", by: "-"},
		{name: "double slash", service: iam(blue), target: "//dir?q=blue", status: 400, user: "Anonymous", by: "-"},
		{name: "open service takes what it likes", target: "/x%2f..;v=1//dir?q=blue;a", status: 200, body: "answer", user: "-", by: "-"},
		{name: "open service keeps its own tokens", target: "/dir", headers: "Authorization: Bearer x\r\n", status: 200, body: "answer", user: "-", by: "-"},
		{name: "no policy", service: iam(nil), target: "/dir", status: 403, user: "Anonymous", by: "Service",
			body: "AccessDeniedException: User: anonymous" + denied + "because no service-based policy allows the vpc-lattice-svcs:Invoke action"},
		{name: "network first", network: iam(nil), service: iam(nil), target: "/dir", status: 403, user: "Anonymous", by: "Network",
			body: "AccessDeniedException: User: anonymous" + denied + "because no network-based policy allows the vpc-lattice-svcs:Invoke action"},
		{name: "explicit denial told first", network: iam(nil), service: iam(always(proxy.Denied)), target: "/dir", status: 403, user: "Anonymous", by: "Service",
			body: "AccessDeniedException: User: anonymous" + denied + "with an explicit deny in a service-based policy"},
		{name: "signed", service: iam(always(proxy.Allowed)), target: "/dir", headers: signed, status: 200, body: "answer", user: aliceARN, by: "-"},
		{name: "no identity policy", service: iam(always(proxy.Allowed)), target: "/dir", headers: strings.Replace(signed, "alice", "bob", 1), status: 403, user: "arn:aws:iam::222222222222:user/bob", by: "Identity",
			body: "AccessDeniedException: User: arn:aws:iam::222222222222:user/bob" + denied + "because no identity-based policy allows the vpc-lattice-svcs:Invoke action"},
		{name: "bad signature", service: iam(always(proxy.Allowed)), target: "/dir", headers: strings.Replace(signed, "alice", "eve", 1), status: 403, user: "Unknown", by: "-",
			body: "InvalidSignatureException: The signature does not match."},
		{name: "bearer is not anonymous", service: iam(always(proxy.Allowed)), target: "/dir", headers: "Authorization: Bearer x\r\n", status: 403, user: "Unknown", by: "-",
			body: "InvalidSignatureException: The signature does not match."},
		{name: "hidden credentials are not anonymous", service: iam(always(proxy.Allowed)), target: "/dir", headers: "Connection: authorization\r\n" + signed, status: 403, user: "Unknown", by: "-"},
		{name: "presigned is not anonymous", service: iam(always(proxy.Allowed)), target: "/dir?X-Amz-Signature=0", status: 403, user: "Unknown", by: "-"},
		{name: "signed payload", service: iam(always(proxy.Allowed)), target: "/dir", headers: "Authorization: AWS4-HMAC-SHA256 alice\r\n", status: 403, user: "Unknown", by: "-",
			body: "InvalidSignatureException: Signed payloads are not supported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork()
			f := start(t, n, func(c *Config) {
				c.Authenticator = authenticator{
					"alice": {ARN: aliceARN, Session: "alice", OrgID: "o-1", Identity: always(proxy.Allowed)},
					"bob":   {ARN: "arn:aws:iam::222222222222:user/bob"},
				}
			})
			table := oneService(n.target(t, serverNS, "10.0.0.5:80", rawTarget([]byte(ok("answer")))))
			table.VPCs[0].Network.Auth, service(table).Auth = tc.network, tc.service
			f.apply(t, table)
			c := f.dial(t, blueNS, latticeAddr)
			res, body := c.do(t, "GET", "GET "+tc.target+" HTTP/1.1\r\nHost: "+svcHost+"\r\n"+tc.headers+"\r\n")
			if res.StatusCode != tc.status || tc.body != "" && body != tc.body {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if ct := res.Header.Get("Content-Type"); tc.status == 403 && ct != "text/plain" {
				t.Errorf("content type %q", ct)
			}
			var rec map[string]any
			_ = json.Unmarshal([]byte(f.log.wait(t, 1)[0]), &rec)
			if rec["resolvedUser"] != tc.user || rec["authDeniedReason"] != tc.by || tc.status == 403 && rec["failureReason"] != "ClientAccessDenied" {
				t.Errorf("logged %v", rec)
			}
		})
	}
}

func TestIdentityHeader(t *testing.T) {
	n := newNetwork()
	f := start(t, n, func(c *Config) {
		c.Authenticator = authenticator{"alice": {ARN: aliceARN, Session: "alice", OrgID: "o-1", Identity: always(proxy.Allowed),
			Tags: []proxy.Tag{{Key: "team", Value: "blue"}, {Key: "x", Value: "a; role=admin"}, {Key: "env", Value: "dev"}}}}
	})
	table := oneService(n.target(t, serverNS, "10.0.0.5:80", serving(echoHeaders)))
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: always(proxy.Allowed)}
	f.apply(t, table)
	_, body := f.dial(t, blueNS, latticeAddr).do(t, "GET", "GET / HTTP/1.1\r\nHost: "+svcHost+"\r\nAuthorization: alice\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amzn-lattice-identity: Principal=root\r\n\r\n")
	for _, want := range []string{"X-Amzn-Lattice-Identity: Principal=" + aliceARN + "; PrincipalOrgID=o-1; SessionName=alice; Type=AWS_IAM\r\n",
		"X-Amzn-Lattice-Identity-Tags: team=blue; env=dev\r\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

func TestExplain(t *testing.T) {
	n := newNetwork()
	f := start(t, n, nil)
	table := oneService()
	service(table).Auth = proxy.Auth{Type: proxy.AuthIAM, Policy: ruleFunc(allowAll{}.Decide)}
	f.apply(t, table)
	c := f.dial(t, blueNS, latticeAddr)
	res, _ := c.do(t, "GET", get("/dir?q=green"))
	id := res.Header.Get("x-amzn-requestid")
	c.do(t, "GET", "GET / HTTP/1.1\r\nHost: nobody\r\nx-amzn-requestid: lost\r\n\r\n")
	f.log.wait(t, 2)
	f.apply(t, &proxy.Table{}) // the explanation is of the table the request was decided by
	x, found := f.Explain(id)
	if !found {
		t.Fatal("the request is not remembered")
	}
	if x.Status != 403 || x.Target != "/dir?q=green" || x.SourceVPC != "vpc-0123456789abcdef0" || x.Service != svcARN || x.DeniedBy != proxy.ServiceLayer || len(x.Layers) != 3 {
		t.Fatalf("%+v", x)
	}
	if l := x.Layers[1]; !l.InForce || l.Verdict != proxy.NoAllow || l.Statement != "Only" || l.Reasons[0] != "q is green" {
		t.Errorf("%+v", l)
	}
	if x.Layers[0].InForce || x.Layers[2].InForce {
		t.Errorf("%+v", x.Layers)
	}
	if x, found := f.Explain("lost"); !found || x.Status != 404 || x.Refusal == "" {
		t.Errorf("%+v", x)
	}
	if _, found := f.Explain("never"); found {
		t.Error("a request that never was is explained")
	}
}

func TestJournalIsBounded(t *testing.T) {
	n := newNetwork()
	f := start(t, n, func(c *Config) { c.Remembered = 2 })
	f.apply(t, oneService())
	c := f.dial(t, blueNS, latticeAddr)
	for _, id := range []string{"one", "two", "three"} {
		c.do(t, "GET", "GET / HTTP/1.1\r\nHost: "+svcHost+"\r\nx-amzn-requestid: "+id+"\r\n\r\n")
	}
	f.log.wait(t, 3)
	for id, want := range map[string]bool{"one": false, "two": true, "three": true} {
		if _, found := f.Explain(id); found != want {
			t.Errorf("%s remembered: %v", id, found)
		}
	}
}
