package balancer

import (
	"net/netip"
	"strconv"
	"strings"

	"trellis/internal/fault"
)

// Types of target group.
const (
	Lambda   = "lambda"
	IP       = "ip"
	Instance = "instance"
)

// DefaultHealthCheck returns what a new target group of the type is checked by. Functions are not checked unless asked.
func DefaultHealthCheck(targetType string) HealthCheck {
	h := HealthCheck{Enabled: true, Protocol: "HTTP", Port: TrafficPort, Path: "/", Interval: 30, Timeout: 5, Healthy: 5, Unhealthy: 2, Matcher: "200"}
	if targetType == Lambda {
		h.Enabled, h.Protocol, h.Port, h.Interval, h.Timeout = false, "", "", 35, 30
	}
	return h
}

// TrafficPort says that a target is checked at the port it serves at.
const TrafficPort = "traffic-port"

// Check refuses a health check that can't be done for targets of the type.
func (h HealthCheck) Check(targetType string) error {
	switch {
	case targetType == Lambda && h.Enabled:
		return fault.New(fault.Unsupported, "InvalidConfigurationRequest", "Health checks of functions are not built")
	case targetType == Lambda && (h.Protocol != "" || h.Port != ""):
		return invalid("Health check protocol and port cannot be specified for target groups with target type 'lambda'")
	case targetType != Lambda && !h.Enabled:
		return invalid("Health check enabled must be true for target groups with target type '%s'", targetType)
	case targetType != Lambda && h.Protocol != "HTTP":
		return invalid("Health check protocol '%s' must be HTTP: health checks by another protocol are not built", clip(h.Protocol))
	case targetType != Lambda && h.Port != TrafficPort && !number(1, 65535)(h.Port):
		return invalid("Health check port '%s' must be '%s' or in the range of 1-65535", clip(h.Port), TrafficPort)
	case !strings.HasPrefix(h.Path, "/") || len(h.Path) > 1024 || strings.ContainsAny(h.Path, " \t\r\n"):
		return invalid("Health check path '%s' must begin with a '/' character, and can only contain printable ASCII characters, without spaces", clip(h.Path))
	case h.Interval < 5 || h.Interval > 300:
		return invalid("Health check interval '%d' must be between 5 and 300 seconds", h.Interval)
	case h.Timeout < 2 || h.Timeout > 120:
		return invalid("Health check timeout '%d' must be between 2 and 120 seconds", h.Timeout)
	case h.Timeout >= h.Interval:
		return invalid("Health check interval must be greater than the timeout.")
	case h.Healthy < 2 || h.Healthy > 10 || h.Unhealthy < 2 || h.Unhealthy > 10:
		return invalid("Health check threshold counts must be between 2 and 10")
	}
	return checkMatcher(h.Matcher)
}

// checkMatcher refuses what is not a list of statuses and ranges of them between 200 and 499.
func checkMatcher(s string) error {
	status := number(200, 499)
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, _ := strconv.Atoi(from)
		high, _ := strconv.Atoi(to)
		if !status(from) || !status(to) || low > high {
			return invalid("Health check matcher HTTP code '%s' must be within '200-499' inclusive", clip(s))
		}
	}
	return nil
}

// Reachable says whether an address outside the VPC's own can be a target: one of the private ranges.
func Reachable(addr netip.Addr) bool {
	for _, p := range []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"} {
		if netip.MustParsePrefix(p).Contains(addr) {
			return true
		}
	}
	return false
}
