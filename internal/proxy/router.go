package proxy

import (
	"net/netip"

	"trellis/internal/ordered"
)

// Binding is a socket the proxy has open: an address inside a network namespace.
type Binding struct {
	Namespace string
	Addr      netip.AddrPort
}

// Router makes tables ready for requests, one after the other: what did not change from one to the next is left as it is.
// One goroutine at a time may use it. What it makes is for any number, and stays as it is for those that hold it.
type Router struct {
	health *health
	// reach returns how the server reaches a target.
	reach func(*Target) any

	table    *Table
	fronts   map[Binding]*Front
	networks map[*ServiceNetwork]names
	services map[*Service]*service
	groups   map[string]*Group // by ARN
	leaving  map[string]bool   // those with targets that drain
}

// Changes is what an update changed.
type Changes struct {
	// Fronts are those that are new or other than before, nil where nothing is served any more.
	Fronts map[Binding]*Front
	// Came and Gone are the groups that are used and were not, or not as they are, and those that are used no longer, or no
	// longer as they were.
	Came, Gone []*Group
}

// Front is what is served at one binding: the services of a VPC's network, one of its resources, or one listener of a load
// balancer.
type Front struct {
	// VPC is nil for a load balancer.
	VPC *VPC
	// Resource is what all connections are for, nil where requests are served.
	Resource *Resource
	// Balancer is nil for a VPC.
	Balancer *LoadBalancer
	Port     uint16
	names    names
	listener *listener
}

// names are the services of a network by their own names and by their aliases.
type names struct{ services, aliases map[string]*service }

type service struct {
	*Service
	listeners map[uint16]*listener
}

// NewRouter returns a router of nothing. It asks reach, which may be nil, once for each target of each group.
func NewRouter(reach func(*Target) any) *Router {
	return &Router{
		health: newHealth(), reach: reach, table: &Table{}, fronts: make(map[Binding]*Front),
		networks: make(map[*ServiceNetwork]names), services: make(map[*Service]*service), groups: make(map[string]*Group), leaving: make(map[string]bool),
	}
}

// Update makes t ready. The cost is that of what differs from the table before.
func (r *Router) Update(t *Table) Changes {
	out := Changes{Fronts: make(map[Binding]*Front)}
	for old, now := range ordered.Diff(r.table.Groups, t.Groups, (*TargetGroup).Key) {
		if old != nil {
			out.Gone = append(out.Gone, r.groups[old.ARN])
			delete(r.groups, old.ARN)
			delete(r.leaving, old.ARN)
		}
		if now != nil {
			r.groups[now.ARN] = r.group(now)
			out.Came = append(out.Came, r.groups[now.ARN])
			if r.groups[now.ARN].leaves() {
				r.leaving[now.ARN] = true
			}
		}
	}
	for old, now := range ordered.Diff(r.table.Services, t.Services, (*Service).Key) {
		delete(r.services, old)
		if now != nil {
			r.services[now] = r.service(now)
		}
	}
	for old, now := range ordered.Diff(r.table.Networks, t.Networks, (*ServiceNetwork).Key) {
		delete(r.networks, old)
		if now != nil {
			r.networks[now] = r.network(now)
		}
	}
	for old, now := range ordered.Diff(r.table.VPCs, t.VPCs, (*VPC).Key) {
		if old != nil {
			for _, addr := range old.Bindings {
				out.Fronts[Binding{old.Namespace, addr}] = nil
			}
			for _, e := range old.Entrances {
				out.Fronts[Binding{old.Namespace, e.AddrPort}] = nil
			}
		}
		if now != nil {
			for _, addr := range now.Bindings {
				out.Fronts[Binding{now.Namespace, addr}] = &Front{VPC: now, Port: addr.Port(), names: r.networks[now.Network]}
			}
			for _, e := range now.Entrances {
				out.Fronts[Binding{now.Namespace, e.AddrPort}] = &Front{VPC: now, Port: e.Port(), Resource: e.Resource}
			}
		}
	}
	r.updateBalancers(t, &out)
	for b, f := range out.Fronts {
		if f != nil {
			r.fronts[b] = f
		} else {
			delete(r.fronts, b)
		}
	}
	r.table = t
	for _, g := range out.Gone {
		r.health.release(g)
	}
	return out
}

func (r *Router) updateBalancers(t *Table, out *Changes) {
	at := func(n Node, l *Listener) Binding { return Binding{n.Namespace, netip.AddrPortFrom(n.Address, l.Port)} }
	var came []*LoadBalancer
	for old, now := range ordered.Diff(r.table.LoadBalancers, t.LoadBalancers, (*LoadBalancer).Key) {
		if now != nil {
			came = append(came, now)
		}
		if old == nil {
			continue
		}
		for _, l := range old.Listeners {
			for _, n := range old.Nodes {
				out.Fronts[at(n, l)] = nil
			}
		}
	}
	for _, lb := range came {
		for _, l := range lb.Listeners {
			ready := r.listener(l)
			for _, n := range lb.Nodes {
				out.Fronts[at(n, l)] = &Front{Balancer: lb, Port: l.Port, listener: ready}
			}
		}
	}
}

func (r *Router) service(s *Service) *service {
	ready := &service{Service: s, listeners: make(map[uint16]*listener)}
	for _, l := range s.Listeners {
		ready.listeners[l.Port] = r.listener(l)
	}
	return ready
}

func (r *Router) network(n *ServiceNetwork) names {
	out := names{make(map[string]*service), make(map[string]*service)}
	for _, s := range n.Services {
		if ready := r.services[s]; ready != nil {
			for _, h := range s.Hosts {
				out.services[lower(hostName(h))] = ready
			}
		}
	}
	for alias, s := range n.Aliases {
		if ready := r.services[s]; ready != nil {
			out.aliases[alias] = ready
		}
	}
	return out
}

// Front returns what is served at b, or nil.
func (r *Router) Front(b Binding) *Front { return r.fronts[b] }

// Destination is where a request's host and port lead.
type Destination struct {
	// Service is nil at a load balancer.
	Service  *Service
	Listener *Listener
	ready    *listener
}

// Find returns the listener that a request for the host is for; ok is false when there is none. A service that is known
// but has no listener at this port is told of in d.
func (f *Front) Find(host string) (d Destination, ok bool) {
	l := f.listener
	if f.VPC != nil {
		var name [256]byte
		host = hostName(host)
		if len(host) > len(name) {
			return d, false
		}
		for i := range len(host) {
			name[i] = lowerByte(host[i])
		}
		s := f.names.services[string(name[:len(host)])]
		if own := len(f.VPC.Endpoint) + 1; s == nil && own > 1 && len(host) > own && string(name[:own-1]) == f.VPC.Endpoint && name[own-1] == '-' {
			s = f.names.aliases[string(name[own:len(host)])]
		}
		if s == nil {
			return d, false
		}
		d.Service = s.Service
		l = s.listeners[f.Port]
	}
	if l == nil {
		return d, false
	}
	d.Listener, d.ready = l.Listener, l
	return d, true
}

// Match returns what is done with a request, and the ARN of the rule that says so, empty for the default action.
func (d Destination) Match(r *Request) (*Route, string) { return d.ready.match(r) }
