package test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// errNoPython says why the Python clients cannot be had here.
var errNoPython = errors.New("the Python clients are left out")

// pythonClients makes a virtual environment with the pinned boto3 and AWS CLI, once for each version of them, and answers its
// interpreter.
func pythonClients(ctx context.Context) (string, error) {
	host, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("%w: there is no python3", errNoPython)
	}
	version, err := exec.CommandContext(ctx, host, "--version").Output()
	if err != nil {
		return "", err
	}
	pins, err := os.ReadFile("boto3/requirements.txt")
	if err != nil {
		return "", err
	}
	dir, err := installed("boto3", append(version, pins...), func(dir string) error {
		if out, err := exec.CommandContext(ctx, host, "-m", "venv", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: python3 makes no virtual environment: %s", errNoPython, out)
		}
		if out, err := exec.CommandContext(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet",
			"--requirement", "boto3/requirements.txt").CombinedOutput(); err != nil {
			return fmt.Errorf("%w: pip gets no packages: %s", errNoPython, out)
		}
		return nil
	})
	return filepath.Join(dir, "bin", "python"), err
}

// installed answers a directory in the user's cache in which install has succeeded, this time or an earlier one, for what
// version says.
func installed(name string, version []byte, install func(dir string) error) (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(version)
	dir = filepath.Join(cache, "trellis-test", name+"-"+hex.EncodeToString(hash[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Another run may be making it.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	done := filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if err := install(dir); err != nil {
		return "", err
	}
	return dir, os.WriteFile(done, nil, 0o600)
}

// TestPython runs the suites in boto3: the SDK for Python and the AWS CLI.
func TestPython(t *testing.T) {
	t.Parallel()
	python, err := pythonClients(t.Context())
	if errors.Is(err, errNoPython) {
		leaveOut(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := sharedServer(t)
	for _, suite := range []string{"test_boto3.LandingZone", "test_estate.Estates", "test_operations.Operations", "test_accounts.Accounts", "test_functions.Functions", "test_cli.CLI"} {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), python, "-B", "-m", "unittest", "-v", suite)
			cmd.Dir = "boto3"
			cmd.Env = environment("AWS_CONFIG_FILE="+s.profiles, "TRELLIS="+s.program, "TRELLIS_DATA="+s.data, "AWS_PAGER=")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s", lastLines(string(out), 4))
		})
	}
}

// environment is this process's without what AWS clients would take from it, and with more.
func environment(more ...string) []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			out = append(out, v)
		}
	}
	return append(out, more...)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
