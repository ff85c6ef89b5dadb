package test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// own starts a server for one test.
func own(t *testing.T, dir string, credential *syscall.Credential) *server {
	t.Helper()
	s, err := start(program(t), dir, credential)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.panicked(); err != nil {
			t.Error(err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// directory is a new one that another user may be given; the tests' own are not to be entered.
func directory(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestKilledServerComesBack(t *testing.T) {
	t.Parallel()
	dir := directory(t, "killed")
	first, err := start(program(t), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := first.account(t, "survivor")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	user := a.user(t, "user", invoke)
	l := n.lattice(t, "survivor", onlySigned)
	n.associate(t, l.network)
	url := "http://" + l.name + "/"
	if got := n.place().ask(t, ask{Method: "GET", URL: url, Sign: user}); !got[0].is(200) {
		t.Fatalf("before: %s, want 200", got[0])
	}
	function := n.function(t, "survivor")
	if out := n.invoke(t, "survivor", `{"do":"whoami"}`); out.FunctionError != nil {
		t.Fatalf("before: the function says %s", out.Payload)
	}
	// It is killed while it is busy: what it acknowledged until then is to be there afterwards.
	acknowledged := make(chan []string)
	go func() {
		var names []string
		for i := range 10_000 {
			out, err := a.ec2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, Description: aws.String("busy"), GroupName: aws.String("busy" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))},
				func(o *ec2.Options) { o.RetryMaxAttempts = 1 })
			if err != nil {
				break
			}
			names = append(names, *out.GroupId)
		}
		acknowledged <- names
	}()
	eventually(t, "some groups", func() bool {
		return len(must(t, a.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{}).SecurityGroups) > 10
	})
	if err := first.kill(); err != nil {
		t.Error(err)
	}
	groups := <-acknowledged
	if len(groups) < 8 {
		t.Fatalf("only %d groups were acknowledged", len(groups))
	}

	s := own(t, dir, nil)
	a = s.profile(t, a.id, a.name)
	n.account = a
	if got := must(t, a.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: groups}).SecurityGroups; len(got) != len(groups) {
		t.Errorf("%d of %d acknowledged groups are there", len(got), len(groups))
	}
	eventually(t, "the service active again", func() bool {
		got := must(t, a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &l.id})
		return *got.DnsEntry.DomainName == l.name && got.Status == "ACTIVE"
	})
	for _, i := range must(t, a.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{}).NetworkInterfaces {
		if i.InterfaceType != ec2types.NetworkInterfaceTypeLambda {
			t.Errorf("the interface of a program that ended with the server is there: %s", aws.ToString(i.Description))
		}
	}
	if out := n.invoke(t, function, `{"do":"whoami"}`); out.FunctionError != nil || !strings.Contains(string(out.Payload), "assumed-role/survivor/survivor") {
		t.Errorf("afterwards the function says %s", out.Payload)
	}
	// The program that was the target ended with the server. Another takes its place.
	old := must(t, a.lattice.ListTargets, &vpclattice.ListTargetsInput{TargetGroupIdentifier: l.target.Id}).Items
	if len(old) != 1 {
		t.Fatalf("there are %d targets", len(old))
	}
	l.retarget(t, n)
	if got := n.place().ask(t, ask{Method: "GET", URL: url}, ask{Method: "GET", URL: url, Sign: user}); !got[0].is(403) || !got[1].is(200) {
		t.Errorf("afterwards: %s and %s, want 403 and 200", got[0], got[1])
	}
}

// An ordinary user's server does the same, without help from root.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	credential := &syscall.Credential{Uid: 65534, Gid: 65534}
	if os.Getuid() != 0 {
		credential = nil
	}
	s := own(t, directory(t, "unprivileged"), credential)
	if said := s.trellis(t, "status", "--json"); strings.Contains(said, `"data_plane": false`) {
		t.Skipf("this kernel gives an ordinary user no data plane: %s", said)
	}
	a, b := s.account(t, "one"), s.account(t, "two")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	l := n.lattice(t, "plain", onlyQuery(b.id, "two"))
	client := b.network(t, "10.0.0.0/16", "10.0.0.0/24")
	url := "http://" + l.name + "/?q="
	if got := client.place().get(t, url+"two"); !got.is(0) {
		t.Errorf("not associated: %s, want a timeout", got)
	}
	a.share(t, "plain", l.network, b, true)
	b.acceptAll(t)
	client.associate(t, l.network, client.group(t, "lattice", 80))
	n.associate(t, l.network)
	if got := client.place().ask(t, ask{Method: "GET", URL: url + "two"}, ask{Method: "GET", URL: url + "one"}); !got[0].is(200) || !got[1].is(403) {
		t.Errorf("%s and %s, want 200 and 403", got[0], got[1])
	}
	if got := n.place().get(t, url+"two"); !got.is(403) {
		t.Errorf("from another account: %s, want 403", got)
	}
	n.function(t, "f")
	if out := n.invoke(t, "f", `{"do":"whoami"}`); !strings.Contains(string(out.Payload), "assumed-role/f/f") {
		t.Errorf("the function says %s", out.Payload)
	}
}
