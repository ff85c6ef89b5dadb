//go:build linux

package process

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func runAsOrdinaryUser(t *testing.T) {
	text, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	const id = 54321
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
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestPrivileged", "-test.v=true")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", envBootstrap + "=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- SKIP: "); n > 0 {
		t.Logf("%d tests were skipped:\n%s", n, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestPrivilegedInvoke") && !strings.Contains(string(out), "--- SKIP: TestPrivilegedInvoke") {
		t.Errorf("no test ran:\n%s", out)
	}
}
