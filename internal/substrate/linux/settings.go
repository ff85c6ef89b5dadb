package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

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

// writeSettings applies them to the namespace of the calling thread.
func writeSettings(kind substrate.NamespaceKind, writes *atomic.Int64) error {
	for _, s := range settings(kind) {
		writes.Add(1)
		path := filepath.Join("/proc/sys/net", s.path)
		err := os.WriteFile(path, []byte(s.value), 0)
		if err != nil && s.instead != "" {
			err = os.WriteFile(path, []byte(s.instead), 0)
		}
		if s.optional && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("kernel setting net/%s: %w", s.path, err)
		}
	}
	return nil
}
