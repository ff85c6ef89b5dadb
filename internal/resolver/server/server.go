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

	mu        sync.Mutex // held by Apply and Close
	listeners map[place]*listener
	closed    bool
}

// place is where one listener answers. A UDP socket is bound to one address, so
// that its answers leave from the address that was asked.
type place struct {
	vpc  string
	addr netip.Addr
}

const port = 53

// New returns a server without any VPC.
func New(network Network) *Server {
	return &Server{network: network, listeners: make(map[place]*listener)}
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
	s.zones.Store(zones)

	wanted := make(map[place]bool)
	for vpc, addrs := range zones.Listen() {
		for _, addr := range addrs {
			wanted[place{vpc, addr}] = true
		}
	}
	s.stop(func(p place, l *listener) bool { return !wanted[p] || l.failed() })

	faults := make(map[string][]error)
	for p := range wanted {
		if s.listeners[p] != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := s.listen(p)
		if err != nil {
			faults[p.vpc] = append(faults[p.vpc], err)
			continue
		}
		s.listeners[p] = l
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

// Failed says that a socket failed since the last Apply.
func (s *Server) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.failed() {
			return true
		}
	}
	return false
}

// Close stops every server and returns when none is left.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.zones.Store(nil)
	s.stop(func(place, *listener) bool { return true })
	return nil
}

// stop closes the listeners that are to go, all at once, and waits for them.
func (s *Server) stop(goes func(place, *listener) bool) {
	var going []*listener
	for p, l := range s.listeners {
		if goes(p, l) {
			l.close()
			going = append(going, l)
			delete(s.listeners, p)
		}
	}
	for _, l := range going {
		l.wait()
	}
}

func (s *Server) listen(p place) (*listener, error) {
	at := netip.AddrPortFrom(p.addr, port).String()
	packets, err := s.network.ListenPacket(p.vpc, "udp", at)
	if err != nil {
		return nil, err
	}
	streams, err := s.network.Listen(p.vpc, "tcp", at)
	if err != nil {
		packets.Close()
		return nil, err
	}
	return serve(packets, streams, func(packet []byte, over transport) []byte {
		return respond(s.zones.Load().View(p.vpc), packet, over)
	}), nil
}
