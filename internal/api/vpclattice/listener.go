package vpclattice

import (
	"context"
	"slices"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateListener makes a listener with its default rule.
func (a *API) CreateListener(ctx context.Context, in *vpclattice.CreateListenerInput) (*vpclattice.CreateListenerOutput, error) {
	var out *vpclattice.CreateListenerOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.liveService(tx, in.ServiceIdentifier, "CreateListener")
		if err != nil {
			return err
		}
		params := *in
		params.ClientToken = nil
		l, err := once(q, tx, "CreateListener", in.ClientToken, params, state.Listeners, listenerID, func() (*lattice.Listener, error) {
			return q.newListener(tx, s, in)
		})
		if err != nil {
			return err
		}
		out = &vpclattice.CreateListenerOutput{Arn: new(l.ARN()), Id: new(l.ID), Name: new(l.Name), Protocol: new(l.Protocol), Port: new(l.Port),
			ServiceArn: new(s.ARN()), ServiceId: new(s.ID), DefaultAction: showAction(l.Default)}
		return nil
	})
	return out, err
}

func listenerID(l *lattice.Listener) string { return l.ID }

func (q *query) newListener(tx *state.Tx, s *lattice.Service, in *vpclattice.CreateListenerInput) (*lattice.Listener, error) {
	name := str(in.Name)
	if err := lattice.KindListener.CheckName(name); err != nil {
		return nil, err
	}
	protocol := str(in.Protocol)
	if err := lattice.CheckListener(protocol); err != nil {
		return nil, err
	}
	port := int32(lattice.DefaultPort)
	if in.Port != nil {
		port = *in.Port
		if err := lattice.CheckPort("port", port); err != nil {
			return nil, err
		}
	}
	n := 0
	for other := range state.Listeners.By(tx, state.ByService, s.ID) {
		n++
		switch {
		case other.Name == name:
			return nil, conflict(lattice.KindListener, other.ID, "Service %s has a listener with the name '%s' already.", s.ID, name)
		case other.Port == port:
			return nil, conflict(lattice.KindListener, other.ID, "Service %s has a listener on port %d already.", s.ID, port)
		}
	}
	if n >= lattice.MaxListenersPerService {
		return nil, quota(lattice.KindListener, "", "A service can have at most %d listeners.", lattice.MaxListenersPerService)
	}
	meta, err := q.newMeta(lattice.KindListener, name, in.Tags)
	if err != nil {
		return nil, err
	}
	l := &lattice.Listener{Meta: meta, Service: s.ID, Protocol: protocol, Port: port, DefaultRule: lattice.KindRule.Mint()}
	l.Default, err = q.action(tx, s, in.DefaultAction)
	return l, err
}

// action returns the action that a request asks for on one of the caller's listeners. The target groups must be the
// caller's and not serve another service.
func (q *query) action(tx *state.Tx, s *lattice.Service, in *vpclattice.RuleAction) (lattice.Action, error) {
	switch {
	case in == nil || (in.Forward == nil) == (in.FixedResponse == nil):
		return lattice.Action{}, lattice.Invalid("action", "An action must be either forward or fixedResponse.")
	case in.FixedResponse != nil:
		if in.FixedResponse.StatusCode == nil {
			return lattice.Action{}, lattice.Invalid("action.fixedResponse.statusCode", "A fixed response must have a status.")
		}
		return lattice.FixedResponse(*in.FixedResponse.StatusCode)
	}
	var shares []lattice.Share
	for _, w := range in.Forward.TargetGroups {
		shares = append(shares, lattice.Share{TargetGroup: lattice.IDOf(str(w.TargetGroupIdentifier)), Weight: w.Weight})
	}
	action, err := lattice.ForwardTo(shares)
	if err != nil {
		return action, err
	}
	used := groupsOf(tx, s.ID)
	for _, w := range in.Forward.TargetGroups {
		g, _, err := q.group(tx, w.TargetGroupIdentifier)
		if err != nil {
			return action, err
		}
		if g.Deleting {
			return action, busy(lattice.KindTargetGroup, g.ID, lattice.Deleting)
		}
		for _, other := range usersOf(tx, g.ID) {
			if other != s.ID {
				return action, conflict(lattice.KindTargetGroup, g.ID, "The target group %s is used by another service, %s.", g.ID, other)
			}
		}
		used[g.ID] = true
	}
	if len(used) > lattice.MaxTargetGroupsOfService {
		return action, quota(lattice.KindTargetGroup, "", "A service can use at most %d target groups.", lattice.MaxTargetGroupsOfService)
	}
	return action, nil
}

