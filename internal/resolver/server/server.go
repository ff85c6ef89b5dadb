// Package server answers DNS inside VPCs, over UDP and TCP, from the zones of
// package resolver. It owns the sockets, which a Network opens for it inside
// each VPC, and keeps nothing else: every answer is drawn from the newest zones,
// which readers reach without a lock.
package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"trellis/internal/resolver"
)

// Network opens sockets inside a VPC. The addresses are those the VPC's DNS
// server answers at, and must be local there.
type Network interface {
	ListenPacket(vpcID, network, addr string) (net.PacketConn, error)
	Listen(vpcID, network, addr string) (net.Listener, error)
}

// Server is the DNS servers of a host's VPCs.
type Server struct {
	network Network
	zones   atomic.Pointer[resolver.Zones]

	// broken says that a socket failed since the last Apply.
	broken atomic.Bool

	mu        sync.Mutex                          // held by Apply and Close
	listeners map[string]map[netip.Addr]*listener // by VPC
	// due are the VPCs that may not listen as they should.
	due    map[string]bool
	closed bool
}

const port = 53

// New returns a server without any VPC.
func New(network Network) *Server {
	return &Server{network: network, listeners: make(map[string]map[netip.Addr]*listener), due: make(map[string]bool)}
}

// Errors are the faults that Apply met, by VPC.
type Errors map[string]error

func (e Errors) Error() string {
	var lines []string
	for _, vpc := range slices.Sorted(maps.Keys(e)) {
		lines = append(lines, fmt.Sprintf("dns server of %s: %v", vpc, e[vpc]))
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives the error of each VPC.
func (e Errors) Unwrap() []error { return slices.Collect(maps.Values(e)) }

// Apply makes zones what is answered, and the VPCs in it the ones where there is
// an answer. Servers of other VPCs have gone when it returns: their sockets are
// closed and nobody reads them. What cannot listen does not stop the rest; it is
// returned as Errors, and the next Apply tries it again. A socket that failed
// since the last Apply is opened anew.
func (s *Server) Apply(ctx context.Context, zones *resolver.Zones) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	for l := range zones.Since(s.zones.Swap(zones)) {
		s.due[l.VPC] = true
	}
	if s.broken.Swap(false) {
		for id, listeners := range s.listeners {
			for _, l := range listeners {
				s.due[id] = s.due[id] || l.failed()
			}
		}
	}
	wanted := make(map[string][]netip.Addr, len(s.due))
	for id, due := range s.due {
		if due {
			wanted[id] = zones.Listens(id).Addrs
		}
	}
	s.stop(wanted)
	faults := make(map[string][]error)
	for id, addrs := range wanted {
		for _, addr := range addrs {
			if s.listeners[id][addr] != nil {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			l, err := s.listen(id, addr)
			if err != nil {
				faults[id] = append(faults[id], err)
				continue
			}
			if s.listeners[id] == nil {
				s.listeners[id] = make(map[netip.Addr]*listener)
			}
			s.listeners[id][addr] = l
		}
		if len(faults[id]) == 0 {
			delete(s.due, id)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	errs := make(Errors, len(faults))
	for vpc, list := range faults {
		errs[vpc] = errors.Join(list...)
	}
	return errs
}

// Resolve returns an IPv4 address of a name as the newest zones have it for the VPC, or for everyone where that is empty.
func (s *Server) Resolve(vpc, name string) (netip.Addr, bool) {
	zones := s.zones.Load()
	view := zones.Internet()
	if vpc != "" {
		view = zones.View(vpc)
	}
	for _, r := range view.Lookup(name, resolver.A).Records {
		if r.Type == resolver.A {
			return r.Addr, true
		}
	}
	return netip.Addr{}, false
}

// Failed says that a socket failed since the last Apply.
func (s *Server) Failed() bool { return s.broken.Load() }

// Close stops every server and returns when none is left.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.zones.Store(nil)
	none := make(map[string][]netip.Addr, len(s.listeners))
	for id := range s.listeners {
		none[id] = nil
	}
	s.stop(none)
	return nil
}

// stop closes the listeners of some VPCs at addresses that are not wanted, or that have failed, all at once, and waits for
// them.
func (s *Server) stop(wanted map[string][]netip.Addr) {
	var going []*listener
	for id, addrs := range wanted {
		for addr, l := range s.listeners[id] {
			if l.failed() || !slices.Contains(addrs, addr) {
				l.close()
				going = append(going, l)
				delete(s.listeners[id], addr)
			}
		}
		if len(s.listeners[id]) == 0 {
			delete(s.listeners, id)
		}
	}
	for _, l := range going {
		l.wait()
	}
}

// listen begins to answer at an address of a VPC. A UDP socket is bound to one address, so that its answers leave from the
// address that was asked.
func (s *Server) listen(vpc string, addr netip.Addr) (*listener, error) {
	at := netip.AddrPortFrom(addr, port).String()
	packets, err := s.network.ListenPacket(vpc, "udp", at)
	if err != nil {
		return nil, err
	}
	streams, err := s.network.Listen(vpc, "tcp", at)
	if err != nil {
		packets.Close()
		return nil, err
	}
	return serve(packets, streams, &s.broken, func(packet []byte, over transport) []byte {
		return respond(s.zones.Load().View(vpc), packet, over)
	}), nil
}
