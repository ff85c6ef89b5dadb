// Package kernel reads what the kernel holds of the network namespaces of a process, as text that tells one state from another: links,
// addresses, routes, rules, neighbours, settings, nftables, listening sockets. What the kernel counts or numbers by itself is left out,
// and so are the instances of functions, which come and go with what is asked, and the empty namespace in which a server's threads
// wait, once they had anything to do. It keeps nothing and needs root.
package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Open opens the network namespaces that a process holds beside the caller's own. The caller closes them.
func Open(pid int) ([]netns.NsHandle, error) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{own: true}
	var out []netns.NsHandle
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(to, "net:[") || seen[to] {
			continue // It was closed meanwhile, or is none.
		}
		seen[to] = true
		h, err := netns.GetFromPath(link)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, err
		}
		out = append(out, h)
	}
	return out, nil
}

// State is what the kernel holds in each of the namespaces of a process, in an order of its own.
func State(pid int) ([]string, error) {
	held, err := Open(pid)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, ns := range held {
		text, passing, nerr := read(ns)
		err = errors.Join(err, nerr, ns.Close())
		if !passing {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out, err
}

// Difference is what two states do not share, line by line where a namespace is in both under the same first line; empty if nothing.
func Difference(before, after []string) string {
	was, is := byTitle(before), byTitle(after)
	var b strings.Builder
	for title, text := range was {
		if is[title] == text {
			continue
		}
		fmt.Fprintf(&b, "%s\n", title)
		missing(&b, "-", text, is[title])
		missing(&b, "+", is[title], text)
	}
	for title, text := range is {
		if _, ok := was[title]; !ok {
			fmt.Fprintf(&b, "+ %s\n", strings.ReplaceAll(text, "\n", "\n+ "))
		}
	}
	return b.String()
}

func missing(b *strings.Builder, sign, text, from string) {
	there := strings.Split(from, "\n")
	for line := range strings.SplitSeq(text, "\n") {
		if !slices.Contains(there, line) {
			fmt.Fprintf(b, "%s %s\n", sign, line)
		}
	}
	if sign == "-" && from != "" && len(there) != strings.Count(text, "\n")+1 {
		fmt.Fprintf(b, "%d lines, %d after\n", strings.Count(text, "\n")+1, len(there))
	}
}

func byTitle(state []string) map[string]string {
	out := map[string]string{}
	for _, text := range state {
		title, _, _ := strings.Cut(text, "\n")
		out[title] += text
	}
	return out
}

// Within does something on a thread that is in a namespace.
func Within(ns netns.NsHandle, do func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err == nil {
		err = netns.Set(ns)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = do()
	if back := errors.Join(netns.Set(home), home.Close()); back != nil {
		// The thread stays locked, and ends with the goroutine.
		return errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return err
}

// read reads a namespace, and says whether it is one that comes and goes.
func read(ns netns.NsHandle) (text string, passing bool, err error) {
	err = Within(ns, func() (err error) {
		text, passing, err = here()
		return err
	})
	return text, passing, err
}

// instanceLinks is how the names of links begin that lead to instances of functions, which have their addresses from a range of its own.
const instanceLinks = "g-"

var instances = netip.MustParsePrefix("169.254.64.0/18")

// here reads the namespace of the calling thread.
func here() (string, bool, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "", false, err
	}
	defer h.Close()
	r := &reader{Handle: h, names: map[int]string{}, guests: map[int]bool{}}
	for _, part := range []func() error{r.links, r.addresses, r.routes, r.rules, r.neighbours, r.settings, r.sockets, r.nftables} {
		if err := part(); err != nil {
			return "", false, err
		}
	}
	slices.Sort(r.macs)
	// The links' own addresses are made from the names of what they belong to, and so tell namespaces from each other.
	return "namespace of " + strings.Join(r.macs, " ") + "\n" + strings.Join(r.lines, "\n"), r.instance || r.unused, nil
}
