package lattice

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"trellis/internal/arn"
)

// Health check defaults and limits.
const (
	defaultInterval  = 30
	defaultTimeout   = 5
	defaultHealthy   = 5
	defaultUnhealthy = 2
	defaultMatcher   = "200"
	defaultPath      = "/"
	maxHealthPath    = 2048
)

// Config is a target group's configuration as it is asked for; empty members mean the default.
type Config struct {
	Port            *int32
	Protocol        string
	ProtocolVersion string
	IPAddressType   string
	VPC             string
	EventVersion    string
	HealthCheck     *HealthCheckChange
}

// HealthCheckChange is what a request says of a health check: nil leaves a member as it is, and zero or empty resets it.
type HealthCheckChange struct {
	Enabled                                     *bool
	Protocol, ProtocolVersion, Path, Matcher    *string
	Port, Interval, Timeout, Healthy, Unhealthy *int32
}

// Configure sets what the configuration asks for on a new group of the type, with the defaults of that type.
func (g *TargetGroup) Configure(c Config) error {
	switch g.Type {
	case TypeLambda:
		return g.configureLambda(c)
	case TypeInstance, TypeIP, TypeALB:
	default:
		return Invalid("type", "The type of a target group must be IP, LAMBDA, INSTANCE or ALB.")
	}
	switch {
	case c.VPC == "":
		return Invalid("config.vpcIdentifier", "A target group of type %s must name its VPC.", g.Type)
	case c.EventVersion != "":
		return Invalid("config.lambdaEventStructureVersion", "The event structure version is for target groups of type LAMBDA.")
	case c.IPAddressType != "" && g.Type != TypeIP:
		return Invalid("config.ipAddressType", "The IP address type is for target groups of type IP.")
	}
	switch c.Protocol {
	case ProtocolHTTP:
	case "HTTPS", "TCP":
		return notServed("config.protocol", "target groups of protocol "+c.Protocol, ProtocolHTTP)
	default:
		return Invalid("config.protocol", "The protocol of a target group must be HTTP, HTTPS or TCP.")
	}
	switch c.ProtocolVersion {
	case "", HTTP1:
	case "HTTP2", "GRPC":
		return notServed("config.protocolVersion", "target groups of protocol version "+c.ProtocolVersion, HTTP1)
	default:
		return Invalid("config.protocolVersion", "The protocol version must be HTTP1, HTTP2 or GRPC.")
	}
	g.VPC, g.Protocol, g.ProtocolVersion, g.Port = c.VPC, c.Protocol, HTTP1, DefaultPort
	if c.Port != nil {
		g.Port = *c.Port
	}
	if err := CheckPort("config.port", g.Port); err != nil {
		return err
	}
	if g.Type == TypeIP {
		switch g.IPAddressType = c.IPAddressType; c.IPAddressType {
		case "":
			g.IPAddressType = "IPV4"
		case "IPV4":
		case "IPV6":
			return Invalid("config.ipAddressType", "Target groups of IPv6 addresses are not built. The IP address type must be IPV4.")
		default:
			return Invalid("config.ipAddressType", "The IP address type must be IPV4 or IPV6.")
		}
	}
	if !g.Checkable() {
		if h := c.HealthCheck; h != nil && (h.Enabled == nil || *h.Enabled) {
			return g.uncheckable()
		}
		return nil
	}
	change := HealthCheckChange{}
	if c.HealthCheck != nil {
		change = *c.HealthCheck
	}
	next, err := g.defaultCheck().with(change)
	g.HealthCheck = next
	return err
}

func (g *TargetGroup) configureLambda(c Config) error {
	switch {
	case c.Port != nil:
		return unsuited("port")
	case c.Protocol != "":
		return unsuited("protocol")
	case c.ProtocolVersion != "":
		return unsuited("protocolVersion")
	case c.VPC != "":
		return unsuited("vpcIdentifier")
	case c.IPAddressType != "":
		return unsuited("ipAddressType")
	case c.HealthCheck != nil && (c.HealthCheck.Enabled == nil || *c.HealthCheck.Enabled):
		return unsuited("healthCheck")
	case c.EventVersion != "" && c.EventVersion != "V1" && c.EventVersion != "V2":
		return Invalid("config.lambdaEventStructureVersion", "The event structure version must be V1 or V2.")
	}
	g.EventVersion = cmp.Or(c.EventVersion, "V1")
	return nil
}

func unsuited(member string) error {
	return Invalid("config."+member, "%s is not supported for target groups of type LAMBDA.", member)
}

// Checkable reports whether the group's targets can be probed.
func (g *TargetGroup) Checkable() bool { return g.Type == TypeInstance || g.Type == TypeIP }

func (g *TargetGroup) uncheckable() error {
	return Invalid("healthCheck", "Health checks are not supported for target groups of type %s.", g.Type)
}

// defaultCheck is the health check of a group that asks for nothing.
func (g *TargetGroup) defaultCheck() *HealthCheck {
	return &HealthCheck{Enabled: true, Protocol: g.Protocol, ProtocolVersion: HTTP1, Path: defaultPath,
		Interval: defaultInterval, Timeout: defaultTimeout, Healthy: defaultHealthy, Unhealthy: defaultUnhealthy, Matcher: defaultMatcher}
}

