package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestArchive(t *testing.T) {
	files := fstest.MapFS{
		"bootstrap":  {Data: []byte("program"), Mode: 0o700, ModTime: time.Now()},
		"lib/module": {Data: []byte("text"), Mode: 0o600, ModTime: time.Now()},
	}
	var first, second bytes.Buffer
	if err := write(&first, files, "python/"); err != nil {
		t.Fatal(err)
	}
	files["bootstrap"].ModTime = time.Unix(0, 0)
	if err := write(&second, files, "python/"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same files make different archives")
	}
	z, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Mode    fs.FileMode
		Content string
	}
	got := map[string]file{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = file{f.Mode(), string(content)}
	}
	want := map[string]file{"python/bootstrap": {0o755, "program"}, "python/lib/module": {0o644, "text"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
