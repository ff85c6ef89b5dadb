package linux

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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
	plan   substrate.GuestPlan

	wiring sync.Mutex // guards index, and is held while the link is made or deleted
	index  int        // of the link, in the interface's namespace; 0 when there is none
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

func (g *Guest) build() error {
	inner, err := g.host.newNamespace(g.plan.Link.B.Namespace, substrate.KindInterface)
	if err != nil {
		return err
	}
	g.wiring.Lock()
	defer g.wiring.Unlock()
	g.Namespace = inner
	if err := g.wire(); err != nil {
		inner.close()
		return err
	}
	return nil
}

// wire makes the guest's link and what leads over it. The caller holds wiring.
func (g *Guest) wire() (err error) {
	writes, outer, inner := &g.host.writes, g.realm.ns, g.Namespace
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
	g.index = ia
	return nil
}

// mend makes the links of guests anew that are gone or cannot send, given the links of the interface's namespace.
func (s *guests) mend(links []netlink.Link) error {
	sends := make(map[int]bool, len(links))
	for _, l := range links {
		sends[l.Attrs().Index] = hasCarrier(l)
	}
	s.busy.RLock()
	defer s.busy.RUnlock()
	if s.closed {
		return nil
	}
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.byNum))
	s.mu.Unlock()
	var errs []error
	for _, g := range all {
		errs = append(errs, g.mend(sends))
	}
	return errors.Join(errs...)
}

// hasCarrier says that both ends of a link are up. The operational state says so too, but later.
func hasCarrier(l netlink.Link) bool { return l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 }

func (g *Guest) mend(sends map[int]bool) error {
	g.wiring.Lock()
	defer g.wiring.Unlock()
	if g.index == 0 || sends[g.index] {
		return nil
	}
	// The link may be younger than the list.
	if l, err := g.realm.ns.rt.LinkByIndex(g.index); err == nil && hasCarrier(l) {
		return nil
	}
	if err := delLink(g.realm.ns, g.index, &g.host.writes); err != nil {
		return err
	}
	if l, err := g.rt.LinkByName(g.plan.Link.B.Name); err == nil {
		if err := delLink(g.Namespace, l.Attrs().Index, &g.host.writes); err != nil {
			return err
		}
	}
	if err := g.wire(); err != nil {
		return fmt.Errorf("guest %s: %w", g.Address(), err)
	}
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
	g.wiring.Lock()
	defer g.wiring.Unlock()
	index := g.index
	g.index = 0
	g.Namespace.close()
	err := errors.Join(
		delLink(g.realm.ns, index, &g.host.writes),
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