// ChangeHealthCheck changes the health check of a group.
func (g *TargetGroup) ChangeHealthCheck(c HealthCheckChange) error {
	if !g.Checkable() {
		return g.uncheckable()
	}
	next, err := g.HealthCheck.with(c)
	if err != nil {
		return err
	}
	g.HealthCheck = next
	return nil
}

// with returns the check changed.
func (h *HealthCheck) with(c HealthCheckChange) (*HealthCheck, error) {
	next := *h
	if c.Enabled != nil {
		next.Enabled = *c.Enabled
	}
	for _, m := range []struct {
		name, unserved, served string
		ask                    *string
	}{
		{"protocol", "HTTPS", ProtocolHTTP, c.Protocol},
		{"protocolVersion", "HTTP2", HTTP1, c.ProtocolVersion},
	} {
		switch {
		case m.ask == nil || *m.ask == "" || *m.ask == m.served:
		case *m.ask == m.unserved:
			return nil, notServed("healthCheck."+m.name, "health checks with "+m.unserved, m.served)
		default:
			return nil, Invalid("healthCheck."+m.name, "%s must be %s or %s.", m.name, m.served, m.unserved)
		}
	}
	for _, m := range []struct {
		name     string
		to       *int32
		ask      *int32
		reset    int32
		min, max int32
	}{
		{"port", &next.Port, c.Port, 0, 1, 65535},
		{"healthCheckIntervalSeconds", &next.Interval, c.Interval, defaultInterval, 5, 300},
		{"healthCheckTimeoutSeconds", &next.Timeout, c.Timeout, defaultTimeout, 1, 120},
		{"healthyThresholdCount", &next.Healthy, c.Healthy, defaultHealthy, 2, 10},
		{"unhealthyThresholdCount", &next.Unhealthy, c.Unhealthy, defaultUnhealthy, 2, 10},
	} {
		switch {
		case m.ask == nil:
		case *m.ask == 0:
			*m.to = m.reset
		case *m.ask < m.min || *m.ask > m.max:
			return nil, Invalid("healthCheck."+m.name, "%s must be between %d and %d.", m.name, m.min, m.max)
		default:
			*m.to = *m.ask
		}
	}
	if c.Path != nil {
		if next.Path = *c.Path; next.Path == "" {
			next.Path = defaultPath
		}
		if len(next.Path) > maxHealthPath || !isPath(next.Path) {
			return nil, Invalid("healthCheck.path", "The path must begin with / and hold at most %d letters, digits and characters of @:%%_+.~#?&/=-.", maxHealthPath)
		}
	}
	if c.Matcher != nil {
		if next.Matcher = *c.Matcher; next.Matcher == "" {
			next.Matcher = defaultMatcher
		}
		if err := checkMatcher(next.Matcher); err != nil {
			return nil, err
		}
	}
	return &next, nil
}

// checkMatcher checks a list of statuses and ranges such as 200,202 or 200-299.
func checkMatcher(m string) error {
	for part := range strings.SplitSeq(m, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, err1 := strconv.Atoi(from)
		high, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || low < 200 || high > 499 || low > high {
			return Invalid("healthCheck.matcher", "'%.64s' is not a list of statuses between 200 and 499, such as 200, 200,202 or 200-299.", m)
		}
	}
	return nil
}

// CheckTarget checks the form of a target's id, and whether it may name a port, against the group's type.
func (g *TargetGroup) CheckTarget(id string, port *int32) error {
	const field = "targets"
	switch g.Type {
	case TypeIP:
		addr, err := netip.ParseAddr(id)
		if err != nil || addr.Zone() != "" || addr.Is4In6() {
			return Invalid(field, "'%.128s' is not an IP address.", id)
		}
		if !addr.Is4() {
			return Invalid(field, "The target %s is not of the target group's IP address type, %s.", id, g.IPAddressType)
		}
	case TypeInstance:
		if !arn.HasID(id, "i-") {
			return Invalid(field, "'%.128s' is not the id of an instance.", id)
		}
	case TypeLambda:
		if port != nil {
			return Invalid(field, "A target group of type LAMBDA has targets without a port.")
		}
		if a, err := arn.Parse(id); err != nil || a.Service != "lambda" || a.Type() != "function" {
			return Invalid(field, "'%.200s' is not the ARN of a Lambda function.", id)
		}
	case TypeALB:
		if a, err := arn.Parse(id); err != nil || a.Service != "elasticloadbalancing" || !strings.HasPrefix(a.Resource, "loadbalancer/app/") {
			return Invalid(field, "'%.200s' is not the ARN of an Application Load Balancer.", id)
		}
	}
	if port != nil {
		return CheckPort(field, *port)
	}
	return nil
}

// Single reports whether the group can hold one target only.
func (g *TargetGroup) Single() bool { return g.Type == TypeLambda || g.Type == TypeALB }
