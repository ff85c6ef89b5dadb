package faults

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

// A target that never answers keeps hundreds of requests waiting, which cost little memory and end at the timeout; another target
// of the same service answers meanwhile and afterwards.
func TestPrivilegedSilentTarget(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	if got := p.get(t, z.url("/")); got != fine {
		t.Fatal(got)
	}
	silent := z.start(t, "mute")
	address := silent.line(t)
	group := must(t, z.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: aws.String("silent"), Type: latticetypes.TargetGroupTypeIp,
		Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(8080), Protocol: latticetypes.TargetGroupProtocolHttp, VpcIdentifier: &z.vpc,
			HealthCheck: &latticetypes.HealthCheckConfig{Enabled: aws.Bool(false)}}}).Id
	eventually(t, "the target group", func() bool {
		return must(t, z.lattice.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: group}).Status == latticetypes.TargetGroupStatusActive
	})
	must(t, z.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: group, Targets: []latticetypes.Target{{Id: &address}}})
	must(t, z.lattice.CreateRule, &vpclattice.CreateRuleInput{ServiceIdentifier: &z.service, ListenerIdentifier: &z.listener, Name: aws.String("silent"), Priority: aws.Int32(1),
		Match:  &latticetypes.RuleMatchMemberHttpMatch{Value: latticetypes.HttpMatch{PathMatch: &latticetypes.PathMatch{Match: &latticetypes.PathMatchTypeMemberExact{Value: "/silent"}}}},
		Action: &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: group}}}}})
	got := func() int {
		n, err := strconv.Atoi(silent.get(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// One shows that the rule is in force.
	one := z.start(t, "crowd", z.url("/silent"), "1")
	eventually(t, "a request at the target", func() bool { return got() == 1 })
	before := s.rss(t)
	const crowd = 500
	waiting := z.start(t, "crowd", z.url("/silent"), fmt.Sprint(crowd))
	eventually(t, "the requests at the target", func() bool { return got() == 1+crowd })
	open, during := s.metric(t, "trellis_proxy_connections"), s.rss(t)
	for range 20 {
		if came := p.get(t, z.url("/")); came != fine {
			t.Errorf("meanwhile: %s", came)
		}
	}
	// 60 s are the least that AWS lets a service wait for a target.
	if came := one.line(t); came != "map[504 Gateway Timeout:1]" {
		t.Errorf("the first request of the silent target ends in %s", came)
	}
	if came := waiting.line(t); came != fmt.Sprintf("map[504 Gateway Timeout:%d]", crowd) {
		t.Errorf("the requests of the silent target end in %s", came)
	}
	t.Logf("resident: %d MiB before, %d MiB with %.0f connections, %d MiB after", before, during, open, s.rss(t))
	if more := during - before; more > 100 {
		t.Errorf("%d requests that wait take %d MiB", crowd, more)
	}
	if n := got(); n != 1+crowd {
		t.Errorf("the target got %d requests for %d", n, 1+crowd)
	}
	eventually(t, "the end of their connections", func() bool { return s.metric(t, "trellis_proxy_connections") < 10 })
	if came := p.get(t, z.url("/")); came != fine {
		t.Errorf("afterwards: %s", came)
	}
	s.alive(t)
}
