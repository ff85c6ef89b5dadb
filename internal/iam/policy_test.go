package iam

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

const (
	acct  = "111111111111"
	other = "222222222222"
)

var (
	root    = Principal{Kind: Root, ARN: "arn:aws:iam::111111111111:root", Account: acct, UserID: acct}
	user    = Principal{Kind: User, ARN: "arn:aws:iam::111111111111:user/team/ann", Account: acct, UserID: "AIDAEXAMPLE"}
	session = Principal{Kind: AssumedRole, ARN: "arn:aws:sts::111111111111:assumed-role/r/s", RoleARN: "arn:aws:iam::111111111111:role/team/r",
		Account: acct, UserID: "AROAEXAMPLE:s"}
	lambda = Principal{Kind: Service, ARN: "lambda.amazonaws.com"}
)

func TestActions(t *testing.T) {
	for _, c := range []struct {
		element, action string
		want            bool
	}{
		{`"Action":"*"`, "ec2:CreateVpc", true},
		{`"Action":"ec2:CreateVpc"`, "ec2:CreateVpc", true},
		{`"Action":"EC2:createvpc"`, "ec2:CreateVpc", true},
		{`"Action":"ec2:CreateVpc"`, "ec2:CreateVpcPeeringConnection", false},
		{`"Action":"ec2:*Vpc*"`, "ec2:CreateVpcPeeringConnection", true},
		{`"Action":"ec2:Describe*"`, "ec2:CreateVpc", false},
		{`"Action":"ec2:Create???"`, "ec2:CreateVpc", true},
		{`"Action":["s3:*","ec2:*"]`, "ec2:CreateVpc", true},
		{`"Action":"ec2:*"`, "ec2x:CreateVpc", false},
		{`"NotAction":"iam:*"`, "ec2:CreateVpc", true},
		{`"NotAction":["iam:*","ec2:*"]`, "ec2:CreateVpc", false},
		{`"NotAction":"*"`, "ec2:CreateVpc", false},
	} {
		p := mustParse(t, Identity, doc(`{"Effect":"Allow",`+c.element+`,"Resource":"*"}`))
		r := Request{Principal: user, Action: c.action, Resource: Resource{ARN: "*"}}
		if got := p.Decide(&r).Verdict == Allowed; got != c.want {
			t.Errorf("%s with %s: %v", c.element, c.action, got)
		}
	}
}

