package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"trellis/internal/aws/model"
	"trellis/test/estate"
	"trellis/test/forge"
)

// script is how every operation that is built is called with success, for an account with an estate.
type script struct {
	calls   map[string]estate.Call
	members []estate.Member
}

func newScript(t testing.TB) *script {
	t.Helper()
	calls, err := estate.Calls()
	if err != nil {
		t.Fatal(err)
	}
	members, err := estate.Members()
	if err != nil {
		t.Fatal(err)
	}
	return &script{calls, members}
}

// known is what a member takes by its path, for an estate.
func (s *script) known(e estate.Estate) func(string) (any, bool) {
	return func(path string) (any, bool) {
		for _, m := range s.members {
			if m.Path.MatchString(path) {
				v, err := e.Expand(m.Value)
				return v, err == nil
			}
		}
		return nil, false
	}
}

// call is an operation's call: who makes it and with what.
func (s *script) call(t testing.TB, api *model.Service, op *model.Operation, e estate.Estate) (by string, in map[string]any) {
	t.Helper()
	c := s.calls[api.Package+"."+op.Name]
	given, err := e.Expand(c.With)
	if err != nil {
		// An account without an organization has no ids of one.
		given = map[string]any{}
	}
	by = e["account"]
	if c.Peer {
		by = e["peer"]
	}
	k := &forge.Maker{Service: api, Known: s.known(e)}
	return by, k.Input(op, given.(map[string]any))
}

// built visits the operations there are, in order.
func (w *world) built(yield func(*api, *model.Operation) bool) {
	for _, name := range slices.Sorted(maps.Keys(w.apis)) {
		a := w.apis[name]
		for _, op := range slices.Sorted(maps.Keys(a.operations)) {
			if !yield(a, a.operations[op]) {
				return
			}
		}
	}
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// Every operation that is built is called with success, by an account with something of everything: what the other generated tests
// break, or ask of others, is a call that works.
func TestEveryOperationCanBeCalled(t *testing.T) {
	w := newWorld(t)
	w.open(t, "111111111111")
	w.open(t, "222222222222")
	e := w.populate(t, "111111111111", "222222222222", "owner", true)
	s := newScript(t)
	scratch := w.fork(t)
	for a, op := range w.built {
		by, in := s.call(t, a.Service, op, e)
		before := scratch.view.Snapshot().Rev
		got := scratch.call(by, a.Package, op.Name, in)
		want := s.calls[a.Package+"."+op.Name]
		switch {
		case want.Refused != "" && (got.Code != want.Refused || want.Why == ""):
			t.Errorf("%s.%s %s: %d %s %s, and calls.json has %s for it", a.Package, op.Name, shown(in), got.Status, got.Code, got.Message, want.Refused)
		case want.Refused == "" && got.Status >= 300:
			t.Errorf("%s.%s %s: %d %s %s", a.Package, op.Name, shown(in), got.Status, got.Code, got.Message)
		}
		scratch.settle(t)
		if scratch.view.Snapshot().Rev != before {
			scratch.close()
			scratch = w.fork(t)
		}
	}
}
