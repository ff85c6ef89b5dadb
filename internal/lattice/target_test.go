package lattice

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func TestConfigure(t *testing.T) {
	check := func(protocol string, enabled bool) *HealthCheck {
		return &HealthCheck{Enabled: enabled, Protocol: protocol, ProtocolVersion: HTTP1, Path: "/", Interval: 30, Timeout: 5, Healthy: 5, Unhealthy: 2, Matcher: "200"}
	}
	off, on := &HealthCheckChange{Enabled: ptr(false)}, &HealthCheckChange{}
	for name, test := range map[string]struct {
		kind  string
		ask   Config
		want  TargetGroup
		field string
	}{
		"lambda":                 {TypeLambda, Config{}, TargetGroup{EventVersion: "V1"}, ""},
		"lambda V2":              {TypeLambda, Config{EventVersion: "V2"}, TargetGroup{EventVersion: "V2"}, ""},
		"lambda V3":              {TypeLambda, Config{EventVersion: "V3"}, TargetGroup{}, "config.lambdaEventStructureVersion"},
		"lambda with a port":     {TypeLambda, Config{Port: ptr(int32(80))}, TargetGroup{}, "config.port"},
		"lambda with a protocol": {TypeLambda, Config{Protocol: "HTTP"}, TargetGroup{}, "config.protocol"},
		"lambda with a version":  {TypeLambda, Config{ProtocolVersion: HTTP1}, TargetGroup{}, "config.protocolVersion"},
		"lambda in a VPC":        {TypeLambda, Config{VPC: "v"}, TargetGroup{}, "config.vpcIdentifier"},
		"lambda with addresses":  {TypeLambda, Config{IPAddressType: "IPV4"}, TargetGroup{}, "config.ipAddressType"},
		"lambda with checks":     {TypeLambda, Config{HealthCheck: on}, TargetGroup{}, "config.healthCheck"},
		"lambda with checks off": {TypeLambda, Config{HealthCheck: off}, TargetGroup{EventVersion: "V1"}, ""},
		"instance":               {TypeInstance, Config{VPC: "v", Protocol: "HTTP"}, TargetGroup{VPC: "v", Protocol: "HTTP", ProtocolVersion: HTTP1, Port: 80, HealthCheck: check("HTTP", true)}, ""},
		"ip":                     {TypeIP, Config{VPC: "v", Protocol: "HTTP", Port: ptr(int32(8080))}, TargetGroup{VPC: "v", Protocol: "HTTP", ProtocolVersion: HTTP1, Port: 8080, IPAddressType: "IPV4", HealthCheck: check("HTTP", true)}, ""},
		"ip without checks":      {TypeIP, Config{VPC: "v", Protocol: "HTTP", IPAddressType: "IPV4", HealthCheck: off}, TargetGroup{VPC: "v", Protocol: "HTTP", ProtocolVersion: HTTP1, Port: 80, IPAddressType: "IPV4", HealthCheck: check("HTTP", false)}, ""},
		"ip of IPv6":             {TypeIP, Config{VPC: "v", Protocol: "HTTP", IPAddressType: "IPV6"}, TargetGroup{}, "config.ipAddressType"},
		"alb":                    {TypeALB, Config{VPC: "v", Protocol: "HTTP"}, TargetGroup{VPC: "v", Protocol: "HTTP", ProtocolVersion: HTTP1, Port: 80}, ""},
		"alb with checks off":    {TypeALB, Config{VPC: "v", Protocol: "HTTP", HealthCheck: off}, TargetGroup{VPC: "v", Protocol: "HTTP", ProtocolVersion: HTTP1, Port: 80}, ""},
		"alb with checks":        {TypeALB, Config{VPC: "v", Protocol: "HTTP", HealthCheck: on}, TargetGroup{}, "healthCheck"},
		"HTTPS":                  {TypeIP, Config{VPC: "v", Protocol: "HTTPS"}, TargetGroup{}, "config.protocol"},
		"TCP":                    {TypeIP, Config{VPC: "v", Protocol: "TCP", Port: ptr(int32(1))}, TargetGroup{}, "config.protocol"},
		"UDP":                    {TypeIP, Config{VPC: "v", Protocol: "UDP"}, TargetGroup{}, "config.protocol"},
		"HTTP2":                  {TypeIP, Config{VPC: "v", Protocol: "HTTP", ProtocolVersion: "HTTP2"}, TargetGroup{}, "config.protocolVersion"},
		"gRPC":                   {TypeInstance, Config{VPC: "v", Protocol: "HTTP", ProtocolVersion: "GRPC"}, TargetGroup{}, "config.protocolVersion"},
		"checks by HTTPS":        {TypeIP, Config{VPC: "v", Protocol: "HTTP", HealthCheck: &HealthCheckChange{Protocol: ptr("HTTPS")}}, TargetGroup{}, "healthCheck.protocol"},
		"no VPC":                 {TypeIP, Config{Protocol: "HTTP"}, TargetGroup{}, "config.vpcIdentifier"},
		"no protocol":            {TypeIP, Config{VPC: "v"}, TargetGroup{}, "config.protocol"},
		"events of an ip group":  {TypeIP, Config{VPC: "v", Protocol: "HTTP", EventVersion: "V1"}, TargetGroup{}, "config.lambdaEventStructureVersion"},
		"addresses of instances": {TypeInstance, Config{VPC: "v", Protocol: "HTTP", IPAddressType: "IPV4"}, TargetGroup{}, "config.ipAddressType"},
		"unknown address type":   {TypeIP, Config{VPC: "v", Protocol: "HTTP", IPAddressType: "IPV5"}, TargetGroup{}, "config.ipAddressType"},
		"unknown version":        {TypeIP, Config{VPC: "v", Protocol: "HTTP", ProtocolVersion: "HTTP3"}, TargetGroup{}, "config.protocolVersion"},
		"port 0":                 {TypeIP, Config{VPC: "v", Protocol: "HTTP", Port: ptr(int32(0))}, TargetGroup{}, "config.port"},
		"port 65536":             {TypeIP, Config{VPC: "v", Protocol: "HTTP", Port: ptr(int32(65536))}, TargetGroup{}, "config.port"},
		"unknown type":           {"EC2", Config{}, TargetGroup{}, "type"},
	} {
		g := TargetGroup{Type: test.kind}
		err := g.Configure(test.ask)
		if (err == nil) != (test.field == "") || err != nil && !invalid(err, test.field) {
			t.Errorf("%s: %v, want field %q", name, err, test.field)
		}
		test.want.Type = test.kind
		if err == nil {
			if diff := cmp.Diff(test.want, g); diff != "" {
				t.Errorf("%s: -want +got\n%s", name, diff)
			}
		}
	}
}

