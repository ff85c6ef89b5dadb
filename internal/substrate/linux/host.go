package linux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"trellis/internal/substrate"
)

// Host is the network of this host as the process made it.
type Host struct {
	apply   sync.Mutex // held by whoever changes the network
	writes  atomic.Int64
	room    func() error
	workers *workers
	links   map[linkKey]substrate.Link
	layout  substrate.Layout // as last wanted
	closed  bool
	ipv6    bool // the kernel has it

	look   sync.RWMutex // guards realms against lookups meanwhile
	realms map[string]*realm
}

// linkKey names a link by its first end.
type linkKey struct{ namespace, name string }

// New is a host without any network. Close it, or end the process, to take away
// what was applied. It makes another namespace only while room, unless nil, has no
// error.
func New(room func() error) *Host {
	if room == nil {
		room = func() error { return nil }
	}
	_, err := os.Stat("/proc/sys/net/ipv6")
	return &Host{room: room, workers: newWorkers(), links: map[linkKey]substrate.Link{}, realms: map[string]*realm{}, ipv6: err == nil}
}

// Writes counts the changes made to the kernel so far.
func (h *Host) Writes() int64 { return h.writes.Load() }

// Namespace is that of a VPC or an interface, by id, if it was applied. It is no
// longer usable once the VPC or interface has gone.
func (h *Host) Namespace(id string) (*Namespace, bool) {
	r := h.realm(id)
	if r == nil {
		return nil, false
	}
	return r.ns, true
}

func (h *Host) realm(id string) *realm {
	h.look.RLock()
	defer h.look.RUnlock()
	return h.realms[id]
}

// Apply makes the host's network what the Config says, and reports each resource
// that is not as wanted. What did not change is not touched. The error is for what
// concerns no resource: the context ended, the host is closed.
func (h *Host) Apply(ctx context.Context, cfg substrate.Config) ([]substrate.Problem, error) {
	layout, problems := substrate.Lower(cfg)
	h.apply.Lock()
	defer h.apply.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if !h.ipv6 {
		layout = layout.WithoutIPv6()
	}
	h.layout = layout
	found, err := h.converge(ctx)
	return append(problems, found...), err
}

func (h *Host) converge(ctx context.Context) ([]substrate.Problem, error) {
	var problems []substrate.Problem
	fail := func(id string, err error) { problems = append(problems, substrate.Problem{ID: id, Err: err}) }
	want := make(map[string]substrate.Namespace, len(h.layout.Namespaces))
	for _, ns := range h.layout.Namespaces {
		want[ns.Name] = ns
	}
	h.removeLinks(want, fail)
	for name, r := range h.realms {
		if w, ok := want[name]; !ok || w.Kind != r.kind {
			h.drop(r)
		}
	}
	for _, step := range []func(substrate.Namespace, report){h.create, h.filter} {
		for _, ns := range h.layout.Namespaces {
			if err := ctx.Err(); err != nil {
				return problems, err
			}
			step(ns, fail)
		}
	}
	for _, l := range h.layout.Links {
		if err := ctx.Err(); err != nil {
			return problems, err
		}
		if err := h.connect(l); err != nil {
			fail(l.Owner, err)
		}
	}
	for _, ns := range h.layout.Namespaces {
		if err := ctx.Err(); err != nil {
			return problems, err
		}
		if r := h.realms[ns.Name]; r != nil {
			r.applyRouting(ns, &h.writes, fail)
		}
	}
	return problems, nil
}

// create makes a namespace that is not there.
func (h *Host) create(ns substrate.Namespace, fail report) {
	if h.realms[ns.Name] != nil {
		return
	}
	if err := h.room(); err != nil {
		fail(ns.Name, err)
		return
	}
	n, err := newNamespace(h.workers, ns.Name, ns.Kind, &h.writes)
	if err != nil {
		fail(ns.Name, err)
		return
	}
	h.look.Lock()
	h.realms[ns.Name] = newRealm(n, ns.Kind)
	h.look.Unlock()
}

// filter brings a namespace's table up to date, before its links are made.
func (h *Host) filter(ns substrate.Namespace, fail report) {
	r := h.realms[ns.Name]
	if r == nil || r.ns.nft == nil {
		return
	}
	if err := r.applyTable(ns.Table, &h.writes); err != nil {
		fail(ns.Name, err)
		for _, l := range h.layout.Links {
			if l.A.Namespace == ns.Name || l.B.Namespace == ns.Name {
				fail(l.Owner, err)
			}
		}
	}
}

