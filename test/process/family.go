package process

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Family is a process with its descendants, and what they have, as they were seen.
type Family struct {
	members    map[int]string // when each started
	others     map[int]string
	namespaces map[string]bool
}

// FamilyOf sees a process with its descendants.
func FamilyOf(root int) *Family {
	f := &Family{members: map[int]string{}, others: map[int]string{}, namespaces: map[string]bool{}}
	own, _ := os.Readlink("/proc/self/ns/net")
	children := map[int][]int{}
	for _, pid := range IDs() {
		if parent, start, ok := Stat(pid); ok {
			children[parent] = append(children[parent], pid)
			f.others[pid] = start
		}
	}
	for todo := []int{root}; len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], children[pid]...)
		start, ok := f.others[pid]
		if !ok {
			continue
		}
		f.members[pid] = start
		delete(f.others, pid)
		for ns := range Namespaces(pid) {
			if ns != own {
				f.namespaces[ns] = true
			}
		}
	}
	return f
}

// Namespaces is how many network namespaces the family has that are not this process's own.
func (f *Family) Namespaces() int { return len(f.namespaces) }

// Left waits until nothing is there any more of a family that has ended, three seconds at most, and answers what still is: processes,
// holders of network namespaces, and mounts of those, or in a directory.
func (f *Family) Left(dir string) []string {
	var left []string
	for range 150 {
		if left = f.left(dir); len(left) == 0 {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return left
}

func (f *Family) left(dir string) []string {
	var left []string
	for _, pid := range IDs() {
		if _, start, ok := Stat(pid); ok && f.members[pid] == start {
			left = append(left, fmt.Sprint("process ", pid))
		}
		for ns := range Namespaces(pid) {
			if f.namespaces[ns] && !f.stranger(pid) {
				left = append(left, fmt.Sprintf("namespace %s held by process %d", ns, pid))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return append(left, err.Error())
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && (f.namespaces[fields[3]] || strings.HasPrefix(fields[4]+"/", dir+"/")) {
			left = append(left, "mount "+fields[4])
		}
	}
	return left
}

// stranger says whether a process was there beside the family or comes from one that was. What such a process holds by the number of
// a namespace of the family's is another one, which was given the number anew.
func (f *Family) stranger(pid int) bool {
	for pid > 1 {
		parent, start, ok := Stat(pid)
		if !ok {
			return false
		}
		if f.others[pid] == start {
			return true
		}
		pid = parent
	}
	return false
}
