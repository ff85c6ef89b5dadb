package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"syscall"
	"testing"

	"trellis/internal/fault"
)

func retryable(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Kind == fault.Unavailable
}

func TestRoom(t *testing.T) {
	if err := Room(t.TempDir(), 0); err != nil {
		t.Errorf("nothing is needed: %v", err)
	}
	if err := Room(t.TempDir(), math.MaxUint64); !retryable(err) {
		t.Errorf("more than there can be: %v, want a failure to retry", err)
	}
	if err := Room(filepath.Join(t.TempDir(), "none"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestFull(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := Full(&fs.PathError{Op: "write", Path: "secret", Err: cause})
		if !retryable(err) || !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
	other := fmt.Errorf("other: %w", syscall.EIO)
	if got := Full(other); got != other {
		t.Errorf("another error became %v", got)
	}
}
