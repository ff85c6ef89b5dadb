package faults

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"
)

const everybody = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"%s}]}`

// Requests under way while policies, rules, targets, listeners and groups change are neither cut nor split.
func TestPrivilegedChangesUnderRequests(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	second := z.start(t, "serve").line(t)
	p := z.start(t, "stream", z.url("/"))
	p.line(t)
	for i := range 50 {
		condition := ""
		if i%2 == 0 {
			condition = `,"Condition":{"StringEquals":{"vpc-lattice-svcs:SourceVpc":"` + z.vpc + `"}}`
		}
		must(t, z.lattice.PutAuthPolicy, &vpclattice.PutAuthPolicyInput{ResourceIdentifier: &z.service, Policy: aws.String(fmt.Sprintf(everybody, condition))})
		auth := latticetypes.AuthTypeAwsIam
		if i%3 == 0 {
			auth = latticetypes.AuthTypeNone
		}
		must(t, z.lattice.UpdateService, &vpclattice.UpdateServiceInput{ServiceIdentifier: &z.service, AuthType: auth})
		target := []latticetypes.Target{{Id: &second}}
		if i%2 == 0 {
			must(t, z.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: &z.targets, Targets: target})
		} else {
			must(t, z.lattice.DeregisterTargets, &vpclattice.DeregisterTargetsInput{TargetGroupIdentifier: &z.targets, Targets: target})
		}
		rule := must(t, z.lattice.CreateRule, &vpclattice.CreateRuleInput{ServiceIdentifier: &z.service, ListenerIdentifier: &z.listener, Name: aws.String("rule"), Priority: aws.Int32(int32(1 + i)),
			Action: z.forward(), Match: &latticetypes.RuleMatchMemberHttpMatch{Value: latticetypes.HttpMatch{PathMatch: &latticetypes.PathMatch{Match: &latticetypes.PathMatchTypeMemberPrefix{Value: "/"}}}}})
		more := must(t, z.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: &z.service, Name: aws.String("more"), Port: aws.Int32(int32(9000 + i)),
			Protocol: latticetypes.ListenerProtocolHttp, DefaultAction: z.forward()})
		must(t, z.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &z.group, IpProtocol: aws.String("tcp"), FromPort: aws.Int32(int32(i + 1)), ToPort: aws.Int32(int32(i + 1)), CidrIp: aws.String("192.0.2.0/24")})
		must(t, z.lattice.DeleteRule, &vpclattice.DeleteRuleInput{ServiceIdentifier: &z.service, ListenerIdentifier: &z.listener, RuleIdentifier: rule.Id})
		must(t, z.lattice.DeleteListener, &vpclattice.DeleteListenerInput{ServiceIdentifier: &z.service, ListenerIdentifier: more.Id})
	}
	p.in.Close()
	said := p.line(t)
	t.Logf("requests, wrong ones: %s", said)
	var asked, wrong int
	if _, err := fmt.Sscan(said, &asked, &wrong); err != nil || wrong != 0 || asked < 100 {
		t.Errorf("%s: want over 100 requests and none wrong, %v", said, err)
	}
}

// A request that is under way when the server is told to end gets its answer, and nothing is said to have failed.
func TestPrivilegedEndUnderRequests(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	before := s.metric(t, "trellis_proxy_dials_total")
	p := z.start(t, "ask")
	if _, err := fmt.Fprintln(p.in, z.url("/?wait=1s")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request", func() bool { return s.metric(t, "trellis_proxy_dials_total") > before })
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != fine {
		t.Errorf("the request under way: %s, want %s", got, fine)
	}
	<-s.ended
	if s.err != nil {
		t.Errorf("the server ended with %v", s.err)
	}
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "could not be opened") {
			t.Errorf("the server's log has %s", line)
		}
	}
}
