// Package disk says whether a file system still has room. It keeps no state.
package disk

import (
	"errors"
	"fmt"
	"syscall"

	"trellis/internal/fault"
)

// What has to be free for each to write. Logs stop first and code next, so that neither takes from the store the room it needs
// for its log's next segments: a store that cannot write ends.
const (
	ForStore = 160 << 20
	ForCode  = 192 << 20
	ForLogs  = 224 << 20
)

// Room is nil while the file system of dir has that many bytes free, and else a failure that clients retry.
func Room(dir string, reserve uint64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("asking for the room in %s: %w", dir, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < reserve {
		return full(free, reserve)
	}
	return nil
}

func full(free, reserve uint64) error {
	return fault.New(fault.Unavailable, "", "The disk of the server is full: %d MiB are free, %d MiB are needed.", free>>20, reserve>>20)
}

// Full turns the system's word for a full disk, or a full quota, into a failure that clients retry. Other errors stay.
func Full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &fault.Error{Kind: fault.Unavailable, Message: "The disk of the server is full.", Cause: err}
	}
	return err
}
