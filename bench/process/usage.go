package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc, which is the same on every machine that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what a process and all its descendants have used so far.
type Usage struct {
	User, System time.Duration
	Resident     int64 // bytes
	PIDs         []int
}

// CPU is all processor time.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Sub is what was used since an earlier reading.
func (u Usage) Sub(from Usage) Usage {
	u.User -= from.User
	u.System -= from.System
	return u
}

// status is a line of /proc/PID/stat.
type status struct {
	pid, parent  int
	user, system time.Duration
	resident     int64
}

// Usage reads what the process has used. Children that ended count once their parent has waited for them.
func (p *Process) Usage() (Usage, error) { return UsageOf(p.PID()) }

// UsageOf is the usage of any process.
func UsageOf(pid int) (Usage, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Usage{}, err
	}
	children := map[int][]status{}
	var root *status
	for _, f := range files {
		s, err := read(f)
		if errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(err.Error(), "no such process") {
			continue
		}
		if err != nil {
			return Usage{}, err
		}
		if s.pid == pid {
			root = &s
		}
		children[s.parent] = append(children[s.parent], s)
	}
	if root == nil {
		return Usage{}, fmt.Errorf("process %d has ended", pid)
	}
	var u Usage
	var add func(status)
	add = func(s status) {
		u.User += s.user
		u.System += s.system
		u.Resident += s.resident
		u.PIDs = append(u.PIDs, s.pid)
		for _, c := range children[s.pid] {
			add(c)
		}
	}
	add(*root)
	return u, nil
}

func read(file string) (status, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return status{}, err
	}
	// The name is in parentheses and may hold anything.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < 0 {
		return status{}, fmt.Errorf("%s is not as expected", file)
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 22 {
		return status{}, fmt.Errorf("%s has %d fields", file, len(fields))
	}
	var s status
	var failed error
	number := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		failed = errors.Join(failed, err)
		return n
	}
	s.pid = int(number(strings.TrimSpace(string(text[:open]))))
	s.parent = int(number(fields[1]))
	// With the times of children that ended.
	s.user = time.Duration(number(fields[11])+number(fields[13])) * tick
	s.system = time.Duration(number(fields[12])+number(fields[14])) * tick
	s.resident = number(fields[21]) * int64(os.Getpagesize())
	return s, failed
}

// Memory is what a process has resident.
type Memory struct {
	Resident int64 // bytes
	// Files is the part that is pages of files: programs and mapped databases.
	Files int64
}

// Memory reads what the process and all its descendants have resident. Pages that they share count for each.
func (p *Process) Memory() (Memory, error) {
	var m Memory
	u, err := p.Usage()
	for _, pid := range u.PIDs {
		file := fmt.Sprintf("/proc/%d/status", pid)
		for name, to := range map[string]*int64{"VmRSS": &m.Resident, "RssFile": &m.Files} {
			text, ok := strings.CutSuffix(field(file, name), " kB")
			n, wrong := strconv.ParseInt(text, 10, 64)
			if wrong != nil || !ok {
				return m, fmt.Errorf("%s tells no %s", file, name)
			}
			*to += n << 10
		}
	}
	return m, err
}
