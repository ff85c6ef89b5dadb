package balancer

import (
	"strconv"
	"strings"

	"trellis/internal/fault"
)

// Attribute is a setting of a load balancer, listener or target group.
type Attribute struct {
	Key, Default string
	// allowed says which values AWS knows; honoured which of those are acted on, or would make no difference here. Any other
	// value is refused rather than kept without effect, but for timeouts, which are kept and shown while the proxy's own hold.
	allowed, honoured func(string) bool
}

// Check refuses a value that the attribute can't have here.
func (a Attribute) Check(value string) error {
	if !a.allowed(value) {
		return invalid("'%s' is not a valid value for the attribute '%s'", clip(value), a.Key)
	}
	if value != a.Default && !a.honoured(value) {
		return fault.New(fault.Unsupported, "InvalidConfigurationRequest", "The value '%s' of the attribute '%s' is not built; only '%s' is", clip(value), a.Key, a.Default)
	}
	return nil
}

func anything(string) bool { return true }
func none(string) bool     { return false }
func flag(v string) bool   { return v == "true" || v == "false" }

func words(list ...string) func(string) bool {
	return func(v string) bool {
		for _, w := range list {
			if v == w {
				return true
			}
		}
		return false
	}
}

func number(low, high int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= low && n <= high
	}
}

// either allows "off" beside what f allows.
func either(word string, f func(string) bool) func(string) bool {
	return func(v string) bool { return v == word || f(v) }
}

