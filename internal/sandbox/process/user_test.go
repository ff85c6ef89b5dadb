//go:build linux

package process

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// runAgain runs tests in a process that another user starts, and requires that they ran.
func runAgain(t *testing.T, pattern string, id int, sys *syscall.SysProcAttr) {
	t.Helper()
	text, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := dir + "/bootstrap"
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	home := dir + "/home"
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, home, path} {
		if err := os.Chown(p, id, id); err != nil {
			t.Fatal(err)
		}
	}
	// The directories above are the test's own.
	if err := os.Chmod(strings.TrimSuffix(dir, "/001"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run="+pattern, "-test.v=true")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", envBootstrap + "=" + path, envAgain + "=1"}
	sys.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = sys
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestPrivilegedInvoke") && !strings.Contains(string(out), "--- SKIP: TestPrivilegedInvoke") {
		t.Errorf("no test ran:\n%s", out)
	}
	t.Logf("%d tests passed, %d were skipped", strings.Count(string(out), "\n--- PASS: "), strings.Count(string(out), "\n--- SKIP: "))
}

// TestPrivilegedAsOrdinaryUser runs the privileged tests, but those of Python and Node, again as a user that is not root and
// has one id only.
func TestPrivilegedAsOrdinaryUser(t *testing.T) {
	rootOnly(t)
	const id = 54321
	runAgain(t, "^TestPrivileged[^PN]", id, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}})
}

// TestPrivilegedInContainer runs some again as the root of a user namespace with a range of ids, which a container and
// newuidmap make.
func TestPrivilegedInContainer(t *testing.T) {
	rootOnly(t)
	const id = 1 << 20
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1 << 16}}
	runAgain(t, "^TestPrivileged(Invoke|HostUser|Files|SystemCalls|Layers)$", id, &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{Uid: 0, Gid: 0},
	})
}

// envAgain marks a process that a test started to run tests again.
const envAgain = "TRELLIS_TEST_AGAIN"

func rootOnly(t *testing.T) {
	t.Helper()
	if os.Getenv(envAgain) != "" || os.Getenv(envInside) != "" || os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
}
