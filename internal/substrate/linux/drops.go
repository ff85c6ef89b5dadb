package linux

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"trellis/internal/substrate"
)

// Drops counts the packets dropped in a VPC since its namespace was made, by
// reason: the Drop constants of substrate.
func (h *Host) Drops(vpc string) (map[string]uint64, error) {
	r := h.realm(vpc)
	if r == nil || r.kind != substrate.KindVPC {
		return nil, fmt.Errorf("VPC %s is not there", vpc)
	}
	var objects []nftables.Obj
	err := r.ns.Do(func() error {
		// A connection of its own: the namespace's may be in a transaction.
		c, err := nftables.New()
		if err != nil {
			return err
		}
		objects, err = c.GetNamedObjects(&nftables.Table{Name: substrate.TableName, Family: nftables.TableFamilyINet})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the counters of %s: %w", vpc, err)
	}
	drops := make(map[string]uint64, len(objects))
	for _, o := range objects {
		if named, ok := o.(*nftables.NamedObj); ok {
			if c, ok := named.Obj.(*expr.Counter); ok {
				drops[named.Name] = c.Packets
			}
		}
	}
	return drops, nil
}