// LoadBalancerAttributes are those of an Application Load Balancer.
func LoadBalancerAttributes() []Attribute {
	return []Attribute{
		{"access_logs.s3.enabled", "false", flag, none},
		{"access_logs.s3.bucket", "", anything, anything},
		{"access_logs.s3.prefix", "", anything, anything},
		{KeepAlive, "3600", number(60, 604800), anything},
		{"connection_logs.s3.enabled", "false", flag, none},
		{"connection_logs.s3.bucket", "", anything, anything},
		{"connection_logs.s3.prefix", "", anything, anything},
		{DeletionProtection, "false", flag, anything},
		{"health_check_logs.s3.enabled", "false", flag, none},
		{"health_check_logs.s3.bucket", "", anything, anything},
		{"health_check_logs.s3.prefix", "", anything, anything},
		{IdleTimeout, "60", number(1, 4000), anything},
		{"ipv6.deny_all_igw_traffic", "false", flag, anything},
		{"load_balancing.cross_zone.enabled", "true", words("true"), anything},
		{"routing.http.desync_mitigation_mode", "defensive", words("monitor", "defensive", "strictest"), words("strictest")},
		{DropInvalidFields, "false", flag, anything},
		{PreserveHost, "false", flag, anything},
		{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", flag, anything},
		{ForwardedClientPort, "false", flag, anything},
		{ForwardedFor, "append", words("append", "preserve", "remove"), anything},
		{"routing.http2.enabled", "true", flag, anything},
		{"waf.fail_open.enabled", "false", flag, anything},
		{"zonal_shift.config.enabled", "false", flag, none},
	}
}

// The attributes that are more than shown.
const (
	DeletionProtection  = "deletion_protection.enabled"
	DropInvalidFields   = "routing.http.drop_invalid_header_fields.enabled"
	ForwardedClientPort = "routing.http.xff_client_port.enabled"
	ForwardedFor        = "routing.http.xff_header_processing.mode"
	IdleTimeout         = "idle_timeout.timeout_seconds"
	KeepAlive           = "client_keep_alive.seconds"
	PreserveHost        = "routing.http.preserve_host_header.enabled"

	ServerHeader = "routing.http.response.server.enabled"

	Algorithm         = "load_balancing.algorithm.type"
	MultiValueHeaders = "lambda.multi_value_headers.enabled"
	Sticky            = "stickiness.enabled"
	StickyBy          = "stickiness.type"
	StickyCookie      = "stickiness.app_cookie.cookie_name"
	StickyCookieLasts = "stickiness.app_cookie.duration_seconds"
	StickyLasts       = "stickiness.lb_cookie.duration_seconds"
)

// Attribute is the value of one of the load balancer's attributes, as Attribute of a listener and of a target group are.
func (b *LoadBalancer) Attribute(key string) string {
	return value(LoadBalancerAttributes(), b.Attributes, key)
}

func (l *Listener) Attribute(key string) string {
	return value(ListenerAttributes(), l.Attributes, key)
}

func (g *TargetGroup) Attribute(key string) string {
	return value(TargetGroupAttributes(g.Type), g.Attributes, key)
}

func value(known []Attribute, set map[string]string, key string) string {
	if v, ok := set[key]; ok {
		return v
	}
	for _, a := range known {
		if a.Key == key {
			return a.Default
		}
	}
	return ""
}

// ResponseHeaders are the headers that a listener can say in answers, by the attributes that hold their values.
func ResponseHeaders() []ResponseHeader {
	at := func(name string, allowed func(string) bool) ResponseHeader {
		return ResponseHeader{name, "routing.http.response." + strings.ReplaceAll(strings.ToLower(name), "-", "_") + ".header_value", allowed}
	}
	return []ResponseHeader{
		at("Access-Control-Allow-Credentials", words("true")), at("Access-Control-Allow-Headers", fieldValue), at("Access-Control-Allow-Methods", fieldValue),
		at("Access-Control-Allow-Origin", fieldValue), at("Access-Control-Expose-Headers", fieldValue), at("Access-Control-Max-Age", number(0, 86400)),
		at("Content-Security-Policy", fieldValue), at("Strict-Transport-Security", fieldValue), at("X-Content-Type-Options", words("nosniff")),
		at("X-Frame-Options", fieldValue),
	}
}

// ResponseHeader is a header that an attribute of a listener gives a value.
type ResponseHeader struct {
	Name, Key string
	allowed   func(string) bool
}

// fieldValue allows what a line of a head can hold, up to 1,024 characters.
func fieldValue(v string) bool {
	return len(v) <= 1<<10 && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' })
}

// ListenerAttributes are those of an HTTP listener.
func ListenerAttributes() []Attribute {
	out := []Attribute{{ServerHeader, "true", flag, anything}}
	for _, h := range ResponseHeaders() {
		out = append(out, Attribute{h.Key, "", either("", h.allowed), anything})
	}
	return out
}

// cookieName allows names of applications' cookies: those of load balancers are not theirs.
func cookieName(v string) bool {
	return len(v) <= 255 && !strings.HasPrefix(v, "AWSALB") && !strings.ContainsFunc(v, notToken)
}

// CheckStickiness refuses sessions that follow a cookie without a name.
func (g *TargetGroup) CheckStickiness() error {
	if g.Attribute(Sticky) == "true" && g.Attribute(StickyBy) == "app_cookie" && g.Attribute(StickyCookie) == "" {
		return fault.New(fault.Invalid, "InvalidConfigurationRequest", "You must specify a cookie name to enable stickiness of the type 'app_cookie'")
	}
	return nil
}

// TargetGroupAttributes are those of a target group of the type.
func TargetGroupAttributes(targetType string) []Attribute {
	shared := []Attribute{
		{"load_balancing.cross_zone.enabled", "use_load_balancer_configuration", words("true", "false", "use_load_balancer_configuration"), words("true")},
		{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", either("off", number(1, 1000)), none},
		{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", either("off", number(1, 100)), none},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", number(1, 1000), none},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", either("off", number(1, 100)), none},
	}
	if targetType == Lambda {
		return append([]Attribute{{MultiValueHeaders, "false", flag, anything}}, shared...)
	}
	return append([]Attribute{
		{"deregistration_delay.timeout_seconds", "300", number(0, 3600), anything},
		{"load_balancing.algorithm.anomaly_mitigation", "off", words("on", "off"), none},
		{Algorithm, "round_robin", words("round_robin", "least_outstanding_requests", "weighted_random"), anything},
		{"slow_start.duration_seconds", "0", either("0", number(30, 900)), none},
		{StickyCookie, "", cookieName, anything},
		{StickyCookieLasts, "86400", number(1, 604800), anything},
		{Sticky, "false", flag, anything},
		{StickyLasts, "86400", number(1, 604800), anything},
		{StickyBy, "lb_cookie", words("lb_cookie", "app_cookie"), anything},
	}, shared...)
}
