//go:build linux

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// initName is what our init finds as its own name. It is the server's program, started again.
const initName = "trellis-function-init"

// Descriptors our init is started with, after the standard ones.
const (
	// orderFD is read for an order and then watched: it ends when the server does.
	orderFD = 3 + iota
	// rootFD is a copy of the root, mounted nowhere yet.
	rootFD
	// faultFD takes the reason of a failure. It closes when the function's program takes over.
	faultFD
)

// order is what the server tells our init to do.
type order struct {
	Args []string
	Env  []string
	// TmpMB and TmpFiles bound the private /tmp.
	TmpMB, TmpFiles int
	Limits          []limit
	// Filter is the seccomp program.
	Filter []byte
}

// limit is one resource limit, soft and hard.
type limit struct {
	Resource int
	Value    uint64
}

// InitIfChild turns the process into a function's first one if it was started to be that, and returns otherwise. It must be
// called at the start of main, and of a TestMain whose tests start functions.
func InitIfChild() {
	if len(os.Args) == 0 || os.Args[0] != initName {
		return
	}
	// The death signal, capabilities and the filter belong to a thread, the one that execs.
	runtime.LockOSThread()
	err := becomeFunction()
	fmt.Fprint(os.NewFile(faultFD, "fault"), err)
	os.Exit(1)
}

// becomeFunction confines the process and execs. It returns only when that failed.
func becomeFunction() error {
	if err := unix.CloseRange(orderFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("closing descriptors on exec: %w", err)
	}
	var o order
	if err := json.NewDecoder(os.NewFile(orderFD, "order")).Decode(&o); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	if len(o.Args) == 0 || len(o.Filter) == 0 {
		return errors.New("the order is not complete")
	}
	if err := enterRoot(o); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("localhost")); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	for _, l := range o.Limits {
		// The syscall package's own function, so that exec does not put the old limit on open files back.
		if err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: l.Value, Max: l.Value}); err != nil {
			return fmt.Errorf("setting limit %d to %d: %w", l.Resource, l.Value, err)
		}
	}
	if err := dropPrivileges(o.Filter); err != nil {
		return err
	}
	if err := os.Chdir("/var/task"); err != nil {
		return err
	}
	return fmt.Errorf("starting %s: %w", o.Args[0], unix.Exec(o.Args[0], o.Args, o.Env))
}

func enterRoot(o order) error {
	// What is mounted from here on stays in this namespace.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	// The copy has to be somewhere to become the root; where does not matter, as everything else goes.
	if err := unix.MoveMount(rootFD, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	if err := unix.Fchdir(rootFD); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	const hidden = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "proc", "proc", hidden, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	tmp := fmt.Sprintf("mode=0700,uid=%d,gid=%d,size=%dm,nr_inodes=%d", inside, inside, o.TmpMB, o.TmpFiles)
	if err := unix.Mount("tmpfs", "tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, tmp); err != nil {
		return fmt.Errorf("mounting /tmp: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	// The old root lies over the new one until it is taken off.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	return os.Chdir("/")
}

func dropPrivileges(filter []byte) error {
	for c := 0; ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break
		}
		if err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("setting no_new_privs: %w", err)
	}
	// A change of capabilities may have cleared the death signal. Where the server died before this, the order pipe is at its end.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("setting the death signal: %w", err)
	}
	alive := []unix.PollFd{{Fd: orderFD}}
	if n, err := unix.Poll(alive, 0); err != nil && !errors.Is(err, unix.EINTR) || n > 0 && alive[0].Revents&unix.POLLHUP != 0 {
		return errors.New("the server has gone")
	}
	program := unix.SockFprog{Len: uint16(len(filter) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0]))}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("setting the system call filter: %w", errno)
	}
	return nil
}
