package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const tinyModel = `{
 "metadata": {"apiVersion": "2020-01-01", "endpointPrefix": "tiny", "protocol": "rest-json", "serviceId": "Tiny"},
 "operations": {
  "GetThing": {"name": "GetThing", "http": {"method": "GET", "requestUri": "/things/{id}", "responseCode": 200},
   "input": {"shape": "GetThingRequest"}, "output": {"shape": "Thing"}, "errors": [{"shape": "Gone"}]},
  "ListThings": {"name": "ListThings", "http": {"method": "GET", "requestUri": "/things"}, "output": {"shape": "ListThingsResponse"}},
  "DropThing": {"name": "DropThing", "http": {"method": "DELETE", "requestUri": "/things/{id}"}, "input": {"shape": "Unreached"}}
 },
 "shapes": {
  "GetThingRequest": {"type": "structure", "required": ["id"], "members": {"id": {"shape": "Id", "location": "uri", "locationName": "id"}}},
  "ListThingsResponse": {"type": "structure", "members": {"things": {"shape": "Things"}}},
  "Things": {"type": "list", "member": {"shape": "Thing"}},
  "Thing": {"type": "structure", "documentation": "texts are left out", "members": {"id": {"shape": "Id"}, "at": {"shape": "At"}, "inner": {"shape": "Thing"}, "size": {"shape": "Size"}, "raw": {"shape": "Raw"}, "by": {"shape": "By"}}},
  "Id": {"type": "string", "min": 1, "max": 2000, "pattern": "(?!no-)[a-z]{1,2000}"},
  "At": {"type": "timestamp", "timestampFormat": "iso8601"},
  "Size": {"type": "long"}, "Raw": {"type": "blob"}, "By": {"type": "map", "key": {"shape": "Id"}, "value": {"shape": "Thing"}},
  "Gone": {"type": "structure", "members": {}, "error": {"httpStatusCode": 410}, "exception": true},
  "Unreached": {"type": "structure", "members": {}}
 }
}`

// generateTiny generates a package from a model and answers its text.
func generateTiny(t *testing.T, text, operations string) (string, error) {
	t.Helper()
	data, out := t.TempDir(), t.TempDir()
	from := filepath.Join(data, "tiny", "2020-01-01")
	if err := os.MkdirAll(from, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{filepath.Join(from, "service-2.json"): text, filepath.Join(out, "operations.txt"): operations,
		filepath.Join(out, "zz_types_9.go"): "package stale"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := generate(api{"tiny", "tiny", "2020-01-01", "tiny"}, data, out); err != nil {
		return "", err
	}
	names, err := filepath.Glob(filepath.Join(out, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(file) {
			t.Errorf("%s is not marked as generated", name)
		}
		all.Write(src)
	}
	return all.String(), nil
}

func TestGenerate(t *testing.T) {
	src, err := generateTiny(t, tinyModel, "ListThings\nGetThing\n")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`[ \t]+`).ReplaceAllString(src, " ")
	for _, want := range []string{
		"type GetThingInput struct {\n Id *string\n}", "type ListThingsInput struct{}",
		"type GetThingOutput struct {\n Id *string\n At *time.Time\n Inner *Thing\n Size *int64\n Raw []byte\n By map[string]Thing\n}",
		"type ListThingsOutput struct {\n Things []Thing\n}", "type Thing struct {",
		`{Name: "id", Shape: "Id", In: model.InPath, Required: true}`,
		"HasMin: true, Min: 1, HasMax: true, Max: 2000, Pattern: `(?!no-)[a-z]{1,2000}`, Match: &model.Match{Must: `[a-z]{1,}`, Not: []string{`^(?:no-)`}}",
		`{Name: "At", Kind: model.Timestamp, Time: model.ISO8601}`, `{Name: "DropThing", Method: "DELETE", Path: "/things/{id}"}`,
		`{Name: "Gone", Code: "Gone", Status: 410}`, "\"DropThing\", \"GetThing\", \"ListThings\",",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the package lacks %s:\n%s", want, text)
		}
	}
	for _, never := range []string{"Unreached", "texts are left out", "stale", "type GetThingRequest"} {
		if strings.Contains(text, never) {
			t.Errorf("the package contains %q", never)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ from, to, operations string }{
		"unknown operation": {"", "", "MakeThing"},
		"no operations":     {"", "", "\n"},
		"protocol":          {`"rest-json"`, `"smithy-rpc-v2-cbor"`, "GetThing"},
		"shape":             {`"inner": {"shape": "Thing"}`, `"inner": {"shape": "Nothing"}`, "GetThing"},
		"location":          {`"location": "uri"`, `"location": "moon"`, "GetThing"},
		"greedy label":      {`/things/{id}`, `/things/{id+}`, "GetThing"},
		"lookbehind":        {`(?!no-)`, `a(?<=b)`, "GetThing"},
		"collision":         {`"inner": {"shape": "Thing"}`, `"inner": {"shape": "GetThingInput"}`, "GetThing"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(tinyModel, tt.from, tt.to)
			if tt.from == "" {
				text = tinyModel
			}
			if name == "collision" {
				text = strings.Replace(text, `"Unreached": {`, `"GetThingInput": {`, 1)
			}
			if _, err := generateTiny(t, text, tt.operations); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct{ pattern, good, bad string }{
		{`(?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+`, "a-b", "a--b"},
		{`(?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+`, "svc", "svc-a"},
		{`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, "v1", "11"},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a-b", "a--b"},
		{`[0-9A-Za-z\.\-_]*(?<!\.)`, "a.b", "a."},
		{`((?!^\d+$)^[0-9a-zA-Z-_]+$)`, "1a", "1"},
		{`[\u0020-\u00FF]+`, "é", "ł"},
		{`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, "a😀", "\x01"},
		{`(?![)x])[(x]{1,5000}`, "((", "x("},
	} {
		m, err := match(tt.pattern)
		if err != nil || m == nil {
			t.Errorf("%s: %v, %v", tt.pattern, m, err)
			continue
		}
		fits := func(s string) bool {
			for _, not := range m.Not {
				if regexp.MustCompile(not).MatchString(s) {
					return false
				}
			}
			return regexp.MustCompile("^(?:" + m.Must + ")$").MatchString(s)
		}
		if !fits(tt.good) || fits(tt.bad) {
			t.Errorf("%s as %v: %q %v, %q %v", tt.pattern, m, tt.good, fits(tt.good), tt.bad, fits(tt.bad))
		}
	}
	if m, err := match(`[a-z]+`); m != nil || err != nil {
		t.Errorf("a plain pattern becomes %v, %v", m, err)
	}
}