func TestHealthChecks(t *testing.T) {
	base := TargetGroup{Type: TypeIP}
	if err := base.Configure(Config{VPC: "v", Protocol: "HTTP"}); err != nil {
		t.Fatal(err)
	}
	n := func(v int32) *int32 { return &v }
	s := func(v string) *string { return &v }
	for name, test := range map[string]struct {
		ask   HealthCheckChange
		want  func(*HealthCheck)
		field string
	}{
		"nothing":                {HealthCheckChange{}, func(*HealthCheck) {}, ""},
		"off":                    {HealthCheckChange{Enabled: ptr(false)}, func(h *HealthCheck) { h.Enabled = false }, ""},
		"protocol":               {HealthCheckChange{Protocol: s("HTTP")}, func(*HealthCheck) {}, ""},
		"HTTPS":                  {HealthCheckChange{Protocol: s("HTTPS")}, nil, "healthCheck.protocol"},
		"protocol reset":         {HealthCheckChange{Protocol: s("")}, func(*HealthCheck) {}, ""},
		"TCP":                    {HealthCheckChange{Protocol: s("TCP")}, nil, "healthCheck.protocol"},
		"gRPC":                   {HealthCheckChange{ProtocolVersion: s("GRPC")}, nil, "healthCheck.protocolVersion"},
		"HTTP2":                  {HealthCheckChange{ProtocolVersion: s("HTTP2")}, nil, "healthCheck.protocolVersion"},
		"port":                   {HealthCheckChange{Port: n(8080)}, func(h *HealthCheck) { h.Port = 8080 }, ""},
		"port reset":             {HealthCheckChange{Port: n(0)}, func(*HealthCheck) {}, ""},
		"port of 65536":          {HealthCheckChange{Port: n(65536)}, nil, "healthCheck.port"},
		"interval":               {HealthCheckChange{Interval: n(5)}, func(h *HealthCheck) { h.Interval = 5 }, ""},
		"interval of 4":          {HealthCheckChange{Interval: n(4)}, nil, "healthCheck.healthCheckIntervalSeconds"},
		"interval of 301":        {HealthCheckChange{Interval: n(301)}, nil, "healthCheck.healthCheckIntervalSeconds"},
		"timeout":                {HealthCheckChange{Timeout: n(120)}, func(h *HealthCheck) { h.Timeout = 120 }, ""},
		"timeout of 121":         {HealthCheckChange{Timeout: n(121)}, nil, "healthCheck.healthCheckTimeoutSeconds"},
		"healthy":                {HealthCheckChange{Healthy: n(2)}, func(h *HealthCheck) { h.Healthy = 2 }, ""},
		"healthy of 1":           {HealthCheckChange{Healthy: n(1)}, nil, "healthCheck.healthyThresholdCount"},
		"unhealthy":              {HealthCheckChange{Unhealthy: n(10)}, func(h *HealthCheck) { h.Unhealthy = 10 }, ""},
		"unhealthy of 11":        {HealthCheckChange{Unhealthy: n(11)}, nil, "healthCheck.unhealthyThresholdCount"},
		"path":                   {HealthCheckChange{Path: s("/up?a=1")}, func(h *HealthCheck) { h.Path = "/up?a=1" }, ""},
		"path reset":             {HealthCheckChange{Path: s("")}, func(*HealthCheck) {}, ""},
		"relative path":          {HealthCheckChange{Path: s("up")}, nil, "healthCheck.path"},
		"matcher":                {HealthCheckChange{Matcher: s("200-299")}, func(h *HealthCheck) { h.Matcher = "200-299" }, ""},
		"matcher list":           {HealthCheckChange{Matcher: s("200,404")}, func(h *HealthCheck) { h.Matcher = "200,404" }, ""},
		"matcher reset":          {HealthCheckChange{Matcher: s("")}, func(*HealthCheck) {}, ""},
		"matcher of 500":         {HealthCheckChange{Matcher: s("500")}, nil, "healthCheck.matcher"},
		"matcher upside down":    {HealthCheckChange{Matcher: s("299-200")}, nil, "healthCheck.matcher"},
		"matcher without number": {HealthCheckChange{Matcher: s("200,,201")}, nil, "healthCheck.matcher"},
	} {
		g := base
		err := g.ChangeHealthCheck(test.ask)
		if (err == nil) != (test.field == "") || err != nil && !invalid(err, test.field) {
			t.Errorf("%s: %v, want field %q", name, err, test.field)
		}
		want := *base.HealthCheck
		if test.want != nil {
			test.want(&want)
		}
		if diff := cmp.Diff(&want, g.HealthCheck); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	reset := base
	for _, change := range []HealthCheckChange{{Interval: n(100), Timeout: n(9), Path: s("/x"), Matcher: s("201")}, {Interval: n(0), Timeout: n(0), Path: s(""), Matcher: s("")}} {
		if err := reset.ChangeHealthCheck(change); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(base.HealthCheck, reset.HealthCheck); diff != "" {
		t.Errorf("zero does not reset: %s", diff)
	}
	for _, g := range []TargetGroup{{Type: TypeLambda}, {Type: TypeALB, Protocol: "HTTP"}} {
		if err := g.ChangeHealthCheck(HealthCheckChange{}); !invalid(err, "healthCheck") {
			t.Errorf("%s %s: %v", g.Type, g.Protocol, err)
		}
	}
}

func TestTargets(t *testing.T) {
	const fn, lb = "arn:aws:lambda:r:111111111111:function:f", "arn:aws:elasticloadbalancing:r:111111111111:loadbalancer/app/a/0123456789abcdef"
	for _, test := range []struct {
		kind, family, id string
		port             int32
		ok               bool
	}{
		{TypeIP, "IPV4", "10.0.0.1", 80, true},
		{TypeIP, "IPV4", "10.0.0.1", 0, true},
		{TypeIP, "IPV4", "10.0.0.1", 70000, false},
		{TypeIP, "IPV4", "fd00::1", 80, false},
		{TypeIP, "IPV4", "fd00::1%eth0", 80, false},
		{TypeIP, "IPV4", "::ffff:10.0.0.1", 80, false},
		{TypeIP, "IPV4", "10.0.0", 80, false},
		{TypeIP, "IPV4", "10.0.0.1/32", 80, false},
		{TypeInstance, "", "i-0123456789abcdef0", 80, true},
		{TypeInstance, "", "i-x", 80, false},
		{TypeInstance, "", "10.0.0.1", 80, false},
		{TypeLambda, "", fn, 0, true},
		{TypeLambda, "", fn + ":live", 0, true},
		{TypeLambda, "", fn, 80, false},
		{TypeLambda, "", "f", 0, false},
		{TypeLambda, "", lb, 0, false},
		{TypeALB, "", lb, 80, true},
		{TypeALB, "", "arn:aws:elasticloadbalancing:r:111111111111:loadbalancer/net/a/0", 80, false},
		{TypeALB, "", fn, 80, false},
		{TypeALB, "", "", 80, false},
	} {
		g := TargetGroup{Type: test.kind, IPAddressType: test.family}
		port := &test.port
		if test.port == 0 {
			port = nil
		}
		if err := g.CheckTarget(test.id, port); (err == nil) != test.ok || err != nil && !invalid(err, "targets") {
			t.Errorf("%s %s %q:%d: %v, want ok %v", test.kind, test.family, test.id, test.port, err, test.ok)
		}
	}
}
