package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const house = `{
  "typeName": "A::B::House", "description": "words", "additionalProperties": false,
  "definitions": {"Door": {"type": "object", "additionalProperties": false, "description": "words",
    "properties": {"Width": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["Width"]}},
  "properties": {
    "Arn": {"type": "string", "pattern": "^arn$"},
    "Name": {"type": "string", "minLength": 0, "maxLength": 8, "enum": ["a", "b"], "description": "words"},
    "Doors": {"type": "array", "uniqueItems": true, "items": {"$ref": "#/definitions/Door"}},
    "Plan": {"type": "object"}, "Rooms": {"type": "object", "additionalProperties": false, "patternProperties": {"^a": {}}},
    "Paint": {"type": ["object", "string"]}, "Year": {"type": "integer", "enum": [1, 20]}, "Sold": {"type": "boolean"},
    "Heat": {"type": "object", "oneOf": [{"type": "object", "additionalProperties": false, "properties": {"Gas": {"type": "string"}}, "required": ["Gas"]},
      {"type": "object", "additionalProperties": false, "properties": {"Wood": {"type": "integer"}}, "required": ["Wood"]}]}, "Size": {"type": "number"}},
  "required": ["Name"], "readOnlyProperties": ["/properties/Arn"], "createOnlyProperties": ["/properties/Plan/Roof"],
  "primaryIdentifier": ["/properties/Arn"], "additionalIdentifiers": [["/properties/Name"]],
  "handlers": {"read": {}, "list": {"handlerSchema": {"properties": {"Name": {"$ref": "resource-schema.json#/properties/Name"},
    "Arns": {"type": "array", "items": {"$ref": "resource-schema.json#/properties/Arn"}}}, "required": ["Name"], "oneOf": [{"required": ["Name"]}, {"required": ["Arns"]}]}}},
  "tagging": {"taggable": true, "tagProperty": "/properties/Tags", "tagOnCreate": true}}`

func TestGenerate(t *testing.T) {
	other := `{"typeName": "A::B::Other", "properties": {"X": {"type": ["string", "object"]}}}`
	source, err := generate([][]byte{[]byte(house), []byte(other)}, []string{"A::B::House"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(source)), " ")
	for _, want := range []string{
		`{"Arn", Value{Kind: String, Pattern: ` + "`^arn$`" + `}}`,
		`{"Doors", Value{Kind: Array, Unique: true, Items: &Value{Kind: Object, Properties: []Property{ {"Width", Value{Kind: Integer, Min: 0, HasMin: true, Max: 9, HasMax: true}}, }, Required: []string{"Width"}}}}`,
		`{"Name", Value{Kind: String, Max: 8, HasMax: true, Enum: []string{"a", "b"}}}`,
		`{"Heat", Value{Kind: Object, Properties: []Property{ {"Gas", Value{Kind: String}}, {"Wood", Value{Kind: Integer}}, }}}`,
		`{"Plan", Value{Kind: Object, Open: true}}`, `{"Rooms", Value{Kind: Object, Open: true}}`, `{"Paint", Value{Kind: Any}}`,
		`{"Year", Value{Kind: Integer, Enum: []string{"1", "20"}}}`, `{"Size", Value{Kind: Number}}`, `{"Sold", Value{Kind: Boolean}}`,
		`ReadOnly: []string{"Arn"}, CreateOnly: []string{"Plan/Roof"}, Identifier: []string{"Arn"}, Alternatives: [][]string{{"Name"}},`,
		`TagProperty: "Tags", TagOnCreate: true, TagUpdatable: false,`,
		`Handlers: []string{"list", "read"}, ListBy: Value{Kind: Object, Properties: []Property{ {"Arns", Value{Kind: Array, Items: &Value{Kind: String, Pattern: ` + "`^arn$`" + `}}}, ` +
			`{"Name", Value{Kind: String, Max: 8, HasMax: true, Enum: []string{"a", "b"}}}, }, Open: true}, ListRequired: []string{"Name"}, ListOne: []string{"Name", "Arns"},`,
		`var Known = []string{ "A::B::Other", }`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the source lacks %s\n%s", want, source)
		}
	}
	if strings.Contains(text, "words") {
		t.Error("a text was kept")
	}
}

func TestGenerateRefuses(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(house, old, new, 1) }
	for name, text := range map[string]string{
		"no such type":      change("A::B::House", "A::B::Hut"),
		"unknown type":      change(`"type": "boolean"`, `"type": "door"`),
		"unknown reference": change("#/definitions/Door", "#/definitions/Window"),
		"unknown property":  change("resource-schema.json#/properties/Arn", "resource-schema.json#/properties/Window"),
		"unknown choice":    change(`{"required": ["Arns"]}`, `{"required": ["Arns", "Name"]}`),
		"circle":            change(`"type": "integer", "minimum": 0, "maximum": 9`, `"$ref": "#/definitions/Door"`),
		"escaped pointer":   change("/properties/Plan/Roof", "/properties/Plan~1Roof"),
		"no JSON":           "{",
	} {
		if source, err := generate([][]byte{[]byte(text)}, []string{"A::B::House"}); err == nil {
			t.Errorf("%s: generated %s", name, source)
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"house.json": house, "types.txt": "A::B::House\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir, dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "zz_types.go")); err != nil || !strings.Contains(string(text), "DO NOT EDIT") {
		t.Errorf("wrote %q, %v", text, err)
	}
	if run("", dir) == nil || run(dir, t.TempDir()) == nil {
		t.Error("missing arguments are no error")
	}
}