// removeLinks deletes the links that are no longer wanted, or not as they are, and
// then what the namespaces remember of their addresses: whoever gets one of them
// next must not inherit connections. A link both of whose namespaces go needs no
// deletion of its own.
func (h *Host) removeLinks(want map[string]substrate.Namespace, fail report) {
	keep := make(map[linkKey]substrate.Link, len(h.layout.Links))
	for _, l := range h.layout.Links {
		keep[linkKey{l.A.Namespace, l.A.Name}] = l
	}
	stays := func(end substrate.End) bool {
		w, ok := want[end.Namespace]
		return ok && h.realms[end.Namespace] != nil && h.realms[end.Namespace].kind == w.Kind
	}
	released := map[string]addressFilter{}
	doomed := map[string][]linkKey{} // by the namespace they are deleted from
	for key, l := range h.links {
		w, ok := keep[key]
		staysA, staysB := stays(l.A), stays(l.B)
		switch {
		case ok && samePair(l, w) && staysA && staysB:
			left := slices.DeleteFunc(slices.Clone(l.B.Addresses), func(a netip.Addr) bool { return slices.Contains(w.B.Addresses, a) })
			h.release(released, l.A.Namespace, left)
		case staysA:
			doomed[l.A.Namespace] = append(doomed[l.A.Namespace], key)
		case staysB:
			doomed[l.B.Namespace] = append(doomed[l.B.Namespace], key)
		default:
			h.release(released, l.A.Namespace, l.B.Addresses)
			h.forgetLink(key)
		}
	}
	for name, keys := range doomed {
		indexes := make([]int, len(keys))
		for i, key := range keys {
			end := h.links[key].A
			if end.Namespace != name {
				end = h.links[key].B
			}
			indexes[i] = h.realms[name].index[end.Name]
		}
		if err := delLinks(h.realms[name].ns, indexes, &h.writes); err != nil {
			for _, key := range keys {
				fail(h.links[key].Owner, err)
			}
			continue
		}
		for _, key := range keys {
			h.release(released, key.namespace, h.links[key].B.Addresses)
			h.forgetLink(key)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(released)) {
		if _, ok := want[name]; !ok {
			continue // its memory goes with it
		}
		if err := forget(h.realms[name].ns, released[name], &h.writes); err != nil {
			fail(name, err)
		}
	}
}

func samePair(a, b substrate.Link) bool {
	same := func(x, y substrate.End) bool {
		return x.Namespace == y.Namespace && x.Name == y.Name && x.MAC == y.MAC
	}
	return same(a.A, b.A) && same(a.B, b.B)
}

func (h *Host) forgetLink(key linkKey) {
	l := h.links[key]
	for _, end := range []substrate.End{l.A, l.B} {
		if r := h.realms[end.Namespace]; r != nil {
			r.lost(end.Name)
		}
	}
	delete(h.links, key)
}

// release notes that addresses of a VPC are free, there and in its peers.
func (h *Host) release(released map[string]addressFilter, vpc string, addresses []netip.Addr) {
	if len(addresses) == 0 {
		return
	}
	places := []string{vpc}
	for _, l := range h.links {
		switch vpc {
		case l.A.Namespace:
			places = append(places, l.B.Namespace)
		case l.B.Namespace:
			places = append(places, l.A.Namespace)
		}
	}
	for _, p := range places {
		if r := h.realms[p]; r == nil || r.kind != substrate.KindVPC {
			continue
		}
		if released[p] == nil {
			released[p] = addressFilter{}
		}
		for _, a := range addresses {
			released[p][a] = true
		}
	}
}

// connect makes a link that is not there, or corrects its addresses.
func (h *Host) connect(l substrate.Link) error {
	a, b := h.realms[l.A.Namespace], h.realms[l.B.Namespace]
	if a == nil || b == nil {
		return fmt.Errorf("no link between %s and %s: a namespace is missing", l.A.Namespace, l.B.Namespace)
	}
	key := linkKey{l.A.Namespace, l.A.Name}
	have, ok := h.links[key]
	if !ok {
		ia, ib, err := addLink(l, a.ns, b.ns, &h.writes)
		if err != nil {
			return err
		}
		a.index[l.A.Name], b.index[l.B.Name] = ia, ib
		h.links[key] = l
		return nil
	}
	if slices.Equal(have.B.Addresses, l.B.Addresses) {
		return nil
	}
	var errs []error
	index := b.index[l.B.Name]
	for _, addr := range have.B.Addresses {
		if !slices.Contains(l.B.Addresses, addr) {
			errs = append(errs, delAddress(b.ns, index, addr, &h.writes))
			b.lostAddress(addr)
		}
	}
	for _, addr := range l.B.Addresses {
		if !slices.Contains(have.B.Addresses, addr) {
			errs = append(errs, addAddress(b.ns, index, addr, &h.writes))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	h.links[key] = l
	return nil
}

// drop takes a namespace away, with its guests, processes and links.
func (h *Host) drop(r *realm) {
	r.guests.close()
	for key, l := range h.links {
		if l.A.Namespace == r.ns.name || l.B.Namespace == r.ns.name {
			h.forgetLink(key)
		}
	}
	h.look.Lock()
	delete(h.realms, r.ns.name)
	h.look.Unlock()
	r.ns.close()
}

// Close takes everything away: links, namespaces, threads and the processes in
// them. Sockets others still hold lead nowhere.
func (h *Host) Close() error {
	h.apply.Lock()
	defer h.apply.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	var errs []error
	h.layout = substrate.Layout{}
	h.removeLinks(nil, func(id string, err error) { errs = append(errs, fmt.Errorf("%s: %w", id, err)) })
	for _, r := range slices.SortedFunc(maps.Values(h.realms), func(a, b *realm) int { return cmp.Compare(a.ns.name, b.ns.name) }) {
		h.drop(r)
	}
	return errors.Join(append(errs, h.workers.end())...)
}
