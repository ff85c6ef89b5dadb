package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"trellis/internal/api/cloudcontrol"
	"trellis/internal/api/cloudcontrol/schema"
)

// steps are what a life has, in the order of the tables' columns.
var steps = []string{"create", "read", "list", "update", "replace", "tag", "import", "delete"}

// lives says by resource type which steps tests take it through, and how.
type lives map[string]map[string]string

func (l lives) add(typ, how string, done ...string) {
	if l[typ] == nil {
		l[typ] = map[string]string{}
	}
	for _, step := range done {
		if !strings.Contains(l[typ][step], how) {
			l[typ][step] = strings.TrimSpace(l[typ][step] + " " + how)
		}
	}
}

// terraformLives has what the provider's sequences ran, and what the provider itself did by the record of test/terraform.
func terraformLives(t *testing.T) (l lives, versions string) {
	t.Helper()
	l = livedBy(t, "provider", "calls")
	text, err := os.ReadFile("terraform/testdata/lived.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if typ, step, ok := strings.Cut(line, " "); ok && typ != "#" {
			l.add(typ, "run", step)
		} else {
			versions = strings.TrimPrefix(line, "# ")
		}
	}
	// What the provider has none of, and why.
	if text, err = os.ReadFile("testdata/none.txt"); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		typ, step := f[0], f[1]
		switch {
		case l[typ] == nil || !slices.Contains(steps, step) || len(f) < 3:
			t.Errorf("none.txt: %s", line)
		case strings.Contains(l[typ][step], "run") || l[typ][step] != "" && step != "import":
			t.Errorf("none.txt: %s has no %s, and %s", typ, step, l[typ][step])
		default: // a read of what only an identifier is known of takes no importer
			l[typ][step] = "–"
		}
	}
	return l, versions
}

// renderKinds writes what tests take each resource type through.
func renderKinds(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`
## Resource by resource

### CloudFormation types

Every type whose schema Trellis has, by Cloud Control: what its requests came to in a whole run of ` + "`go test ./test`" + ` by AWS SDK for Go. *replace* is the refusal of a
change of a create-only property, or of any where the type has no update, at which tools make the resource anew; *import* is the read by
identifier alone; *tag* is a change of tags in place.

`)
	native := livedBy(t, "cloudcontrol", "yes")
	native.table(&b, steps)
	for i := range schema.Types {
		if native[schema.Types[i].Name] == nil && !*update {
			t.Errorf("no test takes %s through its life", schema.Types[i].Name)
		}
	}
	text, err := os.ReadFile("../internal/api/cloudcontrol/schema/others.txt")
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("\nNot taken:\n\n")
	for line := range strings.Lines(string(text)) {
		name, why, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&b, "- `%s`: %s\n", name, why)
	}
	b.WriteString("\nProperties that are refused by name, since what they ask for is not built; TestCloudControlProperties sets all others too:\n\n")
	unbuilt := cloudcontrol.Unbuilt()
	for _, typ := range slices.Sorted(maps.Keys(unbuilt)) {
		fmt.Fprintf(&b, "- `%s`: `%s`\n", typ, strings.Join(unbuilt[typ], "`, `"))
	}
	table, versions := terraformLives(t)
	b.WriteString(`
### Terraform's resources

*calls* are the provider's own calls, which TestProviderSequences of ` + "`test/`" + ` made, from ` + "`test/testdata/provider`" + `, in such a run. *run* is what
the program did with the provider itself, by its own account of it: ` + versions + `, in the configurations of
` + "`examples/terraform`" + `, ` + "`test/terraform/types`" + ` and ` + "`test/terraform/balancers`" + `; the test compares every further run with that record, and
[tools.md](tools.md) says which programs were run. *read* is a plan that finds nothing to change, *tag* that it does so of one with tags, *import* a read of
what the state has only an identifier of, *list* what a list resource or a data source of the provider asks for. – is what the provider does not have;
an empty cell was not tried.

`)
	table.table(&b, steps)
	return b.Bytes()
}

func (l lives) table(b *bytes.Buffer, columns []string) {
	fmt.Fprintf(b, "| type | %s |\n| --- |%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for _, typ := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(b, "| `%s` |", typ)
		for _, step := range columns {
			fmt.Fprintf(b, " %s |", l[typ][step])
		}
		b.WriteByte('\n')
	}
}
