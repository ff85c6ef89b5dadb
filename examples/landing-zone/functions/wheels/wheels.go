// Package wheels gets the Python packages of the article's own functions. It writes only the directory it is given.
package wheels

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
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
