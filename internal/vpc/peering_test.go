package vpc

import (
	"testing"
	"time"
)

func TestPeeringTransitions(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	late := start.Add(PeeringPatience + time.Second)
	accept := func(p *Peering, now time.Time) error { return p.Accept(now) }
	reject := func(p *Peering, now time.Time) error { return p.Reject("1", now) }
	remove := func(p *Peering, now time.Time) error { return p.Delete("1", now) }
	for _, tc := range []struct {
		name string
		from string
		do   func(*Peering, time.Time) error
		at   time.Time
		want string // "" for a refusal
	}{
		{"accept", PeeringPending, accept, start, PeeringActive},
		{"accept too late", PeeringPending, accept, late, ""},
		{"accept twice", PeeringActive, accept, start, ""},
		{"accept what failed", PeeringFailed, accept, start, ""},
		{"reject", PeeringPending, reject, start, PeeringRejected},
		{"reject what is active", PeeringActive, reject, start, ""},
		{"delete what is active", PeeringActive, remove, start, PeeringDeleted},
		{"delete a request", PeeringPending, remove, start, PeeringDeleted},
		{"delete what was rejected", PeeringRejected, remove, start, ""},
		{"delete what expired", PeeringPending, remove, late, ""},
	} {
		p := &Peering{ID: "pcx-1", Status: tc.from}
		if tc.from == PeeringPending {
			p.Expires = start.Add(PeeringPatience)
		}
		err := tc.do(p, tc.at)
		if tc.want == "" {
			if err == nil || p.Status != tc.from {
				t.Errorf("%s: %s, %v", tc.name, p.Status, err)
			}
			continue
		}
		if err != nil || p.StatusAt(late) != tc.want {
			t.Errorf("%s: %s, %v", tc.name, p.StatusAt(late), err)
		}
	}
}
