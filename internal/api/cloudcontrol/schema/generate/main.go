// Command generate writes the tables of the package above it from CloudFormation's published resource type schemas: their
// structure, for the types listed in types.txt, and the names of all others. It keeps no texts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	data := flag.String("data", "", "`directory` of schemas, one JSON file a type")
	out := flag.String("out", "internal/api/cloudcontrol/schema", "`directory` of types.txt and of the tables")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: generate -data DIR [-out DIR]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*data, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(data, out string) error {
	if data == "" {
		return errors.New("-data is required")
	}
	list, err := os.ReadFile(filepath.Join(out, "types.txt"))
	if err != nil {
		return err
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
	source, err := generate(texts, strings.Fields(string(list)))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "zz_types.go"), source, 0o644)
}
