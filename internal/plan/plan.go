// Package plan says everything this host should be: Compile turns a snapshot into the network, the DNS zones, the proxy's
// routing table and the functions to run. It is pure but for a memory of policies already parsed, and it never reads
// status. The loops in cmd hand its results to whoever makes them real.
package plan

import (
	"trellis/internal/iam"
	"trellis/internal/proxy"
	"trellis/internal/resolver"
	"trellis/internal/sandbox"
	"trellis/internal/state"
	"trellis/internal/substrate"
)

// Host is what one host should be at one revision.
type Host struct {
	// Revision is the SpecRev of the snapshot it was compiled from.
	Revision  int64
	Network   substrate.Config
	Names     resolver.Desired
	Proxy     *proxy.Table
	Functions []sandbox.Function
	// Problems says, by the id or ARN of a resource, why it cannot be made real.
	Problems map[string]error
}

// Compiler compiles snapshots, one at a time.
type Compiler struct {
	parsed map[string]*iam.Policy
}

// New returns a Compiler.
func New() *Compiler { return &Compiler{parsed: map[string]*iam.Policy{}} }

// Compile returns what the host should be. What a row lacks to be made real is told in Problems; everything else goes on.
func (c *Compiler) Compile(s *state.Snapshot) Host {
	h := Host{Revision: s.SpecRev, Problems: map[string]error{}}
	b := &builder{Snapshot: s, host: &h, parsed: c.parsed, kept: map[string]*iam.Policy{}}
	b.indexLattice()
	h.Network = b.network()
	h.Names = b.names()
	h.Proxy = b.proxy()
	h.Functions = b.functions()
	c.parsed = b.kept
	return h
}

// builder collects one Host.
type builder struct {
	*state.Snapshot
	host *Host
	// parsed are the policies of the compilation before, kept those of this one.
	parsed, kept map[string]*iam.Policy
	// associations are the live service network associations by VPC; targets the VPCs that hold targets.
	associations map[string]string
	targets      map[string]bool
	groups       map[string]*proxy.TargetGroup
}

func (b *builder) problem(id string, err error) { b.host.Problems[id] = err }
