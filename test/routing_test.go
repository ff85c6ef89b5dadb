package test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

const anybody = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// rule adds a rule to a listener.
func (l *lattice) rule(t *testing.T, listener, name string, priority int32, match latticetypes.HttpMatch, action latticetypes.RuleAction) {
	t.Helper()
	must(t, l.owner.account.lattice.CreateRule, &vpclattice.CreateRuleInput{ServiceIdentifier: &l.id, ListenerIdentifier: &listener, Name: &name, Priority: &priority,
		Match: &latticetypes.RuleMatchMemberHttpMatch{Value: match}, Action: action})
}

func forward(weights map[string]int32) latticetypes.RuleAction {
	var to []latticetypes.WeightedTargetGroup
	for id, w := range weights {
		to = append(to, latticetypes.WeightedTargetGroup{TargetGroupIdentifier: &id, Weight: &w})
	}
	return &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: to}}
}

func prefix(p string) *latticetypes.PathMatch {
	return &latticetypes.PathMatch{Match: &latticetypes.PathMatchTypeMemberPrefix{Value: p}}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "routing")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := n.lattice(t, "routing", anybody)
	n.associate(t, l.network)
	listener := *must(t, a.lattice.ListListeners, &vpclattice.ListListenersInput{ServiceIdentifier: &l.id}).Items[0].Id

	function := n.function(t, "routed")
	lambdas := must(t, a.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: aws.String("functions"), Type: latticetypes.TargetGroupTypeLambda,
		Config: &latticetypes.TargetGroupConfig{LambdaEventStructureVersion: latticetypes.LambdaEventStructureVersionV2}})
	eventually(t, "the functions' target group", func() bool {
		return must(t, a.lattice.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: lambdas.Id}).Status == latticetypes.TargetGroupStatusActive
	})
	must(t, a.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: lambdas.Id, Targets: []latticetypes.Target{{Id: &function}}})
	nobody := must(t, a.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: aws.String("nobody"), Type: latticetypes.TargetGroupTypeIp,
		Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(9), Protocol: "HTTP", VpcIdentifier: &n.vpc}})

	fixed := &latticetypes.RuleActionMemberFixedResponse{Value: latticetypes.FixedResponseAction{StatusCode: aws.Int32(404)}}
	l.rule(t, listener, "gone", 10, latticetypes.HttpMatch{PathMatch: prefix("/gone")}, fixed)
	l.rule(t, listener, "function", 20, latticetypes.HttpMatch{PathMatch: prefix("/function")}, forward(map[string]int32{*lambdas.Id: 1}))
	l.rule(t, listener, "empty", 30, latticetypes.HttpMatch{PathMatch: prefix("/empty")}, forward(map[string]int32{*nobody.Id: 1}))
	l.rule(t, listener, "delete", 40, latticetypes.HttpMatch{Method: aws.String("DELETE"), HeaderMatches: []latticetypes.HeaderMatch{
		{Name: aws.String("x-team"), Match: &latticetypes.HeaderMatchTypeMemberExact{Value: "one"}}}}, fixed)
	l.rule(t, listener, "split", 50, latticetypes.HttpMatch{PathMatch: prefix("/split")}, forward(map[string]int32{*lambdas.Id: 1, *l.target.Id: 1}))

	base := "http://" + l.name
	tests := []struct {
		ask
		want int
		body string
	}{
		{ask{Method: "GET", URL: base + "/any?a=b"}, 200, `"uri":"/any?a=b"`},
		{ask{Method: "GET", URL: base + "/gone/forever"}, 404, "Not Found"},
		{ask{Method: "GET", URL: base + "/GONE"}, 200, `"uri":"/GONE"`},
		{ask{Method: "GET", URL: base + "/function?q=blue"}, 200, `"path":"/function"`},
		{ask{Method: "GET", URL: base + "/function?q=blue"}, 200, `"sourceVpcArn":"arn:aws:ec2:us-east-1:` + a.id + ":vpc/" + n.vpc + `"`},
		{ask{Method: "GET", URL: base + "/empty"}, 503, ""},
		{ask{Method: "DELETE", URL: base + "/x", Header: map[string][]string{"X-Team": {"one"}}}, 404, ""},
		{ask{Method: "DELETE", URL: base + "/x", Header: map[string][]string{"X-Team": {"two"}}}, 200, `"method":"DELETE"`},
		{ask{Method: "PUT", URL: base + "/x", Header: map[string][]string{"X-Forwarded-For": {"1.2.3.4"}, "X-Amzn-Lattice-Identity": {"Principal=me"}}}, 200, `"X-Forwarded-For":["10.0.0.`},
	}
	var asks []ask
	for _, test := range tests {
		asks = append(asks, test.ask)
	}
	for range 40 {
		asks = append(asks, ask{Method: "GET", URL: base + "/split"})
	}
	replies := n.place().ask(t, asks...)
	for i, test := range tests {
		if got := replies[i]; !got.is(test.want) || !strings.Contains(got.Body, test.body) || strings.Contains(got.Body, "Principal=me") {
			t.Errorf("%s %s: %s, want %d and %s", test.Method, test.URL, got, test.want, test.body)
		}
	}
	byFunction := 0
	for _, got := range replies[len(tests):] {
		if strings.Contains(got.Body, "requestContext") {
			byFunction++
		}
		if !got.is(200) {
			t.Errorf("a request that is split: %s", got)
		}
	}
	if byFunction < 5 || byFunction > 35 {
		t.Errorf("of 40 requests in halves the function got %d", byFunction)
	}
	if got := n.place().ask(t, ask{Method: "GET", URL: base + "/", Header: nil}, ask{Method: "GET", URL: "http://" + strings.Replace(l.name, "routing", "other", 1)}); !got[0].is(200) || got[1].Err == "" {
		t.Errorf("%s, and for another name %s", got[0], got[1])
	}
}

