package faults

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"trellis/test/process"
)

// Of a session whose supervisor somebody kills nothing stays: not the program, nor what went away from it, nor the interface and
// its namespace. The client is told, and the next session is as good as any.
func TestPrivilegedKilledSupervisor(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	interfaces := func() int {
		return len(must(t, z.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{{Name: aws.String("subnet-id"), Values: []string{z.subnet}}}}).NetworkInterfaces)
	}
	before, held, supervisors := interfaces(), len(s.held(t)), process.Children(s.cmd.Process.Pid)
	const script = `setsid sh -c 'trap "" TERM HUP; echo $$; exec sleep 1000' & setsid setsid sh -c 'sleep 1000 & echo $!; exec sleep 1000' & echo $$; exec sleep 1000`
	client := s.command(t.Context(), "exec", "--subnet", z.subnet, "--security-group", z.group, "--", "sh", "-c", script)
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	started := map[int]string{}
	for range 3 {
		lines.Scan()
		pid, err := strconv.Atoi(lines.Text())
		_, start, ok := process.Stat(pid)
		if err != nil || !ok {
			t.Fatalf("the program says %q, which is no process: %v", lines.Text(), errors.Join(err, lines.Err()))
		}
		started[pid] = start
	}
	if interfaces() != before+1 || len(s.held(t)) != held+1 {
		t.Fatalf("%d interfaces, %d namespaces, want one more than %d and %d", interfaces(), len(s.held(t)), before, held)
	}
	supervisor := slices.DeleteFunc(process.Children(s.cmd.Process.Pid), func(pid int) bool { return slices.Contains(supervisors, pid) })
	if len(supervisor) != 1 {
		t.Fatalf("the supervisors are %v", supervisor)
	}
	for ns := range process.Namespaces(supervisor[0]) {
		t.Logf("the supervisor %d is in %s", supervisor[0], ns)
	}
	if err := syscall.Kill(supervisor[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := client.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 128+int(syscall.SIGKILL) {
		t.Errorf("the client ends with %v, want the status of a killed program", err)
	}
	took := eventually(t, "the end of it", func() bool {
		left := []string{}
		for pid, start := range started {
			if _, now, ok := process.Stat(pid); ok && now == start {
				left = append(left, fmt.Sprint(pid))
			}
		}
		return len(left) == 0 && interfaces() == before && len(s.held(t)) == held
	})
	t.Logf("all of it was gone %v after its client", took)
	if files, err := filepath.Glob(filepath.Join(s.data, "*", "resolv-*")); err != nil || len(files) != 0 {
		t.Errorf("files of sessions stay: %v, %v", files, err)
	}
	if got := z.start(t, "ask").get(t, z.url("/")); got != fine {
		t.Errorf("another session: %s", got)
	}
	if text, err := os.ReadFile(s.log); err != nil || strings.Contains(string(text), "level=ERROR") {
		t.Errorf("the server's log: %s, %v", text, err)
	}
	s.alive(t)
}
