package test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
)

// ended runs a command to its end: its exit status, what it printed and what it said.
func ended(t *testing.T, cmd *exec.Cmd) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	a := s.account(t, "cli-first")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	empty := *must(t, a.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16")}).Vpc.VpcId
	foreign := s.account(t, "cli-second").network(t, "10.0.0.0/16", "10.0.0.0/24").group(t, "g", 80)
	sh := func(script string) []string { return []string{"exec", "--subnet", n.subnet, "--", "sh", "-c", script} }
	tests := []struct {
		args      []string
		code      int
		out, said string // patterns
	}{
		{[]string{"version"}, 0, `^trellis \S+\n$`, `^$`},
		{[]string{"accounts", "list"}, 0, `(?m)^` + a.id + `\s+cli-first\s+cli-first`, `^$`},
		{[]string{"accounts", "create", "cli-first", "--id", a.id}, 1, `^$`, a.id + ` exists`},
		{[]string{"accounts", "create", "cli-third", "--id", "12"}, 1, `^$`, `12 digits`},
		{[]string{"accounts", "create", "new\nline"}, 1, `^$`, `name`},
		{[]string{"accounts", "create"}, 1, `^$`, `accepts 1 arg`},
		{[]string{"status"}, 0, `data plane\s+running`, `^$`},
		{[]string{"status", "--json"}, 0, `"data_plane": true`, `^$`},
		{[]string{"why"}, 1, `^$`, `request id`},
		{[]string{"why", "3f6c6a0e-5d0b-4c59-9d3a-0f4f8b5f2f11"}, 1, `^$`, `3f6c6a0e-5d0b-4c59-9d3a-0f4f8b5f2f11`},
		{[]string{"why", "--subnet", n.subnet, "--to", "10.0.0.9:port"}, 1, `^$`, `HOST:PORT`},
		{[]string{"why", "--subnet", n.subnet, "--to", "192.0.2.1:80"}, 0, `rtb-[0-9a-f]{17}`, `^$`},
		{[]string{"pour", "coffee"}, 1, `^$`, `unknown command`},
		{[]string{"serve", "--listen", "nowhere"}, 1, `^$`, `data directory|listen`},

		{sh("exit 7"), 7, `^$`, `^$`},
		{sh("kill -9 $$"), 137, `^$`, `^$`},
		{sh("echo out; echo err >&2"), 0, `^out\n$`, `^err\n$`},
		{sh("echo $TRELLIS_TEST; pwd; id -u"), 0, `^through\n` + regexp.QuoteMeta(filepath.Dir(s.data)) + `\n\d+\n$`, `^$`},
		{sh("cat"), 0, `^some input$`, `^$`},
		{[]string{"exec", "--vpc", n.vpc, "--", "true"}, 0, `^$`, `^$`},
		{[]string{"exec", "--vpc", empty, "--", "true"}, 1, `^$`, `no subnet`},
		{[]string{"exec", "--vpc", empty, "--subnet", n.subnet, "--", "true"}, 1, `^$`, n.vpc},
		{[]string{"exec", "--subnet", "subnet-0123456789abcdef0", "--", "true"}, 1, `^$`, `subnet-0123456789abcdef0`},
		{[]string{"exec", "--subnet", n.subnet, "--security-group", foreign, "--", "true"}, 1, `^$`, foreign},
		{[]string{"exec", "--subnet", n.subnet, "--", "no-such-program"}, 127, `^$`, `no-such-program`},
		{[]string{"exec", "--", "true"}, 1, `^$`, `--subnet`},
	}
	for _, test := range tests {
		cmd := s.command(t.Context(), test.args...)
		cmd.Env = append(os.Environ(), "TRELLIS_TEST=through")
		cmd.Stdin = strings.NewReader("some input")
		code, out, said := ended(t, cmd)
		if code != test.code || !regexp.MustCompile(test.out).MatchString(out) || !regexp.MustCompile(test.said).MatchString(said) {
			t.Errorf("trellis %q: exit status %d, %q, %q; want %d, %q, %q", test.args, code, out, said, test.code, test.out, test.said)
		}
	}
	// A program's status is told before its interface goes.
	eventually(t, "the end of the programs' interfaces", func() bool {
		return len(must(t, a.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{}).NetworkInterfaces) == 0
	})
	nobody := exec.CommandContext(t.Context(), s.program, "--data", t.TempDir(), "status")
	if code, _, said := ended(t, nobody); code != 1 || !strings.Contains(said, "trellis serve") {
		t.Errorf("without a server: exit status %d, %q", code, said)
	}
}

// A signal to the command is one to the program.
func TestExecPassesSignals(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	n := s.account(t, "signals").network(t, "10.0.0.0/16", "10.0.0.0/24")
	cmd := s.command(t.Context(), "exec", "--subnet", n.subnet, "--", "sh", "-c", `trap "echo told; exit 3" TERM; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "ready\n" {
		t.Fatalf("the program says %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); string(rest) != "told\n" || code != 3 {
		t.Errorf("after a signal: %q and exit status %d, want told and 3", rest, code)
	}
}

// A second server does not touch the first one's data.
func TestOneServerPerDirectory(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	second := exec.CommandContext(t.Context(), s.program, "serve", "--listen", "127.0.0.1:0", "--data", s.data)
	if code, _, said := ended(t, second); code != 1 || !strings.Contains(said, "another server") {
		t.Errorf("a second server: exit status %d, %q", code, said)
	}
	res, err := http.Get(s.endpoint + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the first one's health is %s", res.Status)
	}
}

// What would have to move packets does not, and says so; what is only asked for is answered.
func TestControlPlaneOnly(t *testing.T) {
	t.Parallel()
	s, err := start(program(t), directory(t, "control"), nil, "--control-plane-only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if said := s.trellis(t, "status"); !strings.Contains(said, "--control-plane-only") {
		t.Errorf("status says %q", said)
	}
	a := s.account(t, "one")
	n := a.network(t, "10.0.0.0/16", "10.0.0.0/24")
	svc := must(t, a.lattice.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("service")})
	eventually(t, "the service", func() bool {
		return must(t, a.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: svc.Id}).Status == "ACTIVE"
	})
	if code, _, said := ended(t, s.command(t.Context(), "exec", "--subnet", n.subnet, "--", "true")); code != 1 || !strings.Contains(said, "control-plane-only") {
		t.Errorf("exec: exit status %d, %q", code, said)
	}
}

// The local convention of keys: an account is there from its first call.
func TestDevelopmentKeys(t *testing.T) {
	t.Parallel()
	s, err := start(program(t), directory(t, "dev"), nil, "--dev", "--control-plane-only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	c := aws.Config{Region: region, BaseEndpoint: &s.endpoint}
	for key, id := range map[string]string{"test": "000000000000", "123456789012": "123456789012"} {
		a := s.clients(id, key, c).as(key, "anything", "")
		if got := aws.ToString(must(t, a.sts.GetCallerIdentity, nil).Account); got != id {
			t.Errorf("the key %s is of account %s, want %s", key, got, id)
		}
		must(t, a.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
		if vpcs := must(t, a.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs; len(vpcs) != 1 {
			t.Errorf("account %s has %d VPCs", id, len(vpcs))
		}
	}
	refused(t, s.clients("", "", c).as("AKIAIOSFODNN7EXAMPLE", "anything", "").ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}, "AuthFailure")
}
