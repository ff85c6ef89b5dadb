package vpclattice

import (
	"context"
	"errors"

	"trellis/internal/aws/model/vpclattice"
	"trellis/internal/fault"
	"trellis/internal/lattice"
	"trellis/internal/state"
)

// maxBatch is how many rules one call can update.
const maxBatch = 10

// BatchUpdateRule changes several rules of a listener at once, so that they can swap priorities. An update that is refused
// leaves its rule as it is and does not stop the others, unless they depend on it.
func (a *API) BatchUpdateRule(ctx context.Context, in *vpclattice.BatchUpdateRuleInput) (*vpclattice.BatchUpdateRuleOutput, error) {
	if len(in.Rules) == 0 || len(in.Rules) > maxBatch {
		return nil, lattice.Invalid("rules", "Between 1 and %d rules can be updated at once.", maxBatch)
	}
	var out *vpclattice.BatchUpdateRuleOutput
	err := a.update(ctx, func(q *query, tx *state.Tx) error {
		s, l, err := q.liveListener(tx, in.ServiceIdentifier, in.ListenerIdentifier, "UpdateRule")
		if err != nil {
			return err
		}
		b := batch{before: map[string]*lattice.Rule{}, refused: map[int]error{}}
		for i := range in.Rules {
			b.apply(q, tx, s, l, i, &in.Rules[i])
		}
		for b.settle(tx, l) {
		}
		out = b.result(tx, in.Rules)
		return nil
	})
	return out, err
}

// batch is the updates of one call under way.
type batch struct {
	before  map[string]*lattice.Rule // rules as they were, by id
	updates []updated
	refused map[int]error // by index
}

// updated is an update that was applied.
type updated struct {
	index int
	rule  string
}

func (b *batch) apply(q *query, tx *state.Tx, s *lattice.Service, l *lattice.Listener, i int, in *vpclattice.RuleUpdate) {
	id := lattice.IDOf(str(in.RuleIdentifier))
	if b.before[id] != nil {
		b.refused[i] = lattice.Invalid("rules", "The rule %s is named twice.", clip(id))
		return
	}
	before, _ := state.Rules.Get(tx, id)
	if _, err := q.changeRule(tx, s, l, in); err != nil {
		b.refused[i] = err
		return
	}
	b.before[id] = before
	b.updates = append(b.updates, updated{i, id})
}

// settle takes back one update whose priority is another rule's, and says whether it did.
func (b *batch) settle(tx *state.Tx, l *lattice.Listener) bool {
	rules := rulesOf(tx, l.ID)
	for i, u := range b.updates {
		row, _ := state.Rules.Get(tx, u.rule)
		for _, other := range rules {
			if other.ID == row.ID || other.Priority != row.Priority || row.Priority == b.before[u.rule].Priority {
				continue
			}
			b.refused[u.index] = taken(l, other)
			state.Rules.Put(tx, b.before[u.rule])
			b.updates = append(b.updates[:i:i], b.updates[i+1:]...)
			return true
		}
	}
	return false
}

func (b *batch) result(tx *state.Tx, rules []vpclattice.RuleUpdate) *vpclattice.BatchUpdateRuleOutput {
	out := &vpclattice.BatchUpdateRuleOutput{Successful: []vpclattice.RuleUpdateSuccess{}, Unsuccessful: []vpclattice.RuleUpdateFailure{}}
	for _, u := range b.updates {
		row, _ := state.Rules.Get(tx, u.rule)
		out.Successful = append(out.Successful, vpclattice.RuleUpdateSuccess{Arn: new(row.ARN()), Id: new(row.ID), Name: new(row.Name), IsDefault: new(false),
			Match: showMatch(row.Match), Priority: new(row.Priority), Action: showAction(row.Action)})
	}
	for i := range rules {
		if err := b.refused[i]; err != nil {
			out.Unsuccessful = append(out.Unsuccessful, vpclattice.RuleUpdateFailure{RuleIdentifier: rules[i].RuleIdentifier, FailureCode: new(codeOf(err)), FailureMessage: new(message(err))})
		}
	}
	return out
}

// codeOf is the error code that an error of one element of a batch has.
func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case fault.NotFound:
			return "ResourceNotFoundException"
		case fault.Conflict:
			return "ConflictException"
		case fault.Quota:
			return "ServiceQuotaExceededException"
		}
	}
	return "ValidationException"
}
