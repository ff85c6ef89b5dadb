package linux

import (
	"testing"

	"trellis/internal/substrate"
)

// Connections to the ports of a resource, and no others, are accepted by the one listener it has, by whom the association's
// security group lets in.
func TestPrivilegedResource(t *testing.T) {
	const address = "129.224.1.7"
	h := newHost(t)
	with := func(groups []string, ports ...substrate.Ports) substrate.Config {
		cfg := lattice(substrate.LatticeAssociated, groups...)
		cfg.VPCs[0].Resources = []substrate.Resource{{Address: addrs(address)[0], Ports: ports}}
		return cfg
	}
	apply(t, h, with(nil, substrate.Ports{From: 80, To: 80}, substrate.Ports{From: 8000, To: 8010}))
	serve(t, namespace(t, h, "vpc-a"), address+":80", "resource")
	for port, want := range map[string]string{"80": "resource 10.0.1.10", "8000": "resource 10.0.1.10", "8010": "resource 10.0.1.10", "8011": "timeout", "81": "timeout"} {
		wantAnswer(t, h, "eni-1", address+":"+port, want)
	}
	wantAnswer(t, h, "eni-1", "129.224.1.8:80", "timeout")

	// sg-lattice lets port 80 in, from eni-1: what counts is the port that was asked for, not the one that listens.
	apply(t, h, with([]string{"sg-lattice"}, substrate.Ports{From: 80, To: 80}, substrate.Ports{From: 8000, To: 8010}))
	wantAnswer(t, h, "eni-1", address+":80", "resource 10.0.1.10")
	wantAnswer(t, h, "eni-1", address+":8000", "timeout")
	wantAnswer(t, h, "eni-2", address+":80", "timeout")

	apply(t, h, with(nil, substrate.Ports{From: 8000, To: 8010}))
	wantAnswer(t, h, "eni-1", address+":80", "timeout")
	apply(t, h, lattice(substrate.LatticeAssociated))
	wantAnswer(t, h, "eni-1", address+":8000", "timeout")
}
