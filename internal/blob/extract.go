package blob

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"trellis/internal/fault"
)

const (
	maxPath = 1024
	maxName = 255
	maxLink = 1024
)

// archiveFile is what an archive is read from.
type archiveFile interface {
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

func refuse(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "InvalidParameterValueException", "the archive cannot be unzipped: "+format, args...)
}

// extract unpacks a zip archive into the empty directory dir. Nothing is written outside of dir, and what was written when
// it fails is the caller's to remove.
func extract(ctx context.Context, f archiveFile, dir string, maxBytes int64, maxFiles int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Reading the directory takes some 300 bytes of memory an entry, so the entries are counted first.
	n, err := entries(ctx, f, info.Size())
	if err != nil {
		return err
	}
	if n > maxFiles {
		return refuse("it holds more than %d files", maxFiles)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return refuse("%v", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()

	x := extraction{root: root, left: maxBytes, limit: maxBytes}
	// Links come last: no file can then be written through one.
	var links []*zip.File
	for _, e := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Mode()&fs.ModeSymlink != 0 {
			links = append(links, e)
			continue
		}
		if err := x.entry(e); err != nil {
			return err
		}
	}
	for _, e := range links {
		if err := x.link(e); err != nil {
			return err
		}
	}
	return nil
}

// entries counts the signatures of directory entries in an archive. It is never too few.
func entries(ctx context.Context, r io.ReaderAt, size int64) (int, error) {
	signature := []byte("PK\x01\x02")
	buf := make([]byte, 256<<10)
	n := 0
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		got, err := r.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return 0, err
		}
		n += bytes.Count(buf[:got], signature)
		if err == io.EOF || got < len(buf) {
			break
		}
		at += int64(got - len(signature) + 1)
	}
	return n, nil
}

type extraction struct {
	root        *os.Root
	left, limit int64
}

func (x *extraction) entry(e *zip.File) error {
	name, err := entryName(e.Name)
	if err != nil {
		return err
	}
	mode := e.Mode()
	switch {
	case e.Flags&1 != 0:
		return refuse("%q is encrypted", name)
	case strings.HasSuffix(e.Name, "/") || mode.IsDir():
		if name == "." {
			return nil
		}
		return conflict(name, x.root.MkdirAll(name, 0o755))
	case !mode.IsRegular():
		return refuse("%q is neither a file, a directory nor a symbolic link", name)
	case name == ".":
		return refuse("a file has no name")
	}
	if parent := path.Dir(name); parent != "." {
		if err := x.root.MkdirAll(parent, 0o755); err != nil {
			return conflict(name, err)
		}
	}
	perm := fs.FileMode(0o444)
	if mode&0o111 != 0 {
		perm = 0o555
		// A process that is forked meanwhile would hold the file open for writing until its exec, and until then nobody could
		// execute what is in it.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	if err := x.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conflict(name, err)
	}
	w, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return conflict(name, err)
	}
	defer w.Close()
	r, err := e.Open()
	if err != nil {
		return refuse("%q: %v", name, err)
	}
	defer r.Close()
	// The size an entry declares proves nothing: what comes out is counted.
	n, err := io.Copy(w, io.LimitReader(source{r}, x.left+1))
	var bad *readError
	switch {
	case errors.As(err, &bad):
		return refuse("%q: %v", name, bad.err)
	case err != nil:
		return err
	}
	if x.left -= n; x.left < 0 {
		large := refuse("its files are larger than %d bytes together", x.limit)
		large.Cause = ErrLarge
		return large
	}
	// A umask may have narrowed what the file was made with.
	return errors.Join(w.Chmod(perm), w.Close())
}

func (x *extraction) link(e *zip.File) error {
	name, err := entryName(e.Name)
	if err != nil {
		return err
	}
	if e.Flags&1 != 0 {
		return refuse("%q is encrypted", name)
	}
	r, err := e.Open()
	if err != nil {
		return refuse("%q: %v", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxLink+1))
	if err != nil {
		return refuse("%q: %v", name, err)
	}
	target := string(data)
	if target == "" || len(target) > maxLink || strings.ContainsRune(target, 0) {
		return refuse("the symbolic link %q has no usable target", name)
	}
	if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return refuse("the symbolic link %q leads out of the archive", name)
	}
	if parent := path.Dir(name); parent != "." {
		if err := x.root.MkdirAll(parent, 0o755); err != nil {
			return conflict(name, err)
		}
	}
	return conflict(name, x.root.Symlink(target, name))
}

// entryName returns an entry's path in the tree, cleaned.
func entryName(s string) (string, error) {
	switch {
	case s == "":
		return "", refuse("a file has no name")
	case len(s) > maxPath:
		return "", refuse("a name is longer than %d bytes", maxPath)
	case strings.ContainsRune(s, 0) || strings.ContainsRune(s, '\\'):
		return "", refuse("the name %q holds a backslash or a zero byte", s)
	case path.IsAbs(s):
		return "", refuse("the name %q is absolute", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return "", refuse("the name %q leads out of the archive", s)
		}
		if len(part) > maxName {
			return "", refuse("the name %q has a part longer than %d bytes", s, maxName)
		}
	}
	return path.Clean(s), nil
}

// conflict tells an archive that contradicts itself from a failing disk.
func conflict(name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrExist) || isShape(err) {
		return refuse("%q is both a directory and something else, or there twice", name)
	}
	return fmt.Errorf("unzipping %q: %w", name, err)
}

// source marks errors of the archive, so that they are not taken for those of the disk.
type source struct{ r io.Reader }

type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

func (s source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}
