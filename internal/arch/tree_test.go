package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is one Go file of the module.
type source struct {
	path      string // relative to the module, with slashes
	text      []byte
	syntax    *ast.File
	test      bool
	generated bool
}

// module is the source tree.
type module struct {
	root     string
	path     string
	fset     *token.FileSet
	packages map[string][]*source // by directory relative to the root
}

// tree is read once; the tests only look at it.
var tree = sync.OnceValues(readTree)

func load(t *testing.T) *module {
	t.Helper()
	m, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.packages) < 10 {
		t.Fatalf("found %d packages under %s: not the whole module", len(m.packages), m.root)
	}
	return m
}

func readTree() (*module, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		text, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil {
			m := &module{root: root, fset: token.NewFileSet(), packages: make(map[string][]*source)}
			m.path = string(regexp.MustCompile(`(?m)^module\s+(\S+)`).FindSubmatch(text)[1])
			return m, m.walk(".")
		}
		if root == filepath.Dir(root) {
			return nil, err
		}
		root = filepath.Dir(root)
	}
}

// walk reads the Go files of this module, and not those of one nested in it.
func (m *module) walk(dir string) error {
	return filepath.WalkDir(filepath.Join(m.root, dir), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(m.root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			base := entry.Name()
			nested := false
			if rel != "." {
				_, err := os.Stat(filepath.Join(name, "go.mod"))
				nested = err == nil
			}
			if rel != "." && (nested || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(m.fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		m.packages[path.Dir(rel)] = append(m.packages[path.Dir(rel)], &source{
			path: rel, text: text, syntax: syntax,
			test: strings.HasSuffix(rel, "_test.go"), generated: ast.IsGenerated(syntax),
		})
		return nil
	})
}

// dirs are the packages in order.
func (m *module) dirs() []string {
	var out []string
	for dir := range m.packages {
		out = append(out, dir)
	}
	slices.Sort(out)
	return out
}

// program are the files of a package that end up in a program.
func (m *module) program(dir string) []*source {
	return slices.DeleteFunc(slices.Clone(m.packages[dir]), func(s *source) bool { return s.test })
}

// imports are the paths that a file imports, those of this module made relative.
func (m *module) imports(s *source) (inside, outside []string) {
	for _, spec := range s.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if rel, ok := strings.CutPrefix(p, m.path+"/"); ok {
			inside = append(inside, rel)
		} else {
			outside = append(outside, p)
		}
	}
	return inside, outside
}

func (m *module) at(pos token.Pos) string {
	p := m.fset.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// isMain says whether a package is a command.
func (m *module) isMain(dir string) bool { return m.packages[dir][0].syntax.Name.Name == "main" }

// fits says whether a path fits a pattern, and how exactly: the longer the more.
func fits(pattern, p string) (int, bool) {
	if pattern == "..." {
		return 0, true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return len(prefix), p == prefix || strings.HasPrefix(p, prefix+"/")
	}
	return len(pattern) + 1, p == pattern
}

func fitsAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { _, ok := fits(pattern, p); return ok })
}

// layerOf is the layer with the pattern that fits a package most exactly.
func layerOf(dir string) *layer {
	var found *layer
	best := -1
	for i := range layers {
		for _, pattern := range layers[i].packages {
			if n, ok := fits(pattern, dir); ok && n > best {
				found, best = &layers[i], n
			}
		}
	}
	return found
}

// standard says whether an import path belongs to the standard library.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

// lineCount is the number of lines of a text.
func lineCount(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}
