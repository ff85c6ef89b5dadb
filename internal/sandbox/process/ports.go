//go:build linux

// Package process runs function instances: one process each in namespaces of its own, started by our own init, fed through
// the Lambda Runtime API and killed with the server. The Manager alone writes its state, which is in memory only: what
// should run is handed over whole with Apply.
package process

import (
	"context"
	"net"
	"time"

	"trellis/internal/sandbox"
)

// Network gives an instance the network namespace it runs in.
type Network interface {
	// Attach returns a namespace with a loopback interface that is up, attached to the function interface of that id. Every call
	// returns a namespace of its own: two instances never share one, or one could read the other's Runtime API.
	Attach(ctx context.Context, functionInterface string) (Namespace, error)
}

// Namespace is one network namespace and the locked thread that is kept in it.
type Namespace interface {
	// Do runs f on the kept thread. A process f starts lives no longer than the thread.
	Do(f func() error) error
	// Listen opens a socket that belongs to the namespace.
	Listen(network, address string) (net.Listener, error)
	// Close ends the thread and gives the namespace up. Its sockets and processes are closed before.
	Close() error
}

// Code gives the files of functions. The directories are read-only, readable by anyone who gets to them, and stay until the
// digests are no longer kept.
type Code interface {
	// Tree returns the directory an archive is extracted to.
	Tree(ctx context.Context, digest string) (string, error)
	// Merged returns a directory that holds the archives' files over each other, later ones winning.
	Merged(ctx context.Context, digests []string) (string, error)
}

// LogLine is one event of a log stream.
type LogLine struct {
	Time    time.Time
	Message string
}

// LogSink keeps what functions print. Write is called by one goroutine per stream, in order; while it blocks, at most
// some 1 MiB per stream waits, then the function's own writes block.
type LogSink interface {
	Write(ctx context.Context, f *sandbox.Function, stream string, lines []LogLine) error
}

// Credentials gives an instance what it signs its calls with.
type Credentials interface {
	// Assume returns credentials of the role for a session of that name. An instance is replaced before they expire.
	Assume(ctx context.Context, role, session string) (c sandbox.Credentials, expires time.Time, err error)
}