func TestResources(t *testing.T) {
	const svc = "arn:aws:vpc-lattice:us-east-1:111111111111:service/svc-0123456789abcdefg"
	for _, c := range []struct {
		element  string
		resource Resource
		allows   bool
		denies   bool
	}{
		{`"Resource":"*"`, Resource{ARN: svc, Path: "/"}, true, true},
		{`"Resource":"*"`, Resource{Unknown: true}, true, true},
		{`"Resource":"*"`, Resource{ARN: "*"}, true, true},
		{`"Resource":"` + svc + `"`, Resource{ARN: svc}, true, true},
		{`"Resource":"` + svc + `"`, Resource{ARN: svc, Path: "/"}, false, false},
		{`"Resource":"` + svc + `/*"`, Resource{ARN: svc, Path: "/"}, true, true},
		{`"Resource":"` + svc + `/*"`, Resource{ARN: svc, Path: "/a/b"}, true, true},
		{`"Resource":"` + svc + `/*"`, Resource{ARN: svc + "h", Path: "/a"}, false, false},
		{`"Resource":"` + svc + `/a"`, Resource{ARN: svc, Path: "/a"}, true, true},
		{`"Resource":"` + svc + `/a"`, Resource{ARN: svc, Path: "/A"}, false, false},
		{`"Resource":"` + svc + `/a"`, Resource{ARN: svc, Path: "/a/b"}, false, false},
		{`"Resource":"` + svc + `/api.parking/GetRates"`, Resource{ARN: svc, Path: "/api.parking/GetRates"}, true, true},
		{`"Resource":"*/a"`, Resource{ARN: svc, Path: "/a"}, true, true},
		{`"Resource":"*/a"`, Resource{ARN: svc, Path: "/b"}, false, false},
		{`"Resource":"arn:aws:vpc-lattice:*:111111111111:service/*g/?"`, Resource{ARN: svc, Path: "/é"}, true, true},
		{`"Resource":"arn:aws:vpc-lattice:*:222222222222:service/*"`, Resource{ARN: svc, Path: "/"}, false, false},
		{`"Resource":"arn:*"`, Resource{ARN: svc, Path: "/"}, true, true},
		{`"Resource":["arn:aws:s3:::b","` + svc + `"]`, Resource{ARN: svc}, true, true},
		{`"NotResource":"arn:aws:s3:::*"`, Resource{ARN: svc}, true, true},
		{`"NotResource":"` + svc + `*"`, Resource{ARN: svc}, false, false},
		{`"NotResource":"*"`, Resource{Unknown: true}, false, false},
		// A resource that is not known is nothing an Allow may count on and anything a Deny may mean.
		{`"Resource":"` + svc + `"`, Resource{Unknown: true}, false, true},
		{`"Resource":"arn:*"`, Resource{Unknown: true, ARN: svc}, false, true},
		{`"NotResource":"` + svc + `"`, Resource{Unknown: true}, false, true},
		// Variables.
		{`"Resource":"arn:aws:iam::*:user/team/${aws:username}"`, Resource{ARN: user.ARN}, true, true},
		{`"Resource":"arn:aws:iam::*:user/team/${aws:username}"`, Resource{ARN: user.ARN + "a"}, false, false},
		{`"Resource":"arn:aws:s3:::${aws:PrincipalTag/none}"`, Resource{ARN: "arn:aws:s3:::"}, false, false},
		{`"NotResource":"arn:aws:s3:::${aws:PrincipalTag/none}"`, Resource{ARN: "arn:aws:s3:::x"}, false, true},
		{`"Resource":"arn:aws:s3:::${test:Later}"`, Resource{ARN: "arn:aws:s3:::x"}, false, true},
	} {
		for effect, want := range map[Effect]bool{Allow: c.allows, Deny: c.denies} {
			p := mustParse(t, ResourcePolicy, doc(`{"Effect":"`+effect.String()+`","Principal":"*","Action":"*",`+c.element+`}`))
			r := Request{Principal: user, Action: "vpc-lattice-svcs:Invoke", Resource: c.resource, Context: Map{MakeKey("test:Later"): Unavailable()}}
			if got := p.Decide(&r).Verdict != ImplicitDeny; got != want {
				t.Errorf("%v %s on %v: %v, want %v", effect, c.element, c.resource, got, want)
			}
		}
	}
}

