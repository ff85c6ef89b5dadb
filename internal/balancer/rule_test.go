package balancer_test

import (
	"strings"
	"testing"

	"trellis/internal/balancer"
)

// What passes the checks can be compared and sent as it is: it fits the limits and holds no control characters.
func FuzzCheckConditions(f *testing.F) {
	f.Add("path-pattern", "", "/a/*", "")
	f.Add("host-header", "", "*.example.com", "")
	f.Add("http-header", "X-A", "b?", "")
	f.Add("http-request-method", "", "GET", "")
	f.Add("source-ip", "", "10.0.0.0/8", "")
	f.Add("query-string", "", "blue", "q")
	f.Fuzz(func(t *testing.T, field, header, value, key string) {
		c := balancer.Condition{Field: field, Header: header, Values: []string{value}}
		if field == "query-string" {
			c = balancer.Condition{Field: field, Query: []balancer.QueryPair{{Key: key, Value: value}}}
		}
		if balancer.CheckConditions([]balancer.Condition{c}) != nil {
			return
		}
		if value == "" || len(value) > 128 {
			t.Errorf("a value of %d bytes passed", len(value))
		}
		if field != "query-string" && strings.ContainsAny(value, "\r\n\x00") || field == "http-header" && strings.ContainsAny(header, " \r\n:") {
			t.Errorf("control characters passed: %q %q", header, value)
		}
		if strings.Count(value, "*") > 5 {
			t.Errorf("%q passed", value)
		}
	})
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"", "a", "-a", "a-", "internal-a", "ä", strings.Repeat("a", 33)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if balancer.CheckName("Load balancer", s) == nil && (s == "" || len(s) > 32 || strings.Trim(s, "-") != s || strings.ContainsAny(s, "/.: \n")) {
			t.Errorf("%q passed", s)
		}
	})
}

func TestDefaultsAreAllowed(t *testing.T) {
	all := append(balancer.LoadBalancerAttributes(), balancer.ListenerAttributes()...)
	for _, typ := range []string{balancer.Lambda, balancer.IP} {
		all = append(all, balancer.TargetGroupAttributes(typ)...)
		if err := balancer.DefaultHealthCheck(typ).Check(typ); err != nil {
			t.Errorf("the health check of %s: %v", typ, err)
		}
	}
	for _, a := range all {
		if err := a.Check(a.Default); err != nil {
			t.Errorf("%s: %v", a.Key, err)
		}
	}
}
