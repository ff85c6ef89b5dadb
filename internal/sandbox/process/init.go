//go:build linux

package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespaces are what an instance does not share with the server. Its network namespace is that of the thread that forks.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// order is what one instance is started with.
type order struct {
	args, env []string
	// tmpMB bounds the private /tmp.
	tmpMB  int
	limits []limit
	// null, output, gate and root are open files of the server: standard input, standard output and error, the pipe that says
	// when the ids are there and ends with the server, and a copy of the root that is mounted nowhere yet.
	null, output, gate, root *os.File
	// otherGate is the server's end of the gate.
	otherGate *os.File
}

// limit is one resource limit, soft and hard.
type limit struct {
	resource int
	value    uint64
}

// maxTmpFiles bounds the inodes of /tmp.
const maxTmpFiles = 1 << 18

// confinement is the program of every instance: wait for the ids, take the root, give up every privilege, exec.
func (m *Manager) confinement(o order) *program {
	p := new(program)
	root := o.root.Fd()
	here := p.text(".")
	none := p.text("")

	// A change of user or capabilities clears it, so it is set again further down.
	deathSignal := func() { p.do("setting the death signal", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)) }
	deathSignal()
	p.do("closing the gate's other end", unix.SYS_CLOSE, o.otherGate.Fd())
	var sign [1]byte
	p.do("waiting for ids", unix.SYS_READ, o.gate.Fd(), address(p, &sign), 1)
	p.do("starting a session", unix.SYS_SETSID)
	if m.ids.dropGroups {
		p.do("dropping groups", unix.SYS_SETGROUPS, 0, 0)
	}
	p.do("setting the group", unix.SYS_SETRESGID, inside, inside, inside)
	p.do("setting the user", unix.SYS_SETRESUID, inside, inside, inside)

	// What is mounted from here on stays in this namespace.
	p.do("making mounts private", unix.SYS_MOUNT, none, p.text("/"), 0, unix.MS_REC|unix.MS_PRIVATE, 0)
	// The copy has to be somewhere to become the root; where does not matter, as everything else goes.
	p.do("mounting the root", unix.SYS_MOVE_MOUNT, root, none, at(unix.AT_FDCWD), p.text("/"), unix.MOVE_MOUNT_F_EMPTY_PATH)
	p.do("entering the root", unix.SYS_FCHDIR, root)
	proc, tmpfs := p.text("proc"), p.text("tmpfs")
	p.do("mounting /proc", unix.SYS_MOUNT, proc, proc, proc, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, 0)
	p.do("mounting /tmp", unix.SYS_MOUNT, tmpfs, p.text("tmp"), tmpfs, unix.MS_NOSUID|unix.MS_NODEV,
		p.text(fmt.Sprintf("mode=0700,uid=%d,gid=%d,size=%dm,nr_inodes=%d", inside, inside, o.tmpMB, maxTmpFiles)))
	p.do("changing the root", unix.SYS_PIVOT_ROOT, here, here)
	// The old root lies over the new one until it is taken off.
	p.do("leaving the old root", unix.SYS_UMOUNT2, here, unix.MNT_DETACH)
	p.do("entering /var/task", unix.SYS_CHDIR, p.text("/var/task"))
	name := "localhost"
	p.do("setting the host name", unix.SYS_SETHOSTNAME, p.text(name), uintptr(len(name)))

	for _, l := range o.limits {
		p.do("setting limit "+strconv.Itoa(l.resource), unix.SYS_PRLIMIT64, 0, uintptr(l.resource),
			address(p, &unix.Rlimit{Cur: l.value, Max: l.value}))
	}
	for fd, f := range []*os.File{o.null, o.output, o.output} {
		p.do("setting descriptor "+strconv.Itoa(fd), unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
	}
	p.do("closing descriptors on exec", unix.SYS_CLOSE_RANGE, 3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC)

	for c := range uintptr(m.lastCapability + 1) {
		p.do("dropping capability "+strconv.Itoa(int(c)), unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
	}
	p.do("clearing ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	p.do("dropping capabilities", unix.SYS_CAPSET, address(p, &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}),
		address(p, new([2]unix.CapUserData)))
	p.do("setting no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	deathSignal()
	// If the server died while there was none, the gate is at its end.
	p.do("seeing the server alive", unix.SYS_PPOLL, address(p, &unix.PollFd{Fd: int32(o.gate.Fd())}), 1, address(p, new(unix.Timespec)), 0, 8)
	p.steps[len(p.steps)-1].silent = true
	p.do("setting the system call filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		address(p, &unix.SockFprog{Len: uint16(len(m.filter) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&m.filter[0]))}))
	p.do("unblocking signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, address(p, new(uint64)), 0, 8)
	p.do("starting "+o.args[0], unix.SYS_EXECVE, p.text(o.args[0]), p.texts(o.args), p.texts(o.env))
	return p
}

func at(fd int) uintptr { return uintptr(fd) }

// lastCapability asks the kernel for the highest capability it knows.
func lastCapability() (int, error) {
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
