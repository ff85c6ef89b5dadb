package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"trellis/internal/substrate"
)

// many is n VPCs of one subnet, with k interfaces each.
func many(n, k int) substrate.Config {
	cfg := substrate.Config{LatticePrefixes: latticePrefixes}
	for v := range n {
		vpc := &substrate.VPC{
			ID: fmt.Sprintf("vpc-%d", v), CIDRs: prefixes("10.0.0.0/16"), Lattice: substrate.LatticeAssociated, Resolvers: addrs("10.0.0.2"),
			Subnets:        []substrate.Subnet{{ID: fmt.Sprintf("subnet-%d", v), CIDRs: prefixes("10.0.0.0/16")}},
			SecurityGroups: []substrate.SecurityGroup{tcpFrom(fmt.Sprintf("sg-%d", v), 80, nil, fmt.Sprintf("sg-%d", v))},
		}
		for i := range k {
			vpc.Interfaces = append(vpc.Interfaces, iface(fmt.Sprintf("eni-%d-%d", v, i), vpc.Subnets[0].ID, fmt.Sprintf("sg-%d", v), fmt.Sprintf("10.0.%d.%d", 1+i/250, 1+i%250)))
		}
		cfg.VPCs = append(cfg.VPCs, vpc)
	}
	return cfg
}

// What is as wanted is not written again, and a change costs what changed.
func TestPrivilegedApplyWritesOnlyChanges(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	apply(t, h, cfg)
	before := h.Writes()
	apply(t, h, peered())
	if n := h.Writes() - before; n != 0 {
		t.Errorf("applying the same again wrote %d times", n)
	}
	cfg.VPCs[0].SecurityGroups[0].Ingress = append(cfg.VPCs[0].SecurityGroups[0].Ingress, substrate.Rule{ID: "more", Protocol: 6, From: 1, To: 2, CIDRs: prefixes("10.9.0.0/16")})
	before = h.Writes()
	apply(t, h, cfg)
	if n := h.Writes() - before; n != 1 {
		t.Errorf("one rule more wrote %d times, want one transaction", n)
	}
}

func TestPrivilegedHundredVPCs(t *testing.T) {
	h := newHost(t)
	cfg := many(100, 2)
	start := time.Now()
	apply(t, h, cfg)
	t.Logf("100 VPCs with 200 interfaces applied in %v, %d writes", time.Since(start), h.Writes())
	// A process that has as many threads as it may ends when it wants another.
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(threads) > 100 {
		t.Errorf("100 VPCs with 200 interfaces take %d threads", len(threads))
	}
	start = time.Now()
	apply(t, h, cfg)
	t.Logf("applied again in %v", time.Since(start))
	start = time.Now()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("closed in %v", time.Since(start))
}

// Five thousand elements of every kind arrive, and are gone when they should be.
func TestPrivilegedFiveThousandElements(t *testing.T) {
	const n = 5000
	h := newHost(t)
	ns, err := h.newNamespace("vpc", substrate.KindVPC)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	chain := substrate.Chain{Name: "acl-ingress-subnet-0123456789abcdef0"}
	full := substrate.Table{Chains: []substrate.Chain{chain}, Sets: []substrate.Set{
		{Name: "links", Key: substrate.KeyLink},
		{Name: "verdicts", Key: substrate.KeyLink, Maps: substrate.Verdicts},
		{Name: "addresses", Key: substrate.KeyAddr4, Maps: substrate.Addresses4},
		{Name: "ranges", Key: substrate.KeyAddr4, Interval: true},
		{Name: "ranges6", Key: substrate.KeyAddr6, Interval: true},
		{Name: "pinned4", Key: substrate.KeyLinkAddr4},
		{Name: "pinned6", Key: substrate.KeyLinkAddr6},
	}}
	few := substrate.Table{Chains: full.Chains}
	for i := range full.Sets {
		s := &full.Sets[i]
		for k := range n {
			four := netip.AddrFrom4([4]byte{20, byte(k >> 8), byte(k), 16})
			six := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(k >> 8), byte(k)})
			var e substrate.Element
			if s.Key == substrate.KeyLink || s.Key == substrate.KeyLinkAddr4 || s.Key == substrate.KeyLinkAddr6 {
				e.Link = fmt.Sprintf("i-%012x", k)
			}
			switch s.Key {
			case substrate.KeyAddr4, substrate.KeyLinkAddr4:
				e.Prefix = netip.PrefixFrom(four, 28)
			case substrate.KeyAddr6, substrate.KeyLinkAddr6:
				e.Prefix = netip.PrefixFrom(six, 64)
			}
			switch s.Maps {
			case substrate.Verdicts:
				e.Chain = chain.Name
			case substrate.Addresses4:
				e.To = four
			}
			s.Elements = append(s.Elements, e)
		}
		less := *s
		less.Elements = less.Elements[:10]
		few.Sets = append(few.Sets, less)
	}
	arrived := func(want int) {
		t.Helper()
		sets, err := ns.nft.GetSets(&nftables.Table{Name: substrate.TableName, Family: nftables.TableFamilyINet})
		if err != nil {
			t.Fatal(err)
		}
		if len(sets) != len(full.Sets) {
			t.Fatalf("%d sets arrived", len(sets))
		}
		for _, s := range sets {
			elements, err := ns.nft.GetSetElements(s)
			if err != nil {
				t.Fatal(err)
			}
			// The kernel may tell an element twice while it makes a hash table smaller.
			got := map[string]bool{}
			for _, e := range elements {
				if !e.IntervalEnd {
					got[string(e.Key)] = true
				}
			}
			if len(got) != want {
				t.Errorf("set %s has %d elements, want %d", s.Name, len(got), want)
			}
		}
	}
	start := time.Now()
	if _, err := editTable(ns, substrate.Table{}, full).send(&h.writes); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d elements added in %v", n*len(full.Sets), time.Since(start))
	arrived(n)
	if _, err := editTable(ns, full, few).send(&h.writes); err != nil {
		t.Fatal(err)
	}
	arrived(10)
}

