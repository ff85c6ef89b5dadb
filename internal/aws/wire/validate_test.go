package wire

import (
	"strings"
	"testing"

	"trellis/internal/aws/model"
	"trellis/internal/aws/model/ec2"
	"trellis/internal/aws/model/elbv2"
	"trellis/internal/aws/model/iam"
	"trellis/internal/aws/model/lambda"
	"trellis/internal/aws/model/organizations"
	"trellis/internal/aws/model/vpclattice"
)

func p[T any](v T) *T { return &v }

func codec(t *testing.T, m *model.Service, name string) *Codec {
	t.Helper()
	for i := range m.Operations {
		if m.Operations[i].Name == name {
			c, err := NewSet(m).Codec(&m.Operations[i])
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatalf("no operation %s", name)
	return nil
}

func TestValidate(t *testing.T) {
	latticeTags := map[string]string{"": "v"}
	for _, tt := range []struct {
		name  string
		model *model.Service
		op    string
		in    any
		want  []string // path value constraint
	}{
		{"fine", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("a-service")}, nil},
		{"required", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{}, []string{"name|null|Member must not be null"}},
		{"too short", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("ab")},
			[]string{"name|ab|Member must have length greater than or equal to 3"}},
		{"too long", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p(strings.Repeat("a", 41))},
			[]string{"name|" + strings.Repeat("a", 41) + "|Member must have length less than or equal to 40"}},
		{"lengths count characters", lambda.Model, "CreateFunction", &lambda.CreateFunctionInput{FunctionName: p("f"), Role: p("arn:aws:iam::111111111111:role/r"),
			Code: &lambda.FunctionCode{}, Description: p(strings.Repeat("é", 256))}, nil},
		{"lookahead", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("a--b")},
			[]string{"name|a--b|Member must satisfy regular expression pattern: (?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+"}},
		{"whole value", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("fine\nnot")},
			[]string{"name|fine\nnot|Member must satisfy regular expression pattern: (?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+"}},
		{"enum", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("abc"), AuthType: p("SOME")},
			[]string{"authType|SOME|Member must satisfy enum value set: [NONE, AWS_IAM]"}},
		{"range and nested", vpclattice.Model, "RegisterTargets", &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: p("tg-0123456789abcdefg"),
			Targets: []vpclattice.Target{{Id: p("a"), Port: p(int32(1))}, {Port: p(int32(65536))}}},
			[]string{"targets.member.2.id|null|Member must not be null", "targets.member.2.port|65536|Member must have value less than or equal to 65535"}},
		{"list too long", vpclattice.Model, "CreateServiceNetworkVpcAssociation", &vpclattice.CreateServiceNetworkVpcAssociationInput{
			ServiceNetworkIdentifier: p("sn-0123456789abcdefg"), VpcIdentifier: p("vpc-0123456789abcdef0"), SecurityGroupIds: make6("sg-0123456789abcdef0")},
			[]string{"securityGroupIds|[" + strings.TrimSuffix(strings.Repeat("sg-0123456789abcdef0, ", 6), ", ") + "]|Member must have length less than or equal to 5"}},
		{"list element", vpclattice.Model, "CreateServiceNetworkVpcAssociation", &vpclattice.CreateServiceNetworkVpcAssociationInput{
			ServiceNetworkIdentifier: p("sn-0123456789abcdefg"), VpcIdentifier: p("vpc-0123456789abcdef0"), SecurityGroupIds: []string{"sg-0123456789abcdef0", "nothing"}},
			[]string{"securityGroupIds|[sg-0123456789abcdef0, nothing]|Member must satisfy constraint: [Member must satisfy regular expression pattern: sg-(([0-9a-z]{8})|([0-9a-z]{17}))]"}},
		{"map key", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("abc"), Tags: latticeTags},
			[]string{"tags|{=v}|Map keys must satisfy constraint: [Member must have length greater than or equal to 1]"}},
		{"map value", vpclattice.Model, "CreateService", &vpclattice.CreateServiceInput{Name: p("abc"), Tags: map[string]string{"k": strings.Repeat("v", 257)}},
			[]string{"tags|{k=" + strings.Repeat("v", 257) + "}|Map value must satisfy constraint: [Member must have length less than or equal to 256]"}},
		{"union of none", vpclattice.Model, "UpdateListener", &vpclattice.UpdateListenerInput{ServiceIdentifier: p("svc-0123456789abcdefg"),
			ListenerIdentifier: p("listener-0123456789abcdefg"), DefaultAction: &vpclattice.RuleAction{}},
			[]string{"defaultAction|structure|Member must have exactly one of its members set"}},
		{"union of two", vpclattice.Model, "UpdateListener", &vpclattice.UpdateListenerInput{ServiceIdentifier: p("svc-0123456789abcdefg"),
			ListenerIdentifier: p("listener-0123456789abcdefg"), DefaultAction: &vpclattice.RuleAction{
				FixedResponse: &vpclattice.FixedResponseAction{StatusCode: p(int32(404))},
				Forward:       &vpclattice.ForwardAction{TargetGroups: []vpclattice.WeightedTargetGroup{{TargetGroupIdentifier: p("tg-0123456789abcdefg")}}}}},
			[]string{"defaultAction|structure|Member must have exactly one of its members set"}},
		{"names in lower case", iam.Model, "CreateRole", &iam.CreateRoleInput{RoleName: p("a"), AssumeRolePolicyDocument: p("{}"), Path: p("no"), MaxSessionDuration: p(int32(10))},
			[]string{"path|no|Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)",
				"maxSessionDuration|10|Member must have value greater than or equal to 3600"}},
		{"names of EC2 are parameters", ec2.Model, "AssociateRouteTable", &ec2.AssociateRouteTableInput{}, []string{"RouteTableId|null|Member must not be null"}},
		{"nested required", elbv2.Model, "CreateListener", &elbv2.CreateListenerInput{LoadBalancerArn: p("a"), DefaultActions: []elbv2.Action{{}}},
			[]string{"defaultActions.member.1.type|null|Member must not be null"}},
		{"letters of any script", organizations.Model, "TagResource", &organizations.TagResourceInput{ResourceId: p("111111111111"), Tags: []organizations.Tag{{Key: p("ключ"), Value: p("значение")}}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range codec(t, tt.model, tt.op).Validate(tt.in) {
				got = append(got, v.Path+"|"+v.Value+"|"+v.Constraint)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func make6(s string) []string { return []string{s, s, s, s, s, s} }

func TestViolationsStayFew(t *testing.T) {
	in := &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: p("tg-0123456789abcdefg"), Targets: make([]vpclattice.Target, 100)}
	if n := len(codec(t, vpclattice.Model, "RegisterTargets").Validate(in)); n != maxViolations {
		t.Errorf("%d violations are listed", n)
	}
	in.TargetGroupIdentifier = p(strings.Repeat("ü", 100000))
	if v := codec(t, vpclattice.Model, "RegisterTargets").Validate(in)[0]; len(v.Value) > 1100 {
		t.Errorf("a value of %d bytes is echoed", len(v.Value))
	}
}

func TestJSONNumbers(t *testing.T) {
	c := codec(t, vpclattice.Model, "CreateRule")
	for body, want := range map[string]int32{"10": 10, "1e1": 10, "10.0": 10, "-3": -3, "10.5": 0, "2147483648": 0, `"10"`: 0, "true": 0} {
		in, err := c.Decode(&Request{Body: []byte(`{"priority":` + body + `}`)})
		if want == 0 {
			if err == nil {
				t.Errorf("%s is taken for %v", body, in)
			}
			continue
		}
		if err != nil || *in.(*vpclattice.CreateRuleInput).Priority != want {
			t.Errorf("%s: %v, %v", body, in, err)
		}
	}
}

func TestJSONDepth(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 2000) + strings.Repeat(`]}`, 2000)
	in, err := codec(t, vpclattice.Model, "CreateService").Decode(&Request{Body: []byte(`{"unknown":` + deep + `,"name":"after"}`)})
	if err != nil || *in.(*vpclattice.CreateServiceInput).Name != "after" {
		t.Errorf("%v, %v", in, err)
	}
}

func TestFormLimits(t *testing.T) {
	if _, err := ParseForm(strings.Repeat("a.", maxFormDepth) + "b=1"); err == nil {
		t.Error("a deep name is accepted")
	}
	var b strings.Builder
	for i := range maxParameters + 1 {
		b.WriteString("&A." + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/1000) + strings.Repeat("z", i%1000/10) + "=1")
	}
	if _, err := ParseForm(b.String()); err == nil {
		t.Error("parameters without end are accepted")
	}
}
