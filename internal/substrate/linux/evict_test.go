package linux

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Whoever is in a namespace goes, however it came there and whatever it ignores, and nobody else does.
func TestPrivilegedEvict(t *testing.T) {
	h := newHost(t)
	apply(t, h, peered())
	ns, other := namespace(t, h, "eni-1"), namespace(t, h, "eni-2")
	beside := exec.Command("sleep", "1000")
	if err := other.Start(beside); err != nil {
		t.Fatal(err)
	}
	const script = `trap "" TERM; setsid sh -c 'trap "" TERM HUP; sleep 1000 & echo $!; echo $$; wait' & exec sleep 1000`
	cmd := exec.Command("sh", "-c", script)
	// As in a session of an ordinary user, who is somebody else there.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: os.Getuid(), Size: 1}}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	for range 2 {
		if err := ns.Evict(); err != nil {
			t.Fatal(err)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the first process ended with %v", err)
	}
	for _, pid := range pids {
		for i := 0; !ended(pid); i++ {
			if i == 500 {
				t.Errorf("process %d is still there", pid)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if len(pids) != 2 || ended(beside.Process.Pid) {
		t.Errorf("the processes were %v, the one beside them has ended: %v", pids, ended(beside.Process.Pid))
	}
	if err := beside.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = beside.Wait()
}

// ended says that a process does nothing any more, whether or not somebody has buried it.
func ended(pid int) bool {
	_, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
	return err != nil
}
