// Package lattice owns the VPC Lattice resources: their data, invariants, names and statuses. The VPC Lattice API writes
// them; whether they are realised is told by the hosts' status, never stored here.
package lattice

import (
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// Auth types of services and service networks.
const (
	AuthNone = "NONE"
	AuthIAM  = "AWS_IAM"
)

// Meta is what every Lattice resource has.
type Meta struct {
	vpc.Owner
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Tags    tag.Set   `json:"tags,omitempty"`
	// Deleting is the first phase of deletion: no longer realised, and gone once every host has let go of it.
	Deleting bool `json:"deleting,omitempty"`
}

func (m *Meta) arn(resource string) string {
	return arn.New("vpc-lattice", m.Region, m.Account, resource).String()
}

// Service is a Lattice service.
type Service struct {
	Meta
	AuthType       string `json:"authType"`
	CertificateARN string `json:"certificateArn,omitempty"`
	CustomDomain   string `json:"customDomain,omitempty"`
	IdleTimeout    int32  `json:"idleTimeout,omitempty"` // seconds
}

// ARN returns the service's name.
func (s *Service) ARN() string { return s.arn("service/" + s.ID) }

// Domain is the generated DNS name. Every host resolves it to the same addresses.
func (s *Service) Domain() string {
	return s.Name + "-" + s.ID[len("svc-"):] + servicesOf(s.Region)
}

// Network is a Lattice service network.
type Network struct {
	Meta
	AuthType       string `json:"authType"`
	SharingEnabled bool   `json:"sharingEnabled"`
}

// ARN returns the network's name.
func (n *Network) ARN() string { return n.arn("servicenetwork/" + n.ID) }

// Listener is one protocol and port of a service.
type Listener struct {
	Meta
	Service  string `json:"service"`
	Protocol string `json:"protocol"` // HTTP, HTTPS, TLS_PASSTHROUGH
	Port     int32  `json:"port"`
	Default  Action `json:"default"`
	// DefaultRule is the id of the rule under which Default is listed.
	DefaultRule string `json:"defaultRule"`
}

// ARN returns the listener's name.
func (l *Listener) ARN() string { return l.arn("service/" + l.Service + "/listener/" + l.ID) }

// DefaultRuleARN returns the name of the listener's default rule.
func (l *Listener) DefaultRuleARN() string {
	return l.arn("service/" + l.Service + "/listener/" + l.ID + "/rule/" + l.DefaultRule)
}

// Rule sends matching requests of a listener somewhere.
type Rule struct {
	Meta
	Service  string `json:"service"`
	Listener string `json:"listener"`
	Priority int32  `json:"priority"`
	Match    Match  `json:"match"`
	Action   Action `json:"action"`
}

// ARN returns the rule's name.
func (r *Rule) ARN() string {
	return r.arn("service/" + r.Service + "/listener/" + r.Listener + "/rule/" + r.ID)
}

// Match holds the conditions of a rule, all of which must hold.
type Match struct {
	Method  string        `json:"method,omitempty"`
	Path    *PathMatch    `json:"path,omitempty"`
	Headers []HeaderMatch `json:"headers,omitempty"`
}

// PathMatch compares the path without the query. Exactly one of Exact and Prefix is set.
type PathMatch struct {
	Exact         string `json:"exact,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	CaseSensitive bool   `json:"caseSensitive"`
}

// HeaderMatch compares one header. Exactly one of Exact, Prefix and Contains is set.
type HeaderMatch struct {
	Name          string `json:"name"`
	Exact         string `json:"exact,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	Contains      string `json:"contains,omitempty"`
	CaseSensitive bool   `json:"caseSensitive"`
}

// Action is what happens to a request: forwarded, or answered with FixedStatus when that is not 0.
type Action struct {
	FixedStatus int32      `json:"fixedStatus,omitempty"`
	Forward     []Weighted `json:"forward,omitempty"`
}

// Weighted is a target group's share of the requests.
type Weighted struct {
	TargetGroup string `json:"targetGroup"`
	Weight      int32  `json:"weight"`
}

// Types of target groups.
const (
	TypeInstance = "INSTANCE"
	TypeIP       = "IP"
	TypeLambda   = "LAMBDA"
	TypeALB      = "ALB"
)

// TargetGroup is a set of targets that serve the same thing.
type TargetGroup struct {
	Meta
	Type            string       `json:"type"`
	Protocol        string       `json:"protocol,omitempty"`
	ProtocolVersion string       `json:"protocolVersion,omitempty"`
	Port            int32        `json:"port,omitempty"`
	VPC             string       `json:"vpc,omitempty"`
	IPAddressType   string       `json:"ipAddressType,omitempty"`
	EventVersion    string       `json:"eventVersion,omitempty"` // V1 or V2, for LAMBDA; empty means V1
	HealthCheck     *HealthCheck `json:"healthCheck,omitempty"`  // nil where the type has none
}

// ARN returns the target group's name.
func (g *TargetGroup) ARN() string { return g.arn("targetgroup/" + g.ID) }

// HealthCheck says how targets are probed.
type HealthCheck struct {
	Enabled         bool   `json:"enabled"`
	Protocol        string `json:"protocol,omitempty"`
	ProtocolVersion string `json:"protocolVersion,omitempty"`
	Port            int32  `json:"port,omitempty"` // 0: the target's port
	Path            string `json:"path,omitempty"`
	Interval        int32  `json:"interval,omitempty"` // seconds
	Timeout         int32  `json:"timeout,omitempty"`  // seconds
	Healthy         int32  `json:"healthy,omitempty"`
	Unhealthy       int32  `json:"unhealthy,omitempty"`
	Matcher         string `json:"matcher,omitempty"` // 200, 200,202 or 200-299
}

// Target is one member of a target group. It is a row of its own: groups hold up to 1,000.
type Target struct {
	vpc.Owner
	TargetGroup string `json:"targetGroup"`
	// ID is an address, an instance id, or the ARN of a function or load balancer.
	ID   string `json:"id"`
	Port int32  `json:"port,omitempty"`
	// Draining is set when the target was deregistered and may have requests to finish.
	Draining bool `json:"draining,omitempty"`
}

// NetworkService is the association of a service with a service network.
type NetworkService struct {
	Meta           // the creator's
	Network string `json:"network"`
	Service string `json:"service"`
	// NetworkOwner and ServiceOwner are accounts; either sees the association under an ARN of its own.
	NetworkOwner string `json:"networkOwner"`
	ServiceOwner string `json:"serviceOwner"`
	CreatedBy    string `json:"createdBy"` // an account
}

// ARN returns the association's name as the account sees it.
func (a *NetworkService) ARN(account string) string {
	return arn.New("vpc-lattice", a.Region, account, "servicenetworkserviceassociation/"+a.ID).String()
}

// ServiceARN returns the name of the service.
func (a *NetworkService) ServiceARN() string {
	return arn.New("vpc-lattice", a.Region, a.ServiceOwner, "service/"+a.Service).String()
}

// NetworkARN returns the name of the service network.
func (a *NetworkService) NetworkARN() string {
	return arn.New("vpc-lattice", a.Region, a.NetworkOwner, "servicenetwork/"+a.Network).String()
}

// Alias is how requests for the service name it when they come by an endpoint, less the endpoint's id and a hyphen.
func (a *NetworkService) Alias() string { return a.ID + servicesOf(a.Region) }

// EndpointDomain is the generated DNS name of the service at a VPC endpoint.
func (a *NetworkService) EndpointDomain(endpoint string) string { return endpoint + "-" + a.Alias() }

// servicesOf is what the generated DNS names of the services of a region end in.
func servicesOf(region string) string { return ".7d67968.vpc-lattice-svcs." + region + ".on.aws" }

// NetworkVPC is the association of a VPC with a service network.
type NetworkVPC struct {
	Meta                    // the creator's, who owns the VPC
	Network        string   `json:"network"`
	NetworkOwner   string   `json:"networkOwner"`
	VPC            string   `json:"vpc"`
	SecurityGroups []string `json:"securityGroups,omitempty"`
	CreatedBy      string   `json:"createdBy"`
	// Updating is set when the security groups were changed and no later change saw that realised.
	Updating bool `json:"updating,omitempty"`
	// PrivateDNS, DNSPreference and DNSDomains concern the custom names of resource configurations.
	PrivateDNS    bool     `json:"privateDns,omitempty"`
	DNSPreference string   `json:"dnsPreference,omitempty"`
	DNSDomains    []string `json:"dnsDomains,omitempty"`
}

// ARN returns the association's name as the account sees it.
func (a *NetworkVPC) ARN(account string) string {
	return arn.New("vpc-lattice", a.Region, account, "servicenetworkvpcassociation/"+a.ID).String()
}

// NetworkARN returns the name of the service network.
func (a *NetworkVPC) NetworkARN() string {
	return arn.New("vpc-lattice", a.Region, a.NetworkOwner, "servicenetwork/"+a.Network).String()
}

// VPCARN returns the name of the VPC.
func (a *NetworkVPC) VPCARN() string {
	return arn.New("ec2", a.Region, a.Account, "vpc/"+a.VPC).String()
}

// AuthPolicy is the policy of a service or a service network.
type AuthPolicy struct {
	vpc.Owner
	Resource string    `json:"resource"` // the id of the service or network
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// ResourcePolicy shares a network or service with accounts without a resource share of RAM.
type ResourcePolicy struct {
	vpc.Owner
	ResourceARN string `json:"resourceArn"`
	Document    string `json:"document"`
	// Principals are the accounts that the document names.
	Principals []string `json:"principals"`
}

// LogSubscription sends a resource's access logs to a destination.
type LogSubscription struct {
	Meta
	Resource    string `json:"resource"` // id
	ResourceARN string `json:"resourceArn"`
	Destination string `json:"destination"` // ARN
	// LogType is LogsOfServices or LogsOfResources for a service network, else empty.
	LogType string `json:"logType,omitempty"`
}

// What a service network's subscription is for: requests to services or connections to resources.
const (
	LogsOfServices  = "SERVICE"
	LogsOfResources = "RESOURCE"
)

// ARN returns the subscription's name.
func (s *LogSubscription) ARN() string { return s.arn("accesslogsubscription/" + s.ID) }
