// Package blob keeps function archives and layers as content-addressed files, and their extracted trees as a cache. The
// Store is the only writer of its directory: archives/ holds what was uploaded, trees-BOOT/ what can be made from it
// again, tmp/ what is not finished.
package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"trellis/internal/disk"
	"trellis/internal/fault"
)

// MaxUnzipped is AWS's limit on a function's files, its layers' included.
const MaxUnzipped = 250 << 20

// maxFiles bounds what one archive may make of inodes.
const maxFiles = 100_000

// Store is a directory of archives. Its methods may be called at once from several goroutines.
type Store struct {
	archives, trees, tmp string

	mu   sync.Mutex
	busy map[string]chan struct{}

	pruning sync.Mutex
	unused  map[string]unused // by path, what Prune found the last time; guarded by pruning
}

// unused is what nobody needs: when it was made or asked for last, and since when Prune has known. The first is told by a clock
// that may be set, the second is not.
type unused struct{ asked, since time.Time }

// Info describes a stored archive.
type Info struct {
	// Digest is the archive's SHA-256 in hexadecimal, its name in the store.
	Digest string
	Size   int64
	Contents
}

// CodeSha256 returns the digest in the form Lambda shows.
func (i Info) CodeSha256() string {
	sum, err := hex.DecodeString(i.Digest)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// Digest turns the digest that Lambda shows into an archive's name in the store. What is no digest names none.
func Digest(codeSha256 string) string {
	sum, err := base64.StdEncoding.DecodeString(codeSha256)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(sum)
}

// Contents is what an archive holds.
type Contents struct {
	Files int
	// Bytes is the size of all files, unzipped.
	Bytes int64
}

// Open makes dir a store, or takes up the one that is there.
func Open(dir string) (*Store, error) {
	s := &Store{
		archives: filepath.Join(dir, "archives"),
		trees:    filepath.Join(dir, "trees-"+bootID()),
		tmp:      filepath.Join(dir, "tmp"),
		busy:     make(map[string]chan struct{}),
	}
	if err := os.RemoveAll(s.tmp); err != nil {
		return nil, fmt.Errorf("clearing %s: %w", s.tmp, err)
	}
	// Trees are not synced to disk: after a power cut they may be torn, so they serve only the boot they were made in.
	old, err := filepath.Glob(filepath.Join(dir, "trees-*"))
	if err != nil {
		return nil, err
	}
	for _, d := range old {
		if d != s.trees {
			if err := os.RemoveAll(d); err != nil {
				return nil, fmt.Errorf("clearing %s: %w", d, err)
			}
		}
	}
	for _, d := range []string{dir, s.archives, s.trees, s.tmp} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chmod(d, 0o700); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(bytes.TrimSpace(id)) == 0 {
		return fmt.Sprintf("%x", time.Now().UnixNano())
	}
	return string(bytes.TrimSpace(id))
}

var (
	// ErrEmpty refuses an archive without files.
	ErrEmpty = refuse("it holds no file")
	// ErrLarge is the cause of refusing one whose files are larger than MaxUnzipped together.
	ErrLarge = errors.New("too large when unzipped")
)

// Put stores the archive that r holds, at most limit bytes, once it is extracted. One that cannot be extracted safely is refused
// with fault.Invalid, and nothing of it is kept.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (Info, error) {
	if err := disk.Room(s.tmp, disk.ForCode); err != nil {
		return Info{}, err
	}
	f, err := os.CreateTemp(s.tmp, "put-")
	if err != nil {
		return Info{}, disk.Full(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()

	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(reader{ctx, r}, limit+1))
	if err != nil {
		return Info{}, disk.Full(fmt.Errorf("storing an archive: %w", err))
	}
	if n > limit {
		return Info{}, fault.New(fault.TooLarge, "RequestEntityTooLargeException", "the archive is larger than %d bytes", limit)
	}
	info := Info{Digest: hex.EncodeToString(sum.Sum(nil)), Size: n}
	tree, err := s.extracted(ctx, info.Digest, func() (*os.File, error) { return os.Open(f.Name()) })
	if err != nil {
		return Info{}, disk.Full(err)
	}
	if info.Contents, err = count(ctx, tree); err != nil {
		return Info{}, err
	}
	if err := f.Sync(); err != nil {
		return Info{}, disk.Full(err)
	}
	if err := os.Rename(f.Name(), s.archive(info.Digest)); err != nil {
		return Info{}, err
	}
	return info, syncDir(s.archives)
}

// Archive opens a stored archive for reading.
func (s *Store) Archive(digest string) (*os.File, error) {
	if !isDigest(digest) {
		return nil, fault.New(fault.Invalid, "", "%q is not the digest of an archive", digest)
	}
	f, err := os.Open(s.archive(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "", "archive %s is not in the store", digest)
	}
	return f, err
}

// Tree returns the directory an archive is extracted to. Its files are for reading only, by anyone who gets to them.
func (s *Store) Tree(ctx context.Context, digest string) (string, error) {
	return s.extracted(ctx, digest, func() (*os.File, error) { return s.Archive(digest) })
}

func (s *Store) extracted(ctx context.Context, digest string, open func() (*os.File, error)) (string, error) {
	return s.cached(ctx, digest, func(tmp string) error {
		f, err := open()
		if err != nil {
			return err
		}
		defer f.Close()
		if err := extract(ctx, f, tmp, MaxUnzipped, maxFiles); err != nil {
			return err
		}
		if c, err := count(ctx, tmp); err != nil || c.Files > 0 {
			return err
		}
		return ErrEmpty
	})
}

// Merged returns a directory that holds the files of all archives, those of a later one in the place of an earlier one's.
func (s *Store) Merged(ctx context.Context, digests []string) (string, error) {
	if len(digests) == 1 {
		return s.Tree(ctx, digests[0])
	}
	dirs := make([]string, len(digests))
	for i, d := range digests {
		var err error
		if dirs[i], err = s.Tree(ctx, d); err != nil {
			return "", err
		}
	}
	return s.cached(ctx, mergedName(digests), func(tmp string) error { return merge(ctx, dirs, tmp) })
}

func mergedName(digests []string) string {
	sum := sha256.Sum256([]byte(strings.Join(digests, "\n")))
	return "merged-" + hex.EncodeToString(sum[:])
}

// cached returns the tree of that name, made by fill in a temporary directory if it is not there. Two callers do not make
// the same tree twice.
func (s *Store) cached(ctx context.Context, name string, fill func(tmp string) error) (string, error) {
	dir := filepath.Join(s.trees, name)
	for {
		s.mu.Lock()
		wait, taken := s.busy[name]
		if !taken {
			wait = make(chan struct{})
			s.busy[name] = wait
			s.mu.Unlock()
			err := s.make(dir, fill)
			s.mu.Lock()
			delete(s.busy, name)
			s.mu.Unlock()
			close(wait)
			return dir, err
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (s *Store) make(dir string, fill func(tmp string) error) error {
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp, err := os.MkdirTemp(s.tmp, "tree-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return err
	}
	if err := openDirs(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// openDirs lets anyone read the directories of a tree, whatever the umask they were made under.
func openDirs(tree string) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// Use is what a function needs of the store.
type Use struct {
	Code   string
	Layers []string
}

// Prune removes what none of the uses needs and nobody asked for since a Prune that was grace ago. The grace covers an archive whose function
// is still being created and a tree whose last instance is still running.
func (s *Store) Prune(uses []Use, grace time.Duration) error {
	s.pruning.Lock()
	defer s.pruning.Unlock()
	now, found := time.Now(), make(map[string]unused)
	live := make(map[string]bool)
	for _, u := range uses {
		live[u.Code] = true
		for _, l := range u.Layers {
			live[l] = true
		}
		live[mergedName(u.Layers)] = true
	}
	var errs []error
	for _, dir := range []string{s.archives, s.trees} {
		entries, err := os.ReadDir(dir)
		errs = append(errs, err)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || live[e.Name()] {
				continue
			}
			path := filepath.Join(dir, e.Name())
			u, known := s.unused[path]
			if !known || !u.asked.Equal(info.ModTime()) {
				u = unused{info.ModTime(), now}
			}
			if now.Sub(u.since) < grace {
				found[path] = u
				continue
			}
			errs = append(errs, s.remove(path))
		}
	}
	s.unused = found
	return errors.Join(errs...)
}

// remove takes a path away at once, so that nobody sees half a tree.
func (s *Store) remove(path string) error {
	tmp, err := os.MkdirTemp(s.tmp, "gone-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	return os.Rename(path, filepath.Join(tmp, "x"))
}

func (s *Store) archive(digest string) string { return filepath.Join(s.archives, digest) }

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// reader stops when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
