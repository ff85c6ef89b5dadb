package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideName is the name under which this program starts itself inside a subnet, to become the program that was asked for.
const insideName = "trellis-inside"

// inside is what it is to do before: it comes in a mount namespace of its own.
type inside struct {
	// Resolv is the file that stands for /etc/resolv.conf.
	Resolv string
	Path   string
	Args   []string
	Env    []string
	Dir    string
	// UID and GID are to be taken on, unless UID is 0.
	UID, GID int
}

// command encodes it as arguments.
func (in inside) arguments() ([]string, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return []string{insideName, string(raw)}, nil
}

// becomeInside does not return if this process was started to be another program.
func becomeInside() {
	if len(os.Args) != 2 || os.Args[0] != insideName {
		return
	}
	var in inside
	if err := json.Unmarshal([]byte(os.Args[1]), &in); err == nil {
		err = in.become()
		fmt.Fprintln(os.Stderr, "trellis exec:", err)
	}
	os.Exit(126)
}

func (in inside) become() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot keep mounts to itself: %w", err)
	}
	conf, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("there is no /etc/resolv.conf to stand in for: %w", err)
	}
	if err := unix.Mount(in.Resolv, conf, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot point /etc/resolv.conf to the VPC's resolver: %w", err)
	}
	runtime.LockOSThread() // the thread that gives up its capabilities is the one that becomes the program
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot give capabilities up: %w", err)
	}
	if in.UID != 0 {
		if err := errors.Join(syscall.Setgroups([]int{in.GID}), syscall.Setgid(in.GID), syscall.Setuid(in.UID)); err != nil {
			return fmt.Errorf("cannot become user %d: %w", in.UID, err)
		}
	}
	if err := os.Chdir(in.Dir); err != nil {
		return err
	}
	return &os.PathError{Op: "exec", Path: in.Path, Err: syscall.Exec(in.Path, in.Args, in.Env)}
}
