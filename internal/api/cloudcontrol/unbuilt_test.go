package cloudcontrol

import (
	"slices"
	"strings"
	"testing"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/fault"
)

// nest is a model in which a path has something.
func nest(path string) any {
	first, rest, deeper := strings.Cut(path, "/")
	switch {
	case first == "*" && !deeper:
		return []any{"x"}
	case first == "*":
		return []any{map[string]any{}, nest(rest)}
	case !deeper:
		return map[string]any{first: "x"}
	}
	return map[string]any{first: nest(rest)}
}

// What is not built is refused before anything else is looked at, and is what its schema lets be set.
func TestUnbuilt(t *testing.T) {
	all := resources(nil)
	for i := range schema.Types {
		r := all[schema.Types[i].Name]
		if r == nil {
			continue
		}
		r.schema = &schema.Types[i]
		for _, path := range slices.Concat(r.unbuilt, r.lasting) {
			at := &r.schema.Model
			for name := range strings.SplitSeq(path, "/") {
				next, ok := at.Items, name == "*"
				if !ok {
					next, ok = at.Property(name)
				}
				if !ok || next == nil {
					t.Fatalf("%s has no %s", r.schema.Name, path)
				}
				at = next
			}
			for _, fixed := range slices.Concat(r.schema.ReadOnly, r.schema.CreateOnly) {
				if fixed == path && slices.Contains(r.lasting, path) {
					t.Errorf("%s: the schema itself holds %s for fixed", r.schema.Name, path)
				}
			}
			want := model(nest(path).(map[string]any))
			if err := r.built(want, nil); (err == nil) != slices.Contains(r.lasting, path) {
				t.Errorf("%s: created with %s: %v", r.schema.Name, path, err)
			}
			err := r.built(want, model{})
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "/properties/"+path) {
				t.Errorf("%s: changed with %s: %v", r.schema.Name, path, err)
			}
			if err := r.built(model{}, model{}); err != nil {
				t.Errorf("%s without %s: %v", r.schema.Name, path, err)
			}
		}
	}
}
