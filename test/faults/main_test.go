package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/vpclattice"
	latticetypes "github.com/aws/aws-sdk-go-v2/service/vpclattice/types"

	"trellis/test/sdk"
)

var built = flag.String("program", "", "the program under test; it is built unless given")

// probeArgument, as first argument, makes this test binary a program that the tests run inside VPCs or in a server's place.
const probeArgument = "trellis-faults-probe"

var (
	scratch string
	program = sync.OnceValues(build)
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == probeArgument {
		if err := probe(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "trellis-faults-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	return m.Run(), nil
}

func build() (string, error) {
	if *built != "" {
		return *built, nil
	}
	binary := filepath.Join(scratch, "trellis")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "trellis/cmd/trellis")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program does not build: %w\n%s", err, out)
	}
	return binary, nil
}

// server is a running program. data is its data directory as this process sees it.
type server struct {
	program, self, data, log, endpoint, profiles string
	// holder is the process that holds the mount of its data, if it has one.
	holder int
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error
}

// start runs a server until the test ends. A tmpfs of so many MiB, if any, holds its data.
func start(t *testing.T, tmpfs int) *server {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may reach into the server's namespaces")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "server-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{program: path, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	if s.self, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if tmpfs > 0 {
		s.hold(t, tmpfs)
	}
	s.run(t)
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			log, _ := os.ReadFile(s.log)
			t.Logf("the server's log ends with\n%s", log[max(0, len(log)-4000):])
		}
	})
	return s
}

// hold mounts a tmpfs of so many MiB for the server's data, where nobody else sees it.
func (s *server) hold(t *testing.T, size int) {
	t.Helper()
	cmd := exec.Command(s.self, probeArgument, "hold", strconv.Itoa(size), s.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	s.holder = cmd.Process.Pid
}

func (s *server) run(t *testing.T) {
	t.Helper()
	args := []string{s.program, "serve", "--listen", "127.0.0.1:0", "--data", s.data}
	if s.holder != 0 {
		args = append([]string{s.self, probeArgument, "within", strconv.Itoa(s.holder)}, args...)
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stderr = log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The server dies with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- s.cmd.Start()
		<-s.ended
	}()
	if err := <-started; err != nil {
		close(s.ended)
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if path, ok := strings.CutPrefix(lines.Text(), "profiles "); ok {
				s.profiles = path
			}
			if endpoint, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				s.endpoint = endpoint
				close(ready)
			}
		}
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	select {
	case <-ready:
	case <-s.ended:
		text, _ := os.ReadFile(s.log)
		t.Fatalf("the server ended before it was ready: %v\n%s", s.err, text)
	case <-time.After(2 * time.Minute):
		t.Fatal("the server is not ready after two minutes")
	}
	if s.holder != 0 {
		s.profiles = fmt.Sprintf("/proc/%d/root%s", s.holder, s.profiles)
	}
}

// inside is the server's data directory where it has a mount of its own.
func (s *server) inside() string {
	if s.holder == 0 {
		return s.data
	}
	return fmt.Sprintf("/proc/%d/root%s", s.holder, s.data)
}

// kill ends the server as a crash does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
}

// stop ends the server as a service manager does.
func (s *server) stop(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case <-s.ended:
		if s.err != nil {
			t.Errorf("the server ended with %v", s.err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server did not end within 30 s of SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

func (s *server) alive(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		t.Fatalf("the server has ended: %v", s.err)
	default:
	}
}

func (s *server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, append([]string{"--data", s.inside()}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// metric is the value of one of the server's metrics.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get(s.endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// profile is one of the server's profiles, from its admin socket.
func (s *server) profile(t *testing.T, name string) []byte {
	t.Helper()
	local := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.data, "admin.sock"))
	}}}
	res, err := local.Get("http://admin/debug/pprof/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	profile, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s, %v", res.Status, err)
	}
	return profile
}

// live is how much of the server's heap is in use, in MiB, once what is not has been collected.
func (s *server) live(t *testing.T) int {
	t.Helper()
	// What a pool holds is let go by the second collection.
	for range 2 {
		s.profile(t, "heap?gc=1")
	}
	return int(s.metric(t, "go_memstats_heap_alloc_bytes")) >> 20
}

// rss is the server's resident memory in MiB.
func (s *server) rss(t *testing.T) int {
	t.Helper()
	return int(s.metric(t, "process_resident_memory_bytes")) >> 20
}

// zone is an account with a VPC and a service in it that its own VPC may ask.
type zone struct {
	*server
	ec2              *ec2.Client
	lattice          *vpclattice.Client
	logs             *cloudwatchlogs.Client
	lambda           *lambda.Client
	iam              *iam.Client
	account, profile string

	vpc, subnet, group        string
	network, service, targets string
	listener, name, address   string
}

