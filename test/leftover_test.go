package test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"trellis/test/process"
)

// leftovers follows a server: the processes that descend from it and the network namespaces they are in or hold.
type leftovers struct {
	root       int
	dir        string
	own        string
	processes  map[int]string // when each started, which tells it from a later one of the same id
	namespaces map[string]bool
}

func watch(pid int, dir string) *leftovers {
	own, _ := os.Readlink("/proc/self/ns/net")
	return &leftovers{root: pid, dir: dir, own: own, processes: map[int]string{}, namespaces: map[string]bool{}}
}

// look notes what there is now.
func (l *leftovers) look() {
	children, started := map[int][]int{}, map[int]string{}
	for _, pid := range process.IDs() {
		if parent, start, ok := process.Stat(pid); ok {
			children[parent] = append(children[parent], pid)
			started[pid] = start
		}
	}
	for family := []int{l.root}; len(family) > 0; {
		pid := family[0]
		family = append(family[1:], children[pid]...)
		if start, ok := started[pid]; ok {
			l.processes[pid] = start
			for ns := range process.Namespaces(pid) {
				l.namespaces[ns] = ns != l.own
			}
		}
	}
}

// check waits a moment for the kernel to let go, then says what is still there.
func (l *leftovers) check() error {
	var left []string
	for range 60 {
		if left = l.find(); len(left) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the server left behind: " + strings.Join(left, ", "))
}

func (l *leftovers) find() []string {
	var left []string
	for _, pid := range process.IDs() {
		if _, start, ok := process.Stat(pid); ok && l.processes[pid] == start {
			left = append(left, fmt.Sprintf("process %d", pid))
		}
		for ns := range process.Namespaces(pid) {
			if l.namespaces[ns] {
				left = append(left, fmt.Sprintf("namespace %s held by process %d", ns, pid))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return append(left, err.Error())
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && (l.namespaces[f[3]] || f[4] == l.dir || strings.HasPrefix(f[4], l.dir+"/")) {
			left = append(left, "mount "+f[4])
		}
	}
	return left
}
