//go:build linux

package process

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A program is the way of a new process from our fork to the function's exec: nothing but system calls, prepared beforehand.
// It runs in a copy of the server's memory, where no other thread exists, so nothing of Go's runtime may be needed on the
// way: no allocation, no growing stack, no lock. In exchange an instance does not have to wait for the server's whole
// program to start a second time.
type program struct {
	steps []step
	names []string
	// keep holds what the steps point to.
	keep []any
	// failed is what the child writes when a step failed: its number and the error.
	failed [2]uint32
	// err is the first failure to prepare a step.
	err error
}

// step is one system call.
type step struct {
	number uintptr
	args   [5]uintptr
	// silent steps must return zero: one that returns something else has failed too.
	silent bool
}

// do adds a call that must succeed.
func (p *program) do(name string, number uintptr, args ...uintptr) {
	s := step{number: number}
	copy(s.args[:], args)
	p.steps = append(p.steps, s)
	p.names = append(p.names, name)
}

// text returns the address of s as C wants it.
func (p *program) text(s string) uintptr {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		p.err = fmt.Errorf("%q: %w", s, err)
		return 0
	}
	p.keep = append(p.keep, b)
	return uintptr(unsafe.Pointer(b))
}

// texts returns the address of a list of strings that ends in null.
func (p *program) texts(list []string) uintptr {
	out := make([]*byte, len(list)+1)
	for i, s := range list {
		b, err := unix.BytePtrFromString(s)
		if err != nil {
			p.err = fmt.Errorf("%q: %w", s, err)
			return 0
		}
		out[i] = b
	}
	p.keep = append(p.keep, out)
	return uintptr(unsafe.Pointer(&out[0]))
}

// address returns the address of v, which is kept.
func address[T any](p *program, v *T) uintptr {
	p.keep = append(p.keep, v)
	return uintptr(unsafe.Pointer(v))
}

// start forks and lets the child follow the program, after ready gave it its ids. It is called on a thread that is kept as
// long as the process may live. What goes wrong in the child is written to the descriptor faults.
func (p *program) start(flags uintptr, faults *os.File, ready func(pid int) error) (*os.Process, error) {
	if p.err != nil {
		return nil, p.err
	}
	fd := faults.Fd()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A handler of Go's must not run in the child. The last step before exec unblocks signals there.
	var old uint64
	all := ^uint64(0)
	syscall.ForkLock.Lock()
	if _, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0); errno != 0 {
		syscall.ForkLock.Unlock()
		return nil, fmt.Errorf("blocking signals: %w", errno)
	}
	pid, errno := follow(flags|uintptr(unix.SIGCHLD), p.steps, &p.failed, fd)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	syscall.ForkLock.Unlock()
	runtime.KeepAlive(p)
	if errno != 0 {
		return nil, fmt.Errorf("forking into new namespaces: %w", errno)
	}
	child, err := os.FindProcess(int(pid))
	if err == nil {
		err = ready(int(pid))
	}
	if err != nil {
		unix.Kill(int(pid), unix.SIGKILL)
		unix.Wait4(int(pid), nil, 0, nil)
		return nil, err
	}
	return child, nil
}

// follow forks; in the child it makes the calls one after another and never returns.
//
//go:nosplit
//go:noinline
//go:norace
func follow(flags uintptr, steps []step, failed *[2]uint32, faults uintptr) (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	for i := range steps {
		s := &steps[i]
		n, _, e := syscall.RawSyscall6(s.number, s.args[0], s.args[1], s.args[2], s.args[3], s.args[4], 0)
		if e != 0 || s.silent && n != 0 {
			failed[0], failed[1] = uint32(i), uint32(e)
			syscall.RawSyscall6(unix.SYS_WRITE, faults, uintptr(unsafe.Pointer(failed)), unsafe.Sizeof(*failed), 0, 0, 0)
			break
		}
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
	}
}

// explain says in words what the child wrote to faults. Nothing written is no failure.
func (p *program) explain(written []byte) string {
	var failed [2]uint32
	if len(written) != int(unsafe.Sizeof(failed)) {
		return ""
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&failed)), len(written)), written)
	if int(failed[0]) >= len(p.names) {
		return ""
	}
	name := p.names[failed[0]]
	if failed[1] == 0 {
		return name + " failed"
	}
	return name + ": " + syscall.Errno(failed[1]).Error()
}

// writeIDs gives a process in a new user namespace its one user and group.
func (h hostIDs) writeIDs(pid int, n uint32) error {
	dir := "/proc/" + strconv.Itoa(pid)
	line := fmt.Appendf(nil, "%d %d 1\n", inside, h.pick(n))
	if err := os.WriteFile(dir+"/uid_map", line, 0); err != nil {
		return fmt.Errorf("mapping a user id: %w", err)
	}
	if !h.dropGroups {
		if err := os.WriteFile(dir+"/setgroups", []byte("deny"), 0); err != nil {
			return fmt.Errorf("denying setgroups: %w", err)
		}
	}
	if err := os.WriteFile(dir+"/gid_map", line, 0); err != nil {
		return fmt.Errorf("mapping a group id: %w", err)
	}
	return nil
}

// offer has the kernel end the process, and what it starts, before anything else where the host has no memory left.
func offer(pid int) error {
	return os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("1000"), 0)
}
