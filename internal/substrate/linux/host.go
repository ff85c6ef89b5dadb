package linux

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"trellis/internal/ordered"
	"trellis/internal/substrate"
)

// Host is the network of this host as the process made it.
type Host struct {
	apply    sync.Mutex // held by whoever changes the network
	writes   atomic.Int64
	room     func() error
	workers  *workers
	watch    *watch
	lowering substrate.Lowering
	layout   substrate.Layout // as last wanted
	links    map[linkKey]substrate.Link
	// due are the parts that may not be as wanted, faults what is wrong with some.
	due    map[string]bool
	faults map[string][]substrate.Problem
	// stirred are the namespaces that are to be read back.
	stirred map[*Namespace]bool
	closed  bool
	ipv6    bool // the kernel has it

	look   sync.RWMutex // guards what follows against lookups meanwhile
	realms map[string]*realm
	// members are the realms of each part.
	members map[string]map[string]*realm
}

// linkKey names a link by its first end.
type linkKey struct{ namespace, name string }

func keyOf(l substrate.Link) linkKey { return linkKey{l.A.Namespace, l.A.Name} }

// New is a host without any network. Close it, or end the process, to take away
// what was applied. It makes another namespace only while room, unless nil, has no
// error.
func New(room func() error) *Host {
	if room == nil {
		room = func() error { return nil }
	}
	_, err := os.Stat("/proc/sys/net/ipv6")
	return &Host{
		room: room, workers: newWorkers(), watch: newWatch(),
		links: map[linkKey]substrate.Link{}, due: map[string]bool{}, faults: map[string][]substrate.Problem{}, stirred: map[*Namespace]bool{},
		realms: map[string]*realm{}, members: map[string]map[string]*realm{}, ipv6: err == nil,
	}
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
// that is not as wanted. What did not change is not touched, nor looked at. The error
// is for what concerns no resource: the context ended, the host is closed.
func (h *Host) Apply(ctx context.Context, cfg substrate.Config) ([]substrate.Problem, error) {
	h.apply.Lock()
	defer h.apply.Unlock()
	if h.closed {
		return nil, errClosed
	}
	before := h.layout
	h.layout = h.lowering.Lower(cfg)
	for old, new := range ordered.Diff(before.Parts, h.layout.Parts, (*substrate.Part).Key) {
		if new == nil {
			new = old
		}
		h.due[new.ID] = true
	}
	return h.converge(ctx, nil)
}

// job is the work on one part.
type job struct {
	id       string
	want     substrate.Part // empty if the part is to go
	problems []substrate.Problem
}

func (j *job) fail(id string, err error) {
	j.problems = append(j.problems, substrate.Problem{ID: id, Err: err})
}

func (h *Host) job(id string) *job {
	j := &job{id: id}
	if want := ordered.Find(h.layout.Parts, (*substrate.Part).Key, id); want != nil {
		if !h.ipv6 {
			want = want.WithoutIPv6()
		}
		j.want = *want
	}
	return j
}

// converge makes the parts that are due as they should be. Those with a problem, which
// may be known already, stay due.
func (h *Host) converge(ctx context.Context, known []substrate.Problem) ([]substrate.Problem, error) {
	if err := h.work(ctx); err != nil {
		return nil, err
	}
	problems := append(h.layout.Problems(), known...)
	for _, id := range slices.Sorted(maps.Keys(h.faults)) {
		problems = append(problems, h.faults[id]...)
	}
	return problems, nil
}

func (h *Host) work(ctx context.Context) error {
	var jobs []*job
	for _, id := range slices.Sorted(maps.Keys(h.due)) {
		jobs = append(jobs, h.job(id))
	}
	h.removeLinks(jobs)
	for _, j := range jobs {
		h.dropRealms(j)
	}
	err := atOnce(ctx, jobs, func(j *job) {
		for _, ns := range j.want.Namespaces {
			h.create(j, ns)
			h.filter(j, ns)
		}
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		for _, l := range j.want.Links {
			if err := ctx.Err(); err != nil {
				return err
			}
			made, err := h.connect(l)
			if err != nil {
				j.fail(l.Owner, err)
			}
			// What leads over the link at its other end waits for it.
			if other := h.realms[l.B.Namespace]; made && !h.due[other.part] {
				h.due[other.part] = true
				jobs = append(jobs, h.job(other.part))
			}
		}
	}
	err = atOnce(ctx, jobs, func(j *job) {
		for _, ns := range j.want.Namespaces {
			if r := h.realms[ns.Name]; r != nil {
				r.applyRouting(ns, &h.writes, j.fail)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if delete(h.faults, j.id); len(j.problems) > 0 {
			h.faults[j.id] = j.problems
			continue
		}
		delete(h.due, j.id)
	}
	return nil
}

// together is how many parts are worked on at a time. What the kernel does with a namespace it mostly waits with, until all
// processors have taken notice; so it is more than there are of these.
const together = 8

// atOnce does f for each of the jobs, some of them at a time.
func atOnce(ctx context.Context, jobs []*job, f func(*job)) error {
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(jobs)) && ctx.Err() == nil; i = next.Add(1) - 1 {
			f(jobs[i])
		}
	}
	var others sync.WaitGroup
	for range min(len(jobs), together) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return ctx.Err()
}

// dropRealms takes away the namespaces of a part that are not wanted, or not of their kind.
func (h *Host) dropRealms(j *job) {
	for name, r := range h.members[j.id] {
		if !r.wanted(j) {
			h.drop(r)
			delete(h.members[j.id], name)
		}
	}
	if len(h.members[j.id]) == 0 {
		delete(h.members, j.id)
	}
}

func (r *realm) wanted(j *job) bool {
	return slices.ContainsFunc(j.want.Namespaces, func(ns substrate.Namespace) bool { return ns.Name == r.ns.name && ns.Kind == r.kind })
}

// create makes a namespace that is not there.
func (h *Host) create(j *job, ns substrate.Namespace) {
	if h.realm(ns.Name) != nil {
		return
	}
	if err := h.room(); err != nil {
		j.fail(ns.Name, err)
		return
	}
	n, err := h.newNamespace(ns.Name, ns.Kind)
	if err != nil {
		j.fail(ns.Name, err)
		return
	}
	r := newRealm(n, ns.Kind, j.id)
	h.look.Lock()
	defer h.look.Unlock()
	h.realms[ns.Name] = r
	if h.members[j.id] == nil {
		h.members[j.id] = map[string]*realm{}
	}
	h.members[j.id][ns.Name] = r
}

// filter brings a namespace's table up to date, before its links are made.
func (h *Host) filter(j *job, ns substrate.Namespace) {
	r := h.realm(ns.Name)
	if r == nil || r.ns.nft == nil {
		return
	}
	if err := r.applyTable(ns.Table, &h.writes); err != nil {
		j.fail(ns.Name, err)
		for _, l := range j.want.Links {
			if l.A.Namespace == ns.Name || l.B.Namespace == ns.Name {
				j.fail(l.Owner, err)
			}
		}
	}
}

// removeLinks deletes the links that are no longer wanted, or not as they are, and
// then what the namespaces remember of their addresses: whoever gets one of them
// next must not inherit connections. A link both of whose namespaces go needs no
// deletion of its own.
func (h *Host) removeLinks(jobs []*job) {
	leaving := map[string]bool{}
	for _, j := range jobs {
		for name, r := range h.members[j.id] {
			if !r.wanted(j) {
				leaving[name] = true
			}
		}
	}
	stays := func(end substrate.End) bool { return h.realms[end.Namespace] != nil && !leaving[end.Namespace] }
	free := released{}
	for _, j := range jobs {
		router := h.realms[j.id]
		if router == nil {
			continue
		}
		places := h.remembering(router)
		doomed := map[string][]linkKey{} // by the namespace they are deleted from
		for key := range router.links {
			if key.namespace != j.id {
				continue
			}
			l := h.links[key]
			staysA, staysB := stays(l.A), stays(l.B)
			i := slices.IndexFunc(j.want.Links, func(w substrate.Link) bool { return samePair(l, w) })
			switch {
			case i >= 0 && staysA && staysB:
				w := j.want.Links[i]
				left := slices.DeleteFunc(slices.Clone(l.B.Addresses), func(a netip.Addr) bool { return slices.Contains(w.B.Addresses, a) })
				free.add(places, left)
			case staysA:
				doomed[l.A.Namespace] = append(doomed[l.A.Namespace], key)
			case staysB:
				doomed[l.B.Namespace] = append(doomed[l.B.Namespace], key)
			default:
				free.add(places, l.B.Addresses)
				h.forgetLink(key)
			}
		}
		for name, keys := range doomed {
			h.deleteLinks(j, h.realms[name], keys, places, free)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(free)) {
		if leaving[name] {
			continue // its memory goes with it
		}
		if err := forget(h.realms[name].ns, free[name], &h.writes); err != nil {
			for _, j := range jobs {
				if j.id == h.realms[name].part {
					j.fail(name, err)
				}
			}
		}
	}
}

// deleteLinks deletes links of a part from one of the namespaces they are in.
func (h *Host) deleteLinks(j *job, from *realm, keys []linkKey, places []*realm, free released) {
	indexes := make([]int, len(keys))
	for i, key := range keys {
		end := h.links[key].A
		if end.Namespace != from.ns.name {
			end = h.links[key].B
		}
		indexes[i] = from.index[end.Name]
	}
	if err := delLinks(from.ns, indexes, &h.writes); err != nil {
		for _, key := range keys {
			j.fail(h.links[key].Owner, err)
		}
		return
	}
	for _, key := range keys {
		free.add(places, h.links[key].B.Addresses)
		h.forgetLink(key)
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
			delete(r.links, key)
			r.lost(end.Name)
		}
	}
	delete(h.links, key)
}

// released is what namespaces are to forget, by their names.
type released map[string]addressFilter

func (f released) add(places []*realm, addresses []netip.Addr) {
	if len(addresses) == 0 {
		return
	}
	for _, r := range places {
		if f[r.ns.name] == nil {
			f[r.ns.name] = addressFilter{}
		}
		for _, a := range addresses {
			f[r.ns.name][a] = true
		}
	}
}

// remembering are the namespaces that may remember connections of a VPC's addresses:
// its own and those of its peers.
func (h *Host) remembering(router *realm) []*realm {
	places := []*realm{router}
	for key := range router.links {
		for _, end := range []substrate.End{h.links[key].A, h.links[key].B} {
			if r := h.realms[end.Namespace]; r != nil && r != router && r.kind == substrate.KindVPC {
				places = append(places, r)
			}
		}
	}
	return places
}

// connect makes a link that is not there, or corrects its addresses.
func (h *Host) connect(l substrate.Link) (made bool, err error) {
	a, b := h.realms[l.A.Namespace], h.realms[l.B.Namespace]
	if a == nil || b == nil {
		return false, fmt.Errorf("no link between %s and %s: a namespace is missing", l.A.Namespace, l.B.Namespace)
	}
	key := keyOf(l)
	have, ok := h.links[key]
	if !ok {
		ia, ib, err := addLink(l, a.ns, b.ns, &h.writes)
		if err != nil {
			return false, err
		}
		a.index[l.A.Name], b.index[l.B.Name] = ia, ib
		a.links[key], b.links[key] = struct{}{}, struct{}{}
		h.links[key] = l
		return true, nil
	}
	if slices.Equal(have.B.Addresses, l.B.Addresses) {
		return false, nil
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
		return false, err
	}
	h.links[key] = l
	return false, nil
}

// drop takes a namespace away, with its guests, processes and links.
func (h *Host) drop(r *realm) {
	r.guests.close()
	for key := range r.links {
		h.forgetLink(key)
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
	h.layout = substrate.Layout{}
	for id := range h.members {
		h.due[id] = true
	}
	problems, err := h.converge(context.Background(), nil)
	errs := []error{err}
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("%s: %w", p.ID, p.Err))
	}
	return errors.Join(append(errs, h.watch.close(), h.workers.end())...)
}
