package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"trellis/internal/plan"
	"trellis/internal/proxy"
	"trellis/internal/resolver"
	resolverserver "trellis/internal/resolver/server"
)

// mute are resolvers that cannot start in a VPC for a reason.
type mute struct{ reason string }

func (m *mute) Apply(context.Context, *resolver.Zones) error {
	if m.reason == "" {
		return nil
	}
	return resolverserver.Errors{"vpc-1": errors.New(m.reason)}
}

func (m *mute) Failed() bool { return m.reason != "" }

// What is wrong is logged when it begins and when it becomes something else, not each time it is tried again.
func TestAFailureIsLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	names := &mute{}
	h := &host{network: absentNetwork{}, listeners: absentListeners{}, resolvers: names, functions: absentFunctions{}, log: slog.New(slog.NewTextHandler(&out, nil)),
		waiting: func() bool { return false }}
	p := plan.Host{Proxy: &proxy.Table{}}
	for i, step := range []struct {
		reason string
		lines  int
	}{{"", 0}, {"no namespace", 1}, {"no namespace", 1}, {"no namespace", 1}, {"no socket", 2}, {"", 2}, {"", 2}, {"no socket", 3}} {
		names.reason = step.reason
		if err := h.restore(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n != step.lines {
			t.Errorf("after step %d, %q, %d lines are logged, want %d", i, step.reason, n, step.lines)
		}
		if failed := h.failures["vpc-1"] != ""; failed != (step.reason != "") {
			t.Errorf("after step %d, %q: the failures are %v", i, step.reason, h.failures)
		}
	}
}
