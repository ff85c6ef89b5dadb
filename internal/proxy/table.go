package proxy

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"trellis/internal/ordered"
)

// Table is everything one proxy serves at one moment. It must not change once it was handed to the server. Values that
// several parts share (a service network, a service, a target group) are shared by pointer; there is one *TargetGroup for
// an ARN in a table. A part that is the same pointer as in the table before has not changed, and nothing that it leads to.
type Table struct {
	// VPCs are in the order of their namespaces, all others in that of their ARNs.
	VPCs          []*VPC
	LoadBalancers []*LoadBalancer
	// Networks, Services and Groups are at least those that the VPCs and load balancers lead to.
	Networks []*ServiceNetwork
	Services []*Service
	Groups   []*TargetGroup
}

// NewTable is the table of these VPCs and load balancers.
func NewTable(vpcs []*VPC, balancers []*LoadBalancer) *Table {
	networks, services, groups := map[string]*ServiceNetwork{}, map[string]*Service{}, map[string]*TargetGroup{}
	listeners := func(all []*Listener) {
		for _, l := range all {
			actions := []Action{l.Default}
			for _, r := range l.Rules {
				actions = append(actions, r.Action)
			}
			for _, a := range actions {
				for _, w := range a.Groups {
					if w.Group != nil {
						groups[w.Group.ARN] = w.Group
					}
				}
			}
		}
	}
	for _, v := range vpcs {
		if v.Network == nil {
			continue
		}
		networks[v.Network.ARN] = v.Network
		for _, s := range v.Network.Services {
			services[s.ARN] = s
			listeners(s.Listeners)
		}
	}
	for _, lb := range balancers {
		listeners(lb.Listeners)
	}
	return &Table{
		VPCs:          slices.SortedFunc(slices.Values(vpcs), func(a, b *VPC) int { return cmp.Compare(a.Key(), b.Key()) }),
		LoadBalancers: slices.SortedFunc(slices.Values(balancers), func(a, b *LoadBalancer) int { return cmp.Compare(a.Key(), b.Key()) }),
		Networks:      ordered.With(nil, (*ServiceNetwork).Key, networks),
		Services:      ordered.With(nil, (*Service).Key, services),
		Groups:        ordered.With(nil, (*TargetGroup).Key, groups),
	}
}

// The keys that parts are in the order of.
func (v *VPC) Key() string            { return v.Namespace }
func (lb *LoadBalancer) Key() string  { return lb.ARN }
func (n *ServiceNetwork) Key() string { return n.ARN }
func (s *Service) Key() string        { return s.ARN }
func (g *TargetGroup) Key() string    { return g.ARN }

// VPC is a network namespace in which requests of a VPC to VPC Lattice are intercepted: the VPC's own, or that of a network
// interface of an endpoint.
type VPC struct {
	// Namespace names the network namespace for Network.Listen. A namespace that was dropped and made again must have another name.
	Namespace string
	ID        string // vpc-…
	ARN       string
	Owner     string // account
	// Network is the service network the VPC is associated with, or one of its endpoints is; without one every request is answered 404.
	Network  *ServiceNetwork
	Bindings []netip.AddrPort
	// Entrances lead to resources.
	Entrances []Entrance
	// Endpoint is the id of the VPC endpoint whose network interface the namespace is, empty for the VPC itself.
	Endpoint string
}

// ServiceNetwork is a VPC Lattice service network and the services associated with it.
type ServiceNetwork struct {
	ID, ARN  string
	Auth     Auth
	Services []*Service
	// Aliases are the names by which requests at VPC endpoints name services, less the endpoint's id and a hyphen.
	Aliases map[string]*Service
	// Bindings are where the services are reached in associated VPCs, and Entrances the resources.
	Bindings  []netip.AddrPort
	Entrances []Entrance
}

// Service is a VPC Lattice service.
type Service struct {
	ID, ARN, Account string
	// Hosts are the names the service answers to: its generated name and its custom domain name.
	Hosts []string
	Auth  Auth
	Tags  map[string]string
	// Idle is how long a connection may be without data once a request for the service came on it; 0 is the server's own limit.
	Idle      time.Duration
	Listeners []*Listener
}

// AuthType says whether an auth policy is in force.
type AuthType string

const (
	AuthNone AuthType = "NONE"
	AuthIAM  AuthType = "AWS_IAM"
)

// Auth is the auth type and policy of a service network or a service. AuthIAM without a policy denies everything.
type Auth struct {
	Type   AuthType
	Policy Policy
}

// Protocol is a listener's or a target group's protocol, in the API's own words.
type Protocol string

const (
	HTTP           Protocol = "HTTP"
	HTTPS          Protocol = "HTTPS"
	TLSPassthrough Protocol = "TLS_PASSTHROUGH"
	TCP            Protocol = "TCP"
)

// Listener is a listener of a service or of a load balancer. Only HTTP is served: requests to a listener of another
// protocol are answered 500.
type Listener struct {
	ID, ARN  string
	Port     uint16
	Protocol Protocol
	// Rules may come in any order; the lowest priority number that matches decides.
	Rules   []Rule
	Default Action
	// Headers are what a load balancer says in answers, in place of what targets say.
	Headers []Header
	// HideServer leaves the Server header out of answers.
	HideServer bool
}

// Header is a line of an answer's head.
type Header struct{ Name, Value string }

// Rule sends the requests that satisfy all its conditions to its action.
type Rule struct {
	ARN        string
	Priority   int
	Conditions []Condition
	Action     Action
}

// Field is the part of a request a Condition looks at.
type Field uint8

const (
	FieldMethod Field = iota
	FieldPath
	FieldHeader
	FieldHost
	FieldQuery
	FieldSourceIP
)

