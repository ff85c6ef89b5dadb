package iam

import (
	"testing"
)

// values of a key in a request: nil is absent.
type values []string

func TestOperators(t *testing.T) {
	unavailableValue := values{"\x00unavailable"}
	for _, c := range []struct {
		operator, want string // want is JSON
		got            values
		result         truth
	}{
		{"StringEquals", `"blue"`, values{"blue"}, yes},
		{"StringEquals", `"blue"`, values{"Blue"}, no},
		{"StringEquals", `["red","blue"]`, values{"blue"}, yes},
		{"StringEquals", `"bl*"`, values{"blue"}, no},
		{"StringEquals", `"bl*"`, values{"bl*"}, yes},
		{"StringEquals", `""`, values{""}, yes},
		{"StringEquals", `[]`, values{"x"}, no},
		{"StringEquals", `"blue"`, nil, no},
		{"StringEquals", `"blue"`, unavailableValue, unsure},
		{"StringNotEquals", `"blue"`, values{"green"}, yes},
		{"StringNotEquals", `["green","blue"]`, values{"green"}, no},
		{"StringNotEquals", `"blue"`, nil, yes},
		{"StringNotEquals", `"blue"`, unavailableValue, unsure},
		{"StringEqualsIgnoreCase", `"anonymous"`, values{"Anonymous"}, yes},
		{"StringEqualsIgnoreCase", `"straße"`, values{"STRASSE"}, no},
		{"StringEqualsIgnoreCase", `"k"`, values{"\u212a"}, yes},
		{"StringNotEqualsIgnoreCase", `"anonymous"`, values{"Anonymous"}, no},
		{"StringNotEqualsIgnoreCase", `"anonymous"`, values{"User"}, yes},
		{"StringLike", `"/api/*"`, values{"/api/v1/x"}, yes},
		{"StringLike", `"/api/*"`, values{"/API/v1"}, no},
		{"StringLike", `"a?c"`, values{"aéc"}, yes},
		{"StringLike", `"a?c"`, values{"ac"}, no},
		{"StringLike", `"*b*b*"`, values{"abab"}, yes},
		{"StringLike", `"*"`, values{""}, yes},
		{"StringLike", `"*"`, nil, no},
		{"StringLike", `"${*}x"`, values{"*x"}, yes},
		{"StringLike", `"${*}x"`, values{"yx"}, no},
		{"StringLike", `"${$}{x}"`, values{"${x}"}, yes},
		{"StringNotLike", `"/api/*"`, values{"/web"}, yes},
		{"StringNotLike", `"/api/*"`, values{"/api/"}, no},
		{"StringNotLike", `"/api/*"`, nil, yes},

		{"NumericEquals", `"10"`, values{"10.0"}, yes},
		{"NumericEquals", `10`, values{"1e1"}, yes},
		{"NumericEquals", `"10"`, values{"11"}, no},
		{"NumericEquals", `"10"`, values{"ten"}, unsure},
		{"NumericEquals", `"10"`, nil, no},
		{"NumericNotEquals", `["10","11"]`, values{"11"}, no},
		{"NumericNotEquals", `["10","11"]`, values{"12"}, yes},
		{"NumericNotEquals", `"10"`, nil, yes},
		{"NumericLessThan", `"10"`, values{"9"}, yes},
		{"NumericLessThan", `"10"`, values{"10"}, no},
		{"NumericLessThanEquals", `"10"`, values{"10"}, yes},
		{"NumericLessThanEquals", `"10"`, values{"NaN"}, unsure},
		{"NumericGreaterThan", `"10"`, values{"10"}, no},
		{"NumericGreaterThan", `["100","10"]`, values{"50"}, yes},
		{"NumericGreaterThanEquals", `"10"`, values{"10"}, yes},

		{"DateLessThan", `"2020-07-01T00:00:00Z"`, values{"2020-06-30T23:59:59Z"}, yes},
		{"DateLessThan", `"2020-07-01T00:00:00Z"`, values{"2020-07-01T00:00:00Z"}, no},
		{"DateGreaterThan", `"2020-07-01"`, values{"1700000000"}, yes},
		{"DateEquals", `"2020-07-01T02:00:00+02:00"`, values{"2020-07-01T00:00:00Z"}, yes},
		{"DateNotEquals", `"2020-07-01T00:00:00Z"`, values{"2020-07-01T00:00:01Z"}, yes},
		{"DateGreaterThan", `"2020-07-01T00:00:00Z"`, values{"today"}, unsure},

		{"Bool", `"true"`, values{"true"}, yes},
		{"Bool", `true`, values{"TRUE"}, yes},
		{"Bool", `"false"`, values{"true"}, no},
		{"Bool", `"false"`, nil, no},
		{"Bool", `"false"`, values{"0"}, unsure},
		{"BoolIfExists", `"false"`, nil, yes},
		{"BinaryEquals", `"QmluYXJ5"`, values{"QmluYXJ5"}, yes},
		{"BinaryEquals", `"QmluYXJ5"`, values{"QmluYXJ6"}, no},

		{"IpAddress", `"10.0.0.0/8"`, values{"10.255.0.1"}, yes},
		{"IpAddress", `"10.0.0.7/8"`, values{"10.255.0.1"}, yes},
		{"IpAddress", `"10.0.0.0/8"`, values{"11.0.0.1"}, no},
		{"IpAddress", `"10.0.0.0/8"`, values{"::ffff:10.1.1.1"}, yes},
		{"IpAddress", `["10.0.0.0/8","2001:db8::/32"]`, values{"2001:db8::1"}, yes},
		{"IpAddress", `"10.0.0.1"`, values{"10.0.0.1"}, yes},
		{"IpAddress", `"0.0.0.0/0"`, values{"2001:db8::1"}, no},
		{"IpAddress", `"10.0.0.0/8"`, values{"here"}, unsure},
		{"NotIpAddress", `"10.0.0.0/8"`, values{"11.0.0.1"}, yes},
		{"NotIpAddress", `"10.0.0.0/8"`, values{"here"}, unsure},
		{"NotIpAddress", `"10.0.0.0/8"`, nil, yes},

		{"ArnLike", `"arn:aws:sns:*:111111111111:t*"`, values{"arn:aws:sns:us-east-1:111111111111:topic"}, yes},
		{"ArnLike", `"arn:aws:sns:us*:111111111111:topic"`, values{"arn:aws:sns:us-east-1:222222222222:111111111111:topic"}, no},
		{"ArnEquals", `"arn:aws:lambda:us-east-1:111111111111:function:*"`, values{"arn:aws:lambda:us-east-1:111111111111:function:f:1"}, yes},
		{"ArnEquals", `"arn:aws:s3:::b"`, values{"arn:aws:s3:::B"}, no},
		{"ArnEquals", `"*"`, values{"arn:aws:s3:::B"}, yes},
		{"ArnEquals", `"arn:aws:s3:::b"`, values{"b"}, unsure},
		{"ArnNotEquals", `"arn:aws:s3:::b"`, values{"arn:aws:s3:::c"}, yes},
		{"ArnNotLike", `"arn:aws:s3:::*"`, values{"arn:aws:s3:::c"}, no},
		{"ArnNotLike", `"arn:aws:s3:::*"`, nil, yes},

		{"Null", `"true"`, nil, yes},
		{"Null", `"true"`, values{"x"}, no},
		{"Null", `"false"`, values{""}, yes},
		{"Null", `false`, nil, no},
		{"Null", `"true"`, unavailableValue, unsure},

		{"StringEqualsIfExists", `"x"`, nil, yes},
		{"StringEqualsIfExists", `"x"`, values{"y"}, no},
		{"StringEqualsIfExists", `"x"`, unavailableValue, unsure},
		{"StringNotEqualsIfExists", `"x"`, values{"x"}, no},

		// Several values under a plain operator must agree.
		{"StringEquals", `"blue"`, values{"blue", "green"}, unsure},
		{"StringEquals", `["blue","green"]`, values{"blue", "green"}, yes},
		{"StringEquals", `"blue"`, values{"blue", "blue"}, yes},
		{"StringEquals", `"red"`, values{"blue", "green"}, no},
		{"StringNotEquals", `"blue"`, values{"blue", "green"}, unsure},
		{"StringNotEquals", `"red"`, values{"blue", "green"}, yes},
		{"StringLike", `"b*"`, values{"blue", "green"}, unsure},
		{"NumericLessThan", `"5"`, values{"1", "9"}, unsure},

		{"ForAnyValue:StringEquals", `"blue"`, values{"blue", "green"}, yes},
		{"ForAnyValue:StringEquals", `"red"`, values{"blue", "green"}, no},
		{"ForAnyValue:StringEquals", `"red"`, nil, no},
		{"ForAnyValue:StringNotEquals", `"blue"`, values{"blue", "green"}, yes},
		{"ForAnyValue:StringNotEquals", `"blue"`, values{"blue"}, no},
		{"ForAnyValue:StringNotEquals", `"blue"`, nil, no},
		{"ForAnyValue:StringEqualsIfExists", `"blue"`, nil, yes},
		{"ForAnyValue:StringEquals", `"blue"`, unavailableValue, unsure},
		{"ForAllValues:StringEquals", `["blue","green","red"]`, values{"blue", "green"}, yes},
		{"ForAllValues:StringEquals", `["blue","red"]`, values{"blue", "green"}, no},
		{"ForAllValues:StringEquals", `"blue"`, nil, yes},
		{"ForAllValues:StringEquals", `"blue"`, values{""}, unsure},
		{"ForAllValues:StringEquals", `["blue",""]`, values{""}, yes},
		{"ForAllValues:StringNotEquals", `"blue"`, values{"red", "green"}, yes},
		{"ForAllValues:StringNotEquals", `"blue"`, values{"blue", "green"}, no},
		{"ForAllValues:StringLike", `["b*","g*"]`, values{"blue", "green"}, yes},
	} {
		t.Run(c.operator+" "+c.want, func(t *testing.T) {
			for effect, result := range map[Effect]Verdict{Allow: Allowed, Deny: ExplicitDeny} {
				document := doc(`{"Effect":"` + effect.String() + `","Action":"*","Resource":"*","Condition":{"` + c.operator + `":{"test:Key":` + c.want + `}}}`)
				p := mustParse(t, Identity, document)
				context := Map{}
				if len(c.got) == 1 && c.got[0] == unavailableValue[0] {
					context[MakeKey("test:key")] = Unavailable()
				} else {
					context.Set("TEST:KEY", c.got...)
				}
				r := Request{Principal: user, Action: "a:B", Resource: Resource{ARN: "*"}, Context: context}
				want := ImplicitDeny
				if c.result.applies(effect) {
					want = result
				}
				if d := p.Decide(&r); d.Verdict != want {
					t.Errorf("%v with %q: %v, want %v", effect, c.got, d.Verdict, want)
				}
				if got := p.statements[0].conditions[0].eval(&r); got != c.result {
					t.Errorf("%q evaluates to %v, want %v", c.got, got, c.result)
				}
			}
		})
	}
}

