// Command generate writes the tables of the package above it from CloudFormation's published resource type schemas: their
// structure, for the types named, and the names of all others. It keeps no texts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	data := flag.String("data", "", "`directory` of schemas, one JSON file a type")
	out := flag.String("out", "internal/api/cloudcontrol/schema/zz_types.go", "`file` to write")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: generate -data DIR [-out FILE] TYPE...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*data, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(data, out string, wanted []string) error {
	if data == "" || len(wanted) == 0 {
		return errors.New("-data and at least one type are required")
	}
	files, err := filepath.Glob(filepath.Join(data, "*.json"))
	if err != nil {
		return err
	}
	var texts [][]byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	source, err := generate(texts, wanted)
	if err != nil {
		return err
	}
	return os.WriteFile(out, source, 0o644)
}
