package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// nobody is a user that owns nothing.
const nobody = 65534

// steal prints all that the process can get of a server: files of its data directory, words from its sockets, and what /proc has.
func steal(data, pid string) error {
	walk := func(dir string) {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			if e.Type().IsRegular() {
				if f, err := os.Open(path); err == nil {
					fmt.Println("file", path)
					f.Close()
				}
			} else if path != dir {
				fmt.Println("entry", path)
			}
			return nil
		})
	}
	walk(data)
	for _, name := range []string{"admin.sock", "exec.sock"} {
		c, err := net.Dial("unix", filepath.Join(data, name))
		if err != nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := fmt.Fprint(c, "GET /accounts HTTP/1.1\r\nHost: admin\r\n\r\n"); err == nil {
			answer := make([]byte, 100)
			if n, _ := c.Read(answer); n > 0 {
				fmt.Printf("socket %s: %q\n", name, answer[:n])
			}
		}
		c.Close()
	}
	for _, name := range []string{"environ", "maps", "mem"} {
		if text, err := os.ReadFile(filepath.Join("/proc", pid, name)); err == nil && len(text) > 0 {
			fmt.Println("proc", name)
		}
	}
	for _, name := range []string{"fd", "root", "cwd"} {
		if _, err := os.ReadDir(filepath.Join("/proc", pid, name)); err == nil {
			fmt.Println("proc", name)
		}
	}
	if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, 0) == nil {
		fmt.Println("signals")
	}
	fmt.Println("end")
	return nil
}

// A local user who is not the server's reads none of its files, is not heard on its sockets and sees nothing through /proc.
func TestPrivilegedOtherLocalUser(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	must(t, z.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{})
	records := z.recorded(t, z.start(t, "ask"))
	// What stands above the data directory does not hide it.
	if err := errors.Join(os.Chmod(scratch, 0o755), os.Chmod(filepath.Dir(s.data), 0o755)); err != nil {
		t.Fatal(err)
	}
	attempt := func(uid uint32) string {
		t.Helper()
		cmd := exec.Command("/proc/self/exe", probeArgument, "steal", s.data, fmt.Sprint(s.cmd.Process.Pid))
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || !strings.HasSuffix(string(out), "end\n") {
			t.Fatalf("%s, %v: %s", out, err, &said)
		}
		return strings.TrimSuffix(string(out), "end\n")
	}
	// The attempt is worth something only if the owner's succeeds.
	for _, want := range []string{"/key\n", "/aws-config\n", "file " + records + "\n", "admin.sock: \"HTTP/1.1 200 OK", "proc environ", "proc root", "signals"} {
		if got := attempt(0); !strings.Contains(got, want) {
			t.Fatalf("the owner gets no %q:\n%s", want, got)
		}
	}
	if got := attempt(nobody); got != "" {
		t.Errorf("another user gets\n%s", got)
	}
	// Open doors change nothing for who comes through them.
	for path, mode := range map[string]fs.FileMode{s.data: 0o755, filepath.Join(s.data, "admin.sock"): 0o777, filepath.Join(s.data, "exec.sock"): 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(attempt(nobody)) {
		if !strings.HasPrefix(line, "entry ") || strings.Contains(line, "/logs/") {
			t.Errorf("in an open directory another user gets %s", line)
		}
	}
	s.alive(t)
}
