package function

import (
	"encoding/json"
	"strings"
	"testing"

	"trellis/internal/fault"
	"trellis/internal/vpc"
)

var (
	red   = vpc.Owner{Account: "111111111111", Region: "us-east-1"}
	black = vpc.Owner{Account: "222222222222", Region: "eu-west-1"}
)

func TestParseRef(t *testing.T) {
	for in, want := range map[string]Ref{
		"f":                                    {red, "f", ""},
		"f:1":                                  {red, "f", "1"},
		"f:$LATEST":                            {red, "f", Latest},
		"function:f":                           {red, "f", ""},
		"function:f:live":                      {red, "f", "live"},
		"function":                             {red, "function", ""},
		"222222222222:function:f":              {vpc.Owner{Account: black.Account, Region: red.Region}, "f", ""},
		"222222222222:function:f:2":            {vpc.Owner{Account: black.Account, Region: red.Region}, "f", "2"},
		ARN(black, "f"):                        {black, "f", ""},
		ARN(black, "f") + ":live":              {black, "f", "live"},
		ARN(red, strings.Repeat("n", maxName)): {red, strings.Repeat("n", maxName), ""},
	} {
		if got, err := ParseRef(in, red); err != nil || got != want {
			t.Errorf("ParseRef(%q) = %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ":", "f:", "f:1:2", "f g", "arn:aws:lambda:us-east-1:1:function:f", "arn:aws:s3:us-east-1:111111111111:function:f",
		"arn:aws:lambda:us-east-1:111111111111:layer:f", ARN(red, "f") + ":1:2", ARN(red, ""), "f.g", strings.Repeat("n", maxName+1), "f:$OLDEST"} {
		if got, err := ParseRef(in, red); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseRef(%q) = %+v, %v", in, got, err)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("f:1")
	f.Add(ARN(black, "f") + ":live")
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s, red)
		if err != nil {
			return
		}
		if again, err := ParseRef(ref.ARN(), red); err != nil || again != ref {
			t.Errorf("%q is %+v, whose ARN %s is %+v, %v", s, ref, ref.ARN(), again, err)
		}
		if name, qualifier := Split(ref.ARN()); name != ARN(ref.Owner, ref.Name) || qualifier != ref.Qualifier {
			t.Errorf("Split(%s) = %s, %s", ref.ARN(), name, qualifier)
		}
	})
}

func TestParseLayer(t *testing.T) {
	if o, name, err := ParseLayer("l", red); o != red || name != "l" || err != nil {
		t.Error(o, name, err)
	}
	if o, name, err := ParseLayer(LayerARN(black, "l"), red); o != black || name != "l" || err != nil {
		t.Error(o, name, err)
	}
	if _, _, err := ParseLayer(ARN(red, "f"), red); err == nil {
		t.Error("a function is no layer")
	}
}

func TestResolveAndRoute(t *testing.T) {
	f := &Function{Versions: []string{"1", "3"}, Aliases: []Alias{{Name: "live", Version: "3"},
		{Name: "canary", Version: "1", Weights: map[string]float64{"3": 0.25}}}}
	for qualifier, want := range map[string]string{"": Latest, Latest: Latest, "1": "1", "3": "3", "live": "3", "canary": "1", "2": "", "dead": ""} {
		if got, ok := f.Resolve(qualifier); got != want || ok != (want != "") {
			t.Errorf("Resolve(%q) = %q, %v", qualifier, got, ok)
		}
	}
	for point, want := range map[float64]string{0: "3", 0.2: "3", 0.25: "1", 0.99: "1"} {
		if got, ok := f.Route("canary", point); got != want || !ok {
			t.Errorf("at %v: %s", point, got)
		}
	}
	if _, ok := f.Route("dead", 0); ok {
		t.Error("a dead end was found")
	}
}

