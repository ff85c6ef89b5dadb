// Package process reads of /proc what tests want to know of other processes: whose children they are and which network namespaces
// they have.
package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// IDs are the ids of all processes.
func IDs() []int {
	entries, _ := os.ReadDir("/proc")
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// Stat answers a process's parent and when it started, which tells it from a later one of the same id. One that has ended is none.
func Stat(pid int) (parent int, start string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return 0, "", false
	}
	parent, err = strconv.Atoi(f[1])
	return parent, f[19], err == nil
}

// Children are the processes whose parent one is.
func Children(parent int) []int {
	var out []int
	for _, pid := range IDs() {
		if p, _, ok := Stat(pid); ok && p == parent {
			out = append(out, pid)
		}
	}
	return out
}

// Namespaces are the network namespaces that threads of a process are in, and those it holds open.
func Namespaces(pid int) map[string]bool {
	out := map[string]bool{}
	for _, pattern := range []string{"task/*/ns/net", "fd/*"} {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/%s", pid, pattern))
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "net:[") {
				out[to] = true
			}
		}
	}
	return out
}
