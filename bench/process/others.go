package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Others is what every thread of the machine has run for so far, but for those of this process and its descendants.
type Others map[string]ran

// ran is a line of /proc/PID/task/TID/schedstat.
type ran struct {
	time  time.Duration
	times int64
}

// OthersNow reads what the others have run for. A thread that ends meanwhile is left out.
func OthersNow() (Others, error) {
	ours, err := UsageOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	mine := map[string]bool{}
	for _, pid := range ours.PIDs {
		mine[strconv.Itoa(pid)] = true
	}
	files, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/schedstat")
	if err != nil {
		return nil, err
	}
	all := Others{}
	for _, file := range files {
		thread := filepath.Dir(file)
		if mine[strings.Split(thread, "/")[2]] {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var r ran
		var waited int64
		if _, err := fmt.Sscan(string(text), &r.time, &waited, &r.times); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[thread] = r
	}
	return all, nil
}

// Longest names the thread that since from had a core for longest at a time, on average over its times.
func (o Others) Longest(from Others) (name string, at time.Duration) {
	var thread string
	for t, now := range o {
		then := from[t]
		if times := now.times - then.times; times > 0 {
			if each := (now.time - then.time) / time.Duration(times); each > at {
				thread, at = t, each
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(thread, "comm"))
	if err != nil {
		return "something that ended", at
	}
	return strings.TrimSpace(string(text)), at
}
