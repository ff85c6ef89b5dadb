package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"trellis/internal/substrate"
)

// guests are the namespaces behind one shared interface.
type guests struct {
	// busy is held, shared, by whoever works in the interface's namespace, and alone
	// by who ends it: a netlink handle used after it was closed would act on the
	// namespace of the process.
	busy   sync.RWMutex
	closed bool // guarded by busy

	mu    sync.Mutex
	byNum map[int]*Guest
	next  int
}

// Guest is the namespace of one instance behind a shared interface.
type Guest struct {
	*Namespace
	host   *Host
	realm  *realm
	number int
	index  int // of the link, in the interface's namespace
	plan   substrate.GuestPlan
}

// AddGuest makes a namespace behind an interface whose Config says Guests. It can be
// called at any time; removing the interface removes its guests.
func (h *Host) AddGuest(iface string) (*Guest, error) {
	r := h.realm(iface)
	if r == nil {
		return nil, fmt.Errorf("interface %s is not there", iface)
	}
	if r.kind != substrate.KindShared {
		return nil, fmt.Errorf("interface %s takes no guests", iface)
	}
	s := &r.guests
	s.busy.RLock()
	defer s.busy.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("interface %s is not there", iface)
	}
	g, err := s.reserve(h, r)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", iface, err)
	}
	if err := g.build(); err != nil {
		s.free(g)
		return nil, fmt.Errorf("guest of %s: %w", iface, err)
	}
	return g, nil
}

// Address is what the guest sees as its own.
func (g *Guest) Address() netip.Addr { return g.plan.Link.B.Addresses[0] }

// reserve finds a number that has been free the longest.
func (s *guests) reserve(h *Host, r *realm) (*Guest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byNum == nil {
		s.byNum = map[int]*Guest{}
	}
	for range substrate.MaxGuests {
		n := s.next
		s.next = (s.next + 1) % substrate.MaxGuests
		if s.byNum[n] != nil {
			continue
		}
		plan, err := substrate.Guest(r.ns.name, n)
		if err != nil {
			return nil, err
		}
		g := &Guest{host: h, realm: r, number: n, plan: plan}
		s.byNum[n] = g
		return g, nil
	}
	return nil, errors.New("every guest address is taken")
}

// holds says whether a guest has the address.
func (s *guests) holds(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.byNum {
		if g.Address() == a {
			return true
		}
	}
	return false
}

func (s *guests) free(g *Guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byNum, g.number)
}

func (g *Guest) build() (err error) {
	writes := &g.host.writes
	outer := g.realm.ns
	inner, err := newNamespace(g.plan.Link.B.Namespace, substrate.KindInterface, writes)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			inner.close()
		}
	}()
	ia, ib, err := addLink(g.plan.Link, outer, inner, writes)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = delLink(outer, ia, writes)
		}
	}()
	writes.Add(int64(2 + len(g.plan.Neighbours) + len(g.plan.Routes)))
	if err := outer.rt.NeighSet(neighbourOf(g.plan.HostEntry, ia)); err != nil {
		return fmt.Errorf("set neighbour: %w", err)
	}
	if err := outer.rt.RouteReplace(routeOf(g.plan.HostRoute, ia)); err != nil {
		return fmt.Errorf("set route: %w", err)
	}
	for _, n := range g.plan.Neighbours {
		if err := inner.rt.NeighSet(neighbourOf(n, ib)); err != nil {
			return fmt.Errorf("set neighbour: %w", err)
		}
	}
	for _, p := range g.plan.Routes {
		if err := inner.rt.RouteReplace(routeOf(p, ib)); err != nil {
			return fmt.Errorf("set route: %w", err)
		}
	}
	g.Namespace, g.index = inner, ia
	return nil
}

// Remove takes the guest away with the processes in it. Its number is used again
// only when nothing remembers its connections.
func (g *Guest) Remove() error {
	s := &g.realm.guests
	s.busy.RLock()
	defer s.busy.RUnlock()
	if s.closed {
		return nil // it went with the interface
	}
	g.Namespace.close()
	err := errors.Join(
		delLink(g.realm.ns, g.index, &g.host.writes),
		forget(g.realm.ns, addressFilter{g.Address(): true}, &g.host.writes),
	)
	if err == nil {
		s.free(g)
	}
	return err
}

// close ends all guests, and lets none in any more. Their links go with the
// namespace of the interface.
func (s *guests) close() {
	s.busy.Lock()
	defer s.busy.Unlock()
	s.closed = true
	for _, g := range s.byNum {
		g.Namespace.close()
	}
	s.byNum = nil
}
