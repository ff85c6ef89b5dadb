package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"trellis/internal/aws/model"
	"trellis/test/estate"
)

func newScript(t testing.TB) *estate.Script {
	t.Helper()
	s, err := estate.NewScript()
	if err != nil {
		t.Fatal(err)
	}
	return s
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
		by, in := s.Call(a.Service, op, e)
		got := scratch.call(by, a.Package, op.Name, in)
		want := s.Calls[a.Package+"."+op.Name]
		switch {
		case want.Refused != "" && (got.Code != want.Refused || want.Why == ""):
			t.Errorf("%s.%s %s: %d %s %s, and calls.json has %s for it", a.Package, op.Name, shown(in), got.Status, got.Code, got.Message, want.Refused)
		case want.Refused == "" && got.Status >= 300:
			t.Errorf("%s.%s %s: %d %s %s", a.Package, op.Name, shown(in), got.Status, got.Code, got.Message)
		}
		scratch.settle(t)
		scratch = scratch.anew(t)
	}
}
