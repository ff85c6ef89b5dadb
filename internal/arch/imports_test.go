package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"testing"
)

func TestEveryPackageHasALayer(t *testing.T) {
	for _, dir := range load(t).dirs() {
		if layerOf(dir) == nil {
			t.Errorf("%s stands in no layer: say in rules_test.go what it may import, and why", dir)
		}
	}
}

func TestImportDirections(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		l := layerOf(dir)
		if l == nil {
			continue
		}
		for _, file := range m.program(dir) {
			inside, _ := m.imports(file)
			for _, p := range inside {
				if !fitsAny(l.imports, p) {
					t.Errorf("%s imports %s: %s", file.path, p, l.why)
				}
				// Measurements share parts of their own, and so do tests.
				if together(dir, p, "bench/...") || together(dir, p, "test/...") {
					continue
				}
				if target := layerOf(p); target != nil && fitsAny([]string{"cmd/...", "test/...", "bench/..."}, p) {
					t.Errorf("%s imports %s: %s", file.path, p, target.why)
				}
			}
		}
	}
}

// together says that both are in a tree of packages.
func together(a, b, tree string) bool {
	return fitsAny([]string{tree}, a) && fitsAny([]string{tree}, b)
}

func TestPureLayersDoNoIO(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		l := layerOf(dir)
		if l == nil || !l.pure {
			continue
		}
		for _, file := range m.program(dir) {
			_, outside := m.imports(file)
			for _, p := range outside {
				if p == "net/http" && onlyWords(file.syntax, "http", httpWords) {
					continue
				}
				if fitsAny(impure, p) {
					t.Errorf("%s imports %s, but is to be pure: %s", file.path, p, l.why)
				}
			}
		}
	}
}

// onlyWords says whether all that a file takes from the package it calls name
// fits words.
func onlyWords(file *ast.File, name string, words *regexp.Regexp) bool {
	only := true
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == name && !words.MatchString(sel.Sel.Name) {
				only = false
			}
		}
		return only
	})
	return only
}

func TestDependenciesStayWhereTheyBelong(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		for _, file := range m.program(dir) {
			_, outside := m.imports(file)
			for _, p := range outside {
				g := guardOf(p)
				switch {
				case g == nil && !standard(p):
					t.Errorf("%s imports %s, of which rules_test.go does not know: say who may, and why", file.path, p)
				case g != nil && !fitsAny(g.packages, dir):
					t.Errorf("%s imports %s: %s", file.path, p, g.why)
				}
			}
		}
	}
}

func guardOf(p string) *guard {
	var found *guard
	best := -1
	for i := range guards {
		if n, ok := fits(guards[i].path, p); ok && n > best {
			found, best = &guards[i], n
		}
	}
	return found
}

// The rules are of no use if they cannot fail; these are imports they must refuse.
func TestTheRulesRefuse(t *testing.T) {
	tests := []struct{ from, to string }{
		{"internal/fault", "internal/arn"},
		{"internal/lattice", "internal/store"},
		{"internal/lattice", "internal/balancer"},
		{"internal/iam", "internal/lattice"},
		{"internal/state", "internal/plan"},
		{"internal/api/vpclattice", "internal/plan"},
		{"internal/api/vpclattice", "internal/aws"},
		{"internal/api/vpclattice", "internal/aws/wire"},
		{"internal/api/vpclattice", "internal/substrate"},
		{"internal/api/vpclattice", "internal/api/ec2"},
		{"internal/aws", "internal/api/ec2"},
		{"internal/aws", "internal/state"},
		{"internal/plan", "internal/substrate/linux"},
		{"internal/plan", "internal/proxy/server"},
		{"internal/resolver", "internal/substrate"},
		{"internal/resolver/server", "internal/substrate/linux"},
		{"internal/proxy/server", "internal/store"},
		{"internal/proxy/server", "internal/sandbox/process"},
		{"internal/sandbox/process", "internal/plan"},
		{"internal/reconcile", "internal/fault"},
		{"internal/cli", "internal/store"},
	}
	for _, test := range tests {
		l := layerOf(test.from)
		if l == nil {
			t.Errorf("%s has no layer", test.from)
			continue
		}
		if fitsAny(l.imports, test.to) {
			t.Errorf("%s may import %s", test.from, test.to)
		}
	}
	for path, dir := range map[string]string{
		"go.etcd.io/etcd/client/v3":        "internal/state",
		"github.com/vishvananda/netlink":   "internal/substrate",
		"github.com/aws/aws-sdk-go-v2/aws": "internal/aws",
		"os/exec":                          "internal/plan",
		"math/rand":                        "cmd/trellis",
	} {
		if g := guardOf(path); g == nil || fitsAny(g.packages, dir) {
			t.Errorf("%s may import %s", dir, path)
		}
	}
}

func TestOnlyWordsOfHTTPArePure(t *testing.T) {
	for code, want := range map[string]bool{
		`var a = http.StatusText(http.StatusOK) + http.MethodGet`:         true,
		`func f(h http.Header) string { return h.Get("a") }`:              true,
		`var c = http.Client{}`:                                           false,
		`func f() { _, _ = http.Get("http://x") }`:                        false,
		`func f(w http.ResponseWriter, code int) { w.WriteHeader(code) }`: false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p\n"+code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := onlyWords(file, "http", httpWords); got != want {
			t.Errorf("%s: only words %v, want %v", code, got, want)
		}
	}
}
