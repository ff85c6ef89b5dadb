package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Killed processes are given so long to be gone.
const (
	evictTries = 100
	evictPause = 10 * time.Millisecond
)

// Evict kills every process that has a thread in the namespace, whoever started it.
func (n *Namespace) Evict() error {
	n.use.RLock()
	defer n.use.RUnlock()
	if n.closed {
		return nil
	}
	home, err := n.fd.Stat()
	if err != nil {
		return err
	}
	for range evictTries {
		left, err := killIn(home)
		if left == 0 || err != nil {
			return err
		}
		time.Sleep(evictPause)
	}
	return fmt.Errorf("namespace %s: processes in it do not end", n.name)
}

// killIn sends what cannot be refused to the processes in a namespace, and counts them.
func killIn(home fs.FileInfo) (left int, err error) {
	threads, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		pid, err := strconv.Atoi(strings.Split(thread, "/")[2])
		if err != nil || pid == os.Getpid() || !in(thread, home) {
			continue
		}
		// The descriptor is of the process that is looked at, whatever its number is given to afterwards.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if in(thread, home) {
			left++
			if err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); errors.Is(err, unix.ESRCH) {
				err = nil
			}
		}
		if err = errors.Join(err, unix.Close(fd)); err != nil {
			return left, err
		}
	}
	return left, nil
}

func in(link string, home fs.FileInfo) bool {
	info, err := os.Stat(link)
	return err == nil && os.SameFile(info, home)
}
