package faults

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families reads all of the server's metrics as Prometheus does.
func (s *server) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	res, err := http.Get(s.endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%s, %s, %v", res.Status, res.Header.Get("Content-Type"), err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	bad, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range bad {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	return all
}

// with is what a family's metrics that have the labels come to: the sum of counters and gauges, or of how often was measured.
func with(f *dto.MetricFamily, labels map[string]string) (sum float64) {
	for _, m := range f.GetMetric() {
		has := 0
		for _, l := range m.GetLabel() {
			if want, ok := labels[l.GetName()]; ok && want == l.GetValue() {
				has++
			}
		}
		if has == len(labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// All of /metrics is Prometheus' text, and tells what happened; a profile comes from the admin socket.
func TestPrivilegedMetrics(t *testing.T) {
	s := start(t, 0)
	z := s.zone(t)
	p := z.start(t, "ask")
	before := s.families(t)
	for range 3 {
		if got := p.get(t, z.url("/")); got != fine {
			t.Fatal(got)
		}
		must(t, z.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{})
	}
	if _, err := z.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-00000000000000000"}}); err == nil {
		t.Error("a VPC that is not there is described")
	}
	if _, err := z.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}); err == nil {
		t.Error("there are instances")
	}
	after := s.families(t)
	for name, f := range after {
		if strings.HasPrefix(name, "trellis_") && f.GetHelp() == "" {
			t.Errorf("nothing says what %s is", name)
		}
	}
	for _, c := range []struct {
		family string
		labels map[string]string
		more   float64
	}{
		{"trellis_api_calls_total", map[string]string{"api": "ec2", "operation": "DescribeVpcs", "code": ""}, 3},
		{"trellis_api_calls_total", map[string]string{"api": "ec2", "operation": "DescribeVpcs", "code": "InvalidVpcID.NotFound"}, 1},
		{"trellis_api_calls_total", map[string]string{"api": "ec2"}, 5},
		{"trellis_api_call_seconds", map[string]string{"api": "ec2"}, 5},
		{"trellis_api_not_built_total", map[string]string{"api": "ec2", "operation": "RunInstances"}, 1},
		{"trellis_proxy_requests_total", map[string]string{"class": "2xx"}, 3},
		{"trellis_proxy_requests_total", nil, 3},
		{"trellis_proxy_connections_total", nil, 3},
	} {
		if got := with(after[c.family], c.labels) - with(before[c.family], c.labels); got != c.more {
			t.Errorf("%s of %v grew by %g, want %g", c.family, c.labels, got, c.more)
		}
	}

	file := filepath.Join(t.TempDir(), "heap")
	if err := os.WriteFile(file, s.profile(t, "heap"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-sample_index=alloc_space", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "trellis/") {
		t.Errorf("%v: %s", err, out)
	}
}
