package linux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"trellis/internal/substrate"
)

// TestMain runs the tests where network namespaces can be made: here as root, else
// in a user namespace. Where neither can be, the privileged tests say so and skip.
func TestMain(m *testing.M) {
	code, entered, err := Enter()
	if entered {
		os.Exit(code)
	}
	noNamespaces = err
	before := ownNetwork()
	code = m.Run()
	if after := ownNetwork(); after != before {
		fmt.Printf("the network of the host has changed from\n%s\nto\n%s\n", before, after)
		code = 1
	}
	os.Exit(code)
}

// ownNetwork describes the namespace the tests were started in, which is nobody's
// to change.
func ownNetwork() string {
	var b strings.Builder
	links, _ := netlink.LinkList()
	for _, l := range links {
		fmt.Fprintln(&b, l.Attrs().Name, l.Attrs().HardwareAddr, l.Attrs().Flags, l.Attrs().MTU)
	}
	addresses, _ := netlink.AddrList(nil, netlink.FAMILY_ALL)
	for _, a := range addresses {
		fmt.Fprintln(&b, a.IPNet)
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, _ := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		for _, r := range routes {
			fmt.Fprintln(&b, r.Table, r.Type, r.Dst, r.Gw, r.LinkIndex)
		}
		rules, _ := netlink.RuleList(family)
		for _, r := range rules {
			fmt.Fprintln(&b, r)
		}
	}
	for _, s := range settings(substrate.KindVPC) {
		v, _ := os.ReadFile("/proc/sys/net/" + s.path)
		fmt.Fprintln(&b, s.path, strings.TrimSpace(string(v)))
	}
	return b.String()
}

// noNamespaces is why privileged tests cannot run here.
var noNamespaces error

const nobody = 65534

// The same tests as a user without any privilege.
func TestPrivilegedAsOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 || os.Getenv(insideVariable) != "" {
		t.Skip("this is the ordinary user's run")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestPrivileged", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME=/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "user namespace:") {
		t.Skipf("an ordinary user may not here:\n%s", out)
	}
	if strings.Count(string(out), "--- PASS") < 5 {
		t.Fatalf("hardly a test ran:\n%s", out)
	}
	t.Logf("%d tests passed as uid %d", strings.Count(string(out), "--- PASS"), nobody)
}

// newHost is a host for a test that runs beside others: they share nothing.
func newHost(t *testing.T) *Host {
	t.Helper()
	t.Parallel()
	return newHostAlone(t)
}

func newHostAlone(t *testing.T) *Host {
	t.Helper()
	if noNamespaces != nil {
		t.Skipf("no user namespace: %v", noNamespaces)
	}
	h := New(nil)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

// anew is a Config with the same contents, of which nothing is the same pointer.
func anew(cfg substrate.Config) substrate.Config {
	out := substrate.Config{LatticePrefixes: cfg.LatticePrefixes}
	for _, v := range cfg.VPCs {
		c := *v
		out.VPCs = append(out.VPCs, &c)
	}
	for _, p := range cfg.Peerings {
		c := *p
		out.Peerings = append(out.Peerings, &c)
	}
	slices.SortFunc(out.VPCs, func(a, b *substrate.VPC) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(out.Peerings, func(a, b *substrate.Peering) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func links(cfg substrate.Config) []substrate.Link {
	var out []substrate.Link
	for _, p := range substrate.Lower(anew(cfg)).Parts {
		out = append(out, p.Links...)
	}
	return out
}

func apply(t *testing.T, h *Host, cfg substrate.Config) {
	t.Helper()
	problems, err := h.Apply(context.Background(), anew(cfg))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Fatalf("apply: %s", p)
	}
}

func namespace(t *testing.T, h *Host, id string) *Namespace {
	t.Helper()
	n, ok := h.Namespace(id)
	if !ok {
		t.Fatalf("no namespace %s", id)
	}
	return n
}

// serve answers every connection to the address with a word and the peer it saw.
func serve(t *testing.T, n *Namespace, addr, word string) {
	t.Helper()
	l, err := n.Listen("tcp", netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatalf("listen in %s: %v", n.Name(), err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s %s", word, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()
}

// silence is how long no answer counts as a timeout.
const silence = 100 * time.Millisecond

// ask connects and reads the answer; "timeout" if nothing at all comes back in time.
func ask(n *Namespace, source, destination string, patience time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var from netip.AddrPort
	if source != "" {
		from = netip.AddrPortFrom(netip.MustParseAddr(source), 0)
	}
	c, err := n.Dial(ctx, "tcp", from, netip.MustParseAddrPort(destination))
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 100)
	k, err := c.Read(b)
	if err != nil {
		return "read: " + err.Error()
	}
	return string(b[:k])
}

func wantAnswer(t *testing.T, h *Host, from, to, want string) {
	t.Helper()
	wantAnswerFrom(t, h, from, "", to, want)
}

func wantAnswerFrom(t *testing.T, h *Host, from, source, to, want string) {
	t.Helper()
	patience := 10 * time.Second
	if want == "timeout" {
		patience = silence
	}
	if got := ask(namespace(t, h, from), source, to, patience); got != want {
		t.Errorf("%s to %s: got %q, want %q", from, to, got, want)
	}
}

// echo returns what it gets on every connection.
func echo(t *testing.T, n *Namespace, addr string) {
	t.Helper()
	l, err := n.Listen("tcp", netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
}

func dial(t *testing.T, n *Namespace, addr string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := n.Dial(ctx, "tcp", netip.AddrPort{}, netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func wantEcho(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 4)
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
		t.Fatalf("echo %q, %v", b, err)
	}
}
