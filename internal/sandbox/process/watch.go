//go:build linux

package process

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// family returns the process and all its descendants, parents first. Where the kernel does not list children it is the
// process alone.
func family(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		tasks := "/proc/" + strconv.Itoa(pids[i]) + "/task/"
		threads, err := os.ReadDir(tasks)
		if err != nil {
			continue
		}
		for _, t := range threads {
			data, err := os.ReadFile(tasks + t.Name() + "/children")
			if err != nil {
				continue
			}
			for _, f := range strings.Fields(string(data)) {
				if child, err := strconv.Atoi(f); err == nil {
					pids = append(pids, child)
				}
			}
		}
	}
	return pids
}

// freeze stops the process and what it started. A process that was started meanwhile is met in the next round.
func (in *instance) freeze() {
	for before := 0; ; {
		pids, ok := in.signal(unix.SIGSTOP)
		if !ok || pids <= before || pids == 1 {
			return
		}
		before = pids
	}
}

// thaw lets them run again.
func (in *instance) thaw() { in.signal(unix.SIGCONT) }

// signal reaches the process and its descendants, and returns how many they are. The process itself is named by its
// descriptor, so that nothing is sent to a stranger once it has ended.
func (in *instance) signal(s unix.Signal) (int, bool) {
	if in.process.Signal(s) != nil {
		return 0, false
	}
	pids := family(in.process.Pid)
	for _, pid := range pids[1:] {
		// An error says that it has ended.
		_ = unix.Kill(pid, s)
	}
	return len(pids), true
}

type weight struct {
	peakMB int
	killed bool
}

// watch looks at an instance's memory while it works, and kills it when it has more than the function may. The function
// returned ends that.
func watch(in *instance) (stop func() weight) {
	limit := in.pool.fn.MemoryMB << 20
	end, killed := make(chan struct{}), make(chan bool, 1)
	var once sync.Once
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-end:
				killed <- false
				return
			case <-in.gone:
				killed <- false
				return
			case <-tick.C:
				in.weigh()
				total := 0
				for _, pid := range family(in.process.Pid) {
					total += private(pid)
				}
				if total > limit {
					in.peak.Store(int64(total))
					in.kill()
					killed <- true
					return
				}
			}
		}
	}()
	return func() weight {
		once.Do(func() { close(end) })
		in.weigh()
		return weight{peakMB: min(int(in.peak.Load())>>20, in.pool.fn.MemoryMB), killed: <-killed}
	}
}

// weigh notes the most memory the process ever had. Of a process that has ended nothing is known any more.
func (in *instance) weigh() {
	if n := peak(in.process.Pid); n > 0 {
		in.peak.Store(int64(n))
	}
}

// private returns the memory that a process has for itself, in bytes: what is resident less what is of files.
func private(pid int) int {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(data))
	if len(f) < 3 {
		return 0
	}
	resident, err1 := strconv.Atoi(f[1])
	shared, err2 := strconv.Atoi(f[2])
	if err1 != nil || err2 != nil {
		return 0
	}
	return (resident - shared) * os.Getpagesize()
}

// peak returns the most memory a process ever had, in bytes.
func peak(pid int) int { return sizeIn("/proc/"+strconv.Itoa(pid)+"/status", "VmHWM") }

// available returns what the kernel could give to processes without swapping, in bytes. Where it does not tell it is all there is.
func available() int {
	if n := sizeIn("/proc/meminfo", "MemAvailable"); n > 0 {
		return n
	}
	return math.MaxInt
}

// sizeIn returns the size that a file of the kernel tells under a name, in bytes, 0 where it tells none.
func sizeIn(path, name string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(data, []byte("\n"+name+":"))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(line), []byte("kB")))))
	if err != nil {
		return 0
	}
	return n << 10
}
