package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"trellis/internal/state"
	"trellis/internal/store"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// withSubnet opens a store with one subnet in it.
func withSubnet(t *testing.T, kv store.Store) *state.View {
	t.Helper()
	view, err := state.Open(t.Context(), kv, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	owner := vpc.Owner{Account: "111111111111"}
	err = view.Update(t.Context(), func(tx *state.Tx) error {
		state.VPCs.Put(tx, &vpc.VPC{Owner: owner, ID: "vpc-1", DefaultSecurityGroupID: "sg-1"})
		state.SecurityGroups.Put(tx, &vpc.SecurityGroup{Owner: owner, ID: "sg-1", VPC: "vpc-1"})
		state.Subnets.Put(tx, &vpc.Subnet{Owner: owner, ID: "subnet-1", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.0.0/24")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// A server that starts removes what its own sessions left, and nothing of another server on the same store.
func TestSweep(t *testing.T) {
	kv := mem.New()
	t.Cleanup(func() { _ = kv.Close() })
	view := withSubnet(t, kv)
	t.Cleanup(view.Close)
	left := map[string]string{}
	for _, host := range []string{"host-a", "host-ab"} {
		ni, err := NewExecServer(host, view, nil, slog.New(slog.DiscardHandler)).open(t.Context(), &Command{Subnet: "subnet-1"})
		if err != nil {
			t.Fatal(err)
		}
		left[host] = ni.ID
	}
	if err := Sweep(t.Context(), view, Stale(view.Snapshot(), "host-a")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range state.Interfaces.All(view.Snapshot()) {
		ids = append(ids, i.ID)
	}
	if want := []string{left["host-ab"]}; !slices.Equal(ids, want) {
		t.Errorf("the interfaces are %v, want %v", ids, want)
	}
}

// silent commits what it is told to without saying so, and then refuses for a while.
type silent struct {
	*mem.Store
	unanswered, refused int
}

func (s *silent) Commit(ctx context.Context, reads []store.Read, writes []store.Write) (int64, error) {
	switch {
	case s.unanswered > 0:
		s.unanswered--
		_, err := s.Store.Commit(ctx, reads, writes)
		return 0, errors.Join(errors.New("no answer"), err)
	case s.refused > 0:
		s.refused--
		return 0, errors.New("refused")
	}
	return s.Store.Commit(ctx, reads, writes)
}

// An interface of which the store did not say whether it was made does not stay, and neither does one that the store does not let
// go of at once: the VPC could not be deleted.
func TestUncertainInterfaceGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := &silent{Store: mem.New()}
		view := withSubnet(t, kv)
		e := NewExecServer("host", view, nil, slog.New(slog.DiscardHandler))
		kv.unanswered, kv.refused = 1, 3
		ni, err := e.open(t.Context(), &Command{Subnet: "subnet-1"})
		if err == nil || ni == nil {
			t.Fatalf("an interface that may be there is told of as %v, %v", ni, err)
		}
		e.abandon(t.Context(), ni.ID)
		if left := Stale(view.Snapshot(), "host"); len(left) > 0 || kv.refused > 0 {
			t.Errorf("%v stays, %d refusals were not met", left, kv.refused)
		}
		view.Close()
		_ = kv.Close()
	})
}
