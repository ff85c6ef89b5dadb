//go:build linux

package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"trellis/internal/sandbox"
)

// processState returns the letter of /proc/PID/stat.
func processState(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "gone"
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return rest[:1]
}

func TestPrivilegedFiles(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f := h.function("files", nil)
	h.ready()
	if err := os.WriteFile(filepath.Join(h.data, "secret"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/etc/shadow", "/etc/ssh", home, "/home", "/run", "/sys", "/mnt", h.data, h.data + "/secret", "/dev/kmsg", "/dev/mem",
		"/proc/1/root/etc/shadow", "/proc/self/root/" + h.data} {
		got := h.get(f, ev{Do: "read", Text: path})
		if !strings.Contains(got, "no such file") && !strings.Contains(got, "permission denied") {
			t.Errorf("%s: %.200q", path, got)
		}
	}
	for path, allowed := range map[string]string{
		"/":         "bin dev etc lib lib32 lib64 libx32 opt proc sbin tmp usr var",
		"/dev":      "fd full null random stderr stdin stdout urandom zero",
		"/tmp":      "",
		"/var":      "runtime task",
		"/var/task": "bootstrap data.txt",
		"/opt":      "",
		"/etc":      "alternatives ca-certificates crypto-policies group hosts ld.so.cache mime.types nsswitch.conf passwd pki protocols resolv.conf services ssl",
	} {
		for _, name := range strings.Fields(h.get(f, ev{Do: "list", Text: path})) {
			if !strings.Contains(" "+allowed+" ", " "+name+" ") {
				t.Errorf("%s/%s is seen", path, name)
			}
		}
	}
	for _, name := range strings.Fields(h.get(f, ev{Do: "list", Text: "/proc"})) {
		if pid, err := strconv.Atoi(name); err == nil && pid != 1 {
			t.Errorf("process %d is seen", pid)
		}
	}
	for _, path := range []string{"/x", "/usr/x", "/etc/passwd", "/var/task/x", "/var/task/bootstrap", "/var/runtime/x", "/opt/x", "/dev/x", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"} {
		if got := h.get(f, ev{Do: "write", Text: path, N: 1}); !strings.HasPrefix(got, "!") {
			t.Errorf("%s can be written", path)
		}
	}
	if got := h.get(f, ev{Do: "write", Text: "/tmp/x", N: 1 << 20}); got != "<nil>" {
		t.Errorf("writing to /tmp: %s", got)
	}
	if got := h.get(f, ev{Do: "write", Text: "/tmp/y", N: 600 << 20}); !strings.Contains(got, "no space") {
		t.Errorf("writing 600 MB to a /tmp of 512: %s", got)
	}
	if left, _ := os.ReadDir(filepath.Join(h.data, "sandbox")); len(left) != 0 {
		t.Errorf("the mounts are seen outside: %v", left)
	}
	status := h.get(f, ev{Do: "read", Text: "/proc/self/status"})
	for _, want := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
}

func TestPrivilegedSystemCalls(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f := h.function("calls", nil)
	h.ready()
	for _, tc := range []struct {
		name string
		nr   int
		args []uintptr
		want string
	}{
		{"getpid", unix.SYS_GETPID, nil, "allowed"},
		{"mount", unix.SYS_MOUNT, nil, "operation not permitted"},
		{"umount", unix.SYS_UMOUNT2, nil, "operation not permitted"},
		{"pivot_root", unix.SYS_PIVOT_ROOT, nil, "operation not permitted"},
		{"chroot", unix.SYS_CHROOT, nil, "operation not permitted"},
		{"unshare", unix.SYS_UNSHARE, []uintptr{unix.CLONE_NEWUSER}, "operation not permitted"},
		{"clone", unix.SYS_CLONE, []uintptr{unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD)}, "operation not permitted"},
		{"clone3", unix.SYS_CLONE3, nil, "function not implemented"},
		{"setns", unix.SYS_SETNS, nil, "operation not permitted"},
		{"ptrace", unix.SYS_PTRACE, nil, "operation not permitted"},
		{"bpf", unix.SYS_BPF, nil, "operation not permitted"},
		{"kexec_load", unix.SYS_KEXEC_LOAD, nil, "operation not permitted"},
		{"keyctl", unix.SYS_KEYCTL, nil, "operation not permitted"},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, nil, "operation not permitted"},
		{"userfaultfd", unix.SYS_USERFAULTFD, nil, "operation not permitted"},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, nil, "operation not permitted"},
		{"reboot", unix.SYS_REBOOT, nil, "operation not permitted"},
		{"sethostname", unix.SYS_SETHOSTNAME, nil, "operation not permitted"},
		{"death signal", unix.SYS_PRCTL, []uintptr{unix.PR_SET_PDEATHSIG, 0}, "operation not permitted"},
		{"packet socket", unix.SYS_SOCKET, []uintptr{unix.AF_PACKET, unix.SOCK_RAW}, "address family not supported by protocol"},
		{"vsock", unix.SYS_SOCKET, []uintptr{unix.AF_VSOCK, unix.SOCK_STREAM}, "address family not supported by protocol"},
		{"audit socket", unix.SYS_SOCKET, []uintptr{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, "protocol not supported"},
		{"raw socket", unix.SYS_SOCKET, []uintptr{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, "operation not permitted"},
		{"udp socket", unix.SYS_SOCKET, []uintptr{unix.AF_INET, unix.SOCK_DGRAM}, "allowed"},
		{"route socket", unix.SYS_SOCKET, []uintptr{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, "allowed"},
		{"terminal input", unix.SYS_IOCTL, []uintptr{0, unix.TIOCSTI}, "operation not permitted"},
		{"newer than known", 511, nil, "function not implemented"},
	} {
		if got := h.get(f, ev{Do: "syscall", N: tc.nr, Args: tc.args}); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestPrivilegedReach(t *testing.T) {
	privileged(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here to be attacked:", err)
	}
	defer l.Close()
	h := newHost(t, nil)
	f := h.function("net", nil)
	h.ready()
	for _, address := range []string{l.Addr().String(), "1.1.1.1:443", "169.254.169.254:80"} {
		if got := h.get(f, ev{Do: "dial", Text: address}); !strings.HasPrefix(got, "!") {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestPrivilegedForkBomb(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f := h.function("bomb", func(f *sandbox.Function) { f.MemoryMB = sandbox.MaxMemoryMB })
	other := h.function("other", nil)
	h.ready()
	res := h.invoke(f, ev{Do: "bomb", N: 3000})
	// Either the limit on processes stopped it, or its memory did.
	if n, err := strconv.Atoi(string(res.Payload)); res.FunctionError == "" && (err != nil || n >= 1024) {
		t.Errorf("%s processes were started", res.Payload)
	}
	if got := h.get(other, ev{Do: "echo", Text: "well"}); got != "well" {
		t.Errorf("another function answers %q", got)
	}
	h.fns = nil
	h.ready()
	eventually(t, "no process left", func() bool {
		h.m.mu.Lock()
		defer h.m.mu.Unlock()
		return len(h.m.all) == 0
	})
}

func TestPrivilegedHostUser(t *testing.T) {
	privileged(t)
	h := newHost(t, nil)
	f, g := h.function("a", nil), h.function("b", nil)
	h.ready()
	h.get(f, ev{Do: "echo"})
	h.get(g, ev{Do: "echo"})
	seen := make(map[string]bool)
	h.m.mu.Lock()
	for in := range h.m.all {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", in.process.Pid))
		if err != nil {
			t.Error(err)
		}
		_, rest, _ := strings.Cut(string(data), "\nUid:\t")
		uid, _, _ := strings.Cut(rest, "\t")
		seen[uid] = true
	}
	h.m.mu.Unlock()
	own := strconv.Itoa(os.Geteuid())
	if h.m.SharedUser() {
		if len(seen) != 1 || !seen[own] {
			t.Errorf("with one id mapped instances run as %v", seen)
		}
		return
	}
	if len(seen) != 2 || seen[own] {
		t.Errorf("two instances run as %v", seen)
	}
}
