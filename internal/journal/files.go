package journal

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
)

// maxOpen bounds how many files stay open.
const maxOpen = 32

// files are those that were appended to last, kept open. Whoever takes one has it alone until it is put back.
type files struct {
	mu   sync.Mutex
	kept []keptFile // the one used last at the end
}

type keptFile struct {
	path string
	*os.File
}

// take returns the file if it is open, else nil.
func (c *files) take(path string) *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.kept, func(k keptFile) bool { return k.path == path })
	if i < 0 {
		return nil
	}
	f := c.kept[i].File
	c.kept = slices.Delete(c.kept, i, i+1)
	return f
}

// put keeps the file open, and closes another one where there are too many.
func (c *files) put(path string, f *os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) == maxOpen {
		_ = c.kept[0].Close()
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, keptFile{path, f})
}

// forget closes the file if it is open.
func (c *files) forget(path string) error {
	if f := c.take(path); f != nil {
		return f.Close()
	}
	return nil
}

// describe returns a file's size, and whether it still has a name.
func describe(f *os.File) (size int64, linked bool, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return 0, false, fmt.Errorf("describing %s: %w", f.Name(), err)
	}
	return st.Size, st.Nlink > 0, nil
}
