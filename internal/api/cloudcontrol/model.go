package cloudcontrol

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"trellis/internal/api/cloudcontrol/schema"
)

// model is a resource as its schema describes it: strings, json.Numbers, booleans, lists and objects.
type model map[string]any

// parseModel reads a JSON object.
func parseModel(text string) (model, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m model
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows after the object")
	}
	if m == nil {
		return nil, errors.New("null is not an object")
	}
	return m, nil
}

func (m model) json() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (m model) text(name string) *string {
	if s, ok := m[name].(string); ok {
		return &s
	}
	return nil
}

func (m model) flag(name string) *bool {
	if b, ok := m[name].(bool); ok {
		return &b
	}
	return nil
}

func (m model) document(name string) string {
	inner, _ := m[name].(map[string]any)
	return model(inner).json()
}

// into fills the members of an API's input that are named like properties. Tags have another form there.
func (m model) into(in any) error {
	rest := maps.Clone(m)
	delete(rest, tagsProperty)
	delete(rest, policyProperty)
	raw, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, in)
}

const (
	tagsProperty   = "Tags"
	policyProperty = "Policy"
)

// tags returns the tags as APIs take them, nil where there are none.
func (m model) tags() map[string]string {
	items, _ := m[tagsProperty].([]any)
	if len(items) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, item := range items {
		if t, ok := item.(map[string]any); ok {
			key, _ := t["Key"].(string)
			value, _ := t["Value"].(string)
			out[key] = value
		}
	}
	return out
}

// showTags returns an API's tags as a property.
func showTags(tags map[string]string) []any {
	out := []any{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(k, "aws:") {
			out = append(out, map[string]any{"Key": k, "Value": tags[k]})
		}
	}
	return out
}

// identify returns a model's primary identifier: its parts joined by bars. It fails while one of them is missing.
func (r *resource) identify(m model) (string, bool) {
	parts := make([]string, len(r.schema.Identifier))
	for i, name := range r.schema.Identifier {
		part := m.text(name)
		if part == nil {
			return "", false
		}
		parts[i] = *part
	}
	return strings.Join(parts, "|"), true
}

// parts returns the parts of a primary identifier.
func parts(id string) (first, second string) {
	first, second, _ = strings.Cut(id, "|")
	return first, second
}

// show returns the properties of a type that an API's output has, those that are never shown left out.
func (r *resource) show(out any) model {
	shown, _ := present(&r.schema.Model, reflect.ValueOf(out))
	m, ok := shown.(map[string]any)
	if !ok {
		return model{}
	}
	for _, name := range r.schema.WriteOnly {
		schema.Drop(m, name)
	}
	return m
}

// present turns a value of an API into one of a model. It fails for what is not there.
func present(v *schema.Value, given reflect.Value) (any, bool) {
	for given.Kind() == reflect.Pointer {
		if given.IsNil() {
			return nil, false
		}
		given = given.Elem()
	}
	if at, ok := given.Interface().(time.Time); ok {
		return at.UTC().Format("2006-01-02T15:04:05.000Z"), true
	}
	switch given.Kind() {
	case reflect.String:
		return given.String(), true
	case reflect.Bool:
		return given.Bool(), true
	case reflect.Int32, reflect.Int64:
		return json.Number(strconv.FormatInt(given.Int(), 10)), true
	case reflect.Float64:
		return json.Number(strconv.FormatFloat(given.Float(), 'g', -1, 64)), true
	case reflect.Slice:
		if given.IsNil() || v.Items == nil {
			return nil, false
		}
		items := []any{}
		for i := range given.Len() {
			if item, ok := present(v.Items, given.Index(i)); ok {
				items = append(items, item)
			}
		}
		return items, true
	case reflect.Map:
		if given.IsNil() || given.Type().Elem().Kind() != reflect.String {
			return nil, false
		}
		members := map[string]any{}
		for _, key := range given.MapKeys() {
			members[key.String()] = given.MapIndex(key).String()
		}
		return members, true
	case reflect.Struct:
		members := map[string]any{}
		for i := range v.Properties {
			p := &v.Properties[i]
			field := given.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, p.Name) })
			if !field.IsValid() {
				continue
			}
			if member, ok := present(&p.Value, field); ok {
				members[p.Name] = member
			}
		}
		return members, len(members) > 0
	}
	return nil, false
}

// differ reports whether a property differs between two models.
func differ(a, b model, path string) bool {
	x, inA := schema.At(a, path)
	y, inB := schema.At(b, path)
	return inA != inB || !reflect.DeepEqual(x, y)
}

func jsonNumber[T int32 | int64](n T) json.Number {
	return json.Number(strconv.FormatInt(int64(n), 10))
}

// entries are a property that lists keys and values, such as attributes.
func (m model) entries(property string) map[string]string {
	items, _ := m[property].([]any)
	out := map[string]string{}
	for _, item := range items {
		if e, ok := item.(map[string]any); ok {
			key, _ := e["Key"].(string)
			out[key], _ = e["Value"].(string)
		}
	}
	return out
}

// showEntries returns keys and values as a property, in order of the keys.
func showEntries(entries map[string]string) []any {
	out := []any{}
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		out = append(out, map[string]any{"Key": k, "Value": entries[k]})
	}
	return out
}

func jsonText(number string) json.Number { return json.Number(number) }
