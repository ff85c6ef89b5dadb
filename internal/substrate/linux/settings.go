package linux

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

type setting struct {
	path, value string
	instead     string // where value is refused
	optional    bool
}

// settings are the kernel's switches for a kind of namespace. They are written
// before it has a link, so that links are born with them.
func settings(kind substrate.NamespaceKind) []setting {
	forward, filter := "0", "0"
	if kind.Forwards() {
		forward = "1"
	}
	if kind == substrate.KindShared {
		// Guests have one address each: a route back by another link is a lie.
		filter = "1"
	}
	s := []setting{
		{path: "ipv4/ip_forward", value: forward},
		{path: "ipv4/conf/all/rp_filter", value: "0"},
		{path: "ipv4/conf/default/rp_filter", value: filter},
		{path: "ipv4/conf/all/send_redirects", value: "0"},
		{path: "ipv4/conf/default/send_redirects", value: "0"},
		{path: "ipv4/conf/all/accept_redirects", value: "0"},
		{path: "ipv4/conf/default/accept_redirects", value: "0"},
		{path: "ipv6/conf/all/forwarding", value: forward, optional: true},
		{path: "ipv6/conf/default/forwarding", value: forward, optional: true},
		{path: "ipv6/conf/default/accept_dad", value: "0", optional: true},
		{path: "ipv6/conf/default/accept_ra", value: "0", optional: true},
		{path: "ipv6/conf/default/accept_redirects", value: "0", optional: true},
		{path: "ipv6/conf/default/addr_gen_mode", value: "1", optional: true},
	}
	if kind == substrate.KindInterface {
		// A workload is alone with its address: any user in it may serve any port, and
		// ping. A user namespace knows no group but the first.
		s = append(s,
			setting{path: "ipv4/ip_unprivileged_port_start", value: "0"},
			setting{path: "ipv4/ping_group_range", value: "0 2147483647", instead: "0 0"})
	} else {
		// A flow nobody saw begin is not picked up in the middle.
		s = append(s, setting{path: "netfilter/nf_conntrack_tcp_loose", value: "0", optional: true})
	}
	return s
}

// linkSettings are the switches of a link that was born under those.
func linkSettings(kind substrate.NamespaceKind, link string) []setting {
	forward, filter := "0", "0"
	if kind.Forwards() {
		forward = "1"
	}
	if kind == substrate.KindShared {
		filter = "1"
	}
	return []setting{
		{path: "ipv4/conf/" + link + "/forwarding", value: forward, optional: true},
		{path: "ipv4/conf/" + link + "/rp_filter", value: filter, optional: true},
	}
}

// writeSettings applies the settings to the namespace of the calling thread.
func writeSettings(kind substrate.NamespaceKind, writes *atomic.Int64) error {
	for _, s := range settings(kind) {
		writes.Add(1)
		if err := s.write(); err != nil {
			return err
		}
	}
	return nil
}

// mendSettings writes those again that are not as they were written, in the namespace of the calling thread. They are looked at in
// their order: the kernel changes some with others.
func mendSettings(kind substrate.NamespaceKind, links []netlink.Link, writes *atomic.Int64) error {
	all := settings(kind)
	for _, l := range links {
		if l.Attrs().Name != "lo" { // born before them
			all = append(all, linkSettings(kind, l.Attrs().Name)...)
		}
	}
	for _, s := range all {
		have, err := readSetting(s.path)
		if err == nil && (have == s.value || s.instead != "" && have == s.instead) || s.optional && errors.Is(err, unix.ENOENT) {
			continue
		}
		writes.Add(1)
		if err := s.write(); err != nil {
			return err
		}
	}
	return nil
}

func (s setting) write() error {
	err := writeSetting(s.path, s.value)
	if err != nil && s.instead != "" {
		err = writeSetting(s.path, s.instead)
	}
	if err == nil || s.optional && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("kernel setting net/%s: %w", s.path, err)
}

// writeSetting writes one. An os.File would be made known to the runtime's poller first.
func writeSetting(path, value string) error {
	fd, err := unix.Open("/proc/sys/net/"+path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	return errors.Join(err, unix.Close(fd))
}

// readSetting reads one, with a blank between its words.
func readSetting(path string) (string, error) {
	fd, err := unix.Open("/proc/sys/net/"+path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	var text [64]byte
	n, err := unix.Read(fd, text[:])
	return strings.Join(strings.Fields(string(text[:max(n, 0)])), " "), errors.Join(err, unix.Close(fd))
}
