package vpc

import (
	"net/netip"
	"slices"

	"trellis/internal/fault"
)

// ParseBlock reads an IPv4 CIDR as AWS does: bits after the prefix are dropped. The parameter is named in the refusal.
func ParseBlock(s, parameter string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fault.New(fault.Invalid, "InvalidParameterValue",
			"Value (%.64s) for parameter %s is invalid. This is not a valid CIDR block.", s, parameter)
	}
	return p.Masked(), nil
}

var (
	unusable = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3")}
	ten      = netip.MustParsePrefix("10.0.0.0/8")
	seventwo = netip.MustParsePrefix("172.16.0.0/12")
	nineteen = netip.MustParsePrefix("192.168.0.0/16")
	cgnat    = netip.MustParsePrefix("100.64.0.0/10")
	bench    = netip.MustParsePrefix("198.19.0.0/16")
)

// CheckBlock reports whether a VPC may have the block: /16 to /28, and not of a range that has another meaning.
func CheckBlock(p netip.Prefix) error {
	if p.Bits() < 16 || p.Bits() > 28 || slices.ContainsFunc(unusable, p.Overlaps) {
		return fault.New(fault.Invalid, "InvalidVpc.Range", "The CIDR '%s' is invalid.", p)
	}
	return nil
}

// CheckSecondary reports whether the VPC may have the block besides those it has. Private ranges do not mix: a VPC in
// one of the ranges of RFC 1918 may not grow into another, and none may grow into 198.19.0.0/16.
func (v *VPC) CheckSecondary(p netip.Prefix) error {
	if err := CheckBlock(p); err != nil {
		return err
	}
	for _, b := range v.CIDRs {
		if b.Prefix.Overlaps(p) {
			return fault.New(fault.Conflict, "CidrConflict", "The CIDR '%s' conflicts with the block %s of VPC %s.", p, b.Prefix, v.ID)
		}
	}
	private := []netip.Prefix{ten, seventwo, nineteen, cgnat}
	primary := v.CIDRs[0].Prefix
	inRange := func(x netip.Prefix) int { return slices.IndexFunc(private, x.Overlaps) }
	from, to := inRange(primary), inRange(p)
	restricted := bench.Overlaps(p)
	switch {
	case to == 3: // 100.64.0.0/10 goes with every private range
	case from == 3:
		restricted = restricted || to >= 0
	case from >= 0:
		restricted = restricted || to >= 0 && to != from
	default:
		restricted = restricted || to >= 0
	}
	if restricted {
		return fault.New(fault.Invalid, "InvalidVpc.Range",
			"The CIDR '%s' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR.", p)
	}
	return nil
}

// Overlaps reports whether any block of one VPC shares addresses with any of the other.
func (v *VPC) Overlaps(o *VPC) bool {
	for _, a := range v.CIDRs {
		for _, b := range o.CIDRs {
			if a.Prefix.Overlaps(b.Prefix) {
				return true
			}
		}
	}
	return false
}

// CheckSubnet reports whether the VPC may have a subnet with the block, given those it has.
func (v *VPC) CheckSubnet(p netip.Prefix, others []netip.Prefix) error {
	within := func(b CIDRBlock) bool { return b.Prefix.Bits() <= p.Bits() && b.Prefix.Contains(p.Addr()) }
	if p.Bits() < 16 || p.Bits() > 28 || !slices.ContainsFunc(v.CIDRs, within) {
		return fault.New(fault.Invalid, "InvalidSubnet.Range", "The CIDR '%s' is invalid.", p)
	}
	if slices.ContainsFunc(others, p.Overlaps) {
		return fault.New(fault.Conflict, "InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", p)
	}
	return nil
}

// Usable returns how many addresses of the subnet can be given to interfaces.
func (s *Subnet) Usable() int { return 1<<(32-s.CIDR.Bits()) - 5 }
