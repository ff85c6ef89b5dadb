package elbv2_test

import (
	"strings"
	"testing"

	"trellis/internal/aws/model/elbv2"
	"trellis/internal/function"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

func TestTargetGroups(t *testing.T) {
	e := newEnv(t)
	base := func() *elbv2.CreateTargetGroupInput {
		return &elbv2.CreateTargetGroupInput{Name: new("g"), TargetType: new("ip"), Protocol: new("HTTP"), Port: new(int32(80)), VpcId: new("vpc-" + red)}
	}
	for _, tt := range []struct {
		name   string
		change func(in *elbv2.CreateTargetGroupInput)
		code   string
	}{
		{"no name", func(in *elbv2.CreateTargetGroupInput) { in.Name = new("") }, "ValidationError"},
		{"a name with an underscore", func(in *elbv2.CreateTargetGroupInput) { in.Name = new("a_b") }, "ValidationError"},
		{"no port", func(in *elbv2.CreateTargetGroupInput) { in.Port = nil }, "ValidationError"},
		{"port 70000", func(in *elbv2.CreateTargetGroupInput) { in.Port = new(int32(70000)) }, "ValidationError"},
		{"no protocol", func(in *elbv2.CreateTargetGroupInput) { in.Protocol = nil }, "ValidationError"},
		{"HTTPS", func(in *elbv2.CreateTargetGroupInput) { in.Protocol = new("HTTPS") }, "UnsupportedProtocol"},
		{"HTTP/2", func(in *elbv2.CreateTargetGroupInput) { in.ProtocolVersion = new("HTTP2") }, "InvalidConfigurationRequest"},
		{"IPv6", func(in *elbv2.CreateTargetGroupInput) { in.IpAddressType = new("ipv6") }, "InvalidConfigurationRequest"},
		{"no VPC", func(in *elbv2.CreateTargetGroupInput) { in.VpcId = nil }, "ValidationError"},
		{"another account's VPC", func(in *elbv2.CreateTargetGroupInput) { in.VpcId = new("vpc-" + black) }, "ValidationError"},
		{"a load balancer as target", func(in *elbv2.CreateTargetGroupInput) { in.TargetType = new("alb") }, "InvalidConfigurationRequest"},
		{"a function at a port", func(in *elbv2.CreateTargetGroupInput) { in.TargetType = new("lambda") }, "ValidationError"},
		{"a timeout as long as the interval", func(in *elbv2.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = new(int32(5)), new(int32(5))
		}, "ValidationError"},
		{"a relative path", func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckPath = new("health") }, "ValidationError"},
		{"a strange port of checks", func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckPort = new("http") }, "ValidationError"},
		{"checks by HTTPS", func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckProtocol = new("HTTPS") }, "ValidationError"},
		{"no checks", func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckEnabled = new(false) }, "ValidationError"},
		{"a strange matcher", func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &elbv2.Matcher{HttpCode: new("200-")} }, "ValidationError"},
		{"a matcher of redirects to nowhere", func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &elbv2.Matcher{HttpCode: new("500")} }, "ValidationError"},
		{"gRPC", func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &elbv2.Matcher{GrpcCode: new("0")} }, "ValidationError"},
		{"checks of a function", func(in *elbv2.CreateTargetGroupInput) {
			*in = elbv2.CreateTargetGroupInput{Name: new("g"), TargetType: new("lambda"), HealthCheckEnabled: new(true)}
		}, "InvalidConfigurationRequest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := base()
			tt.change(in)
			refused(e, red, e.CreateTargetGroup, in, tt.code)
		})
	}
	in := base()
	in.ProtocolVersion, in.IpAddressType, in.Matcher = new(""), new("ipv4"), &elbv2.Matcher{HttpCode: new("200,202-204")}
	first := must(e, e.CreateTargetGroup, in).TargetGroups[0]
	want(t, "the same again", *must(e, e.CreateTargetGroup, in).TargetGroups[0].TargetGroupArn, *first.TargetGroupArn)
	in.Port = new(int32(81))
	refused(e, red, e.CreateTargetGroup, in, "DuplicateTargetGroupName")
	changed := must(e, e.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: first.TargetGroupArn, HealthCheckPath: new("/h"), HealthyThresholdCount: new(int32(3))}).TargetGroups[0]
	if *changed.HealthCheckPath != "/h" || *changed.HealthyThresholdCount != 3 || *changed.HealthCheckIntervalSeconds != 30 || *changed.Matcher.HttpCode != "200,202-204" {
		t.Errorf("group %+v", changed)
	}
	refused(e, red, e.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: first.TargetGroupArn, HealthCheckTimeoutSeconds: new(int32(30))}, "ValidationError")
	refused(e, black, e.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{*first.TargetGroupArn}}, "TargetGroupNotFound")
	refused(e, black, e.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{Names: []string{"g"}}, "TargetGroupNotFound")
	refused(e, red, e.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{Names: []string{"g"}, TargetGroupArns: []string{*first.TargetGroupArn}}, "ValidationError")
}

