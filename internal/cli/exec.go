package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// ExitError is the exit status of a program that ran to its end.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (c *client) exec() *cobra.Command {
	var in struct {
		VPC, Subnet string
		Groups      []string
		Args        []string
		Env         []string
		Dir         string
		UID, GID    int
	}
	exec := &cobra.Command{
		Use:                   "exec --vpc VPC|--subnet SUBNET [--security-group GROUP]... -- COMMAND [ARG]...",
		Short:                 "Run a program inside a subnet",
		Long:                  "Exec runs any program behind a network interface of its own in the subnet, as the calling user and with the caller's\nstandard input and output. It exits as the program does.",
		Example:               "  trellis exec --vpc vpc-0123456789abcdef0 -- curl -s 'http://NAME/?q=blue'",
		DisableFlagsInUseLine: true,
		Args:                  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.VPC == "" && in.Subnet == "" {
				return errors.New("name --vpc or --subnet")
			}
			dir, err := os.Getwd()
			if err != nil {
				return err
			}
			in.Args, in.Env, in.Dir, in.UID, in.GID = args, os.Environ(), dir, os.Getuid(), os.Getgid()
			return c.run(cmd.Context(), in)
		},
	}
	placeFlags(exec, &in.VPC, &in.Subnet, &in.Groups)
	return exec
}

// run passes the command and this process's stdio to the server, then signals to the program, until it ends.
func (c *client) run(ctx context.Context, command any) error {
	conn, err := c.dial(ctx, execSocket)
	if err != nil {
		return err
	}
	defer conn.Close()
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("%s is not a unix socket", execSocket)
	}
	raw, err := json.Marshal(command)
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	head := raw[:min(len(raw), 1<<15)]
	n, _, err := u.WriteMsgUnix(head, syscall.UnixRights(0, 1, 2), nil)
	if err != nil {
		return err
	}
	if n < len(raw) {
		if _, err := u.Write(raw[n:]); err != nil {
			return err
		}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			if n, ok := s.(syscall.Signal); ok {
				_, _ = u.Write([]byte{byte(n)})
			}
		}
	}()
	var out struct {
		Error string
		Exit  *int
	}
	switch err := json.NewDecoder(u).Decode(&out); {
	case errors.Is(err, io.EOF):
		return errors.New("the server stopped before the program ended")
	case err != nil:
		return err
	case out.Error != "":
		return errors.New(out.Error)
	case out.Exit == nil:
		return errors.New("the server told no exit status")
	case *out.Exit != 0:
		return ExitError(*out.Exit)
	}
	return nil
}
