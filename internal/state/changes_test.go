package state_test

import (
	"slices"
	"testing"

	"trellis/internal/state"
)

// What a reading read is marked as touched by every commit that would have made it read something else, and by no other.
func TestChanges(t *testing.T) {
	v := open(t)
	put := func(tx *state.Tx) error {
		state.Subnets.Put(tx, subnet("a", "v1", "10.0.1.0/24"))
		state.Subnets.Put(tx, subnet("b", "v1", "10.0.2.0/24"))
		return nil
	}
	if err := v.Update(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	move := func(id, to string) func(*state.Tx) error {
		return func(tx *state.Tx) error {
			row, _ := state.Subnets.Get(tx, id)
			row.VPC = to
			state.Subnets.Put(tx, row)
			return nil
		}
	}
	set := func(vpc string) func(state.Reader) {
		return func(r state.Reader) {
			for range state.Subnets.By(r, state.ByVPC, vpc) {
			}
		}
	}
	row := func(id string) func(state.Reader) {
		return func(r state.Reader) { state.Subnets.Get(r, id) }
	}
	remove := func(id string) func(*state.Tx) error {
		return func(tx *state.Tx) error { state.Subnets.Delete(tx, id); return nil }
	}
	for _, tt := range []struct {
		name    string
		read    func(state.Reader)
		change  func(*state.Tx) error
		touched string // the row
		marked  bool
	}{
		{"a row that changes", row("a"), move("a", "v2"), "a", true},
		{"another row", row("b"), move("a", "v3"), "a", false},
		{"a set that a row leaves", set("v3"), move("a", "v4"), "a", true},
		{"a set that a row joins", set("v5"), move("a", "v5"), "a", true},
		{"another set", set("v1"), move("a", "v6"), "a", false},
		{"a set of which a row goes", set("v6"), remove("a"), "a", true},
		{"a row that is not there", row("a"), func(tx *state.Tx) error { state.Subnets.Put(tx, subnet("a", "v7", "10.0.1.0/24")); return nil }, "a", true},
		{"a row that goes", row("a"), remove("a"), "a", true},
		{"status", row("b"), func(tx *state.Tx) error { state.Hosts.Put(tx, &state.Host{Name: "h", Applied: 1}); return nil }, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := v.Snapshot()
			reading := &state.Reading{Snapshot: before}
			tt.read(reading)
			if err := v.Update(t.Context(), tt.change); err != nil {
				t.Fatal(err)
			}
			c := v.Snapshot().Since(before)
			if c.Everything {
				t.Fatal("there is no telling what changed")
			}
			marked := slices.ContainsFunc(reading.Marks, func(m state.Mark) bool { return slices.Contains(c.Marks, m) })
			if marked != tt.marked {
				t.Errorf("marked: %v, want %v", marked, tt.marked)
			}
			if got := slices.Collect(state.Subnets.Touched(c)); !slices.Equal(got, slices.DeleteFunc([]string{tt.touched}, func(s string) bool { return s == "" })) {
				t.Errorf("touched %q, want %q", got, tt.touched)
			}
		})
	}
	now := v.Snapshot()
	if c := now.Since(now); c.Everything || len(c.Marks) > 0 {
		t.Errorf("since itself: %+v", c)
	}
	if !now.Since(nil).Everything {
		t.Error("since nothing, not everything changed")
	}
}
