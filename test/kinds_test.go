package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

var (
	block    = regexp.MustCompile(`(?ms)^resource "(aws_\w+)".*?^}`)
	tags     = regexp.MustCompile(`(?m)^\s+tags\s*=`)
	planned  = regexp.MustCompile("[\"`](?:[\\w.]+\\.)?(aws_\\w+)\\.[^\"`]*(?:\"[^\"`]*\"[^\"`]*)?[\"`]:\\s+\"(update|replace)\"")
	unbidden = regexp.MustCompile(`"(aws_\w+)":\s+func\(attributes\) string \{ return "" \}`)
)

// terraformLives has what the provider's sequences ran, and reads the configurations of test/terraform with what is planned for them.
func terraformLives(t *testing.T) lives {
	t.Helper()
	l := livedBy(t, "provider", "calls")
	const program = "run"
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	unimported := unbidden.FindAllStringSubmatch(read("terraform/import_test.go"), -1)
	if len(unimported) == 0 {
		t.Error("every type is imported")
	}
	for typ := range l {
		if slices.ContainsFunc(unimported, func(u []string) bool { return u[1] == typ }) {
			delete(l[typ], "import")
		}
	}
	imported := func(typ string) bool {
		return !slices.ContainsFunc(unimported, func(u []string) bool { return u[1] == typ })
	}
	for dir, imports := range map[string]bool{"../examples/terraform": false, "terraform/types": true, "terraform/balancers": true} {
		err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".tf" {
				return err
			}
			for _, m := range block.FindAllStringSubmatch(read(name), -1) {
				l.add(m[1], program, "create", "read", "delete")
				if tags.MatchString(m[0]) {
					l.add(m[1], program, "tag")
				}
				if imports && imported(m[1]) {
					l.add(m[1], program, "import")
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	changes := planned.FindAllStringSubmatch(read("terraform/terraform_test.go"), -1)
	if len(changes) < 20 {
		t.Errorf("%d changes are planned", len(changes))
	}
	for _, m := range changes {
		l.add(m[1], program, m[2])
	}
	return l
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
	b.WriteString(`
### Terraform's resources

*calls* are the provider's own calls, which TestProviderSequences of ` + "`test/`" + ` made, from ` + "`test/testdata/provider`" + `, in such a run; *run* is the provider itself,
under Terraform and OpenTofu, in the configurations of ` + "`examples/terraform`" + `, ` + "`test/terraform/types`" + ` and ` + "`test/terraform/balancers`" + `, wherever those
programs are installed; [tools.md](tools.md) says what was. *read* includes that a second plan is empty, *tag* that it is made with tags, and
an import is a read of what the state has only an identifier of, *list* what a list resource or a data source of the provider asks for.

`)
	terraformLives(t).table(&b, steps)
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