func must[In, Out, Option any](t *testing.T, call func(context.Context, In, ...Option) (Out, error), in In) Out {
	t.Helper()
	out, err := call(t.Context(), in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

func eventually(t *testing.T, what string, done func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 30*time.Second {
		if done() {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within 30 s", what)
	return 0
}

// config is what clients of the account are made with that the profile is for.
func (s *server) config(t *testing.T, profile string, attempts int) aws.Config {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{s.profiles}), config.WithSharedCredentialsFiles(nil),
		config.WithSharedConfigProfile(profile), config.WithBaseEndpoint(s.endpoint), config.WithRetryMaxAttempts(attempts))
	if err != nil {
		t.Fatal(err)
	}
	c.HTTPClient = sdk.HTTP(time.Minute)
	return c
}

// clients makes the clients of the account that the profile is for.
func (z *zone) clients(t *testing.T, profile string) {
	t.Helper()
	c := z.config(t, profile, 1)
	z.ec2, z.lattice, z.logs = ec2.NewFromConfig(c), vpclattice.NewFromConfig(c), cloudwatchlogs.NewFromConfig(c)
	z.lambda, z.iam = lambda.NewFromConfig(c), iam.NewFromConfig(c)
}

// zone makes the account, the VPC, a target in it and the service.
func (s *server) zone(t *testing.T) *zone {
	t.Helper()
	var made struct{ Account, Profile string }
	out, err := s.command(t.Context(), "accounts", "create", "faults", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	z := &zone{server: s, account: made.Account, profile: made.Profile}
	z.clients(t, made.Profile)
	z.vpc = *must(t, z.ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	z.subnet = *must(t, z.ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: &z.vpc, CidrBlock: aws.String("10.0.0.0/24")}).Subnet.SubnetId
	z.group = *must(t, z.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: aws.String("all"), Description: aws.String("all"), VpcId: &z.vpc}).GroupId
	must(t, z.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &z.group, IpProtocol: aws.String("-1"), CidrIp: aws.String("0.0.0.0/0")})
	z.address = z.start(t, "serve").line(t)

	group := must(t, z.lattice.CreateTargetGroup, &vpclattice.CreateTargetGroupInput{Name: aws.String("targets"), Type: latticetypes.TargetGroupTypeIp,
		Config: &latticetypes.TargetGroupConfig{Port: aws.Int32(8080), Protocol: latticetypes.TargetGroupProtocolHttp, VpcIdentifier: &z.vpc}})
	z.targets = *group.Id
	net := must(t, z.lattice.CreateServiceNetwork, &vpclattice.CreateServiceNetworkInput{Name: aws.String("network")})
	svc := must(t, z.lattice.CreateService, &vpclattice.CreateServiceInput{Name: aws.String("service")})
	z.network, z.service = *net.Id, *svc.Id
	eventually(t, "the target group", func() bool {
		return must(t, z.lattice.GetTargetGroup, &vpclattice.GetTargetGroupInput{TargetGroupIdentifier: &z.targets}).Status == latticetypes.TargetGroupStatusActive
	})
	must(t, z.lattice.RegisterTargets, &vpclattice.RegisterTargetsInput{TargetGroupIdentifier: &z.targets, Targets: []latticetypes.Target{{Id: &z.address}}})
	eventually(t, "the service", func() bool {
		got := must(t, z.lattice.GetService, &vpclattice.GetServiceInput{ServiceIdentifier: &z.service})
		if got.DnsEntry != nil {
			z.name = *got.DnsEntry.DomainName
		}
		return got.Status == latticetypes.ServiceStatusActive
	})
	z.listener = *must(t, z.lattice.CreateListener, &vpclattice.CreateListenerInput{ServiceIdentifier: &z.service, Name: aws.String("http"),
		Protocol: latticetypes.ListenerProtocolHttp, DefaultAction: z.forward()}).Id
	a := must(t, z.lattice.CreateServiceNetworkServiceAssociation, &vpclattice.CreateServiceNetworkServiceAssociationInput{ServiceIdentifier: &z.service, ServiceNetworkIdentifier: &z.network})
	eventually(t, "the service's association", func() bool {
		return must(t, z.lattice.GetServiceNetworkServiceAssociation, &vpclattice.GetServiceNetworkServiceAssociationInput{ServiceNetworkServiceAssociationIdentifier: a.Id}).
			Status == latticetypes.ServiceNetworkServiceAssociationStatusActive
	})
	v := must(t, z.lattice.CreateServiceNetworkVpcAssociation, &vpclattice.CreateServiceNetworkVpcAssociationInput{ServiceNetworkIdentifier: &z.network, VpcIdentifier: &z.vpc})
	eventually(t, "the VPC's association", func() bool {
		return must(t, z.lattice.GetServiceNetworkVpcAssociation, &vpclattice.GetServiceNetworkVpcAssociationInput{ServiceNetworkVpcAssociationIdentifier: v.Id}).
			Status == latticetypes.ServiceNetworkVpcAssociationStatusActive
	})
	return z
}

func (z *zone) forward() latticetypes.RuleAction {
	return &latticetypes.RuleActionMemberForward{Value: latticetypes.ForwardAction{TargetGroups: []latticetypes.WeightedTargetGroup{{TargetGroupIdentifier: &z.targets}}}}
}

func (z *zone) url(path string) string { return "http://" + z.name + path }
