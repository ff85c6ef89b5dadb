// Package cli is the command line's client side: it talks to a running server over HTTP and over the unix sockets in its
// data directory, and imports nothing else of Trellis. It keeps no state.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// Names of the server's sockets in its data directory.
const (
	adminSocket = "admin.sock"
	execSocket  = "exec.sock"
)

// DefaultData returns the data directory used when none is named: $TRELLIS_DATA, /var/lib/trellis as root, and
// $XDG_STATE_HOME/trellis otherwise.
func DefaultData() string {
	if dir := os.Getenv("TRELLIS_DATA"); dir != "" {
		return dir
	}
	if os.Getuid() == 0 {
		return "/var/lib/trellis"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "trellis")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "trellis")
	}
	return filepath.Join(home, ".local", "state", "trellis")
}

// client asks the server whose data directory is dir.
type client struct{ dir string }

// dial connects to a socket of the server. The path of a unix socket is limited to some 100 bytes, so it is reached
// through a descriptor of the directory.
func (c client) dial(ctx context.Context, socket string) (net.Conn, error) {
	dir, err := os.Open(c.dir)
	if err != nil {
		return nil, c.explain(err)
	}
	defer dir.Close()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socket))
	if err != nil {
		return nil, c.explain(err)
	}
	return conn, nil
}

func (c client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the server in %s belongs to another user", c.dir)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server is running with the data directory %s: start one with \"trellis serve\", or name another with --data or $TRELLIS_DATA", c.dir)
	}
	return err
}

// ask sends a request to the administration and decodes its answer into out.
func (c client) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://trellis"+path, body)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, adminSocket) }}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("the server in %s hung up: it ended, or belongs to another user", c.dir)
	case err != nil:
		return errors.Unwrap(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var failure struct{ Error string }
		if err := json.NewDecoder(res.Body).Decode(&failure); err != nil || failure.Error == "" {
			return fmt.Errorf("the server answered %s", res.Status)
		}
		return errors.New(failure.Error)
	}
	return json.NewDecoder(res.Body).Decode(out)
}
