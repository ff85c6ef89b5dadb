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
		{"client_keep_alive.seconds", "3600", number(60, 604800), anything},
		{"connection_logs.s3.enabled", "false", flag, none},
		{"connection_logs.s3.bucket", "", anything, anything},
		{"connection_logs.s3.prefix", "", anything, anything},
		{DeletionProtection, "false", flag, anything},
		{"health_check_logs.s3.enabled", "false", flag, none},
		{"health_check_logs.s3.bucket", "", anything, anything},
		{"health_check_logs.s3.prefix", "", anything, anything},
		{"idle_timeout.timeout_seconds", "60", number(1, 4000), anything},
		{"ipv6.deny_all_igw_traffic", "false", flag, anything},
		{"load_balancing.cross_zone.enabled", "true", words("true"), anything},
		{"routing.http.desync_mitigation_mode", "defensive", words("monitor", "defensive", "strictest"), words("strictest")},
		{"routing.http.drop_invalid_header_fields.enabled", "false", flag, none},
		{"routing.http.preserve_host_header.enabled", "false", flag, none},
		{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", flag, anything},
		{"routing.http.xff_client_port.enabled", "false", flag, none},
		{"routing.http.xff_header_processing.mode", "append", words("append", "preserve", "remove"), none},
		{"routing.http2.enabled", "true", flag, anything},
		{"waf.fail_open.enabled", "false", flag, anything},
		{"zonal_shift.config.enabled", "false", flag, none},
	}
}

// DeletionProtection is the attribute that keeps a load balancer from being deleted.
const DeletionProtection = "deletion_protection.enabled"

// ListenerAttributes are those of an HTTP listener.
func ListenerAttributes() []Attribute {
	out := []Attribute{{"routing.http.response.server.enabled", "true", flag, none}}
	for _, header := range strings.Fields("access_control_allow_credentials access_control_allow_headers access_control_allow_methods " +
		"access_control_allow_origin access_control_expose_headers access_control_max_age content_security_policy " +
		"strict_transport_security x_content_type_options x_frame_options") {
		out = append(out, Attribute{"routing.http.response." + header + ".header_value", "", anything, none})
	}
	return out
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
		return append([]Attribute{{"lambda.multi_value_headers.enabled", "false", flag, anything}}, shared...)
	}
	return append([]Attribute{
		{"deregistration_delay.timeout_seconds", "300", number(0, 3600), anything},
		{"load_balancing.algorithm.anomaly_mitigation", "off", words("on", "off"), none},
		{"load_balancing.algorithm.type", "round_robin", words("round_robin", "least_outstanding_requests", "weighted_random"), none},
		{"slow_start.duration_seconds", "0", either("0", number(30, 900)), none},
		{"stickiness.app_cookie.cookie_name", "", anything, anything},
		{"stickiness.app_cookie.duration_seconds", "86400", number(1, 604800), anything},
		{"stickiness.enabled", "false", flag, none},
		{"stickiness.lb_cookie.duration_seconds", "86400", number(1, 604800), anything},
		{"stickiness.type", "lb_cookie", words("lb_cookie", "app_cookie"), anything},
	}, shared...)
}
