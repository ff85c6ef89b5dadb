package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"landing-zone/functions/wheels"
)

// built has the server's program, in a directory of its own.
var built = sync.OnceValues(func() (program string, err error) {
	dir, err := os.MkdirTemp("", "trellis-demo-test-")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "trellis")
	return program, command("../../..", "go", "build", "-trimpath", "-o", program, "./cmd/trellis")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, _ := built(); program != "" {
		if err := os.RemoveAll(filepath.Dir(program)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func command(dir, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	return nil
}

// programs builds the server, whose path it answers, and what the zone uploads. Only Python's packages may not be had.
func programs(t *testing.T, bundle ...string) string {
	t.Helper()
	program, err := built()
	if err == nil {
		err = command("..", "go", append([]string{"run", "-trimpath", "./functions/bundle"}, bundle...)...)
	}
	if err != nil && strings.Contains(err.Error(), "bundle: pip: ") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// environment is a Python interpreter with the packages of a requirements file, where such packages can be had.
func environment(t *testing.T, requirements string) string {
	t.Helper()
	interpreter, err := wheels.Environment(t.Context(), requirements)
	if errors.Is(err, wheels.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return interpreter
}
