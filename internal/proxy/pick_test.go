package proxy

import (
	"net/netip"
	"slices"
	"testing"
)

func groupOf(arn string, check bool, ids ...string) *TargetGroup {
	tg := &TargetGroup{ARN: arn, Type: TargetIP, Protocol: HTTP, Check: HealthCheck{Enabled: check}}
	for _, id := range ids {
		tg.Targets = append(tg.Targets, Target{ID: id, Addr: netip.MustParseAddrPort("10.0.0.1:80"), Namespace: "ns"})
	}
	return tg
}

func routerOf(groups ...WeightedGroup) (*Router, *Route) {
	r := NewRouter(nil)
	return r, update(r, groups...)
}

// update gives the router a table of one load balancer, and returns where that leads.
func update(r *Router, groups ...WeightedGroup) *Route {
	l := &Listener{Port: 80, Default: Action{Groups: groups}}
	addr := netip.MustParseAddr("10.0.0.9")
	r.Update(NewTable(nil, []*LoadBalancer{{Nodes: []Node{{"lb", addr}}, Listeners: []*Listener{l}}}))
	return r.Front(Binding{"lb", netip.AddrPortFrom(addr, 80)}).listener.fallback
}

// TestWeights holds that every cycle splits exactly by weight and that no group's turns come in a lump.
func TestWeights(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {90, 10}, {0, 5}, {1, 2, 3}, {999, 1}, {100, 100, 100}, {7}, {0, 1, 0, 3}} {
		var groups []WeightedGroup
		total := 0
		for i, w := range weights {
			groups = append(groups, WeightedGroup{groupOf(string(rune('a'+i)), false, "x"), w})
			total += w
		}
		_, route := routerOf(groups...)
		got := make([]int, len(weights))
		run, last, longest := 0, "", 0
		for range total {
			g := route.Group()
			got[g.ARN[0]-'a']++
			if g.ARN != last {
				run, last = 0, g.ARN
			}
			run++
			longest = max(longest, run)
		}
		if !slices.Equal(got, weights) {
			t.Errorf("weights %v: got %v", weights, got)
		}
		if len(weights) > 1 && slices.Max(weights)*2 <= total && longest > 3 {
			t.Errorf("weights %v: %d turns in a row", weights, longest)
		}
	}
	_, route := routerOf(WeightedGroup{groupOf("a", false, "x"), 0})
	if route.Group() != nil {
		t.Error("a group of weight 0 got a request")
	}
}

func TestPick(t *testing.T) {
	tg := groupOf("tg", true, "a", "b", "c")
	tg.Targets[2].Draining = true
	r, _ := routerOf(WeightedGroup{tg, 1})
	g := r.groups["tg"]
	picks := func() map[string]int {
		got := map[string]int{}
		for range 12 {
			got[g.Pick(&Request{}).ID]++
		}
		return got
	}
	cfg := tg.Check.WithDefaults()
	states := map[string]*TargetState{}
	for _, c := range g.Checks() {
		states[c.Target.ID] = c.State
	}
	if len(states) != 2 {
		t.Fatalf("%d targets are checked", len(states))
	}
	if got := picks(); got["a"] != 6 || got["b"] != 6 {
		t.Errorf("before any check: %v", got)
	}
	states["a"].Observe(Result{OK: true}, cfg)
	if got := picks(); got["a"] != 12 {
		t.Errorf("one healthy: %v", got)
	}
	for range 2 {
		states["a"].Observe(Result{}, cfg)
	}
	if got := picks(); got["a"] != 6 || got["b"] != 6 {
		t.Errorf("none healthy: %v", got)
	}
	if _, route := routerOf(WeightedGroup{groupOf("none", false), 1}); route.Group().Pick(&Request{}) != nil {
		t.Error("a target came from nowhere")
	}
}

// TestDrained holds that a deregistered target drains as long as it has a request, whichever table the request began with.
func TestDrained(t *testing.T) {
	r, route := routerOf(WeightedGroup{groupOf("tg", false, "a"), 1})
	if got := r.Health()[0].Status; got != Unavailable {
		t.Errorf("in use: %s", got)
	}
	m := route.Group().Pick(&Request{})
	m.Begin()
	leaving := groupOf("tg", false, "a")
	leaving.Targets[0].Draining = true
	update(r, WeightedGroup{leaving, 1})
	if got := r.Health()[0].Status; got != Draining {
		t.Errorf("with a request: %s", got)
	}
	m.End()
	if got := r.Health()[0].Status; got != Drained {
		t.Errorf("without: %s", got)
	}
}

