// Command bundle builds what the stacks upload and the demo runs: the functions and their layer as zip archives, and
// the probe. A file is replaced whole, so that others may be reading the one before. With -python it also makes the
// layer of the article's own DirectoryService, with pip.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"landing-zone/functions/wheels"
)

func main() {
	out := flag.String("out", "build", "directory to write to")
	python := flag.Bool("python", false, "build the article's Python layer too, which asks a package index")
	flag.Parse()
	if err := bundle(*out, *python); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func bundle(out string, python bool) (err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(out, ".bundle-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for _, function := range []struct{ source, archive string }{
		{"./functions/directory", "directory_app.zip"},
		{"./functions/client", "client_app.zip"},
	} {
		dir := filepath.Join(work, function.archive+".d")
		if err := compile(function.source, filepath.Join(dir, "bootstrap")); err != nil {
			return err
		}
		if err := archive(os.DirFS(dir), "", filepath.Join(work, function.archive), filepath.Join(out, function.archive)); err != nil {
			return err
		}
	}
	if err := archive(os.DirFS("functions/directory/layer"), "", filepath.Join(work, "layer.zip"), filepath.Join(out, "directory_app_layer.zip")); err != nil {
		return err
	}
	if err := compile("./probe", filepath.Join(work, "probe")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, "probe"), filepath.Join(out, "probe")); err != nil {
		return err
	}
	if !python {
		return nil
	}
	packages := filepath.Join(work, "packages")
	if err := wheels.Install(context.Background(), "a-common-service/directory_app_layer/requirements.txt", packages); err != nil {
		return err
	}
	return archive(os.DirFS(packages), "python/", filepath.Join(work, "python.zip"), filepath.Join(out, "lambda_layer.zip"))
}

// compile builds a program that needs nothing of the system it runs on.
func compile(source, to string) error {
	return run(exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", to, source), "CGO_ENABLED=0", "GOOS=linux")
}

func run(command *exec.Cmd, environment ...string) error {
	command.Env = append(os.Environ(), environment...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, said.String())
	}
	return nil
}

// archive writes the files as a zip under the prefix, the same bytes for the same files, and moves it into place.
func archive(files fs.FS, prefix, work, to string) error {
	f, err := os.Create(work)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f, files, prefix), f.Close()); err != nil {
		return err
	}
	return os.Rename(work, to)
}

func write(w io.Writer, files fs.FS, prefix string) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: prefix + path, Method: zip.Deflate, Modified: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(0o644)
		if info.Mode()&0o100 != 0 {
			header.SetMode(0o755)
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		part, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = part.Write(content)
		return err
	})
	return errors.Join(err, z.Close())
}
