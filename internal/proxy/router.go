package proxy

import "net/netip"

// Binding is a socket the proxy has open: an address inside a network namespace.
type Binding struct {
	Namespace string
	Addr      netip.AddrPort
}

// Router is a Table made ready for requests.
type Router struct {
	fronts map[Binding]*Front
	groups map[string]*Group
}

// Front is what is served at one binding: the services of a VPC's network, or one listener of a load balancer.
type Front struct {
	// VPC is nil for a load balancer.
	VPC *VPC
	// Balancer is nil for a VPC.
	Balancer *LoadBalancer
	Port     uint16
	services map[string]*service
	listener *listener
}

type service struct {
	*Service
	listeners map[uint16]*listener
}

type builder struct {
	health   *Health
	groups   map[string]*Group
	services map[*Service]*service
	networks map[*ServiceNetwork]map[string]*service
}

// NewRouter makes t ready. The health of targets is kept in health, which routers made one after the other share.
func NewRouter(t *Table, health *Health) *Router {
	b := &builder{health, make(map[string]*Group), make(map[*Service]*service), make(map[*ServiceNetwork]map[string]*service)}
	r := &Router{fronts: make(map[Binding]*Front), groups: b.groups}
	for _, v := range t.VPCs {
		for _, addr := range v.Bindings {
			r.fronts[Binding{v.Namespace, addr}] = &Front{VPC: v, Port: addr.Port(), services: b.network(v.Network)}
		}
	}
	for _, lb := range t.LoadBalancers {
		for _, l := range lb.Listeners {
			ready := b.listener(l)
			for _, addr := range lb.Addresses {
				at := Binding{lb.Namespace, netip.AddrPortFrom(addr, l.Port)}
				r.fronts[at] = &Front{Balancer: lb, Port: l.Port, listener: ready}
			}
		}
	}
	health.retain(b.groups)
	return r
}

func (b *builder) network(n *ServiceNetwork) map[string]*service {
	if n == nil {
		return nil
	}
	if m, ok := b.networks[n]; ok {
		return m
	}
	m := make(map[string]*service)
	for _, s := range n.Services {
		ready, ok := b.services[s]
		if !ok {
			ready = &service{Service: s, listeners: make(map[uint16]*listener)}
			for _, l := range s.Listeners {
				ready.listeners[l.Port] = b.listener(l)
			}
			b.services[s] = ready
		}
		for _, h := range s.Hosts {
			m[lower(hostName(h))] = ready
		}
	}
	b.networks[n] = m
	return m
}

// Bindings returns every socket the table wants open.
func (r *Router) Bindings() []Binding {
	out := make([]Binding, 0, len(r.fronts))
	for b := range r.fronts {
		out = append(out, b)
	}
	return out
}

// Front returns what is served at b, or nil.
func (r *Router) Front(b Binding) *Front { return r.fronts[b] }

// Groups returns the target groups that some rule uses, by ARN.
func (r *Router) Groups() map[string]*Group { return r.groups }

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
		s := f.services[string(name[:len(host)])]
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
