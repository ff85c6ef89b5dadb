package lambda_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trellis/internal/aws/model/lambda"
	"trellis/internal/function"
)

type packed struct {
	name, data string
	mode       fs.FileMode
}

func pack(t *testing.T, files ...packed) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name}
		h.SetMode(f.mode | 0o644)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zeros is an archive of more bytes than a function may have, that take hardly any room: what a MiB becomes stands there again and again.
func zeros(t *testing.T) []byte {
	t.Helper()
	var one, b bytes.Buffer
	small, err := flate.NewWriter(&one, flate.BestSpeed)
	if err == nil {
		_, err = small.Write(make([]byte, 1<<20))
	}
	if err == nil {
		err = small.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(&b)
	const times = function.MaxUnzipped>>20 + 1
	w, err := z.CreateRaw(&zip.FileHeader{Name: "zeros", Method: zip.Deflate, CompressedSize64: uint64(one.Len() * times), UncompressedSize64: times << 20})
	for range times {
		if err == nil {
			_, err = w.Write(one.Bytes())
		}
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lie changes a field of every entry of an archive's directory.
func lie(data []byte, offset int, with ...byte) []byte {
	out := bytes.Clone(data)
	for at := bytes.Index(out, []byte("PK\x01\x02")); at >= 0; {
		copy(out[at+offset:], with)
		next := bytes.Index(out[at+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += 4 + next
	}
	return out
}

// stored is what is on disk, with how long each file is.
func (e *env) stored() map[string]int64 {
	e.t.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(e.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			out[path] = info.Size()
		} else {
			out[path] = 0
		}
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

// An archive that is not what it should be makes neither a function, nor code of one, nor a layer, and leaves nothing on disk.
func TestHostileArchives(t *testing.T) {
	e := newEnv(t)
	e.create(red, "kept")
	kept, before := *e.get(red, "kept").CodeSha256, e.stored()
	outside := filepath.Join(t.TempDir(), "outside")
	many := make([]packed, 100_001)
	for i := range many {
		many[i].name = fmt.Sprint(i)
	}
	honest := pack(t, packed{name: "a", data: "some text"})
	bomb := zeros(t)
	const unzip = "Could not unzip uploaded file."
	for _, c := range []struct {
		name    string
		zip     []byte
		message string
	}{
		{"traversal", pack(t, packed{name: "../../outside"}), unzip},
		{"hidden traversal", pack(t, packed{name: "a/../../outside"}), unzip},
		{"traversal with backslashes", pack(t, packed{name: `..\..\outside`}), unzip},
		{"an absolute name", pack(t, packed{name: outside, data: "x"}), unzip},
		{"an absolute link", pack(t, packed{name: "l", data: outside, mode: fs.ModeSymlink}), unzip},
		{"a link out", pack(t, packed{name: "d/l", data: "../../../outside", mode: fs.ModeSymlink}), unzip},
		{"a link out, and a file through it", pack(t, packed{name: "l", data: "..", mode: fs.ModeSymlink}, packed{name: "l/outside", data: "x"}), unzip},
		{"a file through a link inside", pack(t, packed{name: "d/x"}, packed{name: "l", data: "d", mode: fs.ModeSymlink}, packed{name: "l/x", data: "y"}), unzip},
		{"a device", pack(t, packed{name: "null", mode: fs.ModeDevice | fs.ModeCharDevice}), unzip},
		{"a disk", pack(t, packed{name: "disk", mode: fs.ModeDevice}), unzip},
		{"a pipe", pack(t, packed{name: "pipe", mode: fs.ModeNamedPipe}), unzip},
		{"a socket", pack(t, packed{name: "socket", mode: fs.ModeSocket}), unzip},
		{"a file that is a directory", pack(t, packed{name: "a", data: "x"}, packed{name: "a/b", data: "y"}), unzip},
		{"a link that is there twice", pack(t, packed{name: "l", data: "a", mode: fs.ModeSymlink}, packed{name: "l", data: "b", mode: fs.ModeSymlink}), unzip},
		{"a long name", pack(t, packed{name: strings.Repeat("x", 300)}), unzip},
		{"too many files", pack(t, many...), unzip},
		{"a bomb", bomb, "Unzipped size must be smaller than 262144000 bytes"},
		{"a bomb that says it is small", lie(bomb, 24, 1, 0, 0, 0), unzip},
		{"encrypted", lie(honest, 8, 1), unzip},
		{"a wrong checksum", lie(honest, 16, 1, 2, 3, 4), unzip},
		{"a method that is none", lie(honest, 10, 99), unzip},
		{"cut off", honest[:len(honest)-8], unzip},
		{"no archive", []byte("#!/bin/sh\n"), unzip},
		{"no file", pack(t), "non-empty zip"},
		{"no file behind much else", append(make([]byte, 1<<20), pack(t)...), "non-empty zip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for call, do := range map[string]func() error{
				"CreateFunction": func() error {
					in := e.input(red, "made")
					in.Code.ZipFile = c.zip
					_, err := e.CreateFunction(e.as(red), in)
					return err
				},
				"UpdateFunctionCode": func() error {
					_, err := e.UpdateFunctionCode(e.as(red), &lambda.UpdateFunctionCodeInput{FunctionName: new("kept"), ZipFile: c.zip})
					return err
				},
				"PublishLayerVersion": func() error {
					_, err := e.PublishLayerVersion(e.as(red), &lambda.PublishLayerVersionInput{LayerName: new("made"), Content: &lambda.LayerVersionContentInput{ZipFile: c.zip}})
					return err
				},
			} {
				err := do()
				if err == nil {
					t.Errorf("%s takes it", call)
				}
				wants(t, err, "InvalidParameterValueException", c.message)
				if after := e.stored(); !maps.Equal(after, before) {
					t.Errorf("after %s there are %v, before %v", call, after, before)
				}
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("it wrote outside")
			}
			if now := *e.get(red, "kept").CodeSha256; now != kept {
				t.Errorf("the function's code is %s now", now)
			}
		})
	}
	if made := must[*lambda.ListFunctionsOutput](t)(e.ListFunctions(e.as(red), &lambda.ListFunctionsInput{})); len(made.Functions) != 1 {
		t.Errorf("there are %d functions", len(made.Functions))
	}
	if made := must[*lambda.ListLayersOutput](t)(e.ListLayers(e.as(red), &lambda.ListLayersInput{})); len(made.Layers) != 0 {
		t.Errorf("there are %d layers", len(made.Layers))
	}
	// Of a file that is there twice the last one counts.
	must[*lambda.UpdateFunctionCodeOutput](t)(e.UpdateFunctionCode(e.as(red), &lambda.UpdateFunctionCodeInput{FunctionName: new("kept"),
		ZipFile: pack(t, packed{name: "a", data: "1"}, packed{name: "a", data: "22"})}))
	files := 0
	for path, size := range e.stored() {
		if filepath.Base(path) == "a" && size == 2 {
			files++
		}
	}
	if files != 1 {
		t.Errorf("of a file that is there twice %v", e.stored())
	}
}
