package vpclattice

import (
	"context"
	"fmt"
	"slices"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// CreateRule makes a rule of a listener.
func (a *API) CreateRule(ctx context.Context, in *vpclattice.CreateRuleInput) (*vpclattice.CreateRuleOutput, error) {
	var out *vpclattice.CreateRuleOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, l, err := q.liveListener(tx, in.ServiceIdentifier, in.ListenerIdentifier, "CreateRule")
		if err != nil {
			return err
		}
		params := *in
		params.ClientToken = nil
		r, err := once(q, tx, "CreateRule", in.ClientToken, params, state.Rules, ruleID, func() (*lattice.Rule, error) {
			return q.newRule(tx, s, l, in)
		})
		if err != nil {
			return err
		}
		out = &vpclattice.CreateRuleOutput{Arn: new(r.ARN()), Id: new(r.ID), Name: new(r.Name), Match: showMatch(r.Match), Priority: new(r.Priority), Action: showAction(r.Action)}
		return nil
	})
	return out, err
}

func ruleID(r *lattice.Rule) string { return r.ID }

func (q *query) liveListener(tx *state.Tx, service, listener *string, action string) (*lattice.Service, *lattice.Listener, error) {
	s, err := q.liveService(tx, service, action)
	if err != nil {
		return nil, nil, err
	}
	l, err := q.listener(tx, s, listener)
	return s, l, err
}

func (q *query) newRule(tx *state.Tx, s *lattice.Service, l *lattice.Listener, in *vpclattice.CreateRuleInput) (*lattice.Rule, error) {
	name := str(in.Name)
	if err := lattice.KindRule.CheckName(name); err != nil {
		return nil, err
	}
	if in.Priority == nil {
		return nil, lattice.Invalid("priority", "A rule must have a priority.")
	}
	if err := lattice.CheckPriority(*in.Priority); err != nil {
		return nil, err
	}
	n := 0
	for other := range state.Rules.By(tx, state.ByListener, l.ID) {
		n++
		switch {
		case other.Name == name:
			return nil, conflict(lattice.KindRule, other.ID, "Listener %s has a rule with the name '%s' already.", l.ID, name)
		case other.Priority == *in.Priority:
			return nil, conflict(lattice.KindRule, other.ID, "Listener %s has a rule with the priority %d already.", l.ID, other.Priority)
		}
	}
	if n >= lattice.MaxRulesPerListener {
		return nil, quota(lattice.KindRule, "", "A listener can have at most %d rules.", lattice.MaxRulesPerListener)
	}
	meta, err := q.newMeta(lattice.KindRule, name, in.Tags)
	if err != nil {
		return nil, err
	}
	r := &lattice.Rule{Meta: meta, Service: s.ID, Listener: l.ID, Priority: *in.Priority}
	if r.Match, err = matchOf(in.Match); err != nil {
		return nil, err
	}
	r.Action, err = q.action(tx, s, in.Action)
	return r, err
}

// matchOf returns the conditions that a request asks for.
func matchOf(in *vpclattice.RuleMatch) (lattice.Match, error) {
	var m lattice.Match
	if in != nil && in.HttpMatch != nil {
		m.Method = str(in.HttpMatch.Method)
		if p := in.HttpMatch.PathMatch; p != nil {
			m.Path = &lattice.PathMatch{CaseSensitive: p.CaseSensitive == nil || *p.CaseSensitive}
			if p.Match != nil {
				m.Path.Exact, m.Path.Prefix = str(p.Match.Exact), str(p.Match.Prefix)
			}
		}
		for _, h := range in.HttpMatch.HeaderMatches {
			row := lattice.HeaderMatch{Name: str(h.Name), CaseSensitive: h.CaseSensitive != nil && *h.CaseSensitive}
			if h.Match != nil {
				row.Exact, row.Prefix, row.Contains = str(h.Match.Exact), str(h.Match.Prefix), str(h.Match.Contains)
			}
			m.Headers = append(m.Headers, row)
		}
	}
	return m, lattice.CheckMatch(m)
}

