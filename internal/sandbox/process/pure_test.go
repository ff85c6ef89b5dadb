//go:build linux

package process

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"trellis/internal/sandbox"
)

// verdict runs the filter on a system call. The virtual machine reads words in network order, the kernel in its own.
func verdict(t *testing.T, arch, nr uint32, args ...uint32) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(filter())
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetNumber:], nr)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offsetArg0+8*i:], a)
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestFilter(t *testing.T) {
	const allow, kill = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS
	errno := func(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	for _, tc := range []struct {
		name string
		arch uint32
		nr   uint32
		args []uint32
		want uint32
	}{
		{"read", auditArch, unix.SYS_READ, nil, allow},
		{"execve", auditArch, unix.SYS_EXECVE, nil, allow},
		{"another architecture", auditArch + 1, unix.SYS_READ, nil, kill},
		{"x32", auditArch, 0x40000000 | unix.SYS_READ, nil, errno(unix.ENOSYS)},
		{"the newest known", auditArch, lastKnown, nil, allow},
		{"newer", auditArch, lastKnown + 1, nil, errno(unix.ENOSYS)},
		{"thread", auditArch, unix.SYS_CLONE, []uint32{unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, allow},
		{"fork", auditArch, unix.SYS_CLONE, []uint32{uint32(unix.SIGCHLD)}, allow},
		{"new network", auditArch, unix.SYS_CLONE, []uint32{unix.CLONE_NEWNET | uint32(unix.SIGCHLD)}, errno(unix.EPERM)},
		{"clone3", auditArch, unix.SYS_CLONE3, nil, errno(unix.ENOSYS)},
		{"unix socket", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allow},
		{"inet socket", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_STREAM, 6}, allow},
		{"inet6 socket", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_INET6, unix.SOCK_STREAM, 6}, allow},
		{"routes", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, allow},
		{"netfilter", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, errno(unix.EPROTONOSUPPORT)},
		{"crypto", auditArch, unix.SYS_SOCKET, []uint32{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, errno(unix.EAFNOSUPPORT)},
		{"death signal", auditArch, unix.SYS_PRCTL, []uint32{unix.PR_SET_PDEATHSIG}, errno(unix.EPERM)},
		{"thread name", auditArch, unix.SYS_PRCTL, []uint32{unix.PR_SET_NAME}, allow},
		{"window size", auditArch, unix.SYS_IOCTL, []uint32{0, unix.TIOCGWINSZ}, allow},
		{"terminal input", auditArch, unix.SYS_IOCTL, []uint32{0, unix.TIOCSTI}, errno(unix.EPERM)},
		{"console", auditArch, unix.SYS_IOCTL, []uint32{0, unix.TIOCLINUX}, errno(unix.EPERM)},
	} {
		if got := verdict(t, tc.arch, tc.nr, tc.args...); got != tc.want {
			t.Errorf("%s: %#x, want %#x", tc.name, got, tc.want)
		}
	}
	for _, nr := range denied {
		if got := verdict(t, auditArch, nr); got != errno(unix.EPERM) {
			t.Errorf("call %d: %#x", nr, got)
		}
		if nr > lastKnown {
			t.Errorf("call %d is denied and newer than known", nr)
		}
	}
	if data, err := assembledFilter(); err != nil || len(data) != 8*len(filter()) {
		t.Errorf("%d bytes for %d instructions, %v", len(data), len(filter()), err)
	}
}

func TestChooseIDs(t *testing.T) {
	for _, tc := range []struct {
		name   string
		text   string
		server uint32
		want   hostIDs
		picks  []int
	}{
		{"root of the host", "0 0 4294967295", 0, hostIDs{first: highFirst, count: highCount}, []int{highFirst, highFirst + 1}},
		{"one id", "0 1000 1", 0, hostIDs{first: 0, count: 1, shared: true}, []int{0, 0}},
		{"newuidmap", "0 1000 1\n1 100000 65536", 0, hostIDs{first: 1, count: 65536}, []int{1, 2}},
		{"a container", "0 100000 65536", 0, hostIDs{first: 1, count: 65535}, []int{1, 2}},
		{"not the first id", "0 100000 10", 4, hostIDs{first: 5, count: 5}, []int{5, 6, 7, 8, 9, 5}},
		{"the last id", "0 100000 10", 9, hostIDs{first: 9, count: 1, shared: true}, []int{9, 9}},
	} {
		ranges, err := parseIDMap(strings.NewReader(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		got := chooseIDs(ranges, tc.server)
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
		for n, want := range tc.picks {
			if id := got.pick(uint32(n)); id != want {
				t.Errorf("%s: instance %d has id %d, want %d", tc.name, n, id, want)
			}
		}
	}
	if _, err := parseIDMap(strings.NewReader("0 x 1")); err == nil {
		t.Error("a wrong map was read")
	}
}

func TestSafe(t *testing.T) {
	private := []string{"/export/user", "/home", "/var", "/srv/data/sandbox"}
	for _, tc := range []struct {
		name string
		in   sandbox.Interpreter
		want []string
		ok   bool
	}{
		{"of the system", sandbox.Interpreter{Path: "/usr/bin/python3.12", Prefixes: []string{"/usr", "/usr"}}, nil, true},
		{"in a home", sandbox.Interpreter{Path: "/export/user/.pyenv/versions/3.12.1/bin/python3.12", Prefixes: []string{"/export/user/.pyenv/versions/3.12.1"}},
			[]string{"/export/user/.pyenv/versions/3.12.1"}, true},
		{"one file", sandbox.Interpreter{Path: "/opt/node/bin/node"}, []string{"/opt/node/bin/node"}, true},
		{"the home itself", sandbox.Interpreter{Path: "/export/user/bin/python3", Prefixes: []string{"/export/user"}}, nil, false},
		{"the root", sandbox.Interpreter{Path: "/bin/python3", Prefixes: []string{"/"}}, nil, false},
		{"above the data", sandbox.Interpreter{Path: "/srv/bin/python3", Prefixes: []string{"/srv"}}, nil, false},
		{"beside the data", sandbox.Interpreter{Path: "/srv/py/bin/python3", Prefixes: []string{"/srv/py"}}, []string{"/srv/py"}, true},
	} {
		ok := safe(&tc.in, private)
		if ok != tc.ok || ok && !slices.Equal(tc.in.Prefixes, tc.want) {
			t.Errorf("%s: %v %v, want %v %v", tc.name, ok, tc.in.Prefixes, tc.ok, tc.want)
		}
	}
}

func TestResolvConf(t *testing.T) {
	arn := func(region string) string { return "arn:aws:lambda:" + region + ":111111111111:function:f" }
	for _, tc := range []struct {
		f    sandbox.Function
		want string
	}{
		{sandbox.Function{ARN: arn("us-east-1")}, "nameserver 127.0.0.1\n"},
		{sandbox.Function{ARN: arn("us-east-1"), Resolver: netip.MustParseAddr("10.0.0.2")}, "search ec2.internal\nnameserver 10.0.0.2\n"},
		{sandbox.Function{ARN: arn("eu-west-1"), Resolver: netip.MustParseAddr("10.0.0.2")}, "search eu-west-1.compute.internal\nnameserver 10.0.0.2\n"},
	} {
		if got := string(resolvConf(&tc.f)); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 1)
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	accept := func() {
		_, err := l.Accept()
		got <- err
	}
	go accept()
	select {
	case err := <-got:
		t.Fatalf("a second connection of one came in: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	first.Close()
	first.Close()
	if err := <-got; err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
	go accept()
	l.Close()
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}

// An instance is dead when its process has ended, whether or not the one that waits for it has been told.
func TestDead(t *testing.T) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := &instance{process: cmd.Process, gone: make(chan struct{})}
	if in.dead() {
		t.Error("a process that runs is said to be dead")
	}
	stdin.Close()
	for deadline := time.Now().Add(10 * time.Second); !in.dead(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process that nobody has waited for is not seen to be dead")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !in.dead() {
		t.Error("a process that is gone is not dead")
	}
}