func TestPrincipals(t *testing.T) {
	callers := map[string]Principal{"anonymous": {}, "root": root, "user": user, "session": session, "service": lambda}
	foreign := session
	foreign.Account, foreign.ARN, foreign.RoleARN = other, "arn:aws:sts::222222222222:assumed-role/r/s", "arn:aws:iam::222222222222:role/team/r"
	callers["foreign"] = foreign
	for _, c := range []struct {
		principal string
		matches   string // by an Allow, with the grant
	}{
		{`"*"`, "anonymous=3 foreign=3 root=3 service=3 session=3 user=3"},
		{`{"AWS":"*"}`, "anonymous=3 foreign=3 root=3 session=3 user=3"},
		{`{"AWS":["*"]}`, "anonymous=3 foreign=3 root=3 session=3 user=3"},
		{`{"AWS":"111111111111"}`, "root=1 session=1 user=1"},
		{`{"AWS":"arn:aws:iam::111111111111:root"}`, "root=1 session=1 user=1"},
		{`{"AWS":"arn:aws:iam::111111111111:user/team/ann"}`, "user=3"},
		{`{"AWS":"arn:aws:iam::111111111111:user/ann"}`, ""},
		{`{"AWS":"arn:aws:iam::111111111111:role/team/r"}`, "session=2"},
		{`{"AWS":"arn:aws:iam::111111111111:role/r"}`, ""},
		{`{"AWS":"arn:aws:sts::111111111111:assumed-role/r/s"}`, "session=3"},
		{`{"AWS":"arn:aws:sts::111111111111:assumed-role/r/t"}`, ""},
		{`{"AWS":["111111111111","arn:aws:iam::111111111111:role/team/r"]}`, "root=1 session=2 user=1"},
		{`{"Service":"lambda.amazonaws.com"}`, "service=3"},
		{`{"Service":"ec2.amazonaws.com"}`, ""},
		{`{"Federated":"accounts.google.com"}`, ""},
		{`{"Service":"lambda.amazonaws.com","AWS":"222222222222"}`, "foreign=1 service=3"},
	} {
		p := mustParse(t, ResourcePolicy, doc(`{"Effect":"Allow","Principal":`+c.principal+`,"Action":"*","Resource":"*"}`))
		var got []string
		for _, name := range []string{"anonymous", "foreign", "root", "service", "session", "user"} {
			r := Request{Principal: callers[name], Action: "a:B", Resource: Resource{ARN: "*"}}
			if d, g := p.decide(&r); d.Verdict == Allowed {
				got = append(got, name+"="+string('0'+rune(g)))
			}
		}
		if s := strings.Join(got, " "); s != c.matches {
			t.Errorf("%s allows %q, want %q", c.principal, s, c.matches)
		}
	}
	for _, c := range []struct{ principal, denied string }{
		{`"Principal":{"AWS":"*"}`, "anonymous foreign root service session user"},
		{`"NotPrincipal":{"AWS":"111111111111"}`, "anonymous foreign service session user"},
		{`"NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:user/team/ann"]}`, "anonymous foreign service session"},
		{`"NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:role/team/r"]}`, "anonymous foreign service session user"},
		{`"NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:role/team/r","arn:aws:sts::111111111111:assumed-role/r/s"]}`, "anonymous foreign service user"},
		{`"NotPrincipal":{"AWS":["111111111111","arn:aws:sts::111111111111:assumed-role/r/s"]}`, "anonymous foreign service session user"},
		{`"NotPrincipal":{"Service":"lambda.amazonaws.com"}`, "anonymous foreign root session user"},
		{`"NotPrincipal":"*"`, ""},
	} {
		p := mustParse(t, ResourcePolicy, doc(`{"Effect":"Deny",`+c.principal+`,"Action":"*","Resource":"*"}`))
		var got []string
		for _, name := range []string{"anonymous", "foreign", "root", "service", "session", "user"} {
			r := Request{Principal: callers[name], Action: "a:B", Resource: Resource{ARN: "*"}}
			if p.Decide(&r).Verdict == ExplicitDeny {
				got = append(got, name)
			}
		}
		if s := strings.Join(got, " "); s != c.denied {
			t.Errorf("%s denies %q, want %q", c.principal, s, c.denied)
		}
	}
}

func TestDecidingStatement(t *testing.T) {
	p := mustParse(t, Identity, doc(
		`{"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"*"}`,
		`{"Sid":"All","Effect":"Allow","Action":"s3:*","Resource":"*"}`,
		`{"Sid":"NoDelete","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}`))
	for action, want := range map[string]Decision{
		"s3:GetObject":    {Allowed, 0, "Read"},
		"s3:PutObject":    {Allowed, 1, "All"},
		"s3:DeleteBucket": {ExplicitDeny, 2, "NoDelete"},
		"ec2:CreateVpc":   {ImplicitDeny, -1, ""},
	} {
		r := Request{Principal: user, Action: action, Resource: Resource{ARN: "*"}}
		if got := p.Decide(&r); got != want {
			t.Errorf("%s: %v, want %v", action, got, want)
		}
	}
	var none *Policy
	if d := none.Decide(&Request{}); d.Verdict != ImplicitDeny || d.Statement != -1 {
		t.Errorf("no policy: %v", d)
	}
}

// TestGlobAgainstRegexp holds the matcher against package regexp.
func TestGlobAgainstRegexp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := func(alphabet string, n int) string {
		letters := []rune(alphabet)
		var b strings.Builder
		for range rnd.IntN(n) {
			b.WriteRune(letters[rnd.IntN(len(letters))])
		}
		return b.String()
	}
	for range 5000 {
		glob, subject := random("ab*?é", 9), random("abAé", 12)
		fold := rnd.IntN(2) == 0
		expr := regexp.QuoteMeta(glob)
		expr = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expr)
		if fold {
			expr = "(?i)" + expr
		}
		want := regexp.MustCompile("(?s)^(?:" + expr + ")$").MatchString(subject)
		p, err := compilePattern(glob, patternOptions{wild: true, fold: fold})
		if err != nil {
			t.Fatal(err)
		}
		runes := []rune(subject)
		cut := len(string(runes[:rnd.IntN(len(runes)+1)]))
		if got := p.match(text{subject[:cut], subject[cut:]}, &Request{}) == yes; got != want {
			t.Fatalf("%q with %q|%q, fold %v: %v, want %v", glob, subject[:cut], subject[cut:], fold, got, want)
		}
	}
}
