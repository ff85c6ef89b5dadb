// Package stacktest runs a stack's program against the Pulumi SDK's mocks and compares what it registers with a
// table. Every resource's id is NAME.id and its arn NAME.arn. It holds no state beyond one run.
package stacktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Object is the inputs of a resource, or a part of them.
type Object = map[string]any

// Row is one resource as a program registers it.
type Row struct {
	Type, Name string
	// Parent is the parent's name; empty is the stack itself.
	Parent string
	// Deps are the names, separated by spaces, of all a resource depends on, by its options or its inputs.
	Deps   string
	Inputs Object
}

// Run is what a program registered and exported.
type Run struct {
	Rows    map[string]Row
	Exports map[string]string
}

// Zones are the availability zones the mocks answer; a stack takes the first two.
func Zones() []string { return []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"} }

// Execute runs a program with the configuration.
func Execute(project string, config map[string]string, program pulumi.RunFunc) (Run, error) {
	m := &mocks{run: Run{Rows: map[string]Row{}, Exports: map[string]string{}}}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		if err := program(ctx); err != nil {
			return err
		}
		for name, value := range ctx.GetCurrentExportMap() {
			output, ok := value.(pulumi.StringOutput)
			if !ok {
				return fmt.Errorf("export %s is a %T", name, value)
			}
			output.ApplyT(func(s string) string {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.run.Exports[name] = s
				return s
			})
		}
		return nil
	}, pulumi.WithMocks(project, "test", m), func(info *pulumi.RunInfo) { info.Config = config })
	return m.run, err
}

// Compare fails the test wherever the run and the table differ.
func Compare(t *testing.T, got Run, want []Row) {
	t.Helper()
	rows := map[string]Row{}
	for _, row := range want {
		if _, twice := rows[row.Name]; twice {
			t.Fatalf("%s stands in the table twice", row.Name)
		}
		deps := strings.Fields(row.Deps)
		slices.Sort(deps)
		row.Deps = strings.Join(deps, " ")
		rows[row.Name] = row
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row, ok := got.Rows[name]
		if !ok {
			t.Errorf("%s %s is not registered", rows[name].Type, name)
			continue
		}
		if diff := cmp.Diff(rows[name], row); diff != "" {
			t.Errorf("%s (-article +program):\n%s", name, diff)
		}
	}
	for name, row := range got.Rows {
		if _, ok := rows[name]; !ok {
			t.Errorf("%s %s is registered, and is not in the article", row.Type, name)
		}
	}
}

type mocks struct {
	mu  sync.Mutex
	run Run
}

// NewResource implements pulumi.MockResourceMonitor.
func (m *mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	outputs := args.Inputs.Copy()
	outputs["arn"] = resource.NewProperty(args.Name + ".arn")
	if _, ok := outputs["name"]; !ok {
		outputs["name"] = resource.NewProperty(args.Name + ".name")
	}
	if args.TypeToken == "aws-native:vpclattice:Service" {
		outputs["dnsEntry"] = resource.NewProperty(resource.PropertyMap{
			"domainName": resource.NewProperty(args.Name + ".example"),
		})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, twice := m.run.Rows[args.Name]; twice {
		return "", nil, fmt.Errorf("%s is registered twice", args.Name)
	}
	var deps []string
	for _, urn := range args.RegisterRPC.GetDependencies() {
		deps = append(deps, last(urn))
	}
	slices.Sort(deps)
	parent := last(args.RegisterRPC.GetParent())
	if strings.Contains(args.RegisterRPC.GetParent(), "pulumi:pulumi:Stack::") {
		parent = ""
	}
	m.run.Rows[args.Name] = Row{
		Type:   args.TypeToken,
		Name:   args.Name,
		Parent: parent,
		Deps:   strings.Join(deps, " "),
		Inputs: plain(args.Inputs),
	}
	return args.Name + ".id", outputs, nil
}

// Call implements pulumi.MockResourceMonitor.
func (m *mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	switch args.Token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return resource.PropertyMap{"accountId": resource.NewProperty("333333333333")}, nil
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		var names []resource.PropertyValue
		for _, zone := range Zones() {
			names = append(names, resource.NewProperty(zone))
		}
		return resource.PropertyMap{"names": resource.NewProperty(names)}, nil
	case "aws:iam/getPolicy:getPolicy":
		name := args.Args["name"].StringValue()
		return resource.PropertyMap{"arn": resource.NewProperty("arn:aws:iam::aws:policy/" + name)}, nil
	}
	return nil, fmt.Errorf("no data source %s", args.Token)
}

func last(urn string) string { return urn[strings.LastIndex(urn, "::")+len("::"):] }

// plain is a property map as ordinary values, an archive as what it is made from.
func plain(props resource.PropertyMap) Object {
	object := Object{}
	for key, value := range props {
		if v := ordinary(value); v != nil {
			object[string(key)] = v
		}
	}
	return object
}

func ordinary(value resource.PropertyValue) any {
	switch {
	case value.IsArchive():
		archive := value.ArchiveValue()
		if archive.IsAssets() {
			parts := Object{}
			for name, part := range archive.Assets {
				parts[name] = ordinary(resource.NewPropertyValue(part))
			}
			return parts
		}
		return "archive " + archive.Path
	case value.IsOutput():
		return ordinary(value.OutputValue().Element)
	case value.IsArray():
		var list []any
		for _, element := range value.ArrayValue() {
			list = append(list, ordinary(element))
		}
		return list
	case value.IsObject():
		return plain(value.ObjectValue())
	case value.IsNull():
		return nil
	}
	return value.V
}
