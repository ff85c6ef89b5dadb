package linux

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// watch hears of what changes in namespaces, whoever changes it, so that only those are
// read back in which something did.
type watch struct {
	mu    sync.Mutex           // guards what follows
	epoll int                  // -1 before there is a namespace
	ears  map[int32]*Namespace // by the socket that is told
}

func newWatch() *watch { return &watch{epoll: -1, ears: map[int32]*Namespace{}} }

// groups are those a namespace is listened to in, by protocol.
var groups = []struct {
	protocol int
	mask     uint32
}{
	{unix.NETLINK_ROUTE, groupMask(unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
		unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF)},
	{unix.NETLINK_NETFILTER, groupMask(unix.NFNLGRP_NFTABLES)},
}

func groupMask(groups ...int) uint32 {
	var mask uint32
	for _, g := range groups {
		mask |= 1 << (g - 1)
	}
	return mask
}

// add begins to listen to a namespace, which the calling thread is in.
func (w *watch) add(n *Namespace) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoll < 0 {
		var err error
		if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return fmt.Errorf("watch namespaces: %w", err)
		}
	}
	for _, g := range groups {
		if g.protocol == unix.NETLINK_NETFILTER && n.nft == nil {
			continue
		}
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, g.protocol)
		if err != nil {
			return fmt.Errorf("watch a namespace: %w", err)
		}
		err = errors.Join(
			unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: g.mask}),
			unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}),
		)
		if err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("watch a namespace: %w", err)
		}
		w.ears[int32(fd)] = n
		n.ears = append(n.ears, fd)
	}
	return nil
}

// remove stops listening to a namespace.
func (w *watch) remove(n *Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fd := range n.ears {
		delete(w.ears, int32(fd))
		// Nothing was written to it.
		_ = unix.Close(fd)
	}
	n.ears = nil
}

// heard tells of the namespaces that changed since it was asked last. Where nothing
// happened it costs one system call.
func (w *watch) heard(tell func(*Namespace)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoll < 0 {
		return nil
	}
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(w.epoll, events[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("watch namespaces: %w", err)
		}
		for _, e := range events[:n] {
			drain(int(e.Fd))
			if ns := w.ears[e.Fd]; ns != nil {
				tell(ns)
			}
		}
		if n < len(events) {
			return nil
		}
	}
}

// drain throws away what a socket was told; that it was is enough.
func drain(fd int) {
	var start [1]byte
	for {
		switch _, _, err := unix.Recvfrom(fd, start[:], unix.MSG_DONTWAIT); err {
		case nil, unix.EINTR, unix.ENOBUFS:
		default:
			return
		}
	}
}

// close stops listening to everything.
func (w *watch) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.epoll < 0 {
		return nil
	}
	fd := w.epoll
	w.epoll = -1
	return unix.Close(fd)
}
