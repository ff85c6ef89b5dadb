//go:build linux

package process

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"trellis/internal/function"
	"trellis/internal/sandbox"
)

// Options are what a Manager works with. Code, Logs and Credentials are needed, Dir too; the rest has defaults.
type Options struct {
	// Dir is a directory to mount on, out of the host's sight. It is made if it is not there.
	Dir         string
	Code        Code
	Logs        LogSink
	Credentials Credentials
	// Network attaches functions that are in a VPC. Others get a namespace without any way out.
	Network Network
	// API answers at AWS_ENDPOINT_URL inside an instance. Nil leaves the address closed.
	API http.Handler
	// Interpreters finds what can run Python and Node. It is asked once, when a function first needs one. The default looks at
	// the PATH.
	Interpreters func(context.Context) []sandbox.Interpreter
	// MaxInstances bounds the instances of all functions together. The default is the concurrency that AWS gives an account.
	// What the host has of memory may bound them before.
	MaxInstances int
	// Memory tells how many bytes the host can still give to processes. The default asks the kernel.
	Memory func() int
	// MaxProcesses is how many processes and threads an instance may have. The default is Lambda's 1,024.
	MaxProcesses int
	// Room says what the host lacks for another instance. The default is that it lacks nothing.
	Room func() error
	// IdleAfter is how long an unused instance is kept. The default is ten minutes.
	IdleAfter time.Duration
	// FreezeAfter is how long an unused instance may still run. The default is 20 ms.
	FreezeAfter time.Duration
	// RetryDelays are the waits before a failed event is tried again. The default is Lambda's: one minute, then two.
	RetryDelays []time.Duration
	// MaxEvents bounds the events that were accepted and are not done. The default is 1,000.
	MaxEvents int
	// Log takes what an operator should know. The default drops it.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Interpreters == nil {
		o.Interpreters = func(ctx context.Context) []sandbox.Interpreter { return FindInterpreters(ctx, o.Dir) }
	}
	if o.MaxInstances == 0 {
		o.MaxInstances = function.MaxConcurrency
	}
	if o.Memory == nil {
		o.Memory = available
	}
	if o.MaxProcesses == 0 {
		o.MaxProcesses = 1024
	}
	if o.Room == nil {
		o.Room = func() error { return nil }
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = 10 * time.Minute
	}
	if o.FreezeAfter == 0 {
		o.FreezeAfter = 20 * time.Millisecond
	}
	if o.RetryDelays == nil {
		o.RetryDelays = []time.Duration{time.Minute, 2 * time.Minute}
	}
	if o.MaxEvents == 0 {
		o.MaxEvents = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
