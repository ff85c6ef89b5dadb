package proxy

import (
	"net/netip"
	"time"
)

// Table is everything one proxy serves at one moment. It must not change once it was handed to the server. Values that
// several parts share (a service network, a service, a target group) are shared by pointer; there is one *TargetGroup for
// an ARN in a table.
type Table struct {
	VPCs          []*VPC
	LoadBalancers []*LoadBalancer
}

// VPC is a network namespace in which requests to VPC Lattice are intercepted.
type VPC struct {
	// Namespace names the network namespace for Network.Listen. A namespace that was dropped and made again must have another name.
	Namespace string
	ID        string // vpc-…
	ARN       string
	Owner     string // account
	// Network is the service network the VPC is associated with; without one every request is answered 404.
	Network  *ServiceNetwork
	Bindings []netip.AddrPort
}

// ServiceNetwork is a VPC Lattice service network and the services associated with it.
type ServiceNetwork struct {
	ID, ARN  string
	Auth     Auth
	Services []*Service
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
}

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
	Check             HealthCheck
	Targets           []Target
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

// LoadBalancer is an Application Load Balancer.
type LoadBalancer struct {
	ARN string
	VPC string // vpc-…
	// Namespace names the network namespace of the balancer's node.
	Namespace string
	// Addresses are the node's own; the balancer listens on every listener's port at each of them.
	Addresses []netip.Addr
	// Idle is how long a connection may be without data; 0 is the server's own limit.
	Idle      time.Duration
	Listeners []*Listener
}