func TestVariables(t *testing.T) {
	tagged := user
	tagged.Tags = []Tag{{"Team", "red*"}, {"dup", "a"}, {"DUP", "b"}}
	for _, c := range []struct {
		operator, want, got string
		principal           Principal
		result              truth
	}{
		{"StringEquals", "${aws:username}", "ann", user, yes},
		{"StringEquals", "x-${AWS:UserName}-y", "x-ann-y", user, yes},
		{"StringEquals", "${aws:username}", "bob", user, no},
		{"StringEqualsIgnoreCase", "${aws:username}", "ANN", user, yes},
		{"StringLike", "${aws:username}/*", "ann/x", user, yes},
		{"StringLike", "*/${aws:username}", "a/b/ann", user, yes},
		{"StringLike", "${aws:PrincipalTag/team}", "red*", tagged, yes},
		{"StringLike", "${aws:PrincipalTag/team}", "reddish", tagged, no}, // a value's star is no wildcard
		{"StringEquals", "${aws:PrincipalTag/dup}", "a", tagged, unsure},
		{"StringEquals", "${aws:PrincipalTag/none, 'all'}", "all", tagged, yes},
		{"StringEquals", "${aws:PrincipalTag/none,'all'}", "all", tagged, yes},
		{"StringEquals", "${aws:PrincipalTag/none}", "all", tagged, no},
		{"StringNotEquals", "${aws:PrincipalTag/none}", "all", tagged, yes},
		{"StringEquals", "${aws:username}", "ann", session, no},
		{"StringEquals", "${aws:PrincipalAccount}", "111111111111", session, yes},
		{"ArnEquals", "arn:aws:iam::${aws:PrincipalAccount}:role/x", "arn:aws:iam::111111111111:role/x", user, yes},
		{"ArnEquals", "${aws:PrincipalArn}", "arn:aws:iam::111111111111:role/team/r", session, yes},
		{"ArnEquals", "arn:aws:iam::${aws:PrincipalAccount}:role/x", "arn:aws:iam::222222222222:role/x", user, no},
		{"Bool", "${aws:PrincipalIsAWSService}", "false", user, yes},
	} {
		p := mustParse(t, Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+c.operator+`":{"test:Key":"`+c.want+`"}}}`))
		context := Map{}
		context.Set("test:Key", c.got)
		r := Request{Principal: c.principal, Action: "a:B", Resource: Resource{ARN: "*"}, Context: context}
		if got := p.statements[0].conditions[0].eval(&r); got != c.result {
			t.Errorf("%s %s with %q: %v, want %v", c.operator, c.want, c.got, got, c.result)
		}
	}
}

