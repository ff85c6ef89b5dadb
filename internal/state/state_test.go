package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

type xor byte

func (x xor) Seal(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= byte(x)
	}
	return out
}
func (x xor) Open(b []byte) ([]byte, error) { return x.Seal(b), nil }

func open(t *testing.T) *state.View {
	t.Helper()
	s := mem.New()
	v, err := state.Open(t.Context(), s, xor(0x55), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Close()
		_ = s.Close()
	})
	return v
}

func subnet(id, vpcID, cidr string) *vpc.Subnet {
	return &vpc.Subnet{Owner: vpc.Owner{Account: "111111111111", Region: "us-east-1"}, ID: id, VPC: vpcID, CIDR: netip.MustParsePrefix(cidr)}
}

func ids(s state.Reader, vpcID string) string {
	out := ""
	for sn := range state.Subnets.By(s, state.ByVPC, vpcID) {
		out += sn.ID + " "
	}
	return out
}

func TestReadYourWrites(t *testing.T) {
	v := open(t)
	err := v.Update(t.Context(), func(tx *state.Tx) error {
		state.Subnets.Put(tx, subnet("b", "v1", "10.0.0.0/24"))
		state.Subnets.Put(tx, subnet("a", "v1", "10.0.1.0/24"))
		state.Subnets.Put(tx, subnet("c", "v2", "10.0.2.0/24"))
		if got := ids(tx, "v1"); got != "a b " {
			t.Errorf("inside the transaction: %q", got)
		}
		if _, ok := state.Subnets.Get(tx, "a"); !ok {
			t.Error("a put row is not there inside its transaction")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := v.Snapshot()
	if got := ids(before, "v1"); got != "a b " {
		t.Errorf("after the commit: %q", got)
	}
	err = v.Update(t.Context(), func(tx *state.Tx) error {
		a, _ := state.Subnets.Get(tx, "a")
		a.VPC = "v2"
		state.Subnets.Put(tx, a)
		state.Subnets.Delete(tx, "b")
		if got := ids(tx, "v2"); got != "a c " {
			t.Errorf("moved row inside the transaction: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(v.Snapshot(), "v1") + "/" + ids(v.Snapshot(), "v2"); got != "/a c " {
		t.Errorf("after moving and deleting: %q", got)
	}
	if got := ids(before, "v1"); got != "a b " {
		t.Errorf("the old snapshot changed: %q", got)
	}
	if _, rev, ok := state.Subnets.Lookup(v.Snapshot(), "a"); !ok || rev.Created >= rev.Modified {
		t.Errorf("revisions of a changed row: %+v", rev)
	}
}

func TestFailedUpdateWritesNothing(t *testing.T) {
	v := open(t)
	want := errors.New("no")
	err := v.Update(t.Context(), func(tx *state.Tx) error {
		state.Subnets.Put(tx, subnet("a", "v1", "10.0.0.0/24"))
		return want
	})
	if !errors.Is(err, want) || state.Subnets.Len(v.Snapshot()) != 0 {
		t.Errorf("err %v, %d rows", err, state.Subnets.Len(v.Snapshot()))
	}
}

// Two transactions that each read a set and add to it must see each other, or two overlapping subnets could be made.
func TestSetReadsConflict(t *testing.T) {
	v := open(t)
	const writers = 16
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			err := v.Update(t.Context(), func(tx *state.Tx) error {
				n := 0
				for range state.Subnets.By(tx, state.ByVPC, "v1") {
					n++
				}
				s := subnet(fmt.Sprintf("s%02d", i), "v1", fmt.Sprintf("10.0.%d.0/24", n))
				state.Subnets.Put(tx, s)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[netip.Prefix]bool{}
	for s := range state.Subnets.By(v.Snapshot(), state.ByVPC, "v1") {
		if seen[s.CIDR] {
			t.Errorf("%s was given twice", s.CIDR)
		}
		seen[s.CIDR] = true
	}
	if len(seen) != writers {
		t.Errorf("%d subnets, want %d", len(seen), writers)
	}
}

// A delete that empties a set and an insert that read it as not empty must not both succeed unseen.
func TestDeleteIsSeenByReadersOfTheSet(t *testing.T) {
	v := open(t)
	put := func(s *vpc.Subnet) {
		if err := v.Update(t.Context(), func(tx *state.Tx) error { state.Subnets.Put(tx, s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	put(subnet("a", "v1", "10.0.0.0/24"))
	runs := 0
	err := v.Update(t.Context(), func(tx *state.Tx) error {
		runs++
		got := ids(tx, "v1")
		if runs == 1 {
			err := v.Update(t.Context(), func(tx *state.Tx) error { state.Subnets.Delete(tx, "a"); return nil })
			if err != nil {
				return err
			}
		} else if got != "" {
			t.Errorf("second run reads %q", got)
		}
		state.Subnets.Put(tx, subnet("b", "v2", "10.0.0.0/24"))
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("err %v after %d runs, want a second run", err, runs)
	}
}

func TestStatusDoesNotMoveTheSpecification(t *testing.T) {
	v := open(t)
	spec := v.Snapshot().SpecRev
	err := v.Update(t.Context(), func(tx *state.Tx) error {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: spec})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := v.Snapshot()
	if s.SpecRev != spec || s.Rev <= spec {
		t.Errorf("rev %d, spec %d, was %d", s.Rev, s.SpecRev, spec)
	}
	if done, _ := state.Realised(s, spec, "x"); !done {
		t.Error("an applied revision is not realised")
	}
	if done, _ := state.Realised(s, spec+100, "x"); done {
		t.Error("a revision nobody applied is realised")
	}
	err = v.Update(t.Context(), func(tx *state.Tx) error {
		state.Hosts.Put(tx, &state.Host{Name: "h", Applied: spec, Failures: map[string]string{"x": "own"}, Disabled: "all"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"x": "own", "y": "all", "": ""} {
		if _, failure := state.Realised(v.Snapshot(), spec, id); failure != want {
			t.Errorf("failure of %q is %q, want %q", id, failure, want)
		}
	}
}
