package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
)

// confine puts the server into a cgroup of its own, which counts its threads and what it starts, and returns the cgroup's
// directory.
func (s *server) confine(t *testing.T) string {
	t.Helper()
	for _, tree := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/pids"} {
		dir := filepath.Join(tree, fmt.Sprint("trellis-faults-", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "pids.max")); err != nil {
			_ = os.Remove(dir)
			continue
		}
		t.Cleanup(func() {
			s.stop(t)
			eventually(t, "the cgroup's end", func() bool { return os.Remove(dir) == nil })
		})
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(s.cmd.Process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
		s.accompany(t, dir, 150)
		return dir
	}
	t.Skip("no cgroup that counts processes can be made here")
	return ""
}

// accompany puts that many other processes into the server's cgroup, whose part of it would else be a few threads.
func (s *server) accompany(t *testing.T, dir string, n int) {
	t.Helper()
	for range n {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// With no thread or process to spare the server refuses what needs some and says why, loses nothing, and recovers.
func TestPrivilegedNoThreads(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	if got := p.get(t, z.url("/")); got != fine {
		t.Fatal(got)
	}
	dir := s.confine(t)
	// limit makes what the server has so much of what it may have.
	limit := func(percent int) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "pids.current"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.Itoa(n*100/percent)), 0); err != nil {
			t.Fatal(err)
		}
		// The server believes a count for a moment.
		time.Sleep(50 * time.Millisecond)
	}
	run := func() string {
		out, _ := s.command(t.Context(), "exec", "--subnet", z.subnet, "--security-group", z.group, "--", "/bin/echo", "run").CombinedOutput()
		return string(out)
	}
	limit(80)
	if got := run(); !strings.Contains(got, "TasksMax") {
		t.Errorf("a program near the limit: %s", got)
	}
	if got := p.get(t, z.url("/")); got == fine {
		t.Error("a new connection was served near the limit")
	}
	z.available(t, z.grown(t, "10.8.0.0/16"))

	limit(91)
	refused := z.refused(t, "10.7.0.0/16", "TasksMax")

	limit(100)
	for range 20 {
		_, err := z.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "Unavailable" || !strings.Contains(api.ErrorMessage(), "TasksMax") {
			t.Fatalf("a call at the limit: %v, want Unavailable", err)
		}
	}
	s.alive(t)

	limit(10)
	z.available(t, refused)
	eventually(t, "an answer", func() bool { return p.get(t, z.url("/")) == fine })
	if got := run(); got != "run\n" {
		t.Errorf("a program afterwards: %s", got)
	}
	if got := must(t, z.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs; len(got) != 3 {
		t.Errorf("%d VPCs are there, want the 3 that were acknowledged", len(got))
	}
	s.alive(t)
}
