package process

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a run took place.
type Machine struct {
	Processor string
	Cores     int
	Memory    int64 // bytes
	System    string
	Go        string
	// Load is how many others wanted to run in the minute before.
	Load float64
}

// ThisMachine describes the machine.
func ThisMachine() (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Processor: runtime.GOARCH}
	if v := field("/proc/cpuinfo", "model name"); v != "" {
		m.Processor = v
	}
	if v, ok := strings.CutSuffix(field("/proc/meminfo", "MemTotal"), " kB"); ok {
		kib, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return m, fmt.Errorf("/proc/meminfo: %w", err)
		}
		m.Memory = kib << 10
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, err
	}
	m.System = "Linux " + strings.TrimSpace(string(release))
	if name, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(name)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				m.System += ", " + strings.Trim(v, `"`)
			}
		}
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, err
	}
	first, _, _ := strings.Cut(string(load), " ")
	m.Load, err = strconv.ParseFloat(first, 64)
	return m, err
}

// field is the value of the first line of a file with the name before a colon.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
