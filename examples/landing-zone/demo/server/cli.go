package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// CLI is the command line of a server.
type CLI struct {
	// Program is trellis, Data the server's data directory where it is not the one that trellis takes by itself.
	Program, Data string
}

// Command is a command of the server's own command line.
func (c CLI) Command(ctx context.Context, args ...string) *exec.Cmd {
	if c.Data != "" {
		args = append([]string{"--data", c.Data}, args...)
	}
	command := exec.CommandContext(ctx, c.Program, args...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 5 * time.Second
	return command
}

// Run runs a command to its end and answers what it printed.
func (c CLI) Run(ctx context.Context, args ...string) ([]byte, error) {
	command := c.Command(ctx, args...)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("trellis %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// CreateAccount makes an account, and with it the profile of its name.
func (c CLI) CreateAccount(ctx context.Context, name string) (id string, err error) {
	out, err := c.Run(ctx, "accounts", "create", name, "--json")
	if err != nil {
		return "", err
	}
	var account struct{ Account string }
	if err := json.Unmarshal(out, &account); err != nil {
		return "", fmt.Errorf("trellis accounts create %s: %w", name, err)
	}
	return account.Account, nil
}

// Why is the server's explanation in one line; the arguments are those of trellis why.
func (c CLI) Why(ctx context.Context, args ...string) string {
	out, err := c.Run(ctx, append([]string{"why"}, args...)...)
	if err != nil {
		return err.Error()
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}
