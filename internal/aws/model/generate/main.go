// Command generate writes the packages of internal/aws/model from the API
// models that botocore publishes. It emits the types and tables reachable from
// the operations listed in each package's operations.txt, and no texts.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// api says where a package's model is and what the model itself does not say.
type api struct {
	pkg, dir, version, actionPrefix string
}

func apis() []api {
	return []api{
		{"vpclattice", "vpc-lattice", "2022-11-30", "vpc-lattice"},
		{"ec2", "ec2", "2016-11-15", "ec2"},
		{"ram", "ram", "2018-01-04", "ram"},
		{"elbv2", "elbv2", "2015-12-01", "elasticloadbalancing"},
		{"lambda", "lambda", "2015-03-31", "lambda"},
		{"iam", "iam", "2010-05-08", "iam"},
		{"sts", "sts", "2011-06-15", "sts"},
		{"organizations", "organizations", "2016-11-28", "organizations"},
		{"logs", "logs", "2014-03-28", "logs"},
		{"cloudcontrol", "cloudcontrol", "2021-09-30", "cloudformation"},
	}
}

func main() {
	data := flag.String("data", "", "botocore's data `directory`")
	out := flag.String("out", "internal/aws/model", "`directory` of the generated packages")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: generate -data DIR [-out DIR] [PACKAGE...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*data, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run generates the packages named in only, all when it is empty.
func run(data, out string, only []string) error {
	if data == "" {
		return errors.New("-data is required")
	}
	for _, name := range only {
		if !slices.ContainsFunc(apis(), func(a api) bool { return a.pkg == name }) {
			return fmt.Errorf("no package %s", name)
		}
	}
	for _, a := range apis() {
		if len(only) > 0 && !slices.Contains(only, a.pkg) {
			continue
		}
		if err := generate(a, data, filepath.Join(out, a.pkg)); err != nil {
			return fmt.Errorf("%s: %w", a.pkg, err)
		}
	}
	return nil
}

func generate(a api, data, dir string) error {
	def, err := readDefinition(filepath.Join(data, a.dir, a.version, "service-2.json"))
	if err != nil {
		return err
	}
	wanted, err := readOperations(filepath.Join(dir, "operations.txt"))
	if err != nil {
		return err
	}
	g, err := newGenerator(a, def, wanted)
	if err != nil {
		return err
	}
	files, err := g.files()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "zz_*.go"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func readOperations(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ops []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if op := strings.TrimSpace(lines.Text()); op != "" {
			ops = append(ops, op)
		}
	}
	slices.Sort(ops)
	return slices.Compact(ops), lines.Err()
}

type definition struct {
	Metadata struct {
		APIVersion, EndpointPrefix, Protocol, JSONVersion  string
		ServiceID, SigningName, TargetPrefix, XMLNamespace string
	}
	Operations map[string]operation
	Shapes     map[string]*shape
}

type operation struct {
	Name string
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output struct{ Shape, ResultWrapper string }
	Errors        []struct{ Shape string }
}

type shape struct {
	Type             string
	Required         []string
	Members          members
	Member           ref
	Key, Value       ref
	Min, Max         *float64
	Pattern, Payload string
	Enum             []string
	Union, Document  bool
	Flattened        bool
	EventStream      bool
	TimestampFormat  string
	Fault            bool
	Error            struct {
		Code           string
		HTTPStatusCode int
	}
}

type ref struct {
	Shape, Location, LocationName, QueryName string
	TimestampFormat                          string
	Flattened, XMLAttribute, JSONValue       bool
}

type member struct {
	name string
	ref
}

// members keeps the order of the model.
type members []member

func (m *members) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := dec.Decode(&r); err != nil {
			return err
		}
		*m = append(*m, member{name.(string), r})
	}
	return nil
}

// readDefinition reads NAME or NAME.gz.
func readDefinition(name string) (*definition, error) {
	var r io.Reader
	f, err := os.Open(name)
	switch {
	case err == nil:
		r = f
	case errors.Is(err, fs.ErrNotExist):
		if f, err = os.Open(name + ".gz"); err != nil {
			return nil, err
		}
		if r, err = gzip.NewReader(f); err != nil {
			f.Close()
			return nil, err
		}
	default:
		return nil, err
	}
	defer f.Close()
	def := new(definition)
	if err := json.NewDecoder(r).Decode(def); err != nil {
		return nil, err
	}
	for name, op := range def.Operations {
		if op.Name != name {
			return nil, fmt.Errorf("operation %s is named %s", name, op.Name)
		}
	}
	return def, nil
}
