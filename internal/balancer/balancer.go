// Package balancer owns the Elastic Load Balancing v2 resources: their data and invariants. The ELB API writes them.
package balancer

import (
	"strings"
	"time"

	"trellis/internal/arn"
	"trellis/internal/tag"
	"trellis/internal/vpc"
)

// LoadBalancer is an Application Load Balancer.
type LoadBalancer struct {
	vpc.Owner
	Name           string    `json:"name"`
	ID             string    `json:"id"` // 16 hexadecimal digits, the last part of the ARN
	Created        time.Time `json:"created"`
	Scheme         string    `json:"scheme"` // internal
	Type           string    `json:"type"`   // application
	IPAddressType  string    `json:"ipAddressType"`
	VPC            string    `json:"vpc"`
	Subnets        []string  `json:"subnets"`
	SecurityGroups []string  `json:"securityGroups"`
	// Interfaces holds one network interface per subnet, in the order of Subnets.
	Interfaces []string          `json:"interfaces"`
	Attributes map[string]string `json:"attributes,omitempty"` // those that differ from the defaults
	Tags       tag.Set           `json:"tags,omitempty"`
}

// ARN returns the load balancer's name.
func (b *LoadBalancer) ARN() string {
	return arn.New("elasticloadbalancing", b.Region, b.Account, "loadbalancer/app/"+b.Name+"/"+b.ID).String()
}

// DNSName returns internal-NAME-NUMBER.REGION.elb.amazonaws.com. It resolves to the private addresses of the nodes.
func (b *LoadBalancer) DNSName() string {
	prefix := ""
	if b.Scheme == "internal" {
		prefix = "internal-"
	}
	return prefix + strings.ToLower(b.Name) + "-" + b.ID[:10] + "." + b.Region + ".elb.amazonaws.com"
}

// HostedZone returns the id of the Route 53 zone that the names of a region's load balancers are in, empty where it is not known.
func HostedZone(region string) string {
	return map[string]string{
		"us-east-1": "Z35SXDOTRQ7X7K", "us-east-2": "Z3AADJGX6KTTL2", "us-west-1": "Z368ELLRRE2KJ0", "us-west-2": "Z1H1FL5HABSF5",
		"eu-west-1": "Z32O12XQLNTSW2", "eu-west-2": "ZHURV8PSTC4K8", "eu-west-3": "Z3Q77PNBQS71R4", "eu-central-1": "Z215JYRZR1TBD5",
		"eu-north-1": "Z23TAZ6LKFMNIO", "ap-south-1": "ZP97RAFLXTNZK", "ap-northeast-1": "Z14GRHDCWA56QT", "ap-northeast-2": "ZWKZPGTI48KDX",
		"ap-southeast-1": "Z1LMS91P8CMLE5", "ap-southeast-2": "Z1GM3OXH4ZPM65", "ca-central-1": "ZQSVJUPU6J1EY", "sa-east-1": "Z2P70J7HTTTPLU",
	}[region]
}

// Listener is one port of a load balancer.
type Listener struct {
	vpc.Owner
	LoadBalancer string   `json:"loadBalancer"` // ARN
	ARN          string   `json:"arn"`
	Protocol     string   `json:"protocol"`
	Port         int32    `json:"port"`
	Default      []Action `json:"default"`
	DefaultRule  string   `json:"defaultRule"` // ARN
	// DefaultTags are those of the default rule.
	DefaultTags tag.Set           `json:"defaultTags,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Tags        tag.Set           `json:"tags,omitempty"`
}

// Rule sends matching requests of a listener somewhere.
type Rule struct {
	vpc.Owner
	ARN        string      `json:"arn"`
	Listener   string      `json:"listener"` // ARN
	Priority   int32       `json:"priority"`
	Conditions []Condition `json:"conditions"`
	Actions    []Action    `json:"actions"`
	Tags       tag.Set     `json:"tags,omitempty"`
}

// Condition holds if one of its values matches.
type Condition struct {
	Field  string      `json:"field"` // host-header, path-pattern, http-header, http-request-method, query-string, source-ip
	Header string      `json:"header,omitempty"`
	Values []string    `json:"values,omitempty"`
	Query  []QueryPair `json:"query,omitempty"`
}

// QueryPair is one value of a query-string condition. An empty key matches any.
type QueryPair struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value"`
}

// Action is what happens to a request.
type Action struct {
	Type        string     `json:"type"` // forward, fixed-response, redirect
	Order       int32      `json:"order,omitempty"`
	Forward     []Weighted `json:"forward,omitempty"`
	Status      string     `json:"status,omitempty"` // of fixed-response (a number) and redirect (HTTP_301, HTTP_302)
	ContentType string     `json:"contentType,omitempty"`
	Body        string     `json:"body,omitempty"`
	Protocol    string     `json:"protocol,omitempty"` // of redirect, as the next four
	Host        string     `json:"host,omitempty"`
	Port        string     `json:"port,omitempty"`
	Path        string     `json:"path,omitempty"`
	Query       string     `json:"query,omitempty"`
}

// Weighted is a target group's share of the requests.
type Weighted struct {
	TargetGroup string `json:"targetGroup"` // ARN
	Weight      int32  `json:"weight"`
}

// TargetGroup is a set of targets that serve the same thing.
type TargetGroup struct {
	vpc.Owner
	Name            string            `json:"name"`
	ARN             string            `json:"arn"`
	Type            string            `json:"type"` // lambda, ip, instance
	Protocol        string            `json:"protocol,omitempty"`
	ProtocolVersion string            `json:"protocolVersion,omitempty"`
	Port            int32             `json:"port,omitempty"`
	VPC             string            `json:"vpc,omitempty"`
	IPAddressType   string            `json:"ipAddressType,omitempty"`
	HealthCheck     HealthCheck       `json:"healthCheck"`
	Targets         []Target          `json:"targets,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Tags            tag.Set           `json:"tags,omitempty"`
}

// Target is one member of a target group.
type Target struct {
	ID   string `json:"id"` // an address, an instance id or a function's ARN
	Port int32  `json:"port,omitempty"`
	Zone string `json:"zone,omitempty"`
}

// HealthCheck says how targets are probed.
type HealthCheck struct {
	Enabled   bool   `json:"enabled"`
	Protocol  string `json:"protocol,omitempty"`
	Port      string `json:"port,omitempty"` // traffic-port or a number
	Path      string `json:"path,omitempty"`
	Interval  int32  `json:"interval,omitempty"` // seconds
	Timeout   int32  `json:"timeout,omitempty"`  // seconds
	Healthy   int32  `json:"healthy,omitempty"`
	Unhealthy int32  `json:"unhealthy,omitempty"`
	Matcher   string `json:"matcher,omitempty"`
}
