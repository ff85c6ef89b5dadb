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
	left, ok := inCgroups("/proc/self/cgroup", "/sys/fs/cgroup")
	var user syscall.Rlimit
	// The limit counts what else the user runs; root's has no effect.
	if os.Getuid() != 0 && syscall.Getrlimit(rlimitProcesses, &user) == nil && user.Cur != ^uint64(0) && (!ok || user.Cur/2 < left) {
		left, ok = user.Cur/2, true
	}
	return left, ok
}

// inCgroups finds the least that the process's cgroup and those above it have left, in either version's tree.
func inCgroups(own, root string) (uint64, bool) {
	text, err := os.ReadFile(own)
	if err != nil {
		return 0, false
	}
	left, found := uint64(0), false
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
			if n := limit - min(current, limit); ok1 && ok2 && (!found || n < left) {
				left, found = n, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return left, found
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