func showMatch(m lattice.Match) *vpclattice.RuleMatch {
	out := &vpclattice.HttpMatch{Method: text(m.Method)}
	if p := m.Path; p != nil {
		out.PathMatch = &vpclattice.PathMatch{CaseSensitive: new(p.CaseSensitive), Match: &vpclattice.PathMatchType{Exact: text(p.Exact), Prefix: text(p.Prefix)}}
	}
	for _, h := range m.Headers {
		out.HeaderMatches = append(out.HeaderMatches, vpclattice.HeaderMatch{Name: new(h.Name), CaseSensitive: new(h.CaseSensitive),
			Match: &vpclattice.HeaderMatchType{Exact: text(h.Exact), Prefix: text(h.Prefix), Contains: text(h.Contains)}})
	}
	return &vpclattice.RuleMatch{HttpMatch: out}
}

// defaultRule is the name of the rule that every listener has.
const defaultRule = "default"

// isDefault reports whether the identifier means the default rule of the listener.
func isDefault(l *lattice.Listener, identifier *string) bool {
	id := str(identifier)
	return lattice.IDOf(id) == l.DefaultRule && named(id, l.DefaultRuleARN())
}

// GetRule describes a rule; the default rule too.
func (a *API) GetRule(ctx context.Context, in *vpclattice.GetRuleInput) (*vpclattice.GetRuleOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	s, err := q.ownService(r, in.ServiceIdentifier, "GetRule")
	if err != nil {
		return nil, err
	}
	l, err := q.listener(r, s, in.ListenerIdentifier)
	if err != nil {
		return nil, err
	}
	if isDefault(l, in.RuleIdentifier) {
		return &vpclattice.GetRuleOutput{Arn: new(l.DefaultRuleARN()), Id: new(l.DefaultRule), Name: new(defaultRule), IsDefault: new(true),
			Action: showAction(l.Default), CreatedAt: new(l.Created), LastUpdatedAt: new(l.Updated)}, nil
	}
	row, err := q.rule(r, l, in.RuleIdentifier)
	if err != nil {
		return nil, err
	}
	return &vpclattice.GetRuleOutput{Arn: new(row.ARN()), Id: new(row.ID), Name: new(row.Name), IsDefault: new(false), Match: showMatch(row.Match),
		Priority: new(row.Priority), Action: showAction(row.Action), CreatedAt: new(row.Created), LastUpdatedAt: new(row.Updated)}, nil
}

// listed is a rule as listings show it.
type listed struct {
	key     string
	summary vpclattice.RuleSummary
}

