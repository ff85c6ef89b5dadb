package iam

import (
	"encoding/json"
	"strings"
	"testing"

	"trellis/internal/fault"
)

func mustParse(t testing.TB, kind Kind, document string) *Policy {
	t.Helper()
	p, err := Parse(kind, document)
	if err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return p
}

// doc returns a 2012-10-17 document with the statements.
func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func TestParseAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		kind     Kind
		document string
	}{
		"single statement":          {Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		"no version":                {Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		"old version, id":           {Identity, `{"Version":"2008-10-17","Id":"x y","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		"newlines and tabs":         {ResourcePolicy, "\n{\n\t\"Statement\": [\r\n{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}\n\n"},
		"empty sid":                 {Trust, doc(`{"Action":"sts:AssumeRole","Effect":"Allow","Sid":"","Principal":{"Service":"lambda.amazonaws.com"}}`)},
		"two empty sids":            {Identity, doc(`{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}`, `{"Sid":"","Effect":"Deny","Action":"*","Resource":"*"}`)},
		"sid with dashes":           {ResourcePolicy, doc(`{"Sid":"AllowFromLattice-1","Effect":"Allow","Principal":{"Service":["vpc-lattice.amazonaws.com"]},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f"}`)},
		"every principal":           {Trust, doc(`{"Effect":"Allow","Principal":{"AWS":["111111111111","arn:aws:iam::111111111111:root","arn:aws:iam::111111111111:user/team/a","arn:aws:iam::111111111111:role/r","arn:aws:sts::111111111111:assumed-role/r/s","*"],"Service":"ec2.amazonaws.com","Federated":"cognito-identity.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}`)},
		"not principal":             {ResourcePolicy, doc(`{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"*","Resource":"*"}`)},
		"bare numbers and booleans": {Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":10}}}`)},
		"empty condition":           {Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}`)},
		"empty list of values":      {Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":[]}}}`)},
		"path of any service":       {ResourcePolicy, doc(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*/orders"}`)},
		"action of any service":     {Identity, doc(`{"Effect":"Allow","Action":"*:*","Resource":"*"}`)},
		"variables":                 {Identity, doc(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}${aws:PrincipalTag/team, 'none'}*"}`)},
		"every operator":            {Identity, doc(everyOperator)},
	} {
		t.Run(name, func(t *testing.T) { mustParse(t, c.kind, c.document) })
	}
}

const everyOperator = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
 "StringEquals":{"a:b":"x"},"StringNotEquals":{"a:b":"x"},"StringEqualsIgnoreCase":{"a:b":"x"},"StringNotEqualsIgnoreCase":{"a:b":"x"},
 "StringLike":{"a:b":"x*"},"StringNotLike":{"a:b":["x*","y?"]},
 "NumericEquals":{"a:b":"1"},"NumericNotEquals":{"a:b":"1"},"NumericLessThan":{"a:b":"1.5"},"NumericLessThanEquals":{"a:b":"-1"},
 "NumericGreaterThan":{"a:b":"1e3"},"NumericGreaterThanEquals":{"a:b":0},
 "DateEquals":{"a:b":"2020-01-01T00:00:00Z"},"DateNotEquals":{"a:b":"2020-01-01"},"DateLessThan":{"a:b":"2020"},"DateLessThanEquals":{"a:b":"2020-05"},
 "DateGreaterThan":{"a:b":"1700000000"},"DateGreaterThanEquals":{"a:b":"2020-01-01T00:00:00+0200"},
 "Bool":{"a:b":"TRUE"},"BinaryEquals":{"a:b":"QmluYXJ5"},"IpAddress":{"a:b":["10.0.0.0/8","2001:db8::/32","192.0.2.1"]},"NotIpAddress":{"a:b":"10.0.0.1"},
 "ArnEquals":{"a:b":"arn:aws:sns:*:111111111111:*"},"ArnLike":{"a:b":"*"},"ArnNotEquals":{"a:b":"arn:aws:s3:::b"},"ArnNotLike":{"a:b":"arn:aws:s3:::${aws:username}"},
 "Null":{"a:b":"true"},"ForAnyValue:StringLike":{"a:b":"x"},"ForAllValues:StringEqualsIfExists":{"a:b":"x"},"BoolIfExists":{"a:b":"false"}}}`

func TestParseRefuses(t *testing.T) {
	allow := func(extra string) string { return doc(`{"Effect":"Allow","Action":"*","Resource":"*"` + extra + `}`) }
	condition := func(c string) string { return allow(`,"Condition":` + c) }
	resource := func(element string) string {
		return doc(`{"Effect":"Allow","Action":"*","Resource":"*",` + element + `}`)
	}
	trust := func(rest string) string {
		return doc(`{"Effect":"Allow","Principal":{"AWS":"111111111111"},` + rest + `}`)
	}
	for _, c := range []struct {
		name     string
		kind     Kind
		document string
		want     string
	}{
		{"empty", Identity, "", "empty"},
		{"blank", Identity, " \n", "empty"},
		{"not JSON", Identity, "allow all", "line 1, column"},
		{"place of the error", Identity, "{\n \"Version\": \"2012-10-17\",\n  x}", "line 3"},
		{"cut short", Identity, `{"Version":"2012-10-17"`, "ends too early"},
		{"trailing comma", Identity, `{"Version":"2012-10-17",}`, "Syntax errors"},
		{"two documents", Identity, allow("") + "{}", "follows"},
		{"a list", Identity, "[]", "must be an object, not a list"},
		{"a string", Identity, `"x"`, "not a string"},
		{"invalid UTF-8", Identity, "{\"Version\":\"\xff\"}", "UTF-8"},
		{"too long", Identity, allow(`,"Sid":"` + strings.Repeat("a", maxDocument) + `"`), "at most 131072"},
		{"too deep", Identity, `{"Statement":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "levels deep"},
		{"name twice", Identity, `{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}`, `"Version" stands twice`},
		{"name twice within", Identity, condition(`{"StringEquals":{"a:b":"x","a:b":"y"}}`), `"a:b" stands twice`},
		{"key twice by case", Identity, condition(`{"StringEquals":{"a:b":"x","A:B":"y"}}`), "case-insensitive"},

		{"version", Identity, `{"Version":"2012-10-18","Statement":[]}`, "Version must be"},
		{"version type", Identity, `{"Version":2012,"Statement":[]}`, "Version must be"},
		{"id type", Identity, `{"Id":1,"Statement":[]}`, "Id must be a string, not a number"},
		{"no statement", Identity, `{"Version":"2012-10-17"}`, "no Statement"},
		{"empty statements", Identity, doc(), "no Statement"},
		{"statement type", Identity, `{"Statement":"x"}`, "Statement 1 must be an object"},
		{"second statement type", Identity, `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},null]}`, "Statement 2 must be an object, not null"},
		{"unknown element", Identity, `{"Version":"2012-10-17","Statments":[]}`, `unknown element "Statments"`},
		{"wrong case", Identity, `{"version":"2012-10-17","Statement":[]}`, `it is written "Version"`},
		{"unknown in statement", Identity, allow(`,"Comment":"x"`), `Statement 1 has the unknown element "Comment"`},
		{"no effect", Identity, doc(`{"Action":"*","Resource":"*"}`), "no Effect"},
		{"effect", Identity, doc(`{"Effect":"allow","Action":"*","Resource":"*"}`), "Effect must be"},
		{"effect type", Identity, doc(`{"Effect":true,"Action":"*","Resource":"*"}`), "Effect must be"},
		{"sid type", Identity, allow(`,"Sid":1`), "Sid must be a string"},
		{"sid letters", Identity, allow(`,"Sid":"a b"`), "letters and digits"},
		{"sid twice", Identity, doc(`{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}`, `{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}`), "already"},

		{"no action", Identity, doc(`{"Effect":"Allow","Resource":"*"}`), "must contain actions"},
		{"empty actions", Identity, doc(`{"Effect":"Allow","Action":[],"Resource":"*"}`), "Action is empty"},
		{"action without service", Identity, doc(`{"Effect":"Allow","Action":"DescribeVpcs","Resource":"*"}`), "service prefix"},
		{"action of nothing", Identity, doc(`{"Effect":"Allow","Action":"ec2:","Resource":"*"}`), "service prefix"},
		{"service wildcard", Identity, doc(`{"Effect":"Allow","Action":"ec*:Describe","Resource":"*"}`), "service prefix"},
		{"action with space", Identity, doc(`{"Effect":"Allow","Action":"ec2:Describe Vpcs","Resource":"*"}`), "service prefix"},
		{"action type", Identity, doc(`{"Effect":"Allow","Action":[1],"Resource":"*"}`), "strings only, not a number"},
		{"both actions", Identity, doc(`{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}`), "both Action and NotAction"},
		{"both resources", Identity, allow(`,"NotResource":"*"`), "both Resource and NotResource"},
		{"no resource", Identity, doc(`{"Effect":"Allow","Action":"*"}`), "must contain resources"},
		{"empty resources", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":[]}`), "Resource is empty"},
		{"resource no ARN", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"my-bucket"}`), "ARN format"},
		{"path in identity policy", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*/x"}`), "ARN format"},
		{"resource type", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":{"a":"b"}}`), "not an object"},
		{"open variable", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"}`), "closing brace"},
		{"bad variable", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${username}"}`), "not a policy variable"},
		{"bad default", Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username, x}"}`), "single quotes"},

		{"principal in identity policy", Identity, allow(`,"Principal":"*"`), "should not specify a principal"},
		{"not principal in identity policy", Identity, allow(`,"NotPrincipal":"*"`), "should not specify a principal"},
		{"no principal", ResourcePolicy, allow(""), "no Principal"},
		{"bare account", ResourcePolicy, resource(`"Principal":"111111111111"`), `must be "*" or an object`},
		{"principal type", ResourcePolicy, resource(`"Principal":["*"]`), "Principal must be"},
		{"no kind of principal", ResourcePolicy, resource(`"Principal":{}`), "Principal must be"},
		{"kind of principal", ResourcePolicy, resource(`"Principal":{"aws":"*"}`), "kind of principal"},
		{"canonical user", ResourcePolicy, resource(`"Principal":{"CanonicalUser":"x"}`), "kind of principal"},
		{"empty principals", ResourcePolicy, resource(`"Principal":{"AWS":[]}`), "is empty"},
		{"short account", ResourcePolicy, resource(`"Principal":{"AWS":"11111111111"}`), "Invalid principal"},
		{"principal wildcard", ResourcePolicy, resource(`"Principal":{"AWS":"arn:aws:iam::111111111111:role/*"}`), "wildcard"},
		{"group principal", ResourcePolicy, resource(`"Principal":{"AWS":"arn:aws:iam::111111111111:group/g"}`), "Invalid principal"},
		{"principal without account", ResourcePolicy, resource(`"Principal":{"AWS":"arn:aws:iam::aws:role/r"}`), "12-digit"},
		{"session without name", ResourcePolicy, resource(`"Principal":{"AWS":"arn:aws:sts::111111111111:assumed-role/r"}`), "Invalid principal"},
		{"service name", ResourcePolicy, resource(`"Principal":{"Service":"lambda"}`), "service principal"},
		{"service wildcard principal", ResourcePolicy, resource(`"Principal":{"Service":"*"}`), "service principal"},
		{"federated wildcard", ResourcePolicy, resource(`"Principal":{"Federated":"*"}`), "identity provider"},
		{"allow all but", ResourcePolicy, resource(`"NotPrincipal":{"AWS":"111111111111"}`), "NotPrincipal can be used"},
		{"trust with resource", Trust, trust(`"Action":"sts:AssumeRole","Resource":"*"`), "prohibited field Resource"},
		{"trust with other action", Trust, trust(`"Action":"s3:GetObject"`), "STS AssumeRole actions"},
		{"trust with any action", Trust, trust(`"Action":"*"`), "STS AssumeRole actions"},
		{"trust with not action", Trust, trust(`"NotAction":"sts:AssumeRole"`), "STS AssumeRole actions"},
		{"trust without principal", Trust, doc(`{"Effect":"Allow","Action":"sts:AssumeRole"}`), "no Principal"},

		{"condition type", Identity, condition(`[]`), "Condition must be an object"},
		{"operator", Identity, condition(`{"StringEqual":{"a:b":"x"}}`), `"StringEqual" is not a condition operator`},
		{"operator case", Identity, condition(`{"stringEquals":{"a:b":"x"}}`), "not a condition operator"},
		{"set operator", Identity, condition(`{"ForEachValue:StringEquals":{"a:b":"x"}}`), "not a condition operator"},
		{"set operator twice", Identity, condition(`{"ForAnyValue:ForAllValues:StringEquals":{"a:b":"x"}}`), "not a condition operator"},
		{"null if exists", Identity, condition(`{"NullIfExists":{"a:b":"true"}}`), "not a condition operator"},
		{"null of a set", Identity, condition(`{"ForAnyValue:Null":{"a:b":"true"}}`), "not a condition operator"},
		{"numeric what", Identity, condition(`{"NumericLike":{"a:b":"1"}}`), "not a condition operator"},
		{"keys type", Identity, condition(`{"StringEquals":"x"}`), "object of condition keys"},
		{"key without prefix", Identity, condition(`{"StringEquals":{"username":"x"}}`), "must have a prefix"},
		{"key without name", Identity, condition(`{"StringEquals":{"aws:PrincipalTag/":"x"}}`), "condition key"},
		{"value null", Identity, condition(`{"StringEquals":{"a:b":null}}`), "not null"},
		{"value object", Identity, condition(`{"StringEquals":{"a:b":{"c":"d"}}}`), "not an object"},
		{"value list of lists", Identity, condition(`{"StringEquals":{"a:b":[["c"]]}}`), "not a list"},
		{"number", Identity, condition(`{"NumericEquals":{"a:b":"one"}}`), `"one" is not a value that NumericEquals takes`},
		{"hex number", Identity, condition(`{"NumericEquals":{"a:b":"0x10"}}`), "not a value"},
		{"infinite", Identity, condition(`{"NumericEquals":{"a:b":"inf"}}`), "not a value"},
		{"date", Identity, condition(`{"DateEquals":{"a:b":"tomorrow"}}`), "not a value"},
		{"bool", Identity, condition(`{"Bool":{"a:b":"yes"}}`), "true"},
		{"binary", Identity, condition(`{"BinaryEquals":{"a:b":"!"}}`), "not a value"},
		{"address", Identity, condition(`{"IpAddress":{"a:b":"10.0.0"}}`), "not a value"},
		{"mask", Identity, condition(`{"IpAddress":{"a:b":"10.0.0.0/33"}}`), "not a value"},
		{"null value", Identity, condition(`{"Null":{"a:b":"maybe"}}`), "not a value"},
		{"short ARN", Identity, condition(`{"ArnLike":{"a:b":"arn:aws:s3"}}`), "not an ARN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.kind, c.document)
			if err == nil {
				t.Fatal("was accepted")
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q of kind %v, want an invalid one with %q", err, fault.KindOf(err), c.want)
			}
			if len(err.Error()) > 600 {
				t.Errorf("error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestVariablesNeedTheNewVersion(t *testing.T) {
	const statement = `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}`
	r := Request{Principal: user, Action: "s3:GetObject", Resource: Resource{ARN: "arn:aws:s3:::ann"}}
	if d := mustParse(t, Identity, doc(statement)).Decide(&r); d.Verdict != Allowed {
		t.Errorf("2012-10-17: %v", d)
	}
	old := mustParse(t, Identity, `{"Statement":`+statement+`}`)
	if d := old.Decide(&r); d.Verdict != ImplicitDeny {
		t.Errorf("2008-10-17: %v", d)
	}
	r.Resource.ARN = "arn:aws:s3:::${aws:username}"
	if d := old.Decide(&r); d.Verdict != Allowed {
		t.Errorf("2008-10-17, text as written: %v", d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(doc(everyOperator))
	for _, m := range ManagedPolicies() {
		f.Add(m.Document)
	}
	f.Add(doc(`{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111","Service":["a.b"]},"NotAction":"ec2:*","NotResource":"arn:aws:s3:::${aws:username, 'x'}"}`))
	f.Add(`{"Statement":[[[[[[]]]]]]}`)
	f.Fuzz(func(t *testing.T, document string) {
		for _, kind := range []Kind{Identity, ResourcePolicy, Trust} {
			p, err := Parse(kind, document)
			if err != nil {
				if p != nil || !fault.Is(err, fault.Invalid) {
					t.Fatalf("error %v with policy %v", err, p)
				}
				continue
			}
			if !json.Valid([]byte(document)) {
				t.Fatal("a policy that is not JSON was accepted")
			}
			r := requestOf(document)
			if d, e := p.Decide(&r), p.Explain(&r); d != e.Decision || e.String() == "" {
				t.Fatalf("Decide says %v, Explain %v", d, e)
			}
		}
	})
}
