package cloudcontrol

import (
	"os"
	"slices"
	"strings"
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

// The schemas that came with the project are all there: of types with handlers, or of those that others.txt says why not.
func TestEverySchemaIsAccountedFor(t *testing.T) {
	names := func(file string) []string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			out = append(out, name)
		}
		return out
	}
	var handled []string
	for i := range schema.Types {
		handled = append(handled, schema.Types[i].Name)
	}
	wanted, others := names("schema/types.txt"), names("schema/others.txt")
	if !slices.Equal(handled, wanted) || !slices.Equal(schema.Known, others) {
		t.Errorf("the tables have %q and %q, types.txt and others.txt %q and %q", handled, schema.Known, wanted, others)
	}
	if n := len(wanted) + len(others); n != 46 {
		t.Errorf("there are %d schemas, not 46", n)
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