func TestBuiltinKeys(t *testing.T) {
	at := at("2026-01-02T03:04:05Z")
	service := Principal{Kind: Service, ARN: "lambda.amazonaws.com"}
	inOrg := user
	inOrg.OrgID = "o-1"
	for _, c := range []struct {
		key       string
		principal Principal
		resource  Resource
		want      string // "-" is absent, "?" unavailable
	}{
		{"aws:PrincipalArn", user, Resource{}, user.ARN},
		{"aws:PrincipalArn", session, Resource{}, session.RoleARN},
		{"aws:PrincipalArn", Principal{}, Resource{}, "-"},
		{"aws:PrincipalArn", Principal{Kind: AssumedRole, ARN: session.ARN}, Resource{}, "?"},
		{"aws:PrincipalAccount", user, Resource{}, "111111111111"},
		{"aws:PrincipalOrgID", user, Resource{}, "-"},
		{"aws:PrincipalOrgID", inOrg, Resource{}, "o-1"},
		{"aws:PrincipalType", Principal{}, Resource{}, "Anonymous"},
		{"aws:PrincipalType", root, Resource{}, "Account"},
		{"aws:PrincipalType", user, Resource{}, "User"},
		{"aws:PrincipalType", session, Resource{}, "AssumedRole"},
		{"aws:PrincipalType", service, Resource{}, "-"},
		{"aws:userid", user, Resource{}, "AIDAEXAMPLE"},
		{"aws:userid", Principal{}, Resource{}, "anonymous"},
		{"aws:username", user, Resource{}, "ann"},
		{"aws:username", session, Resource{}, "-"},
		{"aws:PrincipalIsAWSService", service, Resource{}, "true"},
		{"aws:PrincipalServiceName", service, Resource{}, "lambda.amazonaws.com"},
		{"aws:ResourceAccount", user, Resource{Account: "222222222222"}, "222222222222"},
		{"aws:ResourceAccount", user, Resource{}, "111111111111"},
		{"aws:ResourceAccount", user, Resource{Unknown: true}, "?"},
		{"aws:CurrentTime", user, Resource{}, "2026-01-02T03:04:05Z"},
		{"aws:EpochTime", user, Resource{}, "1767323045"},
		{"aws:SourceIp", user, Resource{}, "-"},
	} {
		r := Request{Principal: c.principal, Resource: c.resource, Time: at}
		v := r.lookup(MakeKey(c.key))
		got := "-"
		if v.state == unavailable {
			got = "?"
		} else if v.Len() == 1 {
			got = v.At(0)
		}
		if got != c.want {
			t.Errorf("%s of %v: %q, want %q", c.key, c.principal.Kind, got, c.want)
		}
	}
}

