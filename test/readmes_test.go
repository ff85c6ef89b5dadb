package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trellis/test/readme"
	"trellis/test/terraform"
)

// everything asks for the whole of what tests do only a part of.
var everything = os.Getenv("TRELLIS_EVERYTHING") != ""

// guide is a README that is run line by line.
type guide struct {
	path string
	// whole is run only where everything is: it takes minutes, or what another test does in every run.
	whole bool
	// tools are what the README takes for there.
	tools []string
	// installs are commands that install what these tests have. They are run where everything is, for the rest the answer stands in.
	installs map[string]func(t *testing.T) string
	// leaves says that it ends with the accounts as they were.
	leaves bool
}

var guides = []guide{
	{path: "README.md", tools: []string{"aws"}},
	{path: "examples/boto3/README.md", leaves: true, installs: map[string]func(t *testing.T) string{
		"python3 -m venv venv && venv/bin/pip install boto3": func(t *testing.T) string { return "ln -s '" + filepath.Dir(pythonBin(t)) + "' venv" },
	}},
	{path: "examples/cli/README.md", whole: true, leaves: true},
	{path: "examples/terraform/README.md", whole: true, tools: []string{"terraform"}, leaves: true},
	{path: "examples/javascript/README.md", whole: true, tools: []string{"npm"}},
	{path: "examples/landing-zone/README.md", whole: true},
	{path: "examples/pulumi-python/README.md", whole: true},
}

// TestREADMEs does what each README says, in its order and word for word. Only the server gets more arguments: a free port and a directory.
func TestREADMEs(t *testing.T) {
	there, err := filepath.Glob("../examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(there, "../README.md") {
		if !slices.ContainsFunc(guides, func(g guide) bool { return filepath.Join("..", g.path) == path }) {
			t.Errorf("no test runs %s", path)
		}
	}
	for _, g := range guides {
		t.Run(g.path, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", g.path))
			if err != nil {
				t.Fatal(err)
			}
			blocks, err := readme.Parse(string(text))
			if err != nil {
				t.Fatalf("%s: %v", g.path, err)
			}
			if g.whole && !everything {
				t.Skip("NOT RUN: its commands are run with TRELLIS_EVERYTHING=1")
			}
			g.follow(t, blocks)
		})
	}
}

// follow does what the README says, in a copy of the repository.
func (g guide) follow(t *testing.T, blocks []readme.Block) {
	root := t.TempDir()
	path := os.Getenv("PATH")
	if slices.Contains(g.tools, "aws") {
		path = pythonBin(t) + ":" + path
	}
	env := environment("PATH="+path, "TRELLIS_DATA="+filepath.Join(root, "data"))
	for _, tool := range g.tools {
		switch _, err := exec.LookPath(tool); {
		case tool == "aws":
		case err != nil:
			leaveOut(t, fmt.Errorf("NOT RUN: there is no %s", tool))
		case tool == "terraform":
			settings, _, err := terraform.Mirror(t.TempDir(), tool)
			if err != nil {
				leaveOut(t, err)
			}
			env = append(env, settings...)
		}
	}
	repository(t, root)
	r := readme.Reader{Root: root, Env: env, Instead: map[string]string{}, Log: t.Logf}
	look := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "examples/landing-zone/build/look", append([]string{"-aws-config", "bin/aws-config"}, args...)...)
		cmd.Dir, cmd.Env = root, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	before := filepath.Join(root, "before.json")
	r.Done = func(command string) error {
		if !g.leaves || !strings.HasSuffix(command, "look -trellis bin/trellis accounts") {
			return nil
		}
		out, err := look("inventory")
		return errors.Join(err, os.WriteFile(before, []byte(out), 0o600))
	}
	if !everything {
		for command, brings := range g.installs {
			r.Instead[command] = brings(t)
		}
	}
	var s *server
	r.Serve = func(args []string) (err error) {
		s, err = start(filepath.Join(root, "bin", "trellis"), root, nil, args...)
		return err
	}
	err := r.Do(t.Context(), blocks)
	if err != nil {
		t.Errorf("%s: %v", g.path, err)
	}
	if s == nil {
		return
	}
	if g.leaves && err == nil {
		if out, err := look("since", before); err != nil {
			t.Errorf("it leaves the accounts otherwise: %v\n%s", err, out)
		}
	}
	if err := errors.Join(s.stop(), s.panicked()); err != nil {
		t.Error(err)
	}
}

// repository makes a copy of the repository as a clone has it, without what was built in it.
func repository(t *testing.T, to string) {
	t.Helper()
	const from = ".."
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && slices.Contains([]string{".git", "bin", "build", "venv", "node_modules", ".terraform"}, e.Name()):
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !e.Type().IsRegular() || strings.Contains(e.Name(), ".tfstate"):
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pythonBin is the directory of the AWS CLI and of an interpreter with boto3.
func pythonBin(t *testing.T) string {
	t.Helper()
	python, err := pythonClients(t.Context())
	if errors.Is(err, errNoPython) {
		leaveOut(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(python)
}
