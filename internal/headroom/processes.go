package headroom

import (
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// rlimitProcesses is RLIMIT_NPROC.
const rlimitProcesses = 6

// Processes is how many threads and processes the system lets the server and what it starts have together, if it says so.
func Processes() (uint64, bool) {
	group, ok := inCgroups(ownCgroups, allCgroups)
	left := group.left()
	if n, limited := ofUser(); limited && (!ok || n < left) {
		left, ok = n, true
	}
	return left, ok
}

// ofUser is how many threads the user's limit lets the server have. The limit counts what else the user runs; root's has no effect.
func ofUser() (uint64, bool) {
	var user syscall.Rlimit
	if os.Getuid() == 0 || syscall.Getrlimit(rlimitProcesses, &user) != nil || user.Cur == ^uint64(0) {
		return 0, false
	}
	return user.Cur / 2, true
}

const (
	ownCgroups = "/proc/self/cgroup"
	allCgroups = "/sys/fs/cgroup"
)

// tasks are the threads and processes that a cgroup has, and may have.
type tasks struct{ current, limit uint64 }

func (t tasks) left() uint64 { return t.limit - min(t.current, t.limit) }

// inCgroups finds, of the process's cgroup and those above it, the one that has the least left, in either version's tree.
func inCgroups(own, root string) (least tasks, found bool) {
	text, err := os.ReadFile(own)
	if err != nil {
		return least, false
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		tree := root
		if fields[1] == "pids" {
			tree = path.Join(root, "pids")
		} else if fields[0] != "0" {
			continue
		}
		for dir := path.Join("/", fields[2]); ; dir = path.Dir(dir) {
			limit, ok1 := number(path.Join(tree, dir, "pids.max"))
			current, ok2 := number(path.Join(tree, dir, "pids.current"))
			if t := (tasks{current, limit}); ok1 && ok2 && (!found || t.left() < least.left()) {
				least, found = t, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return least, found
}

// number reads a file that holds one; "max" is none.
func number(file string) (uint64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
