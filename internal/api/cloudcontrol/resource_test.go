package cloudcontrol

import (
	"slices"
	"testing"

	"trellis/internal/api/cloudcontrol/schema"
)

// Every type of the tables has the handlers that its schema promises, and no other.
func TestEveryTypeHasItsHandlers(t *testing.T) {
	handlers := resources(nil)
	if len(handlers) != len(schema.Types) {
		t.Errorf("%d types have handlers, %d have a schema", len(handlers), len(schema.Types))
	}
	for i := range schema.Types {
		typ := &schema.Types[i]
		r := handlers[typ.Name]
		if r == nil {
			t.Errorf("%s has no handlers", typ.Name)
			continue
		}
		for name, there := range map[string]bool{opCreate: r.create != nil, opRead: r.read != nil, opUpdate: r.update != nil, opDelete: r.remove != nil, opList: r.list != nil} {
			if promised := slices.Contains(typ.Handlers, name); promised != there {
				t.Errorf("%s: handler %s %v, promised %v", typ.Name, name, there, promised)
			}
		}
	}
}

func TestBackwards(t *testing.T) {
	tokens := []string{"0190-a", "0190-b", "0191-0", "0a00-f"}
	var turned []string
	for _, token := range tokens {
		turned = append(turned, backwards(token))
	}
	slices.Reverse(turned)
	if !slices.IsSorted(turned) || backwards(backwards(tokens[0])) != tokens[0] {
		t.Errorf("turned %q", turned)
	}
}
