package terraform

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write anew what the program did to each resource type")

// lives has what whole runs did to each resource type; docs/compatibility.md is made from it.
const lives = "testdata/lived.txt"

// lived says what the program did to resource types, as "aws_vpc create", by its own account of it: create, update, replace and delete
// are resources that it was done with, read is one that a plan found as it should be, tag one read with tags, list one of which a
// data source of its name was read, import one imported.
type lived map[string]bool

func (l lived) add(typ, step string) {
	switch step {
	case "create", "read", "list", "update", "replace", "tag", "import", "delete":
		l[typ+" "+step] = true
	}
}

// record is what a program did in all configurations.
type record struct {
	versions string
	lived    lived
	runs     int
}

// compare holds a record against the one that is kept, or keeps it.
func (r *record) compare(t *testing.T) {
	t.Helper()
	if *update {
		lines := append([]string{"# " + r.versions}, slices.Sorted(maps.Keys(r.lived))...)
		if err := os.WriteFile(lives, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(lives)
	if err != nil {
		t.Fatal(err)
	}
	kept := lived{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			kept[line] = true
		}
	}
	for _, step := range slices.Sorted(maps.Keys(kept)) {
		if !r.lived[step] {
			t.Errorf("%s: %s has %s, and this run did not do it", r.versions, lives, step)
		}
	}
	for _, step := range slices.Sorted(maps.Keys(r.lived)) {
		if !kept[step] {
			t.Errorf("%s: this run did %s, and %s does not have it; write it anew with: go test ./test/terraform -update", r.versions, step, lives)
		}
	}
}

// versions names the program and the provider as the program does.
func (c *tool) versions() string {
	c.Helper()
	out, err := c.start(c.Context(), "version", "-json")
	var v struct {
		Version   string            `json:"terraform_version"`
		Providers map[string]string `json:"provider_selections"`
	}
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil {
		c.Fatalf("version: %v\n%s", err, out)
	}
	name := "Terraform"
	if strings.HasSuffix(c.program, "tofu") {
		name = "OpenTofu"
	}
	for source, version := range v.Providers {
		return fmt.Sprintf("%s %s, provider %s %s", name, v.Version, source[strings.LastIndexByte(source, '/')+1:], version)
	}
	c.Fatalf("no provider is selected: %s", out)
	return ""
}
