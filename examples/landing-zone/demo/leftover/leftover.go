// Package leftover watches what a process makes of the machine - processes, network namespaces, mounts, control
// groups - and says what of it is still there once the process has ended. It holds what it saw.
package leftover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Watch follows one process and its descendants.
type Watch struct {
	root int
	dir  string
	own  struct{ netns, cgroup string }

	mu        sync.Mutex
	processes map[int]string // when each started, by its id
	netns     map[string]bool
	cgroups   map[string]bool
	// strangers are processes that were there before, or came from such: the kernel gives a namespace's number anew, to them too.
	strangers map[int]string
}

// New watches a process whose files are in the directory.
func New(pid int, dir string) *Watch {
	w := &Watch{root: pid, dir: dir, processes: map[int]string{}, netns: map[string]bool{}, cgroups: map[string]bool{}, strangers: map[int]string{}}
	w.own.netns, _ = os.Readlink("/proc/self/ns/net")
	w.own.cgroup = cgroup("self")
	children, started := tree()
	w.follow(children, started)
	for pid, start := range started {
		if w.processes[pid] != start {
			w.strangers[pid] = start
		}
	}
	return w
}

// Run looks until the context ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		w.Look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look notes what there is now.
func (w *Watch) Look() {
	children, started := tree()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow(children, started)
}

// tree is the children of every process, and when each process started.
func tree() (children map[int][]int, started map[int]string) {
	children, started = map[int][]int{}, map[int]string{}
	for _, pid := range processes() {
		parent, start, ok := stat(pid)
		if !ok {
			continue
		}
		children[parent] = append(children[parent], pid)
		started[pid] = start
	}
	return children, started
}

func (w *Watch) follow(children map[int][]int, started map[int]string) {
	family := []int{w.root}
	for len(family) > 0 {
		pid := family[0]
		family = append(family[1:], children[pid]...)
		if start, ok := started[pid]; ok {
			w.processes[pid] = start
			w.note(pid)
		}
	}
	// What has lost its parent is init's, and may be of the family; this process has programs run in the family's namespaces.
	const adopter = 1
	own := os.Getpid()
	for pid, start := range maps.Clone(w.strangers) {
		if started[pid] != start {
			continue
		}
		others := []int{pid}
		for len(others) > 0 {
			pid := others[0]
			others = others[1:]
			start, ok := started[pid]
			if !ok || w.processes[pid] == start {
				continue
			}
			w.strangers[pid] = start
			if pid != adopter && pid != own {
				others = append(others, children[pid]...)
			}
		}
	}
}

func (w *Watch) note(pid int) {
	for ns := range namespaces(pid) {
		if ns != w.own.netns {
			w.netns[ns] = true
		}
	}
	if c := cgroup(strconv.Itoa(pid)); c != "" && c != w.own.cgroup {
		w.cgroups[c] = true
	}
}

// Seen says how much there was to leave behind.
func (w *Watch) Seen() (processes, namespaces int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.processes), len(w.netns)
}

// Left lists what is still there, after waiting a moment for the kernel to let go of it.
func (w *Watch) Left() []string {
	var left []string
	for range 40 {
		if left = w.left(); len(left) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return left
}

func (w *Watch) left() []string {
	children, started := tree()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow(children, started)
	var left []string
	for _, pid := range slices.Sorted(maps.Keys(w.processes)) {
		if _, start, ok := stat(pid); ok && start == w.processes[pid] {
			left = append(left, fmt.Sprintf("process %d", pid))
		}
	}
	for _, pid := range processes() {
		if _, start, ok := stat(pid); ok && w.strangers[pid] == start {
			continue
		}
		for ns := range namespaces(pid) {
			if w.netns[ns] {
				left = append(left, fmt.Sprintf("namespace %s, held by process %d", ns, pid))
			}
		}
	}
	for _, mount := range mounts() {
		if w.netns[mount.root] || mount.at == w.dir || strings.HasPrefix(mount.at, w.dir+"/") {
			left = append(left, "mount "+mount.at)
		}
	}
	for c := range w.cgroups {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", c)); !errors.Is(err, fs.ErrNotExist) && !contains(c, w.own.cgroup) {
			left = append(left, "cgroup "+c)
		}
	}
	return left
}

// contains tells whether a control group is, or holds, the other.
func contains(outer, inner string) bool {
	return outer == "/" || inner == outer || strings.HasPrefix(inner, outer+"/")
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// stat is a process's parent and when it started; a process that has ended but not been waited for is none.
func stat(pid int) (parent int, start string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return 0, "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[19], err == nil
}

// namespaces are the network namespaces a process is in, with any thread, or holds open.
func namespaces(pid int) map[string]bool {
	all := map[string]bool{}
	add := func(link string) {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "net:[") {
			all[target] = true
		}
	}
	root := fmt.Sprintf("/proc/%d/", pid)
	threads, err := os.ReadDir(root + "task")
	if err != nil {
		return nil
	}
	for _, thread := range threads {
		add(root + "task/" + thread.Name() + "/ns/net")
	}
	open, err := os.ReadDir(root + "fd")
	if err != nil {
		return all
	}
	for _, fd := range open {
		add(root + "fd/" + fd.Name())
	}
	return all
}

// cgroup is a process's control group in the unified hierarchy.
func cgroup(pid string) string {
	data, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}

type mount struct{ root, at string }

func mounts() []mount {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []mount
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			all = append(all, mount{fields[3], fields[4]})
		}
	}
	return all
}
