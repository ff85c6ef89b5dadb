// Package plan says everything this host should be: a Compiler turns snapshots into the network, the DNS zones, the proxy's
// routing table and the functions to run. It never reads status. The loops in cmd hand its results to whoever makes them
// real.
//
// The whole is compiled in parts, such as a VPC's network or a service. Each remembers what it was compiled from, and only
// those are compiled anew of which something changed since the snapshot before; the others stay the same pointers, by which
// whoever makes them real sees that there is nothing to do. So a change costs what depends on it, not what exists.
package plan

import (
	"net/netip"

	"trellis/internal/balancer"
	"trellis/internal/function"
	"trellis/internal/iam"
	"trellis/internal/lattice"
	"trellis/internal/proxy"
	"trellis/internal/resolver"
	"trellis/internal/sandbox"
	"trellis/internal/state"
	"trellis/internal/substrate"
	"trellis/internal/vpc"
)

// Host is what one host should be at one revision. It never changes.
type Host struct {
	// Revision is the SpecRev of the snapshot it was compiled from.
	Revision  int64
	Network   substrate.Config
	Names     resolver.Desired
	Proxy     *proxy.Table
	Functions []*sandbox.Function
	// Problems says, by the id or ARN of a resource, why it cannot be made real.
	Problems map[string]error
}

// Compiler compiles the snapshots of one view, in their order.
type Compiler struct {
	at *state.Snapshot
	// readers are the parts that a change of what a mark stands for spoils.
	readers map[state.Mark][]*part
	// faulty parts have problems; idle ones nothing may be made of any more.
	faulty map[*part]struct{}
	idle   []*part

	vpcs      *kind[substrate.VPC]
	peerings  *kind[substrate.Peering]
	hosts     *kind[resolver.Host]
	zones     *kind[resolver.VPC]
	fronts    *kind[proxy.VPC]
	balancers *kind[proxy.LoadBalancer]
	networks  *kind[proxy.ServiceNetwork]
	services  *kind[proxy.Service]
	groups    *kind[proxy.TargetGroup]
	policies  *kind[parsed]
	functions *kind[sandbox.Function]
}

// New returns a Compiler.
func New() *Compiler {
	return &Compiler{
		readers: map[state.Mark][]*part{}, faulty: map[*part]struct{}{},
		vpcs:      newKind((*builder).vpc, (*substrate.VPC).Key),
		peerings:  newKind((*builder).peering, (*substrate.Peering).Key),
		hosts:     newKind((*builder).publicName, (*resolver.Host).Key),
		zones:     newKind((*builder).names, (*resolver.VPC).Key),
		fronts:    newKind((*builder).front, (*proxy.VPC).Key),
		balancers: newKind((*builder).loadBalancer, (*proxy.LoadBalancer).Key),
		networks:  newKind((*builder).serviceNetwork, (*proxy.ServiceNetwork).Key),
		services:  newKind((*builder).service, (*proxy.Service).Key),
		groups:    newKind((*builder).targetGroup, (*proxy.TargetGroup).Key),
		policies:  newKind((*builder).policy, nil),
		functions: newKind((*builder).function, (*sandbox.Function).Qualified),
	}
}

// Compile returns what the host should be. What a row lacks to be made real is told in Problems; everything else goes on.
func (c *Compiler) Compile(s *state.Snapshot) Host {
	changes := s.Since(c.at)
	if changes.Everything {
		*c = *New()
	}
	c.at = s
	for _, m := range changes.Marks {
		for readers := c.readers[m]; len(readers) > 0; readers = c.readers[m] {
			c.spoil(readers[0])
		}
	}
	vpcID := func(v *vpc.VPC) string { return v.ID }
	begin(c, c.vpcs, state.VPCs, vpcID, changes)
	begin(c, c.zones, state.VPCs, vpcID, changes)
	begin(c, c.fronts, state.VPCs, vpcID, changes)
	begin(c, c.fronts, state.Interfaces, endpointInterface, changes)
	begin(c, c.peerings, state.Peerings, func(p *vpc.Peering) string { return p.ID }, changes)
	begin(c, c.hosts, state.Services, func(s *lattice.Service) string { return s.ID }, changes)
	begin(c, c.hosts, state.NetworkResources, func(a *lattice.NetworkResource) string { return a.ID }, changes)
	begin(c, c.hosts, state.LoadBalancers, (*balancer.LoadBalancer).ARN, changes)
	begin(c, c.balancers, state.LoadBalancers, (*balancer.LoadBalancer).ARN, changes)
	begin(c, c.functions, state.FunctionConfigs, (*function.Config).Qualified, changes)
	c.tidy()
	c.policies.settle()
	h := Host{
		Revision:  s.SpecRev,
		Network:   substrate.Config{LatticePrefixes: []netip.Prefix{lattice.RangeV4, lattice.RangeV6, lattice.RangeResources}, VPCs: c.vpcs.settle(), Peerings: c.peerings.settle()},
		Names:     resolver.Desired{Public: c.hosts.settle(), VPCs: c.zones.settle()},
		Proxy:     &proxy.Table{VPCs: c.fronts.settle(), LoadBalancers: c.balancers.settle(), Networks: c.networks.settle(), Services: c.services.settle(), Groups: c.groups.settle()},
		Functions: c.functions.settle(),
		Problems:  map[string]error{},
	}
	for p := range c.faulty {
		for _, one := range p.problems {
			// Which of several is told must not depend on the order of compilation.
			if old := h.Problems[one.id]; old == nil || one.err.Error() < old.Error() {
				h.Problems[one.id] = one.err
			}
		}
	}
	return h
}

// builder compiles one part. What it reads, and the parts it uses, the part is remembered with.
type builder struct {
	*state.Reading
	c    *Compiler
	part *part
}

func (b *builder) problem(id string, err error) {
	b.part.problems = append(b.part.problems, problem{id, err})
}

// parsed is a policy, or why the document is none.
type parsed struct {
	policy *iam.Policy
	err    error
}

// policy reads a policy once, however many resources have it.
func (b *builder) policy(document string) *parsed {
	p, err := iam.Parse(iam.ResourcePolicy, document)
	return &parsed{p, err}
}
