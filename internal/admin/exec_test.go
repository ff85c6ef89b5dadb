package admin

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"trellis/internal/state"
	"trellis/internal/store/mem"
	"trellis/internal/vpc"
)

type plain struct{}

func (plain) Seal(b []byte) []byte          { return b }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// A server that starts removes what its own sessions left, and nothing of another server on the same store.
func TestSweep(t *testing.T) {
	kv := mem.New()
	t.Cleanup(func() { _ = kv.Close() })
	view, err := state.Open(t.Context(), kv, plain{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(view.Close)
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