func TestAllows(t *testing.T) {
	const invoke, elb, group = "lambda:InvokeFunction", "elasticloadbalancing.amazonaws.com", "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/tg/0123"
	for name, tc := range map[string]struct {
		p    Permission
		want bool
	}{
		"plain":                      {Permission{Action: invoke, Principal: elb}, true},
		"any action":                 {Permission{Action: "lambda:*", Principal: elb}, true},
		"everyone":                   {Permission{Action: invoke, Principal: "*"}, true},
		"its source":                 {Permission{Action: invoke, Principal: elb, SourceARN: group, SourceAccount: red.Account}, true},
		"source by pattern":          {Permission{Action: invoke, Principal: elb, SourceARN: "arn:aws:elasticloadbalancing:*:111111111111:targetgroup/tg/*"}, true},
		"another action":             {Permission{Action: "lambda:GetFunction", Principal: elb}, false},
		"another service":            {Permission{Action: invoke, Principal: "vpc-lattice.amazonaws.com"}, false},
		"another source":             {Permission{Action: invoke, Principal: elb, SourceARN: group + "4"}, false},
		"pattern over the parts":     {Permission{Action: invoke, Principal: elb, SourceARN: "arn:aws:elastic*:targetgroup/tg/0123"}, false},
		"another account":            {Permission{Action: invoke, Principal: elb, SourceAccount: black.Account}, false},
		"another qualifier":          {Permission{Action: invoke, Principal: elb, Qualifier: "1"}, false},
		"for an organization":        {Permission{Action: invoke, Principal: elb, OrgID: "o-abcdefghij"}, false},
		"by a function URL":          {Permission{Action: invoke, Principal: "*", URLAuthType: "NONE"}, false},
		"with an event source token": {Permission{Action: invoke, Principal: elb, Token: "t"}, false},
	} {
		f := &Function{Owner: red, Permissions: []Permission{tc.p}}
		if got := Allows(f, "", invoke, elb, group, red.Account); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAllowsPrincipal(t *testing.T) {
	who := Principal{Account: black.Account, OrgID: "o-abcdefghij",
		ARNs: []string{"arn:aws:sts::222222222222:assumed-role/caller/s", "arn:aws:iam::222222222222:role/caller"}}
	for name, tc := range map[string]struct {
		p    Permission
		want bool
	}{
		"its account":            {Permission{Principal: black.Account}, true},
		"its root":               {Permission{Principal: "arn:aws:iam::222222222222:root"}, true},
		"its role":               {Permission{Principal: "arn:aws:iam::222222222222:role/caller"}, true},
		"its session":            {Permission{Principal: "arn:aws:sts::222222222222:assumed-role/caller/s"}, true},
		"everyone":               {Permission{Principal: "*"}, true},
		"its organization":       {Permission{Principal: "*", OrgID: "o-abcdefghij"}, true},
		"another organization":   {Permission{Principal: "*", OrgID: "o-0000000000"}, false},
		"another account":        {Permission{Principal: red.Account}, false},
		"another role":           {Permission{Principal: "arn:aws:iam::222222222222:role/other"}, false},
		"a service":              {Permission{Principal: "s3.amazonaws.com"}, false},
		"for a source":           {Permission{Principal: "*", SourceARN: "arn:aws:s3:::b"}, false},
		"for a source's account": {Permission{Principal: "*", SourceAccount: black.Account}, false},
	} {
		tc.p.Action = "lambda:InvokeFunction"
		if got := AllowsPrincipal(&Function{Permissions: []Permission{tc.p}}, "", "lambda:InvokeFunction", who); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	l := &Layer{Permissions: []LayerPermission{{Action: "lambda:GetLayerVersion", Principal: black.Account}}}
	if !l.AllowsPrincipal("lambda:GetLayerVersion", who) || l.AllowsPrincipal("lambda:GetLayerVersion", Principal{Account: red.Account}) {
		t.Error("the layer is for others than it says")
	}
}

func TestStatement(t *testing.T) {
	for want, p := range map[string]Permission{
		`{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"F","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b<c>"},"StringEquals":{"AWS:SourceAccount":"111111111111"}}}`: {
			Principal: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::b<c>", SourceAccount: red.Account},
		`{"Sid":"s","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"lambda:InvokeFunction","Resource":"F:live"}`: {
			Principal: red.Account, Qualifier: "live"},
		`{"Sid":"s","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"F","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}}`: {
			Principal: "*", OrgID: "o-abcdefghij"},
	} {
		p.StatementID, p.Action = "s", "lambda:InvokeFunction"
		if got := p.Statement("F").Text(); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	var many []Statement
	for range 200 {
		many = append(many, (&Permission{StatementID: strings.Repeat("s", 100), Principal: "*"}).Statement("F"))
	}
	if _, err := Document(many); !fault.Is(err, fault.Quota) {
		t.Errorf("a policy of 20 KB and more: %v", err)
	}
	doc, err := Document(many[:1])
	var p Policy
	if err != nil || json.Unmarshal([]byte(doc), &p) != nil || p.Version != "2012-10-17" || p.ID != "default" {
		t.Errorf("%s, %v", doc, err)
	}
}

func TestIsService(t *testing.T) {
	for s, want := range map[string]bool{"elasticloadbalancing.amazonaws.com": true, "logs.us-east-1.amazonaws.com": true, ".amazonaws.com": false,
		"amazonaws.com": false, "a..amazonaws.com": false, "111111111111": false, "evil.example.com": false, "a b.amazonaws.com": false} {
		if IsService(s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}

func TestCheckEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		vars map[string]string
		want string
	}{
		"none":     {nil, ""},
		"some":     {map[string]string{"A": "1", "AWS_ENDPOINT_URL": "x"}, ""},
		"reserved": {map[string]string{"_HANDLER": "x", "AWS_REGION": "y"}, "Reserved keys used in this request: AWS_REGION, _HANDLER"},
		"full":     {map[string]string{"A": strings.Repeat("x", MaxEnvironment-len(`{"A":""}`))}, ""},
		"too much": {map[string]string{"A": strings.Repeat("x", MaxEnvironment-len(`{"A":""}`)+1)}, "exceeded the 4KB limit"},
		"zero":     {map[string]string{"A": "\x00"}, "zero byte"},
	} {
		err := CheckEnvironment(tc.vars)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSameBehaviour(t *testing.T) {
	a := Config{Runtime: "provided.al2023", Environment: map[string]string{"A": "1"}, Groups: []string{"x", "y"}, Version: "1", RevisionID: "r"}
	b := a
	b.Version, b.RevisionID, b.Description, b.Groups = "2", "s", "other", []string{"y", "x"}
	if !a.SameBehaviour(&b) {
		t.Error("the name of a version is no behaviour")
	}
	b.Environment = map[string]string{"B": "1"}
	if a.SameBehaviour(&b) {
		t.Error("the environment is")
	}
}
