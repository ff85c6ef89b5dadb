package linux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable marks a process that Enter started, so that it does not try again.
const insideVariable = "TRELLIS_USER_NAMESPACE"

// Enter gives the process what it needs to make network namespaces. Where it may
// already, as root may, entered is false and the caller goes on. Else Enter runs
// the same program again in a user and mount namespace of its own, in which it is
// root, passes on signals and waits: entered is true and the caller exits with the
// code. An error says what the system does not allow.
func Enter() (code int, entered bool, err error) {
	err = tryNamespace()
	if err == nil {
		return 0, false, nil
	}
	if os.Getenv(insideVariable) != "" {
		return 0, false, fmt.Errorf("no network namespace even within a user namespace: %w", err)
	}
	return runInside()
}

// tryNamespace makes a network namespace and lets it go.
func tryNamespace() error {
	w := newWorkers()
	return errors.Join(w.do(nil, func() error { return nil }), w.end())
}

func runInside() (int, bool, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, false, err
	}
	if _, err := os.Stat(self); err != nil {
		// The path is not ours to walk, the program is.
		self = "/proc/self/exe"
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	// The child dies with the thread that made it, so that thread has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("this user may not make a user namespace: %w: %s", err, userNamespaceHelp())
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				// A process that has ended needs no signal.
				_ = cmd.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(done)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, false, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), true, nil
	}
	return cmd.ProcessState.ExitCode(), true, nil
}

// userNamespaceHelp names the switches by which distributions forbid user namespaces.
func userNamespaceHelp() string {
	for _, s := range []struct{ path, forbids, say string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "the kernel setting kernel.unprivileged_userns_clone is 0: set it to 1 with sysctl"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts user namespaces: set kernel.apparmor_restrict_unprivileged_userns to 0 with sysctl"},
		{"/proc/sys/user/max_user_namespaces", "0", "the kernel setting user.max_user_namespaces is 0: raise it with sysctl"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.forbids {
			return s.say + ", or run as root"
		}
	}
	return "in a container, allow CAP_SYS_ADMIN and CAP_NET_ADMIN or the system calls clone and unshare; or run as root"
}
