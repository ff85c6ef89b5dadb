package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"trellis/internal/aws"
	"trellis/internal/proxy/server"
)

// metrics are what /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	notBuilt *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trellis_api_calls_total", Help: "API calls by operation and error code, which is empty for a success."},
			[]string{"api", "operation", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_api_call_seconds", Help: "Duration of API calls.", Buckets: prometheus.ExponentialBuckets(0.0001, 3, 10)},
			[]string{"api"}),
		notBuilt: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trellis_api_not_built_total", Help: "Calls of operations that the API has and this server does not."},
			[]string{"api", "operation"}),
	}
	m.registry.MustRegister(m.calls, m.seconds, m.notBuilt, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(c aws.Call) {
	m.calls.WithLabelValues(c.Service, c.Operation, c.Code).Inc()
	m.seconds.WithLabelValues(c.Service).Observe(c.Duration.Seconds())
	if c.NotBuilt {
		m.notBuilt.WithLabelValues(c.Service, c.Operation).Inc()
	}
}

// watch shows the proxy's counters.
func (m *metrics) watch(s *server.Server) {
	counter := func(name, help string, labels prometheus.Labels, value func(server.Stats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "trellis_proxy_" + name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(s.Stats())) }))
	}
	for i, class := range []string{"", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		if i > 0 {
			counter("requests_total", "Requests by the class of their status.", prometheus.Labels{"class": class}, func(s server.Stats) int64 { return s.Requests[i] })
		}
	}
	counter("denied_total", "Requests refused by a policy or for their signature.", nil, func(s server.Stats) int64 { return s.Denied })
	counter("malformed_total", "Requests refused for their form.", nil, func(s server.Stats) int64 { return s.Malformed })
	counter("connections_total", "Client connections accepted.", nil, func(s server.Stats) int64 { return s.Connections })
	counter("received_bytes_total", "Bytes received from clients.", nil, func(s server.Stats) int64 { return s.BytesIn })
	counter("sent_bytes_total", "Bytes sent to clients.", nil, func(s server.Stats) int64 { return s.BytesOut })
	counter("dials_total", "Connections opened to targets.", nil, func(s server.Stats) int64 { return s.Dials })
	counter("dial_failures_total", "Connections to targets that failed.", nil, func(s server.Stats) int64 { return s.DialFailures })
	counter("invocations_total", "Functions invoked for requests.", nil, func(s server.Stats) int64 { return s.Invocations })
	counter("access_log_dropped_total", "Access records dropped because the log was too slow.", nil, func(s server.Stats) int64 { return s.LogDropped })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "trellis_proxy_connections", Help: "Client connections open."},
		func() float64 { return float64(s.Stats().Open) }))
}