// TestHealthNews holds that only of groups in which something may have changed anything is told.
func TestHealthNews(t *testing.T) {
	red, blue := groupOf("red", true, "a", "b"), groupOf("blue", true, "a")
	r, _ := routerOf(WeightedGroup{red, 1}, WeightedGroup{blue, 1})
	news := func(want ...string) {
		t.Helper()
		got := []string{}
		for arn, targets := range r.HealthNews() {
			line := arn
			for _, h := range targets {
				line += " " + string(h.Status)
			}
			got = append(got, line)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the news are %q, want %q", got, want)
		}
	}
	ok := func(arn string) {
		c := r.groups[arn].Checks()[0]
		c.State.Observe(Result{OK: true, Status: 200}, c.Config)
	}
	news(blue.ARN+" INITIAL", red.ARN+" INITIAL INITIAL")
	news()
	ok(blue.ARN)
	news(blue.ARN + " HEALTHY")
	ok(blue.ARN)
	news()
	gone := groupOf("red", true, "a", "b")
	gone.Targets[1].Draining = true
	update(r, WeightedGroup{gone, 1})
	news(blue.ARN, red.ARN+" INITIAL DRAINED")
	news(red.ARN + " INITIAL DRAINED")
	update(r, WeightedGroup{groupOf("red", true, "a"), 1})
	news(red.ARN + " INITIAL")
	news()
}

// TestHealthOutlivesTables holds that a target keeps its health while tables name it, and begins anew when it returns.
func TestHealthOutlivesTables(t *testing.T) {
	r := NewRouter(nil)
	table := func(ids ...string) *Router {
		update(r, WeightedGroup{groupOf("tg", true, ids...), 1})
		return r
	}
	table("a").groups["tg"].Checks()[0].State.Observe(Result{OK: true, Status: 200}, HealthCheck{}.WithDefaults())
	if got := table("a", "b").Health(); got[0].Status != Healthy || got[1].Status != Initial {
		t.Errorf("%+v", got)
	}
	table("b")
	if got := table("a").Health(); got[0].Status != Initial {
		t.Errorf("%+v", got)
	}
	update(r, WeightedGroup{groupOf("tg", false, "a"), 1})
	if got := r.Health(); got[0].Status != Unavailable || len(r.groups["tg"].Checks()) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestStreak(t *testing.T) {
	c := HealthCheck{Healthy: 3, Unhealthy: 2}
	good, bad := Result{OK: true, Status: 200}, Result{Status: 500, Reason: "codes: [500]"}
	for _, tc := range []struct {
		name    string
		results []Result
		want    Status
	}{
		{"nothing yet", nil, Initial},
		{"one success is enough at first", []Result{good}, Healthy},
		{"one failure is not", []Result{bad}, Initial},
		{"two failures are", []Result{bad, bad}, Unhealthy},
		{"a failure forgiven", []Result{good, bad, good, bad}, Healthy},
		{"two in a row", []Result{good, bad, bad}, Unhealthy},
		{"back after three", []Result{bad, bad, good, good}, Unhealthy},
		{"back", []Result{bad, bad, good, good, good}, Healthy},
		{"interrupted", []Result{bad, bad, good, good, bad, good}, Unhealthy},
	} {
		s := streak{status: Initial}
		for _, r := range tc.results {
			s.observe(r, c)
		}
		if s.status != tc.want || (s.status == Unhealthy) != (s.reason != "") && tc.want != Initial {
			t.Errorf("%s: %s %q", tc.name, s.status, s.reason)
		}
	}
}

func TestMatcher(t *testing.T) {
	for in, want := range map[string][]int{"": {200}, "200": {200}, "200,202": {200, 202}, "200-202, 404": {200, 201, 202, 404}} {
		m, err := ParseMatcher(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		for s := 100; s < 600; s++ {
			if m.Has(s) != slices.Contains(want, s) {
				t.Errorf("%q: %d is %v", in, s, m.Has(s))
			}
		}
	}
	for _, in := range []string{"x", "200,", "300-200", "99", "600", "200-", "-"} {
		if _, err := ParseMatcher(in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	tg := groupOf("tg", false, "a", "b", "c")
	tg.Algorithm = LeastOutstandingRequests
	r, _ := routerOf(WeightedGroup{tg, 1})
	g := r.groups["tg"]
	busy := map[string]*Member{}
	for range 3 {
		m := g.Pick(&Request{})
		m.Begin()
		busy[m.ID] = m
	}
	if len(busy) != 3 {
		t.Errorf("three requests at once are with %d targets", len(busy))
	}
	busy["b"].End()
	for range 5 {
		if m := g.Pick(&Request{}); m.ID != "b" {
			t.Errorf("%s was picked beside an idle target", m.ID)
		}
	}

	tg = groupOf("tg", false, "a", "b", "c")
	tg.Algorithm = WeightedRandom
	r, _ = routerOf(WeightedGroup{tg, 1})
	got := map[string]int{}
	for range 3000 {
		got[r.groups["tg"].Pick(&Request{}).ID]++
	}
	for id, n := range got {
		if n < 800 || n > 1200 {
			t.Errorf("%s was picked %d times of 3000", id, n)
		}
	}
}