// Op is how a Condition compares.
type Op uint8

const (
	Exact Op = iota
	Prefix
	Contains
	// Glob matches a pattern of "*" (any run of characters) and "?" (any one character), the form of ELB rules.
	Glob
)

// Condition is satisfied when any of its values matches the field. Names of headers never depend on case; methods always do.
type Condition struct {
	Field Field
	Op    Op
	// Name is the header's, for FieldHeader.
	Name          string
	CaseSensitive bool
	// Values are compared with a method, a path, a host or a header.
	Values []string
	// Queries are compared, by Op and case-insensitively, with each parameter of the query string; an empty Key matches any key.
	Queries []QueryMatch
	// Sources holds the prefixes of FieldSourceIP.
	Sources []netip.Prefix
}

// QueryMatch is one key and value of a FieldQuery condition.
type QueryMatch struct{ Key, Value string }

// ActionKind is what is done with a request.
type ActionKind uint8

const (
	// Forward sends the request to one of Groups; an action without groups answers 503.
	Forward ActionKind = iota
	FixedResponse
	Redirect
)

// Action is what a rule, or a listener by default, does with a request.
type Action struct {
	Kind ActionKind
	// Groups share the requests of a Forward in proportion to their weights; one of weight 0 gets none.
	Groups []WeightedGroup
	// Status is the status of a FixedResponse or a Redirect.
	Status int
	// ContentType and Body belong to a FixedResponse; without a body the status' own words are sent.
	ContentType, Body string
	// Location describes where a Redirect leads.
	Location Location
}

// WeightedGroup is a target group and its share of an action's requests.
type WeightedGroup struct {
	Group  *TargetGroup
	Weight int
}

// Location is the URL of a redirect. Each part may hold #{protocol}, #{host}, #{port}, #{path} and #{query}, which stand for
// the request's own; an empty part is the request's own too.
type Location struct {
	Protocol, Host, Port, Path, Query string
}

// TargetType is a target group's type, in the API's own words (ELBv2's are in lower case there).
type TargetType string

const (
	TargetInstance TargetType = "INSTANCE"
	TargetIP       TargetType = "IP"
	TargetLambda   TargetType = "LAMBDA"
	TargetALB      TargetType = "ALB"
)

// EventVersion is the form of the event a function receives for a request.
type EventVersion string

const (
	EventV1  EventVersion = "V1"
	EventV2  EventVersion = "V2"
	EventELB EventVersion = "ELB" // of an Application Load Balancer
)

// TargetGroup is a target group of VPC Lattice or of Elastic Load Balancing. Targets are spoken to in HTTP/1.1 only: requests
// for a group of another protocol are answered 500.
type TargetGroup struct {
	ARN      string
	VPC      string // vpc-…, empty for functions
	Type     TargetType
	Protocol Protocol
	// Event is the form of the events of a LAMBDA group; empty means V1.
	Event EventVersion
	// MultiValueHeaders is the ELB attribute lambda.multi_value_headers.enabled.
	MultiValueHeaders bool
	Algorithm         Algorithm
	// Sticky binds clients to targets; nil does not.
	Sticky  *Stickiness
	Check   HealthCheck
	Targets []Target
}

// Algorithm is the ELB attribute load_balancing.algorithm.type, in its own words; empty means round robin.
type Algorithm string

const (
	RoundRobin               Algorithm = "round_robin"
	LeastOutstandingRequests Algorithm = "least_outstanding_requests"
	WeightedRandom           Algorithm = "weighted_random"
)

// Stickiness binds a client to the target that answered it first, by a cookie.
type Stickiness struct {
	// Application is the target's own cookie that the session lasts as long as; empty binds for the duration alone.
	Application string
	Duration    time.Duration
}

// Target is a registered target.
type Target struct {
	// ID is the target's id as registered: an instance id, an address, or the ARN of a function or a load balancer.
	ID   string
	Addr netip.AddrPort // none for a function
	// Namespace names the network namespace the target is dialled from, and Source the address to bind there.
	Namespace string
	Source    netip.Addr
	// Draining targets finish what they have and get no new requests.
	Draining bool
}

// HealthCheck says how the targets of a group are checked. Zero values mean the API's defaults: 30 s, 5 s, 5 and 2
// checks, path "/", status 200, and the port each target is registered with.
type HealthCheck struct {
	Enabled            bool
	Port               uint16
	Path               string
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int
	// Matcher holds the statuses that mean success: "200", "200,202", "200-299".
	Matcher string
}

// Node is a place of a load balancer: an address in a network namespace of its own.
type Node struct {
	Namespace string
	Address   netip.Addr
}

// LoadBalancer is an Application Load Balancer.
type LoadBalancer struct {
	ARN string
	VPC string // vpc-…
	// Nodes are where it listens, on every listener's port.
	Nodes []Node
	// Idle is how long a connection may be without data; 0 is the server's own limit.
	Idle time.Duration
	// KeepAlive is how long a client's connection may be open: the first answer after that is its last. 0 is for ever.
	KeepAlive time.Duration
	// PreserveHost sends targets the Host header as it came. Otherwise one without a port gets the listener's, but for 80.
	PreserveHost bool
	// DropInvalid keeps headers from targets whose names have other characters than letters, digits and hyphens.
	DropInvalid bool
	// ForwardedFor is what becomes of X-Forwarded-For, and ClientPort adds the client's port to what is appended there.
	ForwardedFor ForwardedFor
	ClientPort   bool
	Listeners    []*Listener
}

// ForwardedFor is the ELB attribute routing.http.xff_header_processing.mode.
type ForwardedFor uint8

const (
	ForwardedAppend ForwardedFor = iota
	ForwardedPreserve
	ForwardedRemove
)
