// Command trellis is VPC Lattice on your own machines. This package holds its flags, its wiring and its signals: every
// part is made here by a plain constructor call and handed to the parts that need it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"trellis/internal/cli"
)

// version is set by the build.
var version = "dev"

// The main thread keeps the host's namespaces: were it to be handed to a namespace's worker, /proc/self would be that
// namespace's.
func init() { runtime.LockOSThread() }

func main() {
	becomeInside()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	root := cli.Root(version)
	root.AddCommand(serveCommand(), coverageCommand())
	err := root.ExecuteContext(ctx)
	stop()
	var exit cli.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(int(exit))
	case err != nil:
		fmt.Fprintln(os.Stderr, "trellis:", err)
		os.Exit(1)
	}
}
