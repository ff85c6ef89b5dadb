package vpc

import (
	"crypto/sha256"
	"encoding/hex"
)

// stableID returns 17 hexadecimal digits that depend on s alone.
func stableID(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:17]
}

// DefaultDHCPOptions is the id of the DHCP options that an account's VPCs in a region come with.
func DefaultDHCPOptions(o Owner) string { return "dopt-" + stableID(o.Scope()+"/dhcp") }