func TestFunctionsAsTargets(t *testing.T) {
	e := newEnv(t)
	group := e.group("lambda", "lambda")
	allowed := function.Permission{StatementID: "s", Action: "lambda:InvokeFunction", Principal: "elasticloadbalancing.amazonaws.com"}
	ofGroup, ofAlias, ofOther := allowed, allowed, allowed
	ofGroup.SourceARN, ofOther.SourceARN, ofAlias.Qualifier = group, group+"0", "live"
	plain, wrong := e.function("plain", ofGroup, ofAlias), e.function("wrong", ofOther)
	for _, tt := range []struct{ name, id, code string }{
		{"no such function", plain + "0", "AccessDenied"},
		{"another group's permission", wrong, "AccessDenied"},
		{"a qualifier without permission", plain + ":1", "AccessDenied"},
		{"another account's", strings.Replace(plain, red, black, 1), "InvalidTarget"},
		{"another region's", strings.Replace(plain, region, "eu-west-1", 1), "InvalidTarget"},
		{"an address", "10.0.0.5", "ValidationError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refused(e, red, e.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &tt.id}}}, tt.code)
		})
	}
	refused(e, red, e.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &plain, Port: new(int32(80))}}}, "ValidationError")
	one := &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &plain}}}
	must(e, e.RegisterTargets, one)
	must(e, e.RegisterTargets, one)
	got, reason := e.health(group)
	want(t, "health", got+" "+reason, "unused Target.NotInUse")
	alias := plain + ":live"
	refused(e, red, e.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &alias}}}, "TooManyTargets")
	must(e, e.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: one.Targets})
	must(e, e.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: one.Targets})
	must(e, e.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: &alias}}})
}

func TestAddressesAsTargets(t *testing.T) {
	e := newEnv(t)
	group := e.group("ip", "ip")
	register := func(id, zone string, port *int32) *elbv2.RegisterTargetsInput {
		d := elbv2.TargetDescription{Id: &id, Port: port}
		if zone != "" {
			d.AvailabilityZone = &zone
		}
		return &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{d}}
	}
	for _, tt := range []struct {
		name, id, zone string
		code           string
	}{
		{"not an address", "web", "", "ValidationError"},
		{"IPv6", "fd00::1", "", "ValidationError"},
		{"public", "203.0.113.9", "all", "ValidationError"},
		{"loopback", "127.0.0.1", "all", "ValidationError"},
		{"link-local", "169.254.169.254", "all", "ValidationError"},
		{"beyond the VPC without a zone", "192.168.0.9", "", "ValidationError"},
		{"in another zone", "10.0.0.9", region + "b", "ValidationError"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(e, red, e.RegisterTargets, register(tt.id, tt.zone, nil), tt.code) })
	}
	refused(e, red, e.RegisterTargets, register("10.0.0.9", "", new(int32(70000))), "ValidationError")
	must(e, e.RegisterTargets, register("10.0.0.9", "", nil))
	must(e, e.RegisterTargets, register("10.0.0.9", "", new(int32(8080))))
	must(e, e.RegisterTargets, register("192.168.0.9", "all", nil))
	row, _ := state.BalancerTargetGroups.Get(e.view.Snapshot(), group)
	if len(row.Targets) != 3 || row.Targets[0].Port != 80 || row.Targets[0].Zone != region+"a" || row.Targets[1].Port != 8080 || row.Targets[2].Zone != "all" {
		t.Errorf("targets %+v", row.Targets)
	}
	must(e, e.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: new("10.0.0.9"), Port: new(int32(8080))}, {Id: new("192.168.0.9")}}})

	instances := e.group("instances", "instance")
	refused(e, red, e.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &instances, Targets: []elbv2.TargetDescription{{Id: new("i-0123456789abcdef0")}}}, "InvalidTarget")

	lb := e.balancer("lb")
	l := e.listener(lb, 80, forward(group))
	for _, tt := range []struct {
		row           *state.Health
		state, reason string
	}{
		{nil, "initial", "Elb.RegistrationInProgress"},
		{&state.Health{Status: "INITIAL"}, "initial", "Elb.RegistrationInProgress"},
		{&state.Health{Status: "HEALTHY"}, "healthy", ""},
		{&state.Health{Status: "UNHEALTHY", Reason: "Health checks failed with these codes: [500]"}, "unhealthy", "Target.ResponseCodeMismatch"},
		{&state.Health{Status: "UNHEALTHY", Reason: "Request timed out"}, "unhealthy", "Target.Timeout"},
		{&state.Health{Status: "UNHEALTHY", Reason: "The connection failed: refused."}, "unhealthy", "Target.FailedHealthChecks"},
	} {
		if tt.row != nil {
			tt.row.Host, tt.row.TargetGroup, tt.row.Target, tt.row.Port = "h", group, "10.0.0.9", 80
			e.put(func(tx *state.Tx) { state.Healths.Put(tx, tt.row) })
		}
		got, reason := e.health(group)
		want(t, "health", got+" "+reason, tt.state+" "+tt.reason)
	}
	gone := must(e, e.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []elbv2.TargetDescription{{Id: new("10.0.0.8")}}}).TargetHealthDescriptions
	want(t, "a target that is not registered", *gone[0].TargetHealth.Reason, "Target.NotRegistered")
	must(e, e.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: subnets("b", "c")})
	got, reason := e.health(group)
	want(t, "in a zone without a node", got+" "+reason, "unused Target.NotInUse")
	must(e, e.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &l})
}

func TestATargetGroupStaysInItsVPC(t *testing.T) {
	e := newEnv(t)
	e.put(func(tx *state.Tx) {
		state.VPCs.Put(tx, &vpc.VPC{Owner: vpc.Owner{Account: red, Region: region}, ID: "vpc-2"})
	})
	group := *must(e, e.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: new("g"), TargetType: new("ip"), Protocol: new("HTTP"), Port: new(int32(80)), VpcId: new("vpc-2")}).TargetGroups[0].TargetGroupArn
	lb := e.balancer("lb")
	refused(e, red, e.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: &lb, Protocol: new("HTTP"), Port: new(int32(80)), DefaultActions: forward(group)}, "InvalidConfigurationRequest")
}