func TestContexts(t *testing.T) {
	partial := Partial{}
	partial.Set("t:Here", "x")
	partial.Set("t:Absent")
	for _, c := range []struct {
		context   Context
		key       string
		principal Principal
		want      presence
	}{
		{nil, "t:Here", user, absent},
		{Map{}, "t:Here", user, absent},
		{partial, "T:HERE", user, present},
		{partial, "t:Absent", user, absent},
		{partial, "t:Other", user, unavailable},
		{partial, "aws:CurrentTime", user, unavailable},
		{partial, "aws:username", session, absent}, // the principal alone knows
		{partial, "aws:PrincipalTag/x", user, absent},
		{partial, "aws:PrincipalOrgID", Principal{}, absent},
	} {
		r := Request{Principal: c.principal, Context: c.context}
		if got := r.lookup(MakeKey(c.key)).state; got != c.want {
			t.Errorf("%s in %T: %v, want %v", c.key, c.context, got, c.want)
		}
	}
}

func TestMakeKey(t *testing.T) {
	for s, want := range map[string]Key{
		"aws:SourceIp": {"aws:sourceip", ""},
		"vpc-lattice-svcs:RequestHeader/Content-Type":   {"vpc-lattice-svcs:requestheader", "content-type"},
		"VPC-Lattice-SVCS:RequestQueryString/Q":         {"vpc-lattice-svcs:requestquerystring", "Q"},
		"aws:ResourceTag/Cost/Center":                   {"aws:resourcetag", "cost/center"},
		"oidc.eks.us-east-1.amazonaws.com/id/ABC:sub":   {"oidc.eks.us-east-1.amazonaws.com/id/abc:sub", ""},
		"vpc-lattice-svcs:requestquerystring/a/b":       {"vpc-lattice-svcs:requestquerystring", "a/b"},
		"token.actions.githubusercontent.com:aud/Extra": {"token.actions.githubusercontent.com:aud", "extra"},
	} {
		if got := MakeKey(s); got != want {
			t.Errorf("MakeKey(%q) = %q, want %q", s, got, want)
		}
	}
}
