package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"trellis/internal/substrate"
)

// realm is a namespace together with what was applied to it.
type realm struct {
	ns   *Namespace
	kind substrate.NamespaceKind
	part string // that it belongs to
	// links are those with an end here.
	links      map[linkKey]struct{}
	index      map[string]int // links by name
	routes     map[routeKey]substrate.Path
	rules      map[substrate.PolicyRule]bool
	neighbours map[neighbourKey]substrate.MAC
	table      substrate.Table
	// torn says that the table may not be what it should be, and is to be replaced.
	torn bool
	// generation is the namespace's count of nftables transactions when all were ours.
	generation uint32
	guests     guests
}

type routeKey struct {
	table       uint32
	destination netip.Prefix
}

type neighbourKey struct {
	link    string
	address netip.Addr
}

func newRealm(ns *Namespace, kind substrate.NamespaceKind, part string) *realm {
	return &realm{
		ns: ns, kind: kind, part: part, links: map[linkKey]struct{}{}, index: map[string]int{"lo": 1},
		routes:     map[routeKey]substrate.Path{},
		rules:      map[substrate.PolicyRule]bool{},
		neighbours: map[neighbourKey]substrate.MAC{},
	}
}

// gone says that something to be deleted is not there.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// report receives what went wrong, by resource.
type report func(id string, err error)

func (r *realm) applyTable(want substrate.Table, writes *atomic.Int64) error {
	edit := editTable(r.ns, r.table, want)
	if r.torn {
		edit = replaceTable(r.ns, want)
	}
	n, err := edit.send(writes)
	if err != nil {
		r.torn = true
		return err
	}
	r.table = want
	r.generation += uint32(n)
	if r.torn || r.generation == uint32(n) {
		r.torn = false
		r.generation, err = generation(r.ns)
	}
	return err
}

// applyRouting brings neighbours, routes and rules to what they should be. Routes
// come before the rules that lead to them.
func (r *realm) applyRouting(want substrate.Namespace, writes *atomic.Int64, fail report) {
	r.applyNeighbours(want, writes, fail)
	r.applyRoutes(want, writes, fail)
	rules := make(map[substrate.PolicyRule]bool, len(want.Rules))
	for _, p := range want.Rules {
		rules[p] = true
		if r.rules[p] {
			continue
		}
		writes.Add(1)
		if err := r.ns.rt.RuleAdd(ruleOf(p)); err != nil && !errors.Is(err, unix.EEXIST) {
			fail(want.Name, fmt.Errorf("add rule %s: %w", p, err))
			continue
		}
		r.rules[p] = true
	}
	for p := range r.rules {
		if rules[p] {
			continue
		}
		writes.Add(1)
		if err := r.ns.rt.RuleDel(ruleOf(p)); err != nil && !gone(err) {
			fail(want.Name, fmt.Errorf("delete rule %s: %w", p, err))
			continue
		}
		delete(r.rules, p)
	}
}

func (r *realm) applyNeighbours(want substrate.Namespace, writes *atomic.Int64, fail report) {
	neighbours := make(map[neighbourKey]bool, len(want.Neighbours))
	for _, n := range want.Neighbours {
		key := neighbourKey{n.Link, n.Address}
		neighbours[key] = true
		if mac, ok := r.neighbours[key]; ok && mac == n.MAC {
			continue
		}
		index, ok := r.index[n.Link]
		if !ok {
			continue // the link's own failure says why
		}
		writes.Add(1)
		if err := r.ns.rt.NeighSet(neighbourOf(n, index)); err != nil {
			fail(want.Name, fmt.Errorf("set neighbour %s: %w", n, err))
			continue
		}
		r.neighbours[key] = n.MAC
	}
	for key, mac := range r.neighbours {
		if neighbours[key] {
			continue
		}
		n := substrate.Neighbour{Link: key.link, Address: key.address, MAC: mac}
		writes.Add(1)
		if err := r.ns.rt.NeighDel(neighbourOf(n, r.index[key.link])); err != nil && !gone(err) {
			fail(want.Name, fmt.Errorf("delete neighbour %s: %w", n, err))
			continue
		}
		delete(r.neighbours, key)
	}
}

func (r *realm) applyRoutes(want substrate.Namespace, writes *atomic.Int64, fail report) {
	routes := make(map[routeKey]bool, len(want.Routes))
	for _, p := range want.Routes {
		key := routeKey{p.Table, p.Destination}
		routes[key] = true
		if r.routes[key] == p {
			continue
		}
		index := 0
		if p.Link != "" {
			var ok bool
			if index, ok = r.index[p.Link]; !ok {
				continue
			}
		}
		writes.Add(1)
		if err := r.ns.rt.RouteReplace(routeOf(p, index)); err != nil {
			fail(p.Owner, fmt.Errorf("set route %s in %s: %w", p, want.Name, err))
			continue
		}
		r.routes[key] = p
	}
	for key, p := range r.routes {
		if routes[key] {
			continue
		}
		writes.Add(1)
		route := routeOf(p, r.index[p.Link])
		// Whoever made it, and however.
		route.Protocol, route.Scope = 0, netlink.SCOPE_NOWHERE
		if err := r.ns.rt.RouteDel(route); err != nil && !gone(err) {
			fail(p.Owner, fmt.Errorf("delete route %s in %s: %w", p, want.Name, err))
			continue
		}
		delete(r.routes, key)
	}
}

// lost forgets a link that is gone, and what the kernel removed with it.
func (r *realm) lost(link string) {
	delete(r.index, link)
	for key, p := range r.routes {
		if p.Link == link {
			delete(r.routes, key)
		}
	}
	for key := range r.neighbours {
		if key.link == link {
			delete(r.neighbours, key)
		}
	}
}

// lostAddress forgets the routes the kernel removed with an address.
func (r *realm) lostAddress(a netip.Addr) {
	for key, p := range r.routes {
		if p.Source == a {
			delete(r.routes, key)
		}
	}
}
