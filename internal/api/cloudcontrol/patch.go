package cloudcontrol

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"trellis/internal/api/cloudcontrol/schema"
	"trellis/internal/fault"
)

// maxModel bounds what a patch can make of a model, in bytes.
const maxModel = 1 << 18

// patched applies an RFC 6902 document to a model and checks that the result is one the type allows it to become.
func (a *API) patched(r *resource, have model, document string) (model, error) {
	t := r.schema
	var form []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal([]byte(document), &form); err != nil || form == nil {
		return nil, invalid("The patch document is not a list of JSON Patch operations.")
	}
	for i, op := range form {
		if op.Value == nil && (op.Op == "add" || op.Op == "replace" || op.Op == "test") {
			return nil, invalid("The patch document is not valid: operation %d, %s, has no value.", i, op.Op)
		}
	}
	patch, err := jsonpatch.DecodePatch([]byte(document))
	if err != nil {
		return nil, invalid("The patch document is not valid: %s", clip(err.Error()))
	}
	options := jsonpatch.NewApplyOptions()
	options.SupportNegativeIndices, options.AccumulatedCopySizeLimit = false, maxModel
	result, err := apply(patch, []byte(have.json()), options)
	if err != nil {
		return nil, invalid("The patch document cannot be applied: %s", clip(err.Error()))
	}
	if len(result) > maxModel {
		return nil, fault.New(fault.TooLarge, "InvalidRequestException", "The patched model has more than %d bytes.", maxModel)
	}
	want, err := parseModel(string(result))
	if err != nil {
		return nil, invalid("The patch document leaves no model: %s", err)
	}
	if changed := changes(t.ReadOnly, have, want); len(changed) > 0 {
		return nil, invalid("Invalid patch update: readOnlyProperties %s cannot be updated", pointers(changed))
	}
	if changed := changes(t.CreateOnly, have, want); len(changed) > 0 {
		return nil, fault.New(fault.Conflict, "NotUpdatableException", "Invalid patch update: createOnlyProperties %s cannot be updated", pointers(changed))
	}
	if err := r.built(want, have); err != nil {
		return nil, err
	}
	for name, value := range r.absent {
		if _, kept := want[name]; !kept && have[name] != nil {
			want[name] = value
		}
	}
	for _, path := range t.ReadOnly {
		schema.Drop(want, path)
	}
	return want, a.check(t, want)
}

// built refuses a model that asks for what is not built, or that changes what lasts.
func (r *resource) built(want, have model) error {
	var unbuilt []string
	for _, path := range r.unbuilt {
		if schema.Has(want, path) {
			unbuilt = append(unbuilt, path)
		}
	}
	switch {
	case len(unbuilt) > 0:
		return fault.New(fault.Invalid, "InvalidRequestException", "The properties %s of %s are not built.", pointers(unbuilt), r.schema.Name)
	case have == nil:
		return nil
	}
	var gone []string
	for _, name := range r.stays {
		if _, kept := want[name]; !kept && have[name] != nil {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		return fault.New(fault.Invalid, "InvalidRequestException", "The properties %s of %s cannot be taken away.", pointers(gone), r.schema.Name)
	}
	if changed := changes(r.lasting, have, want); len(changed) > 0 {
		return fault.New(fault.Invalid, "InvalidRequestException", "The properties %s of %s cannot be changed once it is created.", pointers(changed), r.schema.Name)
	}
	return nil
}

// rebased returns what a resource is to become: what it is by now, with what want has otherwise than base. What others changed
// meanwhile stays as they made it.
func rebased(base, want, now map[string]any) map[string]any {
	out := maps.Clone(now)
	for name := range base {
		if _, kept := want[name]; !kept {
			delete(out, name)
		}
	}
	for name, value := range want {
		was, had := base[name]
		if had && reflect.DeepEqual(was, value) {
			continue
		}
		inner, object := value.(map[string]any)
		before, objectBefore := was.(map[string]any)
		present, objectNow := now[name].(map[string]any)
		if object && objectBefore && objectNow {
			out[name] = rebased(before, inner, present)
		} else {
			out[name] = value
		}
	}
	return out
}

// apply applies a patch. The library dereferences null where a test compares a whole document with it; that is a failed test.
func apply(patch jsonpatch.Patch, document []byte, options *jsonpatch.ApplyOptions) (result []byte, err error) {
	defer func() {
		if recover() != nil {
			result, err = nil, jsonpatch.ErrTestFailed
		}
	}()
	return patch.ApplyWithOptions(document, options)
}

// clip keeps short what repeats a caller's words.
func clip(s string) string {
	if len(s) > 256 {
		return strings.ToValidUTF8(s[:256], "") + "..."
	}
	return s
}

// check checks a whole model.
func (a *API) check(t *schema.Type, want model) error {
	if found := a.checker.Check(t, want); len(found) > 0 {
		return broken(found)
	}
	seen := map[string]bool{}
	if items, ok := want[t.TagProperty].([]any); ok {
		for _, item := range items {
			key, _ := item.(map[string]any)["Key"].(string)
			if seen[key] {
				return broken([]string{"#/" + t.TagProperty + ": the key [" + key + "] is there twice"})
			}
			seen[key] = true
		}
	}
	return nil
}

func changes(paths []string, have, want model) []string {
	var out []string
	for _, path := range paths {
		if differ(have, want, path) {
			out = append(out, path)
		}
	}
	return out
}
