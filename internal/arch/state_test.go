package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestPackagesKeepNoState(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		for _, s := range mutable(m.fset, syntaxes(m.program(dir))) {
			t.Errorf("%s: state belongs to a value that cmd makes and passes", s)
		}
	}
}

// state is a package-level variable that something may change.
type state struct{ at, name, how string }

func (s state) String() string { return fmt.Sprintf("%s: variable %s %s", s.at, s.name, s.how) }

func syntaxes(files []*source) []*ast.File {
	var out []*ast.File
	for _, f := range files {
		out = append(out, f.syntax)
	}
	return out
}

// mutable finds the package-level variables that are there to be changed: they
// start empty, hold something made to be filled, or are written somewhere. A
// table written out in full and never changed is a constant in all but name.
// Imports are not followed, so what a method does to its receiver is not seen.
func mutable(fset *token.FileSet, files []*ast.File) []state {
	info := &types.Info{Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: nothing{}, Error: func(error) {}, FakeImportC: true}
	pkg, _ := config.Check("p", fset, files, info)
	if pkg == nil {
		return nil
	}
	var found []state
	note := func(at token.Pos, name, how string) {
		p := fset.Position(at)
		found = append(found, state{p.String(), name, how})
	}
	written := func(target ast.Expr, how string) {
		if id := rootIdent(target); id != nil {
			if obj, ok := info.Uses[id].(*types.Var); ok && obj.Parent() == pkg.Scope() {
				note(target.Pos(), id.Name, how)
			}
		}
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				spec := spec.(*ast.ValueSpec)
				if embeds(gen.Doc) || embeds(spec.Doc) {
					continue
				}
				for i, name := range spec.Names {
					switch {
					case name.Name == "_":
					case len(spec.Values) == 0:
						note(name.Pos(), name.Name, "starts empty")
					case len(spec.Values) == len(spec.Names) && madeToFill(spec.Values[i]):
						note(name.Pos(), name.Name, "is made to be filled")
					}
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, target := range n.Lhs {
						written(target, "is assigned")
					}
				}
			case *ast.IncDecStmt:
				written(n.X, "is counted")
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					written(n.Key, "is assigned")
					written(n.Value, "is assigned")
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
					written(n.Args[0], "is emptied")
				}
			}
			return true
		})
	}
	return found
}

// nothing imports empty packages.
type nothing struct{}

func (nothing) Import(p string) (*types.Package, error) {
	pkg := types.NewPackage(p, path.Base(p))
	pkg.MarkComplete()
	return pkg, nil
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// madeToFill says whether a value is of use only if it is changed later.
func madeToFill(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CallExpr:
		f, ok := v.Fun.(*ast.Ident)
		return ok && (f.Name == "make" || f.Name == "new")
	case *ast.CompositeLit:
		return len(v.Elts) == 0 && composite(v.Type)
	case *ast.UnaryExpr:
		lit, ok := v.X.(*ast.CompositeLit)
		return ok && v.Op == token.AND && len(lit.Elts) == 0
	}
	return false
}

// composite says whether a literal's type is one that holds elements or locks
// rather than a type of ours with no fields.
func composite(t ast.Expr) bool {
	switch t.(type) {
	case *ast.MapType, *ast.ArrayType, *ast.SelectorExpr:
		return true
	}
	return false
}

// rootIdent is x in x, x.f, x[i], *x and (x).
func rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func TestStateIsFound(t *testing.T) {
	const head = "package p\nimport (\"sync\"; \"errors\"; \"regexp\"; \"sync/atomic\")\n"
	tests := map[string]struct {
		code string
		want []string
	}{
		"an error":               {`var ErrGone = errors.New("gone")`, nil},
		"a pattern":              {`var name = regexp.MustCompile("a")`, nil},
		"a table":                {`var kinds = map[string]int{"a": 1}; func f() int { return kinds["a"] }`, nil},
		"a type check":           {`type t struct{}; var _ interface{} = t{}`, nil},
		"an embedded file":       {"//go:embed x\nvar text string", nil},
		"an empty value of ours": {`type t struct{}; var none = t{}`, nil},
		"a local of that name":   {`var n = 1; func f() { n := 2; n++; _ = n }`, nil},
		"a field of that name":   {`var n = 1; type t struct{ n int }; func (x *t) f() { x.n = 2 }`, nil},
		"a lock":                 {`var mu sync.Mutex`, []string{"mu starts empty"}},
		"an atomic":              {`var p atomic.Pointer[int]`, []string{"p starts empty"}},
		"a pool":                 {`var pool = sync.Pool{}`, []string{"pool is made to be filled"}},
		"a cache":                {`var cache = make(map[string]int)`, []string{"cache is made to be filled"}},
		"an empty map":           {`var cache = map[string]int{}`, []string{"cache is made to be filled"}},
		"a counter":              {`var n = 1; func f() { n++ }`, []string{"n is counted"}},
		"a setting":              {`var debug = false; func f() { debug = true }`, []string{"debug is assigned"}},
		"a written table":        {`var kinds = map[string]int{"a": 1}; func f() { kinds["b"] = 2; delete(kinds, "a") }`, []string{"kinds is assigned", "kinds is emptied"}},
		"a written field":        {`type t struct{ n int }; var one = t{n: 1}; func f() { (&one).n = 1; one.n = 2 }`, []string{"one is assigned"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "p.go", head+test.code, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range mutable(fset, []*ast.File{file}) {
				got = append(got, s.name+" "+s.how)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}
