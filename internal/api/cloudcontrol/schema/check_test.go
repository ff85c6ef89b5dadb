package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func checker(t testing.TB) *Checker {
	t.Helper()
	c := NewChecker(Types)
	for text, compiled := range c.patterns {
		if _, err := compiled(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	return c
}

func named(t testing.TB, name string) *Type {
	t.Helper()
	for i := range Types {
		if Types[i].Name == "AWS::VpcLattice::"+name {
			return &Types[i]
		}
	}
	t.Fatalf("no type %s", name)
	return nil
}

func TestCheck(t *testing.T) {
	c := checker(t)
	for _, test := range []struct {
		typ, model string
		want       []string
	}{
		{"Service", `{}`, nil},
		{"Service", `{"Name":"directory","AuthType":"AWS_IAM","Tags":[{"Key":"a","Value":"b"}]}`, nil},
		{"Service", `{"Nmae":"directory"}`, []string{"#: extraneous key [Nmae] is not permitted"}},
		{"Service", `{"Name":"ab"}`, []string{"#/Name: expected minLength: 3, actual: 2"}},
		{"Service", `{"Name":"` + strings.Repeat("a", 41) + `"}`, []string{"#/Name: expected maxLength: 40, actual: 41"}},
		{"Service", `{"Name":"svc-abc"}`, []string{"#/Name: failed validation constraint for keyword [pattern]"}},
		{"Service", `{"Name":"-abc"}`, []string{"#/Name: failed validation constraint for keyword [pattern]"}},
		{"Service", `{"Name":"abc-"}`, []string{"#/Name: failed validation constraint for keyword [pattern]"}},
		{"Service", `{"Name":"a--bc"}`, []string{"#/Name: failed validation constraint for keyword [pattern]"}},
		{"Service", `{"Name":"Abc"}`, []string{"#/Name: failed validation constraint for keyword [pattern]"}},
		{"Service", `{"Name":"a-b-c","AuthType":"SOME"}`, []string{"#/AuthType: failed validation constraint for keyword [enum]"}},
		{"Service", `{"Name":7}`, []string{"#/Name: expected type: String, found: Integer"}},
		{"Service", `{"Name":null}`, []string{"#/Name: expected type: String, found: Null"}},
		{"Service", `{"IdleTimeoutSeconds":59}`, []string{"#/IdleTimeoutSeconds: failed validation constraint for keyword [minimum]"}},
		{"Service", `{"IdleTimeoutSeconds":601}`, []string{"#/IdleTimeoutSeconds: failed validation constraint for keyword [maximum]"}},
		{"Service", `{"IdleTimeoutSeconds":60.5}`, []string{"#/IdleTimeoutSeconds: expected type: Integer, found: Number"}},
		{"Service", `{"IdleTimeoutSeconds":99999999999999999999}`, []string{"#/IdleTimeoutSeconds: expected type: Integer, found: Number"}},
		{"Service", `{"Tags":[{"Key":"a"}]}`, []string{"#/Tags/0: required key [Value] not found"}},
		{"Service", `{"Tags":[{"Key":"a","Value":"b"},{"Key":"a","Value":"b"}]}`, []string{"#/Tags: array items are not unique"}},
		{"Service", `{"Tags":{"a":"b"}}`, []string{"#/Tags: expected type: JSONArray, found: JSONObject"}},
		{"ServiceNetwork", `{"Name":"n","SharingConfig":{"Enabled":true}}`, []string{"#/Name: expected minLength: 3, actual: 1",
			"#/SharingConfig: required key [enabled] not found", "#/SharingConfig: extraneous key [Enabled] is not permitted"}},
		{"ServiceNetwork", `{"SharingConfig":{"enabled":"yes"}}`, []string{"#/SharingConfig/enabled: expected type: Boolean, found: String"}},
		{"TargetGroup", `{}`, []string{"#: required key [Type] not found"}},
		{"TargetGroup", `{"Type":"IP","Config":{"Port":0}}`, []string{"#/Config/Port: failed validation constraint for keyword [minimum]"}},
		{"TargetGroup", `{"Type":"IP","Config":{"Port":80,"Protocol":"HTTP","VpcIdentifier":"vpc-0123456789abcdef0","HealthCheck":{"Matcher":{"HttpCode":"200-299"},"Path":""}}}`, nil},
		{"Listener", `{"Protocol":"HTTP","DefaultAction":{"Forward":{"TargetGroups":[]}}}`, []string{"#/DefaultAction/Forward/TargetGroups: expected minimum item count: 1, found: 0"}},
		{"Listener", `{"Protocol":"HTTP","DefaultAction":{"Forward":{"TargetGroups":[{"TargetGroupIdentifier":"tg-0123456789abcdefg","Weight":0}]}}}`, nil},
		{"Rule", `{"Priority":1,"Action":{},"Match":{"HttpMatch":{"HeaderMatches":[{},{},{},{},{},{}]}}}`, []string{"#/Match/HttpMatch/HeaderMatches: expected maximum item count: 5, found: 6"}},
		{"AuthPolicy", `{"ResourceIdentifier":"svc-0123456789abcdefg","Policy":{"any":{"thing":[1,null]}}}`, nil},
		{"AuthPolicy", `{"ResourceIdentifier":"svc-0123456789abcdefg","Policy":"{}"}`, []string{"#/Policy: expected type: JSONObject, found: String"}},
		{"ServiceNetworkVpcAssociation", `{"SecurityGroupIds":["sg-01234567","sg-01234567"]}`, []string{"#/SecurityGroupIds: array items are not unique"}},
	} {
		if got := c.Check(named(t, test.typ), parse(t, test.model)); !slices.Equal(got, test.want) {
			t.Errorf("%s %s:\n got %q\nwant %q", test.typ, test.model, got, test.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern string
		yes, no []string
	}{
		{`^(?!listener-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+$`, []string{"a", "a-b", "alistener-x"}, []string{"", "listener-", "-a", "a-", "a--b", "A"}},
		{`^(?!(a|b)[)]c)x?[ab)c]+$`, []string{"ac", "xb)c"}, []string{"a)c", "b)cc", "d"}},
		{`^(?!a\)b).+$`, []string{"ab"}, []string{"a)b"}},
		{`(^/[a-z]*$|(^$))`, []string{"", "/", "/a"}, []string{"a"}},
		{`^[0-9-,]+$`, []string{"200-299", "200,404"}, []string{"2x"}},
	} {
		p, err := compilePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		for _, s := range test.yes {
			if !p.match(s) {
				t.Errorf("%s does not match %q", test.pattern, s)
			}
		}
		for _, s := range test.no {
			if p.match(s) {
				t.Errorf("%s matches %q", test.pattern, s)
			}
		}
	}
	for _, bad := range []string{`^(?!abc`, `^(?!a(b)`, `a(?!b)c`, `^(?![)x`, `(`} {
		if _, err := compilePattern(bad); err == nil {
			t.Errorf("%s compiles", bad)
		}
	}
}

// What handlers and Cloud Control rely on holds for every type.
func TestTypes(t *testing.T) {
	if !slices.IsSorted(Known) || !slices.IsSortedFunc(Types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the types are not in order")
	}
	for i := range Types {
		typ := &Types[i]
		if len(typ.Identifier) == 0 || slices.Contains(Known, typ.Name) {
			t.Errorf("%s has the identifier %v", typ.Name, typ.Identifier)
		}
		for _, list := range append([][]string{typ.ReadOnly, typ.CreateOnly, typ.WriteOnly, typ.Identifier, typ.ListRequired}, typ.Alternatives...) {
			for _, path := range list {
				v := &typ.Model
				for name := range strings.SplitSeq(path, "/") {
					if name == "*" {
						v = v.Items
						continue
					}
					next, ok := v.Property(name)
					if !ok {
						t.Errorf("%s has no property %s", typ.Name, path)
						break
					}
					v = next
				}
			}
		}
	}
}

func TestPaths(t *testing.T) {
	m := parse(t, `{"a":{"b":{"c":1},"d":2},"e":"x"}`)
	if v, ok := At(m, "a/b/c"); !ok || v != json.Number("1") {
		t.Errorf("a/b/c is %v", v)
	}
	for _, path := range []string{"x", "a/x", "e/x", "a/b/c/d"} {
		if v, ok := At(m, path); ok {
			t.Errorf("%s is %v", path, v)
		}
	}
	Drop(m, "a/b/c")
	Drop(m, "e")
	Drop(m, "x/y")
	if raw, _ := json.Marshal(m); string(raw) != `{"a":{"d":2}}` {
		t.Errorf("left %s", raw)
	}
}

func FuzzCheck(f *testing.F) {
	c := checker(f)
	f.Add(0, `{"Name":"abc","Tags":[{"Key":"a","Value":"b"}]}`)
	f.Add(9, `{"Type":"IP","Targets":[{"Id":"x","Port":1e3}]}`)
	f.Fuzz(func(t *testing.T, n int, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var m map[string]any
		if d.Decode(&m) != nil {
			return
		}
		typ := &Types[(n%len(Types)+len(Types))%len(Types)]
		for _, message := range c.Check(typ, m) {
			if !strings.HasPrefix(message, "#") {
				t.Errorf("message %q", message)
			}
		}
	})
}