// A resource that cannot be does not keep the others from being.
func TestPrivilegedProblemsAreOfOneResource(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	cfg.VPCs[1].Interfaces[0].Subnet = "subnet-gone"
	problems, err := h.Apply(t.Context(), anew(cfg))
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].ID != "eni-blue" {
		t.Errorf("problems %v", problems)
	}
	serve(t, namespace(t, h, "eni-1"), "10.0.1.10:80", "main")
	wantAnswer(t, h, "eni-green", "10.0.1.10:80", "main 10.2.1.10")
}

// What goes and comes back works as before, and what the kernel still takes down
// does not stand in the way.
func TestPrivilegedComeAndGo(t *testing.T) {
	h := newHost(t)
	cfg := peered()
	for range 5 {
		apply(t, h, cfg)
		l, err := namespace(t, h, "eni-blue").Listen("tcp", netip.MustParseAddrPort("10.1.1.10:80"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(c, "blue")
				c.Close()
			}
		}()
		wantAnswer(t, h, "eni-1", "10.1.1.10:80", "blue")
		l.Close()
		less := peered()
		less.VPCs[0].Interfaces = nil // eni-1 and eni-2, together
		less.VPCs = less.VPCs[:1]
		less.Peerings = nil
		apply(t, h, less)
		if _, ok := h.Namespace("eni-blue"); ok {
			t.Fatal("eni-blue is still there")
		}
	}
}

// After Close no thread, descriptor or process is left in any other namespace.
func TestPrivilegedCloseLeavesNothing(t *testing.T) {
	h := newHostAlone(t)
	cfg := peered()
	cfg.VPCs[0].Interfaces[0].Guests = true
	apply(t, h, cfg)
	g, err := h.AddGuest("eni-1")
	if err != nil {
		t.Fatal(err)
	}
	var children []*exec.Cmd
	for _, ns := range []*Namespace{g.Namespace, namespace(t, h, "eni-2")} {
		cmd := exec.Command("sleep", "1000")
		if err := ns.Start(cmd); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	if n := foreign(t); n == 0 {
		t.Fatal("no other namespace is seen even now")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range children {
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("process ended with %v", err)
		}
	}
	// A thread ends a moment after what it ran.
	for range 500 {
		if foreign(t) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := foreign(t); n != 0 {
		t.Errorf("%d threads or descriptors are in other namespaces", n)
	}
	if _, err := h.Apply(t.Context(), anew(cfg)); !errors.Is(err, errClosed) {
		t.Errorf("apply after close: %v", err)
	}
	if err := g.Do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("guest after close: %v", err)
	}
}

// foreign counts this process's threads in, and descriptors of, network namespaces
// other than its own.
func foreign(t *testing.T) int {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pattern := range []string{"/proc/self/task/*/ns/net", "/proc/self/fd/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if to, err := os.Readlink(f); err == nil && strings.HasPrefix(to, "net:") && to != own {
				n++
			}
		}
	}
	return n
}

// A process started in a namespace sees that namespace and no other.
func TestPrivilegedStart(t *testing.T) {
	h := newHost(t)
	apply(t, h, peered())
	cmd := exec.Command("cat", "/proc/self/net/fib_trie")
	var out strings.Builder
	cmd.Stdout = &out
	if err := namespace(t, h, "eni-1").Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "10.0.1.10") || strings.Contains(out.String(), "10.0.2.10") {
		t.Errorf("the process sees\n%s", out.String())
	}
}

const helperVariable = "TRELLIS_TEST_HELPER"

// Not a test: the process that the next one kills.
func TestHelperProcess(t *testing.T) {
	if os.Getenv(helperVariable) == "" {
		t.Skip("only for another test")
	}
	h := New(nil)
	if _, err := h.Apply(t.Context(), anew(peered())); err != nil {
		t.Fatal(err)
	}
	ns, ok := h.Namespace("eni-1")
	if !ok {
		t.Fatal("no namespace")
	}
	cmd := exec.Command("sleep", "1000")
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("started %d\n", cmd.Process.Pid)
	cmd.Wait()
}

// kill -9 leaves neither process nor namespace: nothing but processes held them.
func TestPrivilegedKillLeavesNothing(t *testing.T) {
	newHost(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), helperVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "started %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	where, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	var left []string
	for range 500 {
		if left = inNamespace(t, where); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still in the namespace: %v", left)
}

// inNamespace lists the threads in a network namespace, as far as they can be seen.
func inNamespace(t *testing.T, where string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(links, func(f string) bool {
		to, err := os.Readlink(f)
		return err != nil || to != where
	})
}
