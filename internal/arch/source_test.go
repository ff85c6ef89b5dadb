package arch

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const maxLines = 600

func TestFilesAreShort(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		for _, file := range m.packages[dir] {
			if n := lineCount(file.text); n > maxLines && !file.generated {
				t.Errorf("%s has %d lines, more than %d: it holds more than one thing", file.path, n, maxLines)
			}
		}
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		var docs []string
		program := m.program(dir)
		for _, file := range program {
			if doc := file.syntax.Doc.Text(); doc != "" {
				docs = append(docs, file.path)
				name := file.syntax.Name.Name
				if name != "main" && !strings.HasPrefix(doc, "Package "+name+" ") {
					t.Errorf("%s: the package comment does not begin with %q", file.path, "Package "+name)
				}
			}
		}
		if len(program) > 0 && len(docs) != 1 {
			t.Errorf("%s has %d package comments %v, want one that says what it owns and who writes its state", dir, len(docs), docs)
		}
	}
}

func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		name := m.packages[dir][0].syntax.Name.Name
		if slices.Contains(badNames, name) || slices.Contains(badNames, path.Base(dir)) {
			t.Errorf("%s: the name %q says nothing of what the package owns", dir, name)
		}
		if name != "main" && dir != "." && name != path.Base(dir) && name != path.Base(dir)+"_test" {
			t.Errorf("%s holds package %s: the two should agree", dir, name)
		}
	}
}

// main alone may have an init: it locks its thread before the runtime spreads.
func TestNothingRunsOnImport(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		if m.isMain(dir) {
			continue
		}
		for _, file := range m.program(dir) {
			for _, decl := range file.syntax.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function: wiring is plain calls in cmd", m.at(f.Pos()))
				}
			}
		}
	}
}

// A panic is for a broken program, which it blames by its package's name, or
// passes on one that was recovered; no input leads to one.
func TestNothingPanicsOnInput(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		if m.isMain(dir) {
			continue
		}
		for _, file := range m.program(dir) {
			for _, decl := range file.syntax.Decls {
				if len(calls(decl, "recover")) > 0 {
					continue
				}
				for _, call := range calls(decl, "panic") {
					if !strings.HasPrefix(firstWords(call), file.syntax.Name.Name+": ") {
						t.Errorf("%s panics: return an error", m.at(call.Pos()))
					}
				}
			}
		}
	}
}

// calls are the calls of a built-in function below n.
func calls(n ast.Node, builtin string) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.Ident); ok && f.Name == builtin {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// firstWords is the literal that a call's first argument begins with.
func firstWords(call *ast.CallExpr) string {
	if len(call.Args) == 0 {
		return ""
	}
	arg := call.Args[0]
	for {
		sum, ok := arg.(*ast.BinaryExpr)
		if !ok {
			break
		}
		arg = sum.X
	}
	lit, ok := arg.(*ast.BasicLit)
	if !ok {
		return ""
	}
	words, _ := strconv.Unquote(lit.Value)
	return words
}

// networkTools are programs whose work is done through netlink.
var networkTools = []string{"ip", "nft", "iptables", "tc", "sysctl", "mount", "umount", "nsenter", "unshare", "sh", "bash"}

// readers has the shell of who reads a README.
const readers = "test/readme"

func TestTheKernelIsAskedDirectly(t *testing.T) {
	m := load(t)
	for _, dir := range m.dirs() {
		if dir == readers {
			continue
		}
		for _, file := range m.program(dir) {
			ast.Inspect(file.syntax, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				f, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || (f.Sel.Name != "Command" && f.Sel.Name != "CommandContext") {
					return true
				}
				for _, arg := range call.Args {
					lit, ok := arg.(*ast.BasicLit)
					if !ok || lit.Kind != token.STRING {
						continue
					}
					program, err := strconv.Unquote(lit.Value)
					if err == nil && slices.Contains(networkTools, path.Base(program)) {
						t.Errorf("%s runs %s: the kernel is asked by netlink and system calls", m.at(call.Pos()), program)
					}
					break
				}
				return true
			})
		}
	}
}

func TestNoNotesToSelf(t *testing.T) {
	note := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	m := load(t)
	for _, dir := range m.dirs() {
		for _, file := range m.packages[dir] {
			for _, group := range file.syntax.Comments {
				if found := note.FindString(group.Text()); found != "" {
					t.Errorf("%s: %s in a comment: do it or say it in an issue", m.at(group.Pos()), found)
				}
			}
		}
	}
}

// places are paths that only some machine has, and hosts that only some build
// needs. A path named here is written so that this file does not hold it.
var places = []*regexp.Regexp{
	regexp.MustCompile(`(^|[^\w./-])/(work|root|home/[a-z]\w*|Users/\w+)/[\w.-]+`),
	regexp.MustCompile(`/tmp/(tmp\.\w+|go-build)\b`),
	regexp.MustCompile(`\b(proxy\.golang|sum\.golang|pypi\.python|pythonhosted|registry\.npmjs)\.org\b`),
}

func TestTextNamesNoMachine(t *testing.T) {
	root := load(t).root
	here := regexp.MustCompile(regexp.QuoteMeta(root) + `\b`)
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (base == ".git" || base == "bin" || base == "node_modules" || base == "fuzz") {
				return filepath.SkipDir
			}
			return nil
		}
		// In a worktree .git is a file that names the repository's place.
		if !entry.Type().IsRegular() || base == "go.sum" || base == ".git" {
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > 4<<20 {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return nil
		}
		rel, _ := filepath.Rel(root, name)
		patterns := places
		if strings.Count(root, "/") > 1 {
			patterns = append(slices.Clone(places), here)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, p := range patterns {
				if found := p.FindString(line); found != "" {
					t.Errorf("%s:%d names a place of one machine: %q", filepath.ToSlash(rel), i+1, found)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlacesAreFound(t *testing.T) {
	for text, want := range map[string]bool{
		`dir := "/wo` + `rk/main/internal"`:          true,
		"see /ro" + "ot/go/pkg":                      true,
		"in /ho" + "me/someone/src":                  true,
		"https://proxy.go" + "lang.org/x":            true,
		"a path /var/task and /opt, /tmp/x and /etc": false,
		`hidden := []string{"/ro` + `ot", "/home"}`:  false,
		"https://host/root/x and ./work/y":           false,
	} {
		if got := slices.ContainsFunc(places, func(p *regexp.Regexp) bool { return p.MatchString(text) }); got != want {
			t.Errorf("%q: found %v, want %v", text, got, want)
		}
	}
}
