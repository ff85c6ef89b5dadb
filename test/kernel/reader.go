package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// reader collects the lines of a namespace.
type reader struct {
	*netlink.Handle
	lines    []string
	names    map[int]string // of links, by their number
	guests   map[int]bool   // links that lead to instances
	macs     []string
	instance bool
	unused   bool // nothing is there but a loopback interface that is down
}

// add appends lines, in order where the kernel has none.
func (r *reader) add(lines []string) {
	slices.Sort(lines)
	r.lines = append(r.lines, lines...)
}

func (r *reader) links() error {
	links, err := r.LinkList()
	r.unused = len(links) == 1 && links[0].Attrs().Flags&net.FlagUp == 0
	var lines []string
	for _, l := range links {
		a := l.Attrs()
		r.names[a.Index] = a.Name
		if strings.HasPrefix(a.Name, instanceLinks) {
			r.guests[a.Index] = true
			continue
		}
		if a.Name != "lo" {
			r.macs = append(r.macs, a.HardwareAddr.String())
		}
		lines = append(lines, fmt.Sprintf("link %s %s %s mtu %d up %t master %s", a.Name, l.Type(), a.HardwareAddr, a.MTU, a.Flags&net.FlagUp != 0, r.names[a.MasterIndex]))
	}
	r.add(lines)
	return err
}

func (r *reader) addresses() error {
	all, err := r.AddrList(nil, netlink.FAMILY_ALL)
	var lines []string
	for _, a := range all {
		if r.guests[a.LinkIndex] {
			continue
		}
		if ip, ok := netip.AddrFromSlice(a.IP); ok && instances.Contains(ip.Unmap()) {
			r.instance = true
		}
		lines = append(lines, fmt.Sprintf("address %s dev %s scope %d", a.IPNet, r.names[a.LinkIndex], a.Scope))
	}
	r.add(lines)
	return err
}

func (r *reader) routes() error {
	var lines []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := r.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return err
		}
		for _, x := range all {
			// The kernel gives links their way to IPv6 multicast when it comes to it.
			if !r.guests[x.LinkIndex] && x.Type != unix.RTN_MULTICAST {
				lines = append(lines, fmt.Sprintf("route %s type %d via %s dev %s src %s table %d protocol %d scope %d metric %d flags %d paths %d",
					x.Dst, x.Type, x.Gw, r.names[x.LinkIndex], x.Src, x.Table, x.Protocol, x.Scope, x.Priority, x.Flags, len(x.MultiPath)))
			}
		}
	}
	r.add(lines)
	return nil
}

func (r *reader) rules() error {
	var lines []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := r.RuleList(family)
		if err != nil {
			return err
		}
		for _, x := range all {
			lines = append(lines, fmt.Sprintf("rule %d family %d from %s to %s in %s out %s mark %d table %d suppress %d type %d",
				x.Priority, family, x.Src, x.Dst, x.IifName, x.OifName, x.Mark, x.Table, x.SuppressPrefixlen, x.Type))
		}
	}
	r.add(lines)
	return nil
}

// neighbours are those that somebody set; the others are what the kernel remembers of packets.
func (r *reader) neighbours() error {
	all, err := r.NeighList(0, 0)
	var lines []string
	for _, x := range all {
		if x.State == netlink.NUD_PERMANENT && !r.guests[x.LinkIndex] {
			lines = append(lines, fmt.Sprintf("neighbour %s %s dev %s", x.IP, x.HardwareAddr, r.names[x.LinkIndex]))
		}
	}
	r.add(lines)
	return err
}

// settings are the kernel's switches that decide what becomes of a packet.
func (r *reader) settings() error {
	var lines []string
	for _, pattern := range []string{"ipv4/ip_forward", "ipv4/ip_unprivileged_port_start", "ipv4/ping_group_range", "netfilter/nf_conntrack_tcp_loose",
		"ipv4/conf/*/forwarding", "ipv4/conf/*/rp_filter", "ipv4/conf/*/send_redirects", "ipv4/conf/*/accept_redirects",
		"ipv6/conf/*/forwarding", "ipv6/conf/*/accept_dad", "ipv6/conf/*/accept_ra", "ipv6/conf/*/accept_redirects", "ipv6/conf/*/addr_gen_mode"} {
		paths, err := filepath.Glob("/proc/sys/net/" + pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			value, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(filepath.Base(filepath.Dir(path)), instanceLinks) {
				continue
			}
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("setting %s %s", strings.TrimPrefix(path, "/proc/sys/net/"), strings.Join(strings.Fields(string(value)), " ")))
		}
	}
	r.add(lines)
	return nil
}

// sockets are those that wait for whoever comes.
func (r *reader) sockets() error {
	var lines []string
	for protocol, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + protocol)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 && f[3] == state {
				lines = append(lines, "socket "+protocol+" "+f[1])
			}
		}
	}
	r.add(lines)
	return nil
}
