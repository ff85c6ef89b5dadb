// Package wheels gets the Python packages of the article's own functions and of Pulumi programs in Python. It writes the
// directory it is given, and environments below the user's cache directory, one for each list of packages.
package wheels

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Install puts the packages a requirements file names into a directory, as wheels without machine code and for the
// runtime the article names: they run on every later interpreter too. It asks the package index pip is set up with.
func Install(ctx context.Context, requirements, to string) error {
	command := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
		"--target", to, "--only-binary=:all:", "--platform", "any", "--python-version", "3.8", "--requirement", requirements)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("pip: %w\n%s", err, said.String())
	}
	return nil
}

// ErrNone says why no environment can be had on this machine.
var ErrNone = errors.New("no Python environment can be made")

// Environment answers the interpreter of a virtual environment with the packages a requirements file names. It is made once
// for each version of that file and of python3.
func Environment(ctx context.Context, requirements string) (interpreter string, err error) {
	host, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("%w: there is no python3", ErrNone)
	}
	version, err := exec.CommandContext(ctx, host, "--version").Output()
	if err != nil {
		return "", err
	}
	pins, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(version, pins...))
	dir := filepath.Join(cache, "trellis-landing-zone", "python-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Another run may be making it.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	interpreter, done := filepath.Join(dir, "bin", "python"), filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return interpreter, nil
	}
	for _, command := range []*exec.Cmd{
		exec.CommandContext(ctx, host, "-m", "venv", dir),
		exec.CommandContext(ctx, interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements),
	} {
		if said, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s: %w\n%s", ErrNone, command, err, said)
		}
	}
	return interpreter, os.WriteFile(done, nil, 0o600)
}
