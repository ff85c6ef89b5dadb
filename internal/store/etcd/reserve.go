package etcd

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ahead is how much of the disk the database file has before it grows into it. It grows by 16 MiB at a time, and what it is
// given then are holes; etcd ends where the disk has nothing to fill one with.
const ahead = 32 << 20

// reserve keeps the database file's part of the disk ahead of the file, until ctx ends. A disk that is full already, or a file
// system that cannot reserve, leaves it as it is.
func reserve(ctx context.Context, path string) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for reserved := int64(0); ; {
		if info, err := os.Stat(path); err == nil && info.Size() != reserved {
			switch err := allocate(path, info.Size()+ahead); {
			case err == nil:
				reserved = info.Size()
			case errors.Is(err, unix.EOPNOTSUPP):
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// allocate gives a file its part of the disk up to size, and leaves its own size as it is.
func allocate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	return errors.Join(err, f.Close())
}