// groupsOf returns the target groups that a service uses.
func groupsOf(r state.Reader, serviceID string) map[string]bool {
	out := map[string]bool{}
	add := func(a lattice.Action) {
		for _, w := range a.Forward {
			out[w.TargetGroup] = true
		}
	}
	for l := range state.Listeners.By(r, state.ByService, serviceID) {
		add(l.Default)
	}
	for rule := range state.Rules.By(r, state.ByService, serviceID) {
		add(rule.Action)
	}
	return out
}

// usersOf returns the services that use a target group, in order.
func usersOf(r state.Reader, groupID string) []string {
	var out []string
	for l := range state.Listeners.By(r, state.ByTargetGroup, groupID) {
		out = append(out, l.Service)
	}
	for rule := range state.Rules.By(r, state.ByTargetGroup, groupID) {
		out = append(out, rule.Service)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func showAction(a lattice.Action) *vpclattice.RuleAction {
	if a.FixedStatus != 0 {
		return &vpclattice.RuleAction{FixedResponse: &vpclattice.FixedResponseAction{StatusCode: new(a.FixedStatus)}}
	}
	forward := &vpclattice.ForwardAction{}
	for _, w := range a.Forward {
		forward.TargetGroups = append(forward.TargetGroups, vpclattice.WeightedTargetGroup{TargetGroupIdentifier: new(w.TargetGroup), Weight: new(w.Weight)})
	}
	return &vpclattice.RuleAction{Forward: forward}
}

// GetListener describes a listener.
func (a *API) GetListener(ctx context.Context, in *vpclattice.GetListenerInput) (*vpclattice.GetListenerOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	s, err := q.ownService(r, in.ServiceIdentifier, "GetListener")
	if err != nil {
		return nil, err
	}
	l, err := q.listener(r, s, in.ListenerIdentifier)
	if err != nil {
		return nil, err
	}
	return &vpclattice.GetListenerOutput{Arn: new(l.ARN()), Id: new(l.ID), Name: new(l.Name), Protocol: new(l.Protocol), Port: new(l.Port),
		ServiceArn: new(s.ARN()), ServiceId: new(s.ID), DefaultAction: showAction(l.Default), CreatedAt: new(l.Created), LastUpdatedAt: new(l.Updated)}, nil
}

// ListListeners lists a service's listeners.
func (a *API) ListListeners(ctx context.Context, in *vpclattice.ListListenersInput) (*vpclattice.ListListenersOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	s, err := q.ownService(r, in.ServiceIdentifier, "ListListeners")
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(state.Listeners.By(r, state.ByService, s.ID), listenerID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListListenersOutput{NextToken: next, Items: summaries(rows, func(l *lattice.Listener) vpclattice.ListenerSummary {
		return vpclattice.ListenerSummary{Arn: new(l.ARN()), Id: new(l.ID), Name: new(l.Name), Protocol: new(l.Protocol), Port: new(l.Port),
			CreatedAt: new(l.Created), LastUpdatedAt: new(l.Updated)}
	})}, nil
}

// UpdateListener changes the default action.
func (a *API) UpdateListener(ctx context.Context, in *vpclattice.UpdateListenerInput) (*vpclattice.UpdateListenerOutput, error) {
	var out *vpclattice.UpdateListenerOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.liveService(tx, in.ServiceIdentifier, "UpdateListener")
		if err != nil {
			return err
		}
		l, err := q.listener(tx, s, in.ListenerIdentifier)
		if err != nil {
			return err
		}
		// What the listener forwarded to before does not count any more.
		l.Default = lattice.Action{}
		state.Listeners.Put(tx, l)
		next := *l
		if next.Default, err = q.action(tx, s, in.DefaultAction); err != nil {
			return err
		}
		next.Updated = q.now
		state.Listeners.Put(tx, &next)
		out = &vpclattice.UpdateListenerOutput{Arn: new(l.ARN()), Id: new(l.ID), Name: new(l.Name), Protocol: new(l.Protocol), Port: new(l.Port),
			ServiceArn: new(s.ARN()), ServiceId: new(s.ID), DefaultAction: showAction(next.Default)}
		return nil
	})
	return out, err
}

// DeleteListener deletes a listener with its rules.
func (a *API) DeleteListener(ctx context.Context, in *vpclattice.DeleteListenerInput) (*vpclattice.DeleteListenerOutput, error) {
	return &vpclattice.DeleteListenerOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		s, err := q.liveService(tx, in.ServiceIdentifier, "DeleteListener")
		if err != nil {
			return err
		}
		l, err := q.listener(tx, s, in.ListenerIdentifier)
		if err != nil {
			return err
		}
		dropListener(tx, l)
		return nil
	})
}

func dropListener(tx *state.Tx, l *lattice.Listener) {
	for rule := range state.Rules.By(tx, state.ByListener, l.ID) {
		state.Rules.Delete(tx, rule.ID)
	}
	state.Listeners.Delete(tx, l.ID)
}
