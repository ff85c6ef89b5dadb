package vpclattice

import (
	"slices"

	"trellis/internal/arn"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
	"trellis/internal/vpc"
)

// shares reports whether the caller's account is given access to the resource by its owner.
func (q *query) shares(r state.Reader, resourceARN string) bool {
	return state.Shown(r, resourceARN, q.Account)
}

// may refuses an action of the caller's on what another account shares with it, unless that account allows it.
func (q *query) may(r state.Reader, o vpc.Owner, resourceARN, action string) error {
	if o == q.Owner || state.Allowed(r, resourceARN, q.Account, "vpc-lattice:"+action) {
		return nil
	}
	return q.denied(action, resourceARN)
}

// sharedIDs returns, in order, the ids of the resources of the kind that other accounts share with the caller's.
func (q *query) sharedIDs(r state.Reader, path string) []string {
	var out []string
	add := func(resourceARN string) {
		if a, err := arn.Parse(resourceARN); err == nil && a.Region == q.Region && a.Account != q.Account && a.Type()+"/" == path {
			out = append(out, a.Last())
		}
	}
	for _, name := range state.ResourcesSharedWith(r, q.Account, q.Region, path) {
		add(name)
	}
	for p := range state.ResourcePolicies.By(r, state.ByPrincipal, q.Account) {
		add(p.ResourceARN)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// service returns the service an identifier names, the caller's own or one shared with it.
func (q *query) service(r state.Reader, identifier *string) (*lattice.Service, error) {
	id := str(identifier)
	s, ok := state.Services.Get(r, lattice.IDOf(id))
	if !ok || s.Region != q.Region || !named(id, s.ARN()) || s.Owner != q.Owner && !q.shares(r, s.ARN()) {
		return nil, absent(lattice.KindService, id)
	}
	return s, nil
}

// ownService returns a service of the caller's for an action that only the owner may perform.
func (q *query) ownService(r state.Reader, identifier *string, action string) (*lattice.Service, error) {
	s, err := q.service(r, identifier)
	if err == nil && s.Owner != q.Owner {
		return nil, q.denied(action, s.ARN())
	}
	return s, err
}

// liveService is ownService for changes, which a service that is being deleted refuses.
func (q *query) liveService(tx *state.Tx, identifier *string, action string) (*lattice.Service, error) {
	s, err := q.ownService(tx, identifier, action)
	if err == nil && s.Deleting {
		return nil, busy(lattice.KindService, s.ID, lattice.Deleting)
	}
	return s, err
}

// network returns the service network an identifier names, the caller's own or one shared with it.
func (q *query) network(r state.Reader, identifier *string) (*lattice.Network, error) {
	id := str(identifier)
	n, ok := state.Networks.Get(r, lattice.IDOf(id))
	if !ok || n.Region != q.Region || !named(id, n.ARN()) || n.Owner != q.Owner && !q.shares(r, n.ARN()) {
		return nil, absent(lattice.KindNetwork, id)
	}
	return n, nil
}

func (q *query) ownNetwork(r state.Reader, identifier *string, action string) (*lattice.Network, error) {
	n, err := q.network(r, identifier)
	if err == nil && n.Owner != q.Owner {
		return nil, q.denied(action, n.ARN())
	}
	return n, err
}

// byARN demands an ARN of what another account owns.
func byARN(identifier *string, k lattice.Kind, own bool) error {
	if own || arn.Is(str(identifier)) {
		return nil
	}
	e := fault.New(fault.NotFound, "", "The %s '%s' does not exist in this account. Name one that another account shares by its ARN.", k.Title, clip(str(identifier)))
	return e.About(k.Type, clip(str(identifier)))
}

// listener returns a listener of one of the caller's services.
func (q *query) listener(r state.Reader, s *lattice.Service, identifier *string) (*lattice.Listener, error) {
	id := str(identifier)
	l, ok := state.Listeners.Get(r, lattice.IDOf(id))
	if !ok || l.Service != s.ID || !named(id, l.ARN()) {
		return nil, absent(lattice.KindListener, id)
	}
	return l, nil
}

// rule returns a rule of a listener; the default rule is part of the listener and not found here.
func (q *query) rule(r state.Reader, l *lattice.Listener, identifier *string) (*lattice.Rule, error) {
	id := str(identifier)
	row, ok := state.Rules.Get(r, lattice.IDOf(id))
	if !ok || row.Listener != l.ID || !named(id, row.ARN()) {
		return nil, absent(lattice.KindRule, id)
	}
	return row, nil
}

// group returns a target group of the caller's.
func (q *query) group(r state.Reader, identifier *string) (*lattice.TargetGroup, state.Revisions, error) {
	id := str(identifier)
	g, rev, ok := state.TargetGroups.Lookup(r, lattice.IDOf(id))
	if !ok || g.Owner != q.Owner || !named(id, g.ARN()) {
		return nil, rev, absent(lattice.KindTargetGroup, id)
	}
	return g, rev, nil
}

// seesNetworkService reports whether the association is visible to the caller: to the owners of both sides, and to whom
// the network is shared with.
func (q *query) seesNetworkService(r state.Reader, a *lattice.NetworkService) bool {
	return a.Region == q.Region && (a.NetworkOwner == q.Account || a.ServiceOwner == q.Account || q.sharesNetwork(r, a.Network))
}

func (q *query) seesNetworkVPC(r state.Reader, a *lattice.NetworkVPC) bool {
	return a.Region == q.Region && (a.NetworkOwner == q.Account || a.Account == q.Account || q.sharesNetwork(r, a.Network))
}

func (q *query) sharesNetwork(r state.Reader, id string) bool {
	n, ok := state.Networks.Get(r, id)
	return ok && q.shares(r, n.ARN())
}

func (q *query) networkService(r state.Reader, identifier *string) (*lattice.NetworkService, state.Revisions, error) {
	id := str(identifier)
	a, rev, ok := state.NetworkServices.Lookup(r, lattice.IDOf(id))
	if !ok || !named(id, a.ARN(q.Account)) || !q.seesNetworkService(r, a) {
		return nil, rev, absent(lattice.KindNetworkService, id)
	}
	return a, rev, nil
}

func (q *query) networkVPC(r state.Reader, identifier *string) (*lattice.NetworkVPC, state.Revisions, error) {
	id := str(identifier)
	a, rev, ok := state.NetworkVPCs.Lookup(r, lattice.IDOf(id))
	if !ok || !named(id, a.ARN(q.Account)) || !q.seesNetworkVPC(r, a) {
		return nil, rev, absent(lattice.KindNetworkVPC, id)
	}
	return a, rev, nil
}

func (q *query) subscription(r state.Reader, identifier *string) (*lattice.LogSubscription, error) {
	id := str(identifier)
	s, ok := state.LogSubscriptions.Get(r, lattice.IDOf(id))
	if !ok || s.Owner != q.Owner || !named(id, s.ARN()) {
		return nil, absent(lattice.KindSubscription, id)
	}
	return s, nil
}

// gateway returns a resource gateway of the caller's.
func (q *query) gateway(r state.Reader, identifier *string) (*lattice.ResourceGateway, error) {
	id := str(identifier)
	g, ok := state.ResourceGateways.Get(r, lattice.IDOf(id))
	if !ok || g.Owner != q.Owner || !named(id, g.ARN()) {
		return nil, absent(lattice.KindGateway, id)
	}
	return g, nil
}

// configuration returns the resource configuration an identifier names, the caller's own or one shared with it.
func (q *query) configuration(r state.Reader, identifier *string) (*lattice.ResourceConfiguration, error) {
	id := str(identifier)
	c, ok := state.ResourceConfigurations.Get(r, lattice.IDOf(id))
	if !ok || c.Region != q.Region || !named(id, c.ARN()) || c.Owner != q.Owner && !q.shares(r, c.ARN()) {
		return nil, absent(lattice.KindConfiguration, id)
	}
	return c, nil
}

// ownConfiguration returns a resource configuration of the caller's for an action that only the owner may perform.
func (q *query) ownConfiguration(r state.Reader, identifier *string, action string) (*lattice.ResourceConfiguration, error) {
	c, err := q.configuration(r, identifier)
	if err == nil && c.Owner != q.Owner {
		return nil, q.denied(action, c.ARN())
	}
	return c, err
}

func (q *query) seesNetworkResource(r state.Reader, a *lattice.NetworkResource) bool {
	return a.Region == q.Region && (a.NetworkOwner == q.Account || a.ConfigurationOwner == q.Account || q.sharesNetwork(r, a.Network))
}

func (q *query) networkResource(r state.Reader, identifier *string) (*lattice.NetworkResource, state.Revisions, error) {
	id := str(identifier)
	a, rev, ok := state.NetworkResources.Lookup(r, lattice.IDOf(id))
	if !ok || !named(id, a.ARN(q.Account)) || !q.seesNetworkResource(r, a) {
		return nil, rev, absent(lattice.KindNetworkResource, id)
	}
	return a, rev, nil
}
