// Package harm takes away by hand, as somebody with root's rights could, what a server has made in its network namespaces.
package harm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

type place struct {
	ns netns.NsHandle
	*netlink.Handle
}

// Links deletes every link between namespaces of a process.
func Links(pid int) error {
	return everywhere(pid, func(p place) error {
		links, err := p.LinkList()
		for _, l := range links {
			if l.Type() == "veth" {
				err = errors.Join(err, p.LinkDel(l))
			}
		}
		return err
	})
}

// Routes deletes every route but the kernel's own.
func Routes(pid int) error {
	return everywhere(pid, func(p place) error {
		routes, err := p.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		for _, r := range routes {
			if r.Protocol != unix.RTPROT_KERNEL {
				err = errors.Join(err, p.RouteDel(&r))
			}
		}
		return err
	})
}

// Filters deletes every table of the packet filter.
func Filters(pid int) error {
	return everywhere(pid, func(p place) error {
		c, err := nftables.New(nftables.WithNetNSFd(int(p.ns)))
		if err != nil {
			return err
		}
		c.FlushRuleset()
		return c.Flush()
	})
}

// everywhere does something in each network namespace that a process holds but does not live in.
func everywhere(pid int, do func(place) error) error {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return err
	}
	seen := map[string]bool{own: true}
	for _, l := range links {
		to, err := os.Readlink(l)
		if err != nil || !strings.HasPrefix(to, "net:[") || seen[to] {
			continue
		}
		seen[to] = true
		if err := within(l, do); err != nil {
			return err
		}
	}
	return nil
}

func within(path string, do func(place) error) error {
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	return do(place{ns, h})
}
