package blob

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trellis/internal/fault"
)

type entry struct {
	name, data string
	mode       fs.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.data); err != nil && !strings.HasSuffix(e.name, "/") {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func open(t testing.TB) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func put(t testing.TB, s *Store, data []byte) string {
	t.Helper()
	info, err := s.Put(t.Context(), bytes.NewReader(data), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return info.Digest
}

// listing returns path → content, with -> before a link's target and / for a directory.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch {
		case d.IsDir():
			out[rel] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			out[rel] = "->" + target
			return err
		default:
			data, err := os.ReadFile(p)
			out[rel] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func TestTree(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []entry
		want    map[string]string
		err     string
	}{
		"plain": {entries: []entry{{name: "bootstrap", data: "x", mode: 0o755}, {name: "lib/a.py", data: "a"}, {name: "empty/", mode: fs.ModeDir | 0o755}, {name: "./dot.py", data: "d"}},
			want: map[string]string{"bootstrap": "x", "lib": "/", "lib/a.py": "a", "empty": "/", "dot.py": "d"}},
		"nothing":          {err: "holds no file"},
		"directories only": {entries: []entry{{name: "d/", mode: fs.ModeDir | 0o755}}, err: "holds no file"},
		"links inside": {entries: []entry{{name: "lib/libx.so", data: "../lib/libx.so.1", mode: fs.ModeSymlink | 0o777}, {name: "lib/libx.so.1", data: "so"}},
			want: map[string]string{"lib": "/", "lib/libx.so": "->../lib/libx.so.1", "lib/libx.so.1": "so"}},
		"file twice":         {entries: []entry{{name: "a", data: "1"}, {name: "a", data: "2"}}, want: map[string]string{"a": "2"}},
		"traversal":          {entries: []entry{{name: "../evil", data: "x"}}, err: "leads out"},
		"hidden traversal":   {entries: []entry{{name: "a/../../evil", data: "x"}}, err: "leads out"},
		"inner dots":         {entries: []entry{{name: "a/../b", data: "x"}}, err: "leads out"},
		"absolute":           {entries: []entry{{name: "/etc/evil", data: "x"}}, err: "absolute"},
		"backslash":          {entries: []entry{{name: `..\evil`, data: "x"}}, err: "backslash"},
		"absolute link":      {entries: []entry{{name: "l", data: "/etc/shadow", mode: fs.ModeSymlink | 0o777}}, err: "leads out"},
		"link out":           {entries: []entry{{name: "a/l", data: "../../x", mode: fs.ModeSymlink | 0o777}}, err: "leads out"},
		"empty link":         {entries: []entry{{name: "l", data: "", mode: fs.ModeSymlink | 0o777}}, err: "no usable target"},
		"through a link":     {entries: []entry{{name: "d/x", data: "real"}, {name: "l", data: "d", mode: fs.ModeSymlink | 0o777}, {name: "l/x", data: "evil"}}, err: "both"},
		"device":             {entries: []entry{{name: "dev", mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}}, err: "neither"},
		"pipe":               {entries: []entry{{name: "p", mode: fs.ModeNamedPipe | 0o666}}, err: "neither"},
		"file and directory": {entries: []entry{{name: "a", data: "x"}, {name: "a/b", data: "x"}}, err: "both"},
		"directory and file": {entries: []entry{{name: "a/b", data: "x"}, {name: "a", data: "x"}}, err: "both"},
		"long part":          {entries: []entry{{name: strings.Repeat("x", 256), data: "x"}}, err: "longer than 255"},
		"long path":          {entries: []entry{{name: strings.Repeat("x/", 600) + "x", data: "x"}}, err: "longer than 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			info, err := s.Put(t.Context(), bytes.NewReader(archive(t, tc.entries...)), 1<<30)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || !fault.Is(err, fault.Invalid) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				for _, d := range []string{"tmp", "archives", filepath.Base(s.trees)} {
					if left := listing(t, filepath.Join(dir, d)); len(left) != 0 {
						t.Errorf("%s holds %v after a refusal", d, left)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tree, err := s.Tree(t.Context(), info.Digest)
			if got := listing(t, tree); err != nil || !equal(got, tc.want) {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestTreeModes(t *testing.T) {
	s, dir := open(t)
	digest := put(t, s, archive(t, entry{name: "d/run", data: "x", mode: 0o700}, entry{name: "d/data", data: "x", mode: 0o600},
		entry{name: "d/suid", data: "x", mode: fs.ModeSetuid | 0o755}))
	tree, err := s.Tree(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		dir: fs.ModeDir | 0o700, s.archives: fs.ModeDir | 0o700, s.trees: fs.ModeDir | 0o700, filepath.Join(s.archives, digest): 0o600,
		tree: fs.ModeDir | 0o755, tree + "/d": fs.ModeDir | 0o755, tree + "/d/run": 0o555, tree + "/d/data": 0o444, tree + "/d/suid": 0o555,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s is %v, want %v", path, info.Mode(), want)
		}
	}
}

// patch replaces a field of every directory entry, as a lying archive would.
func patch(data []byte, offset int, with ...byte) []byte {
	out := bytes.Clone(data)
	for at := 0; ; {
		i := bytes.Index(out[at:], []byte("PK\x01\x02"))
		if i < 0 {
			return out
		}
		at += i
		copy(out[at+offset:], with)
		at += 4
	}
}

type memory struct{ *bytes.Reader }

func (m memory) Stat() (fs.FileInfo, error) { return size(m.Size()), nil }

type size int64

func (s size) Size() int64      { return int64(s) }
func (size) Name() string       { return "" }
func (size) Mode() fs.FileMode  { return 0 }
func (size) ModTime() time.Time { return time.Time{} }
func (size) IsDir() bool        { return false }
func (size) Sys() any           { return nil }

// written is an archive whose reader looks, while the file is there and not whole, whether a process could be forked.
type written struct {
	memory
	file         string
	looks, forks int
}

func (w *written) ReadAt(p []byte, at int64) (int, error) {
	if _, err := os.Stat(w.file); err == nil {
		w.looks++
		if syscall.ForkLock.TryLock() {
			w.forks++
			syscall.ForkLock.Unlock()
		}
	}
	return w.memory.ReadAt(p, at)
}

// TestExtractExecutable sees that nothing is forked while a program is written: the child would have it open for writing until its
// exec, and starting the program would fail meanwhile.
func TestExtractExecutable(t *testing.T) {
	random := make([]byte, 1<<16)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &written{memory: memory{bytes.NewReader(archive(t, entry{name: "bootstrap", data: string(random), mode: 0o755}))}, file: filepath.Join(dir, "bootstrap")}
	if err := extract(t.Context(), w, dir, 1<<20, 10); err != nil {
		t.Fatal(err)
	}
	if w.looks == 0 || w.forks > 0 {
		t.Errorf("looked %d times while the file was written, and %d times a process could have been forked", w.looks, w.forks)
	}
	if !syscall.ForkLock.TryLock() {
		t.Fatal("nothing can be forked any more")
	}
	syscall.ForkLock.Unlock()
}

func TestExtractRefusals(t *testing.T) {
	bomb := archive(t, entry{name: "zeros", data: strings.Repeat("\x00", 1<<20)})
	two := archive(t, entry{name: "a", data: strings.Repeat("x", 600)}, entry{name: "b", data: strings.Repeat("x", 600)})
	many := make([]entry, 50)
	for i := range many {
		many[i].name = strings.Repeat("x", i+1)
	}
	plain := archive(t, entry{name: "a", data: "some text"})
	for name, tc := range map[string]struct {
		data []byte
		err  string
	}{
		"not a zip":       {[]byte("#!/bin/sh"), "not a valid zip"},
		"nothing":         {nil, "not a valid zip"},
		"cut":             {plain[:len(plain)-8], "not a valid zip"},
		"bomb":            {bomb, "larger than 1000 bytes"},
		"bomb that lies":  {patch(bomb, 24, 1, 0, 0, 0), "cannot be unzipped"},
		"sum":             {two, "larger than 1000 bytes"},
		"too many":        {archive(t, many...), "more than 40 files"},
		"encrypted":       {patch(plain, 8, 1), "encrypted"},
		"unknown method":  {patch(plain, 10, 99), "unsupported"},
		"wrong checksum":  {patch(plain, 16, 1, 2, 3, 4), "checksum"},
		"offset too high": {patch(plain, 42, 0xff, 0xff, 0xff, 0x0f), "cannot be unzipped"},
	} {
		t.Run(name, func(t *testing.T) {
			err := extract(t.Context(), memory{bytes.NewReader(tc.data)}, t.TempDir(), 1000, 40)
			if err == nil || !strings.Contains(err.Error(), tc.err) || !fault.Is(err, fault.Invalid) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

func TestMerged(t *testing.T) {
	s, _ := open(t)
	one := put(t, s, archive(t, entry{name: "python/a.py", data: "a1"}, entry{name: "python/b.py", data: "b1"}, entry{name: "x/y", data: "1"}, entry{name: "z", data: "1"},
		entry{name: "l", data: "python", mode: fs.ModeSymlink | 0o777}))
	two := put(t, s, archive(t, entry{name: "python/b.py", data: "b2"}, entry{name: "x", data: "2"}, entry{name: "z/q", data: "2"}, entry{name: "l/c.py", data: "2"}))
	for _, tc := range []struct {
		order []string
		want  map[string]string
	}{
		{[]string{one, two}, map[string]string{"python": "/", "python/a.py": "a1", "python/b.py": "b2", "x": "2", "z": "/", "z/q": "2", "l": "/", "l/c.py": "2"}},
		{[]string{two, one}, map[string]string{"python": "/", "python/a.py": "a1", "python/b.py": "b1", "x": "/", "x/y": "1", "z": "1", "l": "->python"}},
	} {
		dir, err := s.Merged(t.Context(), tc.order)
		if err != nil {
			t.Fatal(err)
		}
		if got := listing(t, dir); !equal(got, tc.want) {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		again, err := s.Merged(t.Context(), tc.order)
		if err != nil || again != dir {
			t.Errorf("a second merge is %q, %v; want %q", again, err, dir)
		}
	}
	if tree, _ := s.Tree(t.Context(), one); !equal(listing(t, tree), map[string]string{"python": "/", "python/a.py": "a1", "python/b.py": "b1", "x": "/", "x/y": "1", "z": "1", "l": "->python"}) {
		t.Errorf("merging changed a tree: %q", listing(t, tree))
	}
	if _, err := s.Merged(t.Context(), []string{one, strings.Repeat("0", 64)}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a missing layer: %v", err)
	}
}

func TestPut(t *testing.T) {
	s, dir := open(t)
	data := archive(t, entry{name: "a", data: "hello"})
	size, sum := int64(len(data)), sha256.Sum256(data)
	info, err := s.Put(t.Context(), bytes.NewReader(data), size)
	if err != nil || info.Size != size || info.Contents != (Contents{1, 5}) || info.CodeSha256() != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := s.Put(t.Context(), bytes.NewReader(data), size-1); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too much: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, bytes.NewReader(archive(t, entry{name: "b"})), size); err == nil {
		t.Error("a cancelled Put succeeded")
	}
	f, err := s.Archive(info.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _ := io.ReadAll(f); !bytes.Equal(got, data) {
		t.Errorf("read %q", got)
	}
	for _, bad := range []string{"", "../tmp", strings.Repeat("0", 63), strings.Repeat("A", 64)} {
		if _, err := s.Archive(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("digest %q: %v", bad, err)
		}
	}
	if got := len(listing(t, dir+"/archives")); got != 1 {
		t.Errorf("%d archives, want 1", got)
	}
	if left := listing(t, dir+"/tmp"); len(left) != 0 {
		t.Errorf("tmp holds %v", left)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := again.Archive(info.Digest); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

func TestPrune(t *testing.T) {
	s, _ := open(t)
	var digests []string
	for _, name := range []string{"code", "one", "two", "gone"} {
		digests = append(digests, put(t, s, archive(t, entry{name: name, data: name})))
	}
	code, layers, gone := digests[0], digests[1:3], digests[3]
	for _, d := range digests {
		if _, err := s.Tree(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Merged(t.Context(), layers); err != nil {
		t.Fatal(err)
	}
	other, err := s.Merged(t.Context(), []string{code, gone})
	if err != nil {
		t.Fatal(err)
	}
	uses := []Use{{Code: code, Layers: layers}}
	if err := s.Prune(uses, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := len(listing(t, s.archives)); got != 4 {
		t.Errorf("within the grace %d archives are left, want 4", got)
	}
	// However old files say they are, by whatever clock, the grace begins when they are first seen to be unused.
	for _, age := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		when := time.Now().Add(-age)
		if err := os.Chtimes(s.archive(gone), when, when); err != nil {
			t.Fatal(err)
		}
		if err := s.Prune(uses, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := len(listing(t, s.archives)); got != 4 {
			t.Errorf("of an age of %v %d archives are left, want 4", age, got)
		}
	}
	if err := s.Prune(uses, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Archive(gone); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unused archive: %v", err)
	}
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("an unused tree: %v", err)
	}
	entries, err := os.ReadDir(s.trees)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d trees are left, want 4: %v, %v", len(entries), entries, err)
	}
	if left := listing(t, s.tmp); len(left) != 0 {
		t.Errorf("tmp holds %v", left)
	}
}

func TestTreeAtOnce(t *testing.T) {
	s, _ := open(t)
	digest := put(t, s, archive(t, entry{name: "a", data: strings.Repeat("a", 1<<20)}))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			dir, err := s.Tree(t.Context(), digest)
			if err != nil {
				t.Error(err)
				return
			}
			if c, err := count(t.Context(), dir); err != nil || c != (Contents{1, 1 << 20}) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	wg.Wait()
}

func FuzzExtract(f *testing.F) {
	f.Add(archive(f, entry{name: "a/b", data: "x"}, entry{name: "l", data: "a/b", mode: fs.ModeSymlink | 0o777}))
	f.Add(archive(f, entry{name: "../a", data: "x"}))
	f.Add(archive(f, entry{name: "d/", mode: fs.ModeDir | 0o755}, entry{name: "d/l", data: "../..", mode: fs.ModeSymlink | 0o777}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "tree")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		err := extract(t.Context(), memory{bytes.NewReader(data)}, dir, 1<<16, 100)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
		if entries, _ := os.ReadDir(parent); len(entries) != 1 {
			t.Errorf("files beside the tree: %v", entries)
		}
		var total int64
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				t.Error(err)
				return nil
			}
			rel, _ := filepath.Rel(dir, p)
			switch {
			case d.Type()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(p)
				if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) {
					t.Errorf("%s -> %s leads out", rel, target)
				}
			case d.Type().IsRegular():
				info, _ := d.Info()
				total += info.Size()
			case !d.IsDir():
				t.Errorf("%s is a %v", rel, d.Type())
			}
			return nil
		})
		if err == nil && total > 1<<16 {
			t.Errorf("%d bytes", total)
		}
	})
}
