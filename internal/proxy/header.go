package proxy

// reserved reports whether a header is the proxy's own to set towards a target of VPC Lattice, so that a client's copy is
// dropped. "_" counts as "-": targets that turn headers into variables cannot tell them apart.
func reserved(name string) bool {
	const forwarded, lattice = "x-forwarded-", "x-amzn-lattice-"
	return len(name) > len(forwarded) && (name[0] == 'x' || name[0] == 'X') &&
		(hasPrefixDashed(name, forwarded) || hasPrefixDashed(name, lattice) ||
			len(name) == len(requestIDHeader) && hasPrefixDashed(name, requestIDHeader) ||
			len(name) == len(sourceVPCHeader) && hasPrefixDashed(name, sourceVPCHeader))
}

const (
	requestIDHeader = "x-amzn-requestid"
	sourceVPCHeader = "x-amzn-source-vpc"
)

func hasPrefixDashed(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := s[i]
		if c == '_' {
			c = '-'
		}
		if c != prefix[i] && (c < 'A' || c > 'Z' || c|0x20 != prefix[i]) {
			return false
		}
	}
	return true
}
