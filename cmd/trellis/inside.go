package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideName is the name under which this program starts itself inside a subnet, to run the program that was asked for
// and to see that nothing of it stays.
const insideName = "trellis-inside"

// Exit statuses of a program that cannot be run, as shells have them.
const (
	notRunnable = 126
	notThere    = 127
)

// inside is a program to run. It comes in a mount namespace of its own, with the file to read orders from as its fourth:
// a byte is a signal for the program, and the end of the file, however it comes about, is the end of all that it started.
type inside struct {
	// Resolv is the file that stands for /etc/resolv.conf. It is removed once it does.
	Resolv string
	Args   []string
	Env    []string
	Dir    string
	// UID and GID are to be taken on, unless UID is 0.
	UID, GID int
}

// arguments encodes it.
func (in inside) arguments() ([]string, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return []string{insideName, string(raw)}, nil
}

// becomeInside does not return if this process was started to run another program.
func becomeInside() {
	if len(os.Args) != 2 || os.Args[0] != insideName {
		return
	}
	var in inside
	code, err := notRunnable, json.Unmarshal([]byte(os.Args[1]), &in)
	if err == nil {
		code, err = in.run(os.NewFile(3, "orders"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "trellis exec:", err)
	}
	os.Exit(code)
}

// run runs the program and returns its exit status.
func (in inside) run(orders *os.File) (int, error) {
	// The program gets its three files and nothing that the server happens to have been started with.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return notRunnable, err
	}
	// The server's end, and that of the namespace, is a SIGTERM; it can come before there is a program.
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	// A server that was started to ignore signals, as by nohup, has programs that do not: what is taken here is the program's default.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	runtime.LockOSThread() // the thread that gives up its capabilities is the one that starts the program
	if err := in.prepare(); err != nil {
		return notRunnable, err
	}
	path, err := in.lookPath()
	if err != nil {
		return notThere, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return notRunnable, err
	}
	pid, err := syscall.ForkExec(path, in.Args, &syscall.ProcAttr{Env: append([]string{}, in.Env...), Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}})
	if err != nil {
		code := notRunnable
		if errors.Is(err, fs.ErrNotExist) {
			code = notThere
		}
		return code, &os.PathError{Op: "exec", Path: path, Err: err}
	}
	go func() {
		<-end
		_ = unix.Kill(pid, unix.SIGKILL)
	}()
	go obey(orders, pid)
	status, err := await(pid)
	if err != nil {
		return notRunnable, err
	}
	killDescendants()
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// prepare makes the process what the program is to see of itself.
func (in inside) prepare() error {
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
	if err := os.Remove(in.Resolv); err != nil {
		return err
	}
	if in.UID != 0 {
		if err := errors.Join(syscall.Setgroups([]int{in.GID}), syscall.Setgid(in.GID), syscall.Setuid(in.UID)); err != nil {
			return fmt.Errorf("cannot become user %d: %w", in.UID, err)
		}
	}
	if os.Getuid() != 0 {
		// Also clears the ambient set, which is within the inheritable one.
		none := [2]unix.CapUserData{}
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			return fmt.Errorf("cannot give capabilities up: %w", err)
		}
	}
	return os.Chdir(in.Dir)
}

// lookPath finds the program as a shell of the caller would.
func (in inside) lookPath() (string, error) {
	name := in.Args[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, v := range in.Env {
		path, ok := strings.CutPrefix(v, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			full := filepath.Join(dir, name)
			if dir == "" || dir == "." {
				full = "./" + name
			}
			if info, err := os.Stat(full); err == nil && !info.IsDir() && unix.Access(full, unix.X_OK) == nil {
				return full, nil
			}
		}
	}
	return "", fmt.Errorf("%s: not found in the PATH", name)
}

// obey passes signals on. A terminal's go to everything the program has in its process group, as from a terminal of its own.
func obey(orders *os.File, pid int) {
	signals := make([]byte, 16)
	for {
		n, err := orders.Read(signals)
		for _, s := range signals[:n] {
			to := pid
			switch s := syscall.Signal(s); s {
			case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
				to = -pid
			}
			_ = unix.Kill(to, syscall.Signal(s))
		}
		if err != nil {
			_ = unix.Kill(pid, unix.SIGKILL)
			return
		}
	}
}

// await buries what dies until the program does.
func await(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		dead, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case dead == pid:
			return status, nil
		}
	}
}

// killDescendants ends everything the program has left: what loses its parent becomes a child of this process.
func killDescendants() {
	for {
		for _, pid := range children(os.Getpid()) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// children lists the processes whose parent is the one with the id.
func children(parent int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// The command's name, in parentheses, may hold anything; the state and the parent follow it.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			out = append(out, pid)
		}
	}
	return out
}