func TestAccessLogs(t *testing.T) {
	t.Parallel()
	a := sharedServer(t).account(t, "records")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := n.lattice(t, "records", onlySigned)
	n.associate(t, l.network)
	must(t, a.logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("records")})
	group := *must(t, a.logs.DescribeLogGroups, &cloudwatchlogs.DescribeLogGroupsInput{}).LogGroups[0].LogGroupArn
	must(t, a.lattice.CreateAccessLogSubscription, &vpclattice.CreateAccessLogSubscriptionInput{ResourceIdentifier: &l.service, DestinationArn: &group})
	user := a.user(t, "reader", invoke)
	replies := n.place().ask(t, ask{Method: "GET", URL: "http://" + l.name + "/a?secret=1"}, ask{Method: "GET", URL: "http://" + l.name + "/b", Sign: user})
	records := map[string]map[string]any{}
	eventually(t, "two access records", func() bool {
		out := must(t, a.logs.FilterLogEvents, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("records")})
		for _, e := range out.Events {
			var r map[string]any
			if err := json.Unmarshal([]byte(*e.Message), &r); err != nil {
				t.Fatalf("the record %q: %v", *e.Message, err)
			}
			id, _ := r["requestId"].(string)
			records[id] = r
		}
		return len(records) == 2
	})
	want := []map[string]any{
		{"requestPath": "/a", "responseCode": 403.0, "authDeniedReason": "Service", "failureReason": "ClientAccessDenied", "resolvedUser": "Anonymous", "targetIpPort": "-"},
		{"requestPath": "/b", "responseCode": 200.0, "authDeniedReason": "-", "callerPrincipal": "arn:aws:iam::" + a.id + ":user/reader", "targetGroupArn": *l.target.Arn, "requestMethod": "GET"},
	}
	for i, fields := range want {
		r := records[replies[i].requestID()]
		fields["serviceArn"], fields["serviceNetworkArn"], fields["sourceVpcId"], fields["hostHeader"] = l.service, l.network, n.vpc, l.name
		for k, v := range fields {
			if r[k] != v {
				t.Errorf("record %d has %s %v, want %v", i, k, r[k], v)
			}
		}
	}
}

// What a name means depends on the VPC that asks.
func TestNames(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "names")
	one, two := a.network(t, "10.0.0.0/16", "10.0.0.0/24"), a.network(t, "10.1.0.0/16", "10.1.0.0/24")
	attribute := func(n *network, on bool) {
		t.Helper()
		must(t, a.ec2.ModifyVpcAttribute, &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: &on}})
	}
	attribute(one, true)
	address := two.place(two.group(t, "open", 8080)).serve(t, "8080")
	private := "ip-" + strings.ReplaceAll(address, ".", "-") + ".ec2.internal"
	lookup := func(n *network, name string) string {
		t.Helper()
		return n.place().ask(t, ask{Method: "LOOKUP", URL: name})[0].Body
	}
	if got := lookup(two, private); got != "" {
		t.Errorf("without DNS hostnames %s is %q", private, got)
	}
	attribute(two, true)
	if got := lookup(two, private); got != address {
		t.Errorf("with DNS hostnames %s is %q, want %s", private, got, address)
	}
	p := must(t, a.ec2.CreateVpcPeeringConnection, &ec2.CreateVpcPeeringConnectionInput{VpcId: &one.vpc, PeerVpcId: &two.vpc}).VpcPeeringConnection.VpcPeeringConnectionId
	must(t, a.ec2.AcceptVpcPeeringConnection, &ec2.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: p})
	if got := lookup(one, address); got != "" {
		t.Errorf("without the peering's option %s is %q", address, got)
	}
	must(t, a.ec2.ModifyVpcPeeringConnectionOptions, &ec2.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: p,
		AccepterPeeringConnectionOptions: &ec2types.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: aws.Bool(true)}})
	if got := lookup(one, address); got != private+"." {
		t.Errorf("with the peering's option %s is %q, want %s", address, got, private)
	}
	if got := lookup(one, private); got != "" {
		t.Errorf("in the peer %s is %q: private names stay in their VPC", private, got)
	}
	if got := lookup(one, "example.com"); got != "" {
		t.Errorf("a name of the internet is %q", got)
	}
	must(t, a.ec2.ModifyVpcAttribute, &ec2.ModifyVpcAttributeInput{VpcId: &two.vpc, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(false)}})
	must(t, a.ec2.ModifyVpcAttribute, &ec2.ModifyVpcAttributeInput{VpcId: &two.vpc, EnableDnsSupport: &ec2types.AttributeBooleanValue{Value: aws.Bool(false)}})
	if got := lookup(two, private); got != "" {
		t.Errorf("without DNS support %s is %q", private, got)
	}
}