// ListRules lists a listener's rules in the order they are tried, so the default rule comes last.
func (a *API) ListRules(ctx context.Context, in *vpclattice.ListRulesInput) (*vpclattice.ListRulesOutput, error) {
	r, q := a.view.Snapshot(), a.query(ctx)
	s, err := q.ownService(r, in.ServiceIdentifier, "ListRules")
	if err != nil {
		return nil, err
	}
	l, err := q.listener(r, s, in.ListenerIdentifier)
	if err != nil {
		return nil, err
	}
	var rows []listed
	for _, row := range rulesOf(r, l.ID) {
		rows = append(rows, listed{fmt.Sprintf("%06d", row.Priority), vpclattice.RuleSummary{Arn: new(row.ARN()), Id: new(row.ID), Name: new(row.Name), IsDefault: new(false),
			Priority: new(row.Priority), CreatedAt: new(row.Created), LastUpdatedAt: new(row.Updated)}})
	}
	rows = append(rows, listed{defaultRule, vpclattice.RuleSummary{Arn: new(l.DefaultRuleARN()), Id: new(l.DefaultRule), Name: new(defaultRule), IsDefault: new(true),
		CreatedAt: new(l.Created), LastUpdatedAt: new(l.Updated)}})
	rows, next, err := cut(slices.Values(rows), func(i listed) string { return i.key }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &vpclattice.ListRulesOutput{NextToken: next, Items: summaries(rows, func(i listed) vpclattice.RuleSummary { return i.summary })}, nil
}

// rulesOf returns a listener's rules by priority.
func rulesOf(r state.Reader, listenerID string) []*lattice.Rule {
	return slices.SortedFunc(state.Rules.By(r, state.ByListener, listenerID), func(a, b *lattice.Rule) int { return int(a.Priority - b.Priority) })
}

// refuseDefault answers for changes of the default rule, which belongs to its listener.
func refuseDefault(l *lattice.Listener, identifier *string, how string) error {
	if !isDefault(l, identifier) {
		return nil
	}
	return lattice.Invalid("ruleIdentifier", "The default rule of a listener cannot be %s.", how)
}

// UpdateRule changes a rule.
func (a *API) UpdateRule(ctx context.Context, in *vpclattice.UpdateRuleInput) (*vpclattice.UpdateRuleOutput, error) {
	var out *vpclattice.UpdateRuleOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, l, err := q.liveListener(tx, in.ServiceIdentifier, in.ListenerIdentifier, "UpdateRule")
		if err != nil {
			return err
		}
		row, err := q.changeRule(tx, s, l, &vpclattice.RuleUpdate{RuleIdentifier: in.RuleIdentifier, Match: in.Match, Priority: in.Priority, Action: in.Action})
		if err != nil {
			return err
		}
		for other := range state.Rules.By(tx, state.ByListener, l.ID) {
			if other.ID != row.ID && other.Priority == row.Priority {
				return taken(l, other)
			}
		}
		out = &vpclattice.UpdateRuleOutput{Arn: new(row.ARN()), Id: new(row.ID), Name: new(row.Name), IsDefault: new(false), Match: showMatch(row.Match),
			Priority: new(row.Priority), Action: showAction(row.Action)}
		return nil
	})
	return out, err
}

func taken(l *lattice.Listener, other *lattice.Rule) error {
	return conflict(lattice.KindRule, other.ID, "Listener %s has a rule with the priority %d already.", l.ID, other.Priority)
}

// changeRule puts a rule changed. Whether its priority is free is for the caller to see.
func (q *query) changeRule(tx *state.Tx, s *lattice.Service, l *lattice.Listener, in *vpclattice.RuleUpdate) (*lattice.Rule, error) {
	if err := refuseDefault(l, in.RuleIdentifier, "changed through its rule; change the listener"); err != nil {
		return nil, err
	}
	row, err := q.rule(tx, l, in.RuleIdentifier)
	if err != nil {
		return nil, err
	}
	next := *row
	if in.Match != nil {
		if next.Match, err = matchOf(in.Match); err != nil {
			return nil, err
		}
	}
	if in.Priority != nil {
		if err := lattice.CheckPriority(*in.Priority); err != nil {
			return nil, err
		}
		next.Priority = *in.Priority
	}
	if in.Action != nil {
		// What the rule forwarded to before does not count any more.
		without := *row
		without.Action = lattice.Action{}
		state.Rules.Put(tx, &without)
		if next.Action, err = q.action(tx, s, in.Action); err != nil {
			state.Rules.Put(tx, row)
			return nil, err
		}
	}
	next.Updated = q.now
	state.Rules.Put(tx, &next)
	return &next, nil
}

// DeleteRule deletes a rule.
func (a *API) DeleteRule(ctx context.Context, in *vpclattice.DeleteRuleInput) (*vpclattice.DeleteRuleOutput, error) {
	return &vpclattice.DeleteRuleOutput{}, a.update(ctx, func(q *query, tx *state.Tx) error {
		_, l, err := q.liveListener(tx, in.ServiceIdentifier, in.ListenerIdentifier, "DeleteRule")
		if err != nil {
			return err
		}
		if err := refuseDefault(l, in.RuleIdentifier, "deleted"); err != nil {
			return err
		}
		row, err := q.rule(tx, l, in.RuleIdentifier)
		if err != nil {
			return err
		}
		state.Rules.Delete(tx, row.ID)
		return nil
	})
}
